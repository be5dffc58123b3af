//! Why an upload or a binding was refused. Every reason at once, each a sentence that a person can act on.

use super::limits::cut;

/// Reasons that are told.
pub(super) const MAX_REASONS: usize = 50;
/// Bytes of one.
const MAX_REASON_BYTES: usize = 2048;

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
        WasmError::of(vec![reason.into()])
    }

    /// A refusal for these reasons, as many and as much of each as somebody reads: an upload can give millions.
    pub fn of(mut reasons: Vec<String>) -> Self {
        let more = reasons.len().saturating_sub(MAX_REASONS);
        reasons.truncate(MAX_REASONS);
        for reason in reasons.iter_mut().filter(|reason| reason.len() > MAX_REASON_BYTES) {
            reason.truncate(cut(reason, MAX_REASON_BYTES).len());
            reason.push('…');
        }
        if more > 0 {
            reasons.push(format!("and {more} more"));
        }
        WasmError { reasons }
    }

    /// A refusal if there is any reason for one.
    pub fn check(reasons: Vec<String>) -> Result<(), Self> {
        if reasons.is_empty() { Ok(()) } else { Err(WasmError::of(reasons)) }
    }
}
