//! Writes rows to a topic: encoded by a codec, keyed, partitioned, and acknowledged later. Knows nothing of where
//! the rows came from.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrow::array::{Array, AsArray as _, BooleanArray, Int64Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::columns::{Cells, DOES_NOT_FIT, integers, milliseconds, place};
use super::connection::Connection;
use super::native::{Headers, Outgoing, Sent};
use super::outbox::Outbox;
use crate::batch::Batch;
use crate::codec::wire::Part;
use crate::codec::{Encoded, Encoder, RecordError};
use crate::connector::{ConnectorError, Writer, Written};
use crate::spec::{KafkaSink, Partitioner};

/// What a record costs beside its key, value and headers.
const RECORD_OVERHEAD: u64 = 64;

/// By so much the broker's clock may differ from ours, or a record be late: a timestamp so near to what the topic takes at
/// most counts as beyond it.
const CLOCK_MS: i64 = 60_000;

/// Writes one task's rows to a sink's topic.
pub struct KafkaWriter {
    outbox: Outbox,
    topic: String,
    encoder: Encoder,
    key: Vec<usize>,
    /// Of keys, where they are not just text.
    key_encoder: Option<Encoder>,
    headers: Vec<(String, usize)>,
    /// Headers that name the schemas of keys and values, where they are not named in these.
    schemas: Vec<(Part, Vec<u8>)>,
    timestamp: Option<usize>,
    partition: Option<usize>,
    tombstone: Option<usize>,
    /// The batch that the queue had no room for, encoded already.
    rest: Option<Parts>,
    spare: Encoded,
    spare_keys: Encoded,
    /// Of values that were taken.
    bytes: usize,
    refused: Vec<(usize, i32)>,
}

/// Partition, timestamp and headers of a record.
type Dress = (Option<i32>, Option<i64>, Option<Headers>);

/// A batch taken apart.
struct Parts {
    values: Encoded,
    /// Rows without a value, rising.
    failed: Vec<u32>,
    key: Cells,
    headers: Vec<Cells>,
    timestamp: Option<Int64Array>,
    partition: Option<Int64Array>,
    /// Where true, the key is deleted.
    tombstone: Option<BooleanArray>,
}

impl KafkaWriter {
    /// A writer of `sink` for rows of `schema`. The topic must be there: asks the broker, waiting at most about
    /// `patience`. The encoders are of values and of keys.
    ///
    /// # Errors
    /// `Stop` for an unknown topic or column; `Retry` while no broker answers.
    pub fn open(
        connection: &Connection,
        sink: &KafkaSink,
        schema: &SchemaRef,
        (encoder, key_encoder): (Encoder, Option<Encoder>),
        patience: Duration,
    ) -> Result<Self, ConnectorError> {
        let column =
            |name: &String, what: &str| place(schema, name, &format!("{what} for topic `{}`", sink.topic));
        let key = sink.key.iter().map(|name| column(name, "a key")).collect::<Result<_, _>>()?;
        let header = |name: &String| Ok((name.clone(), column(name, "a header")?));
        let headers = sink.headers.iter().map(header).collect::<Result<_, ConnectorError>>()?;
        let timestamp = sink.timestamp.as_ref().map(|name| column(name, "the timestamp")).transpose()?;
        let partition = match &sink.partitioner {
            Partitioner::Column(name) => Some(column(name, "the partition")?),
            Partitioner::Murmur2 | Partitioner::Crc32 | Partitioner::RoundRobin => None,
        };
        let tombstone = sink.tombstone.as_ref().map(|name| column(name, "the tombstone")).transpose()?;
        let of_key =
            key_encoder.as_ref().and_then(Encoder::header).map(|header| (Part::Key, header.to_vec()));
        let of_value = encoder.header().map(|header| (Part::Value, header.to_vec()));
        let outbox = Outbox::open(connection, sink, patience)?;
        if sink.key.is_empty() && key_encoder.is_none() && !outbox.info.takes.without_key {
            let topic = &sink.topic;
            let why = format!(
                "topic `{topic}` is compacted and takes no record without a key: give the sink a `key`"
            );
            return Err(ConnectorError::Stop(why));
        }
        Ok(KafkaWriter {
            outbox,
            topic: sink.topic.clone(),
            encoder,
            key,
            key_encoder,
            headers,
            schemas: of_key.into_iter().chain(of_value).collect(),
            timestamp,
            partition,
            tombstone,
            rest: None,
            spare: Encoded::default(),
            spare_keys: Encoded::default(),
            bytes: 0,
            refused: Vec::new(),
        })
    }

    fn take_apart(&mut self, rows: &RecordBatch) -> Result<Parts, ArrowError> {
        let mut values = std::mem::take(&mut self.spare);
        self.encoder.encode(rows, &mut values);
        // The plan has seen that it is of booleans.
        let tombstone = self.tombstone.and_then(|place| rows.column(place).as_boolean_opt()).cloned();
        if let Some(deleted) = &tombstone {
            // Nothing of such a row is written but its key.
            values.errors.retain(|error| !is_true(deleted, error.index as usize));
        }
        let mut failed: Vec<u32> = values.errors.iter().map(|error| error.index).collect();
        failed.sort_unstable();
        let key = match &mut self.key_encoder {
            None => Cells::key(rows, &self.key)?,
            Some(encoder) => {
                let mut keys = std::mem::take(&mut self.spare_keys);
                encoder.encode(rows, &mut keys);
                // A row fails once.
                let errors = keys.errors.drain(..).filter(|e| failed.binary_search(&e.index).is_err());
                let errors = errors.map(|e| RecordError { message: format!("key: {}", e.message), ..e });
                values.errors.extend(errors);
                failed = values.errors.iter().map(|error| error.index).collect();
                failed.sort_unstable();
                Cells::Encoded(keys)
            }
        };
        Ok(Parts {
            values,
            failed,
            key,
            headers: self
                .headers
                .iter()
                .map(|(_, place)| Cells::of(rows.column(*place)))
                .collect::<Result<_, _>>()?,
            timestamp: self.timestamp.map(|place| milliseconds(rows.column(place))).transpose()?,
            partition: self.partition.map(|place| integers(rows.column(place))).transpose()?,
            tombstone,
        })
    }

    /// Sends rows from `from` on.
    fn send(&mut self, parts: &Parts, from: usize, errors: &mut Vec<RecordError>) -> Sent {
        self.refused.clear();
        let no_headers = self.headers.is_empty() && self.schemas.is_empty();
        let plain = no_headers && parts.timestamp.is_none() && parts.partition.is_none();
        if plain {
            let mut refused = Vec::new();
            let (takes, record_bytes) = (self.outbox.info.takes, self.outbox.record_bytes);
            let records = parts.records(from).filter(|record| {
                let (bytes, keyed) = (size(record), takes.without_key || record.key.is_some());
                if bytes > record_bytes || !keyed {
                    refused.push((record.row, keyed.then_some(bytes)));
                }
                bytes <= record_bytes && keyed
            });
            let sent = self.outbox.producer.send(records, &mut self.refused);
            // A run is put together before it is known how much of it fits: rows beyond come again.
            let end = if let Sent::Full(row) = sent { row } else { usize::MAX };
            let taken = refused.into_iter().filter(|(row, _)| *row < end);
            errors.extend(taken.map(|(row, bytes)| match bytes {
                Some(bytes) => self.too_large(row, bytes),
                None => self.no_key(row),
            }));
            return sent;
        }
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        for record in parts.records(from) {
            match self.dress(parts, &record, now_ms) {
                Err(error) => errors.push(error),
                Ok((partition, timestamp, headers)) => {
                    let full = self.outbox.producer.send_one(
                        &record,
                        partition,
                        timestamp,
                        headers,
                        &mut self.refused,
                    );
                    if full != Sent::All {
                        return full;
                    }
                }
            }
        }
        Sent::All
    }

    /// Partition, timestamp and headers of a record, or why it cannot be written.
    fn dress(&self, parts: &Parts, record: &Outgoing<'_>, now_ms: i64) -> Result<Dress, RecordError> {
        let row = record.row;
        if record.key.is_none() && !self.outbox.info.takes.without_key {
            return Err(self.no_key(row));
        }
        let mut bytes = size(record);
        let count = self.headers.len() + self.schemas.len();
        let headers = (count > 0).then(|| {
            let mut headers = Headers::with_capacity(count);
            let mut push = |name: &str, value: Option<&[u8]>| {
                bytes += (name.len() + value.map_or(0, <[u8]>::len) + 10) as u64;
                headers.push(name, value);
            };
            for ((name, _), cells) in self.headers.iter().zip(&parts.headers) {
                push(name, cells.get(row));
            }
            // What is not there has no schema.
            for (part, schema) in &self.schemas {
                let there = match part {
                    Part::Key => record.key.is_some(),
                    Part::Value => record.value.is_some(),
                };
                if there {
                    push(part.header(), Some(schema));
                }
            }
            headers
        });
        if bytes > self.outbox.record_bytes {
            return Err(self.too_large(row, bytes));
        }
        let cell = |column: &Int64Array| column.is_valid(row).then(|| column.value(row));
        let timestamp = parts.timestamp.as_ref().and_then(cell);
        if let Some(message) = timestamp.and_then(|ms| self.wrong_time(ms, now_ms)) {
            return Err(RecordError { index: row as u32, code: "bad-timestamp", message });
        }
        let partition = parts.partition.as_ref().and_then(cell);
        let there = self.outbox.info.partitions;
        match partition.map(i32::try_from) {
            None => Ok((None, timestamp, headers)),
            Some(Ok(partition)) if (0..there).contains(&partition) => {
                Ok((Some(partition), timestamp, headers))
            }
            Some(_) => {
                let wanted = match partition {
                    Some(DOES_NOT_FIT) | None => "a number beyond 64 bits".to_owned(),
                    Some(wanted) => wanted.to_string(),
                };
                let message =
                    format!("partition {wanted}: topic `{}` has partitions 0 to {}", self.topic, there - 1);
                Err(RecordError { index: row as u32, code: "no-such-partition", message })
            }
        }
    }

    /// Why no record can have this time, if so.
    fn wrong_time(&self, ms: i64, now_ms: i64) -> Option<String> {
        let (topic, takes) = (&self.topic, &self.outbox.info.takes);
        let within = |bound: i64| bound - CLOCK_MS.min(bound / 10);
        let beyond = |bound: Option<i64>, away: i64| bound.filter(|bound| away > within(*bound));
        let config = |name: &str, bound: i64| {
            format!("timestamp {ms}: topic `{topic}` takes none so far from now ({name} is {bound} ms)")
        };
        if ms == DOES_NOT_FIT {
            return Some("the timestamp does not fit 64 bits of milliseconds".to_owned());
        }
        match ms {
            ..0 => Some(format!("timestamp {ms} lies before 1970, which Kafka cannot store")),
            0 => Some("timestamp 0: the Kafka client would write the time of day in its place".to_owned()),
            _ => match (beyond(takes.before_ms, now_ms - ms), beyond(takes.after_ms, ms - now_ms)) {
                (Some(bound), _) => Some(config("message.timestamp.before.max.ms", bound)),
                (_, Some(bound)) => Some(config("message.timestamp.after.max.ms", bound)),
                _ => None,
            },
        }
    }

    fn no_key(&self, row: usize) -> RecordError {
        let topic = &self.topic;
        let message =
            format!("the record has no key, and topic `{topic}` is compacted, which takes none without");
        RecordError { index: row as u32, code: "no-key", message }
    }

    fn too_large(&self, row: usize, bytes: u64) -> RecordError {
        let limit = match self.outbox.queue_is_short {
            false => {
                "its `max.message.bytes`, or `message.max.bytes` of the connection, less the batch around it"
            }
            true => {
                "so much is left of the host's `limits.kafka_queue_bytes` for this writer's queue: raise it, or \
                 run fewer pipelines here"
            }
        };
        let (topic, most) = (&self.topic, self.outbox.record_bytes);
        let message = format!("the record has {bytes} bytes, topic `{topic}` takes {most} ({limit})");
        RecordError { index: row as u32, code: "too-large", message }
    }
}

impl Parts {
    /// The records from row `from` on.
    fn records(&self, from: usize) -> impl Iterator<Item = Outgoing<'_>> {
        let ends = &self.values.ends;
        let mut failed =
            self.failed[self.failed.partition_point(|row| (*row as usize) < from)..].iter().peekable();
        let nulls = &self.values.nulls;
        let mut nulls = nulls[nulls.partition_point(|row| (*row as usize) < from)..].iter().peekable();
        (from..ends.len()).filter_map(move |row| {
            if failed.next_if(|failed| **failed as usize == row).is_some() {
                return None;
            }
            let start = if row == 0 { 0 } else { ends[row - 1] };
            let mut value = Some(&self.values.bytes[start as usize..ends[row] as usize]);
            let null = nulls.next_if(|null| **null as usize == row).is_some();
            if null || self.tombstone.as_ref().is_some_and(|deleted| is_true(deleted, row)) {
                value = None;
            }
            Some(Outgoing { row, key: self.key.get(row), value })
        })
    }
}

fn is_true(column: &BooleanArray, row: usize) -> bool {
    column.is_valid(row) && column.value(row)
}

fn size(record: &Outgoing<'_>) -> u64 {
    let len = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len) as u64;
    len(record.key) + len(record.value) + RECORD_OVERHEAD
}

impl Writer for KafkaWriter {
    fn write(
        &mut self,
        batch: &Batch,
        from: usize,
        errors: &mut Vec<RecordError>,
    ) -> Result<Written, ConnectorError> {
        self.outbox.check()?;
        let mut parts = match self.rest.take() {
            Some(parts) => parts,
            None => {
                let parts = self.take_apart(&batch.rows);
                let mut parts =
                    parts.map_err(|e| ConnectorError::Stop(format!("topic `{}`: {e}", self.topic)))?;
                errors.append(&mut parts.values.errors);
                parts
            }
        };
        let mut from = from;
        // The second try is after waiting for room.
        for again in [true, false] {
            let sent = self.send(&parts, from, errors);
            for (row, code) in std::mem::take(&mut self.refused) {
                if code != Code::MessageSizeTooLarge as i32 {
                    return Err(self.outbox.lost(code));
                }
                errors.push(self.too_large(row, self.outbox.record_bytes));
            }
            match sent {
                Sent::All => {
                    self.bytes += parts.values.bytes.len();
                    self.spare = std::mem::take(&mut parts.values);
                    if let Cells::Encoded(keys) = parts.key {
                        self.spare_keys = keys;
                    }
                    return Ok(Written::Taken);
                }
                Sent::Full(row) => from = row,
            }
            self.outbox.wait_for_room();
            if !again {
                break;
            }
        }
        self.rest = Some(parts);
        Ok(Written::Full { from })
    }

    fn barrier(&mut self, id: u64) -> Result<(), ConnectorError> {
        self.outbox.barrier(id)
    }

    fn take_bytes(&mut self) -> usize {
        std::mem::take(&mut self.bytes)
    }

    fn delivered(&mut self, wait: Duration) -> Result<Option<u64>, ConnectorError> {
        self.outbox.delivered(wait)
    }
}
