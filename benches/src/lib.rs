//! What the benchmark programs share: the orders they run on, a Kafka to run them over, hand-written baselines
//! to compare with, and a report that people and programs can read. Knows nothing of what a program measures.

pub mod kafka;
pub mod orders;
pub mod raw;
pub mod report;
pub mod sabot_host;
pub mod usage;
