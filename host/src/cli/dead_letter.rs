//! `sabot dead-letter`: records that failed, as they came in, and why; and running them again.

use clap::{ArgGroup, Args, Subcommand};
use ureq::http::Method;

use super::client::{Body, Client, ClientArgs, segment};
use super::failure::Failure;
use super::output::{Output, facts, table, time};
use super::pipeline::path;
use crate::control::Reason;
use crate::control::api::{DeadLetterView, DeadLetters, Header, Octets, ReplayRequest, Replayed};

/// Skipped letters that are told one by one.
const TOLD: usize = 20;

/// Look at the records that failed, and run them again
#[derive(Args, Debug)]
pub struct DeadLetterArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List the newest dead letters of a pipeline, and count all by step and code
    List {
        /// The pipeline
        pipeline: String,
        /// Only those of this source, step or sink
        #[arg(long)]
        step: Option<String>,
        /// Only those with this code
        #[arg(long)]
        code: Option<String>,
        /// How many
        #[arg(short = 'n', long, alias = "lines", default_value_t = 20)]
        limit: usize,
        /// Those that were run again, in place of those that were not
        #[arg(long)]
        replayed: bool,
    },
    /// Show a dead letter whole
    Show {
        /// The pipeline
        pipeline: String,
        /// The letter
        id: String,
    },
    /// Run dead letters through the pipeline again, each from where it failed
    #[command(
        override_usage = "sabot dead-letter replay [OPTIONS] <PIPELINE> <ID>...|--all|--step <STEP>|--code <CODE>"
    )]
    Replay(ReplayArgs),
}

/// The letters to run again.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("which").required(true).multiple(true).args(["ids", "all", "step", "code"]))]
struct ReplayArgs {
    /// The pipeline
    pipeline: String,
    /// These letters
    #[arg(value_name = "ID", conflicts_with_all = ["all", "step", "code"])]
    ids: Vec<String>,
    /// All that were not run again yet
    #[arg(long, conflicts_with_all = ["step", "code"])]
    all: bool,
    /// Those of this source, step or sink
    #[arg(long)]
    step: Option<String>,
    /// Those with this code
    #[arg(long)]
    code: Option<String>,
}

pub(super) fn run(args: &DeadLetterArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let client = Client::new(&args.client)?;
    let format = args.client.output;
    let letters = |pipeline: &str| format!("{}/dead-letters", path(pipeline));
    match &args.command {
        Command::List { pipeline, step, code, limit, replayed } => {
            let mut query = format!("limit={limit}&replayed={replayed}");
            for (name, value) in [("step", step), ("code", code)] {
                if let Some(value) = value {
                    query += &format!("&{name}={}", segment(value));
                }
            }
            let all: DeadLetters = client.get(&format!("{}?{query}", letters(pipeline)))?;
            output.answer(format, &all, list)
        }
        Command::Show { pipeline, id } => {
            let one: DeadLetterView = client.get(&format!("{}/{}", letters(pipeline), segment(id)))?;
            output.answer(format, &one, show)
        }
        Command::Replay(args) => {
            let done = replay(&client, &format!("{}/replay", letters(&args.pipeline)), args)?;
            output.answer(format, &done, replayed)?;
            all_through(&done)
        }
    }
}

fn replay(client: &Client, path: &str, args: &ReplayArgs) -> Result<Replayed, Failure> {
    let ReplayArgs { ids, step, code, all, .. } = args;
    let request = ReplayRequest { ids: ids.clone(), step: step.clone(), code: code.clone(), all: *all };
    let bytes = serde_json::to_vec(&request).map_err(|e| Failure::plain(e.to_string()))?;
    client.call(Method::POST, path, &[], Some(Body { content_type: "application/json", bytes }))
}

/// A failure that says which letters are still dead, if some are.
fn all_through(done: &Replayed) -> Result<(), Failure> {
    let skipped = done.skipped.len() as u64 + done.more_skipped;
    if done.failed_again == 0 && skipped == 0 {
        return Ok(());
    }
    let told = done.skipped.iter().take(TOLD);
    let mut reasons: Vec<Reason> = told.map(|one| Reason::at(one.id.clone(), one.reason.clone())).collect();
    let more = skipped - reasons.len() as u64;
    if more > 0 {
        reasons.push(Reason::new(format!("and {more} more")));
    }
    let title = format!("letters failed again: {}, skipped: {skipped}", done.failed_again);
    Err(Failure::Refused { title, reasons })
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
        Some(Octets { text: Some(text), .. }) => text.clone(),
        Some(Octets { base64, .. }) => format!("base64:{base64}"),
    }
}

/// The value as it came, or else the row.
fn value(letter: &DeadLetterView) -> String {
    match (&letter.value, &letter.row) {
        (None, Some(row)) => row.to_string(),
        (value, _) => text(value.as_ref()),
    }
}

fn list(letters: &DeadLetters) -> String {
    if letters.dead_letters.is_empty() && letters.counts.is_empty() {
        return "no dead letters".into();
    }
    let rows = letters.dead_letters.iter().map(|l| {
        let value: String = value(l).chars().take(60).collect();
        let attempts = l.attempts.to_string();
        [
            l.id.clone(),
            time(l.at_ms),
            l.step.clone(),
            place(l),
            attempts,
            l.code.clone(),
            l.error.clone(),
            value,
        ]
    });
    let listed = table(["ID", "AT", "STEP", "CAME FROM", ">ATTEMPTS", "CODE", "ERROR", "VALUE"], rows);
    let more = if letters.more { "there are older ones; `--limit` lists more\n" } else { "" };
    let counts = letters.counts.iter().map(|c| [c.step.clone(), c.code.clone(), c.count.to_string()]);
    format!("{listed}{more}\n{}", table(["STEP", "CODE", ">LETTERS"], counts))
}

fn show(letter: &DeadLetterView) -> String {
    let header = |h: &Header| format!("{}: {}\n", h.name, text(h.value.as_ref()));
    let replayed = letter.replayed_ms.map(|ms| match letter.failed_again {
        true => format!("{}, and failed again: a new letter stands for it", time(ms)),
        false => time(ms),
    });
    facts(&[
        ("id", letter.id.clone()),
        ("at", time(letter.at_ms)),
        ("step", letter.step.clone()),
        ("component", letter.component.clone().unwrap_or_default()),
        ("digest", letter.digest.clone().unwrap_or_default()),
        ("code", letter.code.clone()),
        ("error", letter.error.clone()),
        ("attempts", letter.attempts.to_string()),
        ("came from", place(letter)),
        (
            "timestamp",
            letter.timestamp_ms.and_then(|ms| u64::try_from(ms).ok()).map_or_else(String::new, time),
        ),
        ("key", text(letter.key.as_ref())),
        ("headers", letter.headers.iter().map(header).collect()),
        ("value", text(letter.value.as_ref())),
        ("row", letter.row.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("replayed", replayed.unwrap_or_default()),
    ])
}

fn replayed(done: &Replayed) -> String {
    let skipped = done.skipped.len() as u64 + done.more_skipped;
    format!("{} replayed, {} failed again, {skipped} skipped", done.replayed, done.failed_again)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::control::api::{DeadLetterCount, SkippedLetter};

    fn letter() -> DeadLetterView {
        DeadLetterView {
            id: "17".into(),
            at_ms: 1_700_000_000_000,
            step: "score".into(),
            component: Some("scorer@1.2.0".into()),
            digest: Some("sha256:0123".into()),
            code: "trap".into(),
            error: "scorer@1.2.0: unreachable".into(),
            attempts: 6,
            topic: Some("orders".into()),
            partition: Some(3),
            offset: Some(1042),
            key: Some(Octets::new(b"ann")),
            value: Some(Octets::new(b"{\"id\":7}")),
            headers: vec![Header { name: "trace".into(), value: Some(Octets::new(&[0xff, 0])) }],
            row: Some(json!({"id": 7})),
            ..DeadLetterView::default()
        }
    }

    #[test]
    fn letters_are_read_at_a_glance() {
        let inside = DeadLetterView {
            id: "16".into(),
            topic: None,
            partition: None,
            offset: None,
            value: None,
            ..letter()
        };
        let counts = [("orders", "json-syntax", 3), ("score", "trap", 9)]
            .map(|(step, code, count)| DeadLetterCount { step: step.into(), code: code.into(), count });
        let all = DeadLetters { dead_letters: vec![letter(), inside], counts: counts.into(), more: true };
        insta::assert_snapshot!(list(&all), @r#"
        ID  AT                    STEP   CAME FROM       ATTEMPTS  CODE  ERROR                      VALUE
        17  2023-11-14 22:13:20Z  score  orders[3]@1042         6  trap  scorer@1.2.0: unreachable  {"id":7}
        16  2023-11-14 22:13:20Z  score                         6  trap  scorer@1.2.0: unreachable  {"id":7}
        there are older ones; `--limit` lists more

        STEP    CODE         LETTERS
        orders  json-syntax        3
        score   trap               9
        "#);
        let replayed =
            DeadLetterView { replayed_ms: Some(1_700_000_100_000), failed_again: true, ..letter() };
        insta::assert_snapshot!(show(&replayed), @r#"
        id         17
        at         2023-11-14 22:13:20Z
        step       score
        component  scorer@1.2.0
        digest     sha256:0123
        code       trap
        error      scorer@1.2.0: unreachable
        attempts   6
        came from  orders[3]@1042
        key        ann
        headers    trace: base64:/wA=
        value      {"id":7}
        row        {"id":7}
        replayed   2023-11-14 22:15:00Z, and failed again: a new letter stands for it
        "#);
    }

    #[test]
    fn what_is_still_dead_is_a_failure() {
        let done = Replayed { replayed: 5, ..Replayed::default() };
        assert_eq!(replayed(&done), "5 replayed, 0 failed again, 0 skipped");
        assert!(all_through(&done).is_ok());
        let skipped = |n: u64| SkippedLetter { id: n.to_string(), reason: "it was run again already".into() };
        let done =
            Replayed { failed_again: 2, skipped: (1..=21).map(skipped).collect(), more_skipped: 4, ..done };
        let failure = all_through(&done).unwrap_err();
        let text = failure.to_string();
        assert_eq!(failure.exit_code(), 1);
        assert!(
            text.starts_with("error: letters failed again: 2, skipped: 25\n  1: it was run again already\n")
        );
        assert!(text.ends_with("\n  and 5 more"), "{text}");
    }
}
