//! Columns from a sample of records: what every record agrees on. Pure; where the sample comes from is not known
//! here.
//!
//! - Whole numbers are int64 (uint64 where one is beyond it), numbers with a fraction or an exponent float64, both
//!   together float64. Whole numbers alone that no integer type holds are an error: they may be ids, which float64
//!   would round. Text is text: whether it is a time is the user's to say; MessagePack's timestamps are
//!   timestamps in nanoseconds, UTC, its other extensions objects of their type and bytes.
//! - Objects are structs of all keys seen, arrays lists of what their items agree on. Every column may be null.
//! - What was null everywhere is text; an object that never had a key is a map of text.
//! - What disagrees is an error that names the column and both kinds: no value is read as something it is not.

mod value;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

use self::value::{Value, Whole};
use super::msgpack;
use super::problem::quote;
use super::settings::Codec;
use crate::batch::RawRecords;

/// Columns, and fields of one object.
const MAX_FIELDS: usize = 1_000;
/// Columns with all fields within them.
const MAX_FIELDS_IN_ALL: usize = 10_000;
/// Of a name, bytes: as of declared columns.
const MAX_NAME: usize = 255;
/// Of a record that is looked at: as a tree it takes a hundred times as much.
const MAX_RECORD: usize = 1 << 20;
/// Objects and arrays within each other.
const MAX_DEPTH: usize = 16;

/// What is known of a value's kind.
#[derive(Debug, Default)]
enum Kind {
    /// Only nulls so far.
    #[default]
    Unknown,
    Boolean,
    Integer(Whole),
    Float,
    Text,
    Bytes,
    Time,
    Extension,
    List(Box<Kind>),
    Object(Object),
}

/// Fields in the order first seen.
#[derive(Debug, Default)]
struct Object {
    fields: Vec<(String, Kind)>,
    by_name: HashMap<String, usize>,
}

/// The columns that `records` have in common, and how many of the records were looked at: those that are no
/// objects of the codec, or larger than [`MAX_RECORD`], are left out.
///
/// # Errors
/// Where records disagree, where none is an object, or where they have too many columns.
pub fn infer(codec: Codec, records: &RawRecords) -> Result<(SchemaRef, usize), String> {
    let read = match codec {
        Codec::Json => value::from_json,
        Codec::MessagePack => value::from_msgpack,
        other => return Err(format!("the columns of {} cannot be inferred", other.name())),
    };
    let mut row = Object::default();
    let mut seen = 0;
    let values = (0..records.len()).filter_map(|index| records.value(index));
    for bytes in values.filter(|bytes| bytes.len() <= MAX_RECORD) {
        if let Some(Value::Object(fields)) = read(bytes) {
            row.merge(fields, "", 0)?;
            seen += 1;
            if row.count() > MAX_FIELDS_IN_ALL {
                return Err(format!(
                    "the records have more than {MAX_FIELDS_IN_ALL} different keys, one within the other: declare the columns"
                ));
            }
        }
    }
    match (records.len(), seen) {
        (0, _) => Err("there is no record to infer columns from: write some first, or declare them".into()),
        (records, 0) => {
            let codec = codec.name();
            Err(format!(
                "none of {records} records is an object of {codec} of at most {MAX_RECORD} bytes: is it another codec?"
            ))
        }
        _ if row.fields.is_empty() => Err("the records have no columns: declare them".into()),
        _ => Ok((Arc::new(Schema::new(row.into_fields("")?)), seen)),
    }
}

fn too_deep(path: &str) -> String {
    format!("{path}: nested deeper than {MAX_DEPTH} levels: declare the columns")
}

/// The path of a field.
fn below(path: &str, name: &str) -> String {
    let name = quote(name.as_bytes());
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

impl Object {
    fn merge(&mut self, fields: Vec<(String, Value)>, path: &str, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(too_deep(path));
        }
        for (name, value) in fields {
            let at = match self.by_name.get(&name) {
                Some(at) => *at,
                None if self.fields.len() == MAX_FIELDS => {
                    let whose = if path.is_empty() { "the records" } else { path };
                    return Err(format!(
                        "{whose}: more than {MAX_FIELDS} different keys: declare the columns"
                    ));
                }
                None if name.is_empty() || name.len() > MAX_NAME => {
                    return Err(format!(
                        "the key `{}` has {} bytes, and a column's name 1 to {MAX_NAME}: declare the columns",
                        quote(name.as_bytes()),
                        name.len()
                    ));
                }
                None => {
                    self.by_name.insert(name.clone(), self.fields.len());
                    self.fields.push((name.clone(), Kind::Unknown));
                    self.fields.len() - 1
                }
            };
            let path = below(path, &name);
            self.fields[at].1.merge(value, &path, depth)?;
        }
        Ok(())
    }

    /// All fields, those within them among them.
    fn count(&self) -> usize {
        self.fields.iter().map(|(_, kind)| 1 + kind.count()).sum()
    }

    fn into_fields(self, path: &str) -> Result<Fields, String> {
        let field = |(name, kind): (String, Kind)| {
            let of = kind.into_type(&below(path, &name))?;
            Ok(Field::new(name, of, true))
        };
        self.fields.into_iter().map(field).collect()
    }
}

impl Kind {
    fn count(&self) -> usize {
        match self {
            Kind::List(of) => of.count(),
            Kind::Object(of) => of.count(),
            _ => 0,
        }
    }

    fn merge(&mut self, value: Value, path: &str, depth: usize) -> Result<(), String> {
        if matches!(self, Kind::Unknown) {
            *self = Kind::of(&value);
        }
        match (&mut *self, value) {
            (_, Value::Null)
            | (Kind::Boolean, Value::Boolean)
            | (Kind::Text, Value::Text)
            | (Kind::Bytes, Value::Bytes)
            | (Kind::Time, Value::Time)
            | (Kind::Extension, Value::Extension)
            | (Kind::Float, Value::Float | Value::Integer(_)) => {}
            (Kind::Integer(_), Value::Float) => *self = Kind::Float,
            (Kind::Integer(all), Value::Integer(one)) => {
                all.negative |= one.negative;
                all.large |= one.large;
                all.huge |= one.huge;
            }
            (Kind::List(_), Value::List(_)) if depth == MAX_DEPTH => return Err(too_deep(path)),
            (Kind::List(of), Value::List(items)) => {
                let path = format!("{path}[]");
                items.into_iter().try_for_each(|item| of.merge(item, &path, depth + 1))?;
            }
            (Kind::Object(of), Value::Object(fields)) => of.merge(fields, path, depth + 1)?,
            (kind, value) => {
                let (was, is) = (kind.name(), Kind::of(&value).name());
                return Err(format!(
                    "{path} is {was} in one record and {is} in another: declare the columns"
                ));
            }
        }
        Ok(())
    }

    /// The kind of a value, of what it holds nothing yet.
    fn of(value: &Value) -> Kind {
        match value {
            Value::Null => Kind::Unknown,
            Value::Boolean => Kind::Boolean,
            Value::Integer(whole) => Kind::Integer(*whole),
            Value::Float => Kind::Float,
            Value::Text => Kind::Text,
            Value::Bytes => Kind::Bytes,
            Value::Time => Kind::Time,
            Value::Extension => Kind::Extension,
            Value::List(_) => Kind::List(Box::default()),
            Value::Object(_) => Kind::Object(Object::default()),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Kind::Unknown => "null",
            Kind::Boolean => "a boolean",
            Kind::Integer(_) | Kind::Float => "a number",
            Kind::Text => "text",
            Kind::Bytes => "bytes",
            Kind::Time => "a timestamp",
            Kind::Extension => "an extension",
            Kind::List(_) => "an array",
            Kind::Object(_) => "an object",
        }
    }

    fn into_type(self, path: &str) -> Result<DataType, String> {
        Ok(match self {
            Kind::Unknown | Kind::Text => DataType::Utf8,
            Kind::Boolean => DataType::Boolean,
            Kind::Integer(Whole { huge: true, .. }) => return Err(rounded(path, "beyond 64 bits")),
            Kind::Integer(Whole { large: true, negative: true, .. }) => {
                return Err(rounded(path, "both below zero and beyond int64"));
            }
            Kind::Integer(Whole { large: true, .. }) => DataType::UInt64,
            Kind::Integer(_) => DataType::Int64,
            Kind::Float => DataType::Float64,
            Kind::Bytes => DataType::Binary,
            Kind::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            Kind::Extension => DataType::Struct(msgpack::extension_fields()),
            Kind::List(of) => {
                let of = of.into_type(&format!("{path}[]"))?;
                DataType::List(Arc::new(Field::new("item", of, true)))
            }
            // An object without a key has no fields to be a struct of, and may be one of any keys.
            Kind::Object(of) if of.fields.is_empty() => map_of_text(),
            Kind::Object(of) => DataType::Struct(of.into_fields(path)?),
        })
    }
}

#[cold]
fn rounded(path: &str, what: &str) -> String {
    format!(
        "{path} has whole numbers {what}: no integer type holds them all, and float64 would round them: declare the \
         columns, this one as decimal(38, 0)"
    )
}

fn map_of_text() -> DataType {
    let [key, value] = [("keys", false), ("values", true)]
        .map(|(name, nullable)| Field::new(name, DataType::Utf8, nullable));
    let entries = DataType::Struct(vec![key, value].into());
    DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inferred(codec: Codec, values: &[&[u8]]) -> Result<String, String> {
        let mut raw = RawRecords::with_capacity("t".into(), 0, values.len(), 0);
        for value in values {
            raw.push(0, None, None, Some(value));
        }
        let (schema, seen) = infer(codec, &raw)?;
        let columns: Vec<String> =
            schema.fields().iter().map(|f| format!("{}: {}", f.name(), f.data_type())).collect();
        Ok(format!("{seen} of {}: {}", values.len(), columns.join(", ")))
    }

    fn json(values: &[&str]) -> Result<String, String> {
        inferred(Codec::Json, &values.iter().map(|value| value.as_bytes()).collect::<Vec<_>>())
    }

    #[test]
    fn records_agree_on_the_widest_kind() {
        insta::assert_snapshot!(json(&[
            r#"{"i":1,"u":9,"f":1,"n":null,"s":"2024-05-01T00:00:00Z","b":true,"l":[1],"o":{"x":1}}"#,
            r#"{"i":-2,"u":18446744073709551615,"f":2.5,"l":[null,2.5],"o":{"y":"a"},"later":[]}"#,
            "not json", "[1]",
        ]).unwrap(), @r#"2 of 4: i: Int64, u: UInt64, f: Float64, n: Utf8, s: Utf8, b: Boolean, l: List(Float64), o: Struct("x": Int64, "y": Utf8), later: List(Utf8)"#);
    }

    #[test]
    fn whole_numbers_that_would_be_rounded_are_refused() {
        insta::assert_snapshot!(json(&[r#"{"a":-1}"#, r#"{"a":18446744073709551615}"#]).unwrap_err(), @"a has whole numbers both below zero and beyond int64: no integer type holds them all, and float64 would round them: declare the columns, this one as decimal(38, 0)");
        insta::assert_snapshot!(json(&[r#"{"o":{"id":1}}"#, r#"{"o":{"id":18446744073709551616}}"#]).unwrap_err(), @"o.id has whole numbers beyond 64 bits: no integer type holds them all, and float64 would round them: declare the columns, this one as decimal(38, 0)");
        insta::assert_snapshot!(json(&[r#"{"l":[1,-9223372036854775809]}"#]).unwrap_err(), @"l[] has whole numbers beyond 64 bits: no integer type holds them all, and float64 would round them: declare the columns, this one as decimal(38, 0)");
        let both = b"\x82\xa1n\xff\xa1l\x92\xff\xcf\xff\xff\xff\xff\xff\xff\xff\xff";
        insta::assert_snapshot!(inferred(Codec::MessagePack, &[both]).unwrap_err(), @"l[] has whole numbers both below zero and beyond int64: no integer type holds them all, and float64 would round them: declare the columns, this one as decimal(38, 0)");
        // Where there are fractions, numbers are rounded anyhow, whichever came first.
        for (a, b) in [("2.5", "-9223372036854775809"), ("18446744073709551616", "1e3")] {
            let records = [format!("{{\"a\":{a},\"b\":-1}}"), format!("{{\"a\":{b},\"b\":-0}}")];
            assert_eq!(json(&[&records[0], &records[1]]).unwrap(), "2 of 2: a: Float64, b: Int64");
        }
        let largest = [r#"{"i":-9223372036854775808,"u":18446744073709551615,"f":1e30}"#];
        insta::assert_snapshot!(json(&largest).unwrap(), @"1 of 1: i: Int64, u: UInt64, f: Float64");
    }

    #[test]
    fn of_a_repeated_key_the_last_counts() {
        insta::assert_snapshot!(json(&[r#"{"a":"x","b":1,"a":1}"#, r#"{"a":{"c":1,"c":[]}, "a" : 2 }"#]).unwrap(), @"2 of 2: a: Int64, b: Int64");
        for wrong in [
            r#"{"a":1,}"#,
            r#"{"a" 1}"#,
            r#"{a:1}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":01}"#,
            r#"{"a":1} 2"#,
            r#"{"a":"#,
            r#"{"a":"\x"}"#,
            r#"{"a":1e400}"#,
        ] {
            assert!(json(&[r#"{"b":1}"#, wrong]).unwrap().starts_with("1 of 2: b: "), "{wrong}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(json(&[r#"{"b":1}"#, &deep]).unwrap().starts_with("1 of 2"));
    }

    #[test]
    fn an_object_without_keys_is_a_map() {
        insta::assert_snapshot!(json(&[r#"{"o":{},"l":[{}]}"#]).unwrap(), @r#"1 of 1: o: Map("entries": non-null Struct("keys": non-null Utf8, "values": Utf8), unsorted), l: List(Map("entries": non-null Struct("keys": non-null Utf8, "values": Utf8), unsorted))"#);
        insta::assert_snapshot!(json(&[r#"{"o":{}}"#, r#"{"o":{"x":1}}"#]).unwrap(), @r#"2 of 2: o: Struct("x": Int64)"#);
    }

    #[test]
    fn what_disagrees_is_named() {
        insta::assert_snapshot!(json(&[r#"{"o":{"a b":[1]}}"#, r#"{"o":{"a b":["x"]}}"#]).unwrap_err(), @"o.a b[] is a number in one record and text in another: declare the columns");
        insta::assert_snapshot!(json(&[]).unwrap_err(), @"there is no record to infer columns from: write some first, or declare them");
        insta::assert_snapshot!(json(&["x", "1"]).unwrap_err(), @"none of 2 records is an object of json of at most 1048576 bytes: is it another codec?");
        insta::assert_snapshot!(json(&["{}"]).unwrap_err(), @"the records have no columns: declare them");
        insta::assert_snapshot!(json(&[r#"{"":1}"#]).unwrap_err(), @"the key `` has 0 bytes, and a column's name 1 to 255: declare the columns");
        let within = |n: usize| {
            let inner: Vec<String> = (0..200).map(|i| format!("\"k{i}\":0")).collect();
            format!("\"a{n}\":{{{}}}", inner.join(","))
        };
        let wide = format!("{{{}}}", (0..60).map(within).collect::<Vec<_>>().join(","));
        insta::assert_snapshot!(json(&[&wide]).unwrap_err(), @"the records have more than 10000 different keys, one within the other: declare the columns");
        let large = format!("{{\"a\":[{}0]}}", "0,".repeat(600_000));
        assert!(json(&[&large, "{\"a\":[1]}"]).unwrap().starts_with("1 of 2"));
        let deep = format!("{}1{}", r#"{"a":"#.repeat(20), "}".repeat(20));
        assert!(json(&[&deep]).unwrap_err().contains("nested deeper than 16 levels"));
        let wide: Vec<String> = (0..=MAX_FIELDS).map(|n| format!("\"k{n}\":1")).collect();
        assert!(
            json(&[&format!("{{{}}}", wide.join(","))])
                .unwrap_err()
                .contains("more than 1000 different keys")
        );
    }

    #[test]
    fn message_pack_brings_its_own_kinds() {
        let record = b"\x84\xa1t\xd6\xff\0\0\0\x01\xa1b\xc4\x01x\xa1n\xff\xa1l\x91\xcb\x3f\xf0\0\0\0\0\0\0";
        insta::assert_snapshot!(inferred(Codec::MessagePack, &[b"\x81\xa1e\xd4\x05x"]).unwrap(), @r#"1 of 1: e: Struct("ext_type": non-null Int8, "ext_data": non-null Binary)"#);
        insta::assert_snapshot!(inferred(Codec::MessagePack, &[record, b"\x84\xa1"]).unwrap(), @r#"1 of 2: t: Timestamp(ns, "UTC"), b: Binary, n: Int64, l: List(Float64)"#);
    }
}
