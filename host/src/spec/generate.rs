//! Checks a generator of rows: its columns and how each is made. Knows nothing of the other parts of a source.

use arrow::datatypes::{DataType, Schema};

use super::error::{Findings, quoted};
use super::model::{Generate, GenerateColumn};
use super::nearest::nearest;
use super::table::{Field, Table};
use super::tree::Value;
use super::{read, show_type, types};

impl GenerateColumn {
    /// Keys that a skewed column may have: their shares are kept in a table.
    pub const MAX_SKEWED_KEYS: u64 = 1_000_000;
}

/// Keys of a column that is not skewed.
const MAX_KEYS: u64 = 1_000_000_000;
/// Partitions of a generator, each a task.
const MAX_PARTITIONS: u32 = 256;
const EXPECTED_COLUMN: &str =
    "sequence, now, { range: [0, 100] }, { keys: 5000, skew: 1.1, prefix: u } or { one_of: [a, b] }";

pub(super) fn read(field: &Field<'_>, findings: &mut Findings) -> Option<Generate> {
    let mut table = Table::open(field, "{ schema: { column: type }, rate: 1000 }", findings)?;
    let columns_of = table.require("schema", "{ column: type }", findings);
    let schema = columns_of.as_ref().and_then(|field| types::schema(field, findings));
    if let (Some(field), Some(schema)) = (&columns_of, &schema) {
        check_types(field, schema, findings);
    }
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
        Some(field) => columns(&field, schema.as_deref(), count.flatten(), findings),
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

/// Refuses the columns that cannot be made in any way.
fn check_types(field: &Field<'_>, schema: &Schema, findings: &mut Findings) {
    for entry in field.entries().unwrap_or_default() {
        let Ok(column) = schema.field_with_name(&entry.key) else { continue };
        if !is_made(column.data_type()) {
            let of = show_type(column.data_type());
            let at = field.child(entry).error(format!("a column of type {of} cannot be made"));
            findings.add(
                at.expected(
                    "numbers, string, bool, date or a timestamp; a step can make the others of these",
                ),
            );
        }
    }
}

fn is_made(of: &DataType) -> bool {
    use DataType::{Boolean, Date32, Timestamp, Utf8};
    of.is_numeric() || matches!(of, Utf8 | Boolean | Date32 | Timestamp(..))
}

fn columns(
    field: &Field<'_>,
    schema: Option<&Schema>,
    count: Option<u64>,
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
                check_type(&at, &entry.key, &column, (schema, count), findings);
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
    let count = table.get("keys").and_then(|field| {
        let count = read::whole(&field, 1..=MAX_KEYS, findings)?;
        if count > GenerateColumn::MAX_SKEWED_KEYS && skew.is_some_and(|skew| skew != 0.0) {
            let most = GenerateColumn::MAX_SKEWED_KEYS;
            let message = format!("{count} keys with `skew`; the limit is {most}");
            let expected = format!("at most {most}, or no `skew` (up to {MAX_KEYS} keys, each as likely)");
            findings.add(field.error(message).expected(expected));
            return None;
        }
        Some(count)
    });
    let prefix = match table.get("prefix") {
        None => Some(String::new()),
        Some(field) => match &field.node.value {
            Value::Scalar { plain: false, text } if text.is_empty() => Some(String::new()),
            _ => read::text(&field, "text", findings),
        },
    };
    Some(GenerateColumn::Keys { count: count?, skew: skew?, prefix: prefix? })
}

/// Whether a column can be made as it says: its type, and that the type holds all that is made.
fn check_type(
    at: &Field<'_>,
    name: &str,
    column: &GenerateColumn,
    (schema, count): (&Schema, Option<u64>),
    findings: &mut Findings,
) {
    let Ok(declared) = schema.field_with_name(name) else {
        let near = nearest(name, schema.fields().iter().map(|field| field.name().as_str()));
        findings.add(at.error(format!("there is no column {} in the schema", quoted(name))).nearest(near));
        return;
    };
    let of = declared.data_type();
    // That is said where the column is declared.
    if !is_made(of) {
        return;
    }
    let (fits, expected) = match column {
        GenerateColumn::Sequence => (of.is_integer(), "an integer type"),
        GenerateColumn::Range { .. } => (of.is_integer() || of.is_floating(), "an integer or float type"),
        GenerateColumn::Keys { .. } => {
            (of.is_integer() || *of == DataType::Utf8, "string or an integer type")
        }
        GenerateColumn::Now => (
            matches!(of, DataType::Timestamp(..) | DataType::Date32 | DataType::Int64),
            "a timestamp, date, or int64 for milliseconds",
        ),
        GenerateColumn::OneOf(_) => (*of == DataType::Utf8, "string"),
    };
    if !fits {
        let message = format!("a column of type {} cannot be made like this", show_type(of));
        findings.add(at.error(message).expected(expected));
        return;
    }
    let Some((least, most)) = bounds(of) else { return };
    let (lowest, highest) = match column {
        GenerateColumn::Sequence => (0, count.map_or(i128::from(i64::MAX), |count| i128::from(count) - 1)),
        // A float that no i128 holds becomes the nearest one, which no column holds either.
        GenerateColumn::Range { min, max } => (min.floor() as i128, max.floor() as i128),
        GenerateColumn::Keys { count, .. } => (0, i128::from(*count) - 1),
        GenerateColumn::Now | GenerateColumn::OneOf(_) => return,
    };
    if lowest < least || highest > most {
        let of = show_type(of);
        let made = match (column, count) {
            (GenerateColumn::Sequence, None) => "a sequence without end".to_owned(),
            _ => format!("numbers from {lowest} to {highest}"),
        };
        let remedy = match column {
            GenerateColumn::Sequence => format!("int64, or a `count` of at most {}", most + 1),
            GenerateColumn::Keys { .. } => format!("int64, or at most {} keys", most + 1),
            _ => "a type that holds them, or a smaller range".to_owned(),
        };
        let message = format!("{made} for a column of type {of}, which holds {least} to {most}");
        findings.add(at.error(message).expected(remedy));
    }
}

/// The least and the most that an integer type holds.
fn bounds(of: &DataType) -> Option<(i128, i128)> {
    Some(match of {
        DataType::Int8 => (i8::MIN.into(), i8::MAX.into()),
        DataType::Int16 => (i16::MIN.into(), i16::MAX.into()),
        DataType::Int32 => (i32::MIN.into(), i32::MAX.into()),
        DataType::Int64 => (i64::MIN.into(), i64::MAX.into()),
        DataType::UInt8 => (0, u8::MAX.into()),
        DataType::UInt16 => (0, u16::MAX.into()),
        DataType::UInt32 => (0, u32::MAX.into()),
        DataType::UInt64 => (0, u64::MAX.into()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::spec::{Format, parse};

    fn errors(generate: &str) -> String {
        let text = format!(
            "name: p\nsources: {{ in: {{ generate: {generate} }} }}\nsinks: {{ out: {{ from: in, blackhole: }} }}\n"
        );
        match parse(text.as_bytes(), Format::Yaml) {
            Ok(_) => "nothing is wrong".to_owned(),
            Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        }
    }

    #[test]
    fn more_skewed_keys_than_can_be_made_are_refused() {
        let keys =
            |keys: &str| errors(&format!("{{ schema: {{ user: string }}, columns: {{ user: {keys} }} }}"));
        assert_eq!(keys("{ keys: 1000000, skew: 1.1 }"), "nothing is wrong");
        assert_eq!(keys("{ keys: 1000000000 }"), "nothing is wrong");
        assert_eq!(keys("{ keys: 1000000000, skew: 0 }"), "nothing is wrong");
        insta::assert_snapshot!(keys("{ keys: 2000000, skew: 1.1 }"), @"line 2: sources.in.generate.columns.user.keys: 2000000 keys with `skew`; the limit is 1000000; expected at most 1000000, or no `skew` (up to 1000000000 keys, each as likely)");
    }

    #[test]
    fn columns_of_types_that_cannot_be_made_are_refused() {
        insta::assert_snapshot!(errors("{ schema: { a: bytes, b: list<int64>, c: 'map<string, int64>', d: { x: int64 }, e: string }, columns: { a: sequence } }"), @r"
        line 2: sources.in.generate.schema.a: a column of type bytes cannot be made; expected numbers, string, bool, date or a timestamp; a step can make the others of these
        line 2: sources.in.generate.schema.b: a column of type list<int64> cannot be made; expected numbers, string, bool, date or a timestamp; a step can make the others of these
        line 2: sources.in.generate.schema.c: a column of type map<string, int64> cannot be made; expected numbers, string, bool, date or a timestamp; a step can make the others of these
        line 2: sources.in.generate.schema.d: a column of type struct<x: int64> cannot be made; expected numbers, string, bool, date or a timestamp; a step can make the others of these
        ");
    }

    #[test]
    fn what_is_made_fits_its_column() {
        let schema = "schema: { a: int8, b: uint8, c: int32, d: int64, e: uint64, f: date }";
        assert_eq!(
            errors(&format!(
                "{{ {schema}, count: 128, columns: {{ a: sequence, b: {{ range: [0, 255] }}, c: {{ keys: 5000 }}, d: sequence, f: now }} }}"
            )),
            "nothing is wrong"
        );
        insta::assert_snapshot!(errors(&format!("{{ {schema}, count: 129, columns: {{ a: sequence, b: {{ range: [-1, 255] }}, c: {{ range: [0, 3e9] }}, d: {{ range: [0, 1e300] }}, e: {{ range: [0, 1e20] }} }} }}")), @r"
        line 2: sources.in.generate.columns.a: numbers from 0 to 128 for a column of type int8, which holds -128 to 127; expected int64, or a `count` of at most 128
        line 2: sources.in.generate.columns.b: numbers from -1 to 255 for a column of type uint8, which holds 0 to 255; expected a type that holds them, or a smaller range
        line 2: sources.in.generate.columns.c: numbers from 0 to 3000000000 for a column of type int32, which holds -2147483648 to 2147483647; expected a type that holds them, or a smaller range
        line 2: sources.in.generate.columns.d: numbers from 0 to 170141183460469231731687303715884105727 for a column of type int64, which holds -9223372036854775808 to 9223372036854775807; expected a type that holds them, or a smaller range
        line 2: sources.in.generate.columns.e: numbers from 0 to 100000000000000000000 for a column of type uint64, which holds 0 to 18446744073709551615; expected a type that holds them, or a smaller range
        ");
        insta::assert_snapshot!(errors(&format!("{{ {schema}, columns: {{ a: {{ keys: 200 }}, c: sequence, d: sequence, e: sequence }} }}")), @r"
        line 2: sources.in.generate.columns.a: numbers from 0 to 199 for a column of type int8, which holds -128 to 127; expected int64, or at most 128 keys
        line 2: sources.in.generate.columns.c: a sequence without end for a column of type int32, which holds -2147483648 to 2147483647; expected int64, or a `count` of at most 2147483648
        ");
    }
}
