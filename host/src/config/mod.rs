//! A host's settings: `sabot.yaml`. Knows nothing of pipelines, nor of who uses a setting.

mod model;
mod nearest;

pub use model::*;
pub use nearest::{did_you_mean, nearest};
