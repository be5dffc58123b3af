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

/// Records of a topic: enough for every combination of nulls, branches, lengths and ways to name a schema.
const RECORDS: usize = 240;

/// Records of one schema, with keys; what is in them says `records.py`.
struct Kind {
    name: &'static str,
    codec: &'static str,
    /// Of Protobuf the full names of the messages that values and keys are.
    messages: [Option<&'static str>; 2],
    /// The columns that a key is made of.
    key: &'static [&'static str],
}

const KINDS: [Kind; 7] = [
    Kind { name: "avro", codec: "avro", messages: [None; 2], key: &["id", "key", "day", "color", "address"] },
    Kind { name: "avro_long_key", codec: "avro", messages: [None; 2], key: &["id"] },
    Kind { name: "avro_string_key", codec: "avro", messages: [None; 2], key: &["text"] },
    Kind {
        name: "protobuf",
        codec: "protobuf",
        messages: [Some("shop.Everything"), Some("shop.Keys.Order")],
        key: &["id", "text", "price"],
    },
    Kind {
        name: "proto2",
        codec: "protobuf",
        messages: [Some("shop.Legacy.Order"), Some("shop.Keys.Order")],
        key: &["id", "text", "price"],
    },
    Kind {
        name: "json_schema",
        codec: "json_schema",
        messages: [None; 2],
        key: &["id", "day", "raw", "address"],
    },
    Kind { name: "connect", codec: "json_schema", messages: [None; 2], key: &["id", "raw"] },
];

/// Of `shop.Everything` all but the maps that JSON has not, those by numbers and booleans; and the key.
const PROTOBUF_COLUMNS: &str = "id small signed unsigned_small unsigned_large fixed_small fixed_large \
    sfixed_small sfixed_large flag ratio amount text raw color maybe at took wrapped wrapped_text wrapped_flag \
    wrapped_ratio wrapped_raw wrapped_amount wrapped_small wrapped_unsigned_small wrapped_unsigned_large nothing \
    mask anything json json_list json_values packed numbers tags counts colors times names waits lines_by_name \
    price lines number word line $key";

/// What these maps have under some of their keys, as columns of their own.
const PICKED: [(&str, &str); 6] = [
    ("by_least", "get_field(by_number, cast(-2147483648 as int))"),
    ("by_minus_one", "get_field(by_number, cast(-1 as int))"),
    ("by_zero", "get_field(by_number, cast(0 as int))"),
    ("by_largest", "get_field(by_number, cast(2147483647 as int))"),
    ("by_true", "get_field(by_flag, true)"),
    ("by_false", "get_field(by_flag, false)"),
];

impl Kind {
    /// What it is called in a pipeline.
    fn step(&self) -> String {
        self.name.replace('_', "-")
    }

    /// Keys of `decode` or `encode`: the codec by the registry, of which `registry` says more.
    fn coded(&self, message: Option<&str>, mut registry: Value) -> Value {
        registry["name"] = "default".into();
        if let Some(message) = message {
            registry["message"] = message.into();
        }
        json!({ "codec": self.codec, "registry": registry })
    }

    /// The source of a topic that the clients wrote.
    fn source(&self, topic: &Topic) -> Value {
        json!({ "kafka": { "topic": topic.name() }, "decode": self.coded(self.messages[0], json!({})) })
    }

    /// The sink that writes values and keys in the codec.
    fn sink(&self, to: &Topic, [value, key]: [Value; 2]) -> Value {
        let mut encode = value;
        encode["key"] = key;
        let kafka = json!({ "topic": to.name(), "key": self.key });
        json!({ "from": self.step(), "kafka": kafka, "encode": encode })
    }
}

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

    fn write(&self, kind: &Kind, topic: &Topic) {
        self.run(&["write", kind.name, topic.name(), &RECORDS.to_string()]);
    }

    fn check(&self, command: &str, kind: &Kind, topic: &Topic, more: &[&str]) {
        wait_for_count(topic, RECORDS as i64);
        self.run(&[&[command, kind.name, topic.name(), &RECORDS.to_string()], more].concat());
    }

    fn registries(&self) -> Value {
        json!({ "default": { "url": self.registry.url() } })
    }
}

#[test]
fn what_their_serializers_write_is_read_exactly_wherever_its_schema_is_named() {
    const TEST: &str = "what_their_serializers_write_is_read_exactly";
    let Some(broker) = Broker::for_test(TEST) else { return };
    let Some(clients) = Clients::for_test(TEST, &broker) else { return };
    let (mut sources, mut steps, mut sinks, mut outs) = (Map::new(), Map::new(), Map::new(), Vec::new());
    for kind in &KINDS {
        let (from, to) = (broker.topic(&kind.step(), 1), broker.topic("rows", 1));
        clients.write(kind, &from);
        let mut source = kind.source(&from);
        source["decode"]["key"] = kind.coded(kind.messages[1], json!({}));
        sources.insert(kind.step(), source);
        let mut sink =
            json!({ "from": kind.step(), "kafka": { "topic": to.name() }, "encode": { "codec": "json" } });
        if kind.name == "protobuf" {
            let picked = PICKED.map(|(column, expression)| format!("{expression} as {column}"));
            let select: Vec<String> = ["*".to_owned()].into_iter().chain(picked).collect();
            steps.insert("picked".into(), json!({ "from": kind.step(), "select": select }));
            sink["from"] = "picked".into();
            let columns = PROTOBUF_COLUMNS.split(' ').chain(PICKED.map(|(column, _)| column));
            sink["encode"]["columns"] = columns.collect();
        }
        sinks.insert(format!("out-{}", kind.step()), sink);
        outs.push((kind, from, to));
    }
    let host = host_with_registries(&broker, &clients.registries(), &json!({}));
    let name = unique("theirs").to_lowercase();
    apply(&host.http(), &json!({ "name": name, "sources": sources, "steps": steps, "sinks": sinks }));
    for (kind, _, to) in &outs {
        clients.check("rows", kind, to, &[]);
    }
    let status = wait(&host.http(), &name, "running", |status| status["state"] == "running");
    assert_eq!(status["dead_letters"], 0, "{status:#}");
}

#[test]
fn what_sabot_writes_their_deserializers_read() {
    const TEST: &str = "what_sabot_writes_their_deserializers_read";
    let Some(broker) = Broker::for_test(TEST) else { return };
    let Some(clients) = Clients::for_test(TEST, &broker) else { return };
    let (mut sources, mut sinks) = (Map::new(), Map::new());
    // A topic is removed with its value.
    let (mut froms, mut outs) = (Vec::new(), Vec::new());
    for kind in &KINDS {
        let from = broker.topic(&kind.step(), 1);
        clients.write(kind, &from);
        sources.insert(kind.step(), kind.source(&from));
        // By the schemas that the clients registered, and by those that follow from the columns; named before the key and
        // the value, before the value alone, and in headers.
        let theirs = [("value", kind.messages[0]), ("key", kind.messages[1])].map(|(part, message)| {
            let subject = format!("{}-{part}", from.name());
            kind.coded(message, json!({ "subject": subject, "schema": "latest" }))
        });
        let own = || kind.coded(None, json!({}));
        let in_header = || kind.coded(None, json!({ "schema_id": "header" }));
        let headers: [&[&str]; 3] = [&[], &["__key_schema_id"], &["__key_schema_id", "__value_schema_id"]];
        let sets =
            [("theirs", theirs), ("own", [own(), in_header()]), ("header", [in_header(), in_header()])];
        for ((set, coded), headers) in sets.into_iter().zip(headers) {
            let to = broker.topic(set, 1);
            sinks.insert(format!("{set}-{}", kind.step()), kind.sink(&to, coded));
            let more: &[&str] = if set == "theirs" { &[] } else { &["own"] };
            outs.push((kind, to, more, headers));
        }
        froms.push(from);
    }
    let host = host_with_registries(&broker, &clients.registries(), &json!({}));
    let name = unique("ours").to_lowercase();
    apply(&host.http(), &json!({ "name": name, "sources": sources, "sinks": sinks }));
    for (kind, to, more, headers) in &outs {
        clients.check("read", kind, to, more);
        for record in to.read_all() {
            let mut named: Vec<&str> = record.headers.iter().map(|(name, _)| name.as_str()).collect();
            named.sort_unstable();
            assert_eq!(named, *headers, "{}", kind.name);
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
