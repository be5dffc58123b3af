//! Checks a generator of rows: its columns and how each is made. Knows nothing of the other parts of a source.

use arrow::datatypes::{DataType, Schema};

use super::error::{Findings, quoted};
use super::model::{Generate, GenerateColumn};
use super::nearest::nearest;
use super::table::{Field, Table};
use super::tree::Value;
use super::{read, show_type, types};

/// Partitions of a generator, each a task.
const MAX_PARTITIONS: u32 = 256;
const EXPECTED_COLUMN: &str =
    "sequence, now, { range: [0, 100] }, { keys: 5000, skew: 1.1, prefix: u } or { one_of: [a, b] }";

pub(super) fn read(field: &Field<'_>, findings: &mut Findings) -> Option<Generate> {
    let mut table = Table::open(field, "{ schema: { column: type }, rate: 1000 }", findings)?;
    let schema = table.require("schema", "{ column: type }", findings);
    let schema = schema.and_then(|field| types::schema(&field, findings));
    let rate = optional_count(table.get("rate"), findings);
    let count = optional_count(table.get("count"), findings);
    let partitions = match table.get("partitions") {
        None => Some(1),
        Some(field) => read::whole(&field, 1..=MAX_PARTITIONS, findings),
    };
    let seed = match table.get("seed") {
        None => Some(0),
        Some(field) => read::whole(&field, 0..=u64::MAX, findings),
    };
    let columns = match table.get("columns") {
        None => Some(Vec::new()),
        Some(field) => columns(&field, schema.as_deref(), findings),
    };
    table.close(findings);
    Some(Generate {
        schema: schema?,
        columns: columns?,
        rate: rate?,
        count: count?,
        partitions: partitions?,
        seed: seed?,
    })
}

fn optional_count(field: Option<Field<'_>>, findings: &mut Findings) -> Option<Option<u64>> {
    match field {
        None => Some(None),
        Some(field) => read::whole(&field, 1..=u64::MAX, findings).map(Some),
    }
}

fn columns(
    field: &Field<'_>,
    schema: Option<&Schema>,
    findings: &mut Findings,
) -> Option<Vec<(String, GenerateColumn)>> {
    let Some(entries) = field.entries() else {
        findings.add(field.wrong("columns and how they are made"));
        return None;
    };
    let made: Vec<Option<(String, GenerateColumn)>> = entries
        .iter()
        .map(|entry| {
            let at = field.child(entry);
            let column = column(&at, findings)?;
            // Without a schema that is right there is nothing to compare with.
            if let Some(schema) = schema {
                check_type(&at, &entry.key, &column, schema, findings);
            }
            Some((entry.key.clone(), column))
        })
        .collect();
    made.into_iter().collect()
}

fn column(field: &Field<'_>, findings: &mut Findings) -> Option<GenerateColumn> {
    if field.node.scalar().is_some() {
        let words = [("sequence", GenerateColumn::Sequence), ("now", GenerateColumn::Now)];
        return read::choice(field, &words, &[], findings);
    }
    let mut table = Table::open(field, EXPECTED_COLUMN, findings)?;
    let column = match table.present(&["range", "keys", "one_of"])[..] {
        ["range"] => table.get("range").and_then(|field| range(&field, findings)),
        ["keys"] => keys(&mut table, findings),
        ["one_of"] => table
            .get("one_of")
            .and_then(|field| read::texts(&field, "a list of texts", findings).map(|texts| (field, texts)))
            .and_then(|(field, texts)| match texts.is_empty() {
                true => {
                    findings.add(field.error("the list is empty").expected("at least one text"));
                    None
                }
                false => Some(GenerateColumn::OneOf(texts)),
            }),
        _ => {
            findings.add(field.error("this does not say how the column is made").expected(EXPECTED_COLUMN));
            for key in ["range", "keys", "one_of", "skew", "prefix"] {
                table.get(key);
            }
            None
        }
    };
    table.close(findings);
    column
}

fn range(field: &Field<'_>, findings: &mut Findings) -> Option<GenerateColumn> {
    let expected = "two numbers, the lowest first, as [0, 1000]";
    let items = field.items().unwrap_or_default();
    let [min, max] = &items[..] else {
        findings.add(field.wrong(expected));
        return None;
    };
    let (min, max) = (read::number(min, "a number", findings), read::number(max, "a number", findings));
    let (min, max) = (min?, max?);
    if min > max {
        findings.add(field.error(format!("{min} is more than {max}")).expected(expected));
        return None;
    }
    Some(GenerateColumn::Range { min, max })
}

fn keys(table: &mut Table<'_>, findings: &mut Findings) -> Option<GenerateColumn> {
    let count = table.get("keys").and_then(|field| read::whole(&field, 1..=1_000_000_000u64, findings));
    let skew = match table.get("skew") {
        None => Some(0.0),
        Some(field) => {
            let expected = "a number from 0 (uniform) to 10";
            let skew = read::number(&field, expected, findings);
            if skew.is_some_and(|skew| !(0.0..=10.0).contains(&skew)) {
                findings.add(field.wrong(expected));
            }
            skew
        }
    };
    let prefix = match table.get("prefix") {
        None => Some(String::new()),
        Some(field) => match &field.node.value {
            Value::Scalar { plain: false, text } if text.is_empty() => Some(String::new()),
            _ => read::text(&field, "text", findings),
        },
    };
    Some(GenerateColumn::Keys { count: count?, skew: skew?, prefix: prefix? })
}

fn check_type(at: &Field<'_>, name: &str, column: &GenerateColumn, schema: &Schema, findings: &mut Findings) {
    let Ok(declared) = schema.field_with_name(name) else {
        let near = nearest(name, schema.fields().iter().map(|field| field.name().as_str()));
        findings.add(at.error(format!("there is no column {} in the schema", quoted(name))).nearest(near));
        return;
    };
    let of = declared.data_type();
    let (fits, expected) = match column {
        GenerateColumn::Sequence => (of.is_integer(), "an integer type"),
        GenerateColumn::Range { .. } => (of.is_integer() || of.is_floating(), "an integer or float type"),
        GenerateColumn::Keys { .. } => {
            (of.is_integer() || *of == DataType::Utf8, "string or an integer type")
        }
        GenerateColumn::Now => (
            matches!(of, DataType::Timestamp(..) | DataType::Int64),
            "a timestamp, or int64 for milliseconds",
        ),
        GenerateColumn::OneOf(_) => (*of == DataType::Utf8, "string"),
    };
    if !fits {
        let message = format!("a column of type {} cannot be made like this", show_type(of));
        findings.add(at.error(message).expected(expected));
    }
}
