//! A line for people about each part of a plan. Knows the specification and nothing of layout.

use std::fmt::Write as _;

use super::model::{Channel, ChannelId, Fragment, Plan, Target};
use crate::spec::{
    Columns, Compression, DeadLetterTarget, Decode, ErrorPolicy, Fate, FileFormat, Generate, KafkaSink,
    KafkaSource, PORT_MAIN, Partitioner, Pipeline, Retry, Sink, SinkConnector, Source, SourceConnector,
    Start, Step, StepKind, ValueFormat, show_duration, show_size,
};

/// Characters of an expression that are shown.
const MAX_EXPRESSION_CHARS: usize = 72;

/// What the node of this name is and does.
pub(super) fn node(pipeline: &Pipeline, name: &str) -> String {
    if let Some(found) = pipeline.source(name) {
        return source(pipeline, found);
    }
    if let Some(found) = pipeline.step(name) {
        return step(found);
    }
    pipeline.sink(name).map(sink).unwrap_or_default()
}

fn source(pipeline: &Pipeline, source: &Source) -> String {
    let mut text = match &source.connector {
        SourceConnector::Kafka(kafka) => kafka_source(pipeline, kafka),
        SourceConnector::File(file) => format!("{} {}", format_name(file.format), file.path.display()),
        SourceConnector::Generate(generate) => generated(generate),
        SourceConnector::Memory { name } => format!("memory {name}"),
    };
    if let Some(decode) = &source.decode {
        let _ = write!(text, ", {}", decode.value.codec.name());
    }
    text += &match (&source.schema, &source.decode) {
        (Some(columns), _) => match columns.fields().len() {
            1 => ", 1 column".to_owned(),
            many => format!(", {many} columns"),
        },
        (None, Some(Decode { value: ValueFormat { columns: Columns::Inferred(sample), .. }, .. })) => {
            format!(", columns from a sample of up to {} records", sample.records)
        }
        (None, decode) => {
            let registry = decode.as_ref().and_then(|decode| decode.value.registry());
            format!(", columns from registry {}", registry.unwrap_or_default())
        }
    };
    if let Some(time) = &source.event_time {
        let late = show_duration(time.out_of_order);
        let _ = write!(text, ", event time in column {}, up to {late} out of order", time.column);
    }
    text + &on_error(source.on_error)
}

fn kafka_source(pipeline: &Pipeline, kafka: &KafkaSource) -> String {
    let group = kafka.group.as_ref().unwrap_or(&pipeline.name);
    let start = match kafka.start {
        Start::Earliest => "the earliest record".to_owned(),
        Start::Latest => "the latest record".to_owned(),
        Start::Committed => "the committed offset only".to_owned(),
        Start::Timestamp(millis) => match jiff::Timestamp::from_millisecond(millis) {
            Ok(time) => time.to_string(),
            Err(_) => format!("{millis} ms since 1970"),
        },
    };
    format!("{}, group {group}, from {start}", topic(&kafka.connection, &kafka.topic))
}

fn topic(connection: &str, topic: &str) -> String {
    format!("kafka {topic} of connection {connection}")
}

fn generated(generate: &Generate) -> String {
    let count = generate.count.map_or_else(|| "endless".to_owned(), |count| count.to_string());
    let rate = generate.rate.map(|rate| format!(", {rate} a second")).unwrap_or_default();
    format!("generated, {count} rows{rate}, seed {}", generate.seed)
}

fn step(step: &Step) -> String {
    let text = match &step.kind {
        StepKind::Union => {
            format!("of {}", cut(&step.from.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")))
        }
        StepKind::Filter { expression } => cut(expression),
        StepKind::Select { items } => cut(&items.join(", ")),
        StepKind::Route { branches } => {
            let branch = |(port, expression): &(String, Option<String>)| {
                format!("{port}: {}", expression.as_deref().unwrap_or("otherwise"))
            };
            cut(&branches.iter().map(branch).collect::<Vec<_>>().join(", "))
        }
        StepKind::Wasm(wasm) => {
            let memory = show_size(wasm.limits.memory_bytes as u64);
            let time = show_duration(wasm.limits.batch_timeout);
            let grant = match wasm.grant.is_empty() {
                true => String::new(),
                false => format!(", may use {}", wasm.grant.join(" and ")),
            };
            format!("{}, {memory} and {time} a batch{grant}", wasm.component)
        }
        StepKind::Native(native) => {
            let columns = native.schema.as_ref().map(|schema| format!(", {} columns", schema.fields().len()));
            format!("{} of the embedding program{}", native.function, columns.unwrap_or_default())
        }
    };
    text + &on_error(step.on_error)
}

fn sink(sink: &Sink) -> String {
    let mut text = match &sink.connector {
        SinkConnector::Kafka(kafka) => kafka_sink(kafka),
        SinkConnector::File { path, format } => format!("{} {}", format_name(*format), path.display()),
        SinkConnector::Stdout => "standard output".to_owned(),
        SinkConnector::Blackhole => "dropped".to_owned(),
        SinkConnector::Memory { name } => format!("memory {name}"),
    };
    if let Some(encode) = &sink.encode {
        // A file of JSON lines says so already.
        if !matches!(sink.connector, SinkConnector::File { .. }) {
            let _ = write!(text, ", {}", encode.codec.name());
        }
        if let Some(columns) = &encode.columns {
            let _ = write!(text, ", only {}", cut(&columns.join(", ")));
        }
        if let Some(key) = &encode.key {
            let _ = write!(text, ", keys {}", key.codec.name());
        }
    }
    text + &on_error(sink.on_error)
}

fn kafka_sink(kafka: &KafkaSink) -> String {
    let mut text = topic(&kafka.connection, &kafka.topic);
    if !kafka.key.is_empty() {
        let _ = write!(text, ", key {}", kafka.key.join(" + "));
    }
    let _ = match &kafka.partitioner {
        Partitioner::Murmur2 => write!(text, ", murmur2"),
        Partitioner::Crc32 => write!(text, ", crc32"),
        Partitioner::RoundRobin => write!(text, ", partitions in turn"),
        Partitioner::Column(column) => write!(text, ", partition in {column}"),
    };
    text += match kafka.compression {
        Compression::None => "",
        Compression::Gzip => ", gzip",
        Compression::Snappy => ", snappy",
        Compression::Lz4 => ", lz4",
        Compression::Zstd => ", zstd",
    };
    text
}

fn format_name(format: FileFormat) -> &'static str {
    match format {
        FileFormat::Lines => "JSON lines",
        FileFormat::Csv => "CSV",
        FileFormat::Arrow => "Arrow",
    }
}

/// Said only where it is not the default.
fn on_error(policy: ErrorPolicy) -> String {
    if policy == ErrorPolicy::default() {
        return String::new();
    }
    let then = match policy.then {
        Fate::DeadLetter => "dead letter",
        Fate::Fail => "fail",
        Fate::Skip => "skip",
    };
    match policy.retry {
        None => format!(", on error {then}"),
        Some(Retry { attempts, backoff }) => {
            format!(
                ", on error {attempts} more attempts after {} and longer, then {then}",
                show_duration(backoff)
            )
        }
    }
}

/// Where dead letters go.
pub(super) fn dead_letters(target: &DeadLetterTarget) -> String {
    match target {
        DeadLetterTarget::HostFile => "a file in the host's data folder".to_owned(),
        DeadLetterTarget::File(path) => format!("the file {}", path.display()),
        DeadLetterTarget::Kafka { connection, topic: name } => topic(connection, name),
    }
}

/// How many tasks run a fragment.
pub(super) fn tasks(pipeline: &Pipeline, fragment: &Fragment) -> String {
    let known = |name: &String| match &pipeline.source(name)?.connector {
        SourceConnector::Kafka(_) => None,
        SourceConnector::Generate(generate) => Some(generate.partitions),
        SourceConnector::File(_) | SourceConnector::Memory { .. } => Some(1),
    };
    let counts: Option<Vec<u32>> = fragment.sources.iter().map(known).collect();
    match counts.and_then(|counts| counts.into_iter().max()) {
        Some(1) => "1 task".to_owned(),
        Some(count) => format!("{count} tasks, one a partition"),
        None => format!("a task for each partition of {}", fragment.sources.join(" or ")),
    }
}

/// The ports that lead into a channel.
pub(super) fn channel_inputs(plan: &Plan, id: ChannelId, channel: &Channel) -> Vec<String> {
    let mut inputs = Vec::new();
    for (fragment, part) in plan.fragments.iter().enumerate() {
        if !channel.writers.contains(&fragment) {
            continue;
        }
        for node in &part.nodes {
            for port in node.ports.iter().filter(|port| port.to.contains(&Target::Channel(id))) {
                inputs.push(match port.name.as_str() {
                    PORT_MAIN => node.name.clone(),
                    name => format!("{}.{name}", node.name),
                });
            }
        }
    }
    inputs
}

/// One line, not too long.
fn cut(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_EXPRESSION_CHARS) {
        None => line,
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}
