//! Everything that the catalog can say no with. Each text names the thing, the limit or the file, and what to do.

use std::path::PathBuf;

use super::Usage;

/// Why the catalog did not do what it was asked. After an error nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The disk said no.
    #[error("cannot {action} {path}: {source}{remedy}", path = path.display())]
    Io {
        /// What was tried: `write`, `read`.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// What to do, where that is known; begins with a separator.
        remedy: &'static str,
    },
    /// Another host works in this folder.
    #[error(
        "the data folder {path} is in use by another host{holder}: stop that one, or give this one another \
         `data_dir`", path = path.display()
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// Its process, where it says so: ` (process 12)`.
        holder: String,
    },
    /// The folder was written by a later release.
    #[error(
        "the data folder {path} has format {found}, this release knows {known}: run the release that wrote it, \
         or give another `data_dir`", path = path.display()
    )]
    Format {
        /// The folder.
        path: PathBuf,
        /// Its format.
        found: String,
        /// The format of this release.
        known: u32,
    },
    /// A stored thing cannot be read. The others are not concerned.
    #[error("{file} is damaged ({reason}): {remedy}", file = file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// How to get on.
        remedy: String,
    },
    /// Nothing of this name.
    #[error("there is no {kind} `{name}`{nearest}")]
    Unknown {
        /// `component`, `pipeline`, `step`.
        kind: &'static str,
        /// The name.
        name: String,
        /// A hint at what was meant; begins with a separator.
        nearest: String,
    },
    /// A reference that means nothing.
    #[error("`{reference}` does not name a stored component: {reason}")]
    BadReference {
        /// As it was given.
        reference: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A digest prefix of several components.
    #[error("`{reference}` is the start of several digests ({}): give more digits", candidates.join(", "))]
    Ambiguous {
        /// As it was given.
        reference: String,
        /// What it could mean.
        candidates: Vec<String>,
    },
    /// A name that cannot be kept.
    #[error("the name of a {kind}: {problem}")]
    BadName {
        /// `component`, `pipeline`.
        kind: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A version that is not a semantic version.
    #[error("the version `{version}` of component `{name}` is not a semantic version such as `1.2.0`")]
    BadVersion {
        /// The component.
        name: String,
        /// The version.
        version: String,
    },
    /// Other bytes under the same name and version.
    #[error(
        "{name}@{version} is stored with other bytes ({stored}): a version means one component for ever; give the \
         changed component a new version in its manifest"
    )]
    VersionTaken {
        /// The component.
        name: String,
        /// The version.
        version: String,
        /// Digest of the one that is there.
        stored: String,
    },
    /// A component that somebody runs.
    #[error("component {component} is in use: {}", list(used_by))]
    InUse {
        /// `name@version`.
        component: String,
        /// By whom.
        used_by: Vec<Usage>,
    },
    /// Somebody else changed the pipeline.
    #[error(
        "pipeline `{pipeline}` is {}, the request expects it to be {}: read it again, and repeat with the new \
         revision if the change still fits", at(*found), at(*expected)
    )]
    Revision {
        /// The pipeline.
        pipeline: String,
        /// What the caller knows.
        expected: u64,
        /// What is there. 0: there is none.
        found: u64,
    },
    /// Nothing to go back to.
    #[error(
        "step `{step}` of pipeline `{pipeline}` has no component before {current}, or it was gone back to already: nothing to go back to. \
         A swap runs any version"
    )]
    NothingBefore {
        /// The pipeline.
        pipeline: String,
        /// The step.
        step: String,
        /// The digest of what it runs.
        current: String,
    },
    /// Larger than a limit.
    #[error("{what} has {found} bytes; the limit `limits.{limit}` is {allowed}")]
    TooLarge {
        /// `the component`, `the specification`.
        what: &'static str,
        /// Key in the host's config.
        limit: &'static str,
        /// What it is.
        found: u64,
        /// What may be.
        allowed: u64,
    },
    /// A count or a total at its limit.
    #[error(
        "the host would hold {would} {what}; the limit `limits.{limit}` is {allowed}: remove some, or raise it"
    )]
    Full {
        /// `components`, `pipelines`, `bytes of components`.
        what: &'static str,
        /// Key in the host's config.
        limit: &'static str,
        /// What there would be.
        would: u64,
        /// What may be.
        allowed: u64,
    },
}

fn at(revision: u64) -> String {
    if revision == 0 { "new".into() } else { format!("at revision {revision}") }
}

fn list(used_by: &[Usage]) -> String {
    let one = |u: &Usage| {
        let role = if u.previous { " (as the version to roll back to)" } else { "" };
        format!("step `{}` of pipeline `{}`{role}", u.step, u.pipeline)
    };
    used_by.iter().map(one).collect::<Vec<_>>().join(", ")
}
