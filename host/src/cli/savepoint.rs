//! `sabot savepoint`: the calls of the interface; this release answers what comes.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::{Client, ClientArgs, segment};
use super::failure::Failure;
use super::output::Output;
use super::pipeline::path;

/// Savepoints of a pipeline's state (not in this release)
#[derive(Args, Debug)]
pub struct SavepointArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Take a savepoint
    Create {
        /// The pipeline
        pipeline: String,
    },
    /// List the savepoints of a pipeline
    List {
        /// The pipeline
        pipeline: String,
    },
    /// Start a pipeline from a savepoint
    Restore {
        /// The pipeline
        pipeline: String,
        /// The savepoint
        id: String,
    },
    /// Remove a savepoint
    Rm {
        /// The pipeline
        pipeline: String,
        /// The savepoint
        id: String,
    },
}

pub(super) fn run(args: &SavepointArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let client = Client::new(&args.client)?;
    let savepoints = |pipeline: &str| format!("{}/savepoints", path(pipeline));
    let answer: Value = match &args.command {
        Command::Create { pipeline } => client.post(&savepoints(pipeline))?,
        // A restore is an apply with `start_from`; whether there are savepoints at all, the list says.
        Command::List { pipeline } | Command::Restore { pipeline, .. } => {
            client.get(&savepoints(pipeline))?
        }
        Command::Rm { pipeline, id } => {
            return client.delete(&format!("{}/{}", savepoints(pipeline), segment(id)));
        }
    };
    output.answer(args.client.output, &answer, Value::to_string)
}
