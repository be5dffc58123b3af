//! Measures programs that do the same work against each other: all of them in each round, so that what the
//! machine does meanwhile meets all of them. Knows nothing of the work.

use std::time::{Duration, Instant};

use crate::report;

/// A round of one contestant lasts that long.
const ROUND: Duration = Duration::from_millis(60);

/// Who does the work, and on what.
pub struct Contestant<'a> {
    /// Kind of record.
    pub shape: &'static str,
    /// Format.
    pub codec: &'static str,
    /// `decode` or `encode`.
    pub way: &'static str,
    /// `sabot`, that and how, or a library.
    pub by: &'static str,
    /// Records of one run.
    pub records: usize,
    /// Bytes of the records of one run.
    pub bytes: usize,
    /// One run.
    pub run: Box<dyn FnMut() + 'a>,
}

/// What was measured.
pub struct Result {
    /// Records a second in the fastest round.
    pub best: f64,
    /// Records a second in the middle one.
    pub median: f64,
    /// How often memory was asked for, a record.
    pub allocations: f64,
}

/// Runs all contestants, in turn and in rounds.
pub fn hold(contestants: &mut [Contestant], rounds: usize) -> Vec<Result> {
    let allocations: Vec<f64> = contestants.iter_mut().map(allocations).collect();
    let mut per_second = vec![Vec::with_capacity(rounds); contestants.len()];
    for _ in 0..rounds {
        for (contestant, per_second) in contestants.iter_mut().zip(&mut per_second) {
            per_second.push(round(contestant));
        }
    }
    let results = per_second.iter().zip(allocations).map(|(per_second, allocations)| {
        let (best, median) = (report::percentile(per_second, 100.0), report::median(per_second));
        Result { best, median, allocations }
    });
    results.collect()
}

/// Allocations a record once buffers have their size, and what is asked of a registry is known.
pub fn allocations(contestant: &mut Contestant) -> f64 {
    (contestant.run)();
    (contestant.run)();
    crate::allocations::during(&mut contestant.run) as f64 / contestant.records as f64
}

/// Records a second in one round.
fn round(contestant: &mut Contestant) -> f64 {
    let (started, mut runs) = (Instant::now(), 0);
    while started.elapsed() < ROUND {
        (contestant.run)();
        runs += 1;
    }
    (runs * contestant.records) as f64 / started.elapsed().as_secs_f64()
}
