//! `sabot dead-letter`: records that failed, as they came in, and why.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::{Client, ClientArgs, segment};
use super::failure::Failure;
use super::output::{Output, facts, table, time};
use super::pipeline::path;
use crate::control::api::{DeadLetterView, DeadLetters, Octets};

/// Look at the records that failed
#[derive(Args, Debug)]
pub struct DeadLetterArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List the newest dead letters of a pipeline
    List {
        /// The pipeline
        pipeline: String,
        /// How many
        #[arg(short = 'n', long, default_value_t = 20)]
        lines: usize,
    },
    /// Show a dead letter whole
    Show {
        /// The pipeline
        pipeline: String,
        /// The letter
        id: String,
    },
    /// Send dead letters through the pipeline again (not in this release)
    Replay {
        /// The pipeline
        pipeline: String,
    },
}

pub(super) fn run(args: &DeadLetterArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let client = Client::new(&args.client)?;
    let format = args.client.output;
    let letters = |pipeline: &str| format!("{}/dead-letters", path(pipeline));
    match &args.command {
        Command::List { pipeline, lines } => {
            let all: DeadLetters = client.get(&format!("{}?limit={lines}", letters(pipeline)))?;
            output.answer(format, &all, |all| list(&all.dead_letters))
        }
        Command::Show { pipeline, id } => {
            let one: DeadLetterView = client.get(&format!("{}/{}", letters(pipeline), segment(id)))?;
            output.answer(format, &one, show)
        }
        Command::Replay { pipeline } => {
            let done: Value = client.post(&format!("{}/replay", letters(pipeline)))?;
            output.answer(format, &done, Value::to_string)
        }
    }
}

/// Topic, partition and offset, as far as they are known.
fn place(letter: &DeadLetterView) -> String {
    let topic = letter.topic.clone().unwrap_or_default();
    match (letter.partition, letter.offset) {
        (Some(partition), Some(offset)) => format!("{topic}[{partition}]@{offset}"),
        _ => topic,
    }
}

fn text(octets: Option<&Octets>) -> String {
    match octets {
        None => String::new(),
        Some(Octets::Text(text)) => text.clone(),
        Some(Octets::Hex(hex)) => format!("0x{hex}"),
    }
}

fn list(letters: &[DeadLetterView]) -> String {
    if letters.is_empty() {
        return "no dead letters".into();
    }
    let rows = letters.iter().map(|l| {
        let value: String = text(l.value.as_ref()).chars().take(60).collect();
        [l.id.clone(), time(l.at_ms), l.step.clone(), place(l), l.code.clone(), l.error.clone(), value]
    });
    table(["ID", "AT", "STEP", "CAME FROM", "CODE", "ERROR", "VALUE"], rows)
}

fn show(letter: &DeadLetterView) -> String {
    let header = |h: &crate::control::api::Header| format!("{}: {}\n", h.name, text(h.value.as_ref()));
    facts(&[
        ("id", letter.id.clone()),
        ("at", time(letter.at_ms)),
        ("step", letter.step.clone()),
        ("code", letter.code.clone()),
        ("error", letter.error.clone()),
        ("came from", place(letter)),
        (
            "timestamp",
            letter.timestamp_ms.and_then(|ms| u64::try_from(ms).ok()).map_or_else(String::new, time),
        ),
        ("key", text(letter.key.as_ref())),
        ("headers", letter.headers.iter().map(header).collect()),
        ("value", text(letter.value.as_ref())),
    ])
}
