//! Keeps dead letters in a topic: key, value and headers as they came, and what went wrong in headers whose names
//! begin with `sabot.`. Knows nothing of why a letter is dead.

use std::time::Duration;

use super::connection::Connection;
use super::native::{Headers, Outgoing, Sent};
use super::outbox::Outbox;
use crate::connector::{ConnectorError, DeadLetter, DeadLetterWriter};
use crate::spec::{Compression, KafkaSink, Partitioner};

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
        let mut refused = Vec::new();
        let sent = self.outbox.producer.send_one(&record, None, None, Some(headers(letter)), &mut refused);
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
fn headers(letter: &DeadLetter) -> Headers {
    let mut headers = Headers::with_capacity(letter.headers.len() + 11);
    for header in &letter.headers {
        headers.push(&header.name, header.value.as_deref());
    }
    let mut say = |name: &str, value: &str| headers.push(name, Some(value.as_bytes()));
    say("sabot.pipeline", &letter.pipeline);
    say("sabot.step", &letter.step);
    say("sabot.error.code", &letter.code);
    say("sabot.error.message", &letter.message);
    say("sabot.failed_at_ms", &letter.at_ms.to_string());
    let numbers = [
        ("sabot.partition", letter.partition.map(i64::from)),
        ("sabot.offset", letter.offset),
        ("sabot.timestamp_ms", letter.timestamp_ms),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            say(name, &number.to_string());
        }
    }
    for (name, text) in [("sabot.component", &letter.component), ("sabot.topic", &letter.topic)] {
        if let Some(text) = text {
            say(name, text);
        }
    }
    if letter.value.is_none() && letter.row.is_some() {
        say("sabot.value", "row");
    }
    headers
}
