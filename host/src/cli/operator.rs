//! `sabot operator`: exchanging the component of a step while its pipeline runs.

use clap::{Args, Subcommand};
use serde_json::Value;
use ureq::http::Method;

use super::client::{Body, Client, ClientArgs, segment};
use super::failure::Failure;
use super::output::{Format, Output};
use super::pipeline::path;
use crate::control::api::{RollbackRequest, SwapMode, SwapRequest, Swapped};

/// Exchange the component of a step while its pipeline runs
#[derive(Args, Debug)]
pub struct OperatorArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Exchange a component; whatever does not fit is refused, and the old one goes on
    Swap(SwapArgs),
    /// Go back to the component before
    Rollback {
        /// The step, as PIPELINE/STEP
        #[arg(value_name = "PIPELINE/STEP")]
        step: String,
        /// Only if the pipeline is at this revision
        #[arg(long, value_name = "REVISION")]
        expect: Option<u64>,
    },
    /// Run a new version beside the old one and compare (not in this release)
    Shadow(SwapArgs),
    /// Run a new version on some partitions (not in this release)
    Canary(SwapArgs),
    /// Make a canary or shadow the version that runs (not in this release)
    Promote {
        /// The step, as PIPELINE/STEP
        #[arg(value_name = "PIPELINE/STEP")]
        step: String,
    },
}

#[derive(Args, Debug)]
struct SwapArgs {
    /// The step, as PIPELINE/STEP
    #[arg(value_name = "PIPELINE/STEP")]
    step: String,
    /// The new component: `name` (the newest), `name@version` or `sha256:…`
    #[arg(value_name = "REF")]
    reference: String,
    /// Its configuration, as JSON; left out, that of the old one stays
    #[arg(long, value_name = "JSON")]
    config: Option<String>,
    /// Only if the pipeline is at this revision
    #[arg(long, value_name = "REVISION")]
    expect: Option<u64>,
}

pub(super) fn run(args: &OperatorArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let client = Client::new(&args.client)?;
    let format = args.client.output;
    match &args.command {
        Command::Swap(args) => swap(&client, format, args, SwapMode::Now, output),
        Command::Shadow(args) => swap(&client, format, args, SwapMode::Shadow, output),
        Command::Canary(args) => swap(&client, format, args, SwapMode::Canary, output),
        Command::Rollback { step, expect } => {
            let request = RollbackRequest { expect: *expect };
            let path = format!("{}/rollback", step_path(step)?);
            let done: Swapped = client.call(Method::POST, &path, &[], Some(json(&request)?))?;
            print(format, step, &done, output)
        }
        Command::Promote { step } => {
            step_path(step)?;
            let reason = "there is nothing to promote before shadow and canary swaps are; `sabot operator swap` \
                          exchanges at once, and its probation brings the old version back by itself";
            Err(Failure::new("promotions are not in this release", reason))
        }
    }
}

fn swap(
    client: &Client,
    format: Format,
    args: &SwapArgs,
    mode: SwapMode,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let config = args.config.as_deref().map(serde_json::from_str::<Value>).transpose();
    let config = config.map_err(|e| Failure::Usage(format!("--config is not JSON: {e}")))?;
    let request = SwapRequest { reference: args.reference.clone(), config, mode, expect: args.expect };
    let path = format!("{}/component", step_path(&args.step)?);
    let done: Swapped = client.call(Method::PUT, &path, &[], Some(json(&request)?))?;
    print(format, &args.step, &done, output)
}

fn json(request: &impl serde::Serialize) -> Result<Body<'static>, Failure> {
    let bytes = serde_json::to_vec(request).map_err(|e| Failure::Usage(e.to_string()))?;
    Ok(Body { content_type: "application/json", bytes })
}

fn print(format: Format, step: &str, done: &Swapped, output: &mut Output<'_>) -> Result<(), Failure> {
    output.answer(format, done, |d| match d.noop {
        true => format!("{step} runs {} already, revision {}", d.to, d.revision),
        false => {
            format!("{step}: {} → {}, revision {}, paused {:.1} ms", d.from, d.to, d.revision, d.pause_ms)
        }
    })
}

/// Path of `PIPELINE/STEP` in the API.
pub(super) fn step_path(step: &str) -> Result<String, Failure> {
    match step.split_once('/') {
        Some((pipeline, step)) if !pipeline.is_empty() && !step.is_empty() && !step.contains('/') => {
            Ok(format!("{}/steps/{}", path(pipeline), segment(step)))
        }
        _ => Err(Failure::Usage(format!("expected PIPELINE/STEP, found `{step}`"))),
    }
}
