//! What an exchange is, how it can end, and how it is told. Plain data.

use std::time::Duration;

use super::Version;

/// Names a version with its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRef {
    /// Digest of the component's bytes.
    pub digest: String,
    /// `name@version`.
    pub label: String,
    /// Configuration as JSON.
    pub config: String,
}

impl VersionRef {
    /// Of this version.
    pub fn of(version: &dyn Version) -> VersionRef {
        VersionRef {
            digest: version.digest().to_owned(),
            label: version.label().to_owned(),
            config: version.config().to_owned(),
        }
    }

    /// Whether they are the same component with the same configuration.
    pub fn is(&self, version: &dyn Version) -> bool {
        self.digest == version.digest() && self.config == version.config()
    }
}

/// An exchange in the history of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Rises by one with every exchange of this step, 1 for the first.
    pub generation: u64,
    /// Before.
    pub from: VersionRef,
    /// What came instead.
    pub to: VersionRef,
    /// How it stands.
    pub state: ExchangeState,
    /// When it came to this state, milliseconds since 1970.
    pub at_ms: u64,
}

/// How an exchange stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExchangeState {
    /// The new version runs; a failure brings the old one back.
    Probation,
    /// The new version has proved itself, or needed no probation.
    Kept,
    /// Another exchange came while this one was on probation.
    Superseded,
    /// The old version is back.
    RolledBack {
        /// Why, with the guest's last log lines.
        reason: String,
    },
}

/// An exchange came to another state. Those of one step come in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Name of the step.
    pub step: String,
    /// The exchange as it stands now.
    pub exchange: Exchange,
}

/// An exchange that all tasks made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchanged {
    /// The generation that runs now.
    pub generation: u64,
    /// Before.
    pub from: VersionRef,
    /// Now.
    pub to: VersionRef,
    /// The longest time that a task stood still for it.
    pub pause: Duration,
    /// That version with that configuration ran already: nothing was done.
    pub noop: bool,
}

/// Why an exchange did not come about. The version that ran before goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// Another one is under way.
    #[error("another exchange of step `{step}` is under way; try again when it has ended")]
    Busy {
        /// The step.
        step: String,
    },
    /// What follows the step was built for other ports.
    #[error("{label} does not fit step `{step}`: {}", reasons.join("; "))]
    Ports {
        /// The step.
        step: String,
        /// The new version.
        label: String,
        /// Every difference.
        reasons: Vec<String>,
    },
    /// The new version makes no instance.
    #[error("no instance of {label} can be made: {reason}")]
    Instance {
        /// The new version.
        label: String,
        /// Why, with the guest's last log lines.
        reason: String,
    },
    /// It was made and taken back before all tasks had it.
    #[error("{label} was taken back: {reason}")]
    TakenBack {
        /// The new version.
        label: String,
        /// Why, with the guest's last log lines.
        reason: String,
    },
    /// There is no version before the running one.
    #[error("step `{step}` has run no other version before {label} since the pipeline started")]
    NothingBefore {
        /// The step.
        step: String,
        /// The running version.
        label: String,
    },
}
