//! The last lines a guest logged, kept for the report of a trap, and passed on to the host's log and the pipeline's at a
//! bounded rate. Bounded in lines and bytes whatever the guest does.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::bindings::Level;
use super::limits::{MAX_LOG_LINES, MAX_LOG_LINES_PER_SECOND, MAX_TEXT_BYTES, cut, on_one_line};

/// Takes a line that a component of a pipeline logged: its level and text.
pub type LogSink = Arc<dyn Fn(&'static str, &str) + Send + Sync>;

/// Passes lines on, so many in a second of all instances that share it.
#[derive(Default)]
pub(super) struct LogGate {
    second: AtomicU64,
    passed: AtomicU32,
    /// The pipeline's log, where there is one.
    pipeline: Option<LogSink>,
}

impl std::fmt::Debug for LogGate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogGate").field("passed", &self.passed).finish_non_exhaustive()
    }
}

impl LogGate {
    /// To the host's log, and a pipeline's.
    pub(super) fn new(pipeline: Option<LogSink>) -> LogGate {
        LogGate { pipeline, ..LogGate::default() }
    }

    /// Whether another line may go in this second. Two instances at once may begin a second twice: a line too many.
    fn allows(&self, second: u64) -> bool {
        if self.second.swap(second, Relaxed) != second {
            self.passed.store(0, Relaxed);
        }
        self.passed.fetch_add(1, Relaxed) < MAX_LOG_LINES_PER_SECOND
    }

    fn pass(&self, level: Level, text: &str, label: &str, second: u64) {
        if !self.allows(second) {
            return;
        }
        let name = match level {
            Level::Debug => {
                tracing::debug!(target: "guest", component = label, "{text}");
                "debug"
            }
            Level::Info => {
                tracing::info!(target: "guest", component = label, "{text}");
                "info"
            }
            Level::Warn => {
                tracing::warn!(target: "guest", component = label, "{text}");
                "warn"
            }
            Level::Error => {
                tracing::error!(target: "guest", component = label, "{text}");
                "error"
            }
        };
        if let Some(sink) = &self.pipeline {
            sink(name, text);
        }
    }
}

/// The ring.
#[derive(Debug, Default)]
pub(super) struct LogRing {
    lines: VecDeque<(Level, String)>,
    dropped: u64,
    gate: Arc<LogGate>,
}

impl LogRing {
    pub(super) fn new(gate: Arc<LogGate>) -> Self {
        LogRing { gate, ..LogRing::default() }
    }

    /// Keeps a line. `second` is any clock that counts seconds; `label` names the component in the host's log.
    pub(super) fn push(&mut self, level: Level, text: &str, label: &str, second: u64) {
        let text = on_one_line(cut(text, MAX_TEXT_BYTES));
        self.gate.pass(level, &text, label, second);
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

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
        let passed: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = Arc::clone(&passed);
        let sink: LogSink =
            Arc::new(move |level, text| lines.lock().unwrap().push(format!("{level} {text}")));
        let gate = Arc::new(LogGate::new(Some(sink)));
        let mut ring = LogRing::new(Arc::clone(&gate));
        ring.push(Level::Error, "x\n2026-11-29T00:00:00Z  INFO admin: \u{1b}[31mdone", "c", 0);
        assert_eq!(ring.take(), ["x\\n2026-11-29T00:00:00Z  INFO admin: \\u{1b}[31mdone"]);
        assert_eq!(*passed.lock().unwrap(), ["error x\\n2026-11-29T00:00:00Z  INFO admin: \\u{1b}[31mdone"]);
        let allowed = (0..200).filter(|_| gate.allows(1)).count();
        assert_eq!((allowed, gate.allows(2)), (MAX_LOG_LINES_PER_SECOND as usize, true));
    }

    #[test]
    fn a_long_line_is_cut_at_a_character() {
        let mut ring = LogRing::default();
        ring.push(Level::Error, &"ä".repeat(MAX_TEXT_BYTES), "c", 0);
        assert_eq!(ring.take()[0].len(), MAX_TEXT_BYTES);
    }
}
