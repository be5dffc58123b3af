//! What becomes of records and rows that fail: tried again, set aside with all that is needed to run them again, run
//! again exactly once more, and the stop when most of them fail.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sabot_tests::broker::{Broker, unique};
use sabot_tests::host_process::HostProcess;
use sabot_tests::http::Http;
use sabot_tests::record::Record;
use sabot_tests::topic::Topic;
use serde_json::{Value, json};

use crate::support::*;

/// Ids of the orders that come to the sink, with how often.
fn ids(topic: &Topic) -> BTreeMap<i64, u32> {
    let mut times = BTreeMap::new();
    topic.for_each(|message| {
        let value: Value = serde_json::from_slice(rdkafka::Message::payload(message).unwrap()).unwrap();
        *times.entry(value["id"].as_i64().unwrap()).or_default() += 1;
    });
    times
}

fn once(ids: impl IntoIterator<Item = i64>) -> BTreeMap<i64, u32> {
    ids.into_iter().map(|id| (id, 1)).collect()
}

fn order(id: i64) -> String {
    format!("{{\"id\":{id}}}")
}

/// A step that runs the hostile map in a mode that hits the order `value`.
fn hostile(from: &str, mode: &str, value: i64) -> Value {
    json!({ "from": from, "wasm": "hostile-map", "config": { "mode": mode, "value": value } })
}

fn pipeline(name: &str, from: &Topic, steps: Value, last: &str, to: &Topic) -> Value {
    json!({
        "name": name,
        "checkpoint": { "every": "200ms" },
        "sources": { "orders": {
            "kafka": { "topic": from.name() },
            "decode": { "codec": "json", "schema": { "id": "int64" } },
        } },
        "steps": steps,
        "sinks": { "out": {
            "from": last,
            "kafka": { "topic": to.name() },
            "encode": { "codec": "json", "columns": ["id"] },
        } },
    })
}

fn letters(http: &Http, name: &str, query: &str) -> Vec<Value> {
    let answer = http.get(&format!("/v1/pipelines/{name}/dead-letters?{query}")).expect(200).json();
    answer["dead_letters"].as_array().unwrap().clone()
}

fn counts(http: &Http, name: &str) -> Value {
    http.get(&format!("/v1/pipelines/{name}/dead-letters?limit=0")).expect(200).json()["counts"].clone()
}

fn replay(http: &Http, name: &str, which: Value) -> (Value, Value, usize) {
    let done = http.post(&format!("/v1/pipelines/{name}/dead-letters/replay"), &which).expect(200).json();
    (done["replayed"].clone(), done["failed_again"].clone(), done["skipped"].as_array().unwrap().len())
}

fn through(letters: u64) -> (Value, Value, usize) {
    (json!(letters), json!(0), 0)
}

fn swap(http: &Http, name: &str, step: &str, mode: &str) {
    let path = format!("/v1/pipelines/{name}/steps/{step}/component");
    http.put(&path, &json!({ "ref": "hostile-map", "config": { "mode": mode, "value": 4 } })).expect(200);
}

#[test]
fn letters_of_every_kind_are_shown_whole_and_run_again_exactly_once_more_where_they_failed() {
    let Some(broker) = Broker::for_test("letters_of_every_kind_are_shown_whole") else { return };
    let (from, to) = (broker.topic("orders", 2), broker.topic("out", 2));
    let mut host = host(&broker);
    let http = host.http();
    push(&http, "hostile-map");
    let name = unique("letters").to_lowercase();
    let mut steps = json!({ "check": hostile("orders", "refuse-on-value", 4), "work": hostile("again", "panic-on-value", 7) });
    steps["again"] = json!({ "from": "check", "select": ["id"] });
    let mut spec = pipeline(&name, &from, steps, "work", &to);
    apply(&http, &spec);
    let bad = Record {
        timestamp_ms: Some(1_700_000_000_000),
        key: Some(b"k\xff".to_vec()),
        headers: vec![("trace".into(), Some(b"abc".to_vec())), ("empty".into(), None)],
        ..Record::new(1, "{\"id\":\"900\"}")
    };
    from.produce((0..100).map(order));
    from.produce_records([bad, Record::new(0, "{oops"), Record::new(0, "{\"id\":\"901\"}")]);
    from.produce((100..200).map(order));
    wait_until_done(&http, &name, &from);
    assert_eq!(ids(&to), once((0..200).filter(|id| ![4, 7].contains(id))));
    assert_eq!(
        counts(&http, &name),
        json!([
            { "step": "check", "code": "refused", "count": 1 },
            { "step": "orders", "code": "json-syntax", "count": 1 },
            { "step": "orders", "code": "type-mismatch", "count": 2 },
            { "step": "work", "code": "trap", "count": 1 },
        ])
    );
    let shown = shown_whole(&http, &name, &from);

    // What is run again without anything having changed fails again and is a new letter.
    assert_eq!(replay(&http, &name, json!({ "ids": [shown, "77"] })), (json!(0), json!(1), 1));
    let anew = &letters(&http, &name, "code=type-mismatch&limit=1")[0];
    assert_eq!((&anew["attempts"], &anew["offset"]), (&json!(2), &json!(50)), "{anew:#}");
    let gone = &letters(&http, &name, "replayed=true")[0];
    assert_eq!((gone["id"].as_str(), &gone["failed_again"]), (Some(&*shown), &json!(true)));
    assert_eq!(replay(&http, &name, json!({ "ids": [shown] })).2, 1, "it was run again already");

    // Fixed versions: each row goes in at its own step, so nothing comes twice.
    swap(&http, &name, "check", "ok");
    assert_eq!(replay(&http, &name, json!({ "step": "check" })), through(1));
    swap(&http, &name, "work", "ok");
    assert_eq!(replay(&http, &name, json!({ "code": "trap" })), through(1));
    assert_eq!(ids(&to), once(0..200));
    host.kill();
    host.restart();
    let http = host.http();
    wait_until_done(&http, &name, &from);
    assert_eq!(letters(&http, &name, "step=check").len() + letters(&http, &name, "step=work").len(), 0);

    // A decoder that takes what the one before did not.
    spec["sources"]["orders"]["decode"]["schema"]["id"] = json!("string");
    spec["steps"]["check"] = json!({ "from": "orders", "select": ["cast(id as bigint) as id"] });
    spec["steps"]["work"] = json!({ "from": "again" });
    apply(&http, &spec);
    let (replayed, failed_again, skipped) = replay(&http, &name, json!({ "all": true }));
    assert_eq!((replayed, failed_again, skipped), (json!(2), json!(1), 0));
    assert_eq!(ids(&to), once((0..200).chain([900, 901])));
    let left = letters(&http, &name, "");
    assert_eq!((left.len(), &left[0]["code"], &left[0]["attempts"]), (1, &json!("json-syntax"), &json!(2)));
    the_command_line_agrees(&host, &name);
}

/// Looks at the letters as a person would; answers the id of the one whose record has everything.
fn shown_whole(http: &Http, name: &str, from: &Topic) -> String {
    let path = format!("/v1/pipelines/{name}/dead-letters");
    let row = &letters(http, name, "step=check")[0];
    assert_eq!(row["component"], "hostile-map@1.0.0");
    assert!(row["digest"].as_str().unwrap().starts_with("sha256:"), "{row:#}");
    assert_eq!((&row["row"], &row["attempts"]), (&json!({ "id": 4 }), &json!(1)));
    assert_eq!(row["value"]["text"], "{\"id\":4}");
    let poison = &letters(http, name, "step=work")[0];
    assert!(poison["error"].as_str().unwrap().contains("id is 7"), "{poison:#}");
    let all = letters(http, name, "");
    let newest = all.windows(2).all(|two| two[0]["at_ms"].as_u64() >= two[1]["at_ms"].as_u64());
    assert!(all.len() == 5 && newest, "{all:#?}");
    assert_eq!(letters(http, name, "limit=2"), all[..2]);
    let id = letters(http, name, "code=type-mismatch")
        .iter()
        .find(|letter| letter["partition"] == 1)
        .and_then(|letter| letter["id"].as_str().map(str::to_owned))
        .unwrap();
    let bad = http.get(&format!("{path}/{id}")).expect(200).json();
    let fields = ["topic", "partition", "offset", "timestamp_ms", "step", "component", "row", "row_ipc"];
    let found: Vec<&Value> = fields.iter().map(|field| &bad[*field]).collect();
    let expected = json!([from.name(), 1, 50, 1_700_000_000_000_i64, "orders", null, null, null]);
    assert_eq!(json!(found), expected);
    assert_eq!(bad["key"], json!({ "base64": "a/8=" }));
    assert_eq!(bad["value"], json!({ "base64": "eyJpZCI6IjkwMCJ9", "text": "{\"id\":\"900\"}" }));
    let headers = json!([{ "name": "trace", "value": { "base64": "YWJj", "text": "abc" } }, { "name": "empty", "value": null }]);
    assert_eq!(bad["headers"], headers);
    http.get(&format!("{path}/4711")).expect(404);
    http.get(&format!("{path}?stap=check")).expect(400);
    http.post(&format!("{path}/replay"), &json!({})).expect(400);
    id
}

fn the_command_line_agrees(host: &HostProcess, name: &str) {
    let (code, listed, _) = host.sabot(&["dead-letter", "list", name, "--step", "orders"]);
    assert!(code == 0 && listed.contains("json-syntax") && listed.contains("{oops"), "{listed}");
    let (code, listed, _) =
        host.sabot(&["dead-letter", "list", name, "-o", "json", "--replayed", "--limit", "100"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((code, listed["dead_letters"].as_array().unwrap().len()), (0, 6));
    let id = letters(&host.http(), name, "")[0]["id"].as_str().unwrap().to_owned();
    let (code, shown, _) = host.sabot(&["dead-letter", "show", name, &id]);
    assert!(code == 0 && shown.contains("attempts   2"), "{shown}");
    let (code, done, reason) = host.sabot(&["dead-letter", "replay", name, "--all"]);
    assert_eq!((code, done.as_str()), (1, "0 replayed, 1 failed again, 0 skipped\n"));
    assert_eq!(reason, "error: letters failed again: 1, skipped: 0\n");
    let (code, _, reason) = host.sabot(&["dead-letter", "replay", name, &id]);
    assert!(code == 1 && reason.contains(&format!("{id}: it was run again already")), "{reason}");
    assert_eq!(host.sabot(&["dead-letter", "replay", name]).0, 2, "it does not say which");
    assert_eq!(host.sabot(&["dead-letter", "replay", name, "--all", "--step", "check"]).0, 2);
    host.http().post(&format!("/v1/pipelines/{name}/stop"), &json!({})).expect(200);
    let (code, _, reason) = host.sabot(&["dead-letter", "replay", name, "--all"]);
    assert!(code == 1 && reason.contains("start it first"), "{reason}");
}

#[test]
fn a_replay_that_is_killed_is_finished_by_another_and_loses_no_letter() {
    let Some(broker) = Broker::for_test("a_replay_that_is_killed_is_finished") else { return };
    let (from, to) = (broker.topic("orders", 2), broker.topic("out", 2));
    let mut host = host(&broker);
    let name = unique("killed").to_lowercase();
    const MANY: i64 = 20_000;
    // Every other order divides by zero.
    let divide = json!({ "divide": { "from": "orders", "select": ["id", "100 / (id % 2) as x"] } });
    let mut spec = pipeline(&name, &from, divide, "divide", &to);
    spec["errors"] = json!({ "max_share": 1 });
    from.produce((0..MANY).map(order));
    apply(&host.http(), &spec);
    wait_until_done(&host.http(), &name, &from);
    assert_eq!(counts(&host.http(), &name)[0]["count"], MANY / 2);
    spec["steps"]["divide"]["select"][1] = json!("100 / (1 + id % 2) as x");
    apply(&host.http(), &spec);
    let http = host.http();
    let path = format!("/v1/pipelines/{name}/dead-letters/replay");
    let asked = std::thread::spawn(move || {
        let json = [("content-type", "application/json")];
        http.try_send("POST", &path, &json, b"{\"all\":true}".to_vec())
    });
    wait_for_count(&to, MANY / 2 + 500);
    host.kill();
    assert!(asked.join().unwrap().is_err(), "it was killed while it ran letters again");
    host.restart();
    let http = host.http();
    wait_until_done(&http, &name, &from);
    let left = counts(&http, &name)[0]["count"].as_u64().unwrap();
    assert!(left > 0 && left < MANY as u64 / 2, "{left} are left");
    assert_eq!(replay(&http, &name, json!({ "step": "divide" })), through(left));
    assert_eq!(counts(&http, &name), json!([]));
    let times = ids(&to);
    assert!(times.keys().copied().eq(0..MANY), "none is lost");
    let doubled = times.values().filter(|times| **times > 1).count();
    assert!(doubled <= 200, "{doubled} came twice: more than were under way");
}

#[test]
fn rows_that_may_pass_are_tried_again_beside_the_others_and_set_aside_in_the_end() {
    let Some(broker) = Broker::for_test("rows_that_may_pass_are_tried_again") else { return };
    let (from, to) = (broker.topic("orders", 1), broker.topic("out", 1));
    let host = host(&broker);
    let http = host.http();
    push(&http, "hostile-map");
    let name = unique("retry").to_lowercase();
    let mut steps = json!({ "work": hostile("orders", "retry-on-value", 4) });
    steps["work"]["on_error"] =
        json!({ "retry": { "attempts": 4, "backoff": "200ms", "then": "dead_letter" } });
    let mut spec = pipeline(&name, &from, steps, "work", &to);
    from.produce((0..100).map(order));
    let started = Instant::now();
    apply(&http, &spec);
    wait_for_count(&to, 99);
    // 200, 400, 800 and 1600 ms: the others do not wait, and nothing beyond the row is committed meanwhile.
    let committed = |status: &Value| status["sources"][0]["partitions"][0]["committed"].clone();
    let status = http.get(&format!("/v1/pipelines/{name}")).expect(200).json();
    assert!(
        started.elapsed() > Duration::from_secs(3) || committed(&status).as_i64().unwrap_or(0) <= 4,
        "{status:#}"
    );
    wait_until_done(&http, &name, &from);
    let letter = &letters(&http, &name, "")[0];
    assert_eq!((&letter["code"], &letter["attempts"]), (&json!("later"), &json!(5)));
    assert_eq!(ids(&to), once((0..100).filter(|id| *id != 4)));

    // With more patience the row waits for the version that takes it, also over a stop.
    spec["steps"]["work"]["on_error"]["retry"]["attempts"] = json!(100);
    apply(&http, &spec);
    wait_until_done(&http, &name, &from);
    from.produce([order(4), order(200)]);
    wait_for_count(&to, 100);
    let status = wait_until_read(&http, &name, &from);
    assert_eq!((committed(&status), &status["dead_letters"]), (json!(100), &json!(0)));
    swap(&http, &name, "work", "ok");
    wait_until_done(&http, &name, &from);
    assert_eq!(ids(&to)[&4], 1);
    swap(&http, &name, "work", "retry-on-value");
    from.produce([order(4)]);
    wait_until_read(&http, &name, &from);
    swap(&http, &name, "work", "ok");
    http.post(&format!("/v1/pipelines/{name}/stop"), &json!({})).expect(200);
    assert_eq!(ids(&to)[&4], 2, "what waits gets through before the pipeline stops");
}

#[test]
fn a_pipeline_in_which_most_records_fail_stops_and_says_why() {
    let Some(broker) = Broker::for_test("a_pipeline_in_which_most_records_fail_stops") else { return };
    let (from, to) = (broker.topic("orders", 1), broker.topic("out", 1));
    let mut host = host(&broker);
    let http = host.http();
    let name = unique("limit").to_lowercase();
    let steps = json!({ "all": { "from": "orders" } });
    let mut spec = pipeline(&name, &from, steps, "all", &to);
    from.produce((0..500).map(order));
    from.produce((0..50_000).map(|n| format!("{{bad {n}")));
    http.put(&format!("/v1/pipelines/{name}"), &spec).expect(201);
    let status = wait(&http, &name, "failed", |status| status["state"] == "failed");
    let reason = status["reason"].as_str().unwrap();
    for part in
        ["source `orders`", "more than the share of 0.5", "`json-syntax`", from.name(), "[0]@500:", "started"]
    {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    std::thread::sleep(Duration::from_secs(2));
    let status = http.get(&format!("/v1/pipelines/{name}")).expect(200).json();
    assert_eq!(
        (&status["state"], &status["restarts"], &status["tasks"]),
        (&json!("failed"), &json!(0), &json!(0))
    );
    assert_eq!(ids(&to), once(0..500));

    // A host that starts again leaves it as it is.
    host.kill();
    host.restart();
    let http = host.http();
    std::thread::sleep(Duration::from_secs(2));
    let after = http.get(&format!("/v1/pipelines/{name}")).expect(200).json();
    for figure in ["state", "desired", "reason", "revision", "restarts", "tasks"] {
        assert_eq!(after[figure], status[figure], "{figure}");
    }
    let (code, shown, _) = host.sabot(&["pipeline", "show", &name]);
    assert!(code == 0 && shown.contains("state         failed") && shown.contains("[0]@500:"), "{shown}");

    // It can be told to stop, and to start again, which leads into the same.
    let stopped = http.post(&format!("/v1/pipelines/{name}/stop"), &json!({})).expect(200).json();
    assert_eq!(stopped["state"], "stopped");
    from.produce((0..2_000).map(|n| format!("{{more {n}")));
    http.post(&format!("/v1/pipelines/{name}/start"), &json!({})).expect(200);
    wait(&http, &name, "failed", |status| status["state"] == "failed");
    from.produce([order(501)]);
    spec["errors"] = json!({ "max_share": 1 });
    apply(&http, &spec);
    wait_until_done(&http, &name, &from);
    assert_eq!(ids(&to), once((0..500).chain([501])));
}

#[test]
fn a_version_on_trial_that_refuses_most_rows_is_taken_back() {
    let Some(broker) = Broker::for_test("a_version_on_trial_that_refuses_most_rows") else { return };
    let (from, to) = (broker.topic("orders", 1), broker.topic("out", 1));
    let host = host(&broker);
    let http = host.http();
    push(&http, "hostile-map");
    let name = unique("trial").to_lowercase();
    let mut steps = json!({ "work": hostile("orders", "ok", 4) });
    steps["work"]["probation"] = json!({ "batches": 100_000, "time": "1h" });
    apply(&http, &pipeline(&name, &from, steps, "work", &to));
    from.produce((0..5_000).map(|_| order(4)));
    wait_for_count(&to, 5_000);
    swap(&http, &name, "work", "refuse-on-value");
    // What came in the moment of the swap may be either version's doing and counts for neither.
    std::thread::sleep(Duration::from_millis(500));
    from.produce((0..5_000).map(|_| order(4)));
    let status = wait(&http, &name, "rolled back", |status| {
        status["steps"][0]["component"]["last_swap"]["outcome"] == "rolled_back"
    });
    let swap = &status["steps"][0]["component"]["last_swap"];
    assert!(swap["reason"].as_str().unwrap().contains("`refused` ("), "{swap:#}");
    from.produce((0..5_000).map(|_| order(4)));
    let status = wait_until_done(&http, &name, &from);
    assert_eq!(status["restarts"], 0);
    let dead = status["dead_letters"].as_u64().unwrap();
    assert!(dead >= 1_000, "{dead}");
    assert_eq!(replay(&http, &name, json!({ "all": true })), through(dead));
    assert_eq!(ids(&to), BTreeMap::from([(4, 15_000)]));
}

#[test]
fn letters_in_a_topic_are_listed_shown_and_run_again() {
    let Some(broker) = Broker::for_test("letters_in_a_topic_are_listed") else { return };
    let (from, to, dead) = (broker.topic("orders", 2), broker.topic("out", 2), broker.topic("dead", 2));
    let mut host = host(&broker);
    let http = host.http();
    push(&http, "hostile-map");
    let name = unique("topic").to_lowercase();
    let steps = json!({ "work": hostile("orders", "refuse-on-value", 4) });
    let mut spec = pipeline(&name, &from, steps, "work", &to);
    spec["dead_letter"] = json!({ "kafka": { "topic": dead.name() } });
    dead.produce(["not a letter"]);
    apply(&http, &spec);
    from.produce((0..10).map(order));
    from.produce((0..5).map(|_| "{oops"));
    wait_until_done(&http, &name, &from);
    let record = dead.read_all().into_iter().find(|r| r.value.as_deref() == Some(b"{\"id\":4}")).unwrap();
    let header =
        |name: &str| record.headers.iter().find(|(n, _)| n == name).and_then(|(_, v)| v.clone()).unwrap();
    assert_eq!((header("sabot.step"), header("sabot.attempts")), (b"work".to_vec(), b"1".to_vec()));
    assert!(header("sabot.digest").starts_with(b"sha256:") && header("sabot.row").len() > 100);
    let all = letters(&http, &name, "");
    assert_eq!((all.len(), letters(&http, &name, "step=orders&limit=3").len()), (6, 3));
    let refused = letters(&http, &name, "step=work")[0].clone();
    let id = format!("{}-{}", record.partition, record.offset);
    assert_eq!((refused["id"].as_str(), &refused["row"]), (Some(&*id), &json!({ "id": 4 })));
    assert_eq!(http.get(&format!("/v1/pipelines/{name}/dead-letters/{id}")).expect(200).json(), refused);
    swap(&http, &name, "work", "ok");
    assert_eq!(replay(&http, &name, json!({ "ids": [id, "0-4711", "17"] })), (json!(1), json!(0), 2));
    assert_eq!(ids(&to), once(0..10));
    host.kill();
    host.restart();
    let http = host.http();
    wait_until_done(&http, &name, &from);
    assert_eq!(letters(&http, &name, "step=work").len(), 0, "the mark outlives the host");
    assert_eq!(replay(&http, &name, json!({ "all": true })), (json!(0), json!(5), 0));
    let again = letters(&http, &name, "");
    assert!(again.len() == 5 && again.iter().all(|letter| letter["attempts"] == 2), "{again:#?}");
    assert_eq!(letters(&http, &name, "replayed=true").len(), 6);
}

/// The letters of a pipeline in the file in its host's data folder.
fn letters_in_the_data_folder(host: &HostProcess, name: &str) -> Vec<Value> {
    let path = host.data().join("work").join(name).join("dead-letters.jsonl");
    let lines = std::fs::read_to_string(&path).unwrap_or_default();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `{"id":"7","pad":"xxx…"}` of so many bytes: an id that is no number, and a column that nobody reads.
fn padded(id: i64, bytes: usize) -> String {
    let bare = json!({ "id": id.to_string(), "pad": "" }).to_string();
    bare.replace("\"\"", &format!("\"{}\"", "x".repeat(bytes - bare.len())))
}

/// The same pipeline with a decoder that takes ids in quotes.
fn with_ids_as_text(mut spec: Value) -> Value {
    spec["sources"]["orders"]["decode"]["schema"]["id"] = json!("string");
    spec["steps"]["all"] = json!({ "from": "orders", "select": ["cast(id as bigint) as id"] });
    spec
}

#[test]
fn a_letter_that_its_topic_does_not_take_stops_nobody_and_runs_again_from_its_own_place() {
    let Some(broker) = Broker::for_test("a_letter_that_its_topic_does_not_take") else { return };
    let from = broker.topic_with("orders", 1, &[("max.message.bytes", "4000000")]);
    let (to, dead) = (broker.topic("out", 1), broker.topic("dead", 1));
    let mut host = host(&broker);
    let http = host.http();
    let name = unique("large").to_lowercase();
    let mut spec = pipeline(&name, &from, json!({ "all": { "from": "orders" } }), "all", &to);
    spec["dead_letter"] = json!({ "kafka": { "topic": dead.name() } });
    let (large, small) = (padded(2, 2_000_000), padded(4, 100));
    from.produce([order(1), large.clone(), order(3), small.clone()]);
    apply(&http, &spec);
    let status = wait_until_done(&http, &name, &from);
    assert_eq!((&status["restarts"], &status["dead_letters"]), (&json!(0), &json!(2)), "{status:#}");
    assert_eq!(ids(&to), once([1, 3]));
    assert_eq!(counts(&http, &name), json!([{ "step": "orders", "code": "type-mismatch", "count": 2 }]));
    assert_eq!(dead.read_all().iter().map(Record::text).collect::<Vec<_>>(), [&*small]);
    assert_eq!(letters_in_the_data_folder(&host, &name).len(), 1);

    // Each is found by its name, with its bytes.
    let mut listed = letters(&http, &name, "");
    listed.sort_by_key(|letter| letter["offset"].as_i64());
    let found: Vec<_> =
        listed.iter().map(|letter| (letter["id"].as_str(), letter["offset"].as_i64())).collect();
    assert_eq!(found, [(Some("1"), Some(1)), (Some("0-0"), Some(3))]);
    for (letter, text) in listed.iter().zip([&large, &small]) {
        let path = format!("/v1/pipelines/{name}/dead-letters/{}", letter["id"].as_str().unwrap());
        let shown = http.get(&path).expect(200).json();
        assert!(shown["value"]["text"].as_str() == Some(text), "not the bytes of {path}");
        assert!(shown == *letter, "{path} is not as it was listed");
    }

    // The log says once what happened, and what to do.
    host.wait_for_stderr("a dead letter goes to", LIMIT);
    let said = host.stderr();
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("a dead letter goes to")).collect();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    for part in ["WARN", &name, dead.name(), "takes 1048332", "raise its `max.message.bytes`"] {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }

    apply(&http, &with_ids_as_text(spec));
    assert_eq!(replay(&http, &name, json!({ "ids": ["1"] })), through(1));
    assert_eq!(letters(&http, &name, "").iter().map(|letter| &letter["id"]).collect::<Vec<_>>(), ["0-0"]);
    assert_eq!(replay(&http, &name, json!({ "all": true })), through(1));
    assert_eq!(ids(&to), once(1..=4));
    host.kill();
    host.restart();
    let http = host.http();
    let status = wait_until_done(&http, &name, &from);
    assert_eq!(
        (&status["restarts"], letters(&http, &name, "").len()),
        (&json!(0), 0),
        "the marks outlive the host"
    );
    assert_eq!(letters(&http, &name, "replayed=true").len(), 2);
    assert_eq!(replay(&http, &name, json!({ "ids": ["1", "0-0", "2"] })), (json!(0), json!(0), 3));
    assert_eq!(ids(&to), once(1..=4));
}

#[test]
fn letters_around_what_their_topic_takes_are_all_kept_and_the_broker_refuses_none() {
    let Some(broker) = Broker::for_test("letters_around_what_their_topic_takes") else { return };
    let from = broker.topic_with("orders", 1, &[("max.message.bytes", "4000000")]);
    let to = broker.topic("out", 1);
    // The broker unpacks what comes and measures it again.
    let dead = broker.topic_with("dead", 1, &[("compression.type", "uncompressed")]);
    let host = host(&broker);
    let http = host.http();
    let name = unique("around").to_lowercase();
    let mut spec = pipeline(&name, &from, json!({ "all": { "from": "orders" } }), "all", &to);
    spec["dead_letter"] = json!({ "kafka": { "topic": dead.name() } });
    spec["errors"] = json!({ "max_share": 1 });
    // Every size at which what a letter adds decides, those of the default limit itself among them.
    let sizes = (1_046_600..=1_048_600).step_by(100);
    let broken: Vec<String> = (0..).zip(sizes).map(|(id, bytes)| padded(id, bytes)).collect();
    from.produce(broken.clone());
    apply(&http, &spec);
    let status = wait_until_done(&http, &name, &from);
    let all = broken.len() as i64;
    assert_eq!((&status["restarts"], &status["dead_letters"]), (&json!(0), &json!(all)), "{status:#}");
    assert_eq!(counts(&http, &name)[0]["count"], json!(all));
    let (in_topic, in_file) =
        (dead.read_all().len() as i64, letters_in_the_data_folder(&host, &name).len() as i64);
    assert!(in_topic > 0 && in_file > 0 && in_topic + in_file == all, "{in_topic} and {in_file} of {all}");
    apply(&http, &with_ids_as_text(spec));
    assert_eq!(replay(&http, &name, json!({ "all": true })), through(all as u64));
    assert_eq!(ids(&to), once(0..all));
}

#[test]
fn a_letter_of_a_step_behind_a_union_goes_in_there() {
    let Some(broker) = Broker::for_test("a_letter_of_a_step_behind_a_union") else { return };
    let (from, to) = (broker.topic("orders", 2), broker.topic("out", 2));
    let host = host(&broker);
    let http = host.http();
    push(&http, "hostile-map");
    let name = unique("union").to_lowercase();
    let steps = json!({
        "even": { "from": "orders", "filter": "id % 2 = 0" },
        "odd": { "from": "orders", "filter": "id % 2 = 1" },
        "both": { "from": ["even", "odd"] },
        "work": hostile("both", "retry-on-value", 4),
    });
    let mut spec = pipeline(&name, &from, steps, "work", &to);
    spec["steps"]["work"]["on_error"] =
        json!({ "retry": { "attempts": 2, "backoff": "300ms", "then": "dead_letter" } });
    apply(&http, &spec);
    from.produce((0..1_000).map(order));
    wait_until_done(&http, &name, &from);
    assert_eq!(letters(&http, &name, "")[0]["attempts"], 3);
    assert_eq!(replay(&http, &name, json!({ "all": true })), (json!(0), json!(1), 0));
    assert_eq!(letters(&http, &name, "")[0]["attempts"], 6);
    swap(&http, &name, "work", "ok");
    assert_eq!(replay(&http, &name, json!({ "all": true })), through(1));
    assert_eq!(ids(&to), once(0..1_000));
}
