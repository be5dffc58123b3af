//! Reads one partition of a group: librdkafka's messages into raw records, one copy. A reader that is not read
//! lets librdkafka's queue fill up to its share, and fetching stops: that is the backpressure. Knows nothing of
//! membership or commits.

use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::consumer::Consumer as _;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::failure::{self, Meaning};
use super::gap::Gap;
use super::lookup::Lookup;
use super::native::PartitionQueue;
use crate::batch::RawRecords;
use crate::connector::{ConnectorError, Read, ReadLimits, Reader};

/// How long a reader that met a gap asks what the broker still has.
const GAP_PATIENCE: Duration = Duration::from_secs(2);

/// A partition that is assigned to us.
pub(super) struct PartitionReader {
    queue: PartitionQueue,
    topic: Arc<str>,
    partition: i32,
    embedded: bool,
    position: i64,
    /// Size of the last batch, to make room for the next at once.
    last: (usize, usize),
    /// Set once: a partition that failed for good does not go on.
    stopped: Option<String>,
}

impl PartitionReader {
    /// Reads from `position`, where `queue` will begin.
    pub fn new(
        queue: PartitionQueue,
        topic: Arc<str>,
        partition: i32,
        position: i64,
        embedded: bool,
    ) -> Self {
        PartitionReader { queue, topic, partition, embedded, position, last: (0, 0), stopped: None }
    }

    fn fill(&mut self, limits: ReadLimits) -> Option<RawRecords> {
        let records = limits.records.min(self.last.0 * 5 / 4 + 16);
        let bytes = limits.bytes.min(self.last.1 * 5 / 4 + 4096);
        let mut raw = RawRecords::with_capacity(Arc::clone(&self.topic), self.partition, records, bytes);
        while raw.len() < limits.records && raw.byte_len() < limits.bytes {
            let wait = if raw.is_empty() { limits.wait } else { Duration::ZERO };
            if !self.queue.ready(wait) {
                break;
            }
            let Some(message) = self.queue.peek() else { break };
            let size = message.key().map_or(0, <[u8]>::len) + message.value().map_or(0, <[u8]>::len);
            // Headers count too, but a record's are bounded by the broker far below the room left here.
            if message.error() != 0 || !raw.has_room(size + HEADER_ROOM) {
                break;
            }
            if message.offset() > self.position {
                self.look_at_jump(message.offset());
            }
            raw.push(message.offset(), message.timestamp_ms(), message.key(), message.value());
            message.headers(|name, value| raw.push_header(name, value));
            self.position = message.offset() + 1;
            self.queue.advance();
        }
        if raw.is_empty() {
            return None;
        }
        self.last = (raw.len(), raw.byte_len());
        Some(raw)
    }

    /// Offsets were skipped: holes are usual (compaction, transactions), dropped records are told.
    fn look_at_jump(&self, next: i64) {
        let Some((oldest, end)) = self.known_watermarks() else { return };
        if let Some(gap) = Gap::find(self.position, oldest, end) {
            let link = &self.queue.consumer().context().link;
            let what = gap.what(&self.topic, self.partition);
            link.log(4, "GAP", &format!("{what}; goes on at {next}, {} lost", gap.lost(next)));
        }
    }

    /// What an error in the queue means.
    fn failure(&mut self) -> Option<ConnectorError> {
        let message = self.queue.peek()?;
        let number = message.error();
        if number == 0 {
            return None;
        }
        let text = message.value().map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default();
        let code = failure::code(number);
        let error = match code {
            Some(Code::AutoOffsetReset) => self.gap(&text),
            Some(Code::PartitionEOF) => {
                self.queue.advance();
                return None;
            }
            Some(
                Code::BadMessage | Code::BadCompression | Code::InvalidMessage | Code::MessageSizeTooLarge,
            ) => ConnectorError::Stop(format!(
                "{}/{}: the broker's data at offset {} cannot be read: {text}",
                self.topic, self.partition, self.position
            )),
            Some(code) if failure::meaning(code) == Meaning::Stop => ConnectorError::Stop(format!(
                "{}/{}: {text}: {}",
                self.topic,
                self.partition,
                failure::remedy(code)
            )),
            _ => {
                // librdkafka goes on by itself.
                self.queue.advance();
                return Some(ConnectorError::Retry(format!("{}/{}: {text}", self.topic, self.partition)));
            }
        };
        if let ConnectorError::Stop(reason) = &error {
            self.stopped = Some(reason.clone());
        }
        Some(error)
    }

    /// The position is not there any more, and the policy is to stop.
    fn gap(&self, text: &str) -> ConnectorError {
        let lookup = Lookup::by(self.queue.consumer());
        let (oldest, end) = match lookup.watermarks(&self.topic, self.partition, GAP_PATIENCE) {
            Ok(watermarks) => watermarks,
            Err(error) => return error,
        };
        match Gap::find(self.position, oldest, end) {
            Some(gap) => ConnectorError::Stop(gap.explain(&self.topic, self.partition, self.embedded)),
            None => ConnectorError::Stop(format!(
                "{}/{}: offset {} cannot be read: {text}",
                self.topic, self.partition, self.position
            )),
        }
    }

    /// The oldest and the end offset as of the last fetch; asks nobody.
    fn known_watermarks(&self) -> Option<(i64, i64)> {
        let topic = CString::new(&*self.topic).ok()?;
        let (mut low, mut high) = (0, 0);
        let client = self.queue.consumer().client().native_ptr();
        // SAFETY: client, name and both numbers are valid during the call.
        let code = unsafe {
            sys::rd_kafka_get_watermark_offsets(client, topic.as_ptr(), self.partition, &mut low, &mut high)
        };
        (code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR && low >= 0 && high >= 0)
            .then_some((low, high))
    }
}

/// More than the headers of one record ever are.
const HEADER_ROOM: usize = 128 << 20;

impl Reader for PartitionReader {
    fn read(&mut self, limits: ReadLimits) -> Result<Read, ConnectorError> {
        if let Some(stopped) = &self.stopped {
            return Err(ConnectorError::Stop(stopped.clone()));
        }
        if let Some(records) = self.fill(limits) {
            self.queue.consumer().context().link.works();
            return Ok(Read::Records(records));
        }
        match self.failure() {
            Some(error) => Err(error),
            None => Ok(Read::Idle),
        }
    }

    fn position(&self) -> i64 {
        self.position
    }

    fn lag(&self) -> Option<i64> {
        self.known_watermarks().map(|(_, end)| (end - self.position).max(0))
    }
}
