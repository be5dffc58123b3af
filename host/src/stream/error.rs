//! What can go wrong in a program that embeds a host.

use std::path::PathBuf;

use crate::control::Refusal;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The host refuses it: a specification with mistakes, a component that does not fit. All reasons are in it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A pipeline failed while it ran.
    #[error("pipeline {pipeline} failed: {reason}")]
    Failed {
        /// The pipeline.
        pipeline: String,
        /// Why.
        reason: String,
    },
    /// A file or folder cannot be used.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The settings of the host cannot be used.
    #[error("{0}")]
    Settings(String),
    /// The program asks for rows from or to a place that is not there.
    #[error("pipeline {pipeline} has no {kind} `{name}` that is `memory`; {remedy}")]
    NoMemory {
        /// The pipeline.
        pipeline: String,
        /// `source` or `sink`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What there is, or what to do.
        remedy: String,
    },
    /// Rows do not have the columns of their source.
    #[error("rows for source `{source_name}`: {reason}")]
    Columns {
        /// The source.
        source_name: String,
        /// The first difference.
        reason: String,
    },
    /// Rows are pushed into a source that has ended.
    #[error("source `{source_name}` of pipeline {pipeline} takes no more rows: {reason}")]
    Ended {
        /// The pipeline.
        pipeline: String,
        /// The source.
        source_name: String,
        /// What ended it.
        reason: String,
    },
}
