//! The shapes that go over HTTP: what the admin API answers, what the command line reads. Plain data with the
//! names of the outside. Knows nothing of how a host does its work, nor of axum.

mod dead_letters;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

pub use dead_letters::*;

use super::Reason;

/// Why a request was refused: the problem document of RFC 9457, with every reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What kind of refusal, stable: `urn:sabot:conflict`.
    #[serde(rename = "type")]
    #[schema(example = "urn:sabot:conflict")]
    pub kind: String,
    /// One line: what was refused.
    pub title: String,
    /// The status of the response.
    #[schema(example = 409)]
    pub status: u16,
    /// All reasons in one text.
    pub detail: String,
    /// Every reason, with its place in what was sent where it has one.
    pub reasons: Vec<Reason>,
}

/// A step of a pipeline that needs a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// The pipeline.
    pub pipeline: String,
    /// The step.
    pub step: String,
    /// It does not run it now, and would come back to it by a rollback.
    #[serde(default)]
    pub previous: bool,
}

/// A stored component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ComponentInfo {
    /// `sha256:` and 64 hex digits of its bytes.
    #[schema(example = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    pub digest: String,
    /// Name in its manifest.
    pub name: String,
    /// Version in its manifest.
    pub version: String,
    /// The world it is written for: `filter`, `map`, `flat-map`, `scalar`, `aggregate`, `agent`.
    pub world: String,
    /// Size of the uploaded file.
    pub size_bytes: u64,
    /// When it was stored, milliseconds since 1970.
    pub uploaded_ms: u64,
    /// What it says of itself.
    pub manifest: Value,
    /// Who runs it, or would come back to it by a rollback.
    #[serde(default)]
    pub used_by: Vec<Usage>,
}

/// What an upload did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Pushed {
    /// The component.
    #[serde(flatten)]
    pub component: ComponentInfo,
    /// Whether it was not there before.
    pub created: bool,
}

/// What an apply did, or would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    /// The pipeline.
    pub name: String,
    /// Its revision now; with a dry run, the one it would get.
    pub revision: u64,
    /// Whether there was no pipeline of this name.
    pub created: bool,
    /// Whether anything differs from the revision before.
    pub changed: bool,
    /// Whether nothing was done: `dry_run=true`.
    #[serde(default)]
    pub dry_run: bool,
    /// Fragments, tasks and channels.
    pub plan: Value,
    /// The same for people.
    pub plan_text: String,
    /// What is allowed and probably not meant.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// What the user wants a pipeline to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Desired {
    /// To run, also after the host starts again.
    Running,
    /// To stay stopped.
    Stopped,
}

/// What a pipeline does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PipelineState {
    /// Connecting, compiling, binding.
    Starting,
    /// Moving records.
    Running,
    /// Holding still; the reason says what for.
    Paused,
    /// Given up, or waiting for its next try; the reason says why.
    Failed,
    /// At rest.
    Stopped,
}

impl PipelineState {
    /// The word used everywhere outside.
    pub fn as_str(self) -> &'static str {
        match self {
            PipelineState::Starting => "starting",
            PipelineState::Running => "running",
            PipelineState::Paused => "paused",
            PipelineState::Failed => "failed",
            PipelineState::Stopped => "stopped",
        }
    }
}

/// A pipeline and its figures, counted since the pipeline was started on this host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PipelineStatus {
    /// Its name.
    pub name: String,
    /// Rises by one with every change, swap and rollback.
    pub revision: u64,
    /// What was asked for.
    pub desired: Desired,
    /// What it does.
    pub state: PipelineState,
    /// Why it failed, pauses or starts again.
    #[serde(default)]
    pub reason: Option<String>,
    /// How often it was restarted after a failure.
    pub restarts: u64,
    /// When it came into this state, milliseconds since 1970.
    pub since_ms: u64,
    /// Tasks that run.
    pub tasks: u32,
    /// Where it reads.
    pub sources: Vec<SourceStatus>,
    /// What it does with the rows.
    pub steps: Vec<StepStatus>,
    /// Where it writes.
    pub sinks: Vec<SinkStatus>,
    /// Records written to the dead letters.
    pub dead_letters: u64,
    /// The specification as it was applied; left out of lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<String>,
}

/// An input and how far it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceStatus {
    /// Its name.
    pub name: String,
    /// Topic, path or generator.
    pub topic: String,
    /// Partitions that this host reads.
    pub partitions: Vec<PartitionStatus>,
    /// Records between here and the end, over all partitions; unknown when any is.
    #[serde(default)]
    pub lag: Option<u64>,
    /// Records read.
    pub records: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Records that did not decode.
    pub decode_errors: u64,
    /// Event time has come this far (milliseconds since 1970), where the source has event time.
    #[serde(default)]
    pub watermark_ms: Option<i64>,
    /// Its columns: as declared, as a registry says, or as a sample showed when the pipeline was applied.
    #[serde(default)]
    pub columns: Vec<Column>,
}

/// A column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as a specification writes it; `!` at the end: never null.
    #[serde(rename = "type")]
    pub of: String,
}

/// A partition and how far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartitionStatus {
    /// Its number.
    pub partition: i32,
    /// The next offset to read.
    pub position: i64,
    /// Everything below it is done and committed.
    #[serde(default)]
    pub committed: Option<i64>,
    /// Records between the position and the end.
    #[serde(default)]
    pub lag: Option<u64>,
}

/// A step and its figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepStatus {
    /// Its name.
    pub name: String,
    /// `filter`, `select`, `route`, `union`, `wasm`, `native`.
    pub kind: String,
    /// The component it runs, if it runs one.
    #[serde(default)]
    pub component: Option<StepComponent>,
    /// Figures of each version that ran since the pipeline was started, oldest first.
    #[serde(default)]
    pub versions: Vec<VersionStatus>,
    /// Rows taken.
    pub rows_in: u64,
    /// Rows given, over all ports but `errors`.
    pub rows_out: u64,
    /// Rows refused.
    pub errors: u64,
    /// Time spent in it, over all tasks.
    pub busy_ms: u64,
}

/// The component that a step runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepComponent {
    /// Digest of its bytes.
    pub digest: String,
    /// Name in its manifest.
    pub name: String,
    /// Version in its manifest.
    pub version: String,
    /// Rises by one with every exchange while the pipeline runs.
    pub generation: u64,
    /// Whether a failure would still bring the version before back.
    pub probation: bool,
    /// What the version that runs has counted itself, by name, since it was brought in.
    #[serde(default)]
    pub counters: BTreeMap<String, u64>,
    /// The last exchange.
    #[serde(default)]
    pub last_swap: Option<LastSwap>,
}

/// An exchange of a component and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastSwap {
    /// `name@version` before.
    pub from: String,
    /// `name@version` it was exchanged for.
    pub to: String,
    /// How it ended.
    pub outcome: SwapOutcome,
    /// Why it was taken back.
    #[serde(default)]
    pub reason: Option<String>,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SwapOutcome {
    /// The new version runs, on probation.
    OnProbation,
    /// The new version stays.
    Kept,
    /// The new version failed and the old one is back.
    RolledBack,
}

/// Figures of one version of a step's component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionStatus {
    /// `name@version`, with the start of its digest where two share it.
    pub label: String,
    /// Rows taken.
    pub rows_in: u64,
    /// Rows given.
    pub rows_out: u64,
    /// Rows refused.
    pub errors: u64,
    /// Calls that trapped.
    pub traps: u64,
}

/// An output and its figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SinkStatus {
    /// Its name.
    pub name: String,
    /// Topic or path.
    pub topic: String,
    /// Rows handed to it; what it has not delivered yet is not committed either.
    pub rows: u64,
    /// Bytes of their values, where it makes them into bytes: Kafka, lines of a file, standard output.
    pub bytes: u64,
    /// Rows that did not encode.
    pub errors: u64,
}

/// How the new version comes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SwapMode {
    /// Between two batches, everywhere.
    #[default]
    Now,
    /// Beside the old one, outputs compared.
    Shadow,
    /// On some partitions.
    Canary,
}

/// A request to exchange the component of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SwapRequest {
    /// `name` (the newest), `name@version` or `sha256:…` (a unique prefix will do).
    #[serde(rename = "ref")]
    #[schema(example = "scorer@1.3.0")]
    pub reference: String,
    /// The new version's configuration; left out, that of the running one stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Value>,
    /// How it comes in.
    #[serde(default)]
    pub mode: SwapMode,
    /// The pipeline's revision that the caller knows; another one is a conflict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<u64>,
}

/// A request to go back to the component before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// The pipeline's revision that the caller knows; another one is a conflict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<u64>,
}

/// What an exchange did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Swapped {
    /// The pipeline's revision now.
    pub revision: u64,
    /// `name@version` before.
    pub from: String,
    /// `name@version` now.
    pub to: String,
    /// Number of the last checkpoint that was complete when the exchange began: all that it covers was made by the
    /// versions before. Counted anew with each start of the pipeline; left out before the first one, where the pipeline
    /// does not run, and where nothing was done.
    #[serde(default)]
    pub checkpoint: Option<u64>,
    /// The longest time that a task stood still for it.
    pub pause_ms: f64,
    /// Whether that component with that configuration ran already, and nothing was done.
    #[serde(default)]
    pub noop: bool,
}

/// A line that a pipeline, or a component in it, logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// Rises with every line of the pipeline.
    #[serde(default)]
    pub seq: u64,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
    /// `debug`, `info`, `warn`, `error`.
    pub level: String,
    /// The step whose component logged it; left out when the host did.
    #[serde(default)]
    pub step: Option<String>,
    /// What it says.
    pub message: String,
}

/// All components.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Components {
    /// By name, then oldest version first.
    pub components: Vec<ComponentInfo>,
}

/// All pipelines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Pipelines {
    /// By name.
    pub pipelines: Vec<PipelineStatus>,
}

/// Log of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Logs {
    /// Oldest first.
    pub lines: Vec<LogLine>,
}
