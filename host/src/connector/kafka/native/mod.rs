//! What the `rdkafka` crate has no safe call for: reading a partition in runs, a producer without an object a
//! record, the mock cluster. All unsafe code of the connector is in this folder, each file a small safe type.
//! Knows nothing of specs, groups or writers.

mod client;
mod commits;
mod headers;
mod mock;
mod producer;
mod queue;

pub(super) use client::{property_names, retire};
pub(super) use commits::Commits;
pub(super) use headers::Headers;
pub(super) use mock::MockCluster;
pub(super) use producer::{Outgoing, Producer, Sent};
pub(super) use queue::PartitionQueue;
