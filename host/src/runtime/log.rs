//! What a pipeline and its components said lately: the newest lines, bounded. A component that says much does not drive
//! out what the host says. Knows nothing of where lines are shown.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Lines that are kept of the host, and as many of components.
const LINES: usize = 1000;

/// How urgent a line of the host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It goes on as it should.
    Info,
    /// It goes on, and somebody should know.
    Warn,
    /// It does not go on.
    Error,
}

impl Level {
    /// The word used everywhere outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Rises with every line, from 1.
    pub seq: u64,
    /// When it was said.
    pub at: SystemTime,
    /// `debug`, `info`, `warn` or `error`.
    pub level: &'static str,
    /// The step whose component said it; `None`: the host did.
    pub step: Option<String>,
    /// What was said.
    pub message: String,
}

/// The newest lines.
#[derive(Debug, Default)]
pub struct PipelineLog {
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    count: u64,
    host: VecDeque<LogEntry>,
    components: VecDeque<LogEntry>,
}

impl PipelineLog {
    /// Adds what the host says.
    pub fn host(&self, level: Level, message: String) {
        self.add(level.as_str(), None, message);
    }

    /// Adds what the component of a step says.
    pub fn component(&self, step: &str, level: &'static str, message: &str) {
        self.add(level, Some(step.to_owned()), message.to_owned());
    }

    fn add(&self, level: &'static str, step: Option<String>, message: String) {
        let lines = &mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.count += 1;
        let ring = if step.is_some() { &mut lines.components } else { &mut lines.host };
        if ring.len() == LINES {
            ring.pop_front();
        }
        ring.push_back(LogEntry { seq: lines.count, at: SystemTime::now(), level, step, message });
    }

    /// Forgets all lines; the next ones are counted on.
    pub fn clear(&self) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.host.clear();
        lines.components.clear();
    }

    /// The newest lines, at most `limit`, oldest first.
    pub fn newest(&self, limit: usize) -> Vec<LogEntry> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = |ring: &VecDeque<LogEntry>| -> Vec<LogEntry> {
            ring.iter().skip(ring.len().saturating_sub(limit)).cloned().collect()
        };
        let mut all = newest(&lines.host);
        all.extend(newest(&lines.components));
        all.sort_by_key(|line| line.seq);
        all.drain(..all.len().saturating_sub(limit));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_that_says_much_leaves_what_the_host_said() {
        let log = PipelineLog::default();
        log.host(Level::Info, "running".into());
        for n in 0..LINES + 5 {
            log.component("score", "warn", &format!("line {n}"));
        }
        log.host(Level::Error, "failed".into());
        let all = log.newest(usize::MAX);
        assert_eq!(all.len(), LINES + 2);
        let said = |line: &LogEntry| (line.seq, line.level, line.step.clone(), line.message.clone());
        assert_eq!(said(&all[0]), (1, "info", None, "running".into()));
        assert_eq!(said(&all[1]), (7, "warn", Some("score".into()), "line 5".into()));
        assert_eq!(said(all.last().unwrap()), (1007, "error", None, "failed".into()));
        let newest: Vec<u64> = log.newest(2).iter().map(|line| line.seq).collect();
        assert_eq!(newest, [1006, 1007]);
        assert_eq!(log.newest(0), []);
    }
}
