//! What is kept of a component and of a pipeline: the shapes on disk. Fields may be added with a default;
//! anything else is a new format.

use std::collections::{BTreeMap, VecDeque};

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::codec::RegisteredSchema;

/// Changes that a pipeline remembers.
const REMEMBERED: usize = 100;

/// What a component says of itself that the catalog must know.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// Name in its manifest.
    pub name: String,
    /// Version in its manifest.
    pub version: String,
    /// World it is written for.
    pub world: String,
    /// All of its manifest.
    pub manifest: Value,
}

/// A stored component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComponentRecord {
    /// `sha256:` and 64 hex digits.
    pub digest: String,
    /// Name in its manifest.
    pub name: String,
    /// Version in its manifest.
    pub version: String,
    /// World it is written for.
    pub world: String,
    /// Size of its bytes.
    pub size_bytes: u64,
    /// When it was stored, milliseconds since 1970.
    pub uploaded_ms: u64,
    /// What it says of itself.
    pub manifest: Value,
}

impl ComponentRecord {
    /// `name@version`.
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// Whether a pipeline should run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// It should, also after the host starts again.
    Running,
    /// It should not.
    Stopped,
}

/// The component that a step runs, exactly, whatever its reference would mean later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pinned {
    /// Digest of the component.
    pub digest: String,
    /// The reference that it was found by.
    pub reference: String,
    /// Configuration given with a swap, in place of the one in the specification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Value>,
}

/// What a step runs and what it would go back to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pin {
    /// What it runs.
    pub current: Pinned,
    /// What it ran before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Pinned>,
}

/// What a registry or a sample said of a source's values or keys, or of a sink's, when the pipeline was applied:
/// it holds until the pipeline is applied with something else there, whatever they would say later.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PinnedSchema {
    /// The codec's own schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Arc<RegisteredSchema>>,
    /// Inferred columns: an Arrow IPC schema message, base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<String>,
    /// The subject that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The schema's version there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// The schema's id in the registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    /// Its GUID, as a UUID is written: where records name it by that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guid: Option<String>,
}

/// What changed a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A specification was applied.
    Apply,
    /// The component of a step was exchanged.
    Swap,
    /// The component before came back.
    Rollback,
}

/// A change of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The revision it made.
    pub revision: u64,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
    /// What it was.
    pub cause: Cause,
    /// For people.
    pub detail: String,
}

/// Too much of a pipeline failed: it should run, and does not until somebody starts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GaveUp {
    /// What failed, for people.
    pub reason: String,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
}

/// A stored pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PipelineRecord {
    /// Its name.
    pub name: String,
    /// Rises by one with every change.
    pub revision: u64,
    /// Whether it should run.
    pub wanted: Wanted,
    /// The specification, as it was written.
    pub spec: String,
    /// The components of its Wasm steps, by step.
    #[serde(default)]
    pub pins: BTreeMap<String, Pin>,
    /// What registries and samples said, by place: `sources.orders`, `sources.orders.key`, `sinks.alerts`,
    /// `sinks.alerts.key`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub schemas: BTreeMap<String, PinnedSchema>,
    /// Why it does not run although it should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gave_up: Option<GaveUp>,
    /// Its last changes, oldest first.
    #[serde(default)]
    pub history: VecDeque<Change>,
}

impl PipelineRecord {
    /// Rises to the next revision and remembers why.
    pub(super) fn advance(&mut self, cause: Cause, detail: String, at_ms: u64) {
        self.revision += 1;
        if self.history.len() == REMEMBERED {
            self.history.pop_front();
        }
        self.history.push_back(Change { revision: self.revision, at_ms, cause, detail });
    }

    /// The digests it needs, each with the step and whether it is only there to go back to.
    pub fn digests(&self) -> impl Iterator<Item = (&str, &str, bool)> {
        self.pins.iter().flat_map(|(step, pin)| {
            let current = (pin.current.digest.as_str(), step.as_str(), false);
            let previous = pin.previous.as_ref().map(|p| (p.digest.as_str(), step.as_str(), true));
            std::iter::once(current).chain(previous)
        })
    }
}
