//! The examples `etl-*` as their READMEs run them: what is fed comes through the component, and what is shown then is what
//! the README shows.
//!
//! Topics get names of their own, and what a README prints at a terminal goes to a topic; nothing else is changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sabot_test_registry::TestRegistry;
use sabot_tests::broker::Broker;
use sabot_tests::guests::path;
use sabot_tests::http::Http;
use sabot_tests::topic::Topic;
use serde_json::json;

use crate::support::*;

/// An example and what it consists of.
struct Example {
    folder: &'static str,
    component: &'static str,
    /// Topics between the files.
    topics: &'static [&'static str],
    /// Its pipeline.
    pipeline: &'static str,
    /// Dead letters that come of what is fed.
    dead_letters: u64,
}

impl Example {
    fn file(&self, name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(self.folder).join(name)
    }

    fn text(&self, name: &str) -> String {
        let path = self.file(name);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// The lines that the README shows as records.
    fn shown_in_the_readme(&self) -> Vec<String> {
        let readme = self.text("README.md");
        let mut lines: Vec<String> =
            readme.lines().filter(|line| line.starts_with("{\"")).map(ToOwned::to_owned).collect();
        lines.sort();
        lines
    }

    fn run(&self, test: &str) {
        let (Some(broker), Some(_)) = (Broker::for_test(test), path(test, self.component)) else { return };
        let registry = TestRegistry::start();
        let host =
            host_with_registries(&broker, &json!({ "default": { "url": registry.url() } }), &json!({}));
        let http = host.http();
        push(&http, self.component);
        let topics: BTreeMap<&str, Topic> =
            self.topics.iter().map(|name| (*name, broker.topic(name, 1))).collect();
        let shown = broker.topic("shown", 1);
        let file = |name: &str| {
            let mut text =
                self.text(name).replace("stdout: {}", &format!("kafka: {{ topic: {} }}", shown.name()));
            for (name, topic) in &topics {
                text = text.replace(&format!("topic: {name},"), &format!("topic: {},", topic.name()));
                text = text.replace(&format!("topic: {name} "), &format!("topic: {} ", topic.name()));
            }
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
            text.replace("path: examples/", &format!("path: {}/examples/", root.display()))
        };

        let feed = start(&http, &file("feed.yaml"));
        wait(&http, &feed, "read to its end", |status| status["state"] == "stopped");
        start(&http, &file("pipeline.yaml"));
        start(&http, &file("show.yaml"));
        let expected = self.shown_in_the_readme();
        assert!(!expected.is_empty(), "the README of {} shows records", self.folder);
        wait_for_count(&shown, expected.len() as i64);
        let status = wait(&http, self.pipeline, "through", |status| {
            status["dead_letters"].as_u64() >= Some(self.dead_letters)
        });
        assert_eq!(status["dead_letters"], self.dead_letters, "{status:#}");
        let mut lines: Vec<String> = shown
            .read_all()
            .into_iter()
            .map(|record| String::from_utf8(record.value.unwrap()).unwrap())
            .collect();
        lines.sort();
        assert_eq!(lines, expected);
    }
}

/// Applies a file; answers the pipeline's name.
fn start(http: &Http, text: &str) -> String {
    let name = text.lines().find_map(|line| line.strip_prefix("name: ")).unwrap();
    let answer = http.put_yaml(&format!("/v1/pipelines/{name}"), text);
    assert!([200, 201].contains(&answer.status), "{name}: {}\n{text}", answer.text());
    name.to_owned()
}

#[test]
fn json_contacts_become_uniform() {
    let example = Example {
        folder: "etl-json",
        component: "contacts",
        topics: &["contacts-typed", "contacts"],
        pipeline: "contacts",
        dead_letters: 3,
    };
    example.run("json_contacts_become_uniform");
}

#[test]
fn avro_orders_become_lines_by_the_registry() {
    let example = Example {
        folder: "etl-avro",
        component: "order-lines",
        topics: &["orders", "order-lines"],
        pipeline: "order-lines",
        dead_letters: 1,
    };
    example.run("avro_orders_become_lines_by_the_registry");
}

#[test]
fn msgpack_readings_that_can_be_true_are_kept() {
    let example = Example {
        folder: "etl-msgpack",
        component: "plausible",
        topics: &["readings", "readings-plausible", "readings-unknown"],
        pipeline: "plausible",
        dead_letters: 0,
    };
    example.run("msgpack_readings_that_can_be_true_are_kept");
}

#[test]
fn payments_of_two_codecs_become_one_stream_in_two_others() {
    let example = Example {
        folder: "etl-many",
        component: "mask",
        topics: &["card-payments", "transfers", "ledger", "audit"],
        pipeline: "payments",
        dead_letters: 1,
    };
    example.run("payments_of_two_codecs_become_one_stream_in_two_others");
}
