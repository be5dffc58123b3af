//! Event time: when a source's watermark moves, and how the watermarks of several inputs merge. Pure: no
//! clock, no threads, no IO.

mod watermark;

pub use watermark::{BoundedOutOfOrder, WatermarkMerge};
