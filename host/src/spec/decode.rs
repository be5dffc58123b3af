//! Reads `decode` and `encode`: the codec, where its columns or its schema come from, what is beside the value.
//! What a definition means is the codec's to say; whether a registry is there is not known here.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, Field as Column, Schema};

use super::error::{Findings, quoted};
use super::formats::{Columns, Decode, Encode, Registered, Sample, SinkRegistry, ValueFormat};
use super::model::{SinkConnector, SourceConnector};
use super::table::{Field, Table};
use super::tree::Scalar;
use super::{imports, read, types};
use crate::codec::registry::Strategy;
use crate::codec::wire::Part;
use crate::codec::{Codec, Meta, RegisteredSchema, SchemaKind, Tombstone};

const TOMBSTONES: [(&str, Tombstone); 2] = [("row", Tombstone::Row), ("refuse", Tombstone::Refuse)];
const SUBJECT: &str = "a registry of the host's config, or { name: …, subject: …, version: … }";

/// How the bytes of a source become rows; `None` for a connector that could not be read.
pub(super) fn decode(
    field: &Field<'_>,
    source: Option<&SourceConnector>,
    findings: &mut Findings,
) -> Option<Decode> {
    let of_file = matches!(source, Some(SourceConnector::File(_)));
    let mut table = Table::open(field, "{ codec: json, schema: { column: type } }", findings)?;
    let value = format(&mut table, findings);
    let key = match table.get("key") {
        None => Some(None),
        Some(field) if of_file => {
            findings.add(field.error("lines of a file have no keys to decode: only records of Kafka have"));
            None
        }
        Some(field) => key(&field, findings).map(Some),
    };
    let include = match table.get("include") {
        None => Some(Vec::new()),
        Some(field) => include(&field, of_file, findings),
    };
    let tombstone = match table.get("tombstone") {
        None => Some(Tombstone::default()),
        Some(field) => read::choice(&field, &TOMBSTONES, &[], findings),
    };
    table.close(findings);
    let (value, key, mut include, tombstone) = (value?, key?, include?, tombstone?);
    if key.is_some() && !include.contains(&Meta::Key) {
        include.insert(0, Meta::Key);
    }
    Some(Decode { value, key, include, tombstone })
}

fn key(field: &Field<'_>, findings: &mut Findings) -> Option<ValueFormat> {
    let mut table = Table::open(field, "{ codec: string }", findings)?;
    let key = format(&mut table, findings);
    table.close(findings);
    key
}

fn include(field: &Field<'_>, of_file: bool, findings: &mut Findings) -> Option<Vec<Meta>> {
    let names: Vec<(&str, Meta)> = Meta::ALL.iter().map(|meta| (meta.name(), *meta)).collect();
    let Some(items) = field.items() else {
        findings.add(field.wrong("a list of $key, $headers, $timestamp, $topic, $partition, $offset"));
        return None;
    };
    let mut included = Vec::new();
    for item in &items {
        let meta = read::choice(item, &names, &[], findings)?;
        if of_file && matches!(meta, Meta::Key | Meta::Headers | Meta::Timestamp) {
            let error = item.error(format!("lines of a file have no {}", meta.name()));
            findings.add(error.expected("$topic (the path), $partition (0) or $offset (the line, from 0)"));
        } else if included.contains(&meta) {
            findings.add(item.error(format!("{} is there twice", meta.name())));
        } else {
            included.push(meta);
        }
    }
    Some(included)
}

/// The codec and where its columns come from: the keys of `decode` and of its `key`.
fn format(table: &mut Table<'_>, findings: &mut Findings) -> Option<ValueFormat> {
    let codec = codec(table, findings);
    let schema = table.get("schema");
    let sample = table.get("sample");
    let definition = definition(table, codec, findings);
    let registry = table.get("registry");
    let codec = codec?;
    let definition = definition?;
    let given = [schema.is_some(), definition.is_some(), registry.is_some()];
    if given.iter().filter(|given| **given).count() > 1 {
        let message = "columns come from one place: `schema`, `definition` or `registry`";
        findings.add(table.field().error(message));
        return None;
    }
    let infer = schema.as_ref().is_some_and(|field| field.node.scalar() == Some(Scalar::Text("infer")));
    if let (Some(field), false) = (&sample, infer) {
        findings.add(field.error("a sample is only looked at where `schema: infer` asks for it"));
    }
    let columns = if let Some(schema) = definition {
        Columns::Defined(Arc::new(schema))
    } else if let Some(field) = registry {
        if own_schema(codec).is_none() {
            findings.add(field.error(format!("{} has no schema of its own in a registry", codec.name())));
            return None;
        }
        Columns::Registered(registered(&field, codec, findings)?)
    } else if infer {
        let field = schema?;
        if !matches!(codec, Codec::Json | Codec::MessagePack) {
            findings.add(field.error(format!("the columns of {} cannot be inferred", codec.name())));
            return None;
        }
        Columns::Inferred(match sample {
            None => Sample::default(),
            Some(field) => self::sample(&field, findings)?,
        })
    } else {
        Columns::Given(given_columns(table, codec, schema, findings)?)
    };
    Some(ValueFormat { codec, columns })
}

/// Columns as written; text and bytes have one by default.
fn given_columns(
    table: &Table<'_>,
    codec: Codec,
    schema: Option<Field<'_>>,
    findings: &mut Findings,
) -> Option<arrow::datatypes::SchemaRef> {
    let one = match codec {
        Codec::String => Some(DataType::Utf8),
        Codec::Bytes => Some(DataType::Binary),
        _ => None,
    };
    let (field, one) = match (schema, one) {
        (None, Some(of)) => return Some(Arc::new(Schema::new(vec![Column::new("value", of, true)]))),
        (Some(field), one) => (field, one),
        (None, None) if matches!(codec, Codec::Protobuf | Codec::JsonSchema) => {
            let message = format!("the columns of {} come from its schema", codec.name());
            findings.add(table.field().error(message).expected("`definition` or `registry`"));
            return None;
        }
        (None, None) => {
            let at = table.field();
            let expected = match codec {
                Codec::Avro => "`schema: { column: type }`, `definition` or `registry`",
                Codec::Json | Codec::MessagePack => "schema: { column: type }, or schema: infer",
                _ => "schema: { column: type }",
            };
            let missing = super::error::SpecError::new(format!("{}.schema", at.path), "this is missing");
            findings.add(missing.expected(expected).line(at.line));
            return None;
        }
    };
    if matches!(codec, Codec::Protobuf | Codec::JsonSchema) {
        let message = format!("the columns of {} come from its schema", codec.name());
        findings.add(field.error(message).expected("`definition` or `registry`"));
        return None;
    }
    let columns = types::schema(&field, findings)?;
    let fits = one.is_none_or(|of| matches!(&columns.fields()[..], [only] if *only.data_type() == of));
    if !fits {
        let message = format!("{} gives one column", codec.name());
        findings.add(field.error(message).expected(match codec {
            Codec::String => "{ name: string }",
            _ => "{ name: bytes }",
        }));
        return None;
    }
    Some(columns)
}

fn sample(field: &Field<'_>, findings: &mut Findings) -> Option<Sample> {
    let mut table = Table::open(field, "{ records: 1000, within: 5s }", findings)?;
    let default = Sample::default();
    let records = match table.get("records") {
        None => Some(default.records as u64),
        Some(field) => read::whole(&field, 1..=100_000, findings),
    };
    let within = match table.get("within") {
        None => Some(default.within),
        Some(field) => read::duration(&field, Duration::from_millis(100)..=Duration::from_secs(60), findings),
    };
    table.close(findings);
    Some(Sample { records: usize::try_from(records?).ok()?, within: within? })
}

fn registered(field: &Field<'_>, codec: Codec, findings: &mut Findings) -> Option<Registered> {
    if field.node.scalar().is_some() {
        let registry = registry_name(field, findings)?;
        return Some(Registered { registry, subject: None, version: None, message: None });
    }
    let mut table = Table::open(field, SUBJECT, findings)?;
    let registry = table.require("name", "the name of a registry of the host's config", findings);
    let registry = registry.and_then(|field| registry_name(&field, findings));
    let subject = optional_text(&mut table, "subject", "a subject", findings);
    let version = match table.get("version") {
        None => Some(None),
        Some(field) if field.node.scalar() == Some(Scalar::Text("latest")) => Some(None),
        Some(field) => read::whole(&field, 1..=u64::from(u32::MAX), findings).map(|v| Some(v as u32)),
    };
    let message = message(table.get("message"), Some(codec), findings);
    table.close(findings);
    Some(Registered { registry: registry?, subject: subject?, version: version?, message: message? })
}

fn registry_name(field: &Field<'_>, findings: &mut Findings) -> Option<String> {
    let name = read::text(field, SUBJECT, findings)?;
    read::check_name(&name, field, findings).then_some(name)
}

fn optional_text(
    table: &mut Table<'_>,
    key: &'static str,
    expected: &str,
    findings: &mut Findings,
) -> Option<Option<String>> {
    match table.get(key) {
        None => Some(None),
        Some(field) => read::text(&field, expected, findings).map(Some),
    }
}

/// Protobuf's `message`: which one of a file.
fn message(
    field: Option<Field<'_>>,
    codec: Option<Codec>,
    findings: &mut Findings,
) -> Option<Option<String>> {
    match field {
        None => Some(None),
        Some(field) if codec.is_some_and(|codec| codec != Codec::Protobuf) => {
            findings.add(field.error("only Protobuf has messages to choose from"));
            None
        }
        Some(field) => read::text(&field, "the full name of a message, as shop.Order", findings).map(Some),
    }
}

/// The language of a codec's own schema.
fn own_schema(codec: Codec) -> Option<SchemaKind> {
    match codec {
        Codec::Avro => Some(SchemaKind::Avro),
        Codec::Protobuf => Some(SchemaKind::Protobuf),
        Codec::JsonSchema => Some(SchemaKind::Json),
        _ => None,
    }
}

/// `definition` with its `imports` and `message`: `Some(None)` where there is none.
fn definition(
    table: &mut Table<'_>,
    codec: Option<Codec>,
    findings: &mut Findings,
) -> Option<Option<RegisteredSchema>> {
    let field = table.get("definition");
    let imports = table.get("imports");
    let chosen = table.get("message");
    let Some(field) = field else {
        if let Some(imports) = imports {
            findings.add(imports.error("there is no `definition` that could import them"));
        }
        if let Some(chosen) = chosen {
            findings.add(chosen.error("there is no `definition` that could have it; of a registry's schema it is `registry.message`"));
        }
        return Some(None);
    };
    let message = message(chosen, codec, findings);
    let kind = match codec.map(|codec| (codec, own_schema(codec))) {
        None => return None,
        Some((_, Some(kind))) => kind,
        Some((codec, None)) => {
            findings.add(field.error(format!("{} has no schema of its own", codec.name())));
            return None;
        }
    };
    let text = imports::definition_text(&field, kind, findings);
    let references = match imports {
        None => Some(Vec::new()),
        Some(field) => imports::imports(&field, kind, findings),
    };
    Some(Some(RegisteredSchema { kind, text: text?, references: references?, message: message? }))
}

/// The codec under `codec`.
fn codec(table: &mut Table<'_>, findings: &mut Findings) -> Option<Codec> {
    let words: Vec<(&str, Codec)> = Codec::ALL.iter().map(|codec| (codec.name(), *codec)).collect();
    let field = table.require("codec", "json, avro, protobuf, …", findings)?;
    read::choice(&field, &words, &[], findings)
}

/// How the rows of a sink become bytes; `None` for a connector that could not be read.
pub(super) fn encode(
    field: &Field<'_>,
    sink: Option<&SinkConnector>,
    findings: &mut Findings,
) -> Option<Encode> {
    let mut table = Table::open(field, "{ codec: json }", findings)?;
    let columns = match table.get("columns") {
        None => Some(None),
        Some(field) => columns(&field, findings).map(Some),
    };
    let key = match table.get("key") {
        None => Some(None),
        Some(field) => encode_key(&field, sink, findings).map(Some),
    };
    let encode = encode_part(&mut table, (sink, Part::Value), findings);
    table.close(findings);
    Some(Encode { columns: columns?, key: key?, ..encode? })
}

/// How its key columns become the keys of records.
fn encode_key(
    field: &Field<'_>,
    sink: Option<&SinkConnector>,
    findings: &mut Findings,
) -> Option<Box<Encode>> {
    let mut table = Table::open(field, "{ codec: avro, registry: default }", findings)?;
    let encode = encode_part(&mut table, (sink, Part::Key), findings);
    table.close(findings);
    let columns = match sink? {
        SinkConnector::Kafka(kafka) => &kafka.key[..],
        _ => &[],
    };
    if columns.is_empty() {
        let error = field.error("the sink's records have no key to encode");
        findings.add(error.expected("`kafka.key` with the columns of the key"));
        return None;
    }
    Some(Box::new(Encode { columns: Some(columns.to_vec()), ..encode? }))
}

/// The codec and its schema: the keys of `encode` and of its `key`.
fn encode_part(
    table: &mut Table<'_>,
    place: (Option<&SinkConnector>, Part),
    findings: &mut Findings,
) -> Option<Encode> {
    let codec = codec(table, findings);
    let definition = definition(table, codec, findings);
    let registry = match table.get("registry") {
        None => Some(None),
        Some(field) => match codec.map(own_schema) {
            Some(None) => {
                findings.add(field.error("this codec has no schema to register"));
                None
            }
            _ => sink_registry(&field, codec, place, findings).map(Some),
        },
    };
    let arrays = match table.get("layout") {
        None => Some(false),
        Some(field) if codec.is_some_and(|codec| codec != Codec::MessagePack) => {
            findings.add(field.error("only MessagePack has two layouts"));
            None
        }
        Some(field) => read::choice(&field, &[("map", false), ("array", true)], &[], findings),
    };
    let (definition, registry) = (definition?, registry?);
    if definition.is_some() && registry.as_ref().is_some_and(|registry| registry.latest) {
        let message = "rows are written by one schema: `definition`, or the registry's latest";
        findings.add(table.field().error(message));
        return None;
    }
    let definition = definition.map(Arc::new);
    Some(Encode { definition, registry, arrays: arrays?, ..Encode::plain(codec?) })
}

fn sink_registry(
    field: &Field<'_>,
    codec: Option<Codec>,
    place: (Option<&SinkConnector>, Part),
    findings: &mut Findings,
) -> Option<SinkRegistry> {
    if field.node.scalar().is_some() {
        let registry = registry_name(field, findings)?;
        return Some(SinkRegistry {
            registry,
            subject: None,
            strategy: Strategy::Topic,
            latest: false,
            message: None,
            in_header: false,
        });
    }
    let mut table = Table::open(field, "a registry of the host's config, or { name: …, … }", findings)?;
    let registry = table.require("name", "the name of a registry of the host's config", findings);
    let registry = registry.and_then(|field| registry_name(&field, findings));
    let subject = optional_text(&mut table, "subject", "a subject", findings);
    let strategies =
        [("topic", Strategy::Topic), ("record", Strategy::Record), ("topic_record", Strategy::TopicRecord)];
    let strategy = match table.get("strategy") {
        None => Some(Strategy::Topic),
        Some(field) if matches!(subject, Some(Some(_))) => {
            findings.add(
                field
                    .error("the strategy names the subject, which `subject` does already")
                    .expected("one of the two"),
            );
            None
        }
        Some(field) => read::choice(&field, &strategies, &[], findings),
    };
    let latest = match table.get("schema") {
        None => Some(false),
        Some(field) => read::choice(&field, &[("own", false), ("latest", true)], &[], findings),
    };
    let message = match (table.get("message"), latest) {
        (Some(field), Some(false)) => {
            findings.add(
                field.error("only of the subject's newest schema (`schema: latest`) a message can be chosen"),
            );
            None
        }
        (field, _) => message(field, codec, findings),
    };
    let in_header = match table.get("schema_id") {
        None => Some(false),
        Some(field) => in_header(&field, place, findings),
    };
    table.close(findings);
    let (registry, subject, in_header) = (registry?, subject?, in_header?);
    Some(SinkRegistry {
        registry,
        subject,
        strategy: strategy?,
        latest: latest?,
        message: message?,
        in_header,
    })
}

/// Where records name their schema; in a header only where there are headers and none of that name yet.
fn in_header(
    field: &Field<'_>,
    (sink, part): (Option<&SinkConnector>, Part),
    findings: &mut Findings,
) -> Option<bool> {
    let in_header = read::choice(field, &[("value", false), ("header", true)], &[], findings)?;
    let name = part.header();
    let problem = match sink {
        _ if !in_header => return Some(false),
        Some(SinkConnector::Kafka(kafka)) if kafka.headers.iter().any(|header| header == name) => {
            format!("the sink's `headers` have a `{name}` already")
        }
        Some(SinkConnector::Kafka(_)) | None => return Some(true),
        Some(_) => "only records of Kafka have headers".to_owned(),
    };
    findings.add(field.error(problem).expected("`value`, or no `schema_id`"));
    None
}

/// Names of columns, each once.
fn columns(field: &Field<'_>, findings: &mut Findings) -> Option<Vec<String>> {
    let columns = read::texts(field, "columns, as [user, shop]", findings)?;
    let mut seen = HashSet::new();
    if let Some(twice) = columns.iter().find(|column| !seen.insert(column.as_str())) {
        findings.add(field.error(format!("the column {} is there twice", quoted(twice))));
        return None;
    }
    Some(columns)
}
