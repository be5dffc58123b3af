//! What Avro decodes to and what it refuses, with which words.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::*;
use serde_json::{Value, json};

use super::write::{write_bytes, write_long};
use super::{AvroReader, columns, schema_of};
use crate::codec::column::Struct;
use crate::codec::framed::ReadWritten as _;
use crate::codec::registered::{RegisteredSchema, SchemaKind};
use crate::codec::rows::{ReadRecord, Rows};
use crate::codec::trip::{self, records};
use crate::codec::{Codec, Decode, Decoded, Decoder, Encode, RecordError};

pub(super) fn avro(json: Value) -> RegisteredSchema {
    RegisteredSchema::new(SchemaKind::Avro, json.to_string())
}

/// A record of these fields.
pub(super) fn record(fields: Value) -> RegisteredSchema {
    avro(json!({ "type": "record", "name": "R", "fields": fields }))
}

/// A record of one field `v`.
pub(super) fn one(of: Value) -> RegisteredSchema {
    record(json!([{ "name": "v", "type": of }]))
}

pub(super) fn errors(errors: &[RecordError]) -> String {
    errors.iter().map(|e| format!("{} {}: {}", e.index, e.code, e.message)).collect::<Vec<_>>().join("\n")
}

/// The rows as JSON.
fn table(decoded: &Decoded) -> String {
    let encoded = trip::encode(&Encode::plain(Codec::Json), &decoded.rows);
    (0..decoded.rows.num_rows()).map(|row| String::from_utf8_lossy(encoded.row(row)) + "\n").collect()
}

/// Bytes of an Avro value, written part by part.
#[derive(Clone, Default)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl Bytes {
    pub(super) fn long(mut self, value: i64) -> Self {
        write_long(value, &mut self.0);
        self
    }

    pub(super) fn text(mut self, text: &str) -> Self {
        write_bytes(text.as_bytes(), &mut self.0);
        self
    }

    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

pub(super) fn bytes() -> Bytes {
    Bytes::default()
}

fn decode(schema: &RegisteredSchema, values: &[Bytes]) -> Decoded {
    resolve(schema, schema, values)
}

fn resolve(writer: &RegisteredSchema, reader: &RegisteredSchema, values: &[Bytes]) -> Decoded {
    let columns = columns(reader).unwrap();
    let mut avro = AvroReader::new(reader, &columns).unwrap();
    avro.use_writer(1, writer).unwrap();
    run(avro, &columns, values)
}

/// By the columns alone.
fn into_columns(writer: &RegisteredSchema, columns: Vec<Field>, values: &[Bytes]) -> Decoded {
    let columns: SchemaRef = Arc::new(Schema::new(columns));
    let mut avro = AvroReader::of_columns(&columns).unwrap();
    avro.use_writer(1, writer).unwrap();
    run(avro, &columns, values)
}

fn run(avro: AvroReader, columns: &SchemaRef, values: &[Bytes]) -> Decoded {
    let values: Vec<&[u8]> = values.iter().map(|value| &value.0[..]).collect();
    Rows::new(Arc::clone(columns), avro).unwrap().decode(&records(&values))
}

/// Why a writer's schema cannot be read.
fn refused(writer: &RegisteredSchema, reader: &RegisteredSchema) -> String {
    let columns = columns(reader).unwrap();
    AvroReader::new(reader, &columns).unwrap().use_writer(1, writer).unwrap_err()
}

fn orders() -> RegisteredSchema {
    record(json!([
        { "name": "id", "type": "long" },
        { "name": "user", "type": ["null", "string"] },
        { "name": "amount", "type": "double" },
        { "name": "at", "type": { "type": "long", "logicalType": "timestamp-millis" } },
        { "name": "state", "type": { "type": "enum", "name": "State", "symbols": ["OPEN", "PAID"] } },
    ]))
}

fn order(id: i64) -> Bytes {
    bytes().long(id).long(1).text("ann").raw(&1.5_f64.to_le_bytes()).long(1_714_566_645_123).long(1)
}

#[test]
fn a_bad_record_costs_its_neighbours_nothing() {
    let cut = Bytes(order(2).0[..8].to_vec());
    let decoded = decode(
        &orders(),
        &[
            order(1),
            cut,
            order(3),
            order(4).raw(&[0]),
            bytes().long(5).long(2).text("b"),
            bytes().long(6).long(1).long(1_000).text("b"),
            bytes().long(7).long(1).long(-1),
            bytes().long(8).long(1).long(2).raw(&[0xc3, 0x28]),
            bytes().long(9).long(0).raw(&[0; 8]).long(0).long(2),
            bytes().raw(&[0xff; 10]),
            bytes(),
            bytes().long(12).long(0).raw(&2.5_f64.to_le_bytes()).long(-1).long(0),
        ],
    );
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    1 avro-syntax: amount: at byte 6: expected 8 bytes, and 2 are left
    3 avro-syntax: at byte 21: expected the end of the record, found 00
    4 avro-syntax: user: at byte 1: expected one of 2 branches, found number 2
    5 avro-syntax: user: at byte 2: a length of 1000 bytes, and 2 are left
    6 avro-syntax: user: at byte 2: a length of -1 bytes, and 0 are left
    7 avro-syntax: user: at byte 2: expected text, found what is not UTF-8: `�(`
    8 avro-syntax: state: at byte 11: expected one of 2 symbols, found number 2
    9 avro-syntax: id: at byte 0: expected a number of 64 bits at most, found ff ff ff ff ff ff ff ff ff ff
    10 avro-syntax: id: at byte 0: expected all of a number, found the end of the record
    ");
    insta::assert_snapshot!(table(&decoded), @r#"
    {"id":1,"user":"ann","amount":1.5,"at":1714566645123,"state":"PAID"}
    {"id":3,"user":"ann","amount":1.5,"at":1714566645123,"state":"PAID"}
    {"id":12,"user":null,"amount":2.5,"at":-1,"state":"OPEN"}
    "#);
}

#[test]
fn numbers_are_read_as_long_as_they_may_be() {
    let int = one(json!("int"));
    let long = one(json!("long"));
    let padded = bytes().raw(&[0x80, 0x80, 0]);
    let decoded = decode(&long, &[bytes().long(i64::MIN), bytes().long(i64::MAX), padded]);
    assert_eq!(decoded.rows.column(0).as_primitive::<Int64Type>().values(), &[i64::MIN, i64::MAX, 0]);
    let refused = [
        decode(&int, &[bytes().long(i64::from(i32::MAX) + 1), bytes().raw(&[0x80; 5])]),
        decode(&long, &[bytes().raw(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2])]),
        decode(&long, &[bytes().raw(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0])]),
        decode(&one(json!("boolean")), &[bytes().raw(&[2])]),
    ];
    insta::assert_snapshot!(refused.map(|decoded| errors(&decoded.errors)).join("\n"), @r"
    0 avro-syntax: v: at byte 0: expected a number of 32 bits at most, found 80 80 80 80 10
    1 avro-syntax: v: at byte 0: expected all of a number, found 80 80 80 80 80
    0 avro-syntax: v: at byte 0: expected a number of 64 bits at most, found ff ff ff ff ff ff ff ff ff 02
    0 avro-syntax: v: at byte 0: expected a number of 64 bits at most, found 80 80 80 80 80 80 80 80 80 80
    0 avro-syntax: v: at byte 0: expected a boolean (00 or 01), found 02
    ");
}

#[test]
fn blocks_may_be_several_and_say_how_long_they_are() {
    let lists = record(json!([
        { "name": "n", "type": { "type": "array", "items": "long" } },
        { "name": "m", "type": { "type": "map", "values": ["null", "int"] } },
    ]));
    let good = bytes().long(2).long(1).long(2).long(-1).long(1).long(3).long(0);
    let good = good.long(-2).long(7).text("a").long(1).long(5).text("b").long(0).long(0);
    let decoded = decode(
        &lists,
        &[
            good.clone(),
            bytes().long(-1).long(2).long(3).long(0).long(0),
            bytes().long(-1).long(50).long(3),
            bytes().long(-1).long(-1).long(3),
            bytes().long(i64::MIN).long(1).long(3),
            bytes().long(1_000_000_000).long(3),
            bytes().long(1).raw(&[0x80]),
            bytes().long(0).long(2).text("ok").long(0).text("key").long(3),
            bytes().long(0).long(1).long(2).raw(&[0xff, 0xff]).long(0).long(0),
        ],
    );
    insta::assert_snapshot!(table(&decoded), @r#"{"n":[1,2,3],"m":{"a":5,"b":null}}"#);
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    1 avro-syntax: n: at byte 3: expected the end of the block, where it says that it ends, found 00 00
    2 avro-syntax: n: at byte 0: a length of 50 bytes, and 1 are left
    3 avro-syntax: n: at byte 0: a length of -1 bytes, and 1 are left
    4 avro-syntax: n: at byte 0: a block of 9223372036854775808 items, and 1 bytes are left
    5 avro-syntax: n: at byte 0: a block of 1000000000 items, and 1 bytes are left
    6 avro-syntax: n[0]: at byte 1: expected all of a number, found 80
    7 avro-syntax: m.key: at byte 10: expected one of 2 branches, found number 3
    8 avro-syntax: m[0]: at byte 2: expected a key in UTF-8, found 04 ff ff 00 00
    ");
    // The same, where nobody takes it.
    let more = json!([
        { "name": "n", "type": { "type": "array", "items": "long" } },
        { "name": "m", "type": { "type": "map", "values": ["null", "int"] } },
        { "name": "after", "type": "int" },
    ]);
    let after = record(json!([{ "name": "after", "type": "int" }]));
    let skipped =
        resolve(&record(more), &after, &[good.long(7), bytes().long(5).long(1), bytes().long(-1).long(9)]);
    assert_eq!(skipped.rows.column(0).as_primitive::<Int32Type>().values(), &[7]);
    insta::assert_snapshot!(errors(&skipped.errors), @r"
    1 avro-syntax: n: at byte 0: a block of 5 items, and 1 bytes are left
    2 avro-syntax: n: at byte 0: a length of 9 bytes, and 0 are left
    ");
}

#[test]
fn a_few_bytes_do_not_fill_the_memory() {
    let nulls = one(json!({ "type": "array", "items": "null" }));
    let many = |count| bytes().long(count).long(0);
    let decoded = decode(&nulls, &[many(131_072), many(200_000), many(i64::MAX), many(i64::MIN)]);
    assert_eq!(decoded.rows.num_rows(), 1);
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    1 too-large: v: at byte 3: it becomes more than 64 MiB of columns: put fewer items into a record
    2 too-large: v: at byte 10: it becomes more than 64 MiB of columns: put fewer items into a record
    3 too-large: v: at byte 11: it becomes more than 64 MiB of columns: put fewer items into a record
    ");
    // Each item is a byte, and stands for a long default.
    let item =
        |fields| json!({ "type": "array", "items": { "type": "record", "name": "I", "fields": fields } });
    let writer = one(item(json!([{ "name": "a", "type": "boolean" }])));
    let reader = one(item(json!([{ "name": "b", "type": "string", "default": "x".repeat(30_000) }])));
    let value = bytes().long(5_000).raw(&[0; 5_000]).long(0);
    insta::assert_snapshot!(errors(&resolve(&writer, &reader, &[value]).errors), @"0 too-large: v[2235].b: at byte 2238: it becomes more than 64 MiB of columns: put fewer items into a record");
}

#[test]
fn what_is_skipped_may_be_deep_up_to_a_bound() {
    let node =
        json!({ "type": "record", "name": "Node", "fields": [{ "name": "next", "type": ["null", "Node"] }] });
    let endless =
        json!({ "type": "record", "name": "Endless", "fields": [{ "name": "self", "type": "Endless" }] });
    let writer =
        |of: &Value| record(json!([{ "name": "skipped", "type": of }, { "name": "v", "type": "int" }]));
    let reader = one(json!("int"));
    let nested = |depth: usize| bytes().raw(&vec![2; depth]).long(0).long(5);
    let decoded = resolve(&writer(&node), &reader, &[nested(1_000), nested(1_024), nested(1_000_000)]);
    assert_eq!(decoded.rows.num_rows(), 1);
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    1 too-large: skipped: at byte 1024: nested deeper than 1024 levels
    2 too-large: skipped: at byte 1024: nested deeper than 1024 levels
    ");
    insta::assert_snapshot!(errors(&resolve(&writer(&endless), &reader, &[bytes()]).errors), @"0 too-large: skipped: at byte 0: nested deeper than 1024 levels");
}

#[test]
fn every_logical_type_has_its_column() {
    let all = record(json!([
        { "name": "d", "type": { "type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2 } },
        { "name": "w", "type": { "type": "fixed", "name": "W", "size": 20, "logicalType": "decimal", "precision": 45 } },
        { "name": "u", "type": { "type": "fixed", "name": "U", "size": 16, "logicalType": "uuid" } },
        { "name": "s", "type": { "type": "string", "logicalType": "uuid" } },
        { "name": "day", "type": { "type": "int", "logicalType": "date" } },
        { "name": "time", "type": { "type": "long", "logicalType": "time-micros" } },
        { "name": "at", "type": { "type": "long", "logicalType": "timestamp-nanos" } },
        { "name": "wall", "type": { "type": "long", "logicalType": "local-timestamp-micros" } },
        { "name": "long", "type": { "type": "fixed", "name": "D", "size": 12, "logicalType": "duration" } },
        { "name": "none", "type": { "type": "string", "logicalType": "date" } },
    ]));
    let value = bytes().long(2).raw(&[0xff, 0x85]).raw(&[0; 19]).raw(&[7]).raw(&[0xab; 16]).text("any");
    let value =
        value.long(19_844).long(86_399_999_999).long(-1).long(1).raw(&[1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]);
    let wide = bytes().long(6).raw(&[0x7f; 6]);
    let decoded = decode(&all, &[value.text("text"), wide]);
    insta::assert_snapshot!(table(&decoded), @r#"{"d":-1.23,"w":7,"u":"abababab-abab-abab-abab-abababababab","s":"any","day":"2024-05-01","time":86399999999,"at":-1,"wall":1,"long":{"months":1,"days":2,"millis":3},"none":"text"}"#);
    insta::assert_snapshot!(errors(&decoded.errors), @"1 out-of-range: d: expected decimal(10, 2), which cannot hold 140185576636287e-2");
}

#[test]
fn a_union_of_several_types_is_an_object_of_its_branches() {
    let of = json!(["null", "string", "long", { "type": "record", "name": "ns.Pair", "fields": [{ "name": "a", "type": "int" }] }]);
    let decoded = decode(
        &one(of),
        &[
            bytes().long(1).text("x"),
            bytes().long(0),
            bytes().long(3).long(7),
            bytes().long(2).long(-5),
            bytes().long(4),
            bytes().long(-1),
        ],
    );
    insta::assert_snapshot!(table(&decoded), @r#"
    {"v":{"string":"x","long":null,"Pair":null}}
    {"v":null}
    {"v":{"string":null,"long":null,"Pair":{"a":7}}}
    {"v":{"string":null,"long":-5,"Pair":null}}
    "#);
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    4 avro-syntax: v: at byte 0: expected one of 4 branches, found number 4
    5 avro-syntax: v: at byte 0: expected one of 4 branches, found number -1
    ");
}

#[test]
fn a_topic_of_several_records_has_a_column_for_each() {
    let of =
        |name: &str| json!({ "type": "record", "name": name, "fields": [{ "name": "n", "type": "int" }] });
    let decoded = decode(
        &avro(json!([of("com.Order"), of("com.Payment")])),
        &[bytes().long(1).long(3), bytes().long(0).long(4), bytes().long(2)],
    );
    insta::assert_snapshot!(table(&decoded), @r#"
    {"Order":null,"Payment":{"n":3}}
    {"Order":{"n":4},"Payment":null}
    "#);
    insta::assert_snapshot!(errors(&decoded.errors), @"2 avro-syntax: at byte 0: expected one of 2 branches, found number 2");
}

#[test]
fn readers_and_writers_may_differ() {
    let state = |symbols: Value| json!({ "type": "enum", "name": "State", "symbols": symbols });
    let writer = record(json!([
        { "name": "old", "type": "int" },
        { "name": "gone", "type": { "type": "map", "values": "string" } },
        { "name": "state", "type": state(json!(["NEW", "OPEN", "PAID"])) },
        { "name": "maybe", "type": ["null", "float", "string"] },
        { "name": "text", "type": "bytes" },
        { "name": "plain", "type": "int" },
    ]));
    let mut known = state(json!(["PAID", "OTHER"]));
    known["default"] = json!("OTHER");
    let reader = record(json!([
        { "name": "text", "type": "string" },
        { "name": "name", "type": "long", "aliases": ["older", "old"] },
        { "name": "state", "type": known },
        { "name": "maybe", "type": ["double", "null"] },
        { "name": "plain", "type": ["null", "string", "double"] },
        { "name": "more", "type": { "type": "record", "name": "M", "fields": [
            { "name": "a", "type": { "type": "array", "items": "int" }, "default": [1, 2] },
            { "name": "b", "type": ["null", "string"], "default": null },
            { "name": "c", "type": "double", "default": 2.5 },
        ] }, "default": { "b": "x" } },
    ]));
    let begin = bytes().long(7).long(1).text("k").text("v").long(0);
    let decoded = resolve(
        &writer,
        &reader,
        &[
            begin.clone().long(0).long(1).raw(&1.5_f32.to_le_bytes()).text("t").long(3),
            begin.clone().long(2).long(0).text("t").long(4),
            begin.clone().long(2).long(2).text("no").text("t").long(5),
            begin.long(2).long(0).long(2).raw(&[0xff, 0xff]).long(6),
        ],
    );
    insta::assert_snapshot!(table(&decoded), @r#"
    {"text":"t","name":7,"state":"OTHER","maybe":1.5,"plain":{"string":null,"double":3.0},"more":{"a":[1,2],"b":"x","c":2.5}}
    {"text":"t","name":7,"state":"PAID","maybe":null,"plain":{"string":null,"double":4.0},"more":{"a":[1,2],"b":"x","c":2.5}}
    "#);
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    2 type-mismatch: maybe: string cannot be read as double
    3 avro-syntax: text: at byte 9: expected text, found what is not UTF-8: `��`
    ");
}

#[test]
fn a_branch_of_the_reader_is_found_by_type_and_name_before_promotion() {
    let pair =
        |name: &str| json!({ "type": "record", "name": name, "fields": [{ "name": "n", "type": "int" }] });
    let mut other = pair("Other");
    other["aliases"] = json!(["Old"]);
    let reader = one(json!(["double", "long", "int", pair("a.Pair"), other]));
    let decoded = |writer: Value, value: Bytes| table(&resolve(&one(writer), &reader, &[value]));
    insta::assert_snapshot!([
        decoded(json!("int"), bytes().long(1)),
        decoded(json!("float"), bytes().raw(&[0; 4])),
        decoded(json!(["null", "long"]), bytes().long(1).long(3)),
        decoded(pair("b.Pair"), bytes().long(4)),
        decoded(pair("Old"), bytes().long(5)),
    ].concat(), @r#"
    {"v":{"double":null,"long":null,"int":1,"Pair":null,"Other":null}}
    {"v":{"double":0.0,"long":null,"int":null,"Pair":null,"Other":null}}
    {"v":{"double":null,"long":3,"int":null,"Pair":null,"Other":null}}
    {"v":{"double":null,"long":null,"int":null,"Pair":{"n":4},"Other":null}}
    {"v":{"double":null,"long":null,"int":null,"Pair":null,"Other":{"n":5}}}
    "#);
    let unknown = refused(&one(pair("New")), &reader);
    insta::assert_snapshot!(unknown, @"v: no branch of the reader's union takes record New");
    // Where there is no choice the name decides nothing.
    let renamed = resolve(
        &one(json!(["null", pair("New")])),
        &one(json!([pair("Pair"), "null"])),
        &[bytes().long(1).long(6)],
    );
    insta::assert_snapshot!(table(&renamed), @r#"{"v":{"n":6}}"#);
}

#[test]
fn defaults_may_be_anything_that_the_type_is() {
    let default = |of: Value, default: Value| {
        let reader = record(json!([{ "name": "v", "type": of, "default": default }]));
        table(&resolve(&record(json!([])), &reader, &[bytes()])).trim_end().to_owned()
    };
    let with = |of: &str, logical: &str| json!({ "type": of, "logicalType": logical });
    let decimal = json!({ "type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2 });
    insta::assert_snapshot!([
        default(json!(["null", "string", "int"]), json!(3)),
        default(decimal, json!("\u{1}\u{0}")),
        default(with("string", "uuid"), json!("")),
        default(with("long", "timestamp-millis"), json!(5)),
        default(json!({ "type": "map", "values": ["int", "null"] }), json!({ "a": null })),
    ].join("\n"), @r#"
    {"v":{"string":null,"int":3}}
    {"v":2.56}
    {"v":""}
    {"v":5}
    {"v":{"a":null}}
    "#);
}

#[test]
fn every_field_that_cannot_be_read_is_named() {
    let reader = record(json!([
        { "name": "a", "type": "int" },
        { "name": "b", "type": ["null", "string"] },
        { "name": "c", "type": { "type": "array", "items": { "type": "record", "name": "I", "fields": [
            { "name": "x", "type": "boolean" }, { "name": "y", "type": { "type": "fixed", "name": "F", "size": 4 } },
        ] } } },
        { "name": "d", "type": { "type": "int", "logicalType": "date" } },
        { "name": "e", "type": "null" },
        { "name": "f", "type": "long", "default": "no number" },
        { "name": "g", "type": "long", "aliases": ["d"] },
    ]));
    let writer = record(json!([
        { "name": "a", "type": "long" },
        { "name": "c", "type": { "type": "array", "items": { "type": "record", "name": "I", "fields": [
            { "name": "x", "type": ["int", "string"] }, { "name": "y", "type": { "type": "fixed", "name": "F", "size": 8 } },
        ] } } },
        { "name": "d", "type": { "type": "int", "logicalType": "time-millis" } },
        { "name": "e", "type": ["int"] },
    ]));
    insta::assert_snapshot!(refused(&writer, &reader).replace("; ", "\n"), @r#"
    a: long cannot be read as int
    b: the writer's schema has no such field, and the reader's no default for it
    c[].x: int cannot be read as boolean
    c[].x: string cannot be read as boolean
    c[].y: fixed F of 8 bytes cannot be read as fixed F of 4 bytes
    d: time-millis does not go into a column of date
    e: int cannot be read as null
    f: the default of f: "no number" is no long
    "#);
    let int = one(json!("int"));
    let nothing = resolve(&one(json!([])), &int, &[bytes().long(0).long(1)]);
    insta::assert_snapshot!(errors(&nothing.errors), @"0 avro-syntax: v: at byte 0: expected one of 0 branches, found number 0");
    insta::assert_snapshot!([
        refused(&avro(json!("int")), &int),
        refused(&RegisteredSchema::new(SchemaKind::Json, "{}"), &int),
    ].join("\n"), @r"
    int cannot be read as record R
    the schema is of the kind JSON, not AVRO
    ");
}

#[test]
fn columns_alone_take_what_fits_them() {
    use DataType::*;
    let writer = record(json!([
        { "name": "id", "type": "long" },
        { "name": "country", "type": { "type": "enum", "name": "C", "symbols": ["CH", "NO"] } },
        { "name": "at", "type": { "type": "long", "logicalType": "timestamp-micros" } },
        { "name": "price", "type": { "type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 4 } },
        { "name": "seen", "type": ["int", "string"] },
        { "name": "more", "type": "string" },
    ]));
    let columns = vec![
        Field::new("price", Decimal128(10, 2), true),
        Field::new("at", Timestamp(TimeUnit::Millisecond, None), false),
        Field::new("id", Int8, false),
        Field::new("country", Utf8, true),
        Field::new("seen", Utf8, true),
        Field::new("absent", Boolean, true),
    ];
    let value = |id, at, price: &[u8]| bytes().long(id).long(1).long(at).long(price.len() as i64).raw(price);
    let decoded = into_columns(
        &writer,
        columns,
        &[
            value(1, 1_000, &[100]).long(1).text("s").text("m"),
            value(300, 1_000, &[100]).long(1).text("s").text("m"),
            value(1, 1_001, &[100]).long(1).text("s").text("m"),
            value(1, 1_000, &[101]).long(1).text("s").text("m"),
            value(1, 1_000, &[0x7f; 17]).long(1).text("s").text("m"),
            value(1, 1_000, &[0x7f; 40]).long(1).text("s").text("m"),
            value(1, 1_000, &[]).long(0).long(5).text("m"),
        ],
    );
    insta::assert_snapshot!(table(&decoded), @r#"{"price":0.01,"at":1,"id":1,"country":"NO","seen":"s","absent":null}"#);
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    1 out-of-range: id: expected int8, which cannot hold 300
    2 out-of-range: at: 1001 has digits below the unit of the column
    3 out-of-range: price: expected decimal(10, 2), which cannot hold 101e-4
    4 out-of-range: price: expected decimal(10, 2), which cannot hold 43385334562092358133808765634594698395519e-4
    5 out-of-range: price: expected decimal(10, 2), which cannot hold a number of 40 bytes
    6 type-mismatch: seen: int does not go into a column of string
    ");
    let needed = Arc::new(Schema::new(vec![
        Field::new("absent", Boolean, false),
        Field::new("id", Utf8, false),
        Field::new("more", Date32, false),
    ]));
    let why = AvroReader::of_columns(&needed).unwrap().use_writer(1, &writer).unwrap_err();
    insta::assert_snapshot!(why.replace("; ", "\n"), @r"
    absent: the writer's schema has no such field, and the column cannot be null
    id: long does not go into a column of string
    more: string does not go into a column of date
    ");
}

#[test]
fn a_list_of_a_fixed_length_takes_no_other() {
    let item = Arc::new(Field::new("item", DataType::Int32, true));
    let columns = vec![Field::new("v", DataType::FixedSizeList(item, 2), true)];
    let writer = one(json!({ "type": "array", "items": "int" }));
    let list = |count: i64| (0..count).fold(bytes().long(count), Bytes::long).long(0);
    let decoded = into_columns(&writer, columns, &[list(2), list(1), list(3), bytes().long(0)]);
    assert_eq!(decoded.rows.num_rows(), 1);
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    1 type-mismatch: v: expected an array of 2 items, found 1
    2 type-mismatch: v: expected an array of 2 items, found more
    3 type-mismatch: v: expected an array of 2 items, found 0
    ");
}

#[test]
fn writers_come_and_go() {
    let (int, long) = (one(json!("int")), one(json!("long")));
    let columns = columns(&long).unwrap();
    let mut avro = AvroReader::new(&long, &columns).unwrap();
    let mut rows = Struct::new(columns.fields(), 0).unwrap();
    let text = one(json!("string"));
    for id in 0..1_000 {
        avro.use_writer(id, if id % 2 == 0 { &int } else { &long }).unwrap();
        // One that cannot be read leaves the one before in place.
        assert_eq!(avro.use_writer(1_000_000, &text).unwrap_err(), "v: string cannot be read as long");
        avro.read(&[2], &mut rows).unwrap();
        let far = bytes().long(1 << 40);
        assert_eq!(avro.read(&far.0, &mut rows).is_ok(), id % 2 == 1, "{id}");
    }
}

#[test]
fn a_decoder_says_which_column_it_cannot_fill() {
    let refused = |schema: Vec<Field>, reader: Option<RegisteredSchema>| {
        let plain = Decode::plain(Codec::Avro, Arc::new(Schema::new(schema)));
        Decoder::new(&Decode { reader: reader.map(Arc::new), ..plain }, &Default::default()).err().unwrap()
    };
    let interval = Field::new("a", DataType::Interval(IntervalUnit::DayTime), true);
    let texts = [
        refused(vec![interval], None),
        refused(vec![Field::new("a b", DataType::Utf8, true)], None),
        refused(
            vec![Field::new("v", DataType::Utf8, true), Field::new("w", DataType::Utf8, true)],
            Some(one(json!("int"))),
        ),
        refused(vec![Field::new("v", DataType::Int32, false)], Some(one(json!("null")))),
    ];
    insta::assert_snapshot!(texts.join("\n"), @r"
    a: Avro cannot hold Interval(DayTime): choose another type
    a b: `a b` is no name of Avro (letters, digits and _, not beginning with a digit): rename the column
    v: int does not go into a column of string; w: the reader's schema has no such field
    v: null, and the column cannot be null
    ");
}

#[test]
fn columns_of_a_schema_lead_back_to_it() {
    let columns = columns(&orders()).unwrap();
    let again = RegisteredSchema::new(SchemaKind::Avro, schema_of(&columns, "R").unwrap());
    insta::assert_snapshot!(again.text, @r#"{"type":"record","name":"R","fields":[{"name":"id","type":"long"},{"name":"user","type":["null","string"],"default":null},{"name":"amount","type":"double"},{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"state","type":"string"}]}"#);
    assert_eq!(super::columns(&again).unwrap(), columns);
}

#[test]
fn digits_are_read_as_text_where_the_reader_s_schema_says_so() {
    let digits = one(json!({ "type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2 }));
    let decoded = resolve(&digits, &one(json!("string")), &[bytes().text("ab")]);
    assert_eq!(decoded.rows.column(0).as_string::<i32>().value(0), "ab");
    let columns: SchemaRef = Arc::new(Schema::new(vec![Field::new("v", DataType::Utf8, false)]));
    assert!(AvroReader::of_columns(&columns).unwrap().use_writer(1, &digits).is_err());
}

#[test]
fn a_column_of_json_takes_nothing_else() {
    let extension = [("ARROW:extension:name".to_owned(), "arrow.json".to_owned())];
    let column = Field::new("v", DataType::Utf8, false).with_metadata(extension.into());
    let decoded = into_columns(
        &one(json!("string")),
        vec![column],
        &[
            bytes().text("{\"a\":1}"),
            bytes().text("{"),
            bytes().raw(&[6, b'"', 0xff, b'"']),
            bytes().text("\"x\""),
        ],
    );
    assert_eq!(decoded.rows.num_rows(), 2);
    let refused: Vec<_> = decoded.errors.iter().map(|error| (error.index, error.code)).collect();
    assert_eq!(refused, [(1, "json-syntax"), (2, "json-syntax")]);
}
