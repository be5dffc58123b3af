//! Writes letters to a topic. A letter that the topic would not take with its row goes without it: it can still be
//! read, but not run again.

use std::time::Duration;

use super::headers::told;
use crate::connector::kafka::connection::Connection;
use crate::connector::kafka::native::{Headers, Outgoing, Sent};
use crate::connector::kafka::outbox::Outbox;
use crate::connector::{ConnectorError, DeadLetter, DeadLetterWriter};
use crate::spec::{Compression, KafkaSink, Partitioner};

/// What a record and a header cost beside their bytes.
const RECORD_OVERHEAD: usize = 64;
const HEADER_OVERHEAD: usize = 10;

/// Writes dead letters to a topic.
pub struct KafkaDeadLetters {
    outbox: Outbox,
    topic: String,
}

impl KafkaDeadLetters {
    /// Writes to `topic`, which must be there: asks the broker, waiting at most about `patience`.
    pub fn open(connection: &Connection, topic: &str, patience: Duration) -> Result<Self, ConnectorError> {
        let sink = KafkaSink {
            connection: connection.name().to_owned(),
            topic: topic.to_owned(),
            key: Vec::new(),
            partitioner: Partitioner::Murmur2,
            compression: Compression::Lz4,
            linger: Duration::from_millis(5),
            batch_bytes: 1 << 20,
            headers: Vec::new(),
            timestamp: None,
            tombstone: None,
        };
        Ok(KafkaDeadLetters { outbox: Outbox::open(connection, &sink, patience)?, topic: topic.to_owned() })
    }
}

impl DeadLetterWriter for KafkaDeadLetters {
    fn put(&mut self, letter: &DeadLetter) -> Result<(), ConnectorError> {
        self.outbox.check()?;
        let row = letter.row.as_ref().map(ToString::to_string);
        let value = letter.value.as_deref().or(row.as_deref().map(str::as_bytes));
        let record = Outgoing { row: 0, key: letter.key.as_deref(), value };
        let with_row = size(&record, letter, true) <= self.outbox.record_bytes;
        let mut refused = Vec::new();
        let headers = Some(headers(letter, with_row));
        let sent = self.outbox.producer.send_one(&record, None, None, headers, &mut refused);
        if let Some((_, code)) = refused.first() {
            return Err(self.outbox.lost(*code));
        }
        match sent {
            Sent::All => Ok(()),
            Sent::Full(_) => {
                self.outbox.wait_for_room();
                Err(ConnectorError::Retry(format!(
                    "the dead letters' topic `{}` takes no more at the moment",
                    self.topic
                )))
            }
        }
    }

    fn barrier(&mut self, id: u64) -> Result<(), ConnectorError> {
        self.outbox.barrier(id)
    }

    fn delivered(&mut self, wait: Duration) -> Result<Option<u64>, ConnectorError> {
        self.outbox.delivered(wait)
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
