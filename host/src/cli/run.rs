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
use crate::config::Connection;
use crate::control::SOURCES_ENDED;
use crate::stream::{End, Functions, Host, Running, Until, Watch};

/// Between two looks at the pipeline.
const LOOK: Duration = Duration::from_millis(100);

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
    let mut host = Host::builder().config(config);
    if let Some(folder) = &args.data_dir {
        host = host.data_dir(folder);
    }
    foreground(&host.open()?, &bytes, args.until_end, output)
}

fn foreground(host: &Host, spec: &[u8], until_end: bool, output: &mut Output<'_>) -> Result<(), Failure> {
    let running = host.start_spec(spec, Functions::new())?;
    for warning in running.warnings() {
        output.note(&format!("warning: {warning}"))?;
    }
    let until = if until_end { Until::Read } else { Until::Ended };
    let watched = runtime()?.block_on(watch(&running, until));
    let stopped = running.stop();
    let (failed, stopped) = (watched?, stopped?);
    output.note(pipeline::show(&stopped).trim_end())?;
    // One that was told to stop has a reason where it could not finish.
    match failed.or(stopped.reason.filter(|reason| reason != SOURCES_ENDED)) {
        Some(reason) => Err(Failure::new(format!("pipeline {} failed", running.name()), reason)),
        None => Ok(()),
    }
}

/// Waits for the end or a signal; answers why, if it is a failure.
async fn watch(running: &Running, until: Until) -> Result<Option<String>, Failure> {
    let stop = signal::stop();
    tokio::pin!(stop);
    let mut watch = Watch::new(until);
    loop {
        tokio::select! {
            () = &mut stop => return Ok(None),
            () = tokio::time::sleep(LOOK) => {}
        }
        match watch.look(&running.status()?) {
            None => {}
            Some(End::Failed(reason)) => return Ok(Some(reason)),
            Some(End::Stopped | End::Read) => return Ok(None),
        }
    }
}
