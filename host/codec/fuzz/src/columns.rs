//! Columns to decode into, of every type and nesting, each with a few good rows written as JSON. Knows nothing of
//! any other codec.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use sabot_codec::codec::registry::Registries;
use sabot_codec::codec::{Codec, Decode, Decoder};

use crate::input;

/// Columns and good rows of them.
pub(crate) struct Columns {
    /// For people.
    pub(crate) name: &'static str,
    /// Some rows.
    pub(crate) rows: RecordBatch,
}

impl Columns {
    fn new(name: &'static str, fields: Vec<Field>, rows: &[&str]) -> Columns {
        Columns { name, rows: rows_of(name, &Arc::new(Schema::new(fields)), rows) }
    }
}

/// Rows of these columns, from JSON.
pub(crate) fn rows_of(name: &str, schema: &SchemaRef, rows: &[&str]) -> RecordBatch {
    let values: Vec<_> = rows.iter().map(|row| Some(row.as_bytes())).collect();
    let settings = Decode::plain(Codec::Json, Arc::clone(schema));
    let decoder = Decoder::new(&settings, &Registries::default());
    let mut decoder = decoder.unwrap_or_else(|why| panic!("the columns {name}: {why}"));
    let decoded = decoder.decode(&input::records(&values));
    let decoded = decoded.unwrap_or_else(|why| panic!("the columns {name}: {why}"));
    assert!(decoded.errors.is_empty(), "the columns {name}: {:?}", decoded.errors);
    decoded.rows
}

fn new(name: &str, of: DataType) -> Field {
    Field::new(name, of, true)
}

fn needed(name: &str, of: DataType) -> Field {
    Field::new(name, of, false)
}

fn item(of: DataType, nullable: bool) -> Arc<Field> {
    Arc::new(Field::new("item", of, nullable))
}

fn list(of: DataType) -> DataType {
    DataType::List(item(of, true))
}

fn object(fields: Vec<Field>) -> DataType {
    DataType::Struct(fields.into())
}

fn map(key: DataType, value: DataType) -> DataType {
    let entries = object(vec![needed("keys", key), new("values", value)]);
    DataType::Map(Arc::new(needed("entries", entries)), false)
}

fn utc() -> Option<Arc<str>> {
    Some("UTC".into())
}

/// Those that every codec of objects without a schema of its own takes.
pub(crate) fn all() -> Vec<Columns> {
    vec![none(), flat(), numbers(), times(), texts(), nested(), deep()]
}

/// No column at all: every object is a row.
fn none() -> Columns {
    Columns::new("none", vec![], &["{}", r#"{"x":[1,{"y":"é"}]}"#])
}

/// An event as most are.
pub(crate) fn flat() -> Columns {
    let fields = vec![
        needed("id", DataType::Int64),
        needed("user", DataType::Utf8),
        new("amount", DataType::Float64),
        new("ok", DataType::Boolean),
        new("at", DataType::Timestamp(TimeUnit::Millisecond, utc())),
    ];
    Columns::new(
        "flat",
        fields,
        &[
            r#"{"id":1,"user":"ann","amount":12.5,"ok":true,"at":"2024-05-01T12:00:00.123Z"}"#,
            r#"{"user":"a \"quoted\"\nname \ud83d\udc0e","id":-9223372036854775808,"more":[1,"x",null]}"#,
            r#"{"id":9223372036854775807,"user":"","amount":-0.0,"ok":false,"at":-1}"#,
        ],
    )
}

/// Every type of number, and booleans that must be there.
pub(crate) fn numbers() -> Columns {
    use DataType::{
        Decimal128, Decimal256, Float32, Float64, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64,
    };
    let fields = vec![
        new("i8", Int8),
        new("i16", Int16),
        new("i32", Int32),
        new("i64", Int64),
        new("u8", UInt8),
        new("u16", UInt16),
        new("u32", UInt32),
        new("u64", UInt64),
        new("f32", Float32),
        new("f64", Float64),
        new("d", Decimal128(38, 10)),
        new("short", Decimal128(5, 2)),
        new("wide", Decimal256(76, 3)),
    ];
    Columns::new(
        "numbers",
        fields,
        &[
            r#"{"i8":-128,"i16":-32768,"i32":-2147483648,"i64":-1,"u8":255,"u16":65535,"u32":4294967295}"#,
            r#"{"u64":18446744073709551615,"f32":1.5,"f64":5e-324,"d":"0.0000000001","short":-999.99}"#,
            r#"{"i8":3e1,"i64":1.0,"f32":3.4028235e38,"f64":1e308,"wide":123456789012345678901234567890.125}"#,
        ],
    )
}

/// Every type of time.
pub(crate) fn times() -> Columns {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    let fields = vec![
        new("date", DataType::Date32),
        new("date64", DataType::Date64),
        new("time_s", DataType::Time32(Second)),
        new("time_ms", DataType::Time32(Millisecond)),
        new("time_us", DataType::Time64(Microsecond)),
        new("time_ns", DataType::Time64(Nanosecond)),
        new("at_s", DataType::Timestamp(Second, utc())),
        new("at_ms", DataType::Timestamp(Millisecond, None)),
        new("at_us", DataType::Timestamp(Microsecond, utc())),
        new("at_ns", DataType::Timestamp(Nanosecond, None)),
        new("span", DataType::Duration(Millisecond)),
    ];
    Columns::new(
        "times",
        fields,
        &[
            r#"{"date":"2024-02-29","date64":"1969-12-31","time_s":"23:59:59","time_ms":"00:00:00.001"}"#,
            r#"{"time_us":"12:30:00.000001","time_ns":"12:30:00.000000001","at_s":"2024-05-01T00:00:00Z"}"#,
            r#"{"at_ms":1714521600123,"at_us":"2024-05-01T02:00:00.5+02:00","at_ns":-1,"span":-5}"#,
        ],
    )
}

/// Every type of text and bytes.
fn texts() -> Columns {
    let json = [("ARROW:extension:name".to_owned(), "arrow.json".to_owned())];
    let fields = vec![
        new("text", DataType::Utf8),
        new("large", DataType::LargeUtf8),
        new("json", DataType::Utf8).with_metadata(json.into()),
        new("bytes", DataType::Binary),
        new("large_bytes", DataType::LargeBinary),
        new("three", DataType::FixedSizeBinary(3)),
        new("a \"quoted\" name\n", DataType::Utf8),
        new("", DataType::Utf8),
        new("a name that is longer than sixteen bytes", DataType::Utf8),
    ];
    Columns::new(
        "texts",
        fields,
        &[
            r#"{"text":"žluťoučký kůň","large":"\u0000","json":{"a":[1.50,"x"]},"bytes":"AAEC","three":"/+8B"}"#,
            r#"{"large_bytes":"","a \"quoted\" name\n":"q","":"e","a name that is longer than sixteen bytes":"l"}"#,
            r#"{"json":null,"text":null}"#,
        ],
    )
}

/// Objects, lists and maps in each other; what must be there within what may be missing.
fn nested() -> Columns {
    use DataType::{Boolean, FixedSizeList, Float64, Int32, Int64, LargeList, Utf8};
    let line = object(vec![needed("sku", Utf8), new("tags", list(Utf8)), new("count", Int32)]);
    let place = object(vec![needed("x", Float64), needed("y", Float64)]);
    let fields = vec![
        needed("id", Int64),
        new("customer", object(vec![needed("name", Utf8), new("home", place.clone())])),
        needed("lines", list(line)),
        new("by_name", map(Utf8, map(Utf8, Int64))),
        new("pair", FixedSizeList(item(Int64, true), 2)),
        new("places", FixedSizeList(item(place, false), 1)),
        new("bits", LargeList(item(Boolean, false))),
        new("nothing", DataType::Struct(Fields::empty())),
        new("null", DataType::Null),
    ];
    Columns::new(
        "nested",
        fields,
        &[
            r#"{"id":1,"customer":{"name":"ann","home":{"x":1,"y":2}},"lines":[{"sku":"a","tags":["x",null]}]}"#,
            r#"{"id":2,"lines":[],"by_name":{"a":{"b":1,"c":null},"d":null,"e":{}},"pair":[1,null],"nothing":{}}"#,
            r#"{"id":3,"lines":[null,{"sku":"b","count":7}],"places":[{"x":0.5,"y":1}],"bits":[true,false],"null":null}"#,
        ],
    )
}

/// Lists and objects as deep as nobody writes them.
fn deep() -> Columns {
    let mut lists = DataType::Int8;
    let mut objects = DataType::Utf8;
    for _ in 0..12 {
        lists = list(lists);
        objects = object(vec![new("o", objects)]);
    }
    let row = format!(
        r#"{{"l":{}1,2{},"o":{}"x"{}}}"#,
        "[".repeat(12),
        "]".repeat(12),
        r#"{"o":"#.repeat(12),
        "}".repeat(12)
    );
    Columns::new(
        "deep",
        vec![new("l", lists), new("o", objects)],
        &[&row, r#"{"l":[[],[[]],null],"o":{"o":null}}"#],
    )
}

/// One column of each of these types.
pub(crate) fn single(columns: Vec<(&'static str, DataType, bool)>, row: &str) -> Vec<Columns> {
    let of = |(name, of, nullable)| {
        let row = format!("{{\"value\":{row}}}");
        let rows: &[&str] = if nullable { &[&row, "{}"] } else { &[&row] };
        Columns::new(name, vec![Field::new("value", of, nullable)], rows)
    };
    columns.into_iter().map(of).collect()
}
