//! Barriers: how a task with several inputs lines them up, and when a checkpoint is complete so that its
//! offsets may be committed. Pure: no IO, no clock, no threads.

mod alignment;
mod tracker;

pub use alignment::{Aligned, Alignment};
pub use tracker::{Acknowledgement, Completed, Tracker};
