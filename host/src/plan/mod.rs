//! From a specification to what runs: fragments, the channels between them, where each port leads, and which
//! columns are there. Pure: no IO, no clock, no components. Knows only `spec`.

mod build;
mod describe;
mod json;
mod model;
#[cfg(test)]
mod page;
mod render;
mod schemas;
mod sinks;
#[cfg(test)]
mod tests;
mod unions;

pub use build::plan;
pub use json::to_json;
pub use model::*;
pub use render::render;
pub use schemas::{BindError, Binder, Bound, Schemas, Unchecked, errors_schema, resolve};
