//! `sabot run`: one pipeline in the foreground, without the admin API.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::control_plane::runtime;
use super::failure::Failure;
use super::logging::LogArgs;
use super::output::Output;
use super::serve::usual_config;
use super::{logging, pipeline, signal};
use crate::config::{Config, Connection};
use crate::control::api::{PipelineState, PipelineStatus};
use crate::control::{Host, SOURCES_ENDED, STARTS_AGAIN};

/// Between two looks at the pipeline.
const LOOK: Duration = Duration::from_millis(100);
/// The end is reached when so many looks in a row find nothing left to read.
const QUIET_LOOKS: u32 = 3;

/// Run one pipeline in the foreground, without the API
///
/// Ends when its sources end, when it fails, or on a signal; then prints what went through it.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The specification
    #[arg(value_name = "PIPELINE.yaml")]
    file: PathBuf,
    /// Stop once everything that there is to read has been read and delivered
    #[arg(long)]
    until_end: bool,
    /// The settings, for connections and limits; without it sabot.yaml, if there is one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A broker for the connection `default`, instead of the one in the settings
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap: Option<String>,
    /// Folder to keep components and dead letters in; without it nothing is kept
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    log: LogArgs,
}

pub(super) fn run(args: &RunArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let bytes = super::read_file(&args.file)?;
    let mut config = usual_config(args.config.as_deref())?;
    args.log.apply_to(&mut config.log);
    if let Some(bootstrap) = &args.bootstrap {
        config.connections.insert("default".into(), Connection::of_broker(bootstrap));
    }
    logging::init(&config.log)?;
    let passing = tempfile::tempdir()?;
    config.local_components = true;
    config.data_dir = args.data_dir.clone().unwrap_or_else(|| passing.path().to_owned());
    foreground(&config, &bytes, args.until_end, output)
}

fn foreground(config: &Config, spec: &[u8], until_end: bool, output: &mut Output<'_>) -> Result<(), Failure> {
    let host = Host::open(config)?;
    let applied = host.apply(None, spec, None, false)?;
    for warning in &applied.warnings {
        output.note(&format!("warning: {warning}"))?;
    }
    let name = applied.name;
    host.start_pipeline(&name)?;
    let watched = runtime()?.block_on(watch(&host, &name, until_end));
    let stopped = host.stop_pipeline(&name);
    host.shutdown();
    let (failed, stopped) = (watched?, stopped?);
    output.note(pipeline::show(&stopped).trim_end())?;
    // One that was told to stop has a reason where it could not finish.
    match failed.or(stopped.reason.filter(|reason| reason != SOURCES_ENDED)) {
        Some(reason) => Err(Failure::new(format!("pipeline {name} failed"), reason)),
        None => Ok(()),
    }
}

/// Waits for the end; answers why, if it is a failure.
async fn watch(host: &Host, name: &str, until_end: bool) -> Result<Option<String>, Failure> {
    let stop = signal::stop();
    tokio::pin!(stop);
    let mut quiet = 0;
    loop {
        tokio::select! {
            () = &mut stop => return Ok(None),
            () = tokio::time::sleep(LOOK) => {}
        }
        let status = host.pipeline(name)?;
        match status.state {
            PipelineState::Stopped => return Ok(None),
            PipelineState::Failed => {
                // Here it does not.
                let reason = status.reason.unwrap_or_default();
                let reason = reason.split_once(STARTS_AGAIN).map_or(reason.as_str(), |(reason, _)| reason);
                return Ok(Some(reason.to_owned()));
            }
            PipelineState::Running if until_end && nothing_left(&status) => quiet += 1,
            _ => quiet = 0,
        }
        if quiet == QUIET_LOOKS {
            return Ok(None);
        }
    }
}

/// Every source is known to have been read to its end.
fn nothing_left(status: &PipelineStatus) -> bool {
    status.sources.iter().all(|s| !s.partitions.is_empty() && s.lag == Some(0))
}
