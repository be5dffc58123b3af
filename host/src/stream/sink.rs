//! A sink as a program says it: a thin writer of the keys of a specification. `docs/pipeline.md` has all keys;
//! those without a method of their own are [`Sink::set`].

use std::path::Path;

use serde_json::{Map, Value, json};

use super::format::Encode;
use super::item::Item;
use super::policy::OnError;
use crate::spec::{Compression, Partitioner};

/// Where rows go. Its name is that of the topic or of the kind, unless it is given one.
///
/// ```
/// use sabot::stream::{Compression, Encode, Sink};
///
/// let alerts = Sink::kafka("alerts")
///     .key(["user"])
///     .compression(Compression::Zstd)
///     .encode(Encode::json().only(["id", "user"]))
///     .set("kafka.linger", "20ms");
/// ```
#[derive(Clone, Debug)]
pub struct Sink(pub(super) Item);

impl Sink {
    /// A Kafka topic, of the connection `default`.
    pub fn kafka(topic: &str) -> Self {
        Sink(Item::with(topic, "kafka.topic", topic))
    }

    /// A file; its format follows from its name.
    pub fn file(path: impl AsRef<Path>) -> Self {
        Sink(Item::with("file", "file.path", path.as_ref().to_string_lossy()))
    }

    /// Standard output, a line a row.
    pub fn stdout() -> Self {
        Sink(Item::with("stdout", "stdout", Map::new()))
    }

    /// Nowhere.
    pub fn blackhole() -> Self {
        Sink(Item::with("blackhole", "blackhole", Map::new()))
    }

    /// The program itself, by [`Running::output`](super::Running::output). A program that does not take the rows
    /// makes the pipeline wait. Their channel belongs to the process: pipelines of one name on two hosts in a
    /// process share it.
    pub fn memory() -> Self {
        Sink(Item::with("memory", "memory", Map::new()))
    }

    /// Another name.
    pub fn named(mut self, name: &str) -> Self {
        self.0.rename(name.to_owned());
        self
    }

    /// How rows become bytes: JSON, where nothing is said.
    pub fn encode(self, encode: Encode) -> Self {
        self.set("encode", encode)
    }

    /// Kafka: columns of the key.
    pub fn key<N: Into<String>>(self, columns: impl IntoIterator<Item = N>) -> Self {
        self.set("kafka.key", columns.into_iter().map(Into::into).collect::<Vec<String>>())
    }

    /// Kafka: how a partition is chosen.
    pub fn partitioner(self, partitioner: Partitioner) -> Self {
        let partitioner = match partitioner {
            Partitioner::Murmur2 => Value::from("murmur2"),
            Partitioner::Crc32 => "crc32".into(),
            Partitioner::RoundRobin => "round_robin".into(),
            Partitioner::Column(column) => json!({ "column": column }),
        };
        self.set("kafka.partitioner", partitioner)
    }

    /// Kafka: compression of batches.
    pub fn compression(self, compression: Compression) -> Self {
        let word = match compression {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Snappy => "snappy",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
        };
        self.set("kafka.compression", word)
    }

    /// Kafka: the connection, instead of `default`.
    pub fn connection(self, name: &str) -> Self {
        self.set("kafka.connection", name)
    }

    /// What becomes of rows that do not encode, or that the sink refuses.
    pub fn on_error(self, policy: OnError) -> Self {
        self.set("on_error", policy)
    }

    /// Any other key of a sink, by its path: `kafka.linger`, `encode.layout`.
    pub fn set(mut self, path: &str, value: impl Into<Value>) -> Self {
        self.0.set(path, value);
        self
    }
}
