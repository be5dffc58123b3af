//! What topics are believed to take, where they refused letters that should have fitted: a connection's user need not
//! have the right to ask for a topic's limit. A refusal ends the run of its writer, so it is remembered for the next one,
//! until the host ends or the topic says another limit. Knows nothing of writers.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Topics that are remembered at most.
const TOPICS: usize = 1_000;
/// A refusal does not say which letter of a batch was meant: what is tried next is so many times smaller.
const STEP: u64 = 4;

static BELIEVED: Mutex<BTreeMap<Name, u64>> = Mutex::new(BTreeMap::new());

/// Brokers, topic, and the limit that it says.
type Name = (String, String, u64);

/// What is believed of one topic.
pub(super) struct Believed(Name);

impl Believed {
    /// Of a topic that says it takes `said` bytes.
    pub fn of(brokers: &str, topic: &str, said: u64) -> Self {
        Believed((brokers.to_owned(), topic.to_owned(), said))
    }

    /// Bytes that were not refused yet.
    pub fn bytes(&self) -> u64 {
        lock().get(&self.0).copied().unwrap_or(u64::MAX)
    }

    /// It refused something although nothing was larger than `tried`.
    pub fn refused(&self, tried: u64) {
        let mut topics = lock();
        if topics.len() >= TOPICS && !topics.contains_key(&self.0) {
            topics.clear();
        }
        // Tasks that failed together lower it once.
        let bytes = topics.entry(self.0.clone()).or_insert(u64::MAX);
        *bytes = (*bytes).min(tried / STEP);
    }
}

fn lock() -> MutexGuard<'static, BTreeMap<Name, u64>> {
    BELIEVED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_lowered_by_each_run_that_fails_and_not_by_each_task() {
        let dead = |said| Believed::of("nowhere:1", "dead", said);
        assert_eq!(dead(1_000).bytes(), u64::MAX);
        for _ in 0..3 {
            dead(1_000).refused(800);
        }
        assert_eq!(dead(1_000).bytes(), 200);
        dead(1_000).refused(200);
        assert_eq!(dead(1_000).bytes(), 50);
        assert_eq!(dead(2_000).bytes(), u64::MAX, "somebody has changed it");
        assert_eq!(Believed::of("nowhere:2", "dead", 1_000).bytes(), u64::MAX);
    }
}
