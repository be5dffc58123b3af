//! What the tests of running pipelines share: a host on the test broker, orders at a rate, outputs by order.
//!
//! Not the place for tests.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::Message;
use sabot_test_registry::TestRegistry;
use sabot_tests::broker::Broker;
use sabot_tests::guests::component;
use sabot_tests::host_process::{HostOptions, HostProcess};
use sabot_tests::http::Http;
use sabot_tests::record::Record;
use sabot_tests::topic::Topic;
use serde_json::{Map, Value, json};

/// How long a test waits for what must come.
pub const LIMIT: Duration = Duration::from_secs(120);

/// A host whose connection `default` is the test broker.
pub fn host(broker: &Broker) -> HostProcess {
    HostOptions::dev().argument("--bootstrap").argument(broker.bootstrap()).start()
}

/// The same with schema registries, by the names that pipelines know; `more` is further configuration.
pub fn host_with_registries(broker: &Broker, registries: &Value, more: &Value) -> HostProcess {
    let mut config = json!({
        "connections": { "default": { "bootstrap.servers": broker.bootstrap() } },
        "registries": registries,
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        config[key] = value.clone();
    }
    HostOptions::serve().config(config.to_string()).argument("--insecure").start()
}

/// Registers a schema; answers its id.
pub fn register(registry: &TestRegistry, subject: &str, body: &Value) -> u32 {
    let path = format!("/subjects/{subject}/versions");
    let answer = Http::new(&registry.url()).post(&path, body).expect(200).json();
    answer["id"].as_u64().unwrap() as u32
}

/// The newest dead letters of a pipeline, newest first.
pub fn letters(http: &Http, name: &str) -> Vec<Value> {
    let answer = http.get(&format!("/v1/pipelines/{name}/dead-letters?limit=1000")).expect(200).json();
    answer["dead_letters"].as_array().unwrap().clone()
}

/// Uploads a component; answers its `name@version`.
pub fn push(http: &Http, name: &str) -> String {
    let bytes = component("push", name).expect("`cargo xtask guests` builds the components");
    let pushed = http.post_wasm("/v1/components", bytes);
    assert!([200, 201].contains(&pushed.status), "{name}: {}", pushed.text());
    let pushed = pushed.json();
    format!("{}@{}", pushed["name"].as_str().unwrap(), pushed["version"].as_str().unwrap())
}

/// Applies a pipeline and waits until it runs.
pub fn apply(http: &Http, spec: &Value) {
    let name = spec["name"].as_str().unwrap();
    let answer = http.put(&format!("/v1/pipelines/{name}"), spec);
    assert!([200, 201].contains(&answer.status), "{}", answer.text());
    wait(http, name, "running", |status| status["state"] == "running");
}

/// Waits until the status of a pipeline is as wanted; answers it.
pub fn wait(http: &Http, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let until = Instant::now() + LIMIT;
    loop {
        let status = http.get(&format!("/v1/pipelines/{name}")).expect(200).json();
        if wanted(&status) {
            return status;
        }
        assert!(Instant::now() < until, "{name} is not {what}: {status:#}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until this host has read everything that is in `from` at this moment; answers the status. The `lag` of the
/// status would not do: it is as of the last fetch and of the partitions of this host, and a member of the group
/// that was killed keeps its partitions for a while.
pub fn wait_until_read(http: &Http, name: &str, from: &Topic) -> Value {
    let ends: Vec<i64> = from.ends().into_iter().map(|(_, end)| end).collect();
    wait(http, name, &format!("caught up with {ends:?}"), |status| {
        let partitions = status["sources"][0]["partitions"].as_array().unwrap();
        let positions: Vec<i64> = partitions.iter().map(|p| p["position"].as_i64().unwrap()).collect();
        status["state"] == "running" && positions == ends
    })
}

/// Waits until everything that is in `from` at this moment is done, and its outputs and letters are out.
pub fn wait_until_done(http: &Http, name: &str, from: &Topic) -> Value {
    wait_until_read(http, name, from);
    wait(http, name, "done", |status| {
        let partitions = status["sources"][0]["partitions"].as_array().unwrap();
        status["state"] == "running" && partitions.iter().all(|p| p["committed"] == p["position"])
    })
}

/// Reads orders from `from`, runs them through `steps`, whose last is `last`, into `to`.
pub fn orders_pipeline(name: &str, from: &Topic, steps: Value, last: &str, to: &Topic) -> Value {
    json!({
        "name": name,
        "checkpoint": { "every": "500ms" },
        "sources": { "orders": {
            "kafka": { "topic": from.name(), "start": "earliest" },
            "decode": { "codec": "json", "schema": { "id": "int64", "user": "string", "amount": "float64" } },
        } },
        "steps": steps,
        "sinks": { "out": {
            "from": last,
            "kafka": { "topic": to.name(), "key": ["user"] },
            "encode": { "codec": "json" },
        } },
    })
}

/// Order `id`: its amount runs through 0.00 … 999.99 and back to 0.
pub fn order(id: u64) -> String {
    let cents = id * 7919 % 100_000;
    format!("{{\"id\":{id},\"user\":\"user-{}\",\"amount\":{}.{:02}}}", id % 997, cents / 100, cents % 100)
}

/// Whether [`order`] `id` has an amount above 500.
pub fn is_large(id: u64) -> bool {
    id * 7919 % 100_000 > 50_000
}

/// How often each order is in `topic`.
pub fn times_by_id(topic: &Topic) -> HashMap<u64, u32> {
    let mut times = HashMap::new();
    topic.for_each(|message| {
        let value: Value = serde_json::from_slice(message.payload().unwrap()).unwrap();
        *times.entry(value["id"].as_u64().unwrap()).or_default() += 1;
    });
    times
}

/// How often each of the first `count` orders is in `topic`, where [`orders_pipeline`] wrote them. Every record has the
/// columns of its order, those that `added` says of it and no others, and the order's user as its key.
pub fn times_of_whole_orders(topic: &Topic, count: u64, added: impl Fn(u64) -> Value) -> Vec<u32> {
    let mut times = vec![0; count as usize];
    topic.for_each(|message| {
        let text = String::from_utf8_lossy(message.payload().unwrap());
        let mut row: Map<String, Value> = serde_json::from_str(&text).unwrap();
        let id = row["id"].as_u64().unwrap();
        assert!(id < count, "nobody has sent {text}");
        let sent: Value = serde_json::from_str(&order(id)).unwrap();
        let found = ["id", "user", "amount"].map(|column| row.remove(column));
        let amounts = [found[2].as_ref(), sent.get("amount")].map(|amount| amount.and_then(Value::as_f64));
        assert_eq!((&found[1], amounts[0]), (&sent.get("user").cloned(), amounts[1]), "{text}");
        assert_eq!(Value::Object(row), added(id), "{text}");
        assert_eq!(message.key(), sent["user"].as_str().map(str::as_bytes), "the key of {text}");
        times[id as usize] += 1;
    });
    times
}

/// Sends orders at a rate until it is stopped.
pub struct Feeder {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Feeder {
    /// Sends `rate` orders a second to all partitions of `topic` in turn.
    pub fn start(broker: &Broker, topic: &Topic, rate: u64) -> Feeder {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let topic = broker.existing_topic(topic.name());
        let (ended, count) = (Arc::clone(&stop), Arc::clone(&sent));
        let thread = std::thread::spawn(move || {
            let partitions = topic.partitions();
            let started = Instant::now();
            topic.produce_records((0u64..).map_while(|id| {
                while id >= (started.elapsed().as_secs_f64() * rate as f64) as u64 {
                    if ended.load(Ordering::Relaxed) {
                        return None;
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
                count.store(id + 1, Ordering::Relaxed);
                Some(Record::new(partitions[id as usize % partitions.len()], order(id)))
            }));
        });
        Feeder { stop, sent, thread: Some(thread) }
    }

    /// Orders sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Stops; answers how many orders the broker has.
    pub fn stop(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().expect("the feeder sent its orders");
        self.sent()
    }
}

/// Waits until `topic` has `count` records.
pub fn wait_for_count(topic: &Topic, count: i64) {
    let until = Instant::now() + LIMIT;
    while topic.len() < count {
        assert!(Instant::now() < until, "{} has {} of {count} records", topic.name(), topic.len());
        std::thread::sleep(Duration::from_millis(20));
    }
}
