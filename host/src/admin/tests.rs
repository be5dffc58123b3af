//! The admin API over a real socket: what callers see of roles, limits, mistakes and bad connections.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;
use crate::config::{Limits, Role, Token};

const SPEC: &str = "name: ticks\n\
    sources: { tick: { generate: { schema: { id: int64 }, rate: 1 } } }\n\
    sinks: { out: { from: tick, blackhole: {} } }\n";
const YAML: (&str, &str) = ("content-type", "application/yaml");

/// A running API. Its host's folder goes with it.
struct Server {
    address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    host: Arc<Host>,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self}"))
    }

    /// Status, and of the problem all that a person reads.
    fn problem(&self) -> String {
        assert!(self.head.contains("content-type: application/problem+json"), "{self}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        let reasons = problem["reasons"].as_array().unwrap();
        let reasons: Vec<_> = reasons.iter().map(|r| r["message"].as_str().unwrap().to_owned()).collect();
        let (kind, title) = (problem["type"].as_str().unwrap(), problem["title"].as_str().unwrap());
        format!("{} {kind} {title}: {}", self.status, reasons.join(" | "))
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{}", self.head, String::from_utf8_lossy(&self.body))
    }
}

fn token(name: &str, role: Role) -> Token {
    Token { name: name.into(), role, sha256: Sha256::digest(format!("{name}-token")).into() }
}

impl Server {
    fn start(edit: impl FnOnce(&mut Config)) -> Server {
        Server::with_patience(Patience::default(), edit)
    }

    fn with_patience(patience: Patience, edit: impl FnOnce(&mut Config)) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            data_dir: folder.path().to_owned(),
            tokens: vec![
                token("vera", Role::Viewer),
                token("dora", Role::Deployer),
                token("ada", Role::Admin),
            ],
            limits: Limits { component_bytes: 2_000_000, pipeline_bytes: 10_000, ..Limits::default() },
            ..Config::default()
        };
        edit(&mut config);
        let host = Arc::new(Host::open(&config).unwrap());
        let listener = listen(config.listen).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let of_server = Arc::clone(&host);
        let thread = std::thread::spawn(move || {
            let stop = async { drop(stopped.await) };
            runtime.block_on(serve_patiently(listener, of_server, &config, patience, stop)).unwrap();
        });
        Server { address, stop: Some(stop), thread: Some(thread), host, _folder: folder }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        read_answer(&mut stream)
    }

    fn call(&self, who: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.address);
        if !who.is_empty() {
            head += &format!("authorization: Bearer {who}-token\r\n");
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("content-length: {}\r\n\r\n", body.len());
        self.raw(&[head.as_bytes(), body].concat())
    }

    fn get(&self, who: &str, path: &str) -> Answer {
        self.call(who, "GET", path, &[], b"")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().unwrap().join();
        self.host.shutdown();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    let end = all.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_else(|| panic!("no head in {all:?}"));
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: all[end + 4..].to_vec() }
}

#[test]
fn who_may_do_what() {
    let server = Server::start(|_| {});
    let spec = SPEC.as_bytes();
    let mut lines = vec![
        server.get("", "/v1/pipelines").problem(),
        server.get("eve", "/v1/pipelines").problem(),
        server.call("", "GET", "/v1/pipelines", &[("authorization", "Basic dmVyYQ==")], b"").problem(),
        server.call("vera", "PUT", "/v1/pipelines/ticks", &[YAML], spec).problem(),
        server.call("dora", "DELETE", "/v1/pipelines/ticks", &[], b"").problem(),
        server.get("vera", "/v1/pipelines/ticks/dead-letters").problem(),
    ];
    let statuses = [
        ("", "GET", "/healthz"),
        ("", "GET", "/readyz"),
        ("", "GET", "/openapi.json"),
        ("", "GET", "/"),
        ("", "GET", "/metrics"),
        ("vera", "GET", "/metrics"),
        ("vera", "GET", "/v1/components"),
    ];
    for (who, method, path) in statuses {
        let answer = server.call(who, method, path, &[], b"");
        lines.push(format!("{who} {method} {path}: {}", answer.status));
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    401 urn:sabot:unauthorized no valid token: no token was sent; send `Authorization: Bearer TOKEN`
    401 urn:sabot:unauthorized no valid token: the token is not one of this host's
    401 urn:sabot:unauthorized no valid token: the authorization is not of the form `Bearer TOKEN`
    403 urn:sabot:forbidden not with this role: this needs the role deployer; the token `vera` has the role viewer
    403 urn:sabot:forbidden not with this role: this needs the role admin; the token `dora` has the role deployer
    403 urn:sabot:forbidden not with this role: this needs the role deployer; the token `vera` has the role viewer
     GET /healthz: 200
     GET /readyz: 200
     GET /openapi.json: 200
     GET /: 200
     GET /metrics: 401
    vera GET /metrics: 200
    vera GET /v1/components: 200
    ");
    let refused = server.get("", "/v1/pipelines");
    assert!(refused.head.contains("www-authenticate: Bearer realm=\"sabot\""), "{refused}");
}

#[test]
fn a_pipeline_comes_changes_and_goes() {
    let server = Server::start(|_| {});
    let put = |query: &str, headers: &[(&str, &str)], spec: &str| {
        let path = format!("/v1/pipelines/ticks{query}");
        server.call("dora", "PUT", &path, &[&[YAML], headers].concat(), spec.as_bytes())
    };
    let dry = put("?dry_run=true", &[], SPEC);
    assert_eq!((dry.status, dry.json()["dry_run"].clone()), (200, json!(true)), "{dry}");
    assert_eq!(server.get("vera", "/v1/pipelines/ticks").status, 404);

    let created = put("", &[("if-none-match", "*")], SPEC);
    assert_eq!((created.status, created.json()["revision"].clone()), (201, json!(1)), "{created}");
    assert!(created.head.contains("etag: \"1\""), "{created}");
    assert_eq!(put("", &[("if-none-match", "*")], SPEC).status, 409);

    let changed = put("", &[("if-match", "\"1\"")], &SPEC.replace("rate: 1 ", "rate: 2 "));
    assert_eq!((changed.status, changed.json()["revision"].clone()), (200, json!(2)), "{changed}");
    let late = put("", &[("if-match", "\"1\"")], SPEC);
    let reason = late.problem();
    assert!(late.status == 409 && reason.contains('1') && reason.contains('2'), "{reason}");

    let status = server.get("vera", "/v1/pipelines/ticks").json();
    assert_eq!((&status["name"], &status["revision"]), (&json!("ticks"), &json!(2)));
    assert!(status["spec"].as_str().unwrap().contains("rate: 2"), "{status}");
    let all = server.get("vera", "/v1/pipelines").json();
    assert_eq!(all["pipelines"].as_array().unwrap().len(), 1);
    assert_eq!(server.call("dora", "POST", "/v1/pipelines/ticks/start", &[], b"").status, 200);
    assert!(server.get("vera", "/v1/pipelines/ticks/logs?limit=5").json()["lines"].is_array());
    dead_letters(&server);
    assert_eq!(server.call("dora", "POST", "/v1/pipelines/ticks/stop", &[], b"").status, 200);
    assert_eq!(server.call("ada", "DELETE", "/v1/pipelines/ticks", &[], b"").status, 204);
    assert_eq!(server.call("ada", "DELETE", "/v1/pipelines/ticks", &[], b"").status, 404);
}

/// Of the running pipeline, which has none.
fn dead_letters(server: &Server) {
    let letters = "/v1/pipelines/ticks/dead-letters";
    let none = json!({ "dead_letters": [], "counts": [], "more": false });
    assert_eq!(server.get("dora", &format!("{letters}?limit=3&step=x&code=y&replayed=true")).json(), none);
    let replay = |who, body: &[u8]| {
        let json = ("content-type", "application/json");
        server.call(who, "POST", &format!("{letters}/replay"), &[json], body)
    };
    let done = json!({ "replayed": 0, "failed_again": 0, "skipped": [], "more_skipped": 0 });
    assert_eq!(replay("dora", b"{\"all\": true}").json(), done);
    let lines = [
        server.get("dora", &format!("{letters}/17")).problem(),
        server.get("dora", &format!("{letters}?since=1")).problem(),
        replay("vera", b"{\"all\": true}").problem(),
        replay("dora", b"{\"id\": \"17\"}").problem(),
        replay("dora", b"{\"all\": true, \"ids\": [\"17\"]}").problem(),
        replay("dora", b"{\"step\": \"tack\"}").problem(),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r#"
    404 urn:sabot:not-found not found: there is no dead letter `17` of pipeline `ticks`
    400 urn:sabot:bad-request the query is not understood: since: unknown field `since`, expected one of `limit`, `step`, `code`, `replayed`
    403 urn:sabot:forbidden not with this role: this needs the role deployer; the token `vera` has the role viewer
    400 urn:sabot:bad-request the body is not what this call takes: unknown field `id`, expected one of `ids`, `step`, `code`, `all` at line 1 column 5
    400 urn:sabot:bad-request it is not clear which letters are meant: expected one of {"ids": ["17"]}, {"step": "score"}, {"code": "trap"} (or both of these) and {"all": true}
    404 urn:sabot:not-found not found: `ticks` has no source, step or sink `tack`, and no dead letter of one; did you mean `tick`?
    "#);
    let skipped = replay("dora", b"{\"ids\": [\"17\"]}").json()["skipped"].clone();
    assert_eq!(skipped, json!([{ "id": "17", "reason": "there is no dead letter `17`" }]));
}

#[test]
fn a_host_that_ends_is_alive_and_not_ready() {
    let server = Server::start(|_| {});
    assert_eq!(server.get("", "/readyz").status, 200);
    server.host.announce_end();
    let problem = server.get("", "/readyz").problem();
    assert_eq!(problem, "503 urn:sabot:unavailable not ready: the host is shutting down");
    assert_eq!(server.get("", "/healthz").status, 200);
}

#[test]
fn every_mistake_is_a_problem_with_reasons() {
    let server = Server::start(|_| {});
    let json = ("content-type", "application/json");
    let large = vec![b'x'; 3_000_000];
    let wasm = ("content-type", "application/wasm");
    let swap = "/v1/pipelines/ticks/steps/score/component";
    let call = |who, method, path, headers: &[(&str, &str)], body: &[u8]| {
        server.call(who, method, path, headers, body).problem()
    };
    let lines = [
        call("vera", "GET", "/v1/pipeline", &[], b""),
        call("", "GET", "/nothing", &[], b""),
        call("vera", "PATCH", "/v1/pipelines", &[], b""),
        call("dora", "POST", "/v1/components", &[json], b"{}"),
        call("dora", "POST", "/v1/components", &[], b"{}"),
        call("dora", "POST", "/v1/components", &[wasm], &large),
        call("dora", "PUT", "/v1/pipelines/ticks", &[YAML], &large),
        call("dora", "PUT", "/v1/pipelines/ticks?dryrun=true", &[YAML], SPEC.as_bytes()),
        call("dora", "PUT", "/v1/pipelines/ticks?dry_run=maybe", &[YAML], SPEC.as_bytes()),
        call("dora", "PUT", "/v1/pipelines/ticks", &[YAML, ("if-match", "x")], SPEC.as_bytes()),
        call("dora", "PUT", swap, &[json], b"{\"reff\": 1}"),
        call("dora", "PUT", swap, &[json], b"{\"ref\": "),
        call("dora", "PUT", swap, &[], b""),
        call("dora", "PUT", swap, &[json], b"{\"ref\": \"scorer\", \"mode\": \"shadow\"}"),
        call("dora", "PUT", swap, &[json], b"{\"ref\": \"scorer\", \"mode\": \"canary\"}"),
        call("dora", "POST", "/v1/pipelines/ticks/stop?savepoint=true", &[], b""),
        call("dora", "POST", "/v1/pipelines/ticks/savepoints", &[], b""),
        call("dora", "POST", "/v1/pipelines/ticks/dead-letters/replay", &[], b""),
        call("dora", "GET", "/v1/pipelines/ticks/steps/score/state/totals?key=1", &[], b""),
        call("dora", "GET", "/v1/pipelines/%ff%fe", &[], b""),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r#"
    404 urn:sabot:not-found no such path: there is no `/v1/pipeline`; /openapi.json describes what there is
    404 urn:sabot:not-found no such path: there is no `/nothing`; /openapi.json describes what there is
    405 urn:sabot:method method not taken here: `/v1/pipelines` does not take PATCH; the header Allow says what it takes
    415 urn:sabot:content-type content type not taken here: expected application/wasm or application/octet-stream, found `application/json`
    415 urn:sabot:content-type content type not taken here: expected application/wasm or application/octet-stream, found no content type
    413 urn:sabot:too-large the component is too large: the component has 3000000 bytes; the limit `limits.component_bytes` is 2000000
    413 urn:sabot:too-large the specification is too large: the specification has 3000000 bytes; the limit `limits.pipeline_bytes` is 10000
    400 urn:sabot:bad-request the query is not understood: dryrun: unknown field `dryrun`, expected `dry_run` or `refresh_schemas`
    400 urn:sabot:bad-request the query is not understood: dry_run: provided string was not `true` or `false`
    400 urn:sabot:bad-request the revision is not understood: expected a revision such as `"3"` in If-Match, found `x`
    400 urn:sabot:bad-request the body is not what this call takes: unknown field `reff`, expected one of `ref`, `config`, `mode`, `expect` at line 1 column 7
    400 urn:sabot:bad-request the body is not what this call takes: EOF while parsing a value at line 1 column 8
    400 urn:sabot:bad-request the body is not what this call takes: expected a JSON object such as {"ref": "scorer@1.3.0"}, found no body
    501 urn:sabot:not-in-release shadow swaps are not in this release: with mode `shadow` both versions will get live batches and their outputs be compared; use mode `now`, whose probation brings the old version back by itself
    501 urn:sabot:not-in-release canary swaps are not in this release: with mode `canary` the new version will run on some partitions until it is promoted; use mode `now`, whose probation brings the old version back by itself
    501 urn:sabot:not-in-release savepoints are not in this release: they come with state that is kept in checkpoints; a pipeline goes on from its committed offsets
    501 urn:sabot:not-in-release savepoints are not in this release: they come with state that is kept in checkpoints; a pipeline goes on from its committed offsets
    400 urn:sabot:bad-request it is not clear which letters are meant: expected one of {"ids": ["17"]}, {"step": "score"}, {"code": "trap"} (or both of these) and {"all": true}
    501 urn:sabot:not-in-release queries of state are not in this release: they come with keyed state; no step has state yet
    400 urn:sabot:bad-request the path is not understood: Invalid URL: Invalid UTF-8 in `name`
    "#);
    // What the host itself refuses has the same shape.
    for (method, path, status) in [
        ("GET", "/v1/pipelines/none", 404),
        ("GET", "/v1/components/none", 404),
        ("GET", "/v1/components/none/wasm", 404),
        ("POST", "/v1/pipelines/none/start", 404),
        ("POST", "/v1/pipelines/none/steps/score/rollback", 404),
    ] {
        let problem = call("dora", method, path, &[], b"");
        assert!(problem.starts_with(&format!("{status} urn:sabot:not-found")), "{path}: {problem}");
    }
    let garbage = call("dora", "POST", "/v1/components", &[wasm], b"no component");
    assert!(garbage.starts_with("422 urn:sabot:invalid"), "{garbage}");
    let allow = server.call("vera", "PATCH", "/v1/pipelines", &[], b"");
    assert!(allow.head.contains("allow: GET,HEAD"), "{allow}");
}

#[test]
fn without_tokens_a_page_from_elsewhere_is_kept_out() {
    let server = Server::start(|config| (config.tokens.clear(), config.insecure = true).1);
    assert_eq!(server.get("", "/v1/pipelines").status, 200);
    let with = |headers: &str| {
        let request = format!("GET /v1/pipelines HTTP/1.1\r\nconnection: close\r\n{headers}\r\n");
        server.raw(request.as_bytes())
    };
    assert_eq!(with("host: localhost:7420\r\n").status, 200);
    assert_eq!(with("host: [::1]:7420\r\norigin: http://[::1]:7420\r\n").status, 200);
    let lines = [
        with("host: localhost:7420\r\norigin: https://evil.example\r\n").problem(),
        with("host: localhost:7420\r\norigin: null\r\n").problem(),
        with("host: rebound.example:7420\r\n").problem(),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    403 urn:sabot:forbidden not from a page of another site: the request comes from a page of evil.example, the host is localhost:7420
    403 urn:sabot:forbidden not from a page of another site: the request comes from a page of null, the host is localhost:7420
    403 urn:sabot:forbidden not from a page of another site: without tokens the host is reached by `localhost` or an address, not as `rebound.example`
    ");
}

#[test]
fn a_host_without_tokens_lets_nobody_in() {
    let server = Server::start(|config| config.tokens.clear());
    assert_eq!(server.get("ada", "/v1/pipelines").status, 401);
    assert_eq!(server.get("", "/v1/pipelines").status, 401);
}

#[test]
fn a_large_body_in_pieces_is_refused_and_the_client_sees_it() {
    let server = Server::start(|_| {});
    let mut stream = server.connect();
    let head = "POST /v1/components HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer dora-token\r\n\
                content-type: application/wasm\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let piece = [format!("{:x}\r\n", 100_000).into_bytes(), vec![b'x'; 100_000], b"\r\n".to_vec()].concat();
    for _ in 0..50 {
        stream.write_all(&piece).unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    let answer = read_answer(&mut stream).problem();
    assert!(answer.starts_with("413") && answer.contains("limits.component_bytes"), "{answer}");
}

#[test]
fn a_client_that_asks_first_is_not_told_to_send_what_is_too_large() {
    let server = Server::start(|_| {});
    let head = "POST /v1/components HTTP/1.1\r\nhost: x\r\nauthorization: Bearer dora-token\r\nconnection: close\r\n\
                content-type: application/wasm\r\ncontent-length: 9000000\r\nexpect: 100-continue\r\n\r\n";
    let answer = server.raw(head.as_bytes());
    assert_eq!(answer.status, 413, "{answer}");
}

#[test]
fn connections_that_say_nothing_are_closed() {
    let patience = Patience { head: Duration::from_millis(200), write: Duration::from_secs(5) };
    let server = Server::with_patience(patience, |_| {});
    let mut silent = server.connect();
    let mut slow = server.connect();
    let mut kept = server.connect();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nhos").unwrap();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    for stream in [&mut silent, &mut slow, &mut kept] {
        let mut all = Vec::new();
        // Whether it is closed or reset does not matter, as long as it ends.
        let _ = stream.read_to_end(&mut all);
        assert!(all.is_empty() || all.starts_with(b"HTTP/1.1"), "{all:?}");
    }
    assert_eq!(server.get("", "/healthz").status, 200);
}

#[test]
fn requests_above_the_limit_are_told_to_come_again() {
    let server = Server::start(|config| config.limits.requests = 1);
    let mut first = server.connect();
    // It has its room from the head on, and keeps it while its body is awaited.
    let head = "PUT /v1/pipelines/ticks HTTP/1.1\r\nhost: x\r\nauthorization: Bearer dora-token\r\n\
                content-type: application/yaml\r\ncontent-length: 500\r\n\r\n";
    first.write_all(head.as_bytes()).unwrap();
    let started = Instant::now();
    let refused = loop {
        let answer = server.get("vera", "/v1/pipelines");
        if answer.status != 200 {
            break answer;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "the first request never came in");
    };
    insta::assert_snapshot!(refused.problem(), @"503 urn:sabot:busy the host is busy: 1 requests are being worked on, as many as `limits.requests` allows");
    assert!(refused.head.contains("retry-after: 1"), "{refused}");
    assert_eq!(server.get("", "/healthz").status, 200);
    drop(first);
}

#[test]
fn stopping_waits_for_the_request_under_way() {
    let mut server = Server::start(|_| {});
    let mut first = server.connect();
    let head = format!(
        "PUT /v1/pipelines/ticks HTTP/1.1\r\nhost: x\r\nauthorization: Bearer dora-token\r\nconnection: close\r\n\
         content-type: application/yaml\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        SPEC.len()
    );
    first.write_all(head.as_bytes()).unwrap();
    let mut told = [0; 25];
    first.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    drop(server.stop.take());
    first.write_all(SPEC.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut first).status, 201);
}

#[test]
fn what_is_wrong_with_an_address_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = listen(address).unwrap_err().replace(&address.port().to_string(), "PORT");
    insta::assert_snapshot!(error, @"cannot listen on 127.0.0.1:PORT: Address already in use (os error 98): another program has it; stop that one or set another `listen`");
}
