//! Writes letters to a topic. A letter that the topic would not take with its row goes without it: it can still be
//! read, but not run again. One that it would not take even so is handed back.

use std::time::Duration;

use rdkafka::types::RDKafkaErrorCode as Code;

use super::believed::Believed;
use super::headers::told;
use crate::connector::dead_letter::{ChoosyLetterWriter, Offered};
use crate::connector::kafka::connection::Connection;
use crate::connector::kafka::native::{Headers, Outgoing, Sent};
use crate::connector::kafka::outbox::Outbox;
use crate::connector::kafka::settings;
use crate::connector::{ConnectorError, DeadLetter, DeadLetterWriter};
use crate::spec::{Compression, KafkaSink, Partitioner};

/// What a record and a header cost beside their bytes.
const RECORD_OVERHEAD: usize = 64;
const HEADER_OVERHEAD: usize = 10;
/// Of a batch, as long as the topic takes such ones.
const BATCH_BYTES: usize = 1 << 20;

/// Writes dead letters to a topic.
pub struct KafkaDeadLetters {
    outbox: Outbox,
    topic: String,
    believed: Believed,
    /// The largest record that is tried.
    record_bytes: u64,
    /// What makes it take larger ones.
    remedy: String,
}

impl KafkaDeadLetters {
    /// Writes to `topic`, which must be there: asks the broker, waiting at most about `patience`.
    pub fn open(connection: &Connection, topic: &str, patience: Duration) -> Result<Self, ConnectorError> {
        let said = connection.topics().info(connection, topic, patience)?.takes.max_message_bytes;
        let brokers = connection.properties().get("bootstrap.servers").map_or("", String::as_str);
        let believed = Believed::of(brokers, topic, said);
        let bytes = believed.bytes().min(said);
        let sink = KafkaSink {
            connection: connection.name().to_owned(),
            topic: topic.to_owned(),
            key: Vec::new(),
            partitioner: Partitioner::Murmur2,
            compression: Compression::Lz4,
            linger: Duration::from_millis(5),
            // A batch is refused for its size as a record is.
            batch_bytes: usize::try_from(bytes).unwrap_or(usize::MAX).min(BATCH_BYTES),
            headers: Vec::new(),
            timestamp: None,
            tombstone: None,
        };
        let outbox = Outbox::open(connection, &sink, patience)?;
        let of_connection = settings::user_number(connection.properties(), "message.max.bytes");
        let remedy = if bytes < outbox.record_bytes {
            "it has refused larger ones: raise its `max.message.bytes`, let the connection's user read its settings \
             (DESCRIBE_CONFIGS), and start the host again"
                .to_owned()
        } else if outbox.queue_is_short {
            "so much is left of the host's `limits.kafka_queue_bytes` for this writer's queue: raise it, or run fewer \
             pipelines here"
                .to_owned()
        } else if of_connection.is_some_and(|most| most < said) {
            format!(
                "raise `message.max.bytes` of the connection `{}`, and start the host again",
                connection.name()
            )
        } else {
            "raise its `max.message.bytes`, and start the pipeline again".to_owned()
        };
        let record_bytes = bytes.min(outbox.record_bytes);
        Ok(KafkaDeadLetters { outbox, topic: topic.to_owned(), believed, record_bytes, remedy })
    }

    /// With its row if that fits, or else without it if it then fits.
    fn with_row(&self, record: &Outgoing<'_>, letter: &DeadLetter) -> Result<bool, u64> {
        if size(record, letter, true) <= self.record_bytes {
            return Ok(true);
        }
        let bytes = size(record, letter, false);
        if bytes <= self.record_bytes { Ok(false) } else { Err(bytes) }
    }

    fn too_large(&self, bytes: u64) -> Offered {
        let KafkaDeadLetters { topic, record_bytes, remedy, .. } = self;
        Offered::NotTaken(format!(
            "as a record it would have {bytes} bytes, and topic `{topic}` takes {record_bytes}: {remedy}"
        ))
    }

    /// What a broker refuses for its size after all must not be tried by the next run again.
    fn noted<T>(&self, result: Result<T, ConnectorError>) -> Result<T, ConnectorError> {
        if let Err(ConnectorError::Stop(_)) = &result
            && self.outbox.failure() == Some(Code::MessageSizeTooLarge as i32)
        {
            self.believed.refused(self.record_bytes);
        }
        result
    }
}

impl ChoosyLetterWriter for KafkaDeadLetters {
    fn offer(&mut self, letter: &DeadLetter) -> Result<Offered, ConnectorError> {
        let checked = self.outbox.check();
        self.noted(checked)?;
        let row = letter.row.as_ref().map(ToString::to_string);
        let value = letter.value.as_deref().or(row.as_deref().map(str::as_bytes));
        let record = Outgoing { row: 0, key: letter.key.as_deref(), value };
        if record.key.is_none() && !self.outbox.info.takes.without_key {
            return Ok(Offered::NotTaken(format!(
                "it has no key, and topic `{}` is compacted, which takes none without: set its `cleanup.policy` to \
                 `delete`, which also keeps letters of one key apart",
                self.topic
            )));
        }
        let with_row = match self.with_row(&record, letter) {
            Ok(with_row) => with_row,
            Err(bytes) => return Ok(self.too_large(bytes)),
        };
        let mut refused = Vec::new();
        let headers = Some(headers(letter, with_row));
        let sent = self.outbox.producer.send_one(&record, None, None, headers, &mut refused);
        match refused.first() {
            Some((_, code)) if *code == Code::MessageSizeTooLarge as i32 => {
                return Ok(self.too_large(size(&record, letter, with_row)));
            }
            Some((_, code)) => return Err(self.outbox.lost(*code)),
            None => {}
        }
        match sent {
            Sent::All => Ok(Offered::Taken),
            Sent::Full(_) => {
                self.outbox.wait_for_room();
                Err(ConnectorError::Retry(format!(
                    "the dead letters' topic `{}` takes no more at the moment",
                    self.topic
                )))
            }
        }
    }
}

impl DeadLetterWriter for KafkaDeadLetters {
    fn put(&mut self, letter: &DeadLetter) -> Result<(), ConnectorError> {
        match self.offer(letter)? {
            Offered::Taken => Ok(()),
            Offered::NotTaken(why) => Err(ConnectorError::Stop(format!("a letter is not taken: {why}"))),
        }
    }

    fn barrier(&mut self, id: u64) -> Result<(), ConnectorError> {
        let result = self.outbox.barrier(id);
        self.noted(result)
    }

    fn delivered(&mut self, wait: Duration) -> Result<Option<u64>, ConnectorError> {
        let result = self.outbox.delivered(wait);
        self.noted(result)
    }
}

/// The original headers, then what went wrong.
fn headers(letter: &DeadLetter, with_row: bool) -> Headers {
    let told = told(letter, with_row);
    let mut headers = Headers::with_capacity(letter.headers.len() + told.len());
    for header in &letter.headers {
        headers.push(&header.name, header.value.as_deref());
    }
    for (name, value) in told {
        headers.push(name, Some(&value));
    }
    headers
}

/// Bytes of a letter's record, not less than the broker will count.
fn size(record: &Outgoing<'_>, letter: &DeadLetter, with_row: bool) -> u64 {
    let len = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    let came = letter.headers.iter().map(|h| h.name.len() + len(h.value.as_deref()) + HEADER_OVERHEAD);
    let told = told(letter, with_row);
    let told = told.iter().map(|(name, value)| name.len() + value.len() + HEADER_OVERHEAD);
    (len(record.key) + len(record.value) + came.chain(told).sum::<usize>() + RECORD_OVERHEAD) as u64
}
