//! `sabot new`, `build`, `test` and `inspect`: a component from its source to the answers it gives, without a host.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use clap::Args;
use serde_json::{Value, json};

use super::failure::Failure;
use super::output::{Format, Output};
use crate::batch::RawRecords;
use crate::codec::registry::Registries;
use crate::codec::{self, Codec, Decoder, Encoded, Encoder};
use crate::control::Reason;
use crate::guest::fixture::{Answer, Fixture, Refused, Row, compare_rows, differences, run_all};
use crate::guest::{build as builder, scaffold};
use crate::spec;
use crate::wasm::{Columns, Component, Engine, EngineOptions, World, run_groups, run_once};

/// Start a new component
///
/// Makes the folder NAME with a component that builds and passes its own tests. In this release no step of a pipeline
/// runs scalar and aggregate components yet; C and Python have filter and map.
#[derive(Args, Debug)]
pub struct NewArgs {
    /// Its name, and the folder's
    name: String,
    /// rust, c or python
    #[arg(long)]
    lang: String,
    /// filter, map, flat-map, aggregate, scalar or agent
    #[arg(long)]
    world: String,
}

pub(super) fn new(args: &NewArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let folder = scaffold::new(Path::new("."), &args.name, &args.lang, &args.world)
        .map_err(|e| Failure::plain(e.to_string()))?;
    let folder = folder.display();
    output.note(&format!("made {folder}; next: sabot build {folder} && sabot test {folder}"))
}

/// Build a component, into DIR/build/NAME.wasm
#[derive(Args, Debug)]
pub struct BuildArgs {
    /// Folder of the component, where its component.toml is
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

pub(super) fn build(args: &BuildArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let built = builder::build(&args.folder).map_err(|e| Failure::plain(e.to_string()))?;
    let size = std::fs::metadata(&built)?.len();
    output.note(&format!("built {} ({})", built.display(), super::output::size(size)))
}

/// Run a component on the fixtures of its folder and compare what comes out
///
/// A fixture is a file in DIR/tests with a configuration, a schema, input rows and the rows and errors expected.
#[derive(Args, Debug)]
pub struct TestArgs {
    /// Folder of the component, or its file; fixtures are in the folder's tests/
    #[arg(value_name = "DIR|FILE.wasm", default_value = ".")]
    target: PathBuf,
}

pub(super) fn test(args: &TestArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let (file, folder) = if args.target.is_dir() {
        let file = builder::build(&args.target).map_err(|e| Failure::plain(e.to_string()))?;
        (file, args.target.clone())
    } else {
        if !args.target.exists() {
            return Err(Failure::plain(format!("there is no folder or file {}", args.target.display())));
        }
        // FILE.wasm is DIR/build/NAME.wasm, or lies beside tests/.
        let target = std::path::absolute(&args.target)?;
        let parent = target.parent().unwrap_or(Path::new("/"));
        let above = parent.parent().filter(|_| parent.ends_with("build"));
        (args.target.clone(), above.unwrap_or(parent).to_owned())
    };
    let fixtures = Fixture::read_all(&folder).map_err(|e| Failure::plain(e.to_string()))?;
    if fixtures.is_empty() {
        return Err(Failure::plain(format!("{} has no fixtures in tests/", folder.display())));
    }
    let component = compile(&file)?;
    let outcomes = run_all(&fixtures, |fixture| answer(&component, fixture));
    for outcome in &outcomes {
        let verdict = if outcome.problems.is_empty() { "ok" } else { "FAILED" };
        output.note(&format!("{} … {verdict}", outcome.name))?;
    }
    let reason = |name: &str, problem: &String| Reason::at(name, problem.clone());
    let reasons: Vec<Reason> =
        outcomes.iter().flat_map(|o| o.problems.iter().map(|p| reason(&o.name, p))).collect();
    let failed = outcomes.iter().filter(|o| !o.problems.is_empty()).count();
    if failed > 0 {
        return Err(Failure::Refused {
            title: format!("{failed} of {} fixtures failed", outcomes.len()),
            reasons,
        });
    }
    output.note(&format!("{} passed", outcomes.len()))
}

/// Show what a component is: its manifest, imports, size
#[derive(Args, Debug)]
pub struct InspectArgs {
    /// The component
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    /// How to print
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Format,
}

pub(super) fn inspect(args: &InspectArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let component = compile(&args.file)?;
    let (manifest, inspection) = (component.manifest(), component.inspection());
    let found = json!({ "digest": component.digest(), "manifest": manifest, "inspection": inspection });
    output.answer(args.output, &found, |_| {
        let columns = match &manifest.columns {
            Columns::All => "all that the pipeline has".to_owned(),
            Columns::Named(names) => names.join(", "),
            Columns::Typed(columns) => {
                let typed: Vec<_> = columns.iter().map(|c| format!("{}: {}", c.name, c.data_type)).collect();
                typed.join(", ")
            }
        };
        super::output::facts(&[
            ("component", manifest.label()),
            ("world", manifest.world.name().to_owned()),
            ("digest", component.digest().to_owned()),
            ("size", super::output::size(inspection.size as u64)),
            ("columns", columns),
            ("capabilities", manifest.capabilities.join(", ")),
            ("imports", inspection.imports.join(", ")),
            ("exports", inspection.exports.join(", ")),
        ])
    })
}

fn compile(file: &Path) -> Result<Arc<Component>, Failure> {
    let bytes = super::read_file(file)?;
    let engine = Engine::new(&EngineOptions { cache: None, ..EngineOptions::default() })
        .map_err(|e| Failure::plain(format!("the WebAssembly engine: {e}")))?;
    engine.compile(&bytes).map_err(|e| Failure::Refused {
        title: format!("{} is not a component that can run here", file.display()),
        reasons: e.reasons.into_iter().map(Reason::new).collect(),
    })
}

/// What a component answers to a fixture.
fn answer(component: &Arc<Component>, fixture: &Fixture) -> Result<Answer, String> {
    let source = source(fixture)?;
    let rows = rows(&source, &fixture.input)?;
    if component.manifest().world == World::Aggregate {
        return grouped(component, fixture, &rows);
    }
    if !fixture.groups.is_empty() {
        return Err(format!("`groups` is for aggregates; it is a {}", component.manifest().world));
    }
    let run = run_once(
        component,
        &source.schema.clone().ok_or("no columns")?,
        &fixture.config,
        &spec::WasmLimits::default(),
        &[rows],
    )
    .map_err(|e| e.reasons.join("; "))?;
    let mut ports: Vec<(String, Vec<Row>)> =
        run.ports.iter().map(|(name, _)| (name.clone(), Vec::new())).collect();
    if ports.is_empty() {
        ports.push((spec::PORT_MAIN.to_owned(), Vec::new()));
    }
    for (port, batch) in &run.batches {
        let to = ports.get_mut(*port).ok_or_else(|| format!("port {port} was not agreed on"))?;
        to.1.extend(as_json(batch)?);
    }
    let errors = run.errors.iter().map(|e| Refused { row: e.row as usize, code: e.code.to_string() });
    Ok(Answer { ports, errors: errors.collect() })
}

/// What an aggregate answers: its results, if they are the same when states are taken and merged in between. Without
/// `groups` all rows are of one group.
fn grouped(component: &Arc<Component>, fixture: &Fixture, rows: &RecordBatch) -> Result<Answer, String> {
    let one = vec![0; rows.num_rows()];
    let groups = if fixture.groups.is_empty() { &one } else { &fixture.groups };
    let run = run_groups(component, &fixture.config, &spec::WasmLimits::default(), rows, groups)
        .map_err(|e| e.reasons.join("; "))?;
    let results = as_json(&run.results)?;
    let merged = as_json(&run.merged)?;
    let errors = run.errors.iter().map(|e| Refused { row: e.row as usize, code: e.code.to_string() });
    let answer = Answer { ports: vec![("result".into(), results)], errors: errors.collect() };
    let mut changed = Vec::new();
    compare_rows("result", &answer.ports[0].1, &merged, &mut changed);
    // What the fixture itself has against the results comes first.
    let as_expected = differences(fixture, &answer).is_empty();
    if as_expected && component.manifest().deterministic && !changed.is_empty() {
        let how = "its rows in two parts, taken with `take-state` and put together with `merge`, give other results";
        return Err(format!("{how}: {}", changed.join("; ")));
    }
    Ok(answer)
}

/// A source with the fixture's columns, as a pipeline would write them.
fn source(fixture: &Fixture) -> Result<spec::Source, String> {
    let pipeline = json!({
        "name": "fixture",
        "sources": { "rows": { "memory": { "name": "rows", "schema": fixture.schema } } },
        "sinks": { "out": { "from": "rows", "blackhole": {} } },
    });
    let parsed = spec::parse(pipeline.to_string().as_bytes(), spec::Format::Json).map_err(|errors| {
        let texts: Vec<String> =
            errors.iter().map(|e| e.to_string().replace("sources.rows.memory.", "")).collect();
        texts.join("; ")
    })?;
    parsed.pipeline.sources.into_iter().next().ok_or_else(|| "no columns".to_owned())
}

fn rows(source: &spec::Source, input: &[Row]) -> Result<RecordBatch, String> {
    let schema = source.schema.clone().ok_or("no columns")?;
    let mut decoder = Decoder::new(&codec::Decode::plain(Codec::Json, schema), &Registries::default())?;
    let mut raw = RawRecords::with_capacity("fixture".into(), 0, input.len(), 1024);
    for (number, row) in input.iter().enumerate() {
        let text = serde_json::to_vec(row).map_err(|e| e.to_string())?;
        raw.push(number as i64, None, None, Some(&text));
    }
    let decoded = decoder.decode(&raw).map_err(|e| e.to_string())?;
    match decoded.errors.first() {
        Some(error) => Err(format!("input row {}: {}", error.index, error.message)),
        None if decoded.taken < input.len() => Err(format!(
            "the input is one batch, and its rows from {} on are too much for one: make it smaller",
            decoded.taken
        )),
        None => Ok(decoded.rows),
    }
}

fn as_json(batch: &RecordBatch) -> Result<Vec<Row>, String> {
    let encode = codec::Encode::plain(Codec::Json);
    let mut encoder = Encoder::new(&encode, &batch.schema())?;
    let mut encoded = Encoded::default();
    encoder.encode(batch, &mut encoded);
    if let Some(error) = encoded.errors.first() {
        return Err(format!("output row {}: {}", error.index, error.message));
    }
    (0..batch.num_rows())
        .map(|row| match serde_json::from_slice(encoded.row(row)).map_err(|e| e.to_string())? {
            Value::Object(row) => Ok(row),
            other => Err(format!("a row is no object: {other}")),
        })
        .collect()
}
