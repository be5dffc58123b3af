//! The specifications on the codecs' pages run: their topics are there, their schemas are registered, and they start.

use std::path::Path;

use sabot_test_registry::TestRegistry;
use sabot_tests::broker::{Broker, unique};
use sabot_tests::host_process::HostProcess;
use serde_json::{Value, json};

use crate::support::*;

/// Each page with the schema of the subject that it names, where it names one.
const PAGES: [(&str, Option<&str>); 8] = [
    ("arrow", None),
    ("avro", None),
    ("json", None),
    ("json-schema", Some("JSON")),
    ("msgpack", None),
    ("protobuf", Some("PROTOBUF")),
    ("string-bytes", None),
    ("registry", Some("JSON")),
];

/// A topic that pages name.
const TOPICS: [&str; 6] = ["orders", "alerts", "log", "images", "names", "large"];

/// The fenced blocks of a page that are YAML of a kind, and the kind.
fn blocks(page: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/codecs/{page}.md"));
    let text = std::fs::read_to_string(path).unwrap();
    let fenced = text.split("```").skip(1).step_by(2);
    let yaml = fenced.filter_map(|block| block.strip_prefix("yaml ")?.split_once('\n'));
    yaml.map(|(kind, text)| (kind.to_owned(), text.to_owned())).collect()
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// A part of a pipeline with what it needs around it.
fn whole(kind: &str, text: &str) -> Option<String> {
    let orders = "  orders:\n    kafka: { topic: orders }\n    decode: { codec: json, schema: \
                  { id: int64, user: string, amount: float64, at: timestamp_ms } }\n";
    Some(match kind {
        "pipeline" => text.to_owned(),
        "source" => {
            let names =
                text.lines().filter(|line| !line.starts_with(' ')).map(|line| line.trim_end_matches(':'));
            let sinks: String =
                names.map(|name| format!("  of-{name}: {{ from: {name}, blackhole: {{}} }}\n")).collect();
            format!("name: page\nsources:\n{}sinks:\n{sinks}", indented(text))
        }
        "sinks" => {
            let steps = "  score: { from: orders, filter: \"id > 0\" }\n";
            format!("name: page\nsources:\n{orders}steps:\n{steps}sinks:\n{}", indented(text))
        }
        _ => return None,
    })
}

fn schema(kind: &str) -> Value {
    let text = match kind {
        "PROTOBUF" => "syntax = \"proto3\"; message Order { int64 id = 1; string user = 2; }",
        _ => r#"{"type":"object","properties":{"id":{"type":"integer"},"user":{"type":"string"}}}"#,
    };
    json!({ "schemaType": kind, "schema": text })
}

/// Applies a specification under a name of its own and waits until it runs; then removes it.
fn run(host: &HostProcess, text: &str) {
    let (http, name) = (host.http(), unique("page").to_lowercase());
    let first = text.lines().find(|line| line.starts_with("name:")).unwrap();
    let text = text.replacen(first, &format!("name: {name}"), 1);
    let answer = http.put_yaml(&format!("/v1/pipelines/{name}"), &text);
    assert!([200, 201].contains(&answer.status), "{text}\n{}", answer.text());
    wait(&http, &name, "running", |status| status["state"] == "running");
    http.delete(&format!("/v1/pipelines/{name}")).expect(204);
}

#[test]
fn every_specification_on_a_codec_s_page_runs() {
    let Some(broker) = Broker::for_test("every_specification_on_a_codec_s_page_runs") else { return };
    let registry = TestRegistry::start();
    let host = host_with_registries(&broker, &json!({ "default": { "url": registry.url() } }), &json!({}));
    let mut ran = 0;
    for (page, subject) in PAGES {
        for (kind, text) in blocks(page) {
            let Some(mut text) = whole(&kind, &text) else { continue };
            // They are there as long as they are held.
            let topics = TOPICS.map(|name| (name, broker.topic(name, 1)));
            for (name, topic) in &topics {
                text = text.replace(&format!("topic: {name} "), &format!("topic: {} ", topic.name()));
                text = text.replace(&format!("topic: {name},"), &format!("topic: {},", topic.name()));
                if let (Some(kind), "orders") = (subject, *name) {
                    register(&registry, &format!("{}-value", topic.name()), &schema(kind));
                }
            }
            run(&host, &text);
            ran += 1;
        }
    }
    assert!(ran >= 13, "{ran}");
}
