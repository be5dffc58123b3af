//! `sabot pipeline top`: rates of pipelines and their steps, again and again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::client::Client;
use super::failure::Failure;
use super::output::{Format, Output, table};
use super::pipeline::{errors, lag, path};
use crate::control::api::{PipelineStatus, Pipelines};

/// What to watch.
#[derive(Args, Debug)]
pub struct TopArgs {
    /// Only this pipeline
    name: Option<String>,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    every: f64,
    /// Stop after so many tables
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

pub(super) fn run(
    client: &Client,
    format: Format,
    args: &TopArgs,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let every = Duration::try_from_secs_f64(args.every.clamp(0.1, 3_600.0))
        .map_err(|_| Failure::Usage("--every takes a number of seconds".into()))?;
    let look = || -> Result<_, Failure> {
        let pipelines = match &args.name {
            Some(name) => vec![client.get::<PipelineStatus>(&path(name))?],
            None => client.get::<Pipelines>("/v1/pipelines")?.pipelines,
        };
        Ok((Instant::now(), pipelines))
    };
    let mut before = look()?;
    let mut left = args.count;
    while left != Some(0) {
        std::thread::sleep(every);
        let now = look()?;
        let rows = rates(&before.1, &now.1, now.0 - before.0);
        if format == Format::Table {
            // Home and clear, so that the table stays in its place.
            let home = if output.terminal { "\u{1b}[H\u{1b}[J" } else { "" };
            let rows = rows.iter().map(Row::cells);
            let text = table(["PIPELINE", "STATE", "STEP", ">IN/S", ">OUT/S", ">ERRORS", ">LAG"], rows);
            write!(output.out, "{home}{text}")?;
        } else {
            for row in &rows {
                writeln!(output.out, "{}", row.json())?;
            }
        }
        output.out.flush()?;
        before = now;
        left = left.map(|left| left - 1);
    }
    Ok(())
}

/// A line of the table. Rates are unknown for what was not there at the last look, or began anew since.
#[derive(Debug, PartialEq)]
struct Row {
    pipeline: String,
    state: &'static str,
    /// Empty for the pipeline as a whole.
    step: String,
    rate_in: Option<f64>,
    rate_out: Option<f64>,
    errors: u64,
    lag: String,
}

impl Row {
    fn cells(&self) -> [String; 7] {
        let rate = |r: Option<f64>| r.map_or_else(|| "–".into(), |r| format!("{r:.0}"));
        [
            self.pipeline.clone(),
            self.state.into(),
            self.step.clone(),
            rate(self.rate_in),
            rate(self.rate_out),
            self.errors.to_string(),
            self.lag.clone(),
        ]
    }

    fn json(&self) -> serde_json::Value {
        let Row { pipeline, state, step, rate_in, rate_out, errors, .. } = self;
        json!({"pipeline": pipeline, "state": state, "step": step, "in_per_s": rate_in, "out_per_s": rate_out, "errors": errors})
    }
}

/// Figures of pipelines and steps by `(pipeline, step)`: rows in and out.
fn figures(pipelines: &[PipelineStatus]) -> HashMap<(String, String), (u64, u64)> {
    let mut figures = HashMap::new();
    for p in pipelines {
        let rows_in = p.sources.iter().map(|s| s.records).sum();
        let rows_out = p.sinks.iter().map(|s| s.rows).sum();
        figures.insert((p.name.clone(), String::new()), (rows_in, rows_out));
        for step in &p.steps {
            figures.insert((p.name.clone(), step.name.clone()), (step.rows_in, step.rows_out));
        }
    }
    figures
}

fn rates(before: &[PipelineStatus], now: &[PipelineStatus], passed: Duration) -> Vec<Row> {
    let (before, after) = (figures(before), figures(now));
    let row = |p: &PipelineStatus, step: &str, errors: u64, lag: String| {
        let key = (p.name.clone(), step.to_owned());
        let pair = before.get(&key).zip(after.get(&key));
        let rate = |figure: fn(&(u64, u64)) -> u64| {
            let (before, after) = pair.map(|(b, a)| (figure(b), figure(a)))?;
            Some(after.checked_sub(before)? as f64 / passed.as_secs_f64())
        };
        let (rate_in, rate_out) = (rate(|f| f.0), rate(|f| f.1));
        let (pipeline, state) = match step {
            "" => (p.name.clone(), p.state.as_str()),
            _ => (String::new(), ""),
        };
        Row { pipeline, state, step: step.to_owned(), rate_in, rate_out, errors, lag }
    };
    let of = |p: &PipelineStatus| {
        let mut rows = vec![row(p, "", errors(p), lag(p))];
        rows.extend(p.steps.iter().map(|s| row(p, &s.name, s.errors, String::new())));
        rows
    };
    now.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::api::{Desired, PipelineState, SourceStatus, StepStatus};

    fn status(name: &str, records: u64) -> PipelineStatus {
        PipelineStatus {
            name: name.into(),
            revision: 1,
            desired: Desired::Running,
            state: PipelineState::Running,
            reason: None,
            restarts: 0,
            since_ms: 0,
            tasks: 1,
            sources: vec![SourceStatus { records, ..Default::default() }],
            steps: vec![StepStatus {
                name: "score".into(),
                rows_in: records,
                rows_out: records / 2,
                ..Default::default()
            }],
            sinks: Vec::new(),
            dead_letters: 0,
            spec: None,
        }
    }

    #[test]
    fn rates_come_from_two_looks() {
        let before = [status("fraud", 1_000), status("again", 9_000)];
        let now = [status("fraud", 21_000), status("again", 10), status("new", 5)];
        let rows = rates(&before, &now, Duration::from_secs(2));
        let found: Vec<_> =
            rows.iter().map(|r| (r.pipeline.as_str(), r.step.as_str(), r.rate_in, r.rate_out)).collect();
        assert_eq!(
            found,
            [
                ("fraud", "", Some(10_000.0), Some(0.0)),
                ("", "score", Some(10_000.0), Some(5_000.0)),
                ("again", "", None, Some(0.0)),
                ("", "score", None, None),
                ("new", "", None, None),
                ("", "score", None, None),
            ]
        );
    }
}
