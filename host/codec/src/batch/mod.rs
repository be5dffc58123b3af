//! What moves through a pipeline: raw records as a connector read them, and Arrow batches that remember
//! which record each row came from. Knows nothing of connectors, codecs, operators or threads.

mod message;
mod origin;
mod raw;

pub use message::{Barrier, Message};
pub use origin::{Batch, NO_RECORD, Origin, Parents};
pub use raw::{RawRecord, RawRecords};
