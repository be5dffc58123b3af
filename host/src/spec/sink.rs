//! Checks one sink: what it reads, where it writes, how rows become bytes. Which columns there are is known only
//! to the plan. Knows nothing of the other parts.

use std::time::Duration;

use super::error::{Findings, either};
use super::links::{Declared, Ports, read_from};
use super::model::{Codec, Compression, Encode, FileFormat, KafkaSink, Partitioner, Sink, SinkConnector};
use super::pipeline::kafka_at;
use super::policy::on_error;
use super::source::file_at;
use super::table::{Field, Table};
use super::{decode, read};

const CONNECTORS: [&str; 5] = ["kafka", "file", "stdout", "blackhole", "memory"];
const DEFAULT_LINGER: Duration = Duration::from_millis(5);
const DEFAULT_BATCH_BYTES: u64 = 1_000_000;

pub(super) fn read(
    name: &str,
    table: &mut Table<'_>,
    declared: &mut Declared,
    findings: &mut Findings,
) -> Option<Sink> {
    declared.ports = Ports::None;
    table.later(&["redis"], findings);
    let from = read_from(table, declared, findings);
    if from.is_none() {
        let field = table.field().error("this sink reads nothing");
        findings.add(field.expected("from: a source or step, `name.port` or a list of them"));
    }
    let connector = connector(table, findings);
    let encode = encode(table, connector.as_ref(), findings);
    let on_error = on_error(table, findings);
    Some(Sink {
        name: name.to_owned(),
        from: from?,
        connector: connector?,
        encoder: encode.as_ref()?.as_ref().map(|encode| encode.to_codec(None)),
        key_encoder: encode.as_ref()?.as_ref().and_then(|encode| Some(encode.key.as_ref()?.to_codec(None))),
        encode: encode?,
        on_error: on_error?,
    })
}

fn connector(table: &mut Table<'_>, findings: &mut Findings) -> Option<SinkConnector> {
    let present = table.present(&CONNECTORS);
    let fields = CONNECTORS.map(|key| table.get(key));
    let expected = either(&CONNECTORS);
    let field = match (present.as_slice(), fields.into_iter().flatten().next()) {
        ([_], Some(field)) => field,
        ([], _) => {
            if table.present(&["redis"]).is_empty() {
                findings.add(table.field().error("this sink writes nowhere").expected(expected));
            }
            return None;
        }
        (several, _) => {
            let message = format!("a sink writes to one place, not to {}", several.join(" and "));
            findings
                .add(table.field().error(message).expected(format!("{expected}, each in a sink of its own")));
            return None;
        }
    };
    match present.first().copied() {
        Some("kafka") => kafka(&field, findings).map(SinkConnector::Kafka),
        Some("file") => file(&field, findings),
        Some("stdout") => empty(&field, findings).then_some(SinkConnector::Stdout),
        Some("blackhole") => empty(&field, findings).then_some(SinkConnector::Blackhole),
        _ => memory(&field, findings),
    }
}

fn empty(field: &Field<'_>, findings: &mut Findings) -> bool {
    match Table::open(field, "{}", findings) {
        None => false,
        Some(table) => {
            table.close(findings);
            true
        }
    }
}

fn memory(field: &Field<'_>, findings: &mut Findings) -> Option<SinkConnector> {
    let expected = "a name that the embedding program uses";
    if field.node.scalar().is_some() {
        return read::text(field, expected, findings).map(|name| SinkConnector::Memory { name });
    }
    let mut table = Table::open(field, expected, findings)?;
    let name = table.require("name", expected, findings);
    table.close(findings);
    read::text(&name?, expected, findings).map(|name| SinkConnector::Memory { name })
}

fn file(field: &Field<'_>, findings: &mut Findings) -> Option<SinkConnector> {
    let mut table = Table::open(field, "{ path: …, format: json }", findings)?;
    let at = file_at(&mut table, findings);
    table.close(findings);
    at.map(|(path, format)| SinkConnector::File { path: path.into(), format })
}

fn kafka(field: &Field<'_>, findings: &mut Findings) -> Option<KafkaSink> {
    let mut table = Table::open(field, "{ topic: … }", findings)?;
    table.later(&["transactional_id", "transactional_id_prefix"], findings);
    let at = kafka_at(&mut table, findings);
    let key = columns(table.get("key"), findings);
    let headers = columns(table.get("headers"), findings);
    let partitioner = match table.get("partitioner") {
        None => Some(Partitioner::Murmur2),
        Some(field) => partitioner(&field, findings),
    };
    let compression = match table.get("compression") {
        None => Some(Compression::None),
        Some(field) => {
            let words = [
                ("none", Compression::None),
                ("gzip", Compression::Gzip),
                ("snappy", Compression::Snappy),
                ("lz4", Compression::Lz4),
                ("zstd", Compression::Zstd),
            ];
            read::choice(&field, &words, &[], findings)
        }
    };
    let linger = match table.get("linger") {
        None => Some(DEFAULT_LINGER),
        Some(field) => read::duration(&field, Duration::ZERO..=Duration::from_secs(60), findings),
    };
    let batch = match table.get("batch") {
        None => Some(DEFAULT_BATCH_BYTES),
        Some(field) => read::size(&field, 1_000..=100_000_000, findings),
    };
    let timestamp = match table.get("timestamp") {
        None => Some(None),
        Some(field) => read::text(&field, "a column of a timestamp type", findings).map(Some),
    };
    let tombstone = match table.get("tombstone") {
        None => Some(None),
        Some(field) if key.as_ref().is_some_and(Vec::is_empty) => {
            findings.add(
                field.error("a tombstone deletes a key, and this sink has none").expected("key: [column]"),
            );
            None
        }
        Some(field) => {
            read::text(&field, "a boolean column: true where the key is deleted", findings).map(Some)
        }
    };
    table.close(findings);
    let (connection, topic) = at?;
    Some(KafkaSink {
        connection,
        topic,
        key: key?,
        partitioner: partitioner?,
        compression: compression?,
        linger: linger?,
        batch_bytes: usize::try_from(batch?).ok()?,
        headers: headers?,
        timestamp: timestamp?,
        tombstone: tombstone?,
    })
}

/// Names of columns, each once.
fn columns(field: Option<Field<'_>>, findings: &mut Findings) -> Option<Vec<String>> {
    let Some(field) = field else { return Some(Vec::new()) };
    let columns = read::texts(&field, "columns, as [user, shop]", findings)?;
    if let Some(twice) = columns.iter().enumerate().find(|(at, column)| columns[..*at].contains(column)) {
        findings.add(field.error(format!("the column `{}` is there twice", twice.1)));
        return None;
    }
    Some(columns)
}

fn partitioner(field: &Field<'_>, findings: &mut Findings) -> Option<Partitioner> {
    let words = [
        ("murmur2", Partitioner::Murmur2),
        ("crc32", Partitioner::Crc32),
        ("round_robin", Partitioner::RoundRobin),
    ];
    if field.node.scalar().is_some() {
        return read::choice(field, &words, &[], findings);
    }
    let mut table = Table::open(field, "murmur2, crc32, round_robin or { column: … }", findings)?;
    table.later(&["wasm"], findings);
    let column = table.require("column", "a column with the partition's number", findings);
    table.close(findings);
    read::text(&column?, "a column", findings).map(Partitioner::Column)
}

/// How rows become bytes: `Some(None)` where they need not.
fn encode(
    table: &mut Table<'_>,
    connector: Option<&SinkConnector>,
    findings: &mut Findings,
) -> Option<Option<Encode>> {
    let default = || Encode::plain(Codec::Json);
    let field = table.get("encode");
    let takes_bytes = match connector {
        None => true,
        Some(SinkConnector::Kafka(_) | SinkConnector::Stdout) => true,
        Some(SinkConnector::File { format, .. }) => *format == FileFormat::Lines,
        Some(SinkConnector::Blackhole | SinkConnector::Memory { .. }) => false,
    };
    match (takes_bytes, field) {
        (true, None) => Some(Some(default())),
        (true, Some(field)) => {
            let encode = decode::encode(&field, connector, findings)?;
            let lines = match connector {
                Some(SinkConnector::File { .. }) => Some((
                    "a file of lines",
                    "json, json_schema or string; or `format: arrow` without `encode`",
                )),
                Some(SinkConnector::Stdout) => {
                    Some(("lines of standard output", "json, json_schema or string"))
                }
                _ => None,
            };
            let of_bytes =
                matches!(encode.codec, Codec::Avro | Codec::Protobuf | Codec::MessagePack | Codec::Arrow);
            if let Some((lines, expected)) = lines.filter(|_| of_bytes) {
                let name = encode.codec.name();
                let error = field.error(format!("{lines} cannot hold {name}: its values have line breaks"));
                findings.add(error.expected(expected));
                return None;
            }
            Some(Some(encode))
        }
        (false, None) => Some(None),
        (false, Some(field)) => {
            findings.add(field.error("this sink takes rows as they are: there is nothing to encode"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::spec::{Format, parse};

    /// What is wrong with a sink of these keys; nothing if it is right.
    fn errors(keys: &str) -> String {
        let text = format!(
            "name: p\nsources: {{ in: {{ generate: {{ schema: {{ id: int64 }} }} }} }}\nsinks: {{ out: {{ from: in, {keys} }} }}\n"
        );
        let errors = parse(text.as_bytes(), Format::Yaml).err().unwrap_or_default();
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_has_lines_takes_no_codec_of_bytes() {
        let sink =
            |connector: &str, codec: &str| errors(&format!("{connector}, encode: {{ codec: {codec} }}"));
        for codec in ["avro", "protobuf", "msgpack", "arrow"] {
            for connector in ["stdout: {}", "file: { path: out.jsonl }"] {
                let told = sink(connector, codec);
                assert!(
                    told.contains(&format!("cannot hold {codec}: its values have line breaks")),
                    "{told}"
                );
            }
            assert_eq!(sink("kafka: { topic: t }", codec), "");
        }
        for codec in ["json", "json_schema", "string", "bytes"] {
            assert_eq!(sink("stdout: {}", codec), "");
        }
        insta::assert_snapshot!(sink("stdout: {}", "msgpack"), @"line 3: sinks.out.encode: lines of standard output cannot hold msgpack: its values have line breaks; expected json, json_schema or string");
        insta::assert_snapshot!(sink("file: { path: out.jsonl }", "avro"), @"line 3: sinks.out.encode: a file of lines cannot hold avro: its values have line breaks; expected json, json_schema or string; or `format: arrow` without `encode`");
    }

    #[test]
    fn a_subject_is_given_or_named_by_a_strategy() {
        let sink = |registry: &str| {
            errors(&format!(
                "kafka: {{ topic: t }}, encode: {{ codec: avro, registry: {{ name: r, {registry} }} }}"
            ))
        };
        assert_eq!(sink("subject: s"), "");
        assert_eq!(sink("strategy: record"), "");
        insta::assert_snapshot!(sink("subject: s, strategy: topic"), @"line 3: sinks.out.encode.registry.strategy: the strategy names the subject, which `subject` does already; expected one of the two");
    }
}
