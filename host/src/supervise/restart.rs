//! When a pipeline that failed starts again: from how often and how recently it failed.

use std::time::Duration;

/// Restart with exponential backoff, forgotten after a healthy while.
#[derive(Clone, Copy, Debug)]
pub struct RestartPolicy {
    /// Before the first restart.
    pub first: Duration,
    /// Never more than this.
    pub most: Duration,
    /// A run this long counts as healthy: the next failure starts from `first` again.
    pub healthy: Duration,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        RestartPolicy {
            first: Duration::from_millis(500),
            most: Duration::from_secs(60),
            healthy: Duration::from_secs(30),
        }
    }
}

/// Failures so far.
#[derive(Debug, Default)]
pub struct Failures {
    in_a_row: u32,
}

impl Failures {
    /// A run of length `ran` failed; answers how long to wait before the next.
    pub fn failed(&mut self, policy: &RestartPolicy, ran: Duration) -> Duration {
        if ran >= policy.healthy {
            self.in_a_row = 0;
        }
        let wait = policy.first.saturating_mul(2u32.saturating_pow(self.in_a_row)).min(policy.most);
        self.in_a_row = self.in_a_row.saturating_add(1);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_most_and_a_healthy_run_starts_anew() {
        let policy = RestartPolicy::default();
        let mut f = Failures::default();
        let short = Duration::from_secs(1);
        let waits: Vec<u128> = (0..9).map(|_| f.failed(&policy, short).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]);
        assert_eq!(f.failed(&policy, Duration::from_secs(31)).as_millis(), 500);
    }
}
