//! What to do when a pipeline fails, and when so much fails in it that it has to stop: pure decisions with the
//! clock passed in. Knows nothing of running pipelines or threads.

mod errors;
mod restart;

pub use errors::{ErrorGuard, Excess, Failed, Seen};
pub use restart::{Failures, RestartPolicy};
