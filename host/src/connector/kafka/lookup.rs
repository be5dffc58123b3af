//! Questions to the brokers about topics and offsets. They wait for the answer, up to [`PATIENCE`]: ask them on a
//! thread that may wait. Knows nothing of groups or readers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::connection::Connection;
use super::consumer::Consumer;
use super::link::Link;
use super::settings;
use super::similar::or_meant;
use super::start::Facts;
use crate::connector::ConnectorError;
use crate::spec::Start;

/// How long a question may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Events looked at after a failure, for its cause: each poll gives at most one.
const EVENTS: usize = 50;

/// A client for questions.
pub(super) struct Lookup {
    consumer: Arc<Consumer>,
    link: Arc<Link>,
}

impl Lookup {
    /// A client of its own.
    pub fn new(connection: &Connection) -> Result<Self, ConnectorError> {
        let link = connection.link("lookup");
        let config = settings::lookup(connection.properties());
        let consumer = Consumer::new(&config, Arc::clone(&link), None).map_err(|e| connection.refused(e))?;
        Ok(Lookup { consumer: Arc::new(consumer), link })
    }

    /// Asks by a consumer that is there.
    pub fn by(consumer: &Arc<Consumer>) -> Self {
        Lookup { consumer: Arc::clone(consumer), link: Arc::clone(&consumer.context().link) }
    }

    /// Number of partitions of `topic`, which must be there.
    pub fn partitions(&self, topic: &str, patience: Duration) -> Result<i32, ConnectorError> {
        let metadata = self.answer(
            &format!("looking for topic `{topic}`"),
            self.consumer.fetch_metadata(Some(topic), patience),
        )?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        match found.map(|found| (found.error().map(Code::from), found.partitions().len())) {
            Some((None, partitions)) if partitions > 0 => Ok(partitions as i32),
            None | Some((Some(Code::UnknownTopicOrPartition | Code::UnknownTopic), _)) => {
                Err(self.unknown_topic(topic, patience))
            }
            Some((None, _)) => {
                Err(ConnectorError::Retry(format!("topic `{topic}` has no partitions yet; trying again")))
            }
            Some((Some(code), _)) => Err(self.link.failed(&format!("topic `{topic}`"), code as i32)),
        }
    }

    fn unknown_topic(&self, topic: &str, patience: Duration) -> ConnectorError {
        let all = match self.consumer.fetch_metadata(None, patience) {
            Ok(metadata) => metadata.topics().iter().map(|topic| topic.name().to_owned()).collect(),
            Err(_) => Vec::new(),
        };
        let meant = or_meant(topic, all.iter().map(String::as_str));
        ConnectorError::Stop(format!(
            "there is no topic `{topic}` on connection `{}`: create it (kafka-topics --create; `sabot dev` makes what a \
             pipeline applied there names) or correct the name{meant}",
            self.link.connection(),
        ))
    }

    /// Committed offsets, the oldest, the end, and the offset of a start time, for each of `wanted`
    /// (topic, partition, start), in that order.
    pub fn facts(&self, wanted: &[(String, i32, Start)]) -> Result<Vec<Facts>, ConnectorError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let committed = list(wanted, |_| Offset::Invalid);
        let committed = self
            .offsets("reading the committed offsets", self.consumer.committed_offsets(committed, PATIENCE))?;
        let oldest = self.at("looking for the oldest offsets", list(wanted, |_| Offset::Beginning))?;
        let end = self.at("looking for the newest offsets", list(wanted, |_| Offset::End))?;
        let timed: Vec<_> =
            wanted.iter().filter(|(_, _, start)| matches!(start, Start::Timestamp(_))).cloned().collect();
        let at_time = match timed.as_slice() {
            [] => HashMap::new(),
            timed => self.at("looking for the offsets of the start time", list(timed, at_time))?,
        };
        let of = |offsets: &HashMap<(String, i32), i64>, place: &(String, i32)| offsets.get(place).copied();
        wanted
            .iter()
            .map(|(topic, partition, _)| {
                let place = &(topic.clone(), *partition);
                let missing = || {
                    ConnectorError::Retry(format!(
                        "the broker did not say where {topic}/{partition} begins and ends"
                    ))
                };
                Ok(Facts {
                    committed: of(&committed, place),
                    oldest: of(&oldest, place).ok_or_else(missing)?,
                    end: of(&end, place).ok_or_else(missing)?,
                    at_time: of(&at_time, place),
                })
            })
            .collect()
    }

    /// The oldest and the end offset of a partition.
    pub fn watermarks(
        &self,
        topic: &str,
        partition: i32,
        patience: Duration,
    ) -> Result<(i64, i64), ConnectorError> {
        self.answer(
            &format!("looking for the offsets of {topic}/{partition}"),
            self.consumer.fetch_watermarks(topic, partition, patience),
        )
    }

    fn at(
        &self,
        what: &str,
        times: TopicPartitionList,
    ) -> Result<HashMap<(String, i32), i64>, ConnectorError> {
        self.offsets(what, self.consumer.offsets_for_times(times, PATIENCE))
    }

    fn offsets(
        &self,
        what: &str,
        answer: KafkaResult<TopicPartitionList>,
    ) -> Result<HashMap<(String, i32), i64>, ConnectorError> {
        let list = self.answer(what, answer)?;
        let mut offsets = HashMap::new();
        for place in list.elements() {
            if let Err(error) = place.error() {
                return Err(
                    self.failed(&format!("{what} of {}/{}", place.topic(), place.partition()), &error)
                );
            }
            if let Offset::Offset(offset) = place.offset() {
                offsets.insert((place.topic().to_owned(), place.partition()), offset);
            }
        }
        Ok(offsets)
    }

    fn answer<T>(&self, what: &str, answer: KafkaResult<T>) -> Result<T, ConnectorError> {
        match answer {
            Ok(answer) => {
                self.link.works();
                Ok(answer)
            }
            Err(error) => {
                // Without a group nobody else hears why no broker answers.
                for _ in 0..EVENTS {
                    drop(self.consumer.poll(Duration::ZERO));
                }
                Err(self.failed(what, &error))
            }
        }
    }

    fn failed(&self, what: &str, error: &KafkaError) -> ConnectorError {
        self.link.failed(what, error.rdkafka_error_code().map_or(-1, |code| code as i32))
    }
}

fn at_time((_, _, start): &(String, i32, Start)) -> Offset {
    match start {
        Start::Timestamp(ms) => Offset::Offset(*ms),
        Start::Earliest | Start::Latest | Start::Committed => Offset::End,
    }
}

fn list(
    wanted: &[(String, i32, Start)],
    offset: impl Fn(&(String, i32, Start)) -> Offset,
) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(wanted.len());
    for place in wanted {
        // The offset is one that librdkafka has a number for, which is all that can go wrong.
        let _ = list.add_partition_offset(&place.0, place.1, offset(place));
    }
    list
}
