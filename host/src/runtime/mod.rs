//! Running a plan: a pipeline has a coordinator thread, and a task thread for each fragment and partition.
//!
//! ```text
//!  coordinator ──barrier──▶ source task ──────────▶ sink            one task: read → decode → walk the tree
//!   ▲    │                     │ channel (bounded)
//!   │    └─commit              ▼
//!   └────acks──────────── merging task ──────────▶ sink
//! ```
//! The coordinator drives the consumer groups, starts and drains tasks on a rebalance, sends barriers, commits
//! what every task has acknowledged, and restarts after a failure. Nothing here runs on the control plane's
//! threads. Knows nothing of the catalog, the API or Wasm engines: components come in as `operator::component`.

mod assembly;
mod connectors;
mod coordinator;
mod dead_letters;
mod input;
mod lanes;
mod life;
mod log;
mod metrics;
mod native;
mod refused;
mod replay;
mod retries;
mod run;
mod task;
#[cfg(test)]
mod tests;
mod under_replay;
mod walker;
mod watch;

pub use assembly::{Job, Resources};
pub use coordinator::{Handle, OnGiveUp, SOURCES_ENDED};
pub use life::{Life, Snapshot, State};
pub use log::{Level, LogEntry, PipelineLog};
pub use metrics::{NodeMetrics, NodeTotals, PipelineMetrics, SourceTotals};
pub use native::bind_native;
pub use replay::Outcome;
