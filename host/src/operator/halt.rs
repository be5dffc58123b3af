//! How the tasks of a pipeline hear that their work is not wanted any more. Two flags that are asked and never
//! waited for; knows nothing of who raises them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Shared by the tasks of one run, their operators and whoever ends them.
#[derive(Debug, Default)]
pub struct Halt {
    /// Outlives the run: a stop that comes between two runs ends the next one.
    stopping: Arc<AtomicBool>,
    cancelled: AtomicBool,
}

impl Halt {
    /// Of a pipeline that raises `stopping` when it is told to stop.
    pub fn of(stopping: &Arc<AtomicBool>) -> Halt {
        Halt { stopping: Arc::clone(stopping), cancelled: AtomicBool::new(false) }
    }

    /// The pipeline stops: what is done is committed, and a batch that takes long is left for the next start.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// The run is given up: nothing that is not committed counts any more.
    pub fn cancel(&self) {
        self.cancelled.store(true, Relaxed);
    }

    /// Whether the run was given up.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Relaxed)
    }
}
