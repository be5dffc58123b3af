//! The last lines a guest logged, kept for the report of a trap, and passed on to the host's log at a bounded
//! rate. Bounded in lines and bytes whatever the guest does.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::bindings::Level;
use super::limits::{MAX_LOG_LINES, MAX_LOG_LINES_PER_SECOND, MAX_TEXT_BYTES, cut, on_one_line};

/// How many lines go to the host's log, of all instances that share it.
#[derive(Debug, Default)]
pub(super) struct LogRate {
    second: AtomicU64,
    passed: AtomicU32,
}

impl LogRate {
    /// Whether another line may go in this second. Two instances at once may begin a second twice: a line too many.
    fn allows(&self, second: u64) -> bool {
        if self.second.swap(second, Relaxed) != second {
            self.passed.store(0, Relaxed);
        }
        self.passed.fetch_add(1, Relaxed) < MAX_LOG_LINES_PER_SECOND
    }
}

/// The ring.
#[derive(Debug, Default)]
pub(super) struct LogRing {
    lines: VecDeque<(Level, String)>,
    dropped: u64,
    rate: Arc<LogRate>,
}

impl LogRing {
    pub(super) fn new(rate: Arc<LogRate>) -> Self {
        LogRing { rate, ..LogRing::default() }
    }

    /// Keeps a line. `second` is any clock that counts seconds; `label` names the component in the host's log.
    pub(super) fn push(&mut self, level: Level, text: &str, label: &str, second: u64) {
        let text = on_one_line(cut(text, MAX_TEXT_BYTES));
        if self.rate.allows(second) {
            pass_on(level, &text, label);
        }
        if self.lines.len() == MAX_LOG_LINES {
            self.lines.pop_front();
            self.dropped += 1;
        }
        self.lines.push_back((level, text));
    }

    /// The lines kept with their levels, oldest first, and empties the ring.
    pub(super) fn take_lines(&mut self) -> Vec<(Level, String)> {
        std::mem::take(&mut self.lines).into()
    }

    /// The lines kept, oldest first, after a line for those that are gone; and empties the ring.
    pub(super) fn take(&mut self) -> Vec<String> {
        let dropped = std::mem::take(&mut self.dropped);
        let before = (dropped > 0).then(|| format!("({dropped} earlier lines)"));
        before.into_iter().chain(self.take_lines().into_iter().map(|(_, text)| text)).collect()
    }
}

fn pass_on(level: Level, text: &str, label: &str) {
    match level {
        Level::Debug => tracing::debug!(target: "guest", component = label, "{text}"),
        Level::Info => tracing::info!(target: "guest", component = label, "{text}"),
        Level::Warn => tracing::warn!(target: "guest", component = label, "{text}"),
        Level::Error => tracing::error!(target: "guest", component = label, "{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_lines_and_says_how_many_went() {
        let mut ring = LogRing::default();
        let levels = [Level::Debug, Level::Info, Level::Warn, Level::Error];
        for i in 0..MAX_LOG_LINES + 3 {
            ring.push(levels[i % 4], &format!("line {i}"), "c", 0);
        }
        let lines = ring.take();
        assert_eq!(lines.len(), 1 + MAX_LOG_LINES);
        assert_eq!(lines[..2], ["(3 earlier lines)", "line 3"]);
        assert_eq!(lines[MAX_LOG_LINES], format!("line {}", MAX_LOG_LINES + 2));
        assert!(ring.take().is_empty());
    }

    #[test]
    fn a_line_is_one_line_and_all_instances_share_a_rate() {
        let rate = Arc::new(LogRate::default());
        let mut ring = LogRing::new(Arc::clone(&rate));
        ring.push(Level::Info, "x\n2026-11-29T00:00:00Z  INFO admin: \u{1b}[31mdone", "c", 0);
        assert_eq!(ring.take(), ["x\\n2026-11-29T00:00:00Z  INFO admin: \\u{1b}[31mdone"]);
        let allowed = (0..200).filter(|_| rate.allows(1)).count();
        assert_eq!((allowed, rate.allows(2)), (MAX_LOG_LINES_PER_SECOND as usize, true));
    }

    #[test]
    fn a_long_line_is_cut_at_a_character() {
        let mut ring = LogRing::default();
        ring.push(Level::Error, &"ä".repeat(MAX_TEXT_BYTES), "c", 0);
        assert_eq!(ring.take()[0].len(), MAX_TEXT_BYTES);
    }
}
