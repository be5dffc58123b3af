//! Column types, as a schema in a specification names them.
//!
//! ```text
//! schema    = { column: type, … }                 in this order
//! type      = name [ "!" ]  |  { field: type, … }  a mapping is a struct
//! name      = int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
//!           | float32 | float64 | string | bytes | bool | date
//!           | time-name [ "(" zone ")" ]           without a zone: local time, no zone known
//!           | decimal "(" precision "," scale ")"  precision 1 to 38, scale 0 to precision
//!           | list "<" type ">"
//!           | map "<" string "," type ">"
//!           | struct "<" field ":" type "," … ">"
//! time-name = timestamp_s | timestamp_ms | timestamp_us | timestamp_ns
//! zone      = UTC | +HH:MM | -HH:MM
//! ```
//! Every column, field, list item and map value may be null unless its type ends in `!`. In a flow mapping
//! (`{ … }`) a type with a comma needs quotes: `{ price: "decimal(10, 2)" }`; `struct<…>` needs them everywhere.
//!
//! Knows Arrow's types and nothing of pipelines.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field as Column, Fields, Schema, SchemaRef, TimeUnit};

use super::error::{Findings, quoted};
use super::nearest::nearest;
use super::table::Field;
use super::tree::Value;

/// Columns of a schema, fields of a struct.
pub const MAX_COLUMNS: usize = 1000;
/// Types within types.
pub const MAX_TYPE_DEPTH: usize = 16;
/// Digits of a decimal.
const MAX_PRECISION: u8 = 38;

const SIMPLE: [(&str, DataType); 18] = [
    ("int8", DataType::Int8),
    ("int16", DataType::Int16),
    ("int32", DataType::Int32),
    ("int64", DataType::Int64),
    ("uint8", DataType::UInt8),
    ("uint16", DataType::UInt16),
    ("uint32", DataType::UInt32),
    ("uint64", DataType::UInt64),
    ("float32", DataType::Float32),
    ("float64", DataType::Float64),
    ("string", DataType::Utf8),
    ("bytes", DataType::Binary),
    ("bool", DataType::Boolean),
    ("date", DataType::Date32),
    ("timestamp_s", DataType::Timestamp(TimeUnit::Second, None)),
    ("timestamp_ms", DataType::Timestamp(TimeUnit::Millisecond, None)),
    ("timestamp_us", DataType::Timestamp(TimeUnit::Microsecond, None)),
    ("timestamp_ns", DataType::Timestamp(TimeUnit::Nanosecond, None)),
];

/// What other systems call these types.
const ELSEWHERE: [(&str, &str); 22] = [
    ("int", "int64"),
    ("integer", "int64"),
    ("long", "int64"),
    ("bigint", "int64"),
    ("short", "int16"),
    ("uint", "uint64"),
    ("float", "float64"),
    ("double", "float64"),
    ("number", "float64"),
    ("str", "string"),
    ("text", "string"),
    ("utf8", "string"),
    ("varchar", "string"),
    ("binary", "bytes"),
    ("boolean", "bool"),
    ("date32", "date"),
    ("timestamp", "timestamp_ms"),
    ("datetime", "timestamp_ms"),
    ("time", "timestamp_ms"),
    ("array", "list<…>"),
    ("record", "struct<…>"),
    ("numeric", "decimal(38, 9)"),
];

/// A type and whether it may be null.
type Typed = (DataType, bool);

/// The columns of a schema.
pub(super) fn schema(field: &Field<'_>, findings: &mut Findings) -> Option<SchemaRef> {
    let fields = fields(field, 0, findings)?;
    Some(Arc::new(Schema::new(fields)))
}

fn fields(field: &Field<'_>, depth: usize, findings: &mut Findings) -> Option<Fields> {
    let entries = match &field.node.value {
        Value::Map(entries) if !entries.is_empty() => entries,
        _ => {
            findings.add(field.wrong("columns with their types, as { id: int64, user: string }"));
            return None;
        }
    };
    if entries.len() > MAX_COLUMNS {
        findings.add(field.error(format!("{} columns; the limit is {MAX_COLUMNS}", entries.len())));
        return None;
    }
    let columns: Vec<Option<Column>> = entries
        .iter()
        .map(|entry| {
            let at = field.child(entry);
            if entry.key.is_empty() || entry.key.len() > 255 {
                findings.add(at.error("a column's name has 1 to 255 bytes"));
            }
            typed(&at, depth + 1, findings).map(|(of, nullable)| Column::new(&entry.key, of, nullable))
        })
        .collect();
    columns.into_iter().collect()
}

fn typed(field: &Field<'_>, depth: usize, findings: &mut Findings) -> Option<Typed> {
    if depth > MAX_TYPE_DEPTH {
        findings.add(field.error(format!("types are nested more than {MAX_TYPE_DEPTH} deep")));
        return None;
    }
    match &field.node.value {
        Value::Map(_) => fields(field, depth, findings).map(|fields| (DataType::Struct(fields), true)),
        Value::Scalar { text, .. } if !field.node.is_null() => match parse_type(text, depth) {
            Ok(typed) => Some(typed),
            Err(wrong) => {
                let error = field.error(wrong.message).nearest(wrong.nearest);
                findings.add(match wrong.expected {
                    Some(expected) => error.expected(expected),
                    None => error,
                });
                None
            }
        },
        _ => {
            findings.add(field.wrong("a type, as int64 or string, or a mapping for a struct"));
            None
        }
    }
}

#[derive(Debug)]
struct Wrong {
    message: String,
    expected: Option<String>,
    nearest: Option<String>,
}

impl Wrong {
    fn new(message: impl Into<String>, expected: &str) -> Self {
        Self { message: message.into(), expected: Some(expected.to_owned()), nearest: None }
    }
}

fn parse_type(text: &str, depth: usize) -> Result<Typed, Wrong> {
    let mut parser = TypeParser { text, at: 0 };
    let parsed = parser.typed(depth)?;
    parser.space();
    match parser.rest() {
        "" => Ok(parsed),
        rest => Err(Wrong::new(format!("{} is left over after the type", quoted(rest)), "one type")),
    }
}

/// Recursive descent; depth is bounded by [`MAX_TYPE_DEPTH`].
struct TypeParser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> TypeParser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn take(&mut self, token: char) -> bool {
        self.space();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len_utf8();
        }
        found
    }

    fn need(&mut self, token: char, of: &str) -> Result<(), Wrong> {
        if self.take(token) {
            return Ok(());
        }
        let cut = self.rest().is_empty();
        let hint = if cut { "; inside { … } a type with a comma needs quotes" } else { "" };
        Err(Wrong::new(format!("{} lacks `{token}`{hint}", quoted(self.text)), of))
    }

    fn word(&mut self) -> &'a str {
        self.space();
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Text up to one of `ends`.
    fn until(&mut self, ends: &[char]) -> &'a str {
        self.space();
        let rest = self.rest();
        let end = rest.find(ends).unwrap_or(rest.len());
        self.at += end;
        rest[..end].trim_end()
    }

    fn typed(&mut self, depth: usize) -> Result<Typed, Wrong> {
        if depth > MAX_TYPE_DEPTH {
            return Err(Wrong {
                message: format!("types are nested more than {MAX_TYPE_DEPTH} deep"),
                expected: None,
                nearest: None,
            });
        }
        let name = self.word();
        let of = match name {
            "list" => self.list(depth)?,
            "map" => self.map(depth)?,
            "struct" => self.fields(depth)?,
            "decimal" => self.decimal()?,
            _ => match SIMPLE.iter().find(|(simple, _)| *simple == name) {
                Some((_, DataType::Timestamp(unit, _))) => DataType::Timestamp(*unit, self.zone()?),
                Some((_, of)) => of.clone(),
                None => return Err(self.unknown(name)),
            },
        };
        let nullable = !self.take('!');
        Ok((of, nullable))
    }

    fn unknown(&self, name: &str) -> Wrong {
        let lower = name.to_lowercase();
        let elsewhere = ELSEWHERE.iter().find(|(other, _)| *other == lower).map(|(_, ours)| *ours);
        let nested = ["list", "map", "struct", "decimal"];
        let names = SIMPLE.iter().map(|(name, _)| *name).chain(nested);
        let shown = if name.is_empty() { self.text } else { name };
        let near = elsewhere.or_else(|| nearest(name, names)).map(ToOwned::to_owned);
        let expected = "int8 to int64, uint8 to uint64, float32, float64, string, bytes, bool, date, \
            timestamp_s, _ms, _us or _ns, decimal(p, s), list<…>, map<string, …>, struct<…> or a mapping";
        Wrong {
            message: format!("{} is not a type", quoted(shown)),
            expected: near.is_none().then(|| expected.to_owned()),
            nearest: near,
        }
    }

    fn list(&mut self, depth: usize) -> Result<DataType, Wrong> {
        self.need('<', "list<type>")?;
        let (of, nullable) = self.typed(depth + 1)?;
        self.need('>', "list<type>")?;
        Ok(DataType::List(Arc::new(Column::new(Column::LIST_FIELD_DEFAULT_NAME, of, nullable))))
    }

    fn map(&mut self, depth: usize) -> Result<DataType, Wrong> {
        self.need('<', "map<string, type>")?;
        let (key, _) = self.typed(depth + 1)?;
        if key != DataType::Utf8 {
            return Err(Wrong::new(
                format!("the keys of {} are not strings", quoted(self.text)),
                "map<string, type>",
            ));
        }
        self.need(',', "map<string, type>")?;
        let (of, nullable) = self.typed(depth + 1)?;
        self.need('>', "map<string, type>")?;
        // The names that arrow's own map builder gives.
        let entries = Fields::from(vec![
            Column::new("keys", DataType::Utf8, false),
            Column::new("values", of, nullable),
        ]);
        Ok(DataType::Map(Arc::new(Column::new("entries", DataType::Struct(entries), false)), false))
    }

    fn fields(&mut self, depth: usize) -> Result<DataType, Wrong> {
        let expected = "struct<field: type, …>";
        self.need('<', expected)?;
        let mut fields: Vec<Column> = Vec::new();
        loop {
            let name = self.until(&[':', '<', '>', ',']);
            if name.is_empty() || name.len() > 255 {
                return Err(Wrong::new(format!("a field without a name in {}", quoted(self.text)), expected));
            }
            if fields.iter().any(|field| field.name() == name) {
                return Err(Wrong::new(format!("the field {} is there twice", quoted(name)), expected));
            }
            self.need(':', expected)?;
            let (of, nullable) = self.typed(depth + 1)?;
            fields.push(Column::new(name, of, nullable));
            if fields.len() > MAX_COLUMNS {
                return Err(Wrong::new(format!("more than {MAX_COLUMNS} fields"), expected));
            }
            if !self.take(',') {
                break;
            }
        }
        self.need('>', expected)?;
        Ok(DataType::Struct(fields.into()))
    }

    fn decimal(&mut self) -> Result<DataType, Wrong> {
        let expected = "decimal(precision, scale) with precision 1 to 38 and scale 0 to precision";
        self.need('(', expected)?;
        let precision = self.until(&[',', ')']);
        self.need(',', expected)?;
        let scale = self.until(&[')']);
        self.need(')', expected)?;
        match (precision.parse::<u8>(), scale.parse::<i8>()) {
            (Ok(precision @ 1..=MAX_PRECISION), Ok(scale @ 0..)) if scale.unsigned_abs() <= precision => {
                Ok(DataType::Decimal128(precision, scale))
            }
            _ => Err(Wrong::new(format!("{} is out of range", quoted(self.text)), expected)),
        }
    }

    fn zone(&mut self) -> Result<Option<Arc<str>>, Wrong> {
        let expected = "UTC or an offset, as timestamp_ms(UTC) or timestamp_ms(+02:00)";
        if !self.take('(') {
            return Ok(None);
        }
        let zone = self.until(&[')']);
        self.need(')', expected)?;
        if zone == "UTC" || is_offset(zone) {
            return Ok(Some(zone.into()));
        }
        Err(Wrong::new(format!("{} is not a time zone here", quoted(zone)), expected))
    }
}

/// `+HH:MM` or `-HH:MM`, less than a day.
fn is_offset(zone: &str) -> bool {
    let bytes = zone.as_bytes();
    let digit = |at: usize| bytes.get(at).filter(|b| b.is_ascii_digit()).map(|b| b - b'0');
    match (bytes, digit(1), digit(2), digit(4), digit(5)) {
        ([b'+' | b'-', _, _, b':', _, _], Some(h), Some(hh), Some(m), Some(_)) => h * 10 + hh < 24 && m < 6,
        _ => false,
    }
}

/// A type as a specification writes it; nullability is left out.
pub fn show_type(of: &DataType) -> String {
    if let Some((name, _)) = SIMPLE.iter().find(|(_, simple)| simple == of) {
        return (*name).to_owned();
    }
    match of {
        DataType::Timestamp(unit, Some(zone)) => {
            format!("{}({zone})", show_type(&DataType::Timestamp(*unit, None)))
        }
        DataType::Decimal128(precision, scale) => format!("decimal({precision}, {scale})"),
        DataType::List(item) => format!("list<{}>", show_type(item.data_type())),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                format!("map<{}, {}>", show_type(pair[0].data_type()), show_type(pair[1].data_type()))
            }
            other => format!("map of {other}"),
        },
        DataType::Struct(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|field| format!("{}: {}", field.name(), show_type(field.data_type())))
                .collect();
            format!("struct<{}>", fields.join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spec::yaml;

    fn read(yaml: &str) -> Result<SchemaRef, String> {
        let mut findings = Findings::default();
        let node = yaml::parse(yaml, &mut findings);
        let schema = node.and_then(|node| schema(&Field::root(&node), &mut findings));
        match findings.is_empty() {
            true => Ok(schema.unwrap()),
            false => {
                Err(findings.into_errors().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
            }
        }
    }

    #[test]
    fn every_type_is_read_and_shown() {
        for (name, simple) in &SIMPLE {
            assert_eq!(parse_type(name, 0).unwrap(), (simple.clone(), true));
            assert_eq!(parse_type(&format!("{name} !"), 0).unwrap(), (simple.clone(), false));
        }
        for text in [
            "timestamp_ms(UTC)",
            "timestamp_ns(-03:30)",
            "decimal(38, 0)",
            "decimal(10, 10)",
            "list<list<int64>>",
            "map<string, list<bool>>",
            "struct<a: int64, b: struct<c: map<string, decimal(5, 2)>>>",
        ] {
            assert_eq!(show_type(&parse_type(text, 0).unwrap().0), text);
        }
    }

    #[test]
    fn a_schema_keeps_order_and_says_what_may_be_null() {
        let schema = read("{ z: int64!, a: string, s: { x: bool!, y: 'list<int8!>!' } }").unwrap();
        insta::assert_debug_snapshot!(schema.fields(), @r#"
        [
            Field {
                name: "z",
                data_type: Int64,
            },
            Field {
                name: "a",
                data_type: Utf8,
                nullable: true,
            },
            Field {
                name: "s",
                data_type: Struct(
                    [
                        Field {
                            name: "x",
                            data_type: Boolean,
                        },
                        Field {
                            name: "y",
                            data_type: List(
                                Field {
                                    data_type: Int8,
                                },
                            ),
                        },
                    ],
                ),
                nullable: true,
            },
        ]
        "#);
    }

    #[test]
    fn what_is_wrong_is_said_for_every_column() {
        insta::assert_snapshot!(read("
a: int
b: Strng
c: quux
d: 'decimal(50, 2)'
e: {f: 5, g: [int64]}
h: 'map<int64, string>'
i: list<int64
j: timestamp_ms(Europe/Paris)
k: ''
l:
m: {}
n: 'int64 string'
o: 'struct<a: int64, a: bool>'
p: 'struct<: int64>'
q: decimal(10
").unwrap_err(), @r"
        line 2: a: `int` is not a type; did you mean `int64`?
        line 3: b: `Strng` is not a type; did you mean `string`?
        line 4: c: `quux` is not a type; expected int8 to int64, uint8 to uint64, float32, float64, string, bytes, bool, date, timestamp_s, _ms, _us or _ns, decimal(p, s), list<…>, map<string, …>, struct<…> or a mapping
        line 5: d: `decimal(50, 2)` is out of range; expected decimal(precision, scale) with precision 1 to 38 and scale 0 to precision
        line 6: e.f: `5` is not a type; expected int8 to int64, uint8 to uint64, float32, float64, string, bytes, bool, date, timestamp_s, _ms, _us or _ns, decimal(p, s), list<…>, map<string, …>, struct<…> or a mapping
        line 6: e.g: a list does not belong here; expected a type, as int64 or string, or a mapping for a struct
        line 7: h: the keys of `map<int64, string>` are not strings; expected map<string, type>
        line 8: i: `list<int64` lacks `>`; inside { … } a type with a comma needs quotes; expected list<type>
        line 9: j: `Europe/Paris` is not a time zone here; expected UTC or an offset, as timestamp_ms(UTC) or timestamp_ms(+02:00)
        line 10: k: `` is not a type; expected int8 to int64, uint8 to uint64, float32, float64, string, bytes, bool, date, timestamp_s, _ms, _us or _ns, decimal(p, s), list<…>, map<string, …>, struct<…> or a mapping
        line 11: l: nothing is written here; expected a type, as int64 or string, or a mapping for a struct
        line 12: m: a mapping does not belong here; expected columns with their types, as { id: int64, user: string }
        line 13: n: `string` is left over after the type; expected one type
        line 14: o: the field `a` is there twice; expected struct<field: type, …>
        line 15: p: a field without a name in `struct<: int64>`; expected struct<field: type, …>
        line 16: q: `decimal(10` lacks `,`; inside { … } a type with a comma needs quotes; expected decimal(precision, scale) with precision 1 to 38 and scale 0 to precision
        ");
        insta::assert_snapshot!(read("{ price: decimal(10, 2) }").unwrap_err(), @r#"
        line 1: price: `decimal(10` lacks `,`; inside { … } a type with a comma needs quotes; expected decimal(precision, scale) with precision 1 to 38 and scale 0 to precision
        line 1: "2)": nothing is written here; expected a type, as int64 or string, or a mapping for a struct
        "#);
        insta::assert_snapshot!(read("[]").unwrap_err(), @"line 1: a list does not belong here; expected columns with their types, as { id: int64, user: string }");
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = format!("a: '{}int64{}'", "list<".repeat(100_000), ">".repeat(100_000));
        assert_eq!(read(&deep).unwrap_err(), "line 1: a: types are nested more than 16 deep");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z0-9<>(),:! _é]{0,40}|(list<|map<string,|struct<a:|int64|>|!|decimal\\(|,|\\)){0,20}") {
            if let Ok((of, _)) = parse_type(&text, 0) {
                prop_assert_eq!(show_type(&parse_type(&show_type(&of), 0).unwrap().0), show_type(&of));
            }
        }
    }
}
