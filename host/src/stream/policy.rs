//! What becomes of records and rows that fail, as a program says it.

use std::time::Duration;

use serde_json::{Value, json};

use super::item::duration;

/// What becomes of a record or row that fails. A specification that says nothing means [`OnError::DeadLetter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// The pipeline stops and names the record.
    Fail,
    /// It is counted and dropped.
    Skip,
    /// It goes to the dead letters before its offset is committed.
    DeadLetter,
    /// It is tried again where that may help.
    Retry {
        /// So often, beside the first time; 1 to 100.
        attempts: u32,
        /// Wait before the first of them; it doubles with each.
        backoff: Duration,
        /// What becomes of it in the end.
        then: Then,
    },
}

/// What becomes in the end of what was tried again in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// As [`OnError::Fail`].
    Fail,
    /// As [`OnError::Skip`].
    Skip,
    /// As [`OnError::DeadLetter`].
    DeadLetter,
}

impl From<OnError> for Value {
    fn from(policy: OnError) -> Self {
        match policy {
            OnError::Fail => "fail".into(),
            OnError::Skip => "skip".into(),
            OnError::DeadLetter => "dead_letter".into(),
            OnError::Retry { attempts, backoff, then } => {
                let then = match then {
                    Then::Fail => OnError::Fail,
                    Then::Skip => OnError::Skip,
                    Then::DeadLetter => OnError::DeadLetter,
                };
                let then = Value::from(then);
                json!({ "retry": { "attempts": attempts, "backoff": duration(backoff), "then": then } })
            }
        }
    }
}
