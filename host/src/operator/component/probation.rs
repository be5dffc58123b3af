//! When a probation is over. Pure.

use crate::spec::Probation;

/// How far one task has come with the new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    /// It runs the new version.
    pub switched: bool,
    /// Batches that the new version answered.
    pub batches: u32,
    /// When the last of them was, or when it switched.
    pub last_ms: u64,
}

/// Whether the new version has proved itself: the time is over, every task runs it, and every task has had its
/// number of batches. A task that has been idle for the whole of the time is not waited for, or one partition
/// without data would keep the old instances for ever; but one task at least must have had its number.
pub(super) fn is_over(probation: &Probation, since_ms: u64, now_ms: u64, tasks: &[Progress]) -> bool {
    let time_ms = probation.time.as_millis() as u64;
    let proved = |task: &Progress| task.batches >= probation.batches;
    let idle = |task: &Progress| now_ms.saturating_sub(task.last_ms) >= time_ms;
    now_ms.saturating_sub(since_ms) >= time_ms
        && (probation.batches == 0 || tasks.iter().any(proved))
        && tasks.iter().all(|task| task.switched && (proved(task) || idle(task)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PROBATION: Probation = Probation { batches: 3, time: Duration::from_secs(10) };

    fn task(batches: u32, last_ms: u64) -> Progress {
        Progress { switched: true, batches, last_ms }
    }

    fn over(now_ms: u64, tasks: &[Progress]) -> bool {
        is_over(&PROBATION, 1_000, now_ms, tasks)
    }

    #[test]
    fn both_the_time_and_the_batches_are_needed() {
        assert!(!over(10_999, &[task(3, 10_000), task(9, 10_000)]));
        assert!(over(11_000, &[task(3, 10_000), task(9, 10_000)]));
        assert!(!over(11_000, &[task(2, 10_000), task(9, 10_000)]));
    }

    #[test]
    fn an_idle_task_is_not_waited_for_but_somebody_must_have_worked() {
        assert!(over(20_000, &[task(0, 1_000), task(3, 19_000)]));
        assert!(over(20_000, &[task(2, 10_000), task(3, 19_000)]));
        assert!(!over(20_000, &[task(2, 10_001), task(3, 19_000)]));
        assert!(!over(20_000, &[task(0, 1_000), task(2, 1_000)]));
        assert!(!over(20_000, &[]));
    }

    #[test]
    fn a_task_that_still_runs_the_old_one_is_waited_for() {
        assert!(!over(20_000, &[Progress { switched: false, ..task(0, 0) }, task(3, 19_000)]));
    }
}
