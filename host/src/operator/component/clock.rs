//! The time that a probation is measured by, given from outside so that tests can hold it.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Answers milliseconds since 1970 and never goes back.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// The time of day when this was called, moved on by the monotonic clock: a probation is not cut short by
    /// someone who sets the machine's time.
    pub fn system() -> Clock {
        let began = Instant::now();
        let began_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64);
        Clock::of(move || began_ms + began.elapsed().as_millis() as u64)
    }

    /// What `now_ms` answers.
    pub fn of(now_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(now_ms))
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        (self.0)()
    }
}
