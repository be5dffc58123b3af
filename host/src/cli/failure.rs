//! How a command fails: what is said on stderr, and the exit code that scripts see.

use std::fmt;
use std::io;

use crate::config::ConfigError;
use crate::control::api::Problem;
use crate::control::{Reason, Refusal};
use crate::stream::StreamError;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// Refused or failed, with every reason. Exit code 1.
    Refused {
        /// One line: what.
        title: String,
        /// Why.
        reasons: Vec<Reason>,
    },
    /// Wrong usage. Exit code 2.
    Usage(String),
    /// No host answers. Exit code 3.
    Unreachable {
        /// Address of the host.
        host: String,
        /// What the system said.
        reason: String,
    },
    /// Nobody reads what is printed: `| head`. Exit code 0.
    NobodyReads,
}

impl Failure {
    /// A failure with one reason.
    pub fn new(title: impl Into<String>, reason: impl Into<String>) -> Self {
        Failure::Refused { title: title.into(), reasons: vec![Reason::new(reason)] }
    }

    /// A failure that its title says all about.
    pub fn plain(title: impl Into<String>) -> Self {
        Failure::Refused { title: title.into(), reasons: Vec::new() }
    }

    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Refused { .. } => 1,
            Failure::Usage(_) => 2,
            Failure::Unreachable { .. } => 3,
            Failure::NobodyReads => 0,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Refused { title, reasons } => {
                write!(f, "error: {title}")?;
                for Reason { path, message } in reasons {
                    let (path, colon) = path.as_deref().map_or(("", ""), |path| (path, ": "));
                    write!(f, "\n  {path}{colon}{message}")?;
                }
                Ok(())
            }
            Failure::Usage(message) => write!(f, "error: {message}"),
            Failure::Unreachable { host, reason } => write!(
                f,
                "error: cannot reach a host at {host}: {reason}\n  Start one with `sabot dev`, or name another with \
                 --host or SABOT_HOST."
            ),
            Failure::NobodyReads => Ok(()),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Failure::Refused {
            title: format!("{} ({})", problem.title, problem.status),
            reasons: problem.reasons,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Failure::Refused { title: refusal.title, reasons: refusal.reasons }
    }
}

impl From<StreamError> for Failure {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Refused(refusal) => refusal.into(),
            other => Failure::plain(other.to_string()),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let reasons = error
            .mistakes
            .into_iter()
            .map(|m| Reason { path: Some(m.path).filter(|path| !path.is_empty()), message: m.message });
        Failure::Refused { title: format!("{} cannot be used", error.file), reasons: reasons.collect() }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::NobodyReads,
            _ => Failure::plain(error.to_string()),
        }
    }
}
