//! Streams in which one record in a thousand is broken, each in another way: every good record comes out, every bad
//! one is in the dead letters with its bytes and place, memory stays bounded, and once the pipeline takes records of any
//! kind a replay brings every one of them through. The ways are in the modules below.

mod arrow;
mod avro;
mod json;
mod protobuf;

use std::collections::HashMap;
use std::io::{BufRead, BufReader};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sabot_test_registry::TestRegistry;
use sabot_tests::broker::{Broker, unique};
use sabot_tests::host_process::HostProcess;
use sabot_tests::record::Record;
use sabot_tests::topic::Topic;
use serde_json::{Value, json};

use crate::support::*;

/// Partitions of the topics; record `n` is in partition `n % PARTITIONS`, at offset `n / PARTITIONS`.
const PARTITIONS: i64 = 4;
/// One in so many is broken.
const EVERY: i64 = 1_000;
/// What a host may need. Most of it is the largest records: some 13 MB, in several stages, for each of four tasks.
const MEMORY: u64 = 1 << 30;

/// Whether record `n` is broken, and if so which of them it is.
fn broken(n: i64) -> Option<usize> {
    (n % EVERY == EVERY / 2).then_some((n / EVERY) as usize)
}

/// A stream and what has to become of it.
struct Stream<'a> {
    name: &'a str,
    records: i64,
    decode: Value,
    /// The value of record `n`, of those that are good.
    good: &'a dyn Fn(i64) -> Vec<u8>,
    /// The value of a broken record; `None` is no value at all.
    bad: &'a dyn Fn(usize) -> Option<Vec<u8>>,
    /// The row that record `n` is.
    row: &'a dyn Fn(i64) -> Value,
    /// Codes that have to be among those of the letters.
    codes: &'a [&'a str],
}

impl Stream<'_> {
    fn run(&self, broker: &Broker, host: &HostProcess) {
        let large = [("max.message.bytes", "20000000")];
        let [from, to] = [self.name, "out"].map(|name| broker.topic_with(name, PARTITIONS as i32, &large));
        from.produce_records((0..self.records).map(|n| {
            let value = match broken(n) {
                None => Some((self.good)(n)),
                Some(which) => (self.bad)(which),
            };
            Record { partition: (n % PARTITIONS) as i32, value, ..Record::default() }
        }));
        let folder = tempfile::tempdir().unwrap();
        let letters = folder.path().join("letters.jsonl");
        let pipeline = unique(self.name).to_lowercase();
        let spec = |decode: &Value, to: &Topic, codec: &str| {
            json!({
                "name": pipeline,
                "dead_letter": { "file": letters },
                "sources": { "orders": { "kafka": { "topic": from.name() }, "decode": decode } },
                "sinks": { "out": { "from": "orders", "kafka": { "topic": to.name() }, "encode": { "codec": codec } } },
            })
        };
        apply(&host.http(), &spec(&self.decode, &to, "json"));
        let bad = (0..self.records).filter(|n| broken(*n).is_some()).count() as i64;
        wait_for_count(&to, self.records - bad);
        wait(&host.http(), &pipeline, "done", |status| {
            let partitions = status["sources"][0]["partitions"].as_array().unwrap();
            let all = partitions.iter().all(|partition| partition["committed"] == self.records / PARTITIONS);
            all && partitions.len() == PARTITIONS as usize
        });
        self.check_rows(&to);
        self.check_letters(&from, BufReader::new(std::fs::File::open(&letters).unwrap()));

        let mended = broker.topic_with("mended", PARTITIONS as i32, &large);
        apply(
            &host.http(),
            &spec(&json!({ "codec": "bytes", "schema": { "value": "bytes" } }), &mended, "bytes"),
        );
        let replay = format!("/v1/pipelines/{pipeline}/dead-letters/replay");
        let done = host.http().post(&replay, &json!({ "all": true })).expect(200).json();
        assert_eq!(done, json!({ "replayed": bad, "failed_again": 0, "skipped": [], "more_skipped": 0 }));
        self.check_mended(&mended);
        let peak = host.peak_memory();
        println!("{}: the host had at most {} MiB resident", self.name, peak >> 20);
        assert!(peak < MEMORY, "{} MiB resident", peak >> 20);
        host.http().post(&format!("/v1/pipelines/{pipeline}/stop"), &json!({})).expect(200);
    }

    /// Each good record once, as its row; nothing else.
    fn check_rows(&self, to: &Topic) {
        let mut seen = vec![false; self.records as usize];
        to.for_each(|message| {
            let row: Value = serde_json::from_slice(rdkafka::Message::payload(message).unwrap()).unwrap();
            let n = row["id"].as_i64().unwrap();
            assert!(broken(n).is_none(), "record {n} is broken and came out as {row}");
            assert_eq!(row, (self.row)(n));
            assert!(!std::mem::replace(&mut seen[n as usize], true), "record {n} came out twice");
        });
        let lost: Vec<i64> =
            (0..self.records).filter(|n| broken(*n).is_none() && !seen[*n as usize]).take(10).collect();
        assert_eq!(lost, [0_i64; 0], "lost");
    }

    /// Each broken record once, with its bytes; nothing else.
    fn check_mended(&self, mended: &Topic) {
        let mut left: HashMap<Option<Vec<u8>>, usize> = HashMap::new();
        for which in (0..self.records).filter_map(broken) {
            *left.entry((self.bad)(which)).or_default() += 1;
        }
        mended.for_each(|message| {
            let value = rdkafka::Message::payload(message).map(<[u8]>::to_vec);
            let count = left.get_mut(&value).filter(|count| **count > 0);
            *count.unwrap_or_else(|| panic!("came out and is none, or too often: {value:.200?}")) -= 1;
        });
        assert_eq!(left.values().sum::<usize>(), 0, "some were replayed and did not come out");
    }

    /// Each broken record once, with its bytes, where it was; nothing else.
    fn check_letters(&self, from: &Topic, letters: impl BufRead) {
        let mut codes: HashMap<String, u32> = HashMap::new();
        let mut left: HashMap<i64, usize> =
            (0..self.records).filter_map(|n| broken(n).map(|which| (n, which))).collect();
        for line in letters.lines() {
            let letter: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let [partition, offset] = ["partition", "offset"].map(|key| letter[key].as_i64().unwrap());
            let n = offset * PARTITIONS + partition;
            assert_eq!(letter["topic"], from.name());
            let Some(which) = left.remove(&n) else {
                panic!(
                    "record {n} is no broken one, or twice in the letters: {} {}",
                    letter["code"], letter["message"]
                )
            };
            let value = letter["value"].as_str().map(|value| STANDARD.decode(value).unwrap());
            assert_eq!(value, (self.bad)(which), "the bytes of record {n}, {}", letter["message"]);
            assert!(letter["message"].as_str().unwrap().len() < 2_000, "a message is no copy of the record");
            *codes.entry(letter["code"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        let missing: Vec<_> = left.iter().take(10).collect();
        assert!(missing.is_empty(), "{} broken records have no letter: {missing:?} …", left.len());
        println!("{}: {codes:?}", self.name);
        for code in self.codes {
            assert!(codes.contains_key(*code), "no letter has the code {code}: {codes:?}");
        }
    }
}

#[test]
fn a_million_json_records_of_which_a_thousand_are_broken_each_in_another_way() {
    let Some(broker) = Broker::for_test("a_million_json_records") else { return };
    let host = host(&broker);
    let stream = Stream {
        name: "broken-json",
        records: 1_000_000,
        decode: json!({ "codec": "json", "schema": json::columns() }),
        good: &json::good,
        bad: &json::bad,
        row: &json::row,
        codes: &["json-syntax", "type-mismatch", "missing-column", "out-of-range", "too-large", "tombstone"],
    };
    stream.run(&broker, &host);
}

#[test]
fn a_million_arrow_records_of_which_a_thousand_are_broken_each_in_another_way() {
    let Some(broker) = Broker::for_test("a_million_arrow_records") else { return };
    let host = host(&broker);
    let stream = Stream {
        name: "broken-arrow",
        records: 1_000_000,
        decode: json!({ "codec": "arrow", "schema": arrow::columns() }),
        good: &arrow::good,
        bad: &arrow::bad,
        row: &arrow::row,
        codes: &["arrow-syntax", "type-mismatch", "too-large", "tombstone"],
    };
    stream.run(&broker, &host);
}

#[test]
fn a_million_avro_and_a_million_protobuf_records_of_which_a_thousand_are_broken_each_in_another_way() {
    let Some(broker) = Broker::for_test("a_million_avro_and_a_million_protobuf_records") else { return };
    let registry = TestRegistry::start();
    let avro_id = register(&registry, "avro", &json!({ "schema": avro::SCHEMA }));
    let body = json!({ "schemaType": "PROTOBUF", "schema": protobuf::SCHEMA });
    let protobuf_id = register(&registry, "protobuf", &body);
    let host = host_with_registries(&broker, &json!({ "default": { "url": registry.url() } }), &json!({}));
    let by = |codec: &str| json!({ "codec": codec, "registry": { "name": "default", "subject": codec } });
    let stream = Stream {
        name: "broken-avro",
        records: 1_000_000,
        decode: by("avro"),
        good: &|n| avro::good(avro_id, n),
        bad: &|which| avro::bad(avro_id, which),
        row: &|n| json!({ "id": n, "user": avro::user(n), "tags": ["a", format!("t{n}")] }),
        codes: &["avro-syntax", "wrong-magic", "truncated", "unknown-schema"],
    };
    stream.run(&broker, &host);
    let stream = Stream {
        name: "broken-protobuf",
        records: 1_000_000,
        decode: by("protobuf"),
        good: &|n| protobuf::good(protobuf_id, n),
        bad: &|which| protobuf::bad(protobuf_id, which),
        codes: &[
            "protobuf-syntax",
            "wrong-magic",
            "truncated",
            "unknown-schema",
            "unknown-message",
            "not-utf8",
            "type-mismatch",
        ],
        ..stream
    };
    stream.run(&broker, &host);
}
