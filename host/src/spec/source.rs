//! Checks one source: where it reads, how bytes become rows, event time. Knows nothing of the other parts.

use std::path::Path;
use std::time::Duration;

use arrow::datatypes::{DataType, SchemaRef};

use super::error::{Findings, SpecError, either, quoted};
use super::formats::{Decode, ValueFormat, all_columns};
use super::links::Declared;
use super::model::{EventTime, FileFormat, FileSource, KafkaSource, Source, SourceConnector, Start};
use super::nearest::nearest;
use super::pipeline::kafka_at;
use super::policy::{ErrorPolicy, Fate, on_error};
use super::table::{Field, Table};
use super::tree::Scalar;
use super::{decode, generate, read, show_type, types};
use crate::codec;

/// Rows in a batch of a source.
const MAX_BATCH_ROWS: u64 = 65_536;
const DEFAULT_BATCH_ROWS: u64 = 8_192;
const CONNECTORS: [&str; 4] = ["kafka", "file", "generate", "memory"];

/// A connector and, where nobody is asked how its rows are made, their columns.
struct Connected {
    connector: SourceConnector,
    rows: Option<SchemaRef>,
}

impl Connected {
    /// How records become the rows of a format that has columns of its own.
    fn decoder(&self) -> Option<codec::Decode> {
        match (&self.connector, &self.rows) {
            (SourceConnector::File(FileSource { format: FileFormat::Csv, .. }), Some(rows)) => {
                Some(codec::Decode::plain(codec::Codec::Csv, SchemaRef::clone(rows)))
            }
            _ => None,
        }
    }
}

pub(super) fn read(
    name: &str,
    table: &mut Table<'_>,
    _declared: &mut Declared,
    findings: &mut Findings,
) -> Option<Source> {
    table.later(&["table", "redis"], findings);
    table.misplaced(
        &["from"],
        "a source reads nothing in the pipeline; only steps and sinks have `from`",
        findings,
    );
    let connected = connector(table, findings);
    let decode = table.get("decode");
    let makes_rows = connected.as_ref().is_some_and(|connected| connected.rows.is_some());
    let decode = match &connected {
        _ if makes_rows || !table.present(&["generate", "memory"]).is_empty() => {
            if let Some(field) = decode {
                findings.add(field.error("this source makes rows itself: there is nothing to decode"));
            }
            None
        }
        Some(_) if decode.is_none() => {
            let at = table.field().error("this source needs `decode`");
            findings.add(at.expected("decode: { codec: json, schema: { column: type } }"));
            None
        }
        _ => {
            let connector = connected.as_ref().map(|connected| &connected.connector);
            decode.and_then(|field| decode::decode(&field, connector, findings))
        }
    };
    let on_error = match &connected {
        Some(Connected { connector: SourceConnector::File(file), .. })
            if file.format == FileFormat::Arrow =>
        {
            on_error_of_rows(table, findings)
        }
        _ => on_error(table, findings),
    };
    let batch_rows = match table.get("batch_rows") {
        None => Some(DEFAULT_BATCH_ROWS),
        Some(field) => read::whole(&field, 1..=MAX_BATCH_ROWS, findings),
    };
    let decoder = match (&decode, table.get("decode")) {
        (Some(decode), Some(field)) => Some(decoder(decode, &field, findings)?),
        _ => None,
    };
    let decoder = decoder.flatten().or_else(|| connected.as_ref().and_then(Connected::decoder));
    let schema = match (&connected, &decoder) {
        (Some(Connected { rows: Some(rows), .. }), _) => Some(rows.clone()),
        (_, Some(decoder)) => Some(all_columns(decoder)),
        _ => None,
    };
    let event_time = match table.get("event_time") {
        None => None,
        Some(field) => Some(event_time(&field, schema.as_ref(), findings)?),
    };
    Some(Source {
        name: name.to_owned(),
        connector: connected?.connector,
        decode,
        schema,
        decoder,
        event_time,
        on_error: on_error?,
        batch_rows: usize::try_from(batch_rows?).ok()?,
    })
}

fn connector(table: &mut Table<'_>, findings: &mut Findings) -> Option<Connected> {
    let present = table.present(&CONNECTORS);
    let fields = CONNECTORS.map(|key| table.get(key));
    let expected = either(&CONNECTORS);
    let field = match (present.as_slice(), fields.into_iter().flatten().next()) {
        ([_], Some(field)) => field,
        ([], _) => {
            if table.present(&["redis"]).is_empty() {
                findings.add(table.field().error("this source reads nothing").expected(expected));
            }
            return None;
        }
        (several, _) => {
            let message = format!("a source reads from one place, not from {}", several.join(" and "));
            findings.add(table.field().error(message).expected(expected));
            return None;
        }
    };
    match present.first().copied() {
        Some("kafka") => kafka(&field, findings),
        Some("file") => file(&field, findings),
        Some("generate") => {
            let made = generate::read(&field, findings)?;
            Some(Connected { rows: Some(made.schema.clone()), connector: SourceConnector::Generate(made) })
        }
        _ => memory(&field, findings),
    }
}

fn kafka(field: &Field<'_>, findings: &mut Findings) -> Option<Connected> {
    let mut table = Table::open(field, "{ topic: … }", findings)?;
    let at = kafka_at(&mut table, findings);
    let group = match table.get("group") {
        None => Some(None),
        Some(field) => read::text(&field, "the name of a consumer group", findings).map(Some),
    };
    let start = match table.get("start") {
        None => Some(Start::Earliest),
        Some(field) => start(&field, findings),
    };
    table.close(findings);
    let (connection, topic) = at?;
    let kafka = KafkaSource { connection, topic, group: group?, start: start? };
    Some(Connected { connector: SourceConnector::Kafka(kafka), rows: None })
}

fn start(field: &Field<'_>, findings: &mut Findings) -> Option<Start> {
    let words = [("earliest", Start::Earliest), ("latest", Start::Latest), ("committed", Start::Committed)];
    let expected = "earliest, latest, committed or { timestamp: 2026-01-31T12:00:00Z }";
    match field.node.scalar() {
        None => {}
        Some(Scalar::Text(text)) => {
            let found = words.iter().find(|(word, _)| *word == text).map(|(_, start)| *start);
            if found.is_none() {
                let near = nearest(text, words.iter().map(|(word, _)| *word));
                let error = field.error(format!("{} is not known here", quoted(text)));
                findings.add(error.expected(expected).nearest(near));
            }
            return found;
        }
        Some(_) => {
            findings.add(field.wrong(expected));
            return None;
        }
    }
    let mut table = Table::open(field, expected, findings)?;
    let time = table.require("timestamp", "a time as 2026-01-31T12:00:00Z", findings);
    table.close(findings);
    read::time_ms(&time?, findings).map(Start::Timestamp)
}

fn file(field: &Field<'_>, findings: &mut Findings) -> Option<Connected> {
    let mut table = Table::open(field, "{ path: …, format: json }", findings)?;
    let at = file_at(&mut table, findings);
    let schema = table.get("schema");
    table.close(findings);
    let (path, format) = at?;
    let rows = match (format, schema) {
        (FileFormat::Lines, None) => None,
        (FileFormat::Lines, Some(field)) => {
            findings.add(field.error("the columns of a file of JSON lines are those of `decode.schema`"));
            return None;
        }
        (format, Some(field)) => {
            let schema = types::schema(&field, findings)?;
            if format == FileFormat::Csv {
                check_cells(&field, &schema, findings);
            }
            Some(schema)
        }
        (FileFormat::Csv | FileFormat::Arrow, None) => {
            let at = field.error("the columns of the file are not given");
            findings.add(at.expected("schema: { column: type } beside `path`"));
            return None;
        }
    };
    let connector = SourceConnector::File(FileSource { path: path.into(), format });
    Some(Connected { connector, rows })
}

/// Path and format of a file to read or write; the format may follow from the name.
pub(super) fn file_at(table: &mut Table<'_>, findings: &mut Findings) -> Option<(String, FileFormat)> {
    let formats = [("json", FileFormat::Lines), ("csv", FileFormat::Csv), ("arrow", FileFormat::Arrow)];
    let path = table.require("path", "a path", findings);
    let path = path.and_then(|field| read::text(&field, "a path", findings));
    let format = match table.get("format") {
        Some(field) => read::choice(&field, &formats, &[], findings),
        None => {
            let path = path.as_ref()?;
            let format = format_of(path);
            if format.is_none() {
                let message = format!("the format of {} is not plain from its name", quoted(path));
                findings.add(table.field().error(message).expected("format: json, csv or arrow"));
            }
            format
        }
    };
    path.zip(format)
}

fn format_of(path: &str) -> Option<FileFormat> {
    match Path::new(path).extension()?.to_str()? {
        "json" | "jsonl" | "ndjson" => Some(FileFormat::Lines),
        "csv" => Some(FileFormat::Csv),
        "arrow" | "arrows" | "ipc" => Some(FileFormat::Arrow),
        _ => None,
    }
}

/// The policy of a file that is rows already, in batches: of one that is wrong no row can be told from the others.
fn on_error_of_rows(table: &mut Table<'_>, findings: &mut Findings) -> Option<ErrorPolicy> {
    let field = table.get("on_error");
    let policy = on_error(table, findings)?;
    if let Some(field) = field.filter(|_| policy.then != Fate::Fail) {
        let message = "rows of an Arrow file are read in batches: one that is wrong cannot be left out";
        findings.add(field.error(message).expected("fail, or a file of another format"));
        return None;
    }
    Some(ErrorPolicy { retry: None, then: Fate::Fail })
}

/// Refuses the columns that a cell of CSV cannot hold.
fn check_cells(field: &Field<'_>, schema: &SchemaRef, findings: &mut Findings) {
    for entry in field.entries().unwrap_or_default() {
        let Ok(column) = schema.field_with_name(&entry.key) else { continue };
        let of = column.data_type();
        if of.is_nested() || *of == DataType::Binary {
            let at = field.child(entry).error(format!("CSV has no columns of type {}", show_type(of)));
            findings
                .add(at.expected("numbers, string, bool, date or a timestamp, or a file of another format"));
        }
    }
}

fn memory(field: &Field<'_>, findings: &mut Findings) -> Option<Connected> {
    let mut table = Table::open(field, "{ name: …, schema: { column: type } }", findings)?;
    let name = table.require("name", "a name that the embedding program uses", findings);
    let name = name.and_then(|field| read::text(&field, "a name", findings));
    let schema = table.require("schema", "{ column: type }", findings);
    let schema = schema.and_then(|field| types::schema(&field, findings));
    table.close(findings);
    Some(Connected { connector: SourceConnector::Memory { name: name? }, rows: Some(schema?) })
}

/// What the codec is told, as far as that is known without asking anybody: `Some(None)` where it is not.
fn decoder(decode: &Decode, field: &Field<'_>, findings: &mut Findings) -> Option<Option<codec::Decode>> {
    let mut settle = |format: &ValueFormat, path: &str| match format.settle() {
        Ok(settled) => Some(settled),
        Err(reason) => {
            findings.add(SpecError::new(format!("{}{path}", field.path), reason).line(field.line));
            None
        }
    };
    let value = settle(&decode.value, ".definition");
    let key = decode.key.as_ref().map(|key| settle(key, ".key.definition"));
    match (value?, key) {
        (_, Some(None)) => None,
        (Some(value), None) => Some(Some(decode.to_codec(&value, None))),
        (Some(value), Some(Some(Some(key)))) => Some(Some(decode.to_codec(&value, Some(&key)))),
        _ => Some(None),
    }
}

fn event_time(field: &Field<'_>, schema: Option<&SchemaRef>, findings: &mut Findings) -> Option<EventTime> {
    let mut table = Table::open(field, "{ column: …, out_of_order: 5s }", findings)?;
    table.later(&["idle_after"], findings);
    let column = table.require("column", "a column of a timestamp type", findings);
    let column = column.and_then(|field| time_column(&field, schema, findings));
    let out_of_order = match table.get("out_of_order") {
        None => Some(Duration::ZERO),
        Some(field) => read::duration(&field, Duration::ZERO..=Duration::from_secs(30 * 86_400), findings),
    };
    table.close(findings);
    Some(EventTime { column: column?, out_of_order: out_of_order? })
}

fn time_column(field: &Field<'_>, schema: Option<&SchemaRef>, findings: &mut Findings) -> Option<String> {
    let column = read::text(field, "a column of a timestamp type", findings)?;
    // Without a schema that is right there is nothing to compare with.
    let Some(schema) = schema else { return Some(column) };
    match schema.field_with_name(&column).map(|found| found.data_type()) {
        Ok(DataType::Timestamp(..) | DataType::Int64) => return Some(column),
        Ok(other) => findings.add(
            field
                .error(format!("the column {} is of type {}", quoted(&column), show_type(other)))
                .expected("a timestamp, or int64 for milliseconds since 1970"),
        ),
        Err(_) => {
            let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            let near = nearest(&column, names.iter().copied());
            findings.add(field.error(format!("there is no column {}", quoted(&column))).nearest(near));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::spec::{ErrorPolicy, Fate, Format, parse};

    fn policy(source: &str) -> Result<ErrorPolicy, String> {
        let text = format!(
            "name: p\nsources: {{ in: {{ {source} }} }}\nsinks: {{ out: {{ from: in, blackhole: }} }}\n"
        );
        match parse(text.as_bytes(), Format::Yaml) {
            Ok(parsed) => Ok(parsed.pipeline.sources[0].on_error),
            Err(errors) => Err(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
        }
    }

    #[test]
    fn files_of_arrow_fail_at_a_batch_that_is_wrong() {
        let of =
            |on_error: &str| policy(&format!("file: {{ path: a.arrow, schema: {{ n: int64 }} }}{on_error}"));
        for right in ["", ", on_error: fail"] {
            assert_eq!(of(right), Ok(ErrorPolicy { retry: None, then: Fate::Fail }));
        }
        for wrong in ["skip", "dead_letter", "{ retry: { then: skip } }"] {
            assert_eq!(of(&format!(", on_error: {wrong}")), Err("line 2: sources.in.on_error: rows of an Arrow file are read in batches: one that is wrong cannot be left out; expected fail, or a file of another format".into()));
        }
        let csv = "file: { path: a.csv, schema: { n: int64 } }, on_error: skip";
        assert_eq!(policy(csv), Ok(ErrorPolicy { retry: None, then: Fate::Skip }));
        let lines = "file: { path: a.jsonl }, decode: { codec: json, schema: { n: int64 } }, on_error: skip";
        assert_eq!(policy(lines), Ok(ErrorPolicy { retry: None, then: Fate::Skip }));
    }

    #[test]
    fn columns_that_no_cell_holds_are_refused() {
        insta::assert_snapshot!(policy("file: { path: a.csv, schema: { n: int64, b: bytes, l: list<int64> } }").unwrap_err(), @r"
        line 2: sources.in.file.schema.b: CSV has no columns of type bytes; expected numbers, string, bool, date or a timestamp, or a file of another format
        line 2: sources.in.file.schema.l: CSV has no columns of type list<int64>; expected numbers, string, bool, date or a timestamp, or a file of another format
        ");
    }

    #[test]
    fn a_file_has_no_keys_headers_and_timestamps() {
        let of = |more: &str| {
            policy(&format!(
                "file: {{ path: a.jsonl }}, decode: {{ codec: json, schema: {{ n: int64 }}, {more} }}"
            ))
        };
        assert!(of("include: [$topic, $partition, $offset]").is_ok());
        insta::assert_snapshot!(of("include: [$offset, $key, $headers, $timestamp]").unwrap_err(), @r"
        line 2: sources.in.decode.include[1]: lines of a file have no $key; expected $topic (the path), $partition (0) or $offset (the line, from 0)
        line 2: sources.in.decode.include[2]: lines of a file have no $headers; expected $topic (the path), $partition (0) or $offset (the line, from 0)
        line 2: sources.in.decode.include[3]: lines of a file have no $timestamp; expected $topic (the path), $partition (0) or $offset (the line, from 0)
        ");
        insta::assert_snapshot!(of("key: { codec: string }").unwrap_err(), @"line 2: sources.in.decode.key: lines of a file have no keys to decode: only records of Kafka have");
    }
}
