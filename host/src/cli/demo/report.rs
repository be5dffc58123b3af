//! The table at the end of the demo, and the claims that were checked.

use std::time::{Duration, Instant};

use super::audit::Audit;

/// A swap that was made.
pub(super) struct Swap {
    pub from: String,
    pub to: String,
    pub at: Instant,
    pub pause_ms: f64,
}

/// What was claimed and whether it held.
#[derive(Default)]
pub(super) struct Claims(Vec<(&'static str, bool, String)>);

impl Claims {
    pub fn check(&mut self, claim: &'static str, holds: bool, found: String) {
        self.0.push((claim, holds, found));
    }

    pub fn all_hold(&self) -> bool {
        self.0.iter().all(|(_, holds, _)| *holds)
    }
}

/// Prints what came of it.
pub(super) fn print(
    audit: &Audit,
    swaps: &[Swap],
    orders: u64,
    rolled_back: Option<&str>,
    claims: &Claims,
    around: Duration,
) {
    println!();
    println!("  records in            {orders:>8}");
    println!("  records out           {:>8}", audit.outputs());
    for (model, count) in audit.models() {
        println!("    scored by {model:<11} {count:>8}");
    }
    println!("  lost                  {:>8}", audit.lost(orders));
    println!("  doubled               {:>8}", audit.doubled());
    println!();
    println!("  {:<38} {:>10} {:>24}", "swap", "pause", "longest gap in outputs");
    for swap in swaps {
        let gap = audit.longest_gap(swap.at.checked_sub(around).unwrap_or(swap.at), swap.at + around);
        let name = format!("{} → {}", swap.from, swap.to);
        println!("  {name:<38} {:>7.2} ms {:>21.1} ms", swap.pause_ms, gap.as_secs_f64() * 1e3);
    }
    if let Some(reason) = rolled_back {
        println!("  the last one was rolled back: {}", reason.lines().next().unwrap_or_default());
    }
    println!();
    for (claim, holds, found) in &claims.0 {
        let (mark, found) = (if *holds { "ok  " } else { "FAIL" }, if *holds { "" } else { found.as_str() });
        println!("  {mark} {claim}{}{found}", if found.is_empty() { "" } else { ": " });
    }
}
