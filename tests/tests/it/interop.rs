//! Clients that nobody here wrote: serializers and deserializers of PyPI's `confluent-kafka` and the console producer of
//! Kafka itself, at the other end of Sabot. What the records are, and whether they are what came, is judged in Python
//! (tests/interop); here is who reads and writes which topic.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use sabot_test_registry::TestRegistry;
use sabot_tests::broker::{Broker, skip, unique};
use sabot_tests::topic::Topic;
use serde_json::{Map, Value, json};

use crate::support::*;

const CODECS: [&str; 3] = ["avro", "protobuf", "json_schema"];
/// Records of a topic: enough for every combination of nulls, branches and lengths.
const RECORDS: usize = 240;

/// All but `by_number`: JSON has no map by numbers.
const PROTOBUF_COLUMNS: &str = "id small signed unsigned_small unsigned_large fixed_small fixed_large \
    sfixed_small sfixed_large flag ratio amount text raw color maybe at took wrapped wrapped_text wrapped_flag \
    wrapped_ratio wrapped_raw nothing mask anything numbers tags counts price lines number word line";

/// The Python with the clients; `None` where `cargo xtask test` did not set it up.
pub fn python(test: &str) -> Option<String> {
    let python = std::env::var("SABOT_INTEROP_PYTHON").ok();
    if python.is_none() {
        skip(test, "no Python with the clients: use `cargo xtask test`");
    }
    python
}

/// The Python with the clients, a broker and a registry.
struct Clients<'a> {
    python: String,
    broker: &'a Broker,
    registry: TestRegistry,
}

impl<'a> Clients<'a> {
    /// `None` where there is no such Python.
    fn for_test(test: &str, broker: &'a Broker) -> Option<Self> {
        Some(Clients { python: python(test)?, broker, registry: TestRegistry::start() })
    }

    /// Runs `tests/interop/clients.py`.
    fn run(&self, words: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/clients.py");
        let mut command = Command::new(&self.python);
        command.arg(script).args([self.broker.bootstrap(), &self.registry.url()]).args(words);
        let Output { status, stderr, .. } = command.output().expect("Python runs");
        let said = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "clients.py {words:?}: {said}");
    }

    fn write(&self, codec: &str, topic: &Topic, more: &[&str]) {
        self.run(&[&["write", codec, topic.name(), &RECORDS.to_string()], more].concat());
    }

    fn check(&self, command: &str, codec: &str, topic: &Topic, more: &[&str]) {
        wait_for_count(topic, RECORDS as i64);
        self.run(&[&[command, codec, topic.name(), &RECORDS.to_string()], more].concat());
    }

    fn registries(&self) -> Value {
        json!({ "default": { "url": self.registry.url() } })
    }
}

/// The source that reads records of a codec as the clients registered them.
fn source(codec: &str, topic: &Topic) -> Value {
    let mut registry = json!({ "name": "default" });
    if codec == "protobuf" {
        registry["message"] = "shop.Everything".into();
    }
    json!({ "kafka": { "topic": topic.name() }, "decode": { "codec": codec, "registry": registry } })
}

fn name_of(codec: &str) -> String {
    codec.replace('_', "-")
}

#[test]
fn what_their_serializers_write_with_either_header_is_read_exactly() {
    const TEST: &str = "what_their_serializers_write";
    let Some(broker) = Broker::for_test(TEST) else { return };
    let Some(clients) = Clients::for_test(TEST, &broker) else { return };
    let (mut sources, mut sinks, mut outs) = (Map::new(), Map::new(), Vec::new());
    for codec in CODECS {
        // The id before the value, or the GUID in a header of the record.
        for words in [&[][..], &["header"]] {
            let (from, to) = (broker.topic(codec, 1), broker.topic("rows", 1));
            clients.write(codec, &from, words);
            let name = format!("{}{}", name_of(codec), words.len());
            let mut encode = json!({ "codec": "json" });
            if codec == "protobuf" {
                encode["columns"] = PROTOBUF_COLUMNS.split(' ').collect();
            }
            sinks.insert(
                format!("out-{name}"),
                json!({ "from": name, "kafka": { "topic": to.name() }, "encode": encode }),
            );
            sources.insert(name, source(codec, &from));
            outs.push((codec, from, to));
        }
    }
    let host = host_with_registries(&broker, &clients.registries(), &json!({}));
    let name = unique("theirs").to_lowercase();
    apply(&host.http(), &json!({ "name": name, "sources": sources, "sinks": sinks }));
    for (codec, _, to) in &outs {
        clients.check("rows", codec, to, &[]);
    }
    let status = wait(&host.http(), &name, "running", |status| status["state"] == "running");
    assert_eq!(status["dead_letters"], 0, "{status:#}");
}

#[test]
fn what_sabot_writes_their_deserializers_read() {
    const TEST: &str = "what_sabot_writes_their_deserializers_read";
    let Some(broker) = Broker::for_test(TEST) else { return };
    let Some(clients) = Clients::for_test(TEST, &broker) else { return };
    let (mut sources, mut sinks, mut outs) = (Map::new(), Map::new(), Vec::new());
    for codec in CODECS {
        let from = broker.topic(codec, 1);
        clients.write(codec, &from, &[]);
        // By the schema that the clients registered, and by one that follows from the columns; named before the
        // value, and in a header.
        let (theirs, own) = (broker.topic("theirs", 1), broker.topic("own", 1));
        let header = broker.topic("header", 1);
        let subject = format!("{}-value", from.name());
        let mut by_theirs = json!({ "name": "default", "subject": subject, "schema": "latest" });
        if codec == "protobuf" {
            by_theirs["message"] = "shop.Everything".into();
        }
        let in_header = json!({ "name": "default", "schema_id": "header" });
        for (to, kind, registry) in
            [(&theirs, "theirs", by_theirs), (&own, "own", json!("default")), (&header, "header", in_header)]
        {
            let encode = json!({ "codec": codec, "registry": registry });
            sinks.insert(
                format!("{kind}-{}", name_of(codec)),
                json!({ "from": name_of(codec), "kafka": { "topic": to.name() }, "encode": encode }),
            );
        }
        sources.insert(name_of(codec), source(codec, &from));
        outs.push((codec, from, theirs, own, header));
    }
    let host = host_with_registries(&broker, &clients.registries(), &json!({}));
    let name = unique("ours").to_lowercase();
    apply(&host.http(), &json!({ "name": name, "sources": sources, "sinks": sinks }));
    for (codec, _, theirs, own, header) in &outs {
        clients.check("read", codec, theirs, &[]);
        clients.check("read", codec, own, &["own"]);
        clients.check("read", codec, header, &["own"]);
        for record in header.read_all() {
            let named: Vec<&str> = record.headers.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(named, ["__value_schema_id"], "{codec}");
        }
    }
    let status = wait(&host.http(), &name, "running", |status| status["state"] == "running");
    assert_eq!(status["dead_letters"], 0, "{status:#}");
}

/// The partition of each key.
fn partitions(topic: &Topic) -> BTreeMap<Vec<u8>, i32> {
    let mut found = BTreeMap::new();
    for record in topic.read_all() {
        let before = found.insert(record.key.clone().unwrap(), record.partition);
        assert!(before.is_none_or(|before| before == record.partition), "{:?}", record.key);
    }
    found
}

/// Sends the records of `from` to a new topic of as many partitions by their keys; answers where these went.
fn sent_on(broker: &Broker, from: &Topic, partitioner: &str) -> BTreeMap<Vec<u8>, i32> {
    let to = broker.topic("placed", from.partitions().len() as i32);
    let (host, name) = (host(broker), unique("placed").to_lowercase());
    apply(
        &host.http(),
        &json!({
            "name": name,
            "sources": { "keyed": {
                "kafka": { "topic": from.name() },
                "decode": { "codec": "bytes", "key": { "codec": "bytes" } },
            } },
            "sinks": { "placed": {
                "from": "keyed",
                "kafka": { "topic": to.name(), "key": ["$key"], "partitioner": partitioner },
                "encode": { "codec": "bytes", "columns": ["value"] },
            } },
        }),
    );
    wait_for_count(&to, from.len());
    partitions(&to)
}

#[test]
fn keys_go_to_the_partitions_that_librdkafka_and_java_choose() {
    const TEST: &str = "keys_go_to_the_partitions_that_librdkafka_and_java_choose";
    const KEYS: usize = 500;
    let Some(broker) = Broker::for_test(TEST) else { return };
    let Some(clients) = Clients::for_test(TEST, &broker) else { return };
    // Seven partitions: with a power of two only the last bits of a hash would count.
    let (murmur2, crc32) = (broker.topic("murmur2", 7), broker.topic("crc32", 7));
    clients.run(&["keys", murmur2.name(), &KEYS.to_string(), "murmur2_random"]);
    clients.run(&["keys", crc32.name(), &KEYS.to_string(), "consistent_random"]);
    assert_ne!(partitions(&murmur2), partitions(&crc32));
    assert_eq!(sent_on(&broker, &murmur2, "murmur2"), partitions(&murmur2));
    assert_eq!(sent_on(&broker, &crc32, "crc32"), partitions(&crc32));

    let Some(xtask) = std::env::var_os("SABOT_XTASK") else {
        return skip(TEST, "it runs Kafka's own producer: use `cargo xtask test`");
    };
    let java = broker.topic("java", 7);
    let words = ["kafka", "tool", "org.apache.kafka.tools.ConsoleProducer"];
    let to = ["--bootstrap-server", broker.bootstrap(), "--topic", java.name()];
    let keyed = ["--reader-property", "parse.key=true", "--reader-property", "key.separator=:"];
    let mut command = Command::new(xtask);
    command.args(words).args(to).args(keyed).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().expect("xtask runs");
    let lines: String = (0..KEYS).map(|n| format!("{}Zürich-{n}:{n}\n", "k".repeat(n % 20))).collect();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "the console producer ended with an error");
    assert_eq!(partitions(&java).len(), KEYS);
    assert_eq!(sent_on(&broker, &java, "murmur2"), partitions(&java));
}
