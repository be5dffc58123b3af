//! Groups, readers and writers on librdkafka's mock cluster: what can be seen without a real Kafka.

mod group;
mod letters;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::native::{Outgoing, Sent};
use super::outbox::Outbox;
use super::*;
use crate::connector::{Commit, ConnectorError, Group, GroupEvent, Partition, Read, ReadLimits};
use crate::spec::{Compression, KafkaSink, Partitioner, Start};

/// Nothing here takes nearly as long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);
const TURN: Duration = Duration::from_millis(20);

pub(super) struct World {
    pub broker: Arc<EmbeddedBroker>,
    pub connections: Connections,
}

impl World {
    /// A broker with these topics; `default` is it as the embedded broker, `lenient` as any
    /// other that goes on after a gap.
    fn with(topics: &[(&str, u32)]) -> World {
        let broker = Arc::new(EmbeddedBroker::start().unwrap());
        for (topic, partitions) in topics {
            broker.create_topic(topic, *partitions).unwrap();
        }
        let properties = |more: &[(&str, &str)]| {
            let all = [("bootstrap.servers", broker.bootstrap())].into_iter().chain(more.iter().copied());
            all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>()
        };
        let lenient = properties(&[("auto.offset.reset", "earliest")]);
        let by_name = BTreeMap::from([("lenient".to_owned(), lenient)]);
        let connections = Connections::new(&by_name, 256 << 20, Some(Arc::clone(&broker))).unwrap();
        World { broker, connections }
    }

    fn connection(&self, name: &str) -> Connection {
        self.connections.get(name).unwrap()
    }

    fn group(&self, group: &str, sources: &[(&str, Start)]) -> KafkaGroup {
        group_on(&self.connection("default"), group, sources)
    }

    /// Writes records "0", "1", … with key and value alike to a partition.
    fn fill(&self, topic: &str, numbers: std::ops::Range<u32>) {
        let mut outbox = Outbox::open(&self.connection("default"), &sink(topic), PATIENCE).unwrap();
        let texts: Vec<String> = numbers.map(|n| n.to_string()).collect();
        let records = texts.iter().enumerate().map(|(row, text)| Outgoing {
            row,
            key: Some(text.as_bytes()),
            value: Some(text.as_bytes()),
        });
        assert_eq!(outbox.producer.send(records, &mut Vec::new()), Sent::All);
        deliver(&mut outbox);
    }
}

fn group_on(connection: &Connection, group: &str, sources: &[(&str, Start)]) -> KafkaGroup {
    let source = |(topic, start): &(&str, Start)| GroupSource {
        source: format!("source-{topic}"),
        topic: (*topic).to_owned(),
        start: *start,
    };
    KafkaGroup::new(connection.clone(), group, sources.iter().map(source).collect()).unwrap()
}

fn deliver(outbox: &mut Outbox) {
    outbox.barrier(1).unwrap();
    let until = Instant::now() + PATIENCE;
    while outbox.delivered(TURN).unwrap() != Some(1) {
        assert!(Instant::now() < until, "not delivered");
    }
}

fn sink(topic: &str) -> KafkaSink {
    KafkaSink {
        connection: "default".into(),
        topic: topic.into(),
        key: vec![],
        partitioner: Partitioner::Murmur2,
        compression: Compression::None,
        linger: Duration::ZERO,
        batch_bytes: 1_000_000,
        headers: vec![],
        timestamp: None,
        tombstone: None,
    }
}

/// Drives a group to its next event.
fn event(group: &mut dyn Group) -> Result<GroupEvent, ConnectorError> {
    let until = Instant::now() + PATIENCE;
    loop {
        match group.poll(TURN) {
            Ok(Some(event)) => return Ok(event),
            Ok(None) | Err(ConnectorError::Retry(_)) => assert!(Instant::now() < until, "no event"),
            Err(stop) => return Err(stop),
        }
    }
}

fn assigned(group: &mut dyn Group) -> Vec<Partition> {
    match event(group).unwrap() {
        GroupEvent::Assigned(mut partitions) => {
            partitions.sort_by_key(|p| p.partition);
            partitions
        }
        GroupEvent::Revoked => panic!("revoked before it was assigned"),
    }
}

const LIMITS: ReadLimits = ReadLimits { records: 1000, bytes: 1 << 20, wait: TURN };

/// Reads exactly `count` records of a partition, driving its group, and shows offset and value.
fn read(group: &mut dyn Group, partition: &mut Partition, count: usize) -> Vec<(i64, String)> {
    let (mut got, until) = (Vec::new(), Instant::now() + PATIENCE);
    while got.len() < count {
        assert!(Instant::now() < until, "only {} of {count} records came", got.len());
        assert!(!matches!(group.poll(Duration::ZERO), Ok(Some(_))), "an unexpected event");
        if let Read::Records(raw) = partition.reader.read(LIMITS).unwrap() {
            for (i, record) in raw.records().iter().enumerate() {
                let text = raw.value(i).map_or("-".into(), |v| String::from_utf8_lossy(v).into_owned());
                got.push((record.offset, text));
            }
        }
    }
    got
}

fn commit_of(partition: &Partition) -> Commit {
    Commit {
        source: partition.source.clone(),
        topic: partition.topic.clone(),
        partition: partition.partition,
        offset: partition.reader.position(),
    }
}
