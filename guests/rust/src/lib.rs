//! Write Sabot operators in Rust.
//!
//! An operator is a WebAssembly component that a Sabot host runs over batches of rows. With this crate it is a
//! function over one row:
//!
//! ```
//! use sabot_sdk::prelude::*;
//!
//! #[derive(Row)]
//! struct Order<'a> {
//!     user: &'a str,
//!     amount: f64,
//! }
//!
//! #[derive(serde::Deserialize)]
//! struct Config {
//!     min: f64,
//! }
//!
//! #[sabot::filter]
//! fn large_orders(order: Order, config: &Config) -> bool {
//!     order.amount >= config.min && order.user != "test"
//! }
//! # fn main() {}
//! ```
//!
//! `sabot build` compiles it for `wasm32-unknown-unknown` and makes a component of it. The attributes are
//! [`filter`](macro@filter), [`map`](macro@map), [`flat_map`](macro@flat_map) and [`scalar`](macro@scalar); for what
//! they cannot say, and for agents and aggregates, implement a trait of [`operator`] and [`export!`] it.
//!
//! The crate knows the interface (`wit/`) and Arrow's types, nothing of the host.

#[cfg(test)]
extern crate self as sabot_sdk;

#[cfg(feature = "arrow")]
pub mod arrow;
#[doc(hidden)]
pub mod bindings;
mod error;
mod host;
pub mod ipc;
mod manifest;
pub mod operator;
pub mod row;
#[cfg(test)]
mod testing;
#[doc(hidden)]
pub mod world;

pub use arrow_schema as schema;
pub use error::{OpError, RowError, RowErrors};
pub use host::{Level, count, log, now_ms, random};
pub use ipc::Malformed;
pub use manifest::{Capability, Columns, Manifest, Port};
pub use operator::{
    Agent, Aggregate, Emitter, Filter, FlatMap, Map, NoConfig, Operator, Output, Scalar, Selection,
};
pub use row::{Batch, Bytes, Date, OutputRow, Row, Rows, TimestampMs, TimestampNs, TimestampS, TimestampUs};
pub use sabot_sdk_macros::{OutputRow, Row, filter, flat_map, map, scalar};
pub use world::aggregate_ports;

/// What an operator needs: `use sabot_sdk::prelude::*;`. It brings the crate itself as `sabot`.
pub mod prelude {
    pub use crate as sabot;
    pub use crate::{
        Agent, Aggregate, Batch, Bytes, Capability, Columns, Date, Emitter, Filter, FlatMap, Level, Manifest,
        Map, NoConfig, OpError, Operator, Output, OutputRow, Port, Row, RowError, RowErrors, Rows, Scalar,
        Selection, TimestampMs, TimestampNs, TimestampS, TimestampUs, count, log,
    };
}
