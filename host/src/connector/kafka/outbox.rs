//! What the writers of rows and of dead letters share: a producer for one topic, its barriers, and what its
//! failures mean. Knows nothing of rows or letters.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::acks::{Acks, Barriers};
use super::budget::Share;
use super::connection::Connection;
use super::failure;
use super::link::Link;
use super::native::Producer;
use super::settings;
use super::topic::TopicInfo;
use crate::connector::ConnectorError;
use crate::spec::{KafkaSink, Partitioner};

/// What a producer's queue would like to have, and the least that works: what the topic takes at once, but no more
/// than this.
const WANT: u64 = 32 << 20;
const LEAST: u64 = 1 << 20;
const MOST_OF_LEAST: u64 = 4 << 20;
/// A record may be this much smaller than what the topic takes: for the batch around it.
const ENVELOPE: u64 = 256;
/// How long a writer waits for room in the queue before it says that it is full.
const ROOM: Duration = Duration::from_millis(2);

/// A producer and its barriers.
pub(super) struct Outbox {
    pub producer: Producer,
    pub info: TopicInfo,
    /// The largest record that is tried: key, value and headers.
    pub record_bytes: u64,
    /// It is the queue that cannot hold more, not the topic.
    pub queue_is_short: bool,
    topic: String,
    acks: Arc<Acks>,
    barriers: Barriers,
    link: Arc<Link>,
    /// The queue was full when last tried.
    full: bool,
    _share: Share,
}

impl Outbox {
    /// A producer for a sink's topic, which must be there. Asks the broker, waiting at most about `patience`.
    pub fn open(
        connection: &Connection,
        sink: &KafkaSink,
        patience: Duration,
    ) -> Result<Self, ConnectorError> {
        let topic = &sink.topic;
        let info = connection.topics().info(connection, topic, patience)?;
        let limit = settings::user_number(connection.properties(), "message.max.bytes");
        let record_bytes = limit.unwrap_or(info.takes.max_message_bytes).min(info.takes.max_message_bytes);
        let least = record_bytes.next_multiple_of(1024).clamp(LEAST, MOST_OF_LEAST);
        let share = connection.share(&format!("a writer of topic `{topic}`"), WANT, least)?;
        // No batch may be larger than what the topic takes, or it comes back as a whole.
        let config =
            settings::producer(connection.properties(), sink, share.bytes(), info.takes.max_message_bytes);
        // Nor could a record wait for room that the queue never has.
        let queue_bytes = settings::queue_bytes(share.bytes(), record_bytes);
        let (link, acks) = (connection.link(&format!("writer of `{topic}`")), Arc::new(Acks::new()));
        let in_turn = sink.partitioner == Partitioner::RoundRobin;
        let producer = Producer::new(&config, topic, in_turn, Arc::clone(&link), Arc::clone(&acks))
            .map_err(|e| connection.refused(e))?;
        Ok(Outbox {
            producer,
            info,
            record_bytes: record_bytes.min(queue_bytes).saturating_sub(ENVELOPE),
            queue_is_short: queue_bytes < record_bytes,
            topic: topic.clone(),
            acks,
            barriers: Barriers::default(),
            link,
            full: false,
            _share: share,
        })
    }

    /// Serves the client and tells what makes going on useless.
    pub fn check(&mut self) -> Result<(), ConnectorError> {
        self.producer.poll(Duration::ZERO);
        self.full = false;
        if let Some(code) = self.acks.failure() {
            return Err(self.lost(code));
        }
        match self.link.check() {
            // The queue takes more as long as it has room.
            Err(ConnectorError::Retry(_)) | Ok(()) => Ok(()),
            stop => stop,
        }
    }

    /// The broker's code for a record that was not written, if there is one: nothing of this outbox goes on.
    pub fn failure(&self) -> Option<i32> {
        self.acks.failure()
    }

    /// The queue is full: waits a moment for room.
    pub fn wait_for_room(&mut self) {
        self.full = true;
        self.producer.poll(ROOM);
    }

    /// Why a record was refused for good when it was handed over.
    pub fn lost(&self, code: i32) -> ConnectorError {
        let why = self.producer.fatal().unwrap_or_else(|| failure::describe(code));
        let remedy = failure::code(code).map_or("see the broker's log", failure::remedy);
        ConnectorError::Stop(format!("topic `{}`: a record was not written: {why}: {remedy}", self.topic))
    }

    pub fn barrier(&mut self, id: u64) -> Result<(), ConnectorError> {
        self.barriers.barrier(id, &self.acks);
        self.check()
    }

    pub fn delivered(&mut self, wait: Duration) -> Result<Option<u64>, ConnectorError> {
        let until = Instant::now() + wait;
        let was_full = self.full;
        let before = self.acks.outstanding();
        loop {
            self.check()?;
            let left = until.saturating_duration_since(Instant::now());
            let delivered = self.barriers.delivered(&self.acks, left.min(ROOM));
            let room = was_full && self.acks.outstanding() < before * 7 / 8;
            if left.is_zero() || room || !(was_full || self.barriers.is_waiting()) {
                if self.barriers.is_waiting() && self.link.is_down() {
                    return Err(self.link.unreachable());
                }
                return Ok(delivered);
            }
            if !self.barriers.is_waiting() {
                self.producer.poll(left.min(ROOM));
            }
        }
    }
}
