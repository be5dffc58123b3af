//! What does the border cost? The same Rust function over the same Arrow arrays, once native and once inside a
//! component, with everything counted: the host encodes, the guest decodes, computes, encodes and emits, the host
//! checks and decodes. Epoch checks are on, as always. Both sides take turns, so that a busy machine slows both.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, StringBuilder,
};
use arrow::compute::{binary, filter_record_batch};
use arrow::datatypes::{Float64Type, Int64Type, Schema};
use sabot::batch::Batch;
use sabot::operator::Output;
use sabot::operator::component::{Guest, Version};
use sabot::spec::WasmLimits;
use sabot::wasm::{Component, Engine, EngineOptions};
use sabot_benches::{report, usage};
use serde_json::{Value, json};

type Failed = Box<dyn std::error::Error>;

const LIMITS: WasmLimits =
    WasmLimits { memory_bytes: 64 << 20, batch_timeout: Duration::from_secs(10), emit_bytes: 64 << 20 };
/// Rounds of a case, native and component by turns.
const ROUNDS: usize = 60;
/// Time of one turn.
const TURN: Duration = Duration::from_millis(4);
/// Instances that are started to see what one costs.
const INSTANCES: usize = 1000;

fn main() -> Result<(), Failed> {
    let engine = Engine::new(&EngineOptions::default())?;
    let load = |name: &str| -> Result<Arc<Component>, Failed> { Ok(engine.compile(&component(name)?)?) };
    let (gcd, large, upper) = (load("gcd")?, load("filter-amount")?, load("upper")?);
    let min = json!({"min": 500});
    let mut cases = Vec::new();
    for rows in [16, 1024, 8192] {
        let pairs = vec![constant_pairs(rows)];
        cases.push(Case::run("gcd, as arrow-udf has it", &gcd, &json!({}), pairs, native_gcd)?);
    }
    for rows in [1024, 8192] {
        cases.push(Case::run("gcd of other numbers", &gcd, &json!({}), vec![pairs(rows)], native_gcd)?);
    }
    let changing = (0..32).map(|i| constant_pairs(1009 + i)).collect();
    cases.push(Case::run("gcd, another length each time", &gcd, &json!({}), changing, native_gcd)?);
    for rows in [1024, 8192] {
        cases.push(Case::run("filter, half of them kept", &large, &min, vec![orders(rows)], native_filter)?);
    }
    for rows in [1024, 8192] {
        cases.push(Case::run("map of strings", &upper, &json!({}), vec![texts(rows, 0)], native_upper)?);
    }
    cases.push(Case::run(
        "map of strings with nulls",
        &upper,
        &json!({}),
        vec![texts(1024, 3)],
        native_upper,
    )?);
    let changing = (0..32).map(|i| texts(1024, 3 + i)).collect();
    cases.push(Case::run("… other nulls each time", &upper, &json!({}), changing, native_upper)?);

    let heading = ["", "rows", "native µs", "component µs", "ratio", "added ns a row"];
    let mut table = vec![heading.map(String::from).to_vec()];
    table.extend(cases.iter().map(Case::line));
    report::table(&table);
    let (start_us, kib) = instance(&large, &min)?;
    println!("an idle instance: {kib:.0} KiB, {start_us:.0} µs to start, bind and open");
    report::figures(&[
        ("gcd_1024_ratio", cases[1].ratio()),
        ("gcd_8192_ratio", cases[2].ratio()),
        ("call_us", cases[0].component_us),
        ("gcd_varied_1024_ratio", cases[3].ratio()),
        ("gcd_changing_ratio", cases[5].ratio()),
        ("filter_1024_ratio", cases[6].ratio()),
        ("strings_1024_ratio", cases[8].ratio()),
        ("nulls_1024_ratio", cases[10].ratio()),
        ("instance_us", start_us),
        ("instance_kib", kib),
    ]);
    Ok(())
}

/// The bytes of a component that `cargo xtask guests` built.
fn component(name: &str) -> Result<Vec<u8>, Failed> {
    let built = format!("{}/../tests/guests/{name}/build/{name}.wasm", env!("CARGO_MANIFEST_DIR"));
    let path = std::env::var("SABOT_GUESTS_DIR").map_or(built, |folder| format!("{folder}/{name}.wasm"));
    std::fs::read(&path).map_err(|e| format!("{path}: {e}; build it with `cargo xtask guests`").into())
}

/// What was measured.
struct Case {
    name: &'static str,
    rows: usize,
    native_us: f64,
    component_us: f64,
}

impl Case {
    fn run(
        name: &'static str,
        component: &Arc<Component>,
        config: &Value,
        batches: Vec<RecordBatch>,
        native: fn(&RecordBatch) -> RecordBatch,
    ) -> Result<Self, Failed> {
        let mut guest = start(component, &batches[0].schema(), config)?;
        let batches: Vec<Batch> = batches.into_iter().map(Batch::new).collect();
        let mut out = Output::default();
        for batch in &batches {
            out.clear();
            guest.call(batch, &mut out)?;
            let (expected, got) = (native(&batch.rows), &out.batches[0].1.rows);
            if expected.columns() != got.columns() {
                return Err(
                    format!("{name}: the component answers other rows than the native function").into()
                );
            }
        }
        let (mut natives, mut components) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            natives.push(turn(&batches, |batch| {
                black_box(native(black_box(&batch.rows)));
            }));
            components.push(turn(&batches, |batch| {
                out.clear();
                // It has answered these very batches before.
                guest.call(batch, &mut out).expect("it answered before");
                black_box(&out);
            }));
        }
        let rows = batches[0].len();
        Ok(Case {
            name,
            rows,
            native_us: report::median(&natives),
            component_us: report::median(&components),
        })
    }

    fn ratio(&self) -> f64 {
        self.component_us / self.native_us
    }

    fn line(&self) -> Vec<String> {
        let added = (self.component_us - self.native_us) * 1e3 / self.rows as f64;
        vec![
            self.name.to_owned(),
            self.rows.to_string(),
            format!("{:.2}", self.native_us),
            format!("{:.2}", self.component_us),
            format!("{:.2}", self.ratio()),
            format!("{added:.1}"),
        ]
    }
}

/// Microseconds a batch, over one turn.
fn turn(batches: &[Batch], mut call: impl FnMut(&Batch)) -> f64 {
    let (started, mut calls) = (Instant::now(), 0u32);
    while started.elapsed() < TURN {
        for batch in batches.iter().cycle().take(batches.len().max(16)) {
            call(batch);
            calls += 1;
        }
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
}

fn start(component: &Arc<Component>, schema: &Arc<Schema>, config: &Value) -> Result<Box<dyn Guest>, Failed> {
    Ok(component.bind(schema, config, &[], &LIMITS)?.instantiate()?)
}

/// Microseconds to start an instance, and KiB that it holds after a batch.
fn instance(component: &Arc<Component>, config: &Value) -> Result<(f64, f64), Failed> {
    let batch = Batch::new(orders(16));
    let bound = component.bind(&batch.rows.schema(), config, &[], &LIMITS)?;
    let mut out = Output::default();
    let mut guests = Vec::with_capacity(INSTANCES);
    let (resident, mut starting) = (usage::resident(), Duration::ZERO);
    for _ in 0..INSTANCES {
        let started = Instant::now();
        let mut guest = bound.instantiate()?;
        starting += started.elapsed();
        guest.call(&batch, &mut out)?;
        out.clear();
        guests.push(guest);
    }
    let kib = usage::resident().saturating_sub(resident) as f64 / 1024.0 / INSTANCES as f64;
    Ok((starting.as_secs_f64() * 1e6 / INSTANCES as f64, kib))
}

fn columns<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter(columns).expect("columns of one length")
}

fn two(a: impl Iterator<Item = i64>, b: impl Iterator<Item = i64>) -> RecordBatch {
    columns([
        ("a", Arc::new(a.collect::<Int64Array>()) as ArrayRef),
        ("b", Arc::new(b.collect::<Int64Array>())),
    ])
}

/// 15 and 25 in each row: little to compute, so that the border shows.
fn constant_pairs(rows: usize) -> RecordBatch {
    two((0..rows).map(|_| 15), (0..rows).map(|_| 25))
}

fn pairs(rows: usize) -> RecordBatch {
    let mut random = fastrand::Rng::with_seed(1);
    let a: Vec<i64> = (0..rows).map(|_| random.i64(1..100_000)).collect();
    two(a.into_iter(), (0..rows).map(|_| random.i64(1..100_000)))
}

fn orders(rows: usize) -> RecordBatch {
    let mut random = fastrand::Rng::with_seed(2);
    let amounts: Float64Array = (0..rows).map(|_| Some(random.f64() * 1000.0)).collect();
    let users = StringArray::from_iter_values((0..rows).map(|i| format!("user-{}", i % 100)));
    columns([
        ("id", Arc::new(Int64Array::from_iter_values(0..rows as i64)) as ArrayRef),
        ("user", Arc::new(users)),
        ("amount", Arc::new(amounts)),
    ])
}

/// Names; every `nulls`-th is null, none where it is 0.
fn texts(rows: usize, nulls: usize) -> RecordBatch {
    let text =
        |i: usize| (nulls == 0 || !i.is_multiple_of(nulls)).then(|| format!("customer number {}", i % 1000));
    let texts: StringArray = (0..rows).map(text).collect();
    RecordBatch::try_from_iter_with_nullable([("text", Arc::new(texts) as ArrayRef, true)])
        .expect("columns of one length")
}

fn gcd(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a.wrapping_rem(b));
    }
    a
}

fn native_gcd(rows: &RecordBatch) -> RecordBatch {
    let (a, b) = (rows.column(0).as_primitive::<Int64Type>(), rows.column(1).as_primitive::<Int64Type>());
    let gcd: Int64Array = binary(a, b, gcd).expect("columns of one length");
    columns([("gcd", Arc::new(gcd) as ArrayRef)])
}

fn native_filter(rows: &RecordBatch) -> RecordBatch {
    let amounts = rows.column(2).as_primitive::<Float64Type>();
    let keep = BooleanArray::from_unary(amounts, |amount| amount > 500.0);
    filter_record_batch(rows, &keep).expect("a bit a row")
}

fn native_upper(rows: &RecordBatch) -> RecordBatch {
    let texts = rows.column(0).as_string::<i32>();
    let (mut upper, mut length) = (StringBuilder::new(), Int64Array::builder(texts.len()));
    for text in texts {
        upper.append_option(text.map(str::to_uppercase));
        length.append_option(text.map(|text| text.len() as i64));
    }
    RecordBatch::try_from_iter_with_nullable([
        ("upper", Arc::new(upper.finish()) as ArrayRef, true),
        ("length", Arc::new(length.finish()) as ArrayRef, true),
    ])
    .expect("columns of one length")
}
