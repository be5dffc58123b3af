//! Command lines against a host over a real socket: what is printed, what goes to stderr, and the exit codes.

use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::*;
use crate::admin;
use crate::config::{Config, Role, Token};
use crate::control::Host;

const SPEC: &str = "name: ticks\n\
    sources: { tick: { generate: { schema: { id: int64 }, rate: 1 } } }\n\
    sinks: { out: { from: tick, blackhole: {} } }\n";

struct Desk {
    address: String,
    folder: tempfile::TempDir,
    host: Arc<Host>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Desk {
    fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let token = |name: &str, role| Token { name: name.into(), role, sha256: Sha256::digest(name).into() };
        let config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            data_dir: folder.path().join("data"),
            tokens: vec![token("vera", Role::Viewer), token("ada", Role::Admin)],
            ..Config::default()
        };
        let host = Arc::new(Host::open(&config).unwrap());
        let listener = admin::listen(config.listen).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let of_server = Arc::clone(&host);
        let thread = std::thread::spawn(move || {
            let stop = async { drop(stopped.await) };
            let runtime = control_plane::runtime().unwrap();
            runtime.block_on(admin::serve(listener, of_server, &config, stop)).unwrap();
        });
        Desk { address, folder, host, stop: Some(stop), thread: Some(thread) }
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        let path: PathBuf = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs a command as `who`; answers the exit code and what was printed, with what differs from run to run
    /// left out.
    fn run(&self, who: &str, line: &[&str]) -> (u8, String, String) {
        let (code, out, err) = sabot(&[line, &["--host", &self.address, "--token", who]].concat());
        let folder = self.folder.path().to_str().unwrap();
        let plain = |text: String| text.replace(folder, "DIR").replace(&self.address, "HOST");
        (code, plain(out), plain(err))
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().unwrap().join();
        self.host.shutdown();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

fn sabot(line: &[&str]) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = ["sabot"].iter().chain(line).map(OsString::from);
    let code = run(args, &mut Output { out: &mut out, err: &mut err, terminal: false });
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn a_pipeline_from_apply_to_rm() {
    let desk = Desk::new();
    let file = desk.file("ticks.yaml", SPEC.as_bytes());
    let (code, out, err) = desk.run("ada", &["pipeline", "plan", &file]);
    assert!(code == 0 && out.ends_with("would be created, revision 1\n"), "{code} {out} {err}");
    let done = desk.run("ada", &["pipeline", "apply", &file, "--expect", "0"]);
    assert_eq!((done.0, done.1.as_str()), (0, "pipeline ticks created, revision 1\n"), "{}", done.2);
    let (code, _, err) = desk.run("ada", &["pipeline", "apply", &file, "--expect", "7"]);
    assert!(code == 1 && err.contains("(409)") && err.contains('7'), "{code} {err}");
    let (code, out, _) = desk.run("vera", &["pipeline", "list"]);
    assert!(code == 0 && out.contains("ticks"), "{out}");
    let (code, out, _) = desk.run("vera", &["pipeline", "show", "ticks", "--spec"]);
    assert_eq!((code, out.as_str()), (0, SPEC));
    let (code, out, _) = desk.run("vera", &["pipeline", "show", "ticks", "-o", "json"]);
    let shown: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &shown["revision"]), (0, &1.into()));
    let (code, out, _) = desk.run("vera", &["pipeline", "list", "-o", "yaml"]);
    let listed: serde_json::Value = serde_saphyr::from_str(&out).unwrap();
    assert_eq!((code, &listed["pipelines"][0]["name"]), (0, &"ticks".into()));
    for command in ["start", "stop"] {
        let (code, out, err) = desk.run("ada", &["pipeline", command, "ticks"]);
        assert!(code == 0 && out.starts_with("pipeline ticks is "), "{out} {err}");
    }
    assert_eq!(desk.run("vera", &["pipeline", "logs", "ticks"]).0, 0);
    let (code, out, _) = desk.run("vera", &["pipeline", "top", "--every", "0.1", "--count", "1"]);
    assert!(code == 0 && out.starts_with("PIPELINE") && out.contains("ticks"), "{out}");
    assert_eq!(desk.run("ada", &["dead-letter", "list", "ticks"]).1, "no dead letters\n");
    let (code, _, err) = desk.run("ada", &["dead-letter", "replay", "ticks", "--all"]);
    assert!(code == 1 && err.contains("start it first"), "{err}");
    assert_eq!(desk.run("ada", &["pipeline", "rm", "ticks"]).1, "pipeline ticks removed\n");
    let (code, _, err) = desk.run("vera", &["pipeline", "show", "ticks"]);
    assert!(code == 1 && err.contains("ticks"), "{err}");
}

#[test]
fn refusals_go_to_stderr_with_every_reason() {
    let desk = Desk::new();
    let broken = desk.file("broken.yaml", b"sources: [");
    let spec = desk.file("ticks.yaml", SPEC.as_bytes());
    let lines: [&[&str]; 12] = [
        &["pipeline", "apply", &spec],
        &["pipeline", "apply", &broken],
        &["pipeline", "apply", "missing.yaml"],
        &["operator", "swap", "ticks", "scorer"],
        &["operator", "swap", "ticks/score", "scorer", "--config", "{"],
        &["operator", "shadow", "ticks/score", "scorer"],
        &["operator", "promote", "ticks/score"],
        &["savepoint", "create", "ticks"],
        &["dead-letter", "replay", "ticks", "--all"],
        &["dead-letter", "show", "ticks", "17"],
        &["state", "get", "ticks/score/totals", "--key", "1"],
        &["state", "get", "score", "--key", "1"],
    ];
    let mut all = String::new();
    for (i, line) in lines.into_iter().enumerate() {
        let who = if i == 0 { "vera" } else { "ada" };
        let (code, out, err) = desk.run(who, line);
        assert_eq!(out, "");
        all += &format!("{code} {err}");
    }
    insta::assert_snapshot!(all, @r"
    1 error: not with this role (403)
      this needs the role deployer; the token `vera` has the role viewer
    1 error: DIR/broken.yaml has mistakes
      line 1: this is not YAML: unclosed bracket '[' (column 10)
    1 error: cannot read missing.yaml: No such file or directory (os error 2)
    2 error: expected PIPELINE/STEP, found `ticks`
    2 error: --config is not JSON: EOF while parsing an object at line 1 column 1
    1 error: shadow swaps are not in this release (501)
      with mode `shadow` both versions will get live batches and their outputs be compared; use mode `now`, whose probation brings the old version back by itself
    1 error: promotions are not in this release
      there is nothing to promote before shadow and canary swaps are; `sabot operator swap` exchanges at once, and its probation brings the old version back by itself
    1 error: savepoints are not in this release (501)
      they come with state that is kept in checkpoints; a pipeline goes on from its committed offsets
    1 error: not found (404)
      there is no pipeline `ticks`
    1 error: not found (404)
      there is no pipeline `ticks`
    1 error: queries of state are not in this release (501)
      they come with keyed state; no step has state yet
    2 error: expected PIPELINE/STEP/STATE, found `score`
    ");
    let (code, _, err) = desk.run("nobody", &["component", "list"]);
    insta::assert_snapshot!(format!("{code} {err}"), @r"
    1 error: no valid token (401)
      the token is not one of this host's
    ");
    let garbage = desk.file("garbage.wasm", b"no component");
    let (code, _, err) = desk.run("ada", &["component", "push", &garbage]);
    assert!(code == 1 && err.contains("(422)"), "{code} {err}");
}

#[test]
fn no_host_is_exit_code_3() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (code, _, err) = sabot(&["pipeline", "list", "--host", &format!("127.0.0.1:{port}")]);
    insta::assert_snapshot!(format!("{code} {}", err.replace(&port.to_string(), "PORT")), @r"
    3 error: cannot reach a host at http://127.0.0.1:PORT: Connection refused (os error 111)
      Start one with `sabot dev`, or name another with --host or SABOT_HOST.
    ");
}

#[test]
fn wrong_usage_is_exit_code_2_and_help_is_not() {
    let (code, out, err) = sabot(&["pipeline", "lst"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("'list'"), "{err}");
    assert_eq!(sabot(&[]).0, 2);
    let (code, _, err) = sabot(&["dead-letter", "replay", "ticks"]);
    assert!(code == 2 && err.contains("replay [OPTIONS] <PIPELINE> <ID>..."), "{err}");
    assert_eq!(sabot(&["dead-letter", "replay", "ticks", "17", "--all"]).0, 2);
    assert_eq!(sabot(&["--help"]).0, 0);
    assert_eq!(sabot(&["--version"]).1, format!("sabot {}\n", env!("CARGO_PKG_VERSION")));
    assert!(sabot(&["completions", "bash"]).1.contains("_sabot"));
}

#[test]
fn check_prints_the_plan_or_all_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.yaml");
    let path = file.to_str().unwrap();
    std::fs::write(&file, SPEC).unwrap();
    let (code, out, _) = sabot(&["check", path]);
    assert!(code == 0 && out.starts_with("pipeline ticks"), "{out}");
    let (code, out, _) = sabot(&["check", path, "-o", "json"]);
    assert!(code == 0 && serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{out}");
    std::fs::write(&file, "name: ticks\nsteps: { a: { form: b } }\nsinks: {}\n").unwrap();
    let (code, out, err) = sabot(&["check", path]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.starts_with(&format!("error: {path} has ")) && err.contains("did you mean `from`?"), "{err}");
    // Expressions are typed where the columns are known.
    let text = "name: p\nsources: { o: { file: { path: o.jsonl }, decode: { codec: json, schema: { id: int64 } } } }\n\
        steps: { big: { from: o, filter: \"idd > 1\" }, odd: { from: o, filter: \"id > 1; drop table g\" } }\n\
        sinks: { out: { from: [big, odd], stdout: {} } }\n";
    std::fs::write(path, text).unwrap();
    let (code, _, err) = sabot(&["check", path]);
    assert!(
        code == 1
            && err.contains("2 mistakes")
            && err.contains("`idd`")
            && err.contains("did you mean `id`?"),
        "{err}"
    );
}

#[test]
fn check_prints_the_columns_that_a_sample_showed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let record = r#"{"id":-1,"odd: key":true,"tags":["a"],"items":[{"sku":"x","n":18446744073709551615}],"$a\u009b":{}}"#;
    std::fs::write(at("o.jsonl"), record).unwrap();
    let spec = |schema: &str| {
        let text = format!(
            "name: p\nsources:\n  o:\n    file: {{ path: {} }}\n    decode:\n      codec: json\n      schema: {schema}\n\
             \x20 made: {{ generate: {{ schema: {{ id: int64 }}, count: 1 }} }}\n\
             sinks: {{ out: {{ from: o, stdout: {{}} }}, gone: {{ from: made, blackhole: {{}} }} }}\n",
            at("o.jsonl")
        );
        std::fs::write(at("p.yaml"), text).unwrap();
    };
    spec("infer");
    let (code, out, err) = sabot(&["check", &at("p.yaml")]);
    assert_eq!((code, err.as_str()), (0, ""));
    let (_, columns) = out.split_once("\ncolumns of ").unwrap();
    insta::assert_snapshot!(columns, @r#"
    o
      id: int64
      "odd: key": bool
      tags: list<string>
      items: "list<struct<sku: string, n: uint64>>"
      "$a\u009b": map<string, string>
    "#);
    let json = |line: &[&str]| serde_json::from_str::<serde_json::Value>(&sabot(line).1).unwrap();
    let answer = json(&["check", &at("p.yaml"), "-o", "json"]);
    let columns_of_o = serde_json::json!({
        "id": "int64", "odd: key": "bool", "tags": "list<string>",
        "items": "list<struct<sku: string, n: uint64>>", "$a\u{9b}": "map<string, string>",
    });
    assert_eq!(
        (&answer["pipeline"], &answer["columns"]),
        (&"p".into(), &serde_json::json!({ "o": columns_of_o }))
    );
    // What is printed declares the same columns.
    let (_, declared) = columns.split_once('\n').unwrap();
    spec(&declared.lines().map(|line| format!("\n        {}", line.trim())).collect::<String>());
    let again = json(&["check", &at("p.yaml"), "-o", "json"]);
    assert_eq!((&again["fragments"], &again["columns"]), (&answer["fragments"], &serde_json::json!({})));
    let (code, out, _) = sabot(&["check", &at("p.yaml")]);
    assert!(code == 0 && !out.contains("columns of"), "{out}");
}

#[test]
fn every_command_is_described() {
    fn walk(command: &clap::Command, path: &str, lines: &mut Vec<String>) {
        let path = format!("{path} {}", command.get_name());
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(!about.is_empty(), "{path} has no description");
        for arg in command.get_arguments().filter(|a| a.get_id() != "help" && a.get_id() != "version") {
            assert!(arg.get_help().is_some(), "{path} {} has no description", arg.get_id());
        }
        lines.push(format!("{}: {about}", path.trim_start()));
        for inner in command.get_subcommands().filter(|c| c.get_name() != "help") {
            walk(inner, &path, lines);
        }
    }
    let mut lines = Vec::new();
    Cli::command().debug_assert();
    walk(&Cli::command(), "", &mut lines);
    insta::assert_snapshot!(lines.join("\n"), @r"
    sabot: A host for streaming pipelines whose user logic ships as WebAssembly components
    sabot demo: Run the main job on an embedded broker, with two swaps under load, and check every claim
    sabot dev: Run a host at a desk: on the loopback address, without tokens, with a broker inside
    sabot serve: Run a host, for production
    sabot run: Run one pipeline in the foreground, without the API
    sabot check: Check a specification and print its plan; needs no host
    sabot new: Start a new component
    sabot build: Build a component, into DIR/build/NAME.wasm
    sabot test: Run a component on the fixtures of its folder and compare what comes out
    sabot inspect: Show what a component is: its manifest, imports, size
    sabot component: Upload, list, show and remove components
    sabot component push: Upload a component; the same bytes again change nothing
    sabot component list: List all components
    sabot component show: Show a component, its manifest and who uses it
    sabot component rm: Remove a component that no pipeline uses
    sabot pipeline: Create, change, watch and stop pipelines
    sabot pipeline apply: Create or change the pipeline that a file specifies
    sabot pipeline plan: Check a file against the host, and show the plan without changing anything
    sabot pipeline list: List all pipelines
    sabot pipeline show: Show a pipeline: state, figures, versions
    sabot pipeline start: Start a pipeline, now and whenever the host starts
    sabot pipeline stop: Stop a pipeline once everything it has read is delivered
    sabot pipeline rm: Stop and forget a pipeline; its components and committed offsets stay
    sabot pipeline logs: Print what a pipeline and its components logged
    sabot pipeline top: Watch the throughput of pipelines
    sabot operator: Exchange the component of a step while its pipeline runs
    sabot operator swap: Exchange a component; whatever does not fit is refused, and the old one goes on
    sabot operator rollback: Go back to the component before
    sabot operator shadow: Run a new version beside the old one and compare (not in this release)
    sabot operator canary: Run a new version on some partitions (not in this release)
    sabot operator promote: Make a canary or shadow the version that runs (not in this release)
    sabot savepoint: Savepoints of a pipeline's state (not in this release)
    sabot savepoint create: Take a savepoint
    sabot savepoint list: List the savepoints of a pipeline
    sabot savepoint restore: Start a pipeline from a savepoint
    sabot savepoint rm: Remove a savepoint
    sabot dead-letter: Look at the records that failed, and run them again
    sabot dead-letter list: List the newest dead letters of a pipeline, and count all by step and code
    sabot dead-letter show: Show a dead letter whole
    sabot dead-letter replay: Run dead letters through the pipeline again, each from where it failed
    sabot state: Query keyed state (not in this release)
    sabot state get: Get the value of a key
    sabot token: Make a token and its entry for sabot.yaml
    sabot completions: Print completions for a shell
    ");
}
