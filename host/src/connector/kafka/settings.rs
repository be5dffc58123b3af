//! librdkafka's properties for each kind of client: what we tune, below what the connection says, below what our
//! semantics need. Pure. The tuning is measured: see `benches/README.md`.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;

use super::gap::OnGap;
use crate::spec::{Compression, KafkaSink, Partitioner};

type Layer<'a> = &'a [(&'a str, String)];

/// Why a property cannot be set in a connection, if so.
pub(super) fn reserved(name: &str, value: &str) -> Option<&'static str> {
    Some(match name {
        "group.id" => "the group is the pipeline's name, or `group` of the source",
        "enable.auto.commit" | "enable.auto.offset.store" | "auto.commit.interval.ms" => {
            "offsets are committed when the sinks have delivered, every `checkpoint.every`"
        }
        "enable.partition.eof" | "delivery.report.only.error" => "it would change how records are counted",
        "transactional.id" | "transaction.timeout.ms" => "transactions are the pipeline's business",
        "group.protocol" if value != "classic" => "only the classic protocol is used",
        "partition.assignment.strategy" if value.contains("cooperative") => {
            "partitions move all at once, with all work finished; use range or roundrobin"
        }
        "linger.ms"
        | "queue.buffering.max.ms"
        | "batch.size"
        | "compression.type"
        | "compression.codec"
        | "partitioner"
        | "sticky.partitioning.linger.ms" => {
            "each sink says it itself: `linger`, `batch`, `compression`, `partitioner`"
        }
        "queued.max.messages.kbytes"
        | "queued.min.messages"
        | "queue.buffering.max.kbytes"
        | "queue.buffering.max.messages" => "it is a share of `limits.kafka_queue_bytes` of the host",
        _ if name.starts_with("test.mock.") => "it would replace the brokers",
        _ => return None,
    })
}

/// For questions about topics and offsets.
pub(super) fn lookup(connection: &BTreeMap<String, String>) -> ClientConfig {
    layered(&common(), connection, &[])
}

/// For a member of `group`, with `share` bytes to queue over `partitions` partitions.
pub(super) fn consumer(
    connection: &BTreeMap<String, String>,
    group: &str,
    on_gap: OnGap,
    share: u64,
    partitions: usize,
) -> ClientConfig {
    let queue = ConsumerQueue::of(share, partitions);
    let mut tuned = common();
    tuned.extend([
        ("isolation.level", "read_committed".into()),
        // A host that dies without a word is missed after this long, and others take over, or itself once it is
        // back. Less would take a short trouble of the network for a death. A static member (`group.instance.id`)
        // would be back at once, but it does not leave when it is stopped either: each time a pipeline moves to
        // another host, or a host goes for good, its partitions would lie for this long.
        ("session.timeout.ms", "10000".into()),
        ("heartbeat.interval.ms", "1000".into()),
        // One fetch at a time goes to a broker: a partition with room waits for one that asked for an idle
        // partition. The default of 500 ms would starve a busy partition beside an idle one.
        ("fetch.wait.max.ms", "100".into()),
        // With the default of 1000 ms the fetcher sleeps once a queue is full: five times less throughput.
        ("fetch.queue.backoff.ms", "10".into()),
        ("fetch.error.backoff.ms", "100".into()),
        ("fetch.message.max.bytes", queue.fetch_bytes.to_string()),
        ("fetch.max.bytes", queue.fetch_max_bytes.to_string()),
    ]);
    let fixed = [
        ("group.id", group.to_owned()),
        ("enable.auto.commit", "false".into()),
        ("enable.auto.offset.store", "false".into()),
        ("enable.partition.eof", "false".into()),
        ("auto.offset.reset", on_gap.word().into()),
        ("queued.max.messages.kbytes", queue.kbytes.to_string()),
        ("queued.min.messages", queue.messages.to_string()),
    ];
    layered(&tuned, connection, &fixed)
}

/// For reading a topic once from here to there, with `share` bytes to queue. Joins no group: `group` is only a name
/// that the connection's user may use.
pub(super) fn reader(connection: &BTreeMap<String, String>, group: &str, share: u64) -> ClientConfig {
    let mut tuned = common();
    tuned.extend([("isolation.level", "read_committed".into()), ("fetch.wait.max.ms", "100".into())]);
    let fixed = [
        ("group.id", group.to_owned()),
        ("enable.auto.commit", "false".into()),
        ("enable.auto.offset.store", "false".into()),
        // Transactions leave offsets without a record, also at the end.
        ("enable.partition.eof", "true".into()),
        ("auto.offset.reset", "earliest".into()),
        ("queued.max.messages.kbytes", (share / 2 / 1024).max(64).to_string()),
    ];
    layered(&tuned, connection, &fixed)
}

/// For a sink's writer, with `share` bytes to queue. `max_message_bytes`: what the topic takes.
pub(super) fn producer(
    connection: &BTreeMap<String, String>,
    sink: &KafkaSink,
    share: u64,
    max_message_bytes: u64,
) -> ClientConfig {
    let mut tuned = common();
    tuned.extend([
        ("enable.idempotence", "true".into()),
        // While a broker is down records wait in the queue, and the pipeline behind it: nothing expires.
        ("message.timeout.ms", "0".into()),
        ("message.max.bytes", max_message_bytes.to_string()),
    ]);
    let sticky = match sink.partitioner {
        Partitioner::RoundRobin => 0,
        _ => sink.linger.as_millis().clamp(10, 900_000),
    };
    let max_message_bytes = user_number(connection, "message.max.bytes").unwrap_or(max_message_bytes);
    let batch_bytes = (sink.batch_bytes as u64).clamp(1, max_message_bytes);
    let fixed = [
        ("linger.ms", sink.linger.as_millis().min(900_000).to_string()),
        ("batch.size", batch_bytes.to_string()),
        // The bytes are the bound of a batch.
        ("batch.num.messages", "1000000".into()),
        ("compression.type", compression(sink.compression).into()),
        ("sticky.partitioning.linger.ms", sticky.to_string()),
        // A queued message costs some 250 bytes beside its own.
        ("queue.buffering.max.kbytes", (queue_bytes(share, max_message_bytes) / 1024).to_string()),
        ("queue.buffering.max.messages", (share / 512).clamp(1_000, 1_000_000).to_string()),
    ];
    let mut config = layered(&tuned, connection, &fixed);
    match sink.partitioner {
        Partitioner::Murmur2 => config.set("partitioner", "murmur2_random"),
        Partitioner::Crc32 => config.set("partitioner", "consistent_random"),
        // Chosen by the writer.
        Partitioner::RoundRobin | Partitioner::Column(_) => &mut config,
    };
    config
}

/// Bytes of records in a producer's queue: half of its share, as small records cost as much again; or one record of
/// the largest, which costs little, as far as it fits.
pub(super) fn queue_bytes(share: u64, max_message_bytes: u64) -> u64 {
    (share / 2).max(max_message_bytes.min(share)).next_multiple_of(1024).max(64 * 1024)
}

/// How a share of a host's bytes is split over a consumer's partitions. Each has a queue of its own, filled
/// until it holds `kbytes` or `messages` and then by one fetch more.
#[derive(Debug, PartialEq, Eq)]
struct ConsumerQueue {
    kbytes: u64,
    messages: u64,
    fetch_bytes: u64,
    fetch_max_bytes: u64,
}

impl ConsumerQueue {
    fn of(share: u64, partitions: usize) -> Self {
        let each = share / partitions.max(1) as u64;
        ConsumerQueue {
            kbytes: (each / 3 / 1024).clamp(64, 2_097_151),
            // A queued message was seen to cost some 700 bytes beside its own.
            messages: (each / 896).clamp(100, 10_000_000),
            // Compressed: what comes of it may be several times as much.
            fetch_bytes: (each / 32).clamp(16 * 1024, 100 * 1024 * 1024),
            fetch_max_bytes: (share / 16).clamp(1024 * 1024, 50 * 1024 * 1024),
        }
    }
}

fn common() -> Vec<(&'static str, String)> {
    vec![
        ("client.id", "sabot".into()),
        ("allow.auto.create.topics", "false".into()),
        ("reconnect.backoff.max.ms", "2000".into()),
        ("socket.keepalive.enable", "true".into()),
        ("enable.metrics.push", "false".into()),
    ]
}

fn layered(tuned: Layer<'_>, connection: &BTreeMap<String, String>, fixed: Layer<'_>) -> ClientConfig {
    let mut config = ClientConfig::new();
    tuned.iter().for_each(|(name, value)| _ = config.set(*name, value));
    connection.iter().for_each(|(name, value)| _ = config.set(name, value));
    fixed.iter().for_each(|(name, value)| _ = config.set(*name, value));
    config
}

/// A number that the connection sets.
pub(super) fn user_number(connection: &BTreeMap<String, String>, name: &str) -> Option<u64> {
    connection.get(name)?.parse().ok()
}

fn compression(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "none",
        Compression::Gzip => "gzip",
        Compression::Snappy => "snappy",
        Compression::Lz4 => "lz4",
        Compression::Zstd => "zstd",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn sink() -> KafkaSink {
        KafkaSink {
            connection: "default".into(),
            topic: "out".into(),
            key: vec![],
            partitioner: Partitioner::Murmur2,
            compression: Compression::Lz4,
            linger: Duration::from_millis(5),
            batch_bytes: 1_000_000,
            headers: vec![],
            timestamp: None,
            tombstone: None,
        }
    }

    #[test]
    fn every_property_we_set_is_one_that_librdkafka_knows() {
        let connection = BTreeMap::from([("bootstrap.servers".to_owned(), "a:1".to_owned())]);
        for config in [
            lookup(&connection),
            consumer(&connection, "g", OnGap::Stop, 16 * MIB, 2),
            consumer(&connection, "g", OnGap::Oldest, MIB, 10_000),
            reader(&connection, "g", MIB),
            producer(&connection, &sink(), 32 * MIB, 1_048_588),
            producer(&connection, &sink(), MIB, 2_000),
            producer(&connection, &KafkaSink { partitioner: Partitioner::Crc32, ..sink() }, MIB, 2_000),
        ] {
            config.create_native_config().unwrap();
        }
    }

    #[test]
    fn the_connection_wins_over_tuning_and_we_win_where_semantics_are_at_stake() {
        let connection = BTreeMap::from([
            ("fetch.wait.max.ms".to_owned(), "7".to_owned()),
            ("enable.auto.commit".to_owned(), "true".to_owned()),
            ("message.max.bytes".to_owned(), "5000".to_owned()),
        ]);
        let config = consumer(&connection, "g", OnGap::Stop, MIB, 1);
        assert_eq!(config.get("fetch.wait.max.ms"), Some("7"));
        assert_eq!(config.get("enable.auto.commit"), Some("false"));
        let config = producer(&connection, &sink(), MIB, 1_048_588);
        assert_eq!((config.get("message.max.bytes"), config.get("batch.size")), (Some("5000"), Some("5000")));
    }

    #[test]
    fn queues_shrink_with_the_number_of_partitions_and_never_to_nothing() {
        let queue = ConsumerQueue::of(96 * MIB, 2);
        let big = ConsumerQueue {
            kbytes: 16384,
            messages: 56173,
            fetch_bytes: 3 * MIB / 2,
            fetch_max_bytes: 6 * MIB,
        };
        assert_eq!(queue, big);
        let queue = ConsumerQueue::of(MIB, 1000);
        assert_eq!(
            queue,
            ConsumerQueue { kbytes: 64, messages: 100, fetch_bytes: 16384, fetch_max_bytes: MIB }
        );
    }
}
