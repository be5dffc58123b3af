//! What the host says while it works: lines on stderr, for people or as JSON.

use std::io::{IsTerminal, stderr};

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use super::failure::Failure;
use crate::config::{Log, LogFormat};

/// What the host says. Wins over the settings file.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// error, warn, info, debug, trace, or by module as `info,sabot::admin=debug`
    #[arg(long, value_name = "LEVEL", env = "SABOT_LOG")]
    log_level: Option<String>,
    /// How a line looks
    #[arg(long, value_name = "FORMAT", value_enum)]
    log_format: Option<Format>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// A JSON object a line
    Json,
}

impl LogArgs {
    /// Replaces what was given on the command line.
    pub(super) fn apply_to(&self, log: &mut Log) {
        if let Some(level) = &self.log_level {
            log.level.clone_from(level);
        }
        match self.log_format {
            Some(Format::Text) => log.format = LogFormat::Text,
            Some(Format::Json) => log.format = LogFormat::Json,
            None => {}
        }
    }
}

/// Begins to say it. Once a process.
pub(super) fn init(log: &Log) -> Result<(), Failure> {
    let filter = filter(&log.level)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    let begun = match log.format {
        LogFormat::Text => builder.with_ansi(stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    begun.map_err(|e| Failure::plain(format!("cannot begin to log: {e}")))
}

fn filter(level: &str) -> Result<EnvFilter, Failure> {
    EnvFilter::try_new(level).map_err(|_| {
        let reason = "expected error, warn, info, debug, trace, or by module as `info,sabot::admin=debug`";
        Failure::new(format!("the log level `{level}` is not understood"), reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_checked() {
        assert!(filter("info").is_ok());
        assert!(filter("info,sabot::admin=debug").is_ok());
        insta::assert_snapshot!(filter("sabot=loud").unwrap_err(), @r"
        error: the log level `sabot=loud` is not understood
          expected error, warn, info, debug, trace, or by module as `info,sabot::admin=debug`
        ");
    }
}
