//! `sabot state`: the call of the interface; this release answers what comes.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::{Client, ClientArgs, segment};
use super::failure::Failure;
use super::operator::step_path;
use super::output::Output;

/// Query keyed state (not in this release)
#[derive(Args, Debug)]
pub struct StateArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Get the value of a key
    Get {
        /// The state, as PIPELINE/STEP/STATE
        #[arg(value_name = "PIPELINE/STEP/STATE")]
        state: String,
        /// The key
        #[arg(long, value_name = "JSON")]
        key: String,
    },
}

pub(super) fn run(args: &StateArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let Command::Get { state, key } = &args.command;
    serde_json::from_str::<Value>(key).map_err(|e| Failure::Usage(format!("--key is not JSON: {e}")))?;
    let Some((step, name)) = state.rsplit_once('/').filter(|(_, name)| !name.is_empty()) else {
        return Err(Failure::Usage(format!("expected PIPELINE/STEP/STATE, found `{state}`")));
    };
    let path = format!("{}/state/{}?key={}", step_path(step)?, segment(name), segment(key));
    let value: Value = Client::new(&args.client)?.get(&path)?;
    output.answer(args.client.output, &value, Value::to_string)
}
