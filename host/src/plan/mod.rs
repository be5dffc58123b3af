//! From a specification to what runs: fragments, the channels between them, and where each port leads. Pure:
//! no IO, no clock, no components. Knows only `spec`.

mod model;

pub use model::*;
