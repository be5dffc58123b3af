//! Calls components: exchanges them between two batches, takes a bad one back, and finds the row on which one
//! fails. Knows nothing of any WebAssembly runtime, of the catalog or of threads.

mod guest;

pub use guest::{CallError, Guest, Version};
