//! Good components of every world: what they are told to be, what they answer, what is refused
//! when they do not fit. The hostile ones are in `hostile`.

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Float64Type, Int64Type, Schema};
use arrow::util::pretty::pretty_format_batches;
use sabot::batch::{Batch, Parents, RawRecords};
use sabot::operator::Output;
use sabot::operator::component::{Guest, Version};
use sabot::spec::WasmLimits;
use sabot::wasm::{Component, Engine, EngineOptions, WasmError, run_groups, run_once};
use sabot_tests::guests;
use sabot_tests::host_process::program;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// The engine of all tests of this program.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let options = EngineOptions { setup_timeout: Duration::from_secs(2), ..EngineOptions::default() };
    ENGINE.get_or_init(|| Engine::new(&options).unwrap())
}

/// A component, compiled once for all tests; none where the guests are not built.
pub fn component(test: &str, name: &str) -> Option<Arc<Component>> {
    static COMPONENTS: OnceLock<Mutex<HashMap<String, Arc<Component>>>> = OnceLock::new();
    let bytes = guests::component(test, name)?;
    let mut components = COMPONENTS.get_or_init(Mutex::default).lock().unwrap();
    let compile = || engine().compile(&bytes).unwrap();
    Some(Arc::clone(components.entry(name.to_owned()).or_insert_with(compile)))
}

/// Wide enough for slow machines.
pub const LIMITS: WasmLimits =
    WasmLimits { memory_bytes: 64 << 20, batch_timeout: Duration::from_secs(20), emit_bytes: 16 << 20 };

/// Binds and instantiates.
pub fn guest(component: &Arc<Component>, schema: &Schema, config: Value) -> Box<dyn Guest> {
    let bound = component.bind(&Arc::new(schema.clone()), &config, &[], &LIMITS).unwrap();
    bound.instantiate().unwrap()
}

fn table(batches: &[RecordBatch]) -> String {
    pretty_format_batches(batches).unwrap().to_string()
}

fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn numbers(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn orders() -> RecordBatch {
    batch([
        ("id", numbers(&[1, 2, 3, 4])),
        ("user", Arc::new(StringArray::from(vec!["ann", "bob", "cid", "dan"]))),
        ("amount", Arc::new(Float64Array::from(vec![100.0, 900.0, -5.0, 600.0]))),
    ])
}

/// The rows with origins: records 10 to 13 of a topic.
fn read(rows: RecordBatch) -> Batch {
    let mut records = RawRecords::with_capacity("orders".into(), 0, rows.num_rows(), 0);
    (0..rows.num_rows()).for_each(|i| records.push(10 + i as i64, None, None, Some(b"{}")));
    Batch::decoded(rows, Arc::new(records), Parents::Run { first: 0 })
}

fn origins(batch: &Batch) -> Vec<Option<usize>> {
    let origin = batch.origin.as_ref();
    (0..batch.len()).map(|row| origin.and_then(|origin| origin.record_of(row))).collect()
}

#[test]
fn a_filter_keeps_rows_with_their_origins() {
    let Some(filter) = component("a_filter_keeps_rows_with_their_origins", "filter-amount") else { return };
    let mut guest = guest(&filter, orders().schema_ref(), json!({"min": 500}));
    let mut out = Output::default();
    guest.call(&read(orders()), &mut out).unwrap();
    let (port, kept) = &out.batches[0];
    assert_eq!((*port, out.batches.len(), out.errors.len()), (0, 1, 0));
    insta::assert_snapshot!(table(std::slice::from_ref(&kept.rows)), @r"
    +----+------+--------+
    | id | user | amount |
    +----+------+--------+
    | 2  | bob  | 900.0  |
    | 4  | dan  | 600.0  |
    +----+------+--------+
    ");
    assert_eq!(origins(kept), [Some(1), Some(3)]);
    guest.close();
}

#[test]
fn a_filter_sees_only_its_columns_and_sends_all() {
    let Some(filter) = component("a_filter_sees_only_its_columns_and_sends_all", "filter-amount") else {
        return;
    };
    let bound = filter.bind(&orders().schema(), &json!({"min": 0}), &[], &LIMITS).unwrap();
    assert_eq!(bound.input_columns(), ["amount"]);
    assert_eq!(bound.output_ports(), [("main".to_owned(), orders().schema())]);
    assert!(bound.digest().starts_with("sha256:") && bound.digest().len() == 71);
    assert_eq!((bound.label(), bound.config()), ("filter-amount@1.0.0", r#"{"min":0}"#));
}

#[test]
fn a_map_gives_a_row_for_each_row() {
    let Some(upper) = component("a_map_gives_a_row_for_each_row", "upper") else { return };
    let texts = StringArray::from(vec![Some("ann"), None, Some("straße"), Some("")]);
    let rows = RecordBatch::try_from_iter_with_nullable([("text", Arc::new(texts) as _, true)]).unwrap();
    let mut guest = guest(&upper, rows.schema_ref(), json!({}));
    let mut out = Output::default();
    // Sliced, with other null layouts, and again.
    for rows in [rows.clone(), rows.slice(1, 2), rows.slice(2, 2), rows.clone()] {
        guest.call(&read(rows), &mut out).unwrap();
    }
    let batches: Vec<RecordBatch> = out.batches.iter().map(|(_, batch)| batch.rows.clone()).collect();
    insta::assert_snapshot!(table(&batches), @r"
    +---------+--------+
    | upper   | length |
    +---------+--------+
    | ANN     | 3      |
    |         |        |
    | STRASSE | 7      |
    |         | 0      |
    |         |        |
    | STRASSE | 7      |
    | STRASSE | 7      |
    |         | 0      |
    | ANN     | 3      |
    |         |        |
    | STRASSE | 7      |
    |         | 0      |
    +---------+--------+
    ");
    assert_eq!(origins(&out.batches[0].1), [Some(0), Some(1), Some(2), Some(3)]);
}

#[test]
fn columns_that_stand_for_others_are_sent_as_those() {
    let Some(upper) = component("columns_that_stand_for_others_are_sent_as_those", "upper") else { return };
    let texts: arrow::array::DictionaryArray<arrow::datatypes::Int32Type> =
        [Some("ann"), None, Some("ann")].into_iter().collect();
    let rows = RecordBatch::try_from_iter_with_nullable([("text", Arc::new(texts) as _, true)]).unwrap();
    let run = run_once(&upper, &rows.schema(), &json!({}), &LIMITS, std::slice::from_ref(&rows)).unwrap();
    let upper: Vec<Option<&str>> = run.batches[0].1.column(0).as_string::<i32>().iter().collect();
    assert_eq!(upper, [Some("ANN"), None, Some("ANN")]);
}

#[test]
fn a_flat_map_extends_the_rows_it_comes_from() {
    let Some(fee) = component("a_flat_map_extends_the_rows_it_comes_from", "fee") else { return };
    let mut guest = guest(&fee, orders().schema_ref(), json!({}));
    let mut out = Output::default();
    guest.call(&read(orders()), &mut out).unwrap();
    insta::assert_snapshot!(table(&[out.batches[0].1.rows.clone()]), @r"
    +----+------+--------+------+
    | id | user | amount | fee  |
    +----+------+--------+------+
    | 2  | bob  | 900.0  | 13.5 |
    | 4  | dan  | 600.0  | 9.0  |
    +----+------+--------+------+
    ");
    assert_eq!(origins(&out.batches[0].1), [Some(1), Some(3)]);
}

#[test]
fn an_agent_emits_to_its_ports_and_refuses_rows() {
    let Some(split) = component("an_agent_emits_to_its_ports_and_refuses_rows", "split") else { return };
    let run = run_once(&split, &orders().schema(), &Value::Null, &LIMITS, &[orders(), orders()]).unwrap();
    let names: Vec<&str> = run.ports.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["large", "small"]);
    let ports: Vec<usize> = run.batches.iter().map(|(port, _)| *port).collect();
    assert_eq!(ports, [0, 1, 0, 1]);
    let amounts = run.batches[0].1.column(1).as_primitive::<Float64Type>();
    assert_eq!(amounts.values(), &[900.0, 600.0]);
    let refused: Vec<String> =
        run.errors.iter().map(|e| format!("{} {} {} {}", e.row, e.code, e.message, e.retryable)).collect();
    assert_eq!(refused, ["2 negative-amount amount is -5 false", "6 negative-amount amount is -5 false"]);
}

fn names(values: &[Option<&str>]) -> RecordBatch {
    let names: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
    RecordBatch::try_from_iter_with_nullable([("name", names, true)]).unwrap()
}

#[test]
fn a_scalar_gives_a_value_for_each_row() {
    let Some(initials) = component("a_scalar_gives_a_value_for_each_row", "initials") else { return };
    let rows = names(&[Some("Ada Lovelace"), Some(" "), None, Some("grace hopper")]);
    let run = run_once(&initials, &rows.schema(), &json!({}), &LIMITS, &[rows.clone(), rows]).unwrap();
    let [(port, schema)] = &run.ports[..] else { panic!("{:?}", run.ports) };
    assert_eq!((port.as_str(), schema.fields().len(), schema.field(0).name().as_str()), ("main", 1, "value"));
    let values: Vec<Option<&str>> =
        run.batches.iter().flat_map(|(_, rows)| rows.column(0).as_string::<i32>().iter()).collect();
    assert_eq!(values, [Some("AL"), None, Some("gh"), Some("AL"), None, Some("gh")]);
    let refused: Vec<(u32, &str)> = run.errors.iter().map(|e| (e.row, &*e.code)).collect();
    assert_eq!(refused, [(1, "no-name"), (5, "no-name")]);
}

fn values(values: &[f64]) -> RecordBatch {
    batch([("value", Arc::new(Float64Array::from(values.to_vec())) as ArrayRef)])
}

#[test]
fn an_aggregate_gives_a_row_for_each_group() {
    let Some(average) = component("an_aggregate_gives_a_row_for_each_group", "average") else { return };
    let bound = average.bind(&values(&[]).schema(), &json!({}), &[], &LIMITS).unwrap();
    let ports: Vec<String> = bound
        .output_ports()
        .iter()
        .map(|(name, schema)| {
            let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            format!("{name}: {}", columns.join(", "))
        })
        .collect();
    assert_eq!(ports, ["state: count, sum", "result: mean"]);

    let rows = values(&[1.0, 10.0, -4.0, 2.0]);
    let run = run_groups(&average, &json!({}), &LIMITS, &rows, &[0, 2, 1, 0]).unwrap();
    let means: Vec<Option<f64>> = run.results.column(0).as_primitive::<Float64Type>().iter().collect();
    assert_eq!(means, [Some(1.5), None, Some(10.0)]);
    assert_eq!(run.merged, run.results);
    let refused: Vec<(u32, &str)> = run.errors.iter().map(|e| (e.row, &*e.code)).collect();
    assert_eq!(refused, [(2, "negative")]);

    let nothing = run_groups(&average, &json!({}), &LIMITS, &values(&[]), &[]).unwrap();
    assert_eq!((nothing.results.num_rows(), nothing.merged.num_rows()), (0, 0));
}

#[test]
fn an_aggregate_is_not_believed() {
    let Some(average) = component("an_aggregate_is_not_believed", "average") else { return };
    let run = |slip: &str, rows: &[f64], groups: &[u32]| {
        run_groups(&average, &json!({ "slip": slip }), &LIMITS, &values(rows), groups)
    };
    insta::assert_snapshot!(refusals(run("one-port", &[1.0], &[0])), @"what its bind answered is wrong: an aggregate has the output ports state, result, and it announced state");
    insta::assert_snapshot!(refusals(run("emit", &[1.0], &[0])), @"update emitted 1 batches; only take-state and finish emit");
    assert!(refusals(run("panic", &[1.0, 13.0], &[0, 0])).contains("update trapped: it panicked"));
    let forgetful = run("forget", &[1.0, 2.0], &[0, 1]).unwrap();
    assert_ne!(forgetful.merged, forgetful.results);
}

#[test]
fn worlds_that_no_step_runs_are_bound_and_refused_as_a_step() {
    let test = "worlds_that_no_step_runs_are_bound_and_refused_as_a_step";
    let (Some(initials), Some(average)) = (component(test, "initials"), component(test, "average")) else {
        return;
    };
    let (names, values) = (names(&[]), values(&[]));
    for (component, rows) in [(&initials, &names), (&average, &values)] {
        let other = if component.manifest().name == "average" { &names } else { &values };
        assert!(component.bind(&rows.schema(), &json!({}), &[], &LIMITS).is_ok());
        let wrong = refusals(component.bind(&other.schema(), &json!({ "unknown": 1 }), &[], &LIMITS));
        assert!(wrong.starts_with("it needs a column"), "{wrong}");
        let wrong = refusals(component.bind(&rows.schema(), &json!({ "unknown": 1 }), &[], &LIMITS));
        assert!(wrong.starts_with("bind refuses the configuration"), "{wrong}");
    }
    let step = |component: &Arc<Component>, rows: &RecordBatch| {
        refusals(component.bind_step(&rows.schema(), &json!({}), &[], &LIMITS, Arc::new(|_, _| {})))
    };
    insta::assert_snapshot!(
        step(&initials, &names), @"a scalar component is for SQL expressions, which call none in this release: as a step, write it as a map"
    );
    insta::assert_snapshot!(
        step(&average, &values), @"an aggregate component is for windows, which are not in this release"
    );
}

#[test]
fn long_batches_and_short_ones_take_turns() {
    let Some(gcd) = component("long_batches_and_short_ones_take_turns", "gcd") else { return };
    let pairs = |n: i64| {
        let times = |factor: i64| numbers(&(0..n).map(|i| i * factor).collect::<Vec<_>>());
        batch([("a", times(6)), ("b", times(4))])
    };
    let mut guest = guest(&gcd, pairs(1).schema_ref(), json!({}));
    for n in [1, 100_000, 3, 3, 0, 100_000, 7] {
        let mut out = Output::default();
        guest.call(&Batch::new(pairs(n)), &mut out).unwrap();
        let got: Vec<i64> = out
            .batches
            .iter()
            .flat_map(|(_, batch)| batch.rows.column(0).as_primitive::<Int64Type>().values().to_vec())
            .collect();
        assert_eq!(got, (0..n).map(|i| i * 2).collect::<Vec<_>>());
    }
}

fn refusals(result: Result<impl Sized, WasmError>) -> String {
    result.err().expect("it is refused").reasons.join("\n")
}

#[test]
fn what_does_not_fit_is_refused_with_all_reasons() {
    let test = "what_does_not_fit_is_refused_with_all_reasons";
    let (Some(filter), Some(gcd), Some(split)) =
        (component(test, "filter-amount"), component(test, "gcd"), component(test, "split"))
    else {
        return;
    };
    let bind = |component: &Arc<Component>, rows: RecordBatch, config: Value| {
        refusals(component.bind(&rows.schema(), &config, &[], &LIMITS))
    };
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let near = batch([("ammount", Arc::new(Float64Array::from(vec![1.0])) as ArrayRef), ("a", text)]);
    insta::assert_snapshot!(bind(&filter, near.clone(), json!({"min": 1})), @"it needs a column `amount` of type float64; did you mean `ammount`, which is float64?");
    insta::assert_snapshot!(bind(&gcd, near.clone(), json!({})), @r"
    it needs the column `a` of type int64, and the input has string; change it with a select before this step, such as `cast(a as …)`
    it needs a column `b` of type int64; the input has ammount, a
    ");
    insta::assert_snapshot!(bind(&filter, orders(), json!({"mim": 1})), @"bind refuses the configuration: unknown field `mim`, expected `min` at line 1 column 6");
    insta::assert_snapshot!(bind(&split, near, json!({})), @r"
    it needs a column `id` of type int64; the input has ammount, a
    it needs a column `amount` of type float64; did you mean `ammount`, which is float64?
    ");
}

#[test]
fn a_component_tells_what_it_is() {
    let Some(fee) = component("a_component_tells_what_it_is", "fee") else { return };
    insta::assert_snapshot!(serde_json::to_string_pretty(fee.manifest()).unwrap(), @r#"
    {
      "name": "fee",
      "version": "1.0.0",
      "world": "flat-map",
      "columns": {
        "typed": [
          {
            "name": "amount",
            "type": "float64"
          }
        ]
      },
      "extends": true,
      "deterministic": true,
      "states": [],
      "upgrades_from": [],
      "config_schema": null,
      "capabilities": []
    }
    "#);
    let inspection = fee.inspection();
    insta::assert_snapshot!(format!("{:#?}\n{:#?}", inspection.imports, inspection.exports), @r#"
    [
        "sabot:operator/telemetry@0.1.0",
        "sabot:operator/types@0.1.0",
        "sabot:operator/output@0.1.0",
    ]
    [
        "sabot:operator/control@0.1.0",
        "sabot:operator/flat-mapper@0.1.0",
    ]
    "#);
    assert_eq!(inspection.world.name(), "flat-map");
}

#[test]
fn the_cache_compiles_once_and_survives_damage() {
    let Some(bytes) = guests::component("the_cache_compiles_once_and_survives_damage", "gcd") else { return };
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("compiled");
    let compile = || {
        let options = EngineOptions { cache: Some(cache.clone()), ..EngineOptions::default() };
        let engine = Engine::new(&options).unwrap();
        (engine.compile(&bytes).unwrap(), engine)
    };
    let file = || cache.read_dir().unwrap().next().unwrap().unwrap().path();
    let modified = |path: &std::path::Path| path.metadata().unwrap().modified().unwrap();
    compile();
    let written = modified(&file());
    let (component, engine) = compile();
    assert_eq!(modified(&file()), written, "read, not written again");
    assert!(
        Arc::ptr_eq(&component, &engine.compile(&bytes).unwrap()),
        "the same bytes are the same component"
    );

    let mut damaged = std::fs::read(file()).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    std::fs::write(file(), &damaged).unwrap();
    let (component, engine) = compile();
    assert_ne!(std::fs::read(file()).unwrap(), damaged, "compiled again");
    let pair = batch([("a", numbers(&[12])), ("b", numbers(&[18]))]);
    let run = run_once(&component, &pair.schema(), &json!({}), &LIMITS, &[pair]).unwrap();
    assert_eq!(run.batches[0].1.column(0).as_primitive::<Int64Type>().value(0), 6);

    engine.forget(component.digest());
    assert_eq!(cache.read_dir().unwrap().count(), 0);
}

#[test]
fn floats_come_back_bit_for_bit() {
    let Some(split) = component("floats_come_back_bit_for_bit", "split") else { return };
    let odd = [f64::NAN, f64::INFINITY, 0.0, f64::MIN_POSITIVE, 1e308];
    let amounts: ArrayRef = Arc::new(Float64Array::from(odd.to_vec()));
    let rows = batch([("id", numbers(&[0, 1, 2, 3, 4])), ("amount", amounts)]);
    let run = run_once(&split, &rows.schema(), &json!({}), &LIMITS, &[rows]).unwrap();
    let mut bits: Vec<u64> = run
        .batches
        .iter()
        .flat_map(|(_, rows)| rows.column(1).as_primitive::<Float64Type>().values().to_vec())
        .map(f64::to_bits)
        .collect();
    bits.sort_unstable();
    let mut expected = odd.map(f64::to_bits);
    expected.sort_unstable();
    assert_eq!(bits, expected);
}

#[test]
fn every_guest_passes_its_own_fixtures() {
    let all = guests::with_fixtures();
    // One of each world and language, as far as they are built.
    assert!(std::env::var_os("CI").is_none() || all.len() >= 14, "{all:?}");
    for file in all {
        let tested = Command::new(program()).arg("test").arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&tested.stdout) + String::from_utf8_lossy(&tested.stderr);
        assert!(tested.status.success() && said.contains(" passed"), "{}: {said}", file.display());
    }
}
