//! When a call that runs is not worth waiting for any more. A pure decision over flags that others raise.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::operator::Halt;

/// A call is not ended before it has run for this long, nor for so many times as long as its like usually take:
/// nearly all have answered by then, and one that never will is let go soon enough for whoever waits.
const GRACE: Duration = Duration::from_millis(50);
const TIMES_USUAL: u32 = 4;

/// Asked while a call runs: whether to end it.
#[derive(Clone, Debug)]
pub struct Recall {
    halt: Arc<Halt>,
    /// Serial of the version that the step has to run.
    wanted: Arc<AtomicU64>,
    /// Serial of the version that is called.
    serial: u64,
    /// `None`: to end the call would lose rows that are counted as done, so only a cancellation does, after which
    /// they are read again.
    grace: Option<Duration>,
}

impl Recall {
    /// For calls of the version with this serial, as long as `wanted` is that.
    pub(super) fn new(halt: Arc<Halt>, wanted: Arc<AtomicU64>, serial: u64) -> Recall {
        Recall { halt, wanted, serial, grace: None }
    }

    /// For a call that usually takes so long, of an instance that keeps no rows of earlier calls.
    pub(super) fn of_call(&self, usual: Option<Duration>) -> Recall {
        let usual = usual.unwrap_or_default().saturating_mul(TIMES_USUAL);
        Recall { grace: Some(usual.max(GRACE)), ..self.clone() }
    }

    /// Another version has to answer in the place of this one.
    pub(super) fn is_replaced(&self) -> bool {
        self.wanted.load(Relaxed) != self.serial
    }

    /// Whether a call that has run for this long is to end.
    pub fn is_due(&self, running: Duration) -> bool {
        if self.halt.is_cancelled() {
            return true;
        }
        let Some(grace) = self.grace else { return false };
        running >= grace && (self.halt.is_stopping() || self.is_replaced())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    const SHORT: Duration = Duration::from_millis(49);
    const LONG: Duration = Duration::from_millis(50);

    #[test]
    fn a_short_call_goes_on_and_a_long_one_ends_with_a_stop_or_another_version() {
        let stopping = Arc::new(AtomicBool::new(false));
        let wanted = Arc::new(AtomicU64::new(3));
        let keeping = Recall::new(Arc::new(Halt::of(&stopping)), Arc::clone(&wanted), 3);
        let recall = keeping.of_call(None);
        assert!(!recall.is_due(LONG));
        wanted.store(4, Relaxed);
        assert!(recall.is_replaced() && recall.is_due(LONG) && !recall.is_due(SHORT));
        assert!(!keeping.is_due(LONG), "the rows that it keeps come out when it is replaced");
        wanted.store(3, Relaxed);
        stopping.store(true, Relaxed);
        assert!(recall.is_due(LONG) && !recall.is_due(SHORT));
        assert!(!keeping.is_due(LONG), "the rows that it keeps come out at the last barrier");
    }

    #[test]
    fn a_call_that_usually_takes_long_has_longer() {
        let stopping = Arc::new(AtomicBool::new(true));
        let recall = Recall::new(Arc::new(Halt::of(&stopping)), Arc::default(), 0).of_call(Some(LONG));
        assert!(!recall.is_due(LONG * 3) && recall.is_due(LONG * 4));
    }

    #[test]
    fn a_cancellation_ends_everything_at_once() {
        let halt = Arc::new(Halt::default());
        let recall = Recall::new(Arc::clone(&halt), Arc::default(), 0);
        assert!(!recall.is_due(LONG));
        halt.cancel();
        assert!(recall.is_due(Duration::ZERO) && recall.of_call(Some(LONG)).is_due(Duration::ZERO));
    }
}
