//! Pipelines that are built, printed, refused and run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use proptest::prelude::*;

use super::*;
use crate::control::api::PipelineState;
use crate::control::{How, LetterQuery};
use crate::spec::{self, Format};

const ID: [(&str, &str); 1] = [("id", "int64")];

fn ids(ids: impl IntoIterator<Item = i64>) -> RecordBatch {
    RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from_iter_values(ids)) as _)]).unwrap()
}

fn values(batches: &[RecordBatch]) -> Vec<i64> {
    batches.iter().flat_map(|rows| rows.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
}

/// All that a sink gives until the pipeline ends.
fn all(running: &Running, sink: &str) -> Vec<RecordBatch> {
    running.output(sink).unwrap().collect::<Result<_, _>>().unwrap()
}

fn put(running: &Running, source: &str, rows: RecordBatch) {
    let input = running.input(source).unwrap();
    input.send(rows).unwrap();
    input.end();
}

#[test]
fn a_chain_is_a_specification() {
    let pipeline = Pipeline::new("fraud")
        .checkpoint_every(Duration::from_millis(500))
        .setting("dead_letter.kafka.topic", "dead")
        .source(
            Source::kafka("Orders.EU")
                .start(Start::Latest)
                .decode(Decode::json([("id", "int64!"), ("amount", "float64"), ("at", "timestamp_ms")]))
                .event_time("at", Duration::from_secs(5)),
        )
        .filter("amount > 100")
        .filter("id > 0")
        .named("valid")
        .on_error(OnError::Skip)
        .map_to([("id", "int64"), ("fee", "float64")], Ok)
        .named("fee")
        .wasm("scorer@1.2.0")
        .set("config", json!({ "threshold": 0.8 }))
        .set("limits.memory", "128MiB")
        .route([("big", "fee > 1"), ("small", "otherwise")])
        .from("route.big")
        .sink(
            Sink::kafka("alerts")
                .key(["id"])
                .compression(Compression::Zstd)
                .encode(Encode::json().only(["id"])),
        )
        .from(["route.small", "route.errors"])
        .to_memory("rest");
    insta::assert_snapshot!(pipeline.to_yaml(), @r"
    name: fraud
    checkpoint:
      every: 500ms
    dead_letter:
      kafka:
        topic: dead
    sources:
      orders_eu:
        kafka:
          topic: Orders.EU
          start: latest
        decode:
          codec: json
          schema:
            id: int64!
            amount: float64
            at: timestamp_ms
        event_time:
          column: at
          out_of_order: 5s
    steps:
      filter:
        from: orders_eu
        filter: amount > 100
      valid:
        from: filter
        filter: id > 0
        on_error: skip
      fee:
        from: valid
        native: fee
        schema:
          id: int64
          fee: float64
      scorer:
        from: fee
        wasm: scorer@1.2.0
        config:
          threshold: 0.8
        limits:
          memory: 128MiB
      route:
        from: scorer
        route:
          big: fee > 1
          small: otherwise
    sinks:
      alerts:
        from: route.big
        kafka:
          topic: alerts
          key:
          - id
          compression: zstd
        encode:
          codec: json
          columns:
          - id
      rest:
        from:
        - route.small
        - route.errors
        memory:
          name: fraud/rest
    ");
    let parsed = spec::parse(pipeline.to_yaml().as_bytes(), Format::Yaml).unwrap();
    assert_eq!(parsed.pipeline, pipeline.checked().unwrap().pipeline);
    assert_eq!(pipeline.functions().into_keys().collect::<Vec<_>>(), ["fee"]);
}

#[test]
fn names_are_made_where_none_are_given() {
    let pipeline = Pipeline::new("p")
        .from_memory("a", ID)
        .filter("id > 1")
        .filter("id > 2")
        .wasm("target/my.scorer.wasm")
        .wasm("sha256:0123456789ab")
        .wasm("errors")
        .map(Ok)
        .to_kafka("9 Lives", Encode::json())
        .to_kafka("a", Encode::json());
    let spec = serde_json::from_str::<serde_json::Value>(&pipeline.to_json()).unwrap();
    let names = |key: &str| spec[key].as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(names("steps"), "filter filter_2 my_scorer sha256 errors_2 map");
    assert_eq!(names("sinks"), "x9_lives a_2");
    assert_eq!(spec["steps"]["map"]["native"], "map");
}

#[test]
fn mistakes_are_those_of_a_file() {
    let pipeline = Pipeline::new("Fraud")
        .filter("true")
        .source(Source::memory([("id", "int")]).named("orders").start(Start::Earliest))
        .filter("id > 1")
        .named("orders")
        .select(["id"])
        .set("limits", "much")
        .to_memory("out")
        .from("split.bgi")
        .to_memory("out");
    insta::assert_snapshot!(pipeline.checked().unwrap_err(), @r"
    the specification has mistakes
      sinks.out: the key `out` is written twice
      name: `Fraud` is not a name; expected a lower-case letter, then lower-case letters, digits, `_` or `-`; did you mean `fraud`?
      sources.orders: a source reads from one place, not from memory and kafka; expected kafka, file, generate or memory
      steps.filter.from: a list of 0 inputs; expected 1 to 100
      steps.select.limits: this belongs to a step with `wasm`
      steps.orders: `orders` is also the name of a source; expected a name of its own
      sinks.out.from: there is no source or step `split`
      steps.orders.from: a loop: orders → orders; expected steps that read only what comes before them
    ");
    let host = Host::new().unwrap();
    assert_eq!(host.start(&pipeline).err().unwrap().to_string(), pipeline.checked().unwrap_err().to_string());
}

#[test]
fn a_column_is_said_once() {
    let pipeline = Pipeline::new("p").from_memory("in", [("id", "int64"), ("id", "string")]).to_memory("out");
    insta::assert_snapshot!(pipeline.checked().unwrap_err(), @r"
    the specification has mistakes
      sources.in.memory.schema.id: `and string` is left over after the type; expected one type
    ");
    let of_arrow = Schema::new(vec![Field::new("id", DataType::LargeUtf8, true)]);
    let pipeline = Pipeline::new("p").from_memory("in", &of_arrow).to_memory("out");
    insta::assert_snapshot!(pipeline.checked().unwrap_err(), @r"
    the specification has mistakes
      sources.in.memory.schema.id: `LargeUtf8` is not a type; expected int8 to int64, uint8 to uint64, float32, float64, string, bytes, bool, date, timestamp_s, _ms, _us or _ns, decimal(p, s), list<…>, map<string, …>, struct<…> or a mapping
    ");
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let host = Host::new().unwrap();
    let refused = |pipeline: &Pipeline| host.start(pipeline).err().unwrap().to_string();
    let pipeline = Pipeline::new("misfit").from_memory("a", ID).filter("ids > 1").to_memory("b");
    insta::assert_snapshot!(refused(&pipeline), @r"
    pipeline `misfit` does not fit together
      steps.filter.filter: unknown column `ids` (character 1); did you mean `id`?
    ");
    let pipeline = Pipeline::new("misfit").from_memory("a", ID).map_to([("x", "int64")], Ok).filter("id > 1");
    insta::assert_snapshot!(refused(&pipeline.to_memory("b")), @r"
    pipeline `misfit` does not fit together
      steps.filter.filter: unknown column `id` (character 1); expected one of `x`
    ");
    let pipeline = Pipeline::new("misfit").from_memory("a", ID).wasm("nobody").to_memory("b");
    insta::assert_snapshot!(refused(&pipeline), @r"
    components that are not there
      steps.nobody.wasm: there is no component `nobody`; none is stored yet, upload it first
    ");
    // A host that does not have the functions.
    let pipeline = Pipeline::new("misfit").from_memory("a", ID).map(Ok).to_memory("b");
    let elsewhere = host.control().apply(None, pipeline.to_yaml().as_bytes(), How::default());
    insta::assert_snapshot!(elsewhere.unwrap_err(), @r"
    pipeline `misfit` does not fit together
      steps.map.native: this host has no function `map` for this pipeline; expected a host inside the program that has it and starts the pipeline there (`sabot::stream`); elsewhere a component (`wasm`) can do the same
    ");
}

#[test]
fn rows_go_through_functions_and_sql() {
    let host = Host::new().unwrap();
    let pipeline = Pipeline::new("rows_go_through")
        .from_memory("in", ID)
        .filter_by(|rows| {
            let ids = rows.column(0).as_primitive::<Int64Type>();
            Ok(BooleanArray::from_unary(ids, |id| id % 2 == 0))
        })
        .select(["id * 10 as id"])
        .flat_map_to([("id", "int64"), ("text", "string")], |rows| {
            let ids = rows.column(0).as_primitive::<Int64Type>();
            let twice: Vec<i64> = ids.values().iter().flat_map(|id| [*id, id + 1]).collect();
            let text: StringArray = twice.iter().map(|id| Some(format!("<{id}>"))).collect();
            let columns: [(&str, ArrayRef); 2] =
                [("id", Arc::new(Int64Array::from(twice))), ("text", Arc::new(text))];
            let parents = (0..rows.num_rows() as u32).flat_map(|row| [row, row]);
            Ok(FlatMapped {
                rows: RecordBatch::try_from_iter(columns)?,
                parents: parents.collect::<Vec<_>>().into(),
            })
        })
        .to_memory("out");
    let running = host.start(&pipeline).unwrap();
    put(&running, "in", ids(1..5));
    assert_eq!(values(&all(&running, "out")), [20, 21, 40, 41]);
    let status = running.wait(Until::Ended).unwrap();
    let figures: Vec<_> = status.steps.iter().map(|s| (s.kind.as_str(), s.rows_in, s.rows_out)).collect();
    assert_eq!(figures, [("native", 4, 2), ("select", 2, 2), ("native", 2, 4)]);
}

#[test]
fn a_function_that_panics_costs_its_rows_and_nobody_else() {
    let host = Host::new().unwrap();
    let innocent = Pipeline::new("innocent").from_memory("in", ID).filter("id >= 0").to_memory("out");
    let innocent = host.start(&innocent).unwrap();
    let pipeline = Pipeline::new("panics")
        .from_memory("in", ID)
        .map(|rows| {
            assert!(!rows.column(0).as_primitive::<Int64Type>().values().contains(&13), "thirteen");
            Ok(rows)
        })
        .to_memory("out")
        .from("map.errors")
        .select(["id", "error_code", "error_message"])
        .to_memory("errors");
    let running = host.start(&pipeline).unwrap();
    put(&running, "in", ids(10..16));
    assert_eq!(values(&all(&running, "out")), [10, 11, 12, 14, 15]);
    let errors = all(&running, "errors");
    assert_eq!(values(&errors), [13]);
    assert_eq!(errors[0].column(1).as_string::<i32>().value(0), "native_panic");
    assert_eq!(errors[0].column(2).as_string::<i32>().value(0), "the function panicked: thirteen");
    assert_eq!(running.wait(Until::Ended).unwrap().steps[0].errors, 1);
    put(&innocent, "in", ids([1]));
    assert_eq!(values(&all(&innocent, "out")), [1]);
}

#[test]
fn a_failure_is_told_to_whoever_waits() {
    let host = Host::new().unwrap();
    let pipeline = Pipeline::new("fails")
        .source(Source::generate(ID).set("generate.count", 1))
        .map(|_| Err("not today".into()))
        .on_error(OnError::Fail)
        .to_memory("out");
    let running = host.start(&pipeline).unwrap();
    let told: Vec<_> = running.output("out").unwrap().collect();
    assert_eq!(told.len(), 1);
    for failed in [told[0].as_ref().err().unwrap(), &running.wait(Until::Ended).unwrap_err()] {
        let text = failed.to_string();
        insta::allow_duplicates! {
            insta::assert_snapshot!(text, @"pipeline fails failed: `map` refused row 0 of a batch: not today (native); its on_error is `fail`. It stays stopped until it is started, applied again, or given another component");
        }
    }
    assert_eq!(running.status().unwrap().state, PipelineState::Stopped);
}

#[test]
fn a_pipeline_that_gives_up_while_it_ends_stays_so() {
    let host = Host::new().unwrap();
    let calls = Arc::new(AtomicU32::new(0));
    let called = Arc::clone(&calls);
    let one = |name: &str| Source::generate(ID).set("generate.count", 1).named(name);
    let retry = OnError::Retry { attempts: 2, backoff: Duration::from_millis(200), then: Then::Fail };
    let pipeline = Pipeline::new("ends")
        .source(one("a"))
        .source(one("b"))
        // A union is a task of its own: its sources have ended long before its rows are given up.
        .from(["a", "b"])
        .map(move |_| {
            called.fetch_add(1, Relaxed);
            Err("not today".into())
        })
        .on_error(retry)
        .to_memory("out");
    let running = host.start(&pipeline).unwrap();
    let failed = running.wait(Until::Ended).unwrap_err().to_string();
    assert!(failed.contains("not today") && failed.contains("It stays stopped"), "{failed}");
    let before = calls.load(Relaxed);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!((calls.load(Relaxed), running.status().unwrap().restarts), (before, 0));
}

#[test]
fn a_dead_letter_of_a_function_quotes_its_record() {
    let host = Host::builder().embedded_broker().open().unwrap();
    let write = Pipeline::new("write").from_memory("in", ID).to_kafka("numbers", Encode::json());
    let running = host.start(&write).unwrap();
    put(&running, "in", ids(1..4));
    running.wait(Until::Ended).unwrap();
    let read = Pipeline::new("read")
        .from_kafka("numbers", Decode::json(ID))
        .select(["id + 10 as id"])
        .map(|rows| match rows.column(0).as_primitive::<Int64Type>().values().contains(&12) {
            true => Err("twelve is not for me".into()),
            false => Ok(rows),
        })
        .to_memory("out");
    let running = host.start(&read).unwrap();
    let status = running.wait(Until::Read).unwrap();
    assert_eq!((status.steps[1].rows_out, status.dead_letters), (2, 1));
    let query = LetterQuery { limit: 10, step: None, code: None, replayed: false };
    let letter = host.control().dead_letters("read", &query).unwrap().dead_letters.remove(0);
    assert_eq!((letter.step.as_str(), letter.code.as_str()), ("map", "native"));
    assert_eq!((letter.error.as_str(), letter.topic.as_deref()), ("twelve is not for me", Some("numbers")));
    assert!(letter.partition.is_some() && letter.offset.is_some());
    assert_eq!(letter.value.unwrap().text.unwrap(), r#"{"id":2}"#);
}

#[test]
fn a_pipeline_begins_again_with_other_functions() {
    let host = Host::new().unwrap();
    let adds = |amount: i64| {
        Pipeline::new("again").from_memory("in", ID).map(move |rows| {
            let ids = rows.column(0).as_primitive::<Int64Type>();
            Ok(ids_of(ids.unary(|id| id + amount)))
        })
    };
    fn ids_of(ids: Int64Array) -> RecordBatch {
        RecordBatch::try_from_iter([("id", Arc::new(ids) as _)]).unwrap()
    }
    let running = host.start(&adds(1).to_memory("out")).unwrap();
    let (input, output) = (running.input("in").unwrap(), running.output("out").unwrap());
    let wait = Duration::from_secs(10);
    input.send(ids([1])).unwrap();
    assert_eq!(values(&[output.next_within(wait).unwrap()]), [2]);
    let running = host.start(&adds(100).to_memory("out")).unwrap();
    input.send(ids([1])).unwrap();
    assert_eq!(values(&[output.next_within(wait).unwrap()]), [101]);
    // Stopped and started by name it keeps them.
    running.stop().unwrap();
    host.control().start_pipeline("again").unwrap();
    input.send(ids([2])).unwrap();
    input.end();
    assert_eq!(values(&all(&running, "out")), [102]);
}

#[test]
fn an_ended_input_is_open_after_the_next_start() {
    let host = Host::new().unwrap();
    let pipeline = Pipeline::new("twice").from_memory("in", ID).to_memory("out");
    for round in [1, 2] {
        let running = host.start(&pipeline).unwrap();
        put(&running, "in", ids([round]));
        assert_eq!(values(&all(&running, "out")), [round]);
    }
}

#[test]
fn generated_rows_are_read_to_their_end() {
    let host = Host::new().unwrap();
    let pipeline = Pipeline::new("generated")
        .source(Source::generate(ID).set("generate.count", 1000).set("generate.columns.id", "sequence"))
        .filter("id < 10")
        .to_memory("out");
    let running = host.start(&pipeline).unwrap();
    assert_eq!(values(&all(&running, "out")), (0..10).collect::<Vec<_>>());
    assert_eq!(running.wait(Until::Read).unwrap().sources[0].records, 1000);
}

#[test]
fn what_is_wrong_with_rows_and_names_is_said() {
    let host = Host::new().unwrap();
    let pipeline = Pipeline::new("says").from_memory("in", ID).to_memory("out");
    let running = host.start(&pipeline).unwrap();
    insta::assert_snapshot!(running.input("on").err().unwrap(), @"pipeline says has no source `on` that is `memory`; there is `in`");
    insta::assert_snapshot!(running.output("in").err().unwrap(), @"pipeline says has no sink `in` that is `memory`; there is `out`");
    let input = running.input("in").unwrap();
    let text = RecordBatch::try_from_iter([("id", Arc::new(StringArray::from(vec!["1"])) as _)]).unwrap();
    insta::assert_snapshot!(input.send(text).unwrap_err(), @"rows for source `in`: the column `id` is string, declared is int64");
    running.stop().unwrap();
    let refused = (0..1000).find_map(|id| input.send(ids([id])).err()).unwrap();
    insta::assert_snapshot!(refused, @"source `in` of pipeline says takes no more rows: the pipeline has stopped");
    let none = Pipeline::new("says").source(Source::generate(ID)).sink(Sink::blackhole());
    let running = host.start(&none).unwrap();
    insta::assert_snapshot!(running.input("in").err().unwrap(), @"pipeline says has no source `in` that is `memory`; `Source::memory` makes one");
    insta::assert_snapshot!(running.output("in").err().unwrap(), @"pipeline says has no sink `in` that is `memory`; `Sink::memory` makes one");
    insta::assert_snapshot!(host.push("no/such.wasm").unwrap_err(), @"no/such.wasm: No such file or directory (os error 2)");
}

#[test]
fn a_folder_keeps_progress_and_a_pipeline_waits_there_for_its_functions() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Host::builder().data_dir(folder.path()).open().unwrap();
    let pipeline = Pipeline::new("kept")
        .source(Source::generate(ID).set("generate.count", 5).set("generate.columns.id", "sequence"))
        .map(Ok)
        .to_memory("out");
    {
        let host = open();
        let running = host.start(&pipeline).unwrap();
        assert_eq!(values(&all(&running, "out")).len(), 5);
    }
    let host = open();
    let status = host.control().pipeline("kept").unwrap();
    insta::assert_snapshot!(status.reason.unwrap(), @"cannot start: steps.map.native: this host has no function `map` for this pipeline; expected a host inside the program that has it and starts the pipeline there (`sabot::stream`); elsewhere a component (`wasm`) can do the same");
    let running = host.start(&pipeline).unwrap();
    assert_eq!(values(&all(&running, "out")), [0; 0]);
}

/// Texts that a careless printer of YAML gets wrong.
fn text() -> impl Strategy<Value = String> {
    const ODD: &[&str] = &[
        "yes",
        "null",
        "1e3",
        "- a",
        "a: b",
        "#c",
        "'",
        "\"",
        "a\nb",
        " x ",
        "{}",
        "&a",
        "*a",
        "!t",
        "é😀\u{7}",
    ];
    prop_oneof![
        prop::sample::select(ODD.to_vec()).prop_map(ToOwned::to_owned),
        "[ -~]{1,12}",
        "[a-z]{1,8} > [0-9]{1,4}",
    ]
}

fn column_type() -> impl Strategy<Value = (DataType, bool)> {
    let leaf = prop::sample::select(vec![
        DataType::Int64,
        DataType::Utf8,
        DataType::Boolean,
        DataType::Decimal128(10, 2),
        DataType::Timestamp(arrow::datatypes::TimeUnit::Millisecond, Some("UTC".into())),
    ]);
    let of = leaf.prop_recursive(3, 8, 3, |inner| {
        let field = |name: &str, (of, null): (DataType, bool)| Field::new(name, of, null);
        let typed = (inner.clone(), any::<bool>());
        prop_oneof![
            typed.clone().prop_map(move |of| DataType::List(field("item", of).into())),
            prop::collection::vec(typed, 1..3).prop_map(move |fields| {
                let named = fields.into_iter().enumerate().map(|(at, of)| field(&format!("f{at}"), of));
                DataType::Struct(named.collect())
            }),
        ]
    });
    (of, any::<bool>())
}

proptest! {
    #[test]
    fn a_specification_is_the_same_in_yaml_and_json(
        texts in prop::collection::vec(text(), 1..6),
        types in prop::collection::vec(column_type(), 1..4),
        attempts in 1u32..100,
        backoff_ms in 1u64..60_000,
    ) {
        let fields = types.into_iter().enumerate().map(|(at, (of, null))| Field::new(format!("c {at}"), of, null));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let retry = OnError::Retry { attempts, backoff: Duration::from_millis(backoff_ms), then: Then::Skip };
        let mut pipeline = Pipeline::new("p")
            .source(Source::kafka("t").group(&texts[0]).decode(Decode::json(&schema)).on_error(retry))
            .from_memory("m", &schema)
            .from(["t", "m"])
            .named("ignored");
        for text in &texts {
            pipeline = pipeline.filter(text).wasm("w").set("config", json!({ "of": texts.clone(), "t": text }));
        }
        let pipeline = pipeline.to_memory("out");
        let json = spec::parse(pipeline.to_json().as_bytes(), Format::Json);
        let yaml = spec::parse(pipeline.to_yaml().as_bytes(), Format::Yaml);
        match (json, yaml) {
            (Ok(json), Ok(yaml)) => {
                prop_assert_eq!(&json.pipeline, &yaml.pipeline);
                prop_assert_eq!(json.pipeline.sources[1].schema.as_ref(), Some(&schema));
            }
            // Blank text is no expression, in either.
            (Err(json), Err(_)) => prop_assert!(texts.iter().any(|text| text.trim().is_empty()), "{json:?}"),
            (json, yaml) => prop_assert!(false, "{json:?}\n{yaml:?}\n{}", pipeline.to_yaml()),
        }
    }
}
