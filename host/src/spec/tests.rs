//! Whole specifications: what is read, what is refused with which words, and that no bytes make the parser panic.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::codec::Tombstone;

/// Every key that this release knows.
const FULL: &str = r#"
name: fraud
delivery: at_least_once
checkpoint: { every: 500ms }
dead_letter: { kafka: { topic: fraud-dead, connection: side } }
errors: { max_share: 0.25, within: 1m, min_records: 50 }
sources:
  orders:
    kafka: { topic: orders, connection: main, group: fraud-2, start: { timestamp: 2026-01-31T12:00:00Z } }
    decode: { codec: json, schema: { id: int64!, user: string, amount: float64, at: timestamp_ms } }
    event_time: { column: at, out_of_order: 5s }
    on_error: skip
    batch_rows: 4096
  old:
    file: { path: old.csv, schema: { id: int64!, user: string, amount: float64, at: timestamp_ms } }
  made:
    generate:
      schema: { id: int64, user: string, amount: float64, at: timestamp_ms, country: string }
      rate: 50000
      count: 1000000
      partitions: 4
      seed: 7
      columns:
        user: { keys: 5000, skew: 1.1, prefix: u }
        id: sequence
        amount: { range: [0, 1000] }
        at: now
        country: { one_of: [ch, no] }
  pushed:
    memory: { name: test, schema: { id: int64 } }
steps:
  both: { from: [orders, old] }
  large: { from: both, filter: "amount > 100", on_error: fail }
  fee: { from: large, select: ["*", "amount * 0.015 as fee"] }
  score:
    from: fee
    wasm: scorer@1.2.0
    config: { threshold: 0.8, tags: [a, ~] }
    grant: [clock]
    limits: { memory: 128MiB, batch_timeout: 250ms, emit: 1MiB }
    probation: { batches: 3, time: 1s }
    on_error: { retry: { attempts: 3, backoff: 50ms, then: skip } }
  split: { from: score.audit, route: { big: "total > 1000", small: otherwise } }
sinks:
  alerts:
    from: [split.big, split.small]
    kafka:
      topic: alerts
      key: [user]
      partitioner: { column: shard }
      compression: zstd
      linger: 20ms
      batch: 128KiB
      headers: user
      timestamp: at
    encode: { codec: json, columns: [id, user] }
    on_error: dead_letter
  refused: { from: [score.errors, split.errors], file: { path: refused.jsonl } }
  shown: { from: made, stdout: }
  gone: { from: score.main, blackhole: {} }
  kept: { from: pushed, memory: kept }
"#;

fn errors(text: &str) -> String {
    match parse(text.as_bytes(), Format::Yaml) {
        Ok(_) => "nothing is wrong".to_owned(),
        Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

fn parsed(text: &str) -> Parsed {
    match parse(text.as_bytes(), Format::Yaml) {
        Ok(parsed) => parsed,
        Err(_) => panic!("{}", errors(text)),
    }
}

/// A small pipeline around one part.
fn with(source: &str, steps: &str, sink: &str) -> String {
    let source = if source.is_empty() { "generate: { schema: { id: int64 } }" } else { source };
    let sink = if sink.is_empty() { "from: in, blackhole: {}" } else { sink };
    format!("name: p\nsources:\n  in: {{ {source} }}\nsteps: {{ {steps} }}\nsinks:\n  out: {{ {sink} }}\n")
}

fn lines<'a, T, U: std::fmt::Debug>(items: &'a [T], part: impl Fn(&'a T) -> U) -> String {
    items.iter().map(|item| format!("{:?}\n", part(item))).collect()
}

#[test]
fn every_key_is_read() {
    let parsed = parsed(FULL);
    assert_eq!(parsed.warnings, []);
    let pipeline = &parsed.pipeline;
    assert_eq!(pipeline.checkpoint.every, Duration::from_millis(500));
    insta::assert_snapshot!(format!("{:?}", pipeline.dead_letter), @r#"Kafka { connection: "side", topic: "fraud-dead" }"#);
    insta::assert_snapshot!(lines(&pipeline.sources, |source| (&source.connector, &source.event_time)), @r#"
    (Kafka(KafkaSource { connection: "main", topic: "orders", group: Some("fraud-2"), start: Timestamp(1769860800000) }), Some(EventTime { column: "at", out_of_order: 5s }))
    (File(FileSource { path: "old.csv", format: Csv }), None)
    (Generate(Generate { schema: Schema { fields: [Field { name: "id", data_type: Int64, nullable: true }, Field { name: "user", data_type: Utf8, nullable: true }, Field { name: "amount", data_type: Float64, nullable: true }, Field { name: "at", data_type: Timestamp(Millisecond, None), nullable: true }, Field { name: "country", data_type: Utf8, nullable: true }], metadata: {} }, columns: [("user", Keys { count: 5000, skew: 1.1, prefix: "u" }), ("id", Sequence), ("amount", Range { min: 0.0, max: 1000.0 }), ("at", Now), ("country", OneOf(["ch", "no"]))], rate: Some(50000), count: Some(1000000), partitions: 4, seed: 7 }), None)
    (Memory { name: "test" }, None)
    "#);
    insta::assert_snapshot!(format!("{:?}", pipeline.errors), @"ErrorLimit { max_share: 0.25, within: 60s, min_records: 50 }");
    let skip = ErrorPolicy { retry: None, then: Fate::Skip };
    assert_eq!((pipeline.sources[0].on_error, pipeline.sources[0].batch_rows), (skip, 4096));
    let retry = Some(Retry { attempts: 3, backoff: Duration::from_millis(50) });
    assert_eq!(pipeline.step("score").unwrap().on_error, ErrorPolicy { retry, then: Fate::Skip });
    insta::assert_snapshot!(lines(&pipeline.steps, |step| (&step.kind, step.on_error.then)), @r#"
    (Union, DeadLetter)
    (Filter { expression: "amount > 100" }, Fail)
    (Select { items: ["*", "amount * 0.015 as fee"] }, DeadLetter)
    (Wasm(Wasm { component: "scorer@1.2.0", config: Object {"threshold": Number(0.8), "tags": Array [String("a"), Null]}, grant: ["clock"], limits: WasmLimits { memory_bytes: 134217728, batch_timeout: 250ms, emit_bytes: 1048576 }, probation: Probation { batches: 3, time: 1s } }), Skip)
    (Route { branches: [("big", Some("total > 1000")), ("small", None)] }, DeadLetter)
    "#);
    insta::assert_snapshot!(lines(&pipeline.sinks, |sink| (&sink.connector, &sink.encode)), @r#"
    (Kafka(KafkaSink { connection: "default", topic: "alerts", key: ["user"], partitioner: Column("shard"), compression: Zstd, linger: 20ms, batch_bytes: 131072, headers: ["user"], timestamp: Some("at"), tombstone: None }), Some(Encode { codec: Json, columns: Some(["id", "user"]), definition: None, registry: None, arrays: false, key: None }))
    (File { path: "refused.jsonl", format: Lines }, Some(Encode { codec: Json, columns: None, definition: None, registry: None, arrays: false, key: None }))
    (Stdout, Some(Encode { codec: Json, columns: None, definition: None, registry: None, arrays: false, key: None }))
    (Blackhole, None)
    (Memory { name: "kept" }, None)
    "#);
    let from: Vec<String> =
        pipeline.sinks.iter().flat_map(|sink| &sink.from).map(ToString::to_string).collect();
    assert_eq!(from.join(" "), "split.big split.small score.errors split.errors made score pushed");
    assert_eq!(parsed.lines.line("steps.score.limits.memory"), Some(40));
    assert_eq!(parsed.lines.line("steps.score.limits.memory.of[3].nothing"), Some(40));
}

#[test]
fn defaults_are_filled_in() {
    let parsed = parsed(
        "
name: p
sources:
  in: { kafka: { topic: t }, decode: { codec: json, schema: { id: int64 } } }
steps:
  go: { from: in, wasm: scorer }
sinks:
  out: { from: go, kafka: { topic: u } }
",
    );
    let pipeline = &parsed.pipeline;
    assert_eq!(pipeline.delivery, Delivery::AtLeastOnce);
    assert_eq!(pipeline.checkpoint.every, Duration::from_secs(1));
    assert_eq!(pipeline.dead_letter, DeadLetterTarget::HostFile);
    assert_eq!(
        pipeline.errors,
        ErrorLimit { max_share: 0.5, within: Duration::from_secs(10), min_records: 100 }
    );
    insta::assert_debug_snapshot!(pipeline.source("in"), @r#"
    Some(
        Source {
            name: "in",
            connector: Kafka(
                KafkaSource {
                    connection: "default",
                    topic: "t",
                    group: None,
                    start: Earliest,
                },
            ),
            decode: Some(
                Decode {
                    value: ValueFormat {
                        codec: Json,
                        columns: Given(
                            Schema {
                                fields: [
                                    Field {
                                        name: "id",
                                        data_type: Int64,
                                        nullable: true,
                                    },
                                ],
                                metadata: {},
                            },
                        ),
                    },
                    key: None,
                    include: [],
                    tombstone: IfNullable,
                },
            ),
            schema: Some(
                Schema {
                    fields: [
                        Field {
                            name: "id",
                            data_type: Int64,
                            nullable: true,
                        },
                    ],
                    metadata: {},
                },
            ),
            decoder: Some(
                Decode {
                    codec: Json,
                    schema: Schema {
                        fields: [
                            Field {
                                name: "id",
                                data_type: Int64,
                                nullable: true,
                            },
                        ],
                        metadata: {},
                    },
                    reader: None,
                    framing: None,
                    key: None,
                    include: [],
                    tombstone: IfNullable,
                },
            ),
            event_time: None,
            on_error: ErrorPolicy {
                retry: None,
                then: DeadLetter,
            },
            batch_rows: 8192,
        },
    )
    "#);
    insta::assert_debug_snapshot!(pipeline.step("go"), @r#"
    Some(
        Step {
            name: "go",
            from: [
                PortRef {
                    node: "in",
                    port: None,
                },
            ],
            kind: Wasm(
                Wasm {
                    component: "scorer",
                    config: Object {},
                    grant: [],
                    limits: WasmLimits {
                        memory_bytes: 67108864,
                        batch_timeout: 1s,
                        emit_bytes: 67108864,
                    },
                    probation: Probation {
                        batches: 10,
                        time: 5s,
                    },
                },
            ),
            on_error: ErrorPolicy {
                retry: None,
                then: DeadLetter,
            },
        },
    )
    "#);
    insta::assert_debug_snapshot!(pipeline.sink("out"), @r#"
    Some(
        Sink {
            name: "out",
            from: [
                PortRef {
                    node: "go",
                    port: None,
                },
            ],
            connector: Kafka(
                KafkaSink {
                    connection: "default",
                    topic: "u",
                    key: [],
                    partitioner: Murmur2,
                    compression: None,
                    linger: 5ms,
                    batch_bytes: 1000000,
                    headers: [],
                    timestamp: None,
                    tombstone: None,
                },
            ),
            encode: Some(
                Encode {
                    codec: Json,
                    columns: None,
                    definition: None,
                    registry: None,
                    arrays: false,
                    key: None,
                },
            ),
            encoder: Some(
                Encode {
                    codec: Json,
                    columns: None,
                    writer: None,
                    arrays: false,
                    schema_id: None,
                },
            ),
            key_encoder: None,
            on_error: ErrorPolicy {
                retry: None,
                then: DeadLetter,
            },
        },
    )
    "#);
}

#[test]
fn json_is_read_as_yaml_is() {
    let mut findings = Findings::default();
    let tree = yaml::parse(FULL, &mut findings).unwrap();
    let json = tree.to_json("", &mut findings).to_string();
    let of = |text: &str, format| parse(text.as_bytes(), format).unwrap().pipeline;
    let pipeline = of(FULL, Format::Yaml);
    assert_eq!(of(FULL, Format::Auto), pipeline);
    assert_eq!(of(&json, Format::Json), pipeline);
    assert_eq!(of(&json, Format::Auto), pipeline);
    assert_eq!(of(&json, Format::Yaml), pipeline);
    assert_eq!(of(&format!("\u{feff}{FULL}"), Format::Yaml), pipeline);
}

#[test]
fn what_comes_later_is_said_plainly() {
    insta::assert_snapshot!(errors(r#"
name: fraud
delivery: exactly_once
checkpoint: { every: 1s, keep: 3 }
start_from: savepoint-1
sources:
  orders:
    kafka: { topic: orders, start: earliest }
    decode: { codec: json, schema: { id: int64, user: string, amount: float64, at: timestamp_ms } }
    event_time: { column: at, out_of_order: 5s, idle_after: 30s }
  users:
    kafka: { topic: users }
    decode: { codec: avro, registry: default }
    table: { key: [user] }
  queue: { redis: { stream: q } }
steps:
  large: { from: orders, filter: "amount > 100" }
  fee:   { from: large, select: ["*", "amount * 0.015 as fee"] }
  score: { from: fee, wasm: scorer@1.2.0, config: { threshold: 0.8 }, limits: { memory: 64MiB, batch_timeout: 1s } }
  rich:  { join: { stream: score, table: users, on: [user], type: left } }
  pairs: { join: { left: score, right: clicks, on: [user], within: { before: 5m, after: 0s }, type: inner } }
  by_shop: { from: rich, channel: { key: [shop], transport: kafka, partitions: 8 } }
  spend: { from: by_shop, window: { tumbling: 1m, key: [shop], lateness: 10s }, select: ["count(*) as n", "sum(amount) as total"] }
  split: { from: spend, route: { big: "total > 1000", small: otherwise } }
  agent: { from: score, wasm: scorer, mode: shadow, grant: [clock, state] }
sinks:
  alerts:
    from: split.big
    kafka: { topic: alerts, key: [shop], partitioner: murmur2, compression: zstd }
    encode: { codec: protobuf, registry: default }
  late: { from: spend.late, kafka: { topic: late }, encode: { codec: json } }
  cache: { from: score, redis: { stream: q } }
"#), @"
    line 3: delivery: `exactly_once` is not in this release; expected at_least_once
    line 4: checkpoint.keep: `keep` is not in this release
    line 5: start_from: `start_from` is not in this release
    line 10: sources.orders.event_time.idle_after: `idle_after` is not in this release
    line 14: sources.users.table: `table` is not in this release
    line 15: sources.queue.redis: `redis` is not in this release
    line 20: steps.rich.join: `join` is not in this release
    line 21: steps.pairs.join: `join` is not in this release
    line 22: steps.by_shop.channel: `channel` is not in this release
    line 23: steps.spend.window: `window` is not in this release
    line 25: steps.agent.mode: `mode` is not in this release
    line 25: steps.agent.grant[1]: `state` is not in this release; expected clock or entropy
    line 31: sinks.late.from: `late` is not in this release
    line 32: sinks.cache.redis: `redis` is not in this release
    ");
}

#[test]
fn all_mistakes_are_told_at_once() {
    insta::assert_snapshot!(errors(r#"
name: Fraud Detection
deliver: at_least_once
checkpoint: { every: 1 }
connections: { default: { bootstrap.servers: "localhost:9092" } }
dead_letter: {}
sources:
  orders:
    kafka: { topic: "a b", brokers: "localhost:9092", start: newest }
    decode: { codec: jsn, shema: { id: int64 } }
    on_error: dead-letter
    batch_rows: 0
  Users: { kafka: { topik: users }, file: { path: x.json } }
  empty:
  odd: 5
steps:
  large: { from: order, filter: 5s, selec: ["*"] }
  score: { from: [orders, orders, ghost.errors], wasm: "Scorer!", limits: { memory: 64MB!, batch_timeout: 1 sec, emit: 9999GiB } }
  two: { from: score, filter: "a", select: ["b"], config: {} }
  orders: { from: large }
  alone: { filter: "a" }
  errors: { from: alone }
sinks:
  alerts: { from: scorre, kafka: { topic: alerts, compression: zstandard, linger: -5ms, key: [a, a] } }
  nothing: { from: large }
  many: { from: 5, stdout: {}, blackhole: { a: 1 } }
  extra: { from: large, blackhole: { a: 1 }, encode: { codec: json } }
"#), @r#"
    line 2: name: `Fraud Detection` is not a name; expected a lower-case letter, then lower-case letters, digits, `_` or `-`; did you mean `fraud_detection`?
    line 3: deliver: unknown key `deliver`; did you mean `delivery`?
    line 4: checkpoint.every: `1` has no unit; expected a whole number with a unit (us, ms, s, m, h, d), as 250ms; did you mean `1s`?
    line 5: connections: connections are set in the host's config, never in a pipeline; a source or sink names one as `connection`
    line 6: dead_letter: dead letters go to one place; expected { kafka: { topic: … } } or { file: … }
    line 9: sources.orders.kafka.brokers: broker addresses are set in the host's config under `connections:`, never in a pipeline
    line 9: sources.orders.kafka.topic: the text `a b` does not belong here; expected a topic's name: 1 to 249 letters, digits, `.`, `_` or `-`
    line 9: sources.orders.kafka.start: `newest` is not known here; expected earliest, latest, committed or { timestamp: 2026-01-31T12:00:00Z }
    line 10: sources.orders.decode.codec: `jsn` is not known here; expected json, avro, protobuf, json_schema, msgpack, string, bytes or arrow; did you mean `json`?
    line 10: sources.orders.decode.shema: unknown key `shema`; did you mean `schema`?
    line 11: sources.orders.on_error: `dead-letter` is not known here; expected fail, skip or dead_letter; did you mean `dead_letter`?
    line 12: sources.orders.batch_rows: 0 is out of range; expected a whole number from 1 to 65536
    line 13: sources.Users: `Users` is not a name; expected a lower-case letter, then lower-case letters, digits, `_` or `-`; did you mean `users`?
    line 13: sources.Users: a source reads from one place, not from kafka and file; expected kafka, file, generate or memory
    line 14: sources.empty: this source reads nothing; expected kafka, file, generate or memory
    line 15: sources.odd: the number `5` does not belong here; expected a mapping
    line 17: steps.large.selec: unknown key `selec`; did you mean `select`?
    line 17: steps.large.from: there is no source or step `order`; did you mean `orders`?
    line 18: steps.score.from[1]: `orders` is read twice: each of its rows would come twice
    line 18: steps.score.wasm: `Scorer!` is not a name; expected a lower-case letter, then lower-case letters, digits, `_` or `-`; a component is `name`, `name@version`, `sha256:…` or a path to a .wasm file
    line 18: steps.score.limits.memory: `64MB!` has no unit that is known here; expected a whole number with a unit (B, KB, KiB, MB, MiB, GB, GiB), as 64MiB; did you mean `64MB`?
    line 18: steps.score.limits.batch_timeout: `1 sec` has no unit that is known here; expected a whole number with a unit (us, ms, s, m, h, d), as 250ms
    line 18: steps.score.limits.emit: `9999GiB` is out of range; expected 1KiB to 1GiB
    line 18: steps.score.from[2]: there is no source or step `ghost`
    line 19: steps.two.config: this belongs to a step with `wasm`
    line 19: steps.two: a step does one thing, not filter and select; expected filter, select, route, wasm or native, each in a step of its own
    line 20: steps.orders: `orders` is also the name of a source; expected a name of its own
    line 21: steps.alone: this step reads nothing; expected from: a source or step, `name.port` or a list of them
    line 22: steps.errors: `errors` is the name of a port, not of a step
    line 24: sinks.alerts.kafka.key: the column `a` is there twice
    line 24: sinks.alerts.kafka.compression: `zstandard` is not known here; expected none, gzip, snappy, lz4 or zstd
    line 24: sinks.alerts.kafka.linger: `-5ms` does not start with a whole number; expected a whole number with a unit (us, ms, s, m, h, d), as 250ms
    line 24: sinks.alerts.from: there is no source or step `scorre`; did you mean `score`?
    line 25: sinks.nothing: this sink writes nowhere; expected kafka, file, stdout, blackhole or memory
    line 26: sinks.many.from: the number `5` is not text; expected a source or step, as `orders` or `score.errors`; did you mean `"5"`?
    line 26: sinks.many: a sink writes to one place, not to stdout and blackhole; expected kafka, file, stdout, blackhole or memory, each in a sink of its own
    line 27: sinks.extra.blackhole.a: unknown key `a`; expected no keys
    line 27: sinks.extra.encode: this sink takes rows as they are: there is nothing to encode
    "#);
}

#[test]
fn functions_have_names_and_perhaps_columns() {
    let steps =
        "a: { from: in, native: enrich, schema: { id: int64!, n: string } }, b: { from: a, native: b }";
    let pipeline = parsed(&with("", steps, "from: b, blackhole: {}")).pipeline;
    let shown = lines(&pipeline.steps, |step| match &step.kind {
        StepKind::Native(native) => (native.function.clone(), native.schema.as_ref().map(|s| s.to_string())),
        other => panic!("{other:?}"),
    });
    insta::assert_snapshot!(shown, @r#"
    ("enrich", Some("Field { \"id\": Int64 }, Field { \"n\": nullable Utf8 }"))
    ("b", None)
    "#);
    let steps = "a: { from: in, native: My Function }, b: { from: a, native: b, schema: { id: int } }, \
        c: { from: b, filter: id > 1, schema: { id: int64 } }, d: { from: c, native: d, config: {} }, \
        e: { from: d.audit, native: e }";
    insta::assert_snapshot!(errors(&with("", steps, "from: e, blackhole: {}")), @r"
    line 4: steps.a.native: `My Function` is not a name; expected a lower-case letter, then lower-case letters, digits, `_` or `-`; did you mean `my_function`?
    line 4: steps.b.schema.id: `int` is not a type; did you mean `int64`?
    line 4: steps.c.schema: this belongs to a step with `native`
    line 4: steps.d.config: this belongs to a step with `wasm`
    line 4: steps.e.from: the step d has no port `audit`; expected d or d.errors
    ");
}

#[test]
fn what_becomes_of_failures_is_read_or_refused() {
    let policy = |text: &str| {
        let parsed =
            parsed(&with("", &format!("a: {{ from: in, on_error: {text} }}"), "from: a, blackhole: {}"));
        parsed.pipeline.steps[0].on_error
    };
    let usual = Some(Retry { attempts: 5, backoff: Duration::from_millis(100) });
    assert_eq!(policy("{ retry: {} }"), ErrorPolicy { retry: usual, then: Fate::DeadLetter });
    assert_eq!(policy("{ retry: { then: fail } }"), ErrorPolicy { retry: usual, then: Fate::Fail });
    assert_eq!(policy("dead_letter"), ErrorPolicy::default());
    let steps = "a: { from: in, on_error: retry }, b: { from: a, on_error: [skip] }, c: { from: b, on_error: {} }, \
        d: { from: c, on_error: { retry: { attempts: 0, backoff: 5, then: retry, jitter: 1s } } }, \
        e: { from: d, on_error: { retry: 5, then: skip } }, f: { from: e, on_error: { retry: { backoff: 2m } } }";
    insta::assert_snapshot!(errors(&with("", steps, "from: f, blackhole: {}")), @"
    line 4: steps.a.on_error: `retry` has to say how often and what then; expected { retry: { attempts: 5, backoff: 100ms, then: dead_letter } }
    line 4: steps.b.on_error: a list does not belong here; expected fail, skip or dead_letter
    line 4: steps.c.on_error.retry: this is missing; expected { attempts: 5, backoff: 100ms, then: dead_letter }
    line 4: steps.d.on_error.retry.attempts: 0 is out of range; expected a whole number from 1 to 100
    line 4: steps.d.on_error.retry.backoff: `5` has no unit; expected a whole number with a unit (us, ms, s, m, h, d), as 250ms; did you mean `5s`?
    line 4: steps.d.on_error.retry.then: `retry` is not known here; expected fail, skip or dead_letter
    line 4: steps.d.on_error.retry.jitter: unknown key `jitter`; expected attempts, backoff or then
    line 4: steps.e.on_error.then: unknown key `then`; expected retry
    line 4: steps.e.on_error.retry: the number `5` does not belong here; expected { attempts: 5, backoff: 100ms, then: dead_letter }
    line 4: steps.f.on_error.retry.backoff: `2m` is out of range; expected 1ms to 1m
    ");
    let limit = |text: &str| errors(&format!("{}errors: {text}\n", with("", "", "")));
    assert_eq!(limit("{ max_share: 1 }"), "nothing is wrong");
    assert_eq!(limit("{ max_share: 0, within: 1s, min_records: 1 }"), "nothing is wrong");
    insta::assert_snapshot!(limit("{ max_share: 1.5, within: 5ms, min_records: 0, codes: [trap] }"), @"
    line 7: errors.max_share: 1.5 is out of range; expected a share from 0 to 1, as 0.5 for one half; 1 never stops the pipeline
    line 7: errors.within: `5ms` is out of range; expected 1s to 1h
    line 7: errors.min_records: 0 is out of range; expected a whole number of at least 1
    line 7: errors.codes: unknown key `codes`; expected max_share, within or min_records
    ");
    insta::assert_snapshot!(limit("never"), @"line 7: errors: the text `never` does not belong here; expected { max_share: 0.5, within: 10s, min_records: 100 }");
}

#[test]
fn ports_and_loops() {
    insta::assert_snapshot!(errors(&with("", "a: { from: c }, b: { from: a }, c: { from: [b, in] }, d: { from: c }, e: { from: e }", "")), @r"
    line 4: steps.b.from: a loop: b → c → a → b; expected steps that read only what comes before them
    line 4: steps.e.from: a loop: e → e; expected steps that read only what comes before them
    ");
    insta::assert_snapshot!(errors(&with("", r#"r: { from: in, route: { big: "id > 5", small: otherwise } }, x: { from: r }, y: { from: r.bigg }, z: { from: y.errs }, w: { from: in.errors }, v: { from: out }, u: { from: in.a.b }"#, "")), @r"
    line 4: steps.u.from: `a.b` is not a name; expected a lower-case letter, then lower-case letters, digits, `_` or `-`; did you mean `a_b`?
    line 4: steps.x.from: `r` is a route: one of its ports must be named; expected r.big, r.small or r.errors
    line 4: steps.y.from: the step r has no port `bigg`; expected r.big, r.small or r.errors; did you mean `r.big`?
    line 4: steps.z.from: the step y has no port `errs`; expected y or y.errors; did you mean `y.errors`?
    line 4: steps.w.from: the source in has no port `errors`; expected in
    line 4: steps.v.from: `out` is a sink: nothing comes out of it
    ");
    insta::assert_snapshot!(errors(&with("", r#"r: { from: in, route: { main: "id > 5", small: otherwise, big: "id > 7" } }, s: { from: in, route: { all: otherwise } }, t: { from: in, route: {} }"#, "")), @r#"
    line 4: steps.r.route.main: `main` is not a name for a branch: steps have that port themselves
    line 4: steps.r.route.small: `otherwise` takes what is left over, so it is the last branch
    line 4: steps.s.route.all: a route with `otherwise` alone sends all rows one way; expected ports with SQL expressions, as { big: "total > 1000", small: otherwise }
    line 4: steps.t.route: there are no branches; expected ports with SQL expressions, as { big: "total > 1000", small: otherwise }
    "#);
}

#[test]
fn generators_fit_their_schema() {
    insta::assert_snapshot!(errors(&with("generate: { schema: { id: int64, name: string, at: timestamp_us }, rate: 0, count: many, partitions: 9999, seed: -1, columns: { id: { one_of: [a] }, nam: sequence, at: { range: [0, 1] }, name: now } }", "", "")), @r"
    line 3: sources.in.generate.rate: 0 is out of range; expected a whole number of at least 1
    line 3: sources.in.generate.count: the text `many` does not belong here; expected a whole number of at least 1
    line 3: sources.in.generate.partitions: 9999 is out of range; expected a whole number from 1 to 256
    line 3: sources.in.generate.seed: -1 is out of range; expected a whole number of at least 0
    line 3: sources.in.generate.columns.id: a column of type int64 cannot be made like this; expected string
    line 3: sources.in.generate.columns.nam: there is no column `nam` in the schema; did you mean `name`?
    line 3: sources.in.generate.columns.at: a column of type timestamp_us cannot be made like this; expected an integer or float type
    line 3: sources.in.generate.columns.name: a column of type string cannot be made like this; expected a timestamp, date, or int64 for milliseconds
    ");
    insta::assert_snapshot!(errors(&with("generate: { schema: { id: int64, name: string, x: float64 }, columns: { id: { keys: 0 }, name: { one_of: [] }, x: { range: [5, 1] } } }, decode: { codec: json }", "", "")), @r"
    line 3: sources.in.generate.columns.id.keys: 0 is out of range; expected a whole number from 1 to 1000000000
    line 3: sources.in.generate.columns.name.one_of: the list is empty; expected at least one text
    line 3: sources.in.generate.columns.x.range: 5 is more than 1; expected two numbers, the lowest first, as [0, 1000]
    line 3: sources.in.decode: this source makes rows itself: there is nothing to decode
    ");
    insta::assert_snapshot!(errors(&with("generate: { schema: { id: int64, x: float64, y: int64 }, columns: { id: { key: 5 }, x: { range: 5 }, y: serial } }, from: in", "", "")), @r"
    line 3: sources.in.from: a source reads nothing in the pipeline; only steps and sinks have `from`
    line 3: sources.in.generate.columns.id: this does not say how the column is made; expected sequence, now, { range: [0, 100] }, { keys: 5000, skew: 1.1, prefix: u } or { one_of: [a, b] }
    line 3: sources.in.generate.columns.id.key: unknown key `key`; did you mean `keys`?
    line 3: sources.in.generate.columns.x.range: the number `5` does not belong here; expected two numbers, the lowest first, as [0, 1000]
    line 3: sources.in.generate.columns.y: `serial` is not known here; expected sequence or now
    ");
}

#[test]
fn event_time_needs_a_time() {
    let source = |column: &str| {
        with(
            &format!(
                "kafka: {{ topic: t }}, decode: {{ codec: json, schema: {{ at: timestamp_ms(UTC), n: int64, s: string }} }}, event_time: {{ column: {column} }}"
            ),
            "",
            "",
        )
    };
    assert_eq!(errors(&source("at")), "nothing is wrong");
    assert_eq!(errors(&source("n")), "nothing is wrong");
    insta::assert_snapshot!(errors(&source("s")), @"line 3: sources.in.event_time.column: the column `s` is of type string; expected a timestamp, or int64 for milliseconds since 1970");
    insta::assert_snapshot!(errors(&source("att")), @"line 3: sources.in.event_time.column: there is no column `att`; did you mean `at`?");
}

#[test]
fn files_say_their_format() {
    insta::assert_snapshot!(errors(&with("file: { path: data.bin }", "", "from: in, file: { path: out.parquet, format: parquet }")), @r"
    line 3: sources.in.file: the format of `data.bin` is not plain from its name; expected format: json, csv or arrow
    line 6: sinks.out.file.format: `parquet` is not known here; expected json, csv or arrow
    ");
    insta::assert_snapshot!(errors(&with("file: { path: data.csv }", "", "from: in, file: { path: out }")), @r"
    line 3: sources.in.file: the columns of the file are not given; expected schema: { column: type } beside `path`
    line 6: sinks.out.file: the format of `out` is not plain from its name; expected format: json, csv or arrow
    ");
    insta::assert_snapshot!(errors(&with("file: { path: data.jsonl, schema: { a: int64 } }", "", "")), @"line 3: sources.in.file.schema: the columns of a file of JSON lines are those of `decode.schema`");
    insta::assert_snapshot!(errors(&with("file: { path: data.jsonl }", "", "")), @"line 3: sources.in: this source needs `decode`; expected decode: { codec: json, schema: { column: type } }");
}

#[test]
fn texts_that_are_no_specification() {
    insta::assert_snapshot!(errors(""), @"the file is empty; expected a pipeline: name, sources, steps, sinks");
    insta::assert_snapshot!(errors("# nothing\n"), @"the file is empty; expected a pipeline: name, sources, steps, sinks");
    insta::assert_snapshot!(errors("---\n"), @"the file is empty; expected a pipeline: name, sources, steps, sinks");
    insta::assert_snapshot!(errors("- a\n- b\n"), @"line 1: a list does not belong here; expected a pipeline: name, sources, steps, sinks");
    insta::assert_snapshot!(errors("hello"), @"line 1: the text `hello` does not belong here; expected a pipeline: name, sources, steps, sinks");
    insta::assert_snapshot!(errors("{}"), @r"
    line 1: name: this is missing; expected the pipeline's name, as fraud
    line 1: sources: this is missing; expected at least one of the sources, as a mapping of names
    line 1: sinks: this is missing; expected at least one of the sinks, as a mapping of names
    ");
    insta::assert_snapshot!(errors("name: a\nname: b\nsources: {}\nsinks: []\n"), @r"
    line 2: name: the key `name` is written twice, first in line 1
    line 3: sources: there are no sources; expected at least one of the sources, as a mapping of names
    line 4: sinks: a list does not belong here; expected a mapping of names
    ");
    let told = |bytes: &[u8], format| parse(bytes, format).unwrap_err()[0].to_string();
    insta::assert_snapshot!(told(b"name: a\nb: \xff", Format::Auto), @"line 2: byte 11 is not UTF-8; expected text in UTF-8");
    insta::assert_snapshot!(told(&vec![b' '; MAX_BYTES + 1], Format::Auto), @"the file has 1048577 bytes; the limit is 1MiB");
    insta::assert_snapshot!(told(b"{\"name\": ", Format::Json), @"line 1: this is not JSON: EOF while parsing a value at line 1 column 9");
    insta::assert_snapshot!(told(b"{\"name\": ", Format::Auto), @"line 1: this is not YAML: unclosed bracket '{' (column 1)");
}

#[test]
fn what_nobody_reads_is_a_warning() {
    let parsed = parsed(&with(
        "",
        "a: { from: in }, b: { from: in }, x: { from: b.errors }, r: { from: in, route: { y: \"id > 1\", z: otherwise } }, p: { from: r.y }",
        "from: [x, p], stdout: {}",
    ));
    let warnings: Vec<String> = parsed.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"), @r"
    line 4: steps.a: nobody reads this step: its rows are dropped
    line 4: steps.b: nobody reads this step, only its errors: its rows are dropped
    line 4: steps.r.route.z: nobody reads this branch: its rows are dropped
    ");
}

#[test]
fn a_huge_hostile_file_is_answered_briefly() {
    let keys: String = (0..20_000).map(|key| format!("partitione{key}x: 1\n")).collect();
    assert_eq!(parse(keys.as_bytes(), Format::Yaml).unwrap_err().len(), MAX_ERRORS + 1);
    let long = format!("name: {}\n", "a".repeat(MAX_BYTES - 10));
    let told = parse(long.as_bytes(), Format::Yaml).unwrap_err();
    assert!(told.iter().all(|error| error.to_string().len() < 500), "{told:?}");
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let bytes = FULL.as_bytes().to_vec();
    let length = bytes.len();
    let edit = (
        0..length,
        0..12usize,
        prop_oneof![
            "[a-z0-9:{}\\[\\],&*!'\"#|>%@ \n-]{0,6}",
            Just("\n  - ".to_owned()),
            Just("\u{0}".to_owned()),
            Just("é".to_owned()),
            Just("99999999999999999999".to_owned()),
        ],
    );
    proptest::collection::vec(edit, 1..8).prop_map(move |edits| {
        let mut bytes = bytes.clone();
        for (at, cut, put) in edits {
            let start = at.min(bytes.len());
            let end = (start + cut).min(bytes.len());
            bytes.splice(start..end, put.bytes());
        }
        bytes
    })
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for format in [Format::Auto, Format::Yaml, Format::Json] {
            prop_assert!(parse(&bytes, format).map_or_else(|errors| !errors.is_empty(), |_| true));
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[ \na-z0-9:{}\\[\\],&*!'\"#|>%@?-]{0,100}") {
        prop_assert!(parse(text.as_bytes(), Format::Auto).map_or_else(|errors| !errors.is_empty(), |_| true));
    }

    #[test]
    fn a_damaged_specification_is_read_or_refused_with_reasons(bytes in mutated()) {
        prop_assert!(parse(&bytes, Format::Yaml).map_or_else(|errors| !errors.is_empty(), |_| true));
    }
}

#[test]
fn the_message_of_a_sink_is_chosen_where_its_schema_is() {
    let sink = |encode: &str| {
        let text = format!(
            "name: a\nsources: {{ s: {{ generate: {{ schema: {{ id: int64 }} }} }} }}\n\
             sinks: {{ out: {{ from: s, kafka: {{ topic: t }}, encode: {{ codec: protobuf, {encode} }} }} }}"
        );
        parse(text.as_bytes(), Format::Yaml).map(|parsed| {
            let encode = parsed.pipeline.sinks.into_iter().next().and_then(|sink| sink.encode);
            encode.and_then(|encode| encode.registry).and_then(|registry| registry.message)
        })
    };
    let latest = "registry: { name: r, schema: latest, message: shop.Order }";
    assert_eq!(sink(latest).unwrap().as_deref(), Some("shop.Order"));
    let told = |encode: &str| sink(encode).unwrap_err()[0].to_string();
    insta::assert_snapshot!(
        told("message: shop.Order, registry: { name: r, schema: latest }"),
        @"line 3: sinks.out.encode.message: there is no `definition` that could have it; of a registry's schema it is `registry.message`"
    );
    insta::assert_snapshot!(told("registry: { name: r, message: shop.Order }"), @"line 3: sinks.out.encode.registry.message: only of the subject's newest schema (`schema: latest`) a message can be chosen");
}

#[test]
fn keys_have_a_codec_of_their_own_where_there_are_keys() {
    let sink = |kafka: &str, key: &str| {
        let text = format!(
            "name: a\nsources: {{ s: {{ generate: {{ schema: {{ id: int64 }} }} }} }}\n\
             sinks: {{ out: {{ from: s, kafka: {{ topic: t{kafka} }}, encode: {{ codec: json, key: {{ {key} }} }} }} }}"
        );
        let parsed = parse(text.as_bytes(), Format::Yaml).map_err(|errors| errors[0].to_string());
        parsed.map(|parsed| parsed.pipeline.sinks[0].key_encoder.clone().unwrap())
    };
    let encoder = sink(", key: [id, user]", "codec: msgpack, layout: array").unwrap();
    assert_eq!((encoder.codec, encoder.arrays), (Codec::MessagePack, true));
    assert_eq!(encoder.columns, Some(vec!["id".to_owned(), "user".to_owned()]));
    insta::assert_snapshot!(sink("", "codec: json").unwrap_err(), @"line 3: sinks.out.encode.key: the sink's records have no key to encode; expected `kafka.key` with the columns of the key");
    insta::assert_snapshot!(sink(", key: id", "codec: json, columns: [id]").unwrap_err(), @"line 3: sinks.out.encode.key.columns: unknown key `columns`; expected codec, definition, imports, message, registry or layout");
    insta::assert_snapshot!(sink(", key: id", "layout: array").unwrap_err(), @"line 3: sinks.out.encode.key.codec: this is missing; expected json, avro, protobuf, …");
}

#[test]
fn a_record_without_a_value_is_what_decode_says() {
    let source = |decode: &str| {
        let text = format!(
            "name: a\nsources: {{ s: {{ kafka: {{ topic: t }}, decode: {{ codec: json, {decode} }} }} }}\n\
             sinks: {{ out: {{ from: s, stdout: {{}} }} }}"
        );
        let parsed = parse(text.as_bytes(), Format::Yaml).map_err(|errors| errors[0].to_string());
        parsed.map(|parsed| parsed.pipeline.sources[0].clone())
    };
    let columns = |decode: &str| {
        let source = source(decode).unwrap();
        let columns = source.schema.unwrap();
        let shown = columns.fields().iter().map(|f| format!("{} {}", f.name(), f.is_nullable()));
        (source.decoder.unwrap().tombstone, shown.collect::<Vec<_>>().join(", "))
    };
    let strict = "schema: { id: int64!, user: string }, include: [$topic]";
    let (set, shown) = columns(strict);
    assert_eq!((set, &*shown), (Tombstone::IfNullable, "id false, user true, $topic false"));
    let (set, shown) = columns(&format!("{strict}, tombstone: refuse"));
    assert_eq!((set, &*shown), (Tombstone::Refuse, "id false, user true, $topic false"));
    let (set, shown) = columns(&format!("{strict}, tombstone: row"));
    assert_eq!((set, &*shown), (Tombstone::Row, "id true, user true, $topic false"));
    let told = |decode: &str| source(&format!("{strict}, {decode}")).unwrap_err();
    insta::assert_snapshot!(told("tombstone: rows"), @"line 2: sources.s.decode.tombstone: `rows` is not known here; expected row or refuse; did you mean `row`?");
    insta::assert_snapshot!(told("tombstone: null"), @"line 2: sources.s.decode.tombstone: nothing is written here; expected row or refuse");
    insta::assert_snapshot!(told("key: { codec: string, tombstone: row }"), @"line 2: sources.s.decode.key.tombstone: unknown key `tombstone`; expected codec, schema, sample, definition, imports, message or registry");
}

#[test]
fn a_key_of_avro_that_is_no_record_is_the_key_itself() {
    let key = |definition: &str| {
        let text = format!(
            "name: a\nsources: {{ s: {{ kafka: {{ topic: t }}, decode: {{ codec: json, schema: {{ id: int64 }}, \
             key: {{ codec: avro, definition: {definition} }} }} }} }}\n\
             sinks: {{ out: {{ from: s, stdout: {{}} }} }}"
        );
        let parsed = parse(text.as_bytes(), Format::Yaml).map_err(|errors| errors[0].to_string());
        let columns = parsed.unwrap().pipeline.sources[0].schema.clone().unwrap();
        show_type(columns.field_with_name("$key").unwrap().data_type())
    };
    assert_eq!(key(r#"'"string"'"#), "string");
    assert_eq!(key(r#"{ type: long }"#), "int64");
    assert_eq!(key(r#"["null", string]"#), "string");
    assert_eq!(key(r#"{ type: array, items: int }"#), "list<int32>");
    let record = r#"{ type: record, name: K, fields: [{ name: value, type: string }] }"#;
    assert_eq!(key(record), "struct<value: string>");
}
