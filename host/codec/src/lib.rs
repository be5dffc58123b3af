//! Batches, and what turns bytes into them and back: the two modules of the host that everything else builds on,
//! in a crate of their own because they are compiled and tested far more often than the rest. The host re-exports
//! them as its modules `batch` and `codec`. Knows nothing of connectors, operators, specifications or threads.

pub mod batch;
pub mod codec;
