//! Components: all of wasmtime is in here, behind the operator's seam
//! ([`Version`](crate::operator::component::Version), [`Guest`](crate::operator::component::Guest)). Uses `batch`,
//! `operator` and `spec`; must know nothing of pipelines, tasks, the catalog or HTTP.
//!
//! ```text
//! bytes ─ Engine::compile ─ Component ─ bind ─ Bound ─ instantiate ─ Guest
//!         (pool, cache,      (schema, config,  (a Version)     (a store, a task)
//!          inspect, describe) grants, limits)
//! ```
//!
//! Nothing a guest says is believed: its manifest ([`Manifest`]), its types ([`Inspection`]), its schemas and every
//! batch are checked; its memory, time, stack, results and logs have limits ([`limits`]).

mod accumulator;
mod bind;
mod bindings;
mod boundary;
mod cache;
mod component;
mod config;
mod context;
mod engine;
mod error;
mod inspect;
mod instance;
pub mod limits;
mod linker;
mod log;
mod manifest;
mod outline;
mod ports;
mod processor;
mod run;
mod sandbox;

pub use bind::{Bound, config_text};
pub use bindings::Level;
pub use component::Component;
pub use engine::{Engine, EngineOptions};
pub use error::WasmError;
pub use inspect::Inspection;
pub use log::LogSink;
pub use manifest::{ColumnDecl, Columns, Manifest, StateDecl, World};
pub use run::{GroupedRun, Run, run_groups, run_once};
