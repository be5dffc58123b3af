//! A host's settings: `sabot.yaml`. Knows nothing of pipelines, nor of who uses a setting.

mod model;

pub use model::*;
