//! What a specification says of bytes and rows: a source's `decode`, a sink's `encode`, and what is known once a
//! registry or a sample has been asked. Plain data; who asks is not known here.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::model::{Pipeline, SourceConnector};
use crate::codec::wire::{Part, SchemaId};
use crate::codec::{self, Codec, Meta, RegisteredSchema, Tombstone};

/// How a source's bytes become rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Decode {
    /// The codec of the values.
    pub value: ValueFormat,
    /// The codec of the keys, which become the column `$key`; `None`: as text, where that column is asked for.
    pub key: Option<ValueFormat>,
    /// Further columns: what is beside the value of a record.
    pub include: Vec<Meta>,
    /// What a record without a value is.
    pub tombstone: Tombstone,
}

/// A codec, and where its columns come from.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueFormat {
    /// The codec.
    pub codec: Codec,
    /// Where its columns come from.
    pub columns: Columns,
}

/// Where columns come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Columns {
    /// They are written down.
    Given(SchemaRef),
    /// From the codec's own schema, which is written down.
    Defined(Arc<RegisteredSchema>),
    /// From a schema registry: every value names its schema, and all are read as the one that is pinned when the
    /// pipeline is applied.
    Registered(Registered),
    /// From records that are there when the pipeline is applied.
    Inferred(Sample),
}

/// A subject of a schema registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Name of a registry in the host's config.
    pub registry: String,
    /// The subject; `None`: what the strategy says.
    pub subject: Option<String>,
    /// Its version; `None`: the newest.
    pub version: Option<u32>,
    /// Protobuf: full name of the message.
    pub message: Option<String>,
}

/// What is looked at to infer columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// At most this many records.
    pub records: usize,
    /// For at most this long.
    pub within: Duration,
}

impl Default for Sample {
    fn default() -> Self {
        Sample { records: 1_000, within: Duration::from_secs(5) }
    }
}

/// How a sink's rows become bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Encode {
    /// The codec.
    pub codec: Codec,
    /// Only these columns, in this order; `None` is all.
    pub columns: Option<Vec<String>>,
    /// The codec's own schema, where it is written down.
    pub definition: Option<Arc<RegisteredSchema>>,
    /// The registry that the schema is registered with; records then name it.
    pub registry: Option<SinkRegistry>,
    /// MessagePack: rows as arrays of their values, not as maps.
    pub arrays: bool,
    /// The codec of the keys, of the sink's key columns; `None`: as text.
    pub key: Option<Box<Encode>>,
}

impl Encode {
    /// All columns, nothing else said.
    pub fn plain(codec: Codec) -> Encode {
        Encode { codec, columns: None, definition: None, registry: None, arrays: false, key: None }
    }

    /// What is said of values, or of keys.
    pub fn part(&self, part: Part) -> Option<&Encode> {
        match part {
            Part::Value => Some(self),
            Part::Key => self.key.as_deref(),
        }
    }
}

impl Encode {
    /// As the codecs take it; `registered` is the schema with what names it.
    pub fn to_codec(&self, registered: Option<(Arc<RegisteredSchema>, SchemaId)>) -> codec::Encode {
        let (writer, schema_id) = match registered {
            Some((schema, id)) => (Some(schema), Some(id)),
            None => (self.definition.clone(), None),
        };
        codec::Encode {
            codec: self.codec,
            columns: self.columns.clone(),
            writer,
            arrays: self.arrays,
            schema_id,
        }
    }
}

/// Where and how a sink's schema is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkRegistry {
    /// Name of a registry in the host's config.
    pub registry: String,
    /// The subject; `None`: what the strategy says.
    pub subject: Option<String>,
    /// How the subject is named.
    pub strategy: codec::registry::Strategy,
    /// Whether rows are written by the subject's newest schema rather than by one of their own.
    pub latest: bool,
    /// Protobuf: which message of the newest schema; `None`: its first.
    pub message: Option<String>,
    /// Whether records name the schema by its GUID in a header, and not by its id before the value.
    pub in_header: bool,
}

/// What is known of a source's values or keys after a registry or a sample has been asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The columns.
    pub columns: SchemaRef,
    /// The schema that they were derived from.
    pub reader: Option<Arc<RegisteredSchema>>,
}

impl ValueFormat {
    /// What can be known without asking anybody; `None`: somebody has to be asked.
    ///
    /// # Errors
    /// A definition that is no schema of its codec, or holds what no column can hold.
    pub fn settle(&self) -> Result<Option<Settled>, String> {
        match &self.columns {
            Columns::Given(columns) => Ok(Some(Settled { columns: Arc::clone(columns), reader: None })),
            Columns::Defined(schema) => self.settle_by(schema).map(Some),
            Columns::Registered(_) | Columns::Inferred(_) => Ok(None),
        }
    }

    /// By the codec's own schema.
    ///
    /// # Errors
    /// As [`settle`](Self::settle).
    pub fn settle_by(&self, schema: &Arc<RegisteredSchema>) -> Result<Settled, String> {
        let columns = codec::columns(self.codec, schema)?;
        Ok(Settled { columns, reader: Some(Arc::clone(schema)) })
    }

    fn framing(&self) -> codec::Framing {
        match &self.columns {
            Columns::Registered(registered) => {
                codec::Framing::Confluent { registry: registered.registry.clone() }
            }
            _ => codec::Framing::None,
        }
    }

    fn to_codec(&self, settled: &Settled) -> codec::Decode {
        codec::Decode {
            codec: self.codec,
            schema: Arc::clone(&settled.columns),
            reader: settled.reader.clone(),
            framing: self.framing(),
            key: None,
            include: Vec::new(),
            tombstone: Tombstone::default(),
        }
    }

    /// Name of the registry that has to be asked while values are read.
    pub fn registry(&self) -> Option<&str> {
        match &self.columns {
            Columns::Registered(registered) => Some(&registered.registry),
            _ => None,
        }
    }
}

impl Decode {
    /// The codec alone, into these columns.
    pub fn plain(codec: Codec, columns: SchemaRef) -> Decode {
        let value = ValueFormat { codec, columns: Columns::Given(columns) };
        Decode { value, key: None, include: Vec::new(), tombstone: Tombstone::default() }
    }

    /// As the codecs take it, once values (and keys, where they have a codec) are settled.
    pub fn to_codec(&self, value: &Settled, key: Option<&Settled>) -> codec::Decode {
        let key = self.key.as_ref().zip(key).map(|(format, settled)| Box::new(format.to_codec(settled)));
        let (include, tombstone) = (self.include.clone(), self.tombstone);
        codec::Decode { key, include, tombstone, ..self.value.to_codec(value) }
    }
}

/// All columns of a source: those of its values, then `$key` and what else is included.
pub fn all_columns(decode: &codec::Decode) -> SchemaRef {
    let more = decode.include.iter().map(|meta| Arc::new(meta.field(decode.key.as_deref())));
    let columns = decode.columns();
    if decode.include.is_empty() {
        return columns;
    }
    Arc::new(Schema::new(columns.fields().iter().cloned().chain(more).collect::<Vec<_>>()))
}

impl Pipeline {
    /// Gives a source its columns, now that they are known.
    ///
    /// # Errors
    /// Where the event time is in a column that is not there, or holds no time.
    pub fn know(&mut self, source: &str, decoder: codec::Decode) -> Result<(), String> {
        let Some(source) = self.sources.iter_mut().find(|s| s.name == source) else { return Ok(()) };
        let columns = all_columns(&decoder);
        if let Some(time) = &source.event_time {
            time_problem(&columns, &time.column).map_or(Ok(()), Err)?;
        }
        source.schema = Some(columns);
        source.decoder = Some(decoder);
        Ok(())
    }

    /// Gives a sink the schema that it writes values or keys by, now that it is registered.
    pub fn register(&mut self, sink: &str, part: Part, schema: Arc<RegisteredSchema>, id: SchemaId) {
        let Some(sink) = self.sinks.iter_mut().find(|s| s.name == sink) else { return };
        let encode = sink.encode.as_ref().and_then(|encode| encode.part(part));
        let encoder = encode.map(|encode| encode.to_codec(Some((schema, id))));
        match part {
            Part::Value => sink.encoder = encoder,
            Part::Key => sink.key_encoder = encoder,
        }
    }

    /// Topic of a source or sink, where it has one: what subjects are named after.
    pub fn topic(&self, name: &str) -> Option<&str> {
        let source = self.source(name).and_then(|source| match &source.connector {
            SourceConnector::Kafka(kafka) => Some(kafka.topic.as_str()),
            _ => None,
        });
        source.or_else(|| match &self.sink(name)?.connector {
            super::SinkConnector::Kafka(kafka) => Some(kafka.topic.as_str()),
            _ => None,
        })
    }
}

/// Why a column cannot hold event times; `None`: it can.
pub(super) fn time_problem(columns: &Schema, column: &str) -> Option<String> {
    match columns.field_with_name(column).map(Field::data_type) {
        Ok(DataType::Timestamp(..) | DataType::Int64) => None,
        Ok(other) => Some(format!(
            "the column `{column}` is of type {}; event time is a timestamp, or int64 for milliseconds since 1970",
            super::show_type(other)
        )),
        Err(_) => Some(format!("there is no column `{column}` for the event time")),
    }
}
