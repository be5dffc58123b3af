//! Why the host did not do what it was asked. One shape for every refusal, with all reasons at once; the admin
//! API turns it into a problem document. Knows nothing of HTTP.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::CatalogError;

/// What kind of refusal, so that callers know what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// What was named is not there.
    NotFound,
    /// It does not fit what is there now: another revision, a running pipeline, an incompatible component.
    Conflict,
    /// It was understood and has mistakes.
    Invalid,
    /// It was not understood.
    BadRequest,
    /// It is larger than a limit allows.
    TooLarge,
    /// A count is at its limit.
    LimitReached,
    /// The caller may not.
    Forbidden,
    /// It is part of the interface and comes with a later release.
    NotInRelease,
    /// It may work later.
    Unavailable,
    /// A mistake of the host itself, or of its disk.
    Internal,
}

/// One reason of a refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// Where in what was sent: `steps.score.wasm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What is wrong and what to do about it.
    pub message: String,
}

impl Reason {
    /// A reason that has no place in what was sent.
    pub fn new(message: impl Into<String>) -> Self {
        Reason { path: None, message: message.into() }
    }

    /// A reason at a place.
    pub fn at(path: impl Into<String>, message: impl Into<String>) -> Self {
        Reason { path: Some(path.into()), message: message.into() }
    }
}

/// Why the host did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind.
    pub kind: RefusalKind,
    /// One line: what was refused.
    pub title: String,
    /// Every reason.
    pub reasons: Vec<Reason>,
}

impl Refusal {
    /// A refusal with one reason.
    pub fn new(kind: RefusalKind, title: impl Into<String>, reason: impl Into<String>) -> Self {
        Refusal { kind, title: title.into(), reasons: vec![Reason::new(reason)] }
    }

    /// A refusal with several reasons.
    pub fn with_reasons(kind: RefusalKind, title: impl Into<String>, reasons: Vec<Reason>) -> Self {
        Refusal { kind, title: title.into(), reasons }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.title)?;
        for reason in &self.reasons {
            match &reason.path {
                Some(path) => write!(f, "\n  {path}: {}", reason.message)?,
                None => write!(f, "\n  {}", reason.message)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

impl From<CatalogError> for Refusal {
    fn from(error: CatalogError) -> Refusal {
        let (kind, title) = match &error {
            CatalogError::Io { .. } => (RefusalKind::Internal, "the data folder failed"),
            CatalogError::Locked { .. } => (RefusalKind::Unavailable, "the data folder is in use"),
            CatalogError::Format { .. } => (RefusalKind::Internal, "the data folder has another format"),
            CatalogError::Damaged { .. } => (RefusalKind::Conflict, "a stored record is damaged"),
            CatalogError::Unknown { .. } => (RefusalKind::NotFound, "not found"),
            CatalogError::BadReference { .. } => (RefusalKind::BadRequest, "not a component reference"),
            CatalogError::Ambiguous { .. } => (RefusalKind::Conflict, "ambiguous component reference"),
            CatalogError::BadName { .. } => (RefusalKind::Invalid, "name not allowed"),
            CatalogError::BadVersion { .. } => (RefusalKind::Invalid, "not a semantic version"),
            CatalogError::VersionTaken { .. } => (RefusalKind::Conflict, "version taken"),
            CatalogError::InUse { .. } => (RefusalKind::Conflict, "component in use"),
            CatalogError::Revision { .. } => (RefusalKind::Conflict, "changed meanwhile"),
            CatalogError::NothingBefore { .. } => (RefusalKind::Conflict, "nothing to roll back to"),
            CatalogError::TooLarge { .. } => (RefusalKind::TooLarge, "too large"),
            CatalogError::Full { .. } => (RefusalKind::LimitReached, "limit reached"),
        };
        Refusal::new(kind, title, error.to_string())
    }
}
