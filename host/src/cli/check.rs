//! `sabot check`: what is wrong with a specification, or how it would run. Needs no host; asks brokers and
//! registries for columns where it is told whom.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value};

use super::failure::Failure;
use super::output::{Format, Output};
use crate::codec::registry::Registries;
use crate::config::{Config, Connection};
use crate::connector::kafka::Connections;
use crate::control::{self, Asking, Reason};
use crate::spec::{Pipeline, Source, SourceConnector};
use crate::stream::Columns;
use crate::{plan, spec};

/// Check a specification and print its plan; needs no host
///
/// Every mistake is told at once, with its line and the nearest right name. Columns that a registry or a sample
/// says are asked for where --config or --bootstrap says whom to ask, and printed. Components are not looked into:
/// `sabot pipeline plan` asks a host that has them.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The specification, YAML or JSON; `-` reads standard input
    file: PathBuf,
    /// The settings, for connections and registries
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A broker for the connection `default`
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap: Option<String>,
    /// How to print
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Format,
}

pub(super) fn run(args: &CheckArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let bytes = super::read_file(&args.file)?;
    let mut config = args.config.as_deref().map(Config::load).transpose()?;
    if let Some(bootstrap) = &args.bootstrap {
        let config = config.get_or_insert_default();
        config.connections.insert("default".into(), Connection::of_broker(bootstrap));
    }
    check(&args.file, &bytes, config.as_ref(), args.output, output)
}

fn check(
    file: &Path,
    bytes: &[u8],
    config: Option<&Config>,
    format: Format,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let mistaken = |errors: &[spec::SpecError]| Failure::Refused {
        title: match errors.len() {
            1 => format!("{} has a mistake", file.display()),
            n => format!("{} has {n} mistakes", file.display()),
        },
        reasons: errors.iter().map(|e| Reason::new(e.to_string())).collect(),
    };
    let mut parsed = spec::parse(bytes, spec::Format::Auto).map_err(|errors| mistaken(&errors))?;
    for warning in &parsed.warnings {
        output.note(&format!("warning: {warning}"))?;
    }
    let unknown: Vec<&Source> = parsed.pipeline.sources.iter().filter(|s| s.schema.is_none()).collect();
    // Files are there without any settings; brokers and registries are named in them.
    let can_ask = config.is_some() || unknown.iter().all(|s| matches!(s.connector, SourceConnector::File(_)));
    let unknown: Vec<String> = unknown.iter().filter(|_| can_ask).map(|source| source.name.clone()).collect();
    if !unknown.is_empty() {
        ask(file, config, &mut parsed.pipeline)?;
    }
    let wrong = control::mistakes_of_steps(&parsed.pipeline);
    if !wrong.is_empty() {
        return Err(mistaken(&wrong));
    }
    let plan = plan::plan(&parsed.pipeline);
    let mut answer = plan::to_json(&plan, &parsed.pipeline);
    answer["columns"] = Value::Object(learnt(&parsed.pipeline, &unknown));
    output.answer(format, &answer, |answer| {
        plan::render(&plan, &parsed.pipeline) + &answer["columns"].as_object().map_or_else(String::new, shown)
    })
}

/// Asks registries and samples for columns.
fn ask(file: &Path, config: Option<&Config>, pipeline: &mut Pipeline) -> Result<(), Failure> {
    let mistaken = |mistakes: Vec<String>| Failure::Refused {
        title: "the settings have mistakes".into(),
        reasons: mistakes.into_iter().map(Reason::new).collect(),
    };
    let defaults = Config::default();
    let config = config.unwrap_or(&defaults);
    let properties =
        config.connections.iter().map(|(name, c)| (name.clone(), c.properties.clone())).collect();
    let connections =
        Connections::new(&properties, config.limits.kafka_queue_bytes, None).map_err(mistaken)?;
    let registries = Registries::new(&config.registries).map_err(mistaken)?;
    let asking = Asking { connections: &connections, registries: &registries, before: None, refresh: false };
    asking.sources(pipeline).map(|_| ()).map_err(|reasons| Failure::Refused {
        title: format!("the columns of {} cannot be learnt", file.display()),
        reasons,
    })
}

/// The columns that were asked for, by source, each as a `schema` would declare them.
fn learnt(pipeline: &Pipeline, asked: &[String]) -> Map<String, Value> {
    let sources = pipeline.sources.iter().filter(|source| asked.contains(&source.name));
    let columns = |source: &Source| Some(Columns::from(source.schema.as_ref()?).into());
    sources.filter_map(|source| Some((source.name.clone(), columns(source)?))).collect()
}

/// The same for people, who may paste it below `schema:`.
fn shown(learnt: &Map<String, Value>) -> String {
    let mut text = String::new();
    for (source, columns) in learnt {
        text += &format!("\ncolumns of {source}\n");
        for (name, of) in columns.as_object().into_iter().flatten() {
            let of = of.as_str().unwrap_or_default();
            text += &format!("  {}: {}\n", in_yaml(name), in_yaml(of));
        }
    }
    text
}

/// Text in quotes where YAML would take it for something else, or a terminal act on it.
fn in_yaml(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_$()<>!, +-".contains(c);
    let begins = text.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '$');
    if begins && !text.ends_with(' ') && text.chars().all(plain) {
        return text.to_owned();
    }
    let escaped = |c: char| match c.is_control() {
        true => format!("\\u{:04x}", u32::from(c)),
        false => c.to_string(),
    };
    Value::from(text).to_string().chars().map(escaped).collect()
}
