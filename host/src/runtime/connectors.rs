//! From a specification's sources, sinks and dead letters to the connectors that serve them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use arrow::datatypes::SchemaRef;

use super::assembly::Resources;
use super::lanes::Place;
use crate::codec::{self, Encoder};
use crate::connector::blackhole::Blackhole;
use crate::connector::dead_letter::Home;
use crate::connector::file::{CsvReader, FileWriter, LineReader, RowReader};
use crate::connector::generate::GenerateReader;
use crate::connector::kafka::{Connections, GroupSource, KafkaGroup, KafkaWriter};
use crate::connector::local::{LocalGroup, Progress};
use crate::connector::memory::{MemoryReader, MemoryWriter};
use crate::connector::stdout::Stdout;
use crate::connector::{ConnectorError, DeadLetterWriter, Group, Partition, Reader, Writer};
use crate::plan::Fragment;
use crate::spec::{
    Codec, DeadLetterTarget, Fate, FileFormat, Pipeline, Sink, SinkConnector, Source, SourceConnector,
};

/// A group with the names of its sources.
pub(super) type NamedGroup = (Box<dyn Group>, Vec<String>);

/// How long a broker may take to say that a topic is there.
const PATIENCE: Duration = Duration::from_secs(10);

/// The groups of a pipeline, each with the names of its sources: one for each consumer group, one for all
/// sources of this machine.
pub(super) fn groups(spec: &Pipeline, resources: &Resources) -> Result<Vec<NamedGroup>, String> {
    let mut consumers: BTreeMap<(String, String), Vec<GroupSource>> = BTreeMap::new();
    let mut local = Vec::new();
    for source in &spec.sources {
        match &source.connector {
            SourceConnector::Kafka(kafka) => {
                let group = kafka.group.clone().unwrap_or_else(|| spec.name.clone());
                consumers.entry((kafka.connection.clone(), group)).or_default().push(GroupSource {
                    source: source.name.clone(),
                    topic: kafka.topic.clone(),
                    start: kafka.start,
                });
            }
            _ => local.push(source.clone()),
        }
    }
    let mut groups: Vec<NamedGroup> = Vec::new();
    for ((connection, group), sources) in consumers {
        let connection = resources.connections.get(&connection).map_err(|e| e.to_string())?;
        let names = sources.iter().map(|s| s.source.clone()).collect();
        let group = KafkaGroup::new(connection, &group, sources).map_err(|e| e.to_string())?;
        groups.push((Box::new(group), names));
    }
    if !local.is_empty() {
        let names = local.iter().map(|s| s.name.clone()).collect();
        let path = resources.folder.join("progress.json");
        let make = Box::new(move |progress: &Progress| partitions(&local, progress));
        let group = LocalGroup::open(path, make).map_err(|e| e.to_string())?;
        groups.push((Box::new(group), names));
    }
    Ok(groups)
}

/// The partitions of local sources, each from where it was done.
fn partitions(sources: &[Source], progress: &Progress) -> Result<Vec<Partition>, ConnectorError> {
    let mut partitions = Vec::new();
    for source in sources {
        let done = |partition: i32| progress.get(&source.name).and_then(|p| p.get(&partition)).copied();
        let mut add = |topic: String, partition: i32, reader: Box<dyn Reader>| {
            partitions.push(Partition { source: source.name.clone(), topic, partition, reader });
        };
        match &source.connector {
            SourceConnector::Kafka(_) => {}
            SourceConnector::Generate(generate) => {
                for partition in 0..generate.partitions {
                    let at = done(partition as i32).unwrap_or(0);
                    let reader = GenerateReader::new(generate, partition, at)?;
                    add("generate".into(), partition as i32, Box::new(reader));
                }
            }
            SourceConnector::File(file) => {
                let at = done(0).unwrap_or(0);
                let columns = || source.schema.as_ref().ok_or_else(|| unknown_columns(source));
                let reader: Box<dyn Reader> = match file.format {
                    FileFormat::Lines => Box::new(LineReader::open(&file.path, at)?),
                    FileFormat::Csv => Box::new(CsvReader::open(&file.path, columns()?, at)?),
                    FileFormat::Arrow => Box::new(RowReader::open(&file.path, columns()?, at)?),
                };
                add(file.path.display().to_string(), 0, reader);
            }
            SourceConnector::Memory { name } => {
                add(name.clone(), 0, Box::new(MemoryReader::new(name, done(0).unwrap_or(0))));
            }
        }
    }
    Ok(partitions)
}

fn unknown_columns(source: &Source) -> ConnectorError {
    ConnectorError::Stop(format!("the columns of source `{}` are not known", source.name))
}

/// The writer of a sink for the task at `place`.
pub(super) fn writer(
    sink: &Sink,
    schema: &SchemaRef,
    place: Place,
    connections: &Connections,
) -> Result<Box<dyn Writer>, String> {
    let named = |e: String| format!("sink `{}`: {e}", sink.name);
    let encoder = || {
        let json = codec::Encode::plain(Codec::Json);
        Encoder::new(sink.encoder.as_ref().unwrap_or(&json), schema).map_err(named)
    };
    Ok(match &sink.connector {
        SinkConnector::Kafka(kafka) => {
            let connection = connections.get(&kafka.connection).map_err(|e| named(e.to_string()))?;
            let key = sink.key_encoder.as_ref().map(|key| Encoder::new(key, schema)).transpose();
            let encoders = (encoder()?, key.map_err(|e| named(format!("key: {e}")))?);
            let writer = KafkaWriter::open(&connection, kafka, schema, encoders, PATIENCE);
            Box::new(writer.map_err(|e| named(e.to_string()))?)
        }
        SinkConnector::File { path, format } => {
            let encoder = sink.encode.as_ref().map(|_| encoder()).transpose()?;
            let path = task_path(path, place);
            Box::new(FileWriter::open(&path, *format, schema, encoder).map_err(|e| named(e.to_string()))?)
        }
        SinkConnector::Stdout => Box::new(Stdout::new(encoder()?)),
        SinkConnector::Blackhole => Box::new(Blackhole::default()),
        SinkConnector::Memory { name } => Box::new(MemoryWriter::new(name)),
    })
}

/// Tasks do not share a file: the first lane writes `path`, lane 3 `path.3`.
fn task_path(path: &Path, (_, lane): Place) -> PathBuf {
    if lane == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{lane}"));
    name.into()
}

/// How many of a task's writers of this fragment, dead letters included, queue for a broker.
pub(super) fn kafka_writers(spec: &Pipeline, fragment: &Fragment) -> usize {
    let sinks = fragment.nodes.iter().filter_map(|node| spec.sink(&node.name));
    let sinks = sinks.filter(|sink| matches!(sink.connector, SinkConnector::Kafka(_))).count();
    let letters =
        matches!(spec.dead_letter, DeadLetterTarget::Kafka { .. }) && needs_dead_letters(spec, fragment);
    sinks + usize::from(letters)
}

/// Whether some node of a fragment may send something to the dead letters.
pub(super) fn needs_dead_letters(spec: &Pipeline, fragment: &Fragment) -> bool {
    fragment.nodes.iter().any(|node| {
        let source = spec.source(&node.name).map(|s| s.on_error);
        let step = spec.step(&node.name).map(|s| s.on_error);
        let sink = spec.sink(&node.name).map(|s| s.on_error);
        source.or(step).or(sink).is_some_and(|policy| policy.then == Fate::DeadLetter)
    })
}

/// A task's way to the dead letters.
pub(super) fn dead_letter_writer(
    spec: &Pipeline,
    folder: &Path,
    connections: &Connections,
) -> Result<Box<dyn DeadLetterWriter>, String> {
    let home = Home::new(&spec.dead_letter, folder);
    home.writer(connections, PATIENCE).map_err(|e| format!("dead letters: {e}"))
}
