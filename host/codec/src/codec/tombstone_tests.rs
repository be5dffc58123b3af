//! Records without a value, by every codec: which are rows, which are refused, and what they take of a run. What a value
//! must have it must have wherever a row of nulls is allowed beside it.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_ipc::writer::StreamWriter;
use serde_json::json;

use super::trip;
use super::{
    Codec, Decode, Decoded, Decoder, Encode, Meta, RegisteredSchema, SchemaKind, Tombstone, columns,
};
use crate::batch::RawRecords;

/// A number that must be there, and a text that may be null.
fn strict() -> SchemaRef {
    let fields = vec![Field::new("id", DataType::Int64, false), Field::new("user", DataType::Utf8, true)];
    Arc::new(Schema::new(fields))
}

fn decode(settings: &Decode, values: &[Option<&[u8]>]) -> Decoded {
    let mut raw = RawRecords::with_capacity("t".into(), 0, values.len(), 0);
    values.iter().for_each(|value| raw.push(0, None, Some(b"k"), *value));
    let decoded = Decoder::new(settings, &Default::default()).unwrap().decode(&raw).unwrap();
    decoded.rows.columns().iter().for_each(|column| column.to_data().validate_full().unwrap());
    decoded
}

/// The rows as JSON, then the errors.
fn told(decoded: &Decoded) -> String {
    let encoded = trip::encode(&Encode::plain(Codec::Json), &decoded.rows);
    let rows = (0..decoded.rows.num_rows()).map(|row| String::from_utf8_lossy(encoded.row(row)).into_owned());
    let errors = decoded.errors.iter().map(|e| format!("{} {}: {}", e.index, e.code, e.message));
    rows.chain(errors).collect::<Vec<_>>().join("\n")
}

fn by_schema(codec: Codec, kind: SchemaKind, text: &str) -> Decode {
    let reader = Arc::new(RegisteredSchema::new(kind, text));
    let found = columns(codec, &reader).unwrap();
    Decode { reader: Some(reader), ..Decode::plain(codec, found) }
}

/// Decoded with `tombstone: row`: every column may be null, and nothing else is read otherwise.
fn as_rows(settings: Decode, values: &[Option<&[u8]>]) -> String {
    let settings = Decode { tombstone: Tombstone::Row, ..settings };
    let decoded = decode(&settings, values);
    assert!(
        settings.schema.fields().iter().any(|field| !field.is_nullable()),
        "a test of columns that must be there"
    );
    assert!(decoded.rows.schema_ref().fields().iter().all(|field| field.is_nullable()));
    assert_eq!(*decoded.rows.schema_ref(), settings.columns());
    told(&decoded)
}

#[test]
fn a_tombstone_is_a_row_and_a_value_must_have_what_it_must_have() {
    let values = [Some(&br#"{"id":1,"user":"a"}"#[..]), None, Some(b"{}"), Some(br#"{"id":null}"#), None];
    insta::assert_snapshot!(as_rows(Decode::plain(Codec::Json, strict()), &values), @r#"
    {"id":1,"user":"a"}
    {"id":null,"user":null}
    {"id":null,"user":null}
    2 missing-column: id: expected int64, found no such key
    3 type-mismatch: id: expected int64, found null
    "#);

    let text = r#"{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]}"#;
    let schema = by_schema(Codec::JsonSchema, SchemaKind::Json, text);
    insta::assert_snapshot!(as_rows(schema, &[Some(br#"{"id":1}"#), None, Some(b"{}")]), @r#"
    {"id":1}
    {"id":null}
    2 schema-violation: "id" is a required property
    "#);

    let values = [Some(&b"\x81\xa2id\x01"[..]), None, Some(b"\x80")];
    insta::assert_snapshot!(as_rows(Decode::plain(Codec::MessagePack, strict()), &values), @r#"
    {"id":1,"user":null}
    {"id":null,"user":null}
    2 missing-column: id: expected int64, found no such key
    "#);

    let text = Arc::new(Schema::new(vec![Field::new("line", DataType::Utf8, false)]));
    insta::assert_snapshot!(as_rows(Decode::plain(Codec::String, text), &[Some(b""), None]), @r#"
    {"line":""}
    {"line":null}
    "#);
}

#[test]
fn a_tombstone_of_avro_is_a_row() {
    let order = json!({ "type": "record", "name": "R", "fields": [
        { "name": "id", "type": "long" },
        { "name": "place", "type": { "type": "record", "name": "P", "fields": [{ "name": "x", "type": "int" }] } },
    ] });
    let schema = by_schema(Codec::Avro, SchemaKind::Avro, &order.to_string());
    insta::assert_snapshot!(as_rows(schema, &[Some(b"\x02\x04"), None, Some(b"\x02")]), @r#"
    {"id":1,"place":{"x":2}}
    {"id":null,"place":null}
    2 avro-syntax: place.x: at byte 1: expected all of a number, found the end of the record
    "#);
    // By the columns alone too: the text's branch, then a null.
    insta::assert_snapshot!(as_rows(Decode::plain(Codec::Avro, strict()), &[None, Some(b"\x02\x00")]), @r#"
    {"id":null,"user":null}
    {"id":1,"user":null}
    "#);
}

#[test]
fn a_tombstone_of_protobuf_is_a_row_and_a_field_that_is_not_sent_is_its_default() {
    let text =
        r#"syntax = "proto3"; message M { int64 id = 1; repeated int32 some = 2; optional bool may = 3; }"#;
    let schema = by_schema(Codec::Protobuf, SchemaKind::Protobuf, text);
    insta::assert_snapshot!(as_rows(schema, &[Some(b""), None, Some(b"\x08\x05")]), @r#"
    {"id":0,"some":[],"may":null}
    {"id":null,"some":null,"may":null}
    {"id":5,"some":[],"may":null}
    "#);
}

/// A stream of one batch with the number 1, and one of two rows of which the second has none.
fn streams() -> [Vec<u8>; 2] {
    use arrow::array::{ArrayRef, Int64Array, StringArray};
    [vec![Some(1)], vec![Some(1), None]].map(|ids: Vec<Option<i64>>| {
        let users: ArrayRef = Arc::new(StringArray::from(vec!["a"; ids.len()]));
        let ids: ArrayRef = Arc::new(Int64Array::from(ids));
        let rows = RecordBatch::try_from_iter([("id", ids), ("user", users)]).unwrap();
        let mut writer = StreamWriter::try_new(Vec::new(), &rows.schema()).unwrap();
        writer.write(&rows).unwrap();
        writer.into_inner().unwrap()
    })
}

#[test]
fn a_tombstone_of_arrow_is_a_row() {
    let [one, with_null] = streams();
    let values = [Some(&one[..]), None, Some(&with_null), Some(&one)];
    insta::assert_snapshot!(as_rows(Decode::plain(Codec::Arrow, strict()), &values), @r#"
    {"id":1,"user":"a"}
    {"id":null,"user":null}
    {"id":1,"user":"a"}
    2 type-mismatch: id: expected int64, found null in row 1
    "#);
}

#[test]
fn what_is_said_of_tombstones_holds_and_nothing_said_is_as_the_columns_are() {
    let nullable = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true)]));
    let [one, _] = streams();
    for (codec, value) in [(Codec::Json, &br#"{"id":1}"#[..]), (Codec::Arrow, &one)] {
        let with = |columns: &SchemaRef, tombstone| {
            let settings = Decode { tombstone, ..Decode::plain(codec, Arc::clone(columns)) };
            let decoded = decode(&settings, &[None, Some(value)]);
            assert_eq!(decoded.rows.schema_ref(), &settings.columns());
            (decoded.rows.num_rows(), decoded.errors.first().map(|error| error.message.clone()))
        };
        assert_eq!(with(&nullable, Tombstone::IfNullable), (2, None));
        assert_eq!(with(&nullable, Tombstone::Row), (2, None));
        let (rows, why) = with(&nullable, Tombstone::Refuse);
        assert_eq!(rows, 1);
        insta::allow_duplicates! {
            insta::assert_snapshot!(why.unwrap(), @"the record has no value (a tombstone), which `tombstone: refuse` refuses: set `tombstone: row` in `decode`");
        }
        let (rows, why) = with(&strict(), Tombstone::IfNullable);
        assert_eq!(rows, 1);
        insta::allow_duplicates! {
            insta::assert_snapshot!(why.unwrap(), @"the record has no value (a tombstone) and not every column may be null: set `tombstone: row` in `decode`");
        }
    }
}

#[test]
fn the_key_of_a_tombstone_is_there() {
    let settings = Decode {
        include: vec![Meta::Key],
        tombstone: Tombstone::Row,
        ..Decode::plain(Codec::Json, strict())
    };
    let decoded = decode(&settings, &[None, Some(br#"{"id":1}"#)]);
    insta::assert_snapshot!(told(&decoded), @r#"
    {"id":null,"user":null,"$key":"k"}
    {"id":1,"user":null,"$key":"k"}
    "#);
    // The columns of the value alone became others.
    let nullable: Vec<bool> = decoded.rows.schema_ref().fields().iter().map(|f| f.is_nullable()).collect();
    assert_eq!(nullable, [true, true, true]);
}

/// Columns of which a null takes 101 bytes, and with all that is around it 102.
fn wide(bytes: i32) -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("wide", DataType::FixedSizeBinary(bytes), true)]))
}

#[test]
fn tombstones_end_a_run_where_they_take_all_of_it() {
    let mut raw = RawRecords::with_capacity("t".into(), 0, 25, 0);
    (0..25).for_each(|offset| raw.push(offset, None, None, None));
    let mut decoder = Decoder::new(&Decode::plain(Codec::Json, wide(100)), &Default::default()).unwrap();
    decoder.limit_runs(1_020, 0);
    let mut runs = Vec::new();
    while !raw.is_empty() {
        let decoded = decoder.decode(&raw).unwrap();
        assert_eq!((decoded.rows.num_rows(), decoded.errors.len()), (decoded.taken, 0));
        runs.push(decoded.taken);
        raw = raw.rest(decoded.taken);
    }
    assert_eq!(runs, [10, 10, 5]);
}

#[test]
fn a_tombstone_that_takes_more_than_a_record_may_is_refused() {
    for codec in [Codec::Json, Codec::Arrow] {
        let decoded = decode(&Decode::plain(codec, wide(65 << 20)), &[None]);
        assert_eq!((decoded.rows.num_rows(), decoded.taken, decoded.errors[0].code), (0, 1, "too-large"));
        assert!(decoded.errors[0].message.starts_with("a row of nulls takes 68157"), "{:?}", decoded.errors);
    }
}
