//! Hot swaps under load: every order is answered once, by one version; what does not fit is refused, what fails is
//! rolled back, each with a reason, and the pipeline never stops.

use std::collections::BTreeMap;

use sabot_tests::broker::{Broker, unique};
use sabot_tests::topic::Topic;
use serde_json::{Value, json};

use crate::support::*;

/// For each order, which versions answered it.
fn versions_by_id(topic: &Topic) -> BTreeMap<u64, Vec<String>> {
    let mut versions: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    topic.for_each(|message| {
        let value: Value = serde_json::from_slice(rdkafka::Message::payload(message).unwrap()).unwrap();
        let model = value["model"].as_str().unwrap().to_owned();
        versions.entry(value["id"].as_u64().unwrap()).or_default().push(model);
    });
    versions
}

#[test]
fn twenty_swaps_under_load_lose_and_double_nothing_and_bad_ones_never_stop_the_pipeline() {
    let Some(broker) = Broker::for_test("twenty_swaps_under_load") else { return };
    let (from, to) = (broker.topic("orders", 2), broker.topic("scored", 2));
    let host = host(&broker);
    let http = host.http();
    let versions = [push(&http, "scorer-v1"), push(&http, "scorer-v2")];
    let name = unique("swapped").to_lowercase();
    let steps = json!({ "score": {
        "from": "orders", "wasm": versions[0], "limits": { "batch_timeout": "300ms" },
        "probation": { "batches": 2, "time": "20ms" },
    } });
    apply(&http, &orders_pipeline(&name, &from, steps, "score", &to));
    let feeder = Feeder::start(&broker, &from, 10_000);
    let step = format!("/v1/pipelines/{name}/steps/score");
    for round in 0..20 {
        let request = json!({ "ref": versions[(round + 1) % 2] });
        let swapped = http.put(&format!("{step}/component"), &request).expect(200).json();
        assert_eq!(swapped["to"], versions[(round + 1) % 2].as_str());
        wait(&http, &name, "off probation", |s| s["steps"][0]["component"]["probation"] == false);
    }
    refused_or_rolled_back(&http, &name, &step);
    let sent = feeder.stop();
    let status = wait_until_read(&http, &name, &from);
    assert_eq!((&status["state"], &status["restarts"]), (&json!("running"), &json!(0)));
    http.post(&format!("/v1/pipelines/{name}/stop"), &json!({})).expect(200);
    let answers = versions_by_id(&to);
    let lost = (0..sent).filter(|id| !answers.contains_key(id)).count();
    let doubled = answers.values().filter(|models| models.len() > 1).count();
    assert_eq!((lost, doubled), (0, 0), "of {sent}");
    let mut by_version: BTreeMap<&str, u64> = BTreeMap::new();
    answers.values().flatten().for_each(|model| *by_version.entry(model).or_default() += 1);
    assert_eq!(by_version.keys().copied().collect::<Vec<_>>(), ["scorer@1.0.0", "scorer@2.0.0"]);
}

/// One bad component after the other while orders flow; after each the old version runs.
fn refused_or_rolled_back(http: &sabot_tests::http::Http, name: &str, step: &str) {
    let running = |http: &sabot_tests::http::Http| {
        let status = http.get(&format!("/v1/pipelines/{name}")).expect(200).json();
        assert_eq!(status["state"], "running", "{status:#}");
        status["steps"][0]["component"]["version"].clone()
    };
    let before = running(http);
    let garbage = http.post_wasm("/v1/components", b"not wasm at all".to_vec()).expect(422).text();
    assert!(garbage.contains("reasons"), "{garbage}");
    let core = wat::parse_str("(module (memory 1))").unwrap();
    let core = http.post_wasm("/v1/components", core).expect(422).text();
    assert!(core.contains("core WebAssembly module"), "{core}");
    let files = "(component (import \"wasi:filesystem/types@0.2.0\" (instance)))";
    let files = http.post_wasm("/v1/components", wat::parse_str(files).unwrap()).expect(422).text();
    assert!(files.contains("wasi:filesystem"), "{files}");

    let other = push(http, "upper");
    let refused = http.put(&format!("{step}/component"), &json!({ "ref": other })).expect(409).text();
    assert!(refused.contains("reasons"), "{refused}");

    let hostile = push(http, "hostile-map");
    let looping = json!({ "mode": "endless-loop" });
    for (reference, config) in [(push(http, "scorer-trap"), json!({})), (hostile, looping)] {
        let swapped = http.put(&format!("{step}/component"), &json!({ "ref": reference, "config": config }));
        if swapped.status == 200 {
            let status = wait(http, name, "rolled back", |s| {
                let last = &s["steps"][0]["component"]["last_swap"];
                last["outcome"] == "rolled_back" && last["to"].as_str().unwrap().starts_with(&reference)
            });
            let reason = &status["steps"][0]["component"]["last_swap"]["reason"];
            assert!(reason.as_str().is_some_and(|r| r.len() > 10), "{reference}: {reason}");
        } else {
            assert!(swapped.status == 409 && swapped.text().contains("reasons"), "{}", swapped.text());
        }
        assert_eq!(running(http), before, "after {reference}");
    }
    // What it said at its end is in the pipeline's log, beside what the host says of it.
    let logs = http.get(&format!("/v1/pipelines/{name}/logs")).expect(200).json();
    let lines = logs["lines"].as_array().unwrap();
    let said = |line: &Value, text: &str| line["message"].as_str().is_some_and(|m| m.contains(text));
    let panicked =
        |line: &&Value| line["step"] == "score" && line["level"] == "error" && said(line, "panicked at");
    assert!(lines.iter().any(|line| panicked(&line)), "{logs:#}");
    assert!(lines.iter().any(|line| line["step"].is_null() && said(line, "rolled back")), "{logs:#}");
}

#[test]
fn the_same_digest_twice_changes_nothing_and_an_old_revision_is_a_conflict() {
    let Some(broker) = Broker::for_test("the_same_digest_twice") else { return };
    let (from, to) = (broker.topic("orders", 1), broker.topic("scored", 1));
    let host = host(&broker);
    let http = host.http();
    let (v1, v2) = (push(&http, "scorer-v1"), push(&http, "scorer-v2"));
    let name = unique("twice").to_lowercase();
    let steps = json!({ "score": { "from": "orders", "wasm": v1 } });
    apply(&http, &orders_pipeline(&name, &from, steps, "score", &to));
    let component = format!("/v1/pipelines/{name}/steps/score/component");
    let same = http.put(&component, &json!({ "ref": v1 })).expect(200).json();
    assert_eq!((&same["noop"], &same["revision"]), (&json!(true), &json!(1)));
    let swapped = http.put(&component, &json!({ "ref": v2, "expect": 1 })).expect(200).json();
    assert_eq!(swapped["revision"], 2);
    let stale = http.put(&component, &json!({ "ref": v1, "expect": 1 })).expect(409).text();
    assert!(stale.contains('1') && stale.contains('2'), "{stale}");
    let back =
        http.post(&format!("/v1/pipelines/{name}/steps/score/rollback"), &json!({})).expect(200).json();
    assert_eq!((&back["to"], &back["revision"]), (&json!(v1), &json!(3)));
}

#[test]
fn a_version_that_never_comes_back_is_taken_back_by_itself() {
    let Some(broker) = Broker::for_test("a_version_that_never_comes_back") else { return };
    let (from, to) = (broker.topic("orders", 2), broker.topic("copied", 2));
    let host = host(&broker);
    let http = host.http();
    let hostile = push(&http, "hostile-map");
    let name = unique("endless").to_lowercase();
    let steps = json!({ "copy": {
        "from": "orders", "wasm": hostile, "config": { "mode": "ok" }, "limits": { "batch_timeout": "300ms" },
    } });
    apply(&http, &orders_pipeline(&name, &from, steps, "copy", &to));
    let feeder = Feeder::start(&broker, &from, 10_000);
    wait_for_count(&to, 5_000);
    let component = format!("/v1/pipelines/{name}/steps/copy/component");
    let looping = json!({ "ref": hostile, "config": { "mode": "endless-loop" } });
    // It fits. What it does is seen by its first batch, which one task may be through with before the other has come.
    let swapped = http.put(&component, &looping);
    let in_time = swapped.status == 409 && swapped.text().contains("was taken back");
    assert!(swapped.status == 200 || in_time, "{}", swapped.text());
    let status = wait(&http, &name, "rolled back", |status| {
        status["steps"][0]["component"]["last_swap"]["outcome"] == "rolled_back"
    });
    let reason = status["steps"][0]["component"]["last_swap"]["reason"].as_str().unwrap();
    assert!(reason.contains("timeout") && reason.contains("no answer within 300ms"), "{reason}");
    // The version before answers what comes, and what came meanwhile.
    wait_for_count(&to, feeder.sent() as i64 + 5_000);
    let sent = feeder.stop();
    let status = wait_until_done(&http, &name, &from);
    assert_eq!((&status["state"], &status["restarts"]), (&json!("running"), &json!(0)), "{status:#}");
    assert_eq!(
        (&status["dead_letters"], &status["steps"][0]["errors"]),
        (&json!(0), &json!(0)),
        "{status:#}"
    );
    http.post(&format!("/v1/pipelines/{name}/stop"), &json!({})).expect(200);
    let times = times_of_whole_orders(&to, sent, |id| json!({ "copy": id, "text": "row" }));
    let lost = times.iter().filter(|times| **times == 0).count();
    let doubled = times.iter().filter(|times| **times > 1).count();
    assert_eq!((lost, doubled), (0, 0), "of {sent}");
}

#[test]
fn a_component_of_another_world_is_refused_and_the_step_goes_on() {
    let Some(broker) = Broker::for_test("a_component_of_another_world_is_refused") else { return };
    let (from, to) = (broker.topic("orders", 1), broker.topic("scored", 1));
    let host = host(&broker);
    let http = host.http();
    let (scorer, filter) = (push(&http, "scorer-v1"), push(&http, "filter-amount"));
    let name = unique("worlds").to_lowercase();
    let steps = json!({ "score": { "from": "orders", "wasm": scorer } });
    apply(&http, &orders_pipeline(&name, &from, steps, "score", &to));
    from.produce((0..100).map(order));
    wait_for_count(&to, 100);
    let component = format!("/v1/pipelines/{name}/steps/score/component");
    let request = json!({ "ref": filter, "config": { "min": 500 } });
    let refused = http.put(&component, &request).expect(409).json();
    let reasons = refused["reasons"].as_array().unwrap();
    let says = |text: &str| reasons.iter().any(|reason| reason["message"].as_str().unwrap().contains(text));
    assert!(says("runs a map") && says("is a filter"), "{refused:#}");
    from.produce((100..200).map(order));
    wait_for_count(&to, 200);
    let status = wait_until_done(&http, &name, &from);
    assert_eq!((&status["revision"], &status["restarts"]), (&json!(1), &json!(0)), "{status:#}");
}

#[test]
fn a_pipeline_that_is_stopped_takes_what_fits_as_one_that_runs_does() {
    let Some(broker) = Broker::for_test("a_pipeline_that_is_stopped_takes_what_fits") else { return };
    let (from, to) = (broker.topic("orders", 1), broker.topic("scored", 1));
    let host = host(&broker);
    let http = host.http();
    let (v1, v2, other) = (push(&http, "scorer-v1"), push(&http, "scorer-v2"), push(&http, "hostile-map"));
    let name = unique("stopped").to_lowercase();
    let steps = json!({
        "score": { "from": "orders", "wasm": v1 },
        "high": { "from": "score", "filter": "score > 0.5" },
    });
    apply(&http, &orders_pipeline(&name, &from, steps, "high", &to));
    http.post(&format!("/v1/pipelines/{name}/stop"), &json!({})).expect(200);
    let component = format!("/v1/pipelines/{name}/steps/score/component");
    let refused =
        http.put(&component, &json!({ "ref": other, "config": { "mode": "ok" } })).expect(409).text();
    assert!(refused.contains("column `score` of port"), "{refused}");
    let swapped = http.put(&component, &json!({ "ref": v2 })).expect(200).json();
    assert_eq!((&swapped["to"], &swapped["revision"]), (&json!(v2), &json!(2)));
    http.post(&format!("/v1/pipelines/{name}/start"), &json!({})).expect(200);
    from.produce([order(900)]);
    wait(&http, &name, "through", |status| status["steps"][0]["rows_in"] == 1);
}
