//! The seam between the operator that calls a component and the machinery that runs one: a version that makes
//! instances, and an instance that answers calls. Knows nothing of any WebAssembly runtime.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use arrow::datatypes::SchemaRef;

use super::Recall;
use crate::batch::Batch;
use crate::operator::Output;

/// A component with its configuration, compiled, bound and checked: what instances are made of. Shared by the
/// tasks of a step.
pub trait Version: Send + Sync {
    /// Digest of the component's bytes: `sha256:…`.
    fn digest(&self) -> &str;

    /// For people: `name@version`.
    fn label(&self) -> &str;

    /// The configuration given to `bind`, as JSON. Two versions with one digest and one configuration are the
    /// same.
    fn config(&self) -> &str;

    /// Output ports with their schemas, as `bind` answered.
    fn output_ports(&self) -> &[(String, SchemaRef)];

    /// The time that a call may take.
    fn call_limit(&self) -> Duration;

    /// What its instances have counted themselves, by name.
    fn counters(&self) -> BTreeMap<String, u64>;

    /// An instance of its own memory, bound and opened, ready for its first batch. May take milliseconds.
    fn instantiate(&self) -> Result<Box<dyn Guest>, CallError>;
}

/// What the calls of an instance have to keep to.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Processor time that each may use: a guest that waits for a processor is not late. No more than the
    /// version's [`call_limit`](Version::call_limit).
    pub limit: Duration,
    /// Says when to end one that runs.
    pub recall: Recall,
}

/// An instance. Calls come from one thread at a time. After [`CallError::Trap`], [`CallError::Timeout`],
/// [`CallError::Invalid`] and [`CallError::Recalled`] it is dropped without another call, also without `close`.
/// What a call that failed put into `out` is dropped.
pub trait Guest: Send {
    /// From now on calls keep to these terms. Without them they have the version's limit and are never ended
    /// before it.
    fn keep_to(&mut self, terms: Terms);

    /// Whether it may keep rows that it was given and has not answered yet, as an agent may until it is flushed.
    fn keeps_rows(&self) -> bool;

    /// Gives it a batch. Rows it refuses are in `out.errors`, ascending by row, each at most once.
    fn call(&mut self, batch: &Batch, out: &mut Output) -> Result<(), CallError>;

    /// Event time has come this far (milliseconds since 1970).
    fn on_watermark(&mut self, watermark_ms: i64, out: &mut Output) -> Result<(), CallError>;

    /// A barrier or the end follows: nothing stays cached in the guest.
    fn flush(&mut self, out: &mut Output) -> Result<(), CallError>;

    /// Nothing follows. Its failure changes nothing any more.
    fn close(&mut self);
}

/// Why a call gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The guest trapped: a panic, a bad memory access, more memory than its limit.
    #[error("{message}")]
    Trap {
        /// The trap's text.
        message: String,
        /// Its last log lines, oldest first.
        logs: Vec<String>,
    },
    /// It did not answer within its time.
    #[error("no answer within {limit:?}")]
    Timeout {
        /// The time it had.
        limit: Duration,
        /// Its last log lines, oldest first.
        logs: Vec<String>,
    },
    /// It answered what the interface does not allow.
    #[error("{message}")]
    Invalid {
        /// What is wrong with the answer.
        message: String,
        /// Its last log lines, oldest first.
        logs: Vec<String>,
    },
    /// It was ended as its terms asked: nobody waits for the answer any more.
    #[error("ended, because nobody waits for the answer any more")]
    Recalled,
    /// It says that the same call may succeed later.
    #[error("{0}")]
    Transient(String),
    /// It says that the same call never will.
    #[error("{0}")]
    Fatal(String),
}

impl CallError {
    /// The guest's last log lines, oldest first.
    pub fn logs(&self) -> &[String] {
        match self {
            CallError::Trap { logs, .. }
            | CallError::Timeout { logs, .. }
            | CallError::Invalid { logs, .. } => logs,
            CallError::Recalled | CallError::Transient(_) | CallError::Fatal(_) => &[],
        }
    }

    /// Whether the instance can be called again.
    pub fn leaves_instance_usable(&self) -> bool {
        matches!(self, CallError::Transient(_) | CallError::Fatal(_))
    }

    /// The code of a row that fails so.
    pub fn code(&self) -> &'static str {
        match self {
            CallError::Trap { .. } => "trap",
            CallError::Timeout { .. } => "timeout",
            CallError::Invalid { .. } => "invalid-result",
            CallError::Recalled => "recalled",
            CallError::Transient(_) => "transient",
            CallError::Fatal(_) => "fatal",
        }
    }

    /// The text with the last log lines.
    pub fn with_logs(&self) -> String {
        let mut text = self.to_string();
        for (at, line) in self.logs().iter().enumerate() {
            let before = if at == 0 { "; last log lines: " } else { " | " };
            let _ = write!(text, "{before}{line}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_carries_the_last_log_lines() {
        let trap =
            CallError::Trap { message: "unreachable".into(), logs: vec!["row 3".into(), "boom".into()] };
        insta::assert_snapshot!(trap.with_logs(), @"unreachable; last log lines: row 3 | boom");
        let timeout = CallError::Timeout { limit: Duration::from_secs(1), logs: Vec::new() };
        insta::assert_snapshot!(timeout.with_logs(), @"no answer within 1s");
    }
}
