//! Kafka: consumer groups, partitions, producers, and the embedded broker. The only place that knows `rdkafka`.
//! Knows nothing of operators, plans or the runtime.
//!
//! ```text
//! Connections ─ a connection: properties, bytes to queue, what is known of topics
//!   │
//!   ├─ KafkaGroup ── Consumer ── librdkafka ── PartitionQueue ── PartitionReader ──▶ RawRecords
//!   │    poll: Ask (are topics there? where to begin?), assign, commit
//!   │
//!   └─ KafkaWriter ┐
//!      KafkaDeadLetters ┴─ Outbox ── Producer ── librdkafka ── Acks ──▶ which barrier is delivered
//! ```
//!
//! A consumer a group: all partitions of all topics of a pipeline's sources on a connection. A producer a writer.
//! What their queues may hold is a share of the host's `limits.kafka_queue_bytes`.

mod acks;
mod ask;
mod budget;
mod columns;
mod connection;
mod consumer;
mod dead_letters;
mod embedded;
mod failure;
mod forward;
mod gap;
mod group;
mod link;
mod log;
mod lookup;
mod native;
mod outbox;
mod reader;
mod sample;
mod settings;
mod similar;
mod start;
mod topic;
mod writer;

pub use connection::{Connection, Connections};
pub use dead_letters::{KafkaDeadLetters, KafkaLetters};
pub use embedded::{DEFAULT_PARTITIONS, EmbeddedBroker};
pub use group::{GroupSource, KafkaGroup};
pub use sample::sample;
pub use writer::KafkaWriter;

#[cfg(test)]
mod tests;
