//! What a user gets for a mistake, and what an outage costs: a wrong token, an upload that is too large, a
//! specification with mistakes, a topic that is not there, a broker that is away at the start or goes later. Always
//! a clear word, never a lost record.

use sabot_tests::broker::{Broker, PrivateBroker, unique};
use sabot_tests::host_process::HostOptions;
use sabot_tests::http::Answer;
use serde_json::json;

use crate::support::*;

/// SHA-256 of `viewer-token` and of `deployer-token`.
const VIEWER: &str = "d036bd6d01a1cae081d39a2f8dab751dc042de814fd60df31fcb553170950f29";
const DEPLOYER: &str = "ff516f1224b47332a2762242e346393ed67947cbc15afc8cf7d235089884f16d";

fn reasons(answer: &Answer) -> String {
    let problem = answer.json();
    assert_eq!(answer.content_type, "application/problem+json", "{}", answer.text());
    let all = problem["reasons"].as_array().cloned().unwrap_or_default();
    let all: Vec<String> = all
        .iter()
        .map(|reason| {
            format!("{}: {}", reason["path"].as_str().unwrap_or("-"), reason["message"].as_str().unwrap())
        })
        .collect();
    format!("{}\n{}", problem["title"].as_str().unwrap(), all.join("\n"))
}

#[test]
fn tokens_roles_and_sizes_are_enforced_with_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("sabot.yaml");
    let text = format!(
        "tokens:\n  - {{ name: eyes, role: viewer, sha256: {VIEWER} }}\n  - {{ name: ci, role: deployer, sha256: {DEPLOYER} }}\n\
         limits: {{ component_bytes: 100KB, pipeline_bytes: 2KB }}\n"
    );
    std::fs::write(&config, text).unwrap();
    let host = HostOptions::serve()
        .argument("--config")
        .argument(config.to_str().unwrap())
        .token("viewer-token")
        .start();
    let (viewer, nobody) = (host.http(), sabot_tests::http::Http::new(&host.url()));
    nobody.get("/v1/pipelines").expect(401);
    nobody.with_token("hunter2").get("/v1/pipelines").expect(401);
    viewer.get("/v1/pipelines").expect(200);
    viewer.post_wasm("/v1/components", b"\0asm".to_vec()).expect(403);
    let deployer = viewer.with_token("deployer-token");
    let large = deployer.post_wasm("/v1/components", vec![0; 200_000]).expect(413);
    assert!(large.text().contains("component_bytes"), "{}", large.text());
    let large =
        deployer.put_yaml("/v1/pipelines/p", &format!("name: p\n# {}\n", "x".repeat(3_000))).expect(413);
    assert!(large.text().contains("pipeline_bytes"), "{}", large.text());
    // Nothing of a token is repeated anywhere.
    assert!(
        !host.stderr().contains("hunter2") && !host.stderr().contains("viewer-token"),
        "{}",
        host.stderr()
    );
}

#[test]
fn every_mistake_of_a_specification_is_told_and_nothing_is_stored() {
    let host = HostOptions::dev().start();
    let spec = "name: wrong\nsources:\n  orders:\n    kafka: { topic: orders, start: newest }\n    \
                decode: { codec: jsn, schema: { id: int64 } }\nsinks:\n  out: { from: order, blackhole: {} }\n";
    let answer = host.http().put_yaml("/v1/pipelines/wrong", spec).expect(422);
    let text = reasons(&answer);
    for part in ["sources.orders.kafka.start", "did you mean `json`", "there is no source or step `order`"] {
        assert!(text.contains(part), "{text}");
    }
    host.http().get("/v1/pipelines/wrong").expect(404);
    let spec = json!({
        "name": "wrong",
        "sources": { "orders": { "kafka": { "topic": "orders" },
            "decode": { "codec": "json", "schema": { "amount": "float64" } } } },
        "steps": { "large": { "from": "orders", "filter": "amout > 100" } },
        "sinks": { "out": { "from": "large", "blackhole": {} } },
    });
    let text = reasons(&host.http().put("/v1/pipelines/wrong", &spec).expect(422));
    assert!(text.contains("steps.large.filter") && text.contains("amount"), "{text}");
    host.http().get("/v1/pipelines/wrong").expect(404);
}

#[test]
fn an_unknown_topic_is_named_and_the_pipeline_runs_once_it_is_there() {
    let Some(broker) = Broker::for_test("an_unknown_topic_is_named") else { return };
    let to = broker.topic("out", 1);
    let (host, name) = (host(&broker), unique("topicless").to_lowercase());
    let missing = unique("not-there");
    let spec = json!({
        "name": name,
        "sources": { "orders": { "kafka": { "topic": missing },
            "decode": { "codec": "json", "schema": { "id": "int64" } } } },
        "sinks": { "out": { "from": "orders", "kafka": { "topic": to.name() } } },
    });
    let answer = host.http().put(&format!("/v1/pipelines/{name}"), &spec);
    assert!([200, 201].contains(&answer.status), "{}", answer.text());
    let status = wait(&host.http(), &name, "failed", |status| status["state"] == "failed");
    let reason = status["reason"].as_str().unwrap();
    assert!(reason.contains(&format!("there is no topic `{missing}`")), "{reason}");
    let topic = broker.topic_named(&missing, 1);
    topic.produce(["{\"id\":1}"]);
    wait(&host.http(), &name, "running", |status| status["state"] == "running");
    wait_for_count(&to, 1);
}

#[test]
fn a_broker_that_is_away_costs_time_and_no_record() {
    let Some(mut broker) = PrivateBroker::for_test("a_broker_that_is_away") else { return };
    let connection = broker.connect();
    let (from, to) = (connection.topic("orders", 2), connection.topic("scored", 2));
    from.produce((0..1_000).map(order));
    broker.kill();
    // At the start: the pipeline is taken, says what it waits for, and runs once the broker is there.
    let host = host(&connection);
    let scorer = push(&host.http(), "scorer-v1");
    let name = unique("outage").to_lowercase();
    let spec =
        orders_pipeline(&name, &from, json!({ "score": { "from": "orders", "wasm": scorer } }), "score", &to);
    let answer = host.http().put(&format!("/v1/pipelines/{name}"), &spec);
    assert!([200, 201].contains(&answer.status), "{}", answer.text());
    let waits = |status: &serde_json::Value| {
        let state = status["state"].as_str().unwrap();
        ["paused", "failed", "starting"].contains(&state) && status["reason"].is_string()
    };
    wait(&host.http(), &name, "waiting with a reason", waits);
    broker.start();
    wait_for_count(&to, 1_000);
    // Later: what was read and not delivered comes through, what was delivered may come again.
    broker.kill();
    wait(&host.http(), &name, "waiting with a reason", waits);
    broker.start();
    from.produce((1_000..2_000).map(order));
    let until = std::time::Instant::now() + LIMIT;
    loop {
        let times = times_by_id(&to);
        if (0..2_000).all(|id| times.contains_key(&id)) {
            break;
        }
        assert!(std::time::Instant::now() < until, "{} of 2000 orders came", times.len());
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    assert!(times_by_id(&to).keys().all(|id| *id < 2_000));
}
