//! `sabot pipeline`: creating, changing, watching and stopping pipelines.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::Value;
use ureq::http::Method;

use super::client::{Body, Client, ClientArgs, segment};
use super::failure::Failure;
use super::output::{Format, Output, facts, short, table, time};
use super::{logs, top};
use crate::control::api::{Applied, PipelineStatus, Pipelines, StepStatus, SwapOutcome};
use crate::control::{How, Reason};
use crate::spec;

/// Create, change, watch and stop pipelines
#[derive(Args, Debug)]
pub struct PipelineArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Create or change the pipeline that a file specifies
    Apply {
        /// The specification
        file: PathBuf,
        /// Only if the pipeline is at this revision; 0: only if there is none
        #[arg(long, value_name = "REVISION")]
        expect: Option<u64>,
        /// Check and plan only, as `sabot pipeline plan`
        #[arg(long)]
        dry_run: bool,
        /// Ask schema registries and samples again, also where the file is as before
        #[arg(long)]
        refresh_schemas: bool,
    },
    /// Check a file against the host, and show the plan without changing anything
    Plan {
        /// The specification
        file: PathBuf,
    },
    /// List all pipelines
    List,
    /// Show a pipeline: state, figures, versions
    Show {
        /// The pipeline
        name: String,
        /// Print its specification and nothing else
        #[arg(long)]
        spec: bool,
    },
    /// Start a pipeline, now and whenever the host starts
    Start {
        /// The pipeline
        name: String,
    },
    /// Stop a pipeline once everything it has read is delivered
    Stop {
        /// The pipeline
        name: String,
    },
    /// Stop and forget a pipeline; its components and committed offsets stay
    Rm {
        /// The pipeline
        name: String,
    },
    /// Print what a pipeline and its components logged
    Logs(logs::LogsArgs),
    /// Watch the throughput of pipelines
    Top(top::TopArgs),
}

pub(super) fn run(args: &PipelineArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let client = Client::new(&args.client)?;
    let format = args.client.output;
    match &args.command {
        Command::Apply { file, expect, dry_run, refresh_schemas } => {
            let how = How { expect: *expect, dry_run: *dry_run, refresh_schemas: *refresh_schemas };
            apply(&client, format, file, how, output)
        }
        Command::Plan { file } => {
            apply(&client, format, file, How { dry_run: true, ..How::default() }, output)
        }
        Command::List => {
            let all: Pipelines = client.get("/v1/pipelines")?;
            output.answer(format, &all, |all| list(&all.pipelines))
        }
        Command::Show { name, spec } => {
            let status: PipelineStatus = client.get(&path(name))?;
            if *spec {
                write!(output.out, "{}", status.spec.unwrap_or_default())?;
                return Ok(());
            }
            output.answer(format, &status, show)
        }
        Command::Start { name } => changed(&client, format, &format!("{}/start", path(name)), output),
        Command::Stop { name } => changed(&client, format, &format!("{}/stop", path(name)), output),
        Command::Rm { name } => {
            client.delete(&path(name))?;
            output.say(format, &format!("pipeline {name} removed"))
        }
        Command::Logs(args) => logs::run(&client, format, args, output),
        Command::Top(args) => top::run(&client, format, args, output),
    }
}

/// Path of a pipeline in the API.
pub(super) fn path(name: &str) -> String {
    format!("/v1/pipelines/{}", segment(name))
}

fn changed(client: &Client, format: Format, path: &str, output: &mut Output<'_>) -> Result<(), Failure> {
    let status: PipelineStatus = client.post(path)?;
    output.answer(format, &status, |s| {
        let reason = s.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        format!("pipeline {} is {}{reason}", s.name, s.state.as_str())
    })
}

fn apply(
    client: &Client,
    format: Format,
    file: &Path,
    How { expect, dry_run, refresh_schemas }: How,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let bytes = super::read_file(file)?;
    let name = name_in(file, &bytes)?;
    let tag = expect.map(|revision| format!("\"{revision}\""));
    let guard = match (expect, &tag) {
        (Some(0), _) => Some(("if-none-match", "*")),
        (_, Some(tag)) => Some(("if-match", tag.as_str())),
        _ => None,
    };
    let body = Body { content_type: "application/yaml", bytes };
    let asked = [("dry_run", dry_run), ("refresh_schemas", refresh_schemas)];
    let asked: Vec<String> =
        asked.iter().filter(|(_, set)| *set).map(|(word, _)| format!("{word}=true")).collect();
    let path = format!("{}?{}", path(&name), asked.join("&"));
    let applied: Applied = client.call(Method::PUT, &path, guard.as_slice(), Some(body))?;
    for warning in &applied.warnings {
        output.note(&format!("warning: {warning}"))?;
    }
    output.answer(format, &applied, |a| {
        let what = match (a.created, a.changed) {
            (true, _) => "created",
            (false, true) => "changed",
            (false, false) => "unchanged",
        };
        match a.dry_run {
            true => format!("{}\nwould be {what}, revision {}", a.plan_text.trim_end(), a.revision),
            false => format!("pipeline {} {what}, revision {}", a.name, a.revision),
        }
    })
}

/// The pipeline's name, for the address. All other mistakes are the host's to tell, which may know more than this
/// release does.
fn name_in(file: &Path, bytes: &[u8]) -> Result<String, Failure> {
    let parsed = serde_saphyr::from_slice::<Value>(bytes).ok();
    if let Some(name) = parsed.as_ref().and_then(|v| v.get("name")?.as_str()) {
        return Ok(name.to_owned());
    }
    let reasons = match spec::parse(bytes, spec::Format::Auto) {
        Err(errors) => errors.iter().map(|e| Reason::new(e.to_string())).collect(),
        Ok(parsed) => return Ok(parsed.pipeline.name),
    };
    Err(Failure::Refused { title: format!("{} has mistakes", file.display()), reasons })
}

fn sum<T>(of: &[T], figure: impl Fn(&T) -> u64) -> u64 {
    of.iter().map(figure).sum()
}

/// Lag over all sources; `-` where one has none that is known, as a generator.
pub(super) fn lag(pipeline: &PipelineStatus) -> String {
    let all: Option<u64> = pipeline.sources.iter().map(|s| s.lag).sum();
    all.map_or_else(|| "-".into(), |lag| lag.to_string())
}

/// Records and rows that failed anywhere.
pub(super) fn errors(pipeline: &PipelineStatus) -> u64 {
    sum(&pipeline.sources, |s| s.decode_errors)
        + sum(&pipeline.steps, |s| s.errors)
        + sum(&pipeline.sinks, |s| s.errors)
}

fn list(pipelines: &[PipelineStatus]) -> String {
    if pipelines.is_empty() {
        return "no pipelines yet; `sabot pipeline apply FILE.yaml` creates one".into();
    }
    let rows = pipelines.iter().map(|p| {
        [
            p.name.clone(),
            p.state.as_str().into(),
            p.revision.to_string(),
            sum(&p.sources, |s| s.records).to_string(),
            sum(&p.sinks, |s| s.rows).to_string(),
            errors(p).to_string(),
            lag(p),
            p.restarts.to_string(),
            p.reason.clone().unwrap_or_default(),
        ]
    });
    table(["NAME", "STATE", ">REVISION", ">IN", ">OUT", ">ERRORS", ">LAG", ">RESTARTS", "REASON"], rows)
}

/// A pipeline, its sources, steps and sinks.
pub(super) fn show(pipeline: &PipelineStatus) -> String {
    let head = facts(&[
        ("name", pipeline.name.clone()),
        ("state", pipeline.state.as_str().into()),
        ("reason", pipeline.reason.clone().unwrap_or_default()),
        ("since", time(pipeline.since_ms)),
        ("revision", pipeline.revision.to_string()),
        ("tasks", pipeline.tasks.to_string()),
        ("restarts", pipeline.restarts.to_string()),
        ("dead letters", pipeline.dead_letters.to_string()),
    ]);
    let sources = pipeline.sources.iter().map(|s| {
        let lag = s.lag.map_or_else(|| "-".into(), |lag| lag.to_string());
        let partitions = s.partitions.len().to_string();
        [s.name.clone(), s.topic.clone(), partitions, s.records.to_string(), s.decode_errors.to_string(), lag]
    });
    let sources = table(["SOURCE", "READS", ">PARTITIONS", ">RECORDS", ">ERRORS", ">LAG"], sources);
    let steps = pipeline.steps.iter().flat_map(step_rows);
    let steps = table(["STEP", "DOES", ">IN", ">OUT", ">ERRORS", ">TRAPS", "NOTE"], steps);
    let sinks = pipeline.sinks.iter().map(|s| {
        [s.name.clone(), s.topic.clone(), s.rows.to_string(), s.bytes.to_string(), s.errors.to_string()]
    });
    let counters = pipeline.steps.iter().flat_map(|step| {
        let of = step.component.iter().flat_map(|component| &component.counters);
        of.map(|(name, count)| [step.name.clone(), name.clone(), count.to_string()])
    });
    let counters: Vec<[String; 3]> = counters.collect();
    let counted = !counters.is_empty();
    let counters = table(["STEP", "COUNTER", ">COUNT"], counters);
    let sinks = table(["SINK", "WRITES", ">ROWS", ">BYTES", ">ERRORS"], sinks);
    let all = [
        (head, true),
        (sources, !pipeline.sources.is_empty()),
        (steps, !pipeline.steps.is_empty()),
        (counters, counted),
        (sinks, !pipeline.sinks.is_empty()),
    ];
    all.into_iter().filter(|(_, shown)| *shown).map(|(text, _)| text).collect::<Vec<_>>().join("\n")
}

/// A step, and below it each version of its component when there are several.
fn step_rows(step: &StepStatus) -> Vec<[String; 7]> {
    let traps: u64 = step.versions.iter().map(|v| v.traps).sum();
    let (does, note) = match &step.component {
        None => (step.kind.clone(), String::new()),
        Some(c) => {
            let note = match &c.last_swap {
                _ if c.probation => "on probation".into(),
                Some(swap) if swap.outcome == SwapOutcome::RolledBack => {
                    let reason = swap.reason.as_deref().unwrap_or("no reason given");
                    format!("{} was taken back: {reason}", swap.to)
                }
                _ => short(&c.digest),
            };
            (format!("{}@{}", c.name, c.version), note)
        }
    };
    let (rows_in, rows_out, errors) =
        (step.rows_in.to_string(), step.rows_out.to_string(), step.errors.to_string());
    let mut rows = vec![[step.name.clone(), does, rows_in, rows_out, errors, traps.to_string(), note]];
    if step.versions.len() > 1 {
        rows.extend(step.versions.iter().map(|v| {
            let (rows_in, rows_out, errors) =
                (v.rows_in.to_string(), v.rows_out.to_string(), v.errors.to_string());
            [String::new(), v.label.clone(), rows_in, rows_out, errors, v.traps.to_string(), String::new()]
        }));
    }
    rows
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::control::api::{
        Desired, LastSwap, PipelineState, SinkStatus, SourceStatus, StepComponent, VersionStatus,
    };

    fn status() -> PipelineStatus {
        let version = |label: &str, rows_in, traps| VersionStatus {
            label: label.into(),
            rows_in,
            rows_out: rows_in - 10,
            errors: 10,
            traps,
        };
        PipelineStatus {
            name: "fraud".into(),
            revision: 7,
            desired: Desired::Running,
            state: PipelineState::Running,
            reason: None,
            restarts: 1,
            since_ms: 1_700_000_000_000,
            tasks: 4,
            sources: vec![SourceStatus {
                name: "orders".into(),
                topic: "orders".into(),
                partitions: vec![Default::default(); 4],
                lag: Some(120),
                records: 1_000_000,
                decode_errors: 3,
                ..Default::default()
            }],
            steps: vec![
                StepStatus {
                    name: "large".into(),
                    kind: "filter".into(),
                    rows_in: 999_997,
                    rows_out: 500_000,
                    ..Default::default()
                },
                StepStatus {
                    name: "score".into(),
                    kind: "wasm".into(),
                    rows_in: 500_000,
                    rows_out: 499_980,
                    errors: 20,
                    versions: vec![version("scorer@1.0.0", 400_000, 0), version("scorer@2.0.0", 100_000, 1)],
                    component: Some(StepComponent {
                        digest: "sha256:0123456789abcdef".into(),
                        name: "scorer".into(),
                        version: "1.0.0".into(),
                        counters: BTreeMap::from([("hits".into(), 12), ("looked-up".into(), 1_000)]),
                        last_swap: Some(LastSwap {
                            from: "scorer@1.0.0".into(),
                            to: "scorer@2.0.0".into(),
                            outcome: SwapOutcome::RolledBack,
                            reason: Some("a call trapped: unreachable".into()),
                            at_ms: 0,
                        }),
                        ..Default::default()
                    }),
                    busy_ms: 0,
                },
            ],
            sinks: vec![SinkStatus {
                name: "alerts".into(),
                topic: "alerts".into(),
                rows: 499_980,
                bytes: 0,
                errors: 0,
            }],
            dead_letters: 23,
            spec: None,
        }
    }

    #[test]
    fn a_status_is_read_at_a_glance() {
        insta::assert_snapshot!(show(&status()), @r"
        name          fraud
        state         running
        since         2023-11-14 22:13:20Z
        revision      7
        tasks         4
        restarts      1
        dead letters  23

        SOURCE  READS   PARTITIONS  RECORDS  ERRORS  LAG
        orders  orders           4  1000000       3  120

        STEP   DOES              IN     OUT  ERRORS  TRAPS  NOTE
        large  filter        999997  500000       0      0
        score  scorer@1.0.0  500000  499980      20      1  scorer@2.0.0 was taken back: a call trapped: unreachable
               scorer@1.0.0  400000  399990      10      0
               scorer@2.0.0  100000   99990      10      1

        STEP   COUNTER    COUNT
        score  hits          12
        score  looked-up   1000

        SINK    WRITES    ROWS  BYTES  ERRORS
        alerts  alerts  499980      0       0
        ");
        insta::assert_snapshot!(list(&[status()]), @r"
        NAME   STATE    REVISION       IN     OUT  ERRORS  LAG  RESTARTS  REASON
        fraud  running         7  1000000  499980      23  120         1
        ");
        insta::assert_snapshot!(list(&[]), @"no pipelines yet; `sabot pipeline apply FILE.yaml` creates one");
    }

    #[test]
    fn the_name_is_found_or_the_mistakes_told() {
        let name = |text: &str| name_in(Path::new("p.yaml"), text.as_bytes()).map_err(|e| e.to_string());
        assert_eq!(name("name: fraud\nanything: else\n").unwrap(), "fraud");
        assert_eq!(name("{\"name\": \"fraud\"}").unwrap(), "fraud");
        insta::assert_snapshot!(name("name: [").unwrap_err(), @r"
        error: p.yaml has mistakes
          line 1: this is not YAML: unclosed bracket '[' (column 7)
        ");
        insta::assert_snapshot!(name("steps: {}").unwrap_err(), @r"
        error: p.yaml has mistakes
          line 1: name: this is missing; expected the pipeline's name, as fraud
          line 1: sources: this is missing; expected at least one of the sources, as a mapping of names
          line 1: sinks: this is missing; expected at least one of the sinks, as a mapping of names
        ");
    }
}
