//! Why an upload or a binding was refused. Every reason at once, each a sentence that a person can act on.

/// A refusal with all its reasons. Trying again with the same bytes and settings gives the same answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", reasons.join("; "))]
pub struct WasmError {
    /// Every reason, in the order found; never empty.
    pub reasons: Vec<String>,
}

impl WasmError {
    /// A refusal for one reason.
    pub fn new(reason: impl Into<String>) -> Self {
        WasmError { reasons: vec![reason.into()] }
    }

    /// A refusal if there is any reason for one.
    pub fn check(reasons: Vec<String>) -> Result<(), Self> {
        if reasons.is_empty() { Ok(()) } else { Err(WasmError { reasons }) }
    }
}
