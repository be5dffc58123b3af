//! A host's settings: `sabot.yaml`. Knows nothing of pipelines, nor of who uses a setting.

mod error;
mod model;
mod nearest;
mod parse;
mod values;

pub use error::{ConfigError, Mistake};
pub use model::*;
pub use nearest::{did_you_mean, nearest};
pub use values::Surroundings;
