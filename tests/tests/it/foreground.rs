//! The commands that need no host: a pipeline in the foreground until its files have ended, a look at a component, a
//! check of the pipelines of the examples.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sabot_tests::guests::path;
use sabot_tests::host_process::program;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::*;

const ORDERS: u64 = 20_000;

/// Runs the command line in a folder; its exit code, and what it printed on both outputs, which is not much.
fn sabot(folder: &Path, words: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(program());
    command
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the sabot program runs");
    let until = Instant::now() + LIMIT;
    while child.try_wait().expect("a child can be asked").is_none() {
        if Instant::now() >= until {
            child.kill().expect("a child can be killed");
            let said = child.wait_with_output().expect("a killed child ends");
            panic!("{words:?} does not end; it said:\n{}", String::from_utf8_lossy(&said.stderr));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().expect("a child that has ended can be read");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// A folder with orders and a pipeline from file to file whose step is the component of that file.
fn folder(component: &Path, more_lines: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = (0..ORDERS).map(|id| order(id) + "\n").collect();
    std::fs::write(folder.path().join("orders.jsonl"), lines + more_lines).unwrap();
    // Paths are relative to the folder in which the program is started.
    let pipeline = format!(
        "name: files
sources:
  orders:
    file: {{ path: orders.jsonl }}
    decode: {{ codec: json, schema: {{ id: int64, user: string, amount: float64 }} }}
    on_error: fail
steps:
  large: {{ from: orders, wasm: \"{}\", config: {{ min: 500 }} }}
  twice: {{ from: large, select: [\"*\", \"amount * 2 as twice\"] }}
sinks:
  out: {{ from: twice, file: {{ path: out.jsonl }} }}
",
        component.display()
    );
    std::fs::write(folder.path().join("pipeline.yaml"), pipeline).unwrap();
    folder
}

#[test]
fn a_pipeline_in_the_foreground_ends_with_its_file_and_has_written_every_row() {
    let Some(filter) = path("a_pipeline_in_the_foreground_ends", "filter-amount") else { return };
    let folder = folder(&filter, "");
    let (code, _, said) = sabot(folder.path(), &["run", "pipeline.yaml", "--until-end"]);
    assert_eq!(code, 0, "{said}");
    let written = std::fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    let rows: Vec<Value> = written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected: Vec<u64> = (0..ORDERS).filter(|id| is_large(*id)).collect();
    assert_eq!(rows.iter().map(|row| row["id"].as_u64().unwrap()).collect::<Vec<_>>(), expected);
    for (row, id) in rows.iter().zip(expected) {
        let sent: Value = serde_json::from_str(&order(id)).unwrap();
        let amount = sent["amount"].as_f64().unwrap();
        let found = (&row["user"], row["amount"].as_f64(), row["twice"].as_f64());
        assert_eq!(found, (&sent["user"], Some(amount), Some(amount * 2.0)), "{row}");
        assert_eq!(row.as_object().unwrap().len(), 4, "{row}");
    }
}

#[test]
fn a_pipeline_in_the_foreground_that_fails_says_so_to_its_caller() {
    let Some(filter) = path("a_pipeline_in_the_foreground_that_fails", "filter-amount") else { return };
    let folder = folder(&filter, "{oops\n");
    let (code, _, said) = sabot(folder.path(), &["run", "pipeline.yaml", "--until-end"]);
    assert!(code == 1 && said.contains("pipeline files failed"), "{code}: {said}");
}

#[test]
fn a_look_at_a_component_says_what_it_is() {
    let Some(filter) = path("a_look_at_a_component_says_what_it_is", "filter-amount") else { return };
    let (folder, file) = (tempfile::tempdir().unwrap(), filter.display().to_string());
    let (code, shown, said) = sabot(folder.path(), &["inspect", &file]);
    assert_eq!(code, 0, "{said}");
    for part in
        ["filter-amount@1.0.0", "filter", "amount: float64", "sha256:", "sabot:operator/selector@0.1.0"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let (code, shown, said) = sabot(folder.path(), &["inspect", &file, "-o", "json"]);
    assert_eq!(code, 0, "{said}");
    let found: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (&found["manifest"]["name"], &found["manifest"]["world"]),
        (&"filter-amount".into(), &"filter".into())
    );
    assert!(found["digest"].as_str().unwrap().starts_with("sha256:"), "{found:#}");

    std::fs::write(folder.path().join("garbage.wasm"), "garbage").unwrap();
    let (code, _, said) = sabot(folder.path(), &["inspect", "garbage.wasm"]);
    assert!(code == 1 && said.contains("it is not WebAssembly"), "{code}: {said}");
}

#[test]
fn the_pipelines_of_the_examples_pass_a_check() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").canonicalize().unwrap();
    for name in ["hello", "fraud"] {
        let (code, plan, said) = sabot(&examples, &["check", &format!("{name}/pipeline.yaml")]);
        assert_eq!(code, 0, "{name}: {said}");
        assert!(plan.contains(&format!("pipeline {name}")), "{plan}");
    }
}

#[test]
fn the_demo_holds_all_that_it_claims() {
    let test = "the_demo_holds_all_that_it_claims";
    if ["scorer-v1", "scorer-v2", "scorer-trap"].iter().any(|name| path(test, name).is_none()) {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (code, said, errors) = sabot(root, &["demo"]);
    assert_eq!(code, 0, "{said}\n{errors}");
}
