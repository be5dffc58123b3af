//! A host's settings: `sabot.yaml`. Of `spec` it knows only how sizes are written and which name was meant; nothing
//! of pipelines, nor of who uses a setting.

mod error;
mod model;
mod parse;
mod registries;
mod values;

pub use error::{ConfigError, Mistake};
pub use model::*;
pub use values::Surroundings;
