//! A few records of a topic, without a group: to infer columns from. Waits for brokers and records, within bounds:
//! call it on a thread that may wait. Knows nothing of codecs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::Message as _;
use rdkafka::consumer::Consumer as _;
use rdkafka::message::Headers as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::connection::Connection;
use super::consumer::Consumer;
use super::lookup::{Lookup, PATIENCE};
use super::settings;
use crate::batch::RawRecords;
use crate::connector::ConnectorError;

/// Bytes of a sample, at most.
const SAMPLE_BYTES: usize = 64 << 20;
/// A partition's end is not told: so long without a record is taken for it.
const QUIET: Duration = Duration::from_millis(500);

/// At most `records` of the oldest records of all partitions of `topic`, as one run, waiting at most `within` for
/// them.
///
/// # Errors
/// `Stop` for an unknown topic; `Retry` while no broker answers.
pub fn sample(
    connection: &Connection,
    topic: &str,
    records: usize,
    within: Duration,
) -> Result<RawRecords, ConnectorError> {
    let partitions = Lookup::new(connection)?.partitions(topic, PATIENCE)?;
    let link = connection.link("sample");
    let mut config = settings::lookup(connection.properties());
    // A group is never joined, but librdkafka wants its name.
    config.set("group.id", "sabot-sample").set("enable.auto.commit", "false");
    let consumer = Consumer::new(&config, Arc::clone(&link), None).map_err(|e| connection.refused(e))?;
    let mut all = TopicPartitionList::new();
    for partition in 0..partitions {
        all.add_partition_offset(topic, partition, Offset::Beginning)
            .map_err(|e| ConnectorError::Stop(format!("sampling topic `{topic}`: {e}")))?;
    }
    consumer.assign(&all).map_err(|e| ConnectorError::Retry(format!("sampling topic `{topic}`: {e}")))?;
    let mut raw = RawRecords::with_capacity(topic.into(), 0, records.min(1024), 64 << 10);
    let (started, mut last) = (Instant::now(), Instant::now());
    while raw.len() < records && raw.byte_len() < SAMPLE_BYTES && started.elapsed() < within {
        match consumer.poll(Duration::from_millis(50)) {
            Some(Ok(message)) => {
                last = Instant::now();
                raw.push(message.offset(), message.timestamp().to_millis(), message.key(), message.payload());
                for header in message.headers().iter().flat_map(|headers| headers.iter()) {
                    raw.push_header(header.key, header.value);
                }
            }
            Some(Err(error)) => {
                return Err(ConnectorError::Retry(format!("sampling topic `{topic}`: {error}")));
            }
            None if !raw.is_empty() && last.elapsed() > QUIET => break,
            None => {}
        }
    }
    Ok(raw)
}
