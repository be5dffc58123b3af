//! What the user wrote: a pipeline as data, with defaults filled in, and every mistake in it at once, each with
//! its path, what was expected and the nearest right name. Knows nothing of how a pipeline runs.

mod model;

pub use model::*;
