//! A pipeline's specification after parsing: plain data, defaults applied, every name checked. Knows nothing of
//! the text it came from.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use arrow::datatypes::SchemaRef;

pub use super::formats::*;
use super::policy::{ErrorLimit, ErrorPolicy};
pub use crate::codec::{self, Codec};

/// A pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    /// Its name: also the default consumer group.
    pub name: String,
    /// What is promised about each record.
    pub delivery: Delivery,
    /// Barriers.
    pub checkpoint: Checkpoint,
    /// Where dead letters go.
    pub dead_letter: DeadLetterTarget,
    /// How much may fail before the pipeline stops.
    pub errors: ErrorLimit,
    /// Inputs, in the order written.
    pub sources: Vec<Source>,
    /// Operators, in the order written.
    pub steps: Vec<Step>,
    /// Outputs, in the order written.
    pub sinks: Vec<Sink>,
}

impl Pipeline {
    /// The source of this name.
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// The step of this name.
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// The sink of this name.
    pub fn sink(&self, name: &str) -> Option<&Sink> {
        self.sinks.iter().find(|sink| sink.name == name)
    }
}

/// What is promised about each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// None lost; after a failure some may come twice.
    AtLeastOnce,
}

/// When progress is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Time between barriers.
    pub every: Duration,
}

/// Where dead letters go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadLetterTarget {
    /// A file of JSON lines in the host's data folder.
    HostFile,
    /// A file of JSON lines.
    File(PathBuf),
    /// A topic; the failure is told in headers.
    Kafka {
        /// Name of the connection.
        connection: String,
        /// The topic, which must exist.
        topic: String,
    },
}

/// An input.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Where from.
    pub connector: SourceConnector,
    /// How bytes become rows; `None` where the connector makes rows itself.
    pub decode: Option<Decode>,
    /// The columns of its rows, whoever makes them: those of `decode`, of the generator, of the CSV or Arrow
    /// file, or of what the embedding program pushes. `None` until a registry or a sample has been asked
    /// ([`Pipeline::know`]).
    pub schema: Option<SchemaRef>,
    /// What the codec is told, once the columns are known.
    pub decoder: Option<codec::Decode>,
    /// Event time, if any.
    pub event_time: Option<EventTime>,
    /// For records that do not decode.
    pub on_error: ErrorPolicy,
    /// At most this many rows in a batch.
    pub batch_rows: usize,
}

/// Event time of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTime {
    /// The column, of a timestamp type or int64 milliseconds.
    pub column: String,
    /// How far behind the newest a row may come.
    pub out_of_order: Duration,
}

/// Where a source reads.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceConnector {
    /// A Kafka topic.
    Kafka(KafkaSource),
    /// A file or folder of files.
    File(FileSource),
    /// Made-up rows.
    Generate(Generate),
    /// Rows pushed by the embedding program, by name.
    Memory {
        /// Name in the process-wide registry.
        name: String,
    },
}

/// A Kafka topic to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSource {
    /// Name of a connection in the host's config.
    pub connection: String,
    /// The topic.
    pub topic: String,
    /// Consumer group; the pipeline's name when not given.
    pub group: Option<String>,
    /// Where to start a partition that has no committed offset.
    pub start: Start,
}

/// Where to start a partition that has no committed offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The oldest record.
    Earliest,
    /// After the newest record.
    Latest,
    /// Nowhere: a partition without a committed offset fails the pipeline.
    Committed,
    /// The first record at or after this time (milliseconds since 1970).
    Timestamp(i64),
}

/// Format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// One record a line, decoded and encoded by the codec.
    Lines,
    /// Comma separated, with a first line that names the columns.
    Csv,
    /// Arrow IPC file or stream.
    Arrow,
}

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSource {
    /// The file.
    pub path: PathBuf,
    /// Its format.
    pub format: FileFormat,
}

/// Made-up rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Generate {
    /// The columns.
    pub schema: SchemaRef,
    /// How values of a column are made, by column; others are made by type.
    pub columns: Vec<(String, GenerateColumn)>,
    /// Rows a second over all partitions; `None` is as fast as it goes.
    pub rate: Option<u64>,
    /// Rows in all; `None` never ends.
    pub count: Option<u64>,
    /// Partitions, a task each.
    pub partitions: u32,
    /// The same seed makes the same rows.
    pub seed: u64,
}

/// How a generated column is made.
#[derive(Clone, Debug, PartialEq)]
pub enum GenerateColumn {
    /// 0, 1, 2, … over all partitions without gaps or repeats.
    Sequence,
    /// A number in a range, uniform.
    Range {
        /// Lowest.
        min: f64,
        /// Highest.
        max: f64,
    },
    /// One of `count` keys, `prefix` before a number; key `k` is drawn in proportion to `1 / (k + 1)^skew`.
    Keys {
        /// How many.
        count: u64,
        /// 0 is uniform.
        skew: f64,
        /// Before the number, in string columns.
        prefix: String,
    },
    /// The time of day.
    Now,
    /// One of these.
    OneOf(Vec<String>),
}

/// A reference to a port: `name` or `name.port`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PortRef {
    /// Source or step.
    pub node: String,
    /// Port; `None` is the main one (also where the user wrote `name.main`).
    pub port: Option<String>,
}

impl PortRef {
    /// The port's name: `main` where none is given.
    pub fn port_name(&self) -> &str {
        self.port.as_deref().unwrap_or(PORT_MAIN)
    }
}

impl fmt::Display for PortRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.port {
            None => f.write_str(&self.node),
            Some(port) => write!(f, "{}.{port}", self.node),
        }
    }
}

/// The port that a step without named ports answers on.
pub const PORT_MAIN: &str = "main";
/// The port of the rows that a step refuses.
pub const PORT_ERRORS: &str = "errors";

/// An operator.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// What it reads: one, or several in union.
    pub from: Vec<PortRef>,
    /// What it does.
    pub kind: StepKind,
    /// For rows it refuses, when nobody reads its `.errors` port.
    pub on_error: ErrorPolicy,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum StepKind {
    /// Passes everything on: a union.
    Union,
    /// Keeps rows for which an SQL expression is true.
    Filter {
        /// The expression.
        expression: String,
    },
    /// Computes columns by SQL expressions.
    Select {
        /// Expressions, each `expr`, `expr as name` or `*`.
        items: Vec<String>,
    },
    /// Sends each row out of the first port whose SQL expression is true.
    Route {
        /// Port and expression, in order; `None` is `otherwise`.
        branches: Vec<(String, Option<String>)>,
    },
    /// A component.
    Wasm(Wasm),
    /// A function of the program that embeds the host.
    Native(Native),
}

/// A function of the program that embeds the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Native {
    /// The name under which that program registered it for this pipeline.
    pub function: String,
    /// Columns of its rows; `None`: those of its input.
    pub schema: Option<SchemaRef>,
}

/// A component in a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Wasm {
    /// `name`, `name@version`, `sha256:…`, or a path that ends in `.wasm` (see [`Wasm::is_path`]).
    pub component: String,
    /// Given to `bind`.
    pub config: serde_json::Value,
    /// Capabilities that the pipeline grants: `clock`, `entropy`.
    pub grant: Vec<String>,
    /// Limits.
    pub limits: WasmLimits,
    /// After a swap, how long the new version is on probation.
    pub probation: Probation,
}

impl Wasm {
    /// The component is a file beside the spec rather than one of the catalog: for `sabot run` and tests.
    pub fn is_path(&self) -> bool {
        self.component.ends_with(".wasm")
    }
}

/// How long a swapped-in version is on probation: a failure within it brings the old one back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probation {
    /// At least this many batches on each task, and
    pub batches: u32,
    /// at least this long.
    pub time: Duration,
}

/// Limits of one instance of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WasmLimits {
    /// Linear memory, bytes.
    pub memory_bytes: usize,
    /// Time for one batch.
    pub batch_timeout: Duration,
    /// Bytes that one call may emit.
    pub emit_bytes: usize,
}

impl Default for WasmLimits {
    fn default() -> Self {
        WasmLimits { memory_bytes: 64 << 20, batch_timeout: Duration::from_secs(1), emit_bytes: 64 << 20 }
    }
}

/// An output.
#[derive(Clone, Debug, PartialEq)]
pub struct Sink {
    /// Its name.
    pub name: String,
    /// What it reads: one, or several in union.
    pub from: Vec<PortRef>,
    /// Where to.
    pub connector: SinkConnector,
    /// How rows become bytes; `None` where the connector takes rows.
    pub encode: Option<Encode>,
    /// What the codec is told. What names its schema in a registry is there once that was asked
    /// ([`Pipeline::register`]).
    pub encoder: Option<codec::Encode>,
    /// The same for keys; `None` where they are text.
    pub key_encoder: Option<codec::Encode>,
    /// For rows that do not encode.
    pub on_error: ErrorPolicy,
}

/// Where a sink writes.
#[derive(Clone, Debug, PartialEq)]
pub enum SinkConnector {
    /// A Kafka topic.
    Kafka(KafkaSink),
    /// A file.
    File {
        /// The file; several tasks write `path`, `path.1`, `path.2`, ….
        path: PathBuf,
        /// Its format.
        format: FileFormat,
    },
    /// The host's standard output, a line a row.
    Stdout,
    /// Nowhere.
    Blackhole,
    /// The embedding program, by name.
    Memory {
        /// Name in the process-wide registry.
        name: String,
    },
}

/// A Kafka topic to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSink {
    /// Name of a connection in the host's config.
    pub connection: String,
    /// The topic.
    pub topic: String,
    /// Columns of the key, joined as the partitioner hashes them; empty: no key.
    pub key: Vec<String>,
    /// How a partition is chosen.
    pub partitioner: Partitioner,
    /// Compression of batches.
    pub compression: Compression,
    /// How long a batch may wait to fill.
    pub linger: Duration,
    /// Bytes of a batch.
    pub batch_bytes: usize,
    /// Columns that become headers.
    pub headers: Vec<String>,
    /// Column of the record timestamp; `None`: the broker's or producer's clock.
    pub timestamp: Option<String>,
    /// Boolean column: where it is true the record has no value (a tombstone), which deletes its key.
    pub tombstone: Option<String>,
}

/// How a partition is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Partitioner {
    /// By key, as the Java client does; without a key, sticky random.
    Murmur2,
    /// By key, CRC-32 as librdkafka does; without a key, random.
    Crc32,
    /// In turn.
    RoundRobin,
    /// The number in this column.
    Column(String),
}

/// Compression of a producer's batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// None.
    None,
    /// gzip.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}
