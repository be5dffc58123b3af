//! A source as a program says it: a thin writer of the keys of a specification. `docs/pipeline.md` has all keys;
//! those without a method of their own are [`Source::set`].

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::columns::Columns;
use super::format::Decode;
use super::item::{Item, duration};
use super::policy::OnError;
use crate::spec::Start;

/// Where rows come from. Its name is that of the topic or of the kind, unless it is given one.
///
/// ```
/// use std::time::Duration;
/// use sabot::stream::{Decode, OnError, Source, Start};
///
/// let orders = Source::kafka("orders")
///     .start(Start::Latest)
///     .decode(Decode::json([("id", "int64"), ("at", "timestamp_ms")]))
///     .event_time("at", Duration::from_secs(5))
///     .on_error(OnError::Skip)
///     .set("batch_rows", 1000);
/// ```
#[derive(Clone, Debug)]
pub struct Source(pub(super) Item);

impl Source {
    /// A Kafka topic, of the connection `default`, from its oldest record on.
    pub fn kafka(topic: &str) -> Self {
        Source(Item::with(topic, "kafka.topic", topic))
    }

    /// A file; its format follows from its name.
    pub fn file(path: impl AsRef<Path>) -> Self {
        Source(Item::with("file", "file.path", path.as_ref().to_string_lossy()))
    }

    /// Made-up rows with these columns.
    pub fn generate(columns: impl Into<Columns>) -> Self {
        Source(Item::with("generate", "generate.schema", columns.into()))
    }

    /// Rows that the program pushes, by [`Running::input`](super::Running::input). Their channel belongs to the
    /// process: pipelines of one name on two hosts in a process share it.
    pub fn memory(columns: impl Into<Columns>) -> Self {
        Source(Item::with("memory", "memory.schema", columns.into()))
    }

    /// Another name.
    pub fn named(mut self, name: &str) -> Self {
        self.0.rename(name.to_owned());
        self
    }

    /// How bytes become rows.
    pub fn decode(self, decode: Decode) -> Self {
        self.set("decode", decode)
    }

    /// Kafka: where a partition without a committed offset starts.
    pub fn start(self, start: Start) -> Self {
        let start = match start {
            Start::Earliest => Value::from("earliest"),
            Start::Latest => "latest".into(),
            Start::Committed => "committed".into(),
            Start::Timestamp(millis) => json!({ "timestamp": millis }),
        };
        self.set("kafka.start", start)
    }

    /// Kafka: the consumer group, instead of the pipeline's name.
    pub fn group(self, group: &str) -> Self {
        self.set("kafka.group", group)
    }

    /// Kafka: the connection, instead of `default`.
    pub fn connection(self, name: &str) -> Self {
        self.set("kafka.connection", name)
    }

    /// The column of event time, and how far behind the newest a row may come.
    pub fn event_time(self, column: &str, out_of_order: Duration) -> Self {
        self.set("event_time.column", column).set("event_time.out_of_order", duration(out_of_order))
    }

    /// What becomes of records that do not decode.
    pub fn on_error(self, policy: OnError) -> Self {
        self.set("on_error", policy)
    }

    /// Any other key of a source, by its path: `batch_rows`, `generate.rate`.
    pub fn set(mut self, path: &str, value: impl Into<Value>) -> Self {
        self.0.set(path, value);
        self
    }
}
