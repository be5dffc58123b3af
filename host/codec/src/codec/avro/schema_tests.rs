//! Which schemas are taken, which columns they have and the other way round, and with which words they are refused.

use std::sync::Arc;

use arrow::datatypes::*;
use serde_json::{Value, json};

use super::tests::{avro, one, record};
use super::{columns, compatible, fingerprint, schema_of};
use crate::codec::registered::{RegisteredSchema, SchemaKind};

fn fields(schema: &RegisteredSchema) -> String {
    let columns = columns(schema).unwrap();
    let line = |field: &FieldRef| {
        let null = if field.is_nullable() { "" } else { "!" };
        format!("{}: {}{null}", field.name(), field.data_type())
    };
    columns.fields().iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Why these types have no columns.
fn refused<const N: usize>(types: [Value; N]) -> String {
    types.map(|of| columns(&one(of)).unwrap_err()).join("\n")
}

fn fixed(name: &str, size: u64) -> Value {
    json!({ "type": "fixed", "name": name, "size": size })
}

#[test]
fn every_type_has_a_column() {
    let with = |of: &str, logical: &str| json!({ "type": of, "logicalType": logical });
    let of = |name: &str, of: Value| json!({ "name": name, "type": of });
    let decimal = |precision, scale| json!({ "type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale });
    let all = record(json!([
        of("null", json!("null")),
        of("boolean", json!("boolean")),
        of("int", json!("int")),
        of("long", json!({ "type": "long" })),
        of("float", json!("float")),
        of("double", json!("double")),
        of("bytes", json!("bytes")),
        of("string", json!({ "type": "string", "avro.java.string": "String" })),
        of("fixed", fixed("F", 3)),
        of("again", json!("F")),
        of("enumerated", json!({ "type": "enum", "name": "E", "symbols": ["A"] })),
        of("decimal", decimal(38, 10)),
        of("wide", decimal(76, 0)),
        of("day", with("int", "date")),
        of("time_ms", with("int", "time-millis")),
        of("time_us", with("long", "time-micros")),
        of("at_ms", with("long", "timestamp-millis")),
        of("at_us", with("long", "timestamp-micros")),
        of("at_ns", with("long", "timestamp-nanos")),
        of("wall_ms", with("long", "local-timestamp-millis")),
        of("uuid", with("string", "uuid")),
        of("maybe", json!(["null", "int"])),
        of("perhaps", json!([with("long", "timestamp-millis"), "null"])),
        of("surely", json!(["int"])),
        of("list", json!({ "type": "array", "items": ["null", "int"] })),
        of("map", json!({ "type": "map", "values": "int" })),
        of(
            "several",
            json!(["string", { "type": "array", "items": "int" }, fixed("a.X", 1), fixed("b.X", 1)])
        ),
    ]));
    insta::assert_snapshot!(fields(&all), @r#"
    null: Null
    boolean: Boolean!
    int: Int32!
    long: Int64!
    float: Float32!
    double: Float64!
    bytes: Binary!
    string: Utf8!
    fixed: FixedSizeBinary(3)!
    again: FixedSizeBinary(3)!
    enumerated: Utf8!
    decimal: Decimal128(38, 10)!
    wide: Decimal256(76, 0)!
    day: Date32!
    time_ms: Time32(ms)!
    time_us: Time64(µs)!
    at_ms: Timestamp(ms, "UTC")!
    at_us: Timestamp(µs, "UTC")!
    at_ns: Timestamp(ns, "UTC")!
    wall_ms: Timestamp(ms)!
    uuid: Utf8!
    maybe: Int32
    perhaps: Timestamp(ms, "UTC")
    surely: Int32!
    list: List(Int32)!
    map: Map("entries": non-null Struct("keys": non-null Utf8, "values": non-null Int32), unsorted)!
    several: Struct("string": Utf8, "array": List(non-null Int32), "a.X": FixedSizeBinary(1), "b.X": FixedSizeBinary(1))!
    "#);
}

#[test]
fn what_no_column_can_be_is_refused_with_its_path() {
    let nested =
        |depth: usize| (0..depth).fold(json!("int"), |of, _| json!({ "type": "array", "items": of }));
    let texts = refused([
        json!({ "type": "record", "name": "Node", "fields": [
            { "name": "sub", "type": { "type": "array", "items": "Node" } },
        ] }),
        json!({ "type": "bytes", "logicalType": "decimal", "precision": 77 }),
        json!([]),
        fixed("Huge", 1 << 40),
    ]);
    insta::assert_snapshot!(texts, @r"
    v.sub: the record Node holds itself, which a column cannot: leave the field out of the reader's schema
    v: decimal(77, 0): a column has 76 digits at most
    v: a union without branches has no values
    v: fixed Huge of 1099511627776 bytes: a column takes 65536
    ");
    insta::assert_snapshot!(columns(&one(nested(80))).unwrap_err(), @"v: nested deeper than 64 levels");
    // Each holds the one before twice: a short schema, and more columns than memory.
    let mut of = json!({ "type": "record", "name": "R0", "fields": [] });
    for depth in 1..30 {
        let fields = json!([{ "name": "a", "type": of }, { "name": "b", "type": format!("R{}", depth - 1) }]);
        of = json!({ "type": "record", "name": format!("R{depth}"), "fields": fields });
    }
    insta::assert_snapshot!(columns(&avro(of)).unwrap_err(), @"the schema has more than 10000 columns, with those in them");
}

#[test]
fn what_is_no_schema_is_refused() {
    let named = |name: &str| json!({ "type": "record", "name": name, "fields": [] });
    let texts = [
        json!("integer"),
        json!(3),
        json!({ "items": "int" }),
        json!({ "type": "array" }),
        json!({ "type": "map", "values": "ns.Missing" }),
        json!(["int", ["null"]]),
        json!(["int", { "type": "int", "logicalType": "date" }]),
        json!([fixed("F", 1), "F"]),
        json!({ "type": "fixed", "name": "F", "size": -1 }),
        json!({ "type": "enum", "name": "E", "symbols": ["A", "B", "A"] }),
        json!({ "type": "enum", "name": "E", "symbols": ["A", 1] }),
        json!({ "type": "enum", "name": "E", "symbols": ["A b"] }),
        json!({ "type": "enum", "name": "E", "symbols": ["A"], "default": "B" }),
        json!({ "type": "record", "name": "R", "fields": {} }),
        json!({ "type": "record", "name": "R", "fields": [{ "name": "a", "type": "int" }, { "name": "a", "type": "int" }] }),
        json!({ "type": "record", "name": "R", "fields": [{ "name": "a.b", "type": "int" }] }),
        json!({ "type": "record", "name": "R", "fields": [{ "name": "a" }] }),
        json!({ "type": "record", "name": "R", "fields": [{ "name": "a", "type": named("R") }] }),
        named("long"),
        named("a..b"),
        json!({ "type": "record", "fields": [] }),
    ]
    .map(|json| columns(&avro(json)).unwrap_err());
    insta::assert_snapshot!(texts.join("\n"), @r#"
    there is no type integer
    expected a type (a name, an object or a list), found 3
    an object without "type"
    an array without "items"
    there is no type ns.Missing
    a union directly in a union: write one list
    a union has int twice
    a union has F twice
    fixed F: "size" is no number of bytes
    enum E: the symbol A is there twice
    enum E: "symbols" is no list of texts
    enum E: `A b` is no name of Avro (letters, digits and _, not beginning with a digit)
    enum E: the default "B" is no symbol
    record R: no list of "fields"
    R: two fields are named a
    R: `a.b` is no name of Avro (letters, digits and _, not beginning with a digit)
    R: a: no "type"
    R: a: the type R is defined twice
    long is the name of a type that there is already
    `` is no name of Avro (letters, digits and _, not beginning with a digit)
    a record, enum or fixed without a name
    "#);
    let text = |text: &str| columns(&RegisteredSchema::new(SchemaKind::Avro, text)).unwrap_err();
    insta::assert_snapshot!([text(""), text("{\"type\":"), text(&"[".repeat(1_000))].join("\n"), @r"
    not JSON: EOF while parsing a value at line 1 column 0
    not JSON: EOF while parsing a value at line 1 column 8
    not JSON: recursion limit exceeded at line 1 column 128
    ");
}

#[test]
fn names_are_found_in_their_namespaces() {
    let schema = avro(json!({ "type": "record", "name": "a.b.Outer", "fields": [
        { "name": "one", "type": { "type": "fixed", "name": "F", "size": 1 } },
        { "name": "two", "type": { "type": "fixed", "name": "F", "namespace": "", "size": 2 } },
        { "name": "three", "type": "F" },
        { "name": "four", "type": "a.b.F" },
        { "name": "five", "type": { "type": "record", "name": "Inner", "namespace": "c", "fields": [
            { "name": "six", "type": "F" }, { "name": "seven", "type": "a.b.F" },
        ] } },
    ] }));
    insta::assert_snapshot!(fields(&schema), @r#"
    one: FixedSizeBinary(1)!
    two: FixedSizeBinary(2)!
    three: FixedSizeBinary(1)!
    four: FixedSizeBinary(1)!
    five: Struct("six": non-null FixedSizeBinary(2), "seven": non-null FixedSizeBinary(1))!
    "#);
}

#[test]
fn schemas_refer_to_schemas() {
    let reference = |name: &str, of: RegisteredSchema| (name.to_owned(), Arc::new(of));
    let money = avro(json!({ "type": "record", "name": "com.Money", "fields": [
        { "name": "amount", "type": "long" },
        { "name": "currency", "type": { "type": "enum", "name": "Currency", "symbols": ["CHF", "NOK"] } },
    ] }));
    let mut item = avro(json!({ "type": "record", "name": "com.Item", "fields": [
        { "name": "price", "type": "com.Money" }, { "name": "in", "type": "Currency" },
    ] }));
    item.references = vec![reference("com.Money", money.clone())];
    let mut order = record(json!([
        { "name": "items", "type": { "type": "array", "items": "com.Item" } },
        { "name": "paid", "type": ["null", "com.Money"] },
    ]));
    insta::assert_snapshot!(columns(&order).unwrap_err(), @"R: items: there is no type com.Item");
    order.references = vec![reference("com.Item", item.clone()), reference("com.Money", money)];
    insta::assert_snapshot!(fields(&order), @r#"
    items: List(non-null Struct("price": non-null Struct("amount": non-null Int64, "currency": non-null Utf8), "in": non-null Utf8))!
    paid: Struct("amount": non-null Int64, "currency": non-null Utf8)
    "#);
    assert!(fingerprint(&order).is_ok());
    item.references = vec![reference("com.Money", record(json!([])))];
    order.references = vec![reference("com.Item", item)];
    insta::assert_snapshot!(columns(&order).unwrap_err(), @"reference com.Item: com.Item: price: there is no type com.Money");
}

#[test]
fn the_schema_of_columns() {
    use DataType::*;
    let item = |of| Arc::new(Field::new("item", of, true));
    let point =
        Struct(vec![Field::new("x", Float32, false), Field::new("y", FixedSizeBinary(2), true)].into());
    let uuid = [("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned())].into();
    let schema: SchemaRef = Arc::new(Schema::new(vec![
        Field::new("small", UInt8, false),
        Field::new("large", UInt64, true),
        Field::new("price", Decimal128(5, -2), false),
        Field::new("tiny", Decimal64(2, 5), false),
        Field::new("at", Timestamp(TimeUnit::Second, Some("+02:00".into())), false),
        Field::new("wall", Timestamp(TimeUnit::Nanosecond, None), false),
        Field::new("span", Duration(TimeUnit::Second), false),
        Field::new("points", List(item(point)), true),
        Field::new("tag", Dictionary(Box::new(Int8), Box::new(Utf8View)), false),
        Field::new("key", FixedSizeBinary(16), false).with_metadata(uuid),
        Field::new("none", Null, true),
    ]));
    let text = schema_of(&schema, "com.example.Order").unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    let lines = json["fields"].as_array().unwrap().iter().map(|field| field.to_string() + "\n");
    insta::assert_snapshot!(lines.collect::<String>(), @r#"
    {"name":"small","type":"int"}
    {"name":"large","type":["null",{"type":"bytes","logicalType":"decimal","precision":20,"scale":0}],"default":null}
    {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":7,"scale":0}}
    {"name":"tiny","type":{"type":"bytes","logicalType":"decimal","precision":5,"scale":5}}
    {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}}
    {"name":"wall","type":{"type":"long","logicalType":"local-timestamp-nanos"}}
    {"name":"span","type":"long"}
    {"name":"points","type":["null",{"type":"array","items":["null",{"type":"record","name":"points","namespace":"com.example.Order","fields":[{"name":"x","type":"float"},{"name":"y","type":["null",{"type":"fixed","name":"y","namespace":"com.example.Order.points","size":2}],"default":null}]}]}],"default":null}
    {"name":"tag","type":"string"}
    {"name":"key","type":{"type":"fixed","name":"key","namespace":"com.example.Order","size":16,"logicalType":"uuid"}}
    {"name":"none","type":"null","default":null}
    "#);
    assert!(text.starts_with(r#"{"type":"record","name":"Order","namespace":"com.example","fields":["#));

    let keys = Struct(vec![Field::new("keys", Int8, false), Field::new("values", Int8, true)].into());
    let bad: SchemaRef = Arc::new(Schema::new(vec![
        Field::new("a-b", Int8, true),
        Field::new("every", Interval(IntervalUnit::DayTime), true),
        Field::new("in", List(item(Struct(vec![Field::new("", Int8, true)].into()))), true),
        Field::new("map", Map(Arc::new(Field::new("entries", keys, false)), false), true),
        Field::new("many", Decimal256(76, -1), true),
    ]));
    insta::assert_snapshot!(schema_of(&bad, "R").unwrap_err().replace("; ", "\n"), @r"
    a-b: `a-b` is no name of Avro (letters, digits and _, not beginning with a digit): rename the column
    every: Avro cannot hold Interval(DayTime): choose another type
    in: `` is no name of Avro (letters, digits and _, not beginning with a digit): rename the column
    map: the keys of a map in Avro are strings: make the key a string
    many: 77 digits, and a decimal may have 76: choose another type
    ");
    insta::assert_snapshot!(schema_of(&schema, "my row").unwrap_err(), @"`my row` is no name of Avro (letters, digits and _, not beginning with a digit)");
}

#[test]
fn every_reason_of_an_incompatibility_is_given() {
    let list = |of: Value| json!({ "type": "array", "items": of });
    let inner = |fields: Value| json!({ "type": "record", "name": "I", "fields": fields });
    let writer = record(json!([
        { "name": "a", "type": "long" },
        { "name": "b", "type": list(inner(json!([{ "name": "x", "type": ["int", "string", "null"] }]))) },
        { "name": "c", "type": { "type": "enum", "name": "E", "symbols": ["A", "B", "C"] } },
        { "name": "d", "type": { "type": "map", "values": fixed("F", 3) } },
        { "name": "next", "type": ["null", "R"] },
    ]));
    let reader = record(json!([
        { "name": "a", "type": "int" },
        { "name": "b", "type": list(inner(json!([{ "name": "x", "type": ["null", "int"] }, { "name": "y", "type": "int" }]))) },
        { "name": "c", "type": { "type": "enum", "name": "E", "symbols": ["B"] } },
        { "name": "d", "type": { "type": "map", "values": fixed("G", 3) } },
        { "name": "e", "type": "boolean" },
        { "name": "next", "type": ["null", "R"] },
    ]));
    insta::assert_snapshot!(compatible(&reader, &writer).unwrap_err().join("\n"), @r"
    the writer lacks the fields e, which have no default
    a: long cannot be read as int
    b[]: the writer lacks the fields y, which have no default
    b[].x: no branch takes string
    c: the reader lacks the symbols A, C, and a default
    d{}: F is not the name G nor an alias of it
    next: no branch takes record R
    ");
    let node = |of: &str| {
        avro(json!({ "type": "record", "name": "Node", "fields": [
        { "name": "value", "type": of }, { "name": "next", "type": ["null", "Node"] },
    ] }))
    };
    assert_eq!(compatible(&node("long"), &node("int")), Ok(()));
    insta::assert_snapshot!(compatible(&node("int"), &node("long")).unwrap_err().join("\n"), @r"
    value: long cannot be read as int
    next: no branch takes record Node
    ");
    insta::assert_snapshot!(compatible(&avro(json!("x")), &writer).unwrap_err().join("\n"), @"the reader's schema: there is no type x");
}
