//! Sabot: a host for streaming pipelines whose user logic ships as WebAssembly components.
//!
//! The modules follow the data: `connector` → `codec` → `batch` → `operator` (native or `wasm`) →
//! `checkpoint` → `connector` again, driven by `runtime`. Control goes `admin` → `control` → `catalog`,
//! `supervise`, `runtime`. A program that embeds a host begins at [`stream`]. Imports point one way; ARCHITECTURE.md has the table and a test keeps it.

pub use sabot_codec::{batch, codec};
pub use stream::Pipeline;

pub mod admin;
pub mod catalog;
pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod connector;
pub mod control;
pub mod guest;
pub mod operator;
pub mod plan;
pub mod runtime;
pub mod spec;
pub mod stream;
pub mod supervise;
pub mod time;
pub mod wasm;
