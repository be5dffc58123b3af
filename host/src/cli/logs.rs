//! `sabot pipeline logs`: what a pipeline and its components said.

use std::time::Duration;

use clap::Args;

use super::client::Client;
use super::failure::Failure;
use super::output::{Format, Output, printable, time};
use super::pipeline::path;
use crate::control::api::{LogLine, Logs};

/// Between two looks when following.
const LOOK: Duration = Duration::from_secs(1);

/// Which lines.
#[derive(Args, Debug)]
pub struct LogsArgs {
    /// The pipeline
    name: String,
    /// How many lines, the newest
    #[arg(short = 'n', long, default_value_t = 100)]
    lines: usize,
    /// Go on with new lines until interrupted
    #[arg(short, long)]
    follow: bool,
}

pub(super) fn run(
    client: &Client,
    format: Format,
    args: &LogsArgs,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let ask = |lines: usize| client.get::<Logs>(&format!("{}/logs?limit={lines}", path(&args.name)));
    let mut logs = ask(args.lines)?;
    if !args.follow {
        return output.answer(format, &logs, |logs| logs.lines.iter().map(line).collect());
    }
    let mut last = None;
    loop {
        for new in logs.lines.iter().filter(|l| last.is_none_or(|last| l.seq > last)) {
            match format {
                Format::Table => write!(output.out, "{}", line(new))?,
                _ => writeln!(output.out, "{}", serde_json::to_string(new).unwrap_or_default())?,
            }
        }
        output.out.flush()?;
        last = logs.lines.iter().map(|l| l.seq).max().or(last);
        std::thread::sleep(LOOK);
        logs = ask(1_000)?;
    }
}

fn line(line: &LogLine) -> String {
    let step = line.step.as_deref().map_or_else(String::new, |step| format!("{step}: "));
    format!("{} {:5} {step}{}\n", time(line.at_ms), line.level, printable(&line.message))
}
