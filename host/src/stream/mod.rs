//! Pipelines from within a Rust program: the model of `docs/pipeline.md`, built by a chain of calls, run by a host in
//! the program, with functions over record batches beside SQL and components. `docs/stream.md` is the guide.
//!
//! ```text
//! Pipeline (Source, Sink, Decode, Encode) ──▶ specification ──▶ spec::parse ──▶ control::Host ──▶ Running
//!          └ closures ──▶ operator::native::Functions ─────────────────────────────▲
//! ```
//! A builder writes a specification and nothing else: everything is checked, planned and run by the code that a file
//! goes through. Must not know of the admin API or the command line.

mod columns;
mod error;
mod format;
mod host;
mod item;
mod memory;
mod pipeline;
mod policy;
mod running;
mod sink;
mod source;
#[cfg(test)]
mod tests;
mod text;
mod watch;

pub use columns::Columns;
pub use error::StreamError;
pub use format::{Decode, Encode};
pub use host::{Host, HostBuilder};
pub use memory::{Input, Output};
pub use pipeline::{Pipeline, Ports};
pub use policy::{OnError, Then};
pub use running::Running;
pub use sink::Sink;
pub use source::Source;
pub use watch::{End, Until, Watch};

pub use crate::operator::native::{FlatMapped, Function, FunctionError, Functions};
pub use crate::spec::{Codec, Compression, Partitioner, Start};
pub use arrow;
pub use serde_json::json;

/// The guide: its programs are tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/stream.md")]
struct Guide;
