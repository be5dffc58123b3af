//! Why a registry gave no answer, by what can be done about it. Knows nothing of requests.

use crate::codec::problem::code;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// No answer, or one that says "not now": the same call may work later.
    #[error("the schema registry is not available: {reason}")]
    Unavailable {
        /// Which URL said or did what.
        reason: String,
    },
    /// There is no such schema, subject or version.
    #[error("the schema registry does not know {what}")]
    Unknown {
        /// What was asked for.
        what: String,
    },
    /// An answer that asking again will not change: not allowed, not compatible, not a schema.
    #[error("the schema registry's answer (status {status}): {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the registry said, or what is wrong with its answer.
        message: String,
    },
}

impl RegistryError {
    /// Short and stable, for counting: `registry-unavailable`, `unknown-schema`, `registry-refused`.
    pub fn code(&self) -> &'static str {
        match self {
            RegistryError::Unavailable { .. } => "registry-unavailable",
            RegistryError::Unknown { .. } => code::UNKNOWN_SCHEMA,
            RegistryError::Refused { .. } => "registry-refused",
        }
    }

    /// Whether it is known of the schema, whoever asks: there is none, or it is none that can be used. Anything else says
    /// something of the registry, or of the way to it.
    pub fn is_of_the_schema(&self) -> bool {
        matches!(self, RegistryError::Unknown { .. } | RegistryError::Refused { status: 200, .. })
    }

    /// Whether the same call may work later.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, RegistryError::Unavailable { .. })
    }
}
