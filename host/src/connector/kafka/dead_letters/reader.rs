//! Reads letters back from a topic: one partition after the other, from where it was asked to the end as it was
//! then. Joins no group and commits nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::headers;
use crate::connector::dead_letter::{Kept, Wanted};
use crate::connector::kafka::connection::Connection;
use crate::connector::kafka::consumer::Consumer;
use crate::connector::kafka::failure;
use crate::connector::kafka::lookup::{Lookup, PATIENCE};
use crate::connector::kafka::native::PartitionQueue;
use crate::connector::kafka::settings;
use crate::connector::{ConnectorError, DeadLetterReader};

/// What the queue would like to have, and the least that works.
const WANT: u64 = 16 << 20;
const LEAST: u64 = 1 << 20;
/// How long one look at the queue waits.
const TURN: Duration = Duration::from_millis(50);

/// The letters of a pipeline in a topic, which may hold those of others too. Named by partition and offset: `3-1042`.
pub struct KafkaLetters {
    consumer: Arc<Consumer>,
    topic: String,
    pipeline: String,
    /// Partitions to read: number, first offset, the offset after the last.
    ahead: VecDeque<(i32, i64, i64)>,
    reading: Option<Reading>,
}

/// The partition that is being read.
struct Reading {
    queue: PartitionQueue,
    partition: i32,
    end: i64,
}

/// What was found in a partition.
enum Found {
    Letter(Box<Kept>),
    /// A record that is no letter of ours.
    Other,
    End,
}

impl KafkaLetters {
    /// Whether letters in a topic may have this name.
    pub fn is_name(id: &str) -> bool {
        place(id).is_some()
    }

    /// Asks the broker what there is, waiting some seconds at most.
    ///
    /// # Errors
    /// `Stop` for an unknown topic; `Retry` while no broker answers.
    pub fn open(
        connection: &Connection,
        topic: &str,
        pipeline: &str,
        wanted: Wanted<'_>,
    ) -> Result<Self, ConnectorError> {
        let lookup = Lookup::new(connection)?;
        let mut ahead = VecDeque::new();
        for partition in 0..lookup.partitions(topic, PATIENCE)? {
            let (oldest, end) = lookup.watermarks(topic, partition, PATIENCE)?;
            ahead.extend(ranges(wanted, partition, oldest, end).into_iter().map(|(b, e)| (partition, b, e)));
        }
        let share = connection.share(&format!("a reader of dead letters in topic `{topic}`"), WANT, LEAST)?;
        let config = settings::reader(connection.properties(), pipeline, share.bytes());
        let link = connection.link(&format!("dead letters of `{pipeline}`"));
        let consumer = Consumer::new(&config, link, Some(share)).map_err(|e| connection.refused(e))?;
        Ok(KafkaLetters {
            consumer: Arc::new(consumer),
            topic: topic.to_owned(),
            pipeline: pipeline.to_owned(),
            ahead,
            reading: None,
        })
    }

    fn begin(&mut self, (partition, begin, end): (i32, i64, i64)) -> Result<(), ConnectorError> {
        let failed =
            |what: String| ConnectorError::Retry(format!("reading {}/{partition}: {what}", self.topic));
        let queue = PartitionQueue::split(&self.consumer, &self.topic, partition)
            .ok_or_else(|| failed("its queue is not there".into()))?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, partition, Offset::Offset(begin))
            .and_then(|()| self.consumer.assign(&list))
            .map_err(|e| failed(e.to_string()))?;
        self.reading = Some(Reading { queue, partition, end });
        Ok(())
    }

    fn find(&mut self) -> Result<Found, ConnectorError> {
        let Some(reading) = &mut self.reading else { return Ok(Found::End) };
        let until = Instant::now() + PATIENCE;
        while !reading.queue.ready(TURN) {
            // Serves the callbacks; records come through the partition's own queue.
            let _ = self.consumer.poll(Duration::ZERO);
            let link = &self.consumer.context().link;
            if Instant::now() > until {
                return Err(link.check().err().unwrap_or_else(|| link.unreachable()));
            }
        }
        let Some(message) = reading.queue.peek() else { return Ok(Found::Other) };
        let found = match message.error() {
            0 if message.offset() >= reading.end => Found::End,
            0 => {
                let mut headers = Vec::new();
                message.headers(|name, value| headers.push((name.to_owned(), value.map(<[u8]>::to_vec))));
                let letter = headers::letter(message.key(), message.value(), headers);
                match letter.filter(|letter| letter.pipeline == self.pipeline) {
                    Some(letter) => {
                        let id = format!("{}-{}", reading.partition, message.offset());
                        Found::Letter(Box::new(Kept { id, letter }))
                    }
                    None => Found::Other,
                }
            }
            number if failure::code(number) == Some(Code::PartitionEOF) => Found::End,
            number => {
                let what = format!("reading {}/{}", self.topic, reading.partition);
                return Err(self.consumer.context().link.failed(&what, number));
            }
        };
        let last = message.error() == 0 && message.offset() + 1 >= reading.end;
        reading.queue.advance();
        if last || matches!(found, Found::End) {
            self.reading = None;
        }
        Ok(found)
    }
}

/// The offsets to read of a partition that has those from `oldest` to before `end`, each from one to before another.
fn ranges(wanted: Wanted<'_>, partition: i32, oldest: i64, end: i64) -> Vec<(i64, i64)> {
    let mut ranges: Vec<(i64, i64)> = match wanted {
        Wanted::All => vec![(oldest, end)],
        Wanted::Newest(count) => {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            vec![(oldest.max(end.saturating_sub(count)), end)]
        }
        Wanted::These(ids) => {
            let places = ids.iter().filter_map(|id| place(id)).filter(|(of, _)| *of == partition);
            places.map(|(_, offset)| (offset, offset.saturating_add(1))).collect()
        }
    };
    ranges.retain(|(begin, until)| *begin >= oldest && begin < until && *until <= end);
    ranges.sort_unstable();
    ranges.dedup();
    ranges
}

/// Partition and offset in a letter's name.
fn place(id: &str) -> Option<(i32, i64)> {
    let (partition, offset) = id.split_once('-')?;
    Some((partition.parse().ok()?, offset.parse().ok()?))
}

impl DeadLetterReader for KafkaLetters {
    fn next(&mut self) -> Result<Option<Kept>, ConnectorError> {
        loop {
            if self.reading.is_none() {
                let Some(next) = self.ahead.pop_front() else { return Ok(None) };
                self.begin(next)?;
            }
            if let Found::Letter(kept) = self.find()? {
                return Ok(Some(*kept));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_of_a_partition() {
        assert_eq!(ranges(Wanted::All, 0, 3, 9), [(3, 9)]);
        assert_eq!(ranges(Wanted::All, 0, 9, 9), []);
        assert_eq!(ranges(Wanted::Newest(4), 0, 3, 9), [(5, 9)]);
        assert_eq!(ranges(Wanted::Newest(u64::MAX), 0, 3, 9), [(3, 9)]);
        let ids = ["1-8", "1-5", "0-5", "1-5", "1-2", "1-9", "1-9223372036854775807", "1", "x-5", "1--5", ""];
        let ids = ids.map(String::from);
        assert_eq!(ranges(Wanted::These(&ids), 1, 3, 9), [(5, 6), (8, 9)]);
    }
}
