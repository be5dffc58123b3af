//! The top of a specification: its name, what it promises, and the three mappings of sources, steps and sinks.
//! Knows nothing of how bytes became a tree.

use std::time::Duration;

use super::error::{Findings, SpecError, Warning};
use super::links::{self, Declared, Role};
use super::model::{Checkpoint, DeadLetterTarget, Delivery, Pipeline};
use super::table::{Field, Table};
use super::tree::Node;
use super::{policy, read, sink, source, step};

/// Sources, steps or sinks in a pipeline.
const MAX_ITEMS: usize = 500;
/// Connection of the host's config when a specification names none.
pub(super) const DEFAULT_CONNECTION: &str = "default";

/// The pipeline, with every mistake in `findings`; `None` only if there are some.
pub(super) fn read(tree: &Node, findings: &mut Findings) -> Option<(Pipeline, Vec<Warning>)> {
    let root = Field::root(tree);
    if tree.is_null() {
        findings
            .add(SpecError::new("", "the file is empty").expected("a pipeline: name, sources, steps, sinks"));
        return None;
    }
    let mut table = Table::open(&root, "a pipeline: name, sources, steps, sinks", findings)?;
    table.later(&["start_from", "supervise", "restart"], findings);
    table.misplaced(
        &["connections"],
        "connections are set in the host's config, never in a pipeline; a source or sink names one as `connection`",
        findings,
    );
    let name = name(&mut table, findings);
    let delivery = delivery(&mut table, findings);
    let checkpoint = checkpoint(&mut table, findings);
    let dead_letter = dead_letter(&mut table, findings);
    let errors = policy::errors(&mut table, findings);
    let mut declared = Vec::new();
    let sources = required_items(&mut table, "sources", findings);
    let sources = items(sources, Role::Source, &mut declared, findings, source::read);
    let steps = table.get("steps");
    let steps = items(steps, Role::Step, &mut declared, findings, step::read);
    let sinks = required_items(&mut table, "sinks", findings);
    let sinks = items(sinks, Role::Sink, &mut declared, findings, sink::read);
    table.close(findings);
    let warnings = links::check(&declared, findings);
    let pipeline = Pipeline {
        name: name?,
        delivery: delivery?,
        checkpoint: checkpoint?,
        dead_letter: dead_letter?,
        errors: errors?,
        sources: sources?,
        steps: steps?,
        sinks: sinks?,
    };
    Some((pipeline, warnings))
}

fn name(table: &mut Table<'_>, findings: &mut Findings) -> Option<String> {
    let expected = "the pipeline's name, as fraud";
    let field = table.require("name", expected, findings)?;
    let name = read::text(&field, expected, findings)?;
    read::check_name(&name, &field, findings).then_some(name)
}

fn delivery(table: &mut Table<'_>, findings: &mut Findings) -> Option<Delivery> {
    match table.get("delivery") {
        None => Some(Delivery::AtLeastOnce),
        Some(field) => {
            read::choice(&field, &[("at_least_once", Delivery::AtLeastOnce)], &["exactly_once"], findings)
        }
    }
}

fn checkpoint(table: &mut Table<'_>, findings: &mut Findings) -> Option<Checkpoint> {
    let mut every = Some(Duration::from_secs(1));
    if let Some(field) = table.get("checkpoint") {
        let mut table = Table::open(&field, "{ every: 1s }", findings)?;
        table.later(&["keep"], findings);
        if let Some(field) = table.get("every") {
            let range = Duration::from_millis(10)..=Duration::from_secs(3600);
            every = read::duration(&field, range, findings);
        }
        table.close(findings);
    }
    every.map(|every| Checkpoint { every })
}

fn dead_letter(table: &mut Table<'_>, findings: &mut Findings) -> Option<DeadLetterTarget> {
    let expected = "{ kafka: { topic: … } } or { file: … }";
    let Some(field) = table.get("dead_letter") else { return Some(DeadLetterTarget::HostFile) };
    let mut table = Table::open(&field, expected, findings)?;
    let kafka = table.get("kafka");
    let file = table.get("file");
    table.close(findings);
    match (kafka, file) {
        (Some(kafka), None) => {
            let mut table = Table::open(&kafka, "{ topic: … }", findings)?;
            let at = kafka_at(&mut table, findings);
            table.close(findings);
            at.map(|(connection, topic)| DeadLetterTarget::Kafka { connection, topic })
        }
        (None, Some(file)) => {
            read::text(&file, "a path", findings).map(|path| DeadLetterTarget::File(path.into()))
        }
        _ => {
            findings.add(field.error("dead letters go to one place").expected(expected));
            None
        }
    }
}

/// Connection and topic of a Kafka source, sink or dead letter.
pub(super) fn kafka_at(table: &mut Table<'_>, findings: &mut Findings) -> Option<(String, String)> {
    table.misplaced(
        &["brokers", "bootstrap", "bootstrap_servers", "bootstrap.servers"],
        "broker addresses are set in the host's config under `connections:`, never in a pipeline",
        findings,
    );
    let connection = match table.get("connection") {
        None => Some(DEFAULT_CONNECTION.to_owned()),
        Some(field) => read::text(&field, "the name of a connection of the host's config", findings)
            .filter(|name| read::check_name(name, &field, findings)),
    };
    let field = table.require("topic", "the topic's name", findings);
    let topic = field.and_then(|field| topic(&field, findings));
    connection.zip(topic)
}

/// Source of the rule: Kafka's `Topic.validate`.
fn topic(field: &Field<'_>, findings: &mut Findings) -> Option<String> {
    let expected = "a topic's name: 1 to 249 letters, digits, `.`, `_` or `-`";
    let topic = read::text(field, expected, findings)?;
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if topic.len() > 249 || topic == "." || topic == ".." || !topic.bytes().all(legal) {
        findings.add(field.wrong(expected));
        return None;
    }
    Some(topic)
}

fn required_items<'a>(
    table: &mut Table<'a>,
    key: &'static str,
    findings: &mut Findings,
) -> Option<Field<'a>> {
    let expected = format!("at least one of the {key}, as a mapping of names");
    let field = table.require(key, &expected, findings)?;
    if field.entries().is_some_and(<[_]>::is_empty) {
        findings.add(field.error(format!("there are no {key}")).expected(expected));
        return None;
    }
    Some(field)
}

/// Reads each entry of `sources`, `steps` or `sinks`, also those after one with a mistake.
fn items<T>(
    field: Option<Field<'_>>,
    role: Role,
    declared: &mut Vec<Declared>,
    findings: &mut Findings,
    read_item: impl Fn(&str, &mut Table<'_>, &mut Declared, &mut Findings) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(field) = field else { return Some(Vec::new()) };
    let Some(entries) = field.entries() else {
        findings.add(field.wrong("a mapping of names"));
        return None;
    };
    if entries.len() > MAX_ITEMS {
        findings.add(field.error(format!("{} entries; the limit is {MAX_ITEMS}", entries.len())));
        return None;
    }
    let mut read_items = Vec::new();
    for entry in entries {
        let at = field.child(entry);
        read::check_name(&entry.key, &at, findings);
        let mut own = Declared::new(role, &entry.key, &at);
        let item = Table::open(&at, "a mapping", findings).and_then(|mut table| {
            let item = read_item(&entry.key, &mut table, &mut own, findings);
            table.close(findings);
            item
        });
        declared.push(own);
        read_items.push(item);
    }
    read_items.into_iter().collect()
}
