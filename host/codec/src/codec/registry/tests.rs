//! Against a registry in memory: what is asked, what is kept, and what every kind of failure becomes.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use sabot_test_registry::{Fault, TestRegistry};

use super::resolve::DEPTH_MAX;
use super::*;

const ORDER: &str = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}"#;

fn client_with(server: &TestRegistry, change: impl FnOnce(&mut Settings)) -> Registry {
    let mut settings = Settings { urls: vec![server.url()], timeout_ms: 2_000, ..Settings::default() };
    change(&mut settings);
    Registry::new(&settings).unwrap()
}

fn client(server: &TestRegistry) -> Registry {
    client_with(server, |_| ())
}

fn schema(kind: SchemaKind, text: &str) -> Arc<RegisteredSchema> {
    Arc::new(RegisteredSchema::new(kind, text))
}

fn avro(text: &str) -> Arc<RegisteredSchema> {
    schema(SchemaKind::Avro, text)
}

/// A server with one schema, and its id.
fn with_order() -> (TestRegistry, u32) {
    let server = TestRegistry::start();
    let id = client(&server).register("orders-value", &avro(ORDER)).unwrap();
    server.requests();
    (server, id)
}

/// The text of an error, with the server's address taken out.
fn error<T: std::fmt::Debug>(server: &TestRegistry, answer: Result<T, RegistryError>) -> String {
    let error = answer.unwrap_err();
    format!("{}: {error}", error.code()).replace(&server.url(), "http://registry")
}

#[test]
fn a_schema_is_asked_for_once() {
    let (server, id) = with_order();
    let registry = client(&server);
    let found = registry.latest("orders-value").unwrap();
    assert_eq!((found.version, found.id, &*found.schema.text), (1, id, ORDER));
    assert_eq!(server.requests(), ["GET /subjects/orders-value/versions/latest"]);
    // It told the id and the GUID.
    assert_eq!(registry.by_id(id).unwrap(), found.schema);
    assert_eq!(registry.by_guid(found.guid.unwrap()).unwrap(), found.schema);
    assert_eq!(server.requests(), [""; 0]);

    let other = client(&server);
    for _ in 0..3 {
        assert_eq!(other.by_id(id).unwrap(), found.schema);
        assert_eq!(other.by_guid(found.guid.unwrap()).unwrap(), found.schema);
    }
    let guid = SchemaId::Guid(found.guid.unwrap());
    assert_eq!(server.requests(), [format!("GET /schemas/ids/{id}"), format!("GET /schemas/guids/{guid}")]);
}

#[test]
fn of_many_who_ask_one_asks_the_registry() {
    let (server, id) = with_order();
    let registry = client(&server);
    server.fail(Fault::Delay(Duration::from_millis(200)), 1);
    let together = Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                together.wait();
                assert_eq!(registry.by_id(id).unwrap().text, ORDER);
            });
        }
    });
    assert_eq!(server.requests(), [format!("GET /schemas/ids/{id}")]);
    assert!(locked(&registry.flights).is_empty());
}

#[test]
fn versions_are_registered_looked_up_and_compared() {
    let (server, id) = with_order();
    let registry = client(&server);
    assert_eq!(registry.register("orders-value", &avro(ORDER)).unwrap(), id, "it is there already");
    let wider = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"user","type":"string","default":""}]}"#;
    assert_eq!(registry.compatible("orders-value", &avro(wider)).unwrap(), Ok(()));
    let second = registry.register("orders-value", &avro(wider)).unwrap();
    assert_ne!(second, id);
    assert_eq!(registry.version("orders-value", 1).unwrap().schema.text, ORDER);
    assert_eq!(registry.latest("orders-value").unwrap().schema.text, wider);
    let found = registry.lookup("orders-value", &avro(wider)).unwrap();
    assert_eq!((found.version, found.id), (2, second));

    let other = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"at","type":"long"}]}"#;
    let why = registry.compatible("orders-value", &avro(other)).unwrap().unwrap_err();
    assert_eq!(why, [r#"READER_FIELD_MISSING_DEFAULT_VALUE: "at""#, r#"TYPE_MISMATCH: "id""#]);
    assert_eq!(registry.compatible("new-value", &avro(other)).unwrap(), Ok(()), "there is nothing to follow");
    let errors = [
        error(&server, registry.register("orders-value", &avro(other))),
        error(&server, registry.register("orders-value", &avro("no schema"))),
        error(&server, registry.lookup("orders-value", &avro(other))),
        error(&server, registry.lookup("none", &avro(other))),
        error(&server, registry.latest("a/b c?é")),
        error(&server, registry.version("orders-value", 9)),
        error(&server, registry.version("orders-value", 0)),
        error(&server, registry.by_id(99)),
        error(&server, registry.by_guid([0xab; 16])),
    ];
    insta::assert_snapshot!(errors.join("\n"), @r#"
    registry-refused: the schema registry's answer (status 409): Schema being registered is incompatible with an earlier schema for subject "orders-value", details: ["READER_FIELD_MISSING_DEFAULT_VALUE: \"at\"", "TYPE_MISMATCH: \"id\""]
    registry-refused: the schema registry's answer (status 422): Invalid schema: expected ident at line 1 column 2
    unknown-schema: the schema registry does not know this schema under the subject orders-value
    unknown-schema: the schema registry does not know this schema under the subject none
    unknown-schema: the schema registry does not know a subject a/b c?é
    unknown-schema: the schema registry does not know version 9 of a subject orders-value
    registry-refused: the schema registry's answer (status 422): The specified version '0' is not a valid version id.
    unknown-schema: the schema registry does not know a schema with the id 99
    unknown-schema: the schema registry does not know a schema with the GUID abababab-abab-abab-abab-abababababab
    "#);
    assert!(server.requests().contains(&"GET /subjects/a%2Fb%20c%3F%C3%A9/versions/latest".to_owned()));
}

#[test]
fn what_a_schema_refers_to_comes_with_it() {
    let server = TestRegistry::start();
    let writer = client(&server);
    let mut item = RegisteredSchema::new(SchemaKind::Json, r#"{"type":"integer"}"#);
    item.references.push(("leaf.json".into(), schema(SchemaKind::Json, r#"{"type":"null"}"#)));
    let item = Arc::new(item);
    let mut order = RegisteredSchema::new(SchemaKind::Json, r#"{"items":{"$ref":"item.json"}}"#);
    order.references.push(("item.json".into(), Arc::clone(&item)));
    let order = Arc::new(order);
    insta::assert_snapshot!(error(&server, writer.lookup("orders-value", &order)), @"unknown-schema: the schema registry does not know this schema under the subject leaf.json");
    assert_eq!(writer.compatible("orders-value", &order).unwrap(), Ok(()), "there is nothing to follow");
    writer.register("taken-value", &schema(SchemaKind::Json, "{}")).unwrap();
    insta::assert_snapshot!(error(&server, writer.compatible("taken-value", &order)), @"unknown-schema: the schema registry does not know this schema under the subject leaf.json");
    let id = writer.register("orders-value", &order).unwrap();
    assert_eq!(writer.latest("leaf.json").unwrap().version, 1, "it is registered under its name");

    let reader = client(&server);
    server.requests();
    assert_eq!(reader.by_id(id).unwrap(), order);
    assert_eq!(
        server.requests(),
        [
            format!("GET /schemas/ids/{id}").as_str(),
            "GET /subjects/item.json/versions/1?deleted=true",
            "GET /subjects/leaf.json/versions/1?deleted=true",
        ]
    );
    // Where it is, is known now.
    reader.lookup("orders-value", &order).unwrap();
    assert_eq!(server.requests(), ["POST /subjects/orders-value"]);
}

#[test]
fn references_are_bounded() {
    let server = TestRegistry::start();
    let registry = client(&server);
    let refers = |name: &str, times: usize| {
        let reference = |n| format!(r#"{{"name":"r{n}","subject":"{name}","version":1}}"#);
        let references: Vec<String> = (0..times).map(reference).collect();
        let references = references.join(",");
        format!(r#"{{"schema":"{{}}","schemaType":"JSON","references":[{references}],"id":1,"version":1}}"#)
    };
    // Each refers to itself: without an end, or with as many ends as can be.
    server.fail(Fault::Body(refers("a", 1)), usize::MAX);
    let deep = error(&server, registry.by_id(1));
    assert_eq!(server.requests().len(), DEPTH_MAX + 1);
    server.fail(Fault::Body(refers("a", 300)), usize::MAX);
    let deep_and_wide = error(&server, registry.by_id(2));
    let big = format!(
        r#"{{"schema":"{}","references":[{{"name":"a","subject":"a","version":1}}]}}"#,
        "x".repeat(3 << 20)
    );
    server.fail(Fault::Body(big), usize::MAX);
    let big = error(&server, registry.by_id(3));
    insta::assert_snapshot!([deep, deep_and_wide, big].join("\n"), @r"
    registry-refused: the schema registry's answer (status 200): a schema with references within references, deeper than 16
    registry-refused: the schema registry's answer (status 200): a schema with references within references, deeper than 16
    registry-refused: the schema registry's answer (status 200): a schema that is larger than 16777216 bytes with its references
    ");
}

#[test]
fn what_two_refer_to_is_counted_twice() {
    let server = TestRegistry::start();
    let writer = client(&server);
    // Each refers twice to the one before: few schemas, and a tree that doubles.
    let mut last = schema(SchemaKind::Json, r#""0""#);
    for n in 1..10 {
        let mut next = RegisteredSchema::new(SchemaKind::Json, format!("\"{n}\""));
        next.references = vec![(format!("s{n}"), Arc::clone(&last)), (format!("s{n}"), last)];
        last = Arc::new(next);
    }
    let id = writer.register("top", &last).unwrap();
    insta::assert_snapshot!(error(&server, client(&server).by_id(id)), @"registry-refused: the schema registry's answer (status 200): a schema that refers to more than 256 others");
}

#[test]
fn what_may_pass_is_told_from_what_will_not() {
    let (server, id) = with_order();
    let mut told = Vec::new();
    for status in [400, 401, 403, 404, 408, 409, 422, 429, 500, 501, 503] {
        server.fail(Fault::Status(status), 1);
        told.push(error(&server, client(&server).by_id(id)));
    }
    for body in ["<html>", "", "[]", r#"{"schema":1}"#, r#"{"schema":"x","schemaType":"XML"}"#] {
        server.fail(Fault::Body(body.to_owned()), 1);
        told.push(error(&server, client(&server).by_id(id)));
    }
    server.fail(Fault::Body("x".repeat(5 << 20)), 1);
    told.push(error(&server, client(&server).by_id(id)));
    server.fail(Fault::Body(r#"{"schema":"x"}"#.to_owned()), 1);
    told.push(error(&server, client(&server).latest("orders-value")));
    server.fail(Fault::Down, 1);
    told.push(error(&server, client(&server).by_id(id)));
    server.fail(Fault::Delay(Duration::from_secs(1)), 1);
    told.push(error(&server, client_with(&server, |settings| settings.timeout_ms = 100).by_id(id)));
    insta::assert_snapshot!(told.join("\n"), @r"
    registry-refused: the schema registry's answer (status 400): made to fail
    registry-refused: the schema registry's answer (status 401): made to fail
    registry-refused: the schema registry's answer (status 403): made to fail
    registry-refused: the schema registry's answer (status 404): made to fail
    registry-unavailable: the schema registry is not available: http://registry answers with status 408: made to fail
    registry-refused: the schema registry's answer (status 409): made to fail
    registry-refused: the schema registry's answer (status 422): made to fail
    registry-unavailable: the schema registry is not available: http://registry answers with status 429: made to fail
    registry-unavailable: the schema registry is not available: http://registry answers with status 500: made to fail
    registry-refused: the schema registry's answer (status 501): made to fail
    registry-unavailable: the schema registry is not available: http://registry answers with status 503: made to fail
    registry-unavailable: the schema registry is not available: what answers is no schema registry: expected value at line 1 column 1
    registry-unavailable: the schema registry is not available: what answers is no schema registry: EOF while parsing a value at line 1 column 0
    registry-unavailable: the schema registry is not available: what answers is no schema registry: invalid length 0, expected a schema at line 1 column 2
    registry-unavailable: the schema registry is not available: what answers is no schema registry: invalid type: integer `1`, expected a string at line 1 column 11
    registry-refused: the schema registry's answer (status 200): a schema of type XML; AVRO, PROTOBUF and JSON are known
    registry-refused: the schema registry's answer (status 200): http://registry answers with more than 4194304 bytes
    registry-refused: the schema registry's answer (status 200): a version of a subject without its number or id
    registry-unavailable: the schema registry is not available: http://registry: io: Peer disconnected
    registry-unavailable: the schema registry is not available: http://registry does not answer within 100 ms
    ");
}

#[test]
fn nobody_at_home_is_unavailable() {
    let url = TestRegistry::start().url();
    let settings = Settings { urls: vec![url.clone()], ..Settings::default() };
    let error = Registry::new(&settings).unwrap().by_id(1).unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    let settings = Settings { urls: vec!["http://no-such-host.invalid".into()], ..Settings::default() };
    let error = Registry::new(&settings).unwrap().by_id(1).unwrap_err();
    assert!(error.is_unavailable(), "{error}");
}

#[test]
fn an_error_is_kept_and_silence_is_not() {
    let (server, id) = with_order();
    let registry = client(&server);
    for _ in 0..3 {
        assert_eq!(registry.by_id(id + 1).unwrap_err().code(), "unknown-schema");
    }
    assert_eq!(server.requests().len(), 1);
    server.fail(Fault::Down, 2);
    assert!(registry.by_id(id).unwrap_err().is_unavailable());
    assert!(registry.by_id(id).unwrap_err().is_unavailable());
    assert_eq!(registry.by_id(id).unwrap().text, ORDER, "it is asked again each time");
}

#[test]
fn the_next_url_answers_where_one_does_not() {
    let (server, id) = with_order();
    let gone = TestRegistry::start();
    let urls = vec![gone.url(), server.url()];
    gone.fail(Fault::Status(503), usize::MAX);
    let registry = client_with(&server, |settings| settings.urls = urls);
    assert_eq!(registry.by_id(id).unwrap().text, ORDER);
    registry.latest("orders-value").unwrap();
    assert_eq!(gone.requests().len(), 1, "the one that answered is asked first from then on");
    server.fail(Fault::Status(500), usize::MAX);
    let both = error(&server, registry.latest("orders-value")).replace(&gone.url(), "http://gone");
    insta::assert_snapshot!(both, @"registry-unavailable: the schema registry is not available: http://registry answers with status 500: made to fail; http://gone answers with status 503: made to fail");
}

#[test]
fn patience_ends() {
    let (server, id) = with_order();
    let registry = client(&server);
    server.fail(Fault::Status(503), 2);
    assert_eq!(registry.patiently(Duration::from_secs(20), |r| r.by_id(id)).unwrap().text, ORDER);
    assert_eq!(server.requests().len(), 3);
    let unknown = registry.patiently(Duration::from_secs(20), |r| r.by_id(id + 1)).unwrap_err();
    assert_eq!((unknown.code(), server.requests().len()), ("unknown-schema", 1));
    server.fail(Fault::Down, usize::MAX);
    let begin = Instant::now();
    let error = registry.patiently(Duration::from_millis(300), |r| r.latest("orders-value")).unwrap_err();
    assert!(error.is_unavailable() && begin.elapsed() < Duration::from_secs(2), "{error}");
    assert!((2..6).contains(&server.requests().len()));
}

#[test]
fn credentials_are_sent_and_never_shown() {
    let (server, id) = with_order();
    let basic = Auth::Basic { user: "key".into(), password: "tr0ub4dor".into() };
    let bearer = Auth::Bearer("tr0ub4dor".into());
    for (auth, header) in [(basic, "Basic a2V5OnRyMHViNGRvcg=="), (bearer, "Bearer tr0ub4dor")] {
        server.require(header);
        let settings = Settings { urls: vec![server.url()], auth, ..Settings::default() };
        let registry = Registry::new(&settings).unwrap();
        assert_eq!(registry.by_id(id).unwrap().text, ORDER);
        server.require("Basic another");
        let refused = registry.latest("orders-value").unwrap_err();
        insta::allow_duplicates! {
            insta::assert_snapshot!(refused, @"the schema registry's answer (status 401): Unauthorized");
        }
        server.fail(Fault::Down, 1);
        let down = registry.latest("orders-value").unwrap_err();
        for shown in
            [format!("{settings:?}"), format!("{registry:?}"), refused.to_string(), format!("{down:?}")]
        {
            assert!(!shown.contains("tr0ub4dor") && !shown.contains("a2V5"), "{shown}");
        }
    }
}

#[test]
fn settings_that_make_no_sense_are_said() {
    let new = |change: &dyn Fn(&mut Settings)| {
        let mut settings = Settings { urls: vec!["http://localhost:8081/".into()], ..Settings::default() };
        change(&mut settings);
        Registry::new(&settings).map(|registry| format!("{registry:?}")).unwrap_or_else(|why| why)
    };
    let url = |url: &'static str| new(&move |settings| settings.urls = vec![url.into()]);
    let told = [
        new(&|_| ()),
        url("https://host/contexts/.a/"),
        new(&|settings| settings.urls.clear()),
        url("localhost:8081"),
        url("host"),
        url("ftp://host"),
        url("http://user:tr0ub4dor@host"),
        url("http://host/?a=b"),
        new(&|settings| settings.auth = Auth::Basic { user: "a:b".into(), password: String::new() }),
        new(&|settings| settings.auth = Auth::Bearer("a\nb".into())),
        new(&|settings| settings.tls.ca_file = Some("/no/such/file".into())),
        new(&|settings| {
            settings.tls.ca_file = Some(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml").into())
        }),
        new(&|settings| settings.tls.key_file = Some("key.pem".into())),
    ];
    let told = told.join("\n").replace(env!("CARGO_MANIFEST_DIR"), "");
    assert!(!told.contains("tr0ub4dor"));
    insta::assert_snapshot!(told, @r#"
    Registry { urls: ["http://localhost:8081"], .. }
    Registry { urls: ["https://host/contexts/.a"], .. }
    a schema registry needs a URL
    a URL of the schema registry begins with http:// or https://
    a URL of the schema registry cannot be read: relative URL without a base
    a URL of the schema registry begins with http:// or https://
    a URL of the schema registry holds a user or password: set them as its credentials
    a URL of the schema registry has no `?` or `#`
    the user of the schema registry has a colon in its name
    the token of the schema registry has characters that no header can have
    /no/such/file: No such file or directory (os error 2)
    /Cargo.toml: there is no certificate in PEM format in it
    a certificate needs its key, and a key its certificate
    "#);
}
