//! Files of rows: a CSV file of which some rows are wrong, by every policy, and the end of a file while rows wait for
//! another attempt.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use sabot_tests::broker::{Broker, unique};
use serde_json::{Value, json};

use crate::support::*;

const ROWS: usize = 3_000;

/// Every hundredth row is wrong, each in its own way; some of the others have line breaks and quotes.
fn row(n: usize) -> String {
    match (n % 100, n / 100 % 4) {
        (50, 0) => format!("{n},user-{n},much"),
        (50, 1) => format!("{n},user-{n}"),
        (50, 2) => format!("{n},user-{n},1,2"),
        (50, _) => format!(",user-{n},1"),
        (20, _) => format!("{n},\"user-{n}\r\n\"\"of two lines\"\"\",{n}.5"),
        _ => format!("{n},user-{n},{n}.5"),
    }
}

fn is_wrong(n: usize) -> bool {
    n % 100 == 50
}

fn write(path: &Path, rows: impl IntoIterator<Item = String>) {
    let mut text = "id,user,amount\n".to_owned();
    rows.into_iter().for_each(|row| writeln!(text, "{row}").unwrap());
    std::fs::write(path, text).unwrap();
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn spec(name: &str, folder: &Path, amount: &str, on_error: Value) -> Value {
    json!({
        "name": name,
        "sources": { "orders": {
            "file": {
                "path": folder.join("orders.csv"),
                "schema": { "amount": amount, "id": if amount == "string" { "int64" } else { "int64!" }, "user": "string" },
            },
            "batch_rows": 500,
            "on_error": on_error,
        } },
        "sinks": { "out": { "from": "orders", "file": { "path": folder.join("out.jsonl") } } },
    })
}

#[test]
fn a_row_of_csv_that_is_wrong_has_its_policy_and_its_neighbours_are_read() {
    let Some(broker) = Broker::for_test("a_row_of_csv_that_is_wrong") else { return };
    let host = host(&broker);
    let http = host.http();
    let good: Vec<usize> = (0..ROWS).filter(|n| !is_wrong(*n)).collect();
    let ids = |folder: &Path| -> Vec<usize> {
        lines(&folder.join("out.jsonl")).iter().map(|row| row["id"].as_u64().unwrap() as usize).collect()
    };
    for on_error in ["skip", "dead_letter"] {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("orders.csv"), (0..ROWS).map(row));
        let name = unique("csv").to_lowercase();
        let spec = spec(&name, folder.path(), "float64", json!(on_error));
        http.put(&format!("/v1/pipelines/{name}"), &spec).expect(201);
        let status = wait(&http, &name, "at the end", |status| status["state"] == "stopped");
        let letters = letters(&http, &name);
        assert_eq!(status["restarts"], 0, "{status:#}");
        assert_eq!(ids(folder.path()), good, "{on_error}");
        let two = &lines(&folder.path().join("out.jsonl"))[20];
        assert_eq!(*two, json!({ "amount": 20.5, "id": 20, "user": "user-20\r\n\"of two lines\"" }));
        assert_eq!(letters.len(), if on_error == "skip" { 0 } else { 30 });
        for letter in &letters {
            let n = letter["offset"].as_u64().unwrap() as usize;
            assert_eq!((letter["value"]["text"].as_str().unwrap(), is_wrong(n)), (&*row(n), true));
            assert_eq!(letter["headers"][0]["value"]["text"], "id,user,amount", "{letter:#}");
        }
    }

    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("orders.csv"), (0..ROWS).map(row));
    let name = unique("csv").to_lowercase();
    http.put(&format!("/v1/pipelines/{name}"), &spec(&name, folder.path(), "float64", json!("fail")))
        .expect(201);
    let status = wait(&http, &name, "failed", |status| status["state"] == "failed");
    let reason = status["reason"].as_str().unwrap();
    assert!(reason.contains("orders.csv[0]@50") && reason.contains("amount"), "{reason}");

    // Corrected rows from the one that failed on: nothing of what came before is lost.
    write(
        &folder.path().join("orders.csv"),
        (0..ROWS).map(|n| if is_wrong(n) { format!("{n},u,1") } else { row(n) }),
    );
    http.post(&format!("/v1/pipelines/{name}/start"), &json!({})).expect(200);
    wait(&http, &name, "at the end", |status| status["state"] == "stopped");
    let mut all = ids(folder.path());
    // What was read since the last checkpoint comes twice: of the first run, which ended in its first batch.
    assert!(all.len() <= ROWS + 500, "{}", all.len());
    all.sort_unstable();
    all.dedup();
    assert_eq!(all, (0..ROWS).collect::<Vec<_>>());
}

#[test]
fn the_letters_of_a_csv_file_are_run_again_by_what_their_file_began_with() {
    let Some(broker) = Broker::for_test("the_letters_of_a_csv_file") else { return };
    let host = host(&broker);
    let http = host.http();
    let (folder, name) = (tempfile::tempdir().unwrap(), unique("csv").to_lowercase());
    write(&folder.path().join("orders.csv"), (0..ROWS).map(row));
    // A source that does not end keeps the pipeline running, so that letters can be run again.
    let more = json!({ "generate": { "schema": { "id": "int64" }, "rate": 1 } });
    let with = |amount: &str| {
        let mut spec = spec(&name, folder.path(), amount, json!("dead_letter"));
        spec["sources"]["more"] = more.clone();
        spec["sinks"]["none"] = json!({ "from": "more", "blackhole": {} });
        spec
    };
    apply(&http, &with("float64"));
    wait(&http, &name, "through", |status| status["dead_letters"] == 30);
    // With the amount as text and the id that may be null two of the four ways are taken; the others have not three cells.
    write(&folder.path().join("orders.csv"), []);
    apply(&http, &with("string"));
    wait(&http, &name, "running", |status| status["state"] == "running");
    let replay = format!("/v1/pipelines/{name}/dead-letters/replay");
    let done = http.post(&replay, &json!({ "all": true })).expect(200).json();
    assert_eq!((&done["replayed"], &done["failed_again"]), (&json!(15), &json!(15)), "{done:#}");
    let ways: Vec<usize> = (0..ROWS).filter(|n| is_wrong(*n) && [0, 3].contains(&(n / 100 % 4))).collect();
    let users: Vec<String> = ways.iter().map(|n| format!("user-{n}")).collect();
    let last = lines(&folder.path().join("out.jsonl"));
    let last: Vec<&str> = last[last.len() - 15..].iter().map(|row| row["user"].as_str().unwrap()).collect();
    assert_eq!(last, users);
    let codes: Vec<Value> = letters(&http, &name).iter().map(|letter| letter["code"].clone()).collect();
    assert_eq!(codes, vec![json!("csv-syntax"); 15]);
}

#[test]
fn a_file_has_ended_once_the_rows_that_wait_are_through_however_long_they_do() {
    let Some(broker) = Broker::for_test("a_file_has_ended_once_the_rows") else { return };
    let host = host(&broker);
    let http = host.http();
    push(&http, "hostile-map");
    let (folder, name) = (tempfile::tempdir().unwrap(), unique("waits").to_lowercase());
    write(&folder.path().join("orders.csv"), (0..100).map(|n| format!("{n},u,1")));
    let mut spec = spec(&name, folder.path(), "float64", json!("fail"));
    // Longer than a stop would wait: 12 s, and 24 s.
    let retry = json!({ "retry": { "attempts": 2, "backoff": "12s" } });
    let config = json!({ "mode": "retry-on-value", "value": 4 });
    spec["steps"] = json!({
        "ids": { "from": "orders", "select": ["id"] },
        "work": { "from": "ids", "wasm": "hostile-map", "config": config, "on_error": retry },
    });
    spec["sinks"]["out"]["from"] = json!("work");
    let started = Instant::now();
    http.put(&format!("/v1/pipelines/{name}"), &spec).expect(201);
    let status = wait(&http, &name, "at the end", |status| status["state"] == "stopped");
    assert!(started.elapsed() > Duration::from_secs(36));
    assert_eq!((&status["restarts"], &status["dead_letters"]), (&json!(0), &json!(1)), "{status:#}");
    let ids: Vec<i64> =
        lines(&folder.path().join("out.jsonl")).iter().map(|r| r["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, (0..100).filter(|id| *id != 4).collect::<Vec<_>>(), "each once");
    let letter = &letters(&http, &name)[0];
    assert_eq!((&letter["code"], &letter["attempts"]), (&json!("later"), &json!(3)), "{letter:#}");
}
