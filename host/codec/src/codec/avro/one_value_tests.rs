//! Schemas that are no record: one column of a row, and the bytes of a record with that field.

use std::sync::Arc;

use arrow::array::{BinaryArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::*;
use serde_json::{Value, json};

use super::tests::{Bytes, avro, bytes, errors, record};
use super::{AvroEncoder, AvroFile, AvroReader, columns, fingerprint, is_one_value};
use crate::codec::framed::ReadWritten as _;
use crate::codec::rows::Rows;
use crate::codec::trip::{self, records};
use crate::codec::{Decoded, Encode, Encoded};

/// Values written with one schema and read with another.
fn resolve(writer: &Value, reader: &Value, values: &[Bytes]) -> Decoded {
    let (writer, reader) = (avro(writer.clone()), avro(reader.clone()));
    let columns = columns(&reader).unwrap();
    let mut avro = AvroReader::new(&reader, &columns).unwrap();
    avro.use_writer(1, &writer).unwrap();
    let values: Vec<&[u8]> = values.iter().map(|value| &value.0[..]).collect();
    Rows::new(columns, avro).unwrap().decode(&records(&values))
}

/// The rows as JSON, then the errors.
fn told(decoded: &Decoded) -> String {
    let encoded = trip::encode(&Encode::plain(crate::codec::Codec::Json), &decoded.rows);
    let rows: String =
        (0..decoded.rows.num_rows()).map(|row| String::from_utf8_lossy(encoded.row(row)) + "\n").collect();
    rows + &errors(&decoded.errors)
}

fn decode(schema: Value, values: &[Bytes]) -> String {
    told(&resolve(&schema, &schema, values)).trim_end().to_owned()
}

#[test]
fn a_schema_that_is_no_record_is_one_column() {
    let enumeration = json!({ "type": "enum", "name": "State", "symbols": ["OPEN", "PAID"] });
    let pair = json!({ "type": "record", "name": "P", "fields": [{ "name": "x", "type": "int" }] });
    let list = bytes().long(2).long(1).long(2).long(0);
    insta::assert_snapshot!([
        decode(json!("string"), &[bytes().text("a"), bytes().text(""), bytes(), bytes().text("b").long(1)]),
        decode(json!({ "type": "long" }), &[bytes().long(-7)]),
        decode(json!({ "type": "long", "logicalType": "timestamp-millis" }), &[bytes().long(0)]),
        decode(enumeration, &[bytes().long(1), bytes().long(2)]),
        decode(json!({ "type": "array", "items": "int" }), std::slice::from_ref(&list)),
        decode(json!({ "type": "array", "items": pair.clone() }), &[list]),
        decode(json!({ "type": "map", "values": "int" }), &[bytes().long(1).text("k").long(5).long(0)]),
        decode(json!("null"), &[bytes()]),
    ].join("\n"), @r#"
    {"value":"a"}
    {"value":""}
    2 avro-syntax: value: at byte 0: expected all of a number, found the end of the record
    3 avro-syntax: at byte 2: expected the end of the record, found 02
    {"value":-7}
    {"value":0}
    {"value":"PAID"}
    1 avro-syntax: value: at byte 0: expected one of 2 symbols, found number 2
    {"value":[1,2]}
    {"value":[{"x":1},{"x":2}]}
    {"value":{"k":5}}
    {"value":null}
    "#);
    for (schema, shown) in [
        (json!("string"), "Utf8 false"),
        (json!(["null", "string"]), "Utf8 true"),
        (json!(["long"]), "Int64 false"),
        (json!({ "type": "fixed", "name": "F", "size": 4 }), "FixedSizeBinary(4) false"),
    ] {
        let (schema, found) = (avro(schema.clone()), columns(&avro(schema)).unwrap());
        assert!(is_one_value(&schema));
        let [only] = &found.fields()[..] else { panic!("one column") };
        assert_eq!(
            (only.name().as_str(), format!("{} {}", only.data_type(), only.is_nullable())),
            ("value", shown.into())
        );
    }
}

#[test]
fn a_union_is_one_value_where_it_is_one_type() {
    let maybe = json!(["null", "string"]);
    insta::assert_snapshot!(decode(maybe.clone(), &[bytes().long(1).text("a"), bytes().long(0), bytes().long(2)]), @r#"
    {"value":"a"}
    {"value":null}
    2 avro-syntax: value: at byte 0: expected one of 2 branches, found number 2
    "#);
    // One of several types is a column for each, as it is for records.
    let several = json!(["string", "long"]);
    assert!(!is_one_value(&avro(several.clone())) && !is_one_value(&record(json!([]))));
    insta::assert_snapshot!(decode(several.clone(), &[bytes().long(0).text("a"), bytes().long(1).long(5)]), @r#"
    {"string":"a","long":null}
    {"string":null,"long":5}
    "#);
    // Of a writer's union what fits is read.
    insta::assert_snapshot!(told(&resolve(&several, &json!("long"), &[bytes().long(0).text("a"), bytes().long(1).long(5)])), @r#"
    {"value":5}
    0 type-mismatch: value: string cannot be read as long
    "#);
    insta::assert_snapshot!(told(&resolve(&json!("long"), &several, &[bytes().long(5)])), @r#"{"string":null,"long":5}"#);
    insta::assert_snapshot!(told(&resolve(&maybe, &json!("string"), &[bytes().long(0), bytes().long(1).text("a")])), @r#"
    {"value":"a"}
    0 type-mismatch: value: null, which the reader's schema does not have here
    "#);
    insta::assert_snapshot!(told(&resolve(&json!("string"), &maybe, &[bytes().text("a")])), @r#"{"value":"a"}"#);
}

#[test]
fn writers_are_resolved_and_those_that_do_not_fit_are_refused() {
    insta::assert_snapshot!(told(&resolve(&json!("int"), &json!("double"), &[bytes().long(5)])), @r#"{"value":5.0}"#);
    insta::assert_snapshot!(told(&resolve(&json!("bytes"), &json!("string"), &[Bytes(b"a".to_vec())])), @r#"{"value":"a"}"#);
    let value = json!({ "type": "record", "name": "R", "fields": [{ "name": "value", "type": "string" }] });
    let refused = |writer: &Value, reader: &Value| {
        let reader = avro(reader.clone());
        let columns = columns(&reader).unwrap();
        AvroReader::new(&reader, &columns).unwrap().use_writer(1, &avro(writer.clone())).unwrap_err()
    };
    // Also where the names and types of the fields would fit.
    insta::assert_snapshot!([
        refused(&json!("string"), &value),
        refused(&value, &json!("string")),
        refused(&json!("string"), &json!("long")),
        refused(&json!(["int", "null"]), &json!({ "type": "array", "items": "int" })),
    ].join("\n"), @r"
    string cannot be read as record R
    value: record R cannot be read as string
    value: string cannot be read as long
    value: int cannot be read as array; value: null, which the reader's schema does not have here
    ");
}

#[test]
fn too_deep_is_too_deep_as_in_a_record() {
    let nested =
        |depth: usize| (0..depth).fold(json!("int"), |of, _| json!({ "type": "array", "items": of }));
    let in_record = |of: Value| columns(&record(json!([{ "name": "value", "type": of }])));
    for depth in [62, 63, 64, 65, 80] {
        assert_eq!(columns(&avro(nested(depth))), in_record(nested(depth)), "{depth}");
    }
}

#[test]
fn only_some_columns_may_be_asked_for() {
    let none: SchemaRef = Arc::new(Schema::empty());
    let string = avro(json!("string"));
    let reader = AvroReader::new(&string, &none).unwrap();
    let decoded = Rows::new(Arc::clone(&none), reader).unwrap().decode(&records(&[&b"\x02a"[..], b"\x02"]));
    assert_eq!((decoded.rows.num_rows(), decoded.errors.len()), (1, 1));
    let other: SchemaRef = Arc::new(Schema::new(vec![Field::new("other", DataType::Utf8, true)]));
    insta::assert_snapshot!(AvroReader::new(&string, &other).err().unwrap(), @"other: the reader's schema is one value, which is the column `value`");
    // By the columns alone a column that is not there is null, as ever.
    let mut by_columns = AvroReader::of_columns(&other).unwrap();
    by_columns.use_writer(1, &string).unwrap();
    insta::assert_snapshot!(told(&Rows::new(other, by_columns).unwrap().decode(&records(&[b"\x02a"]))), @r#"{"other":null}"#);
    let strict: SchemaRef = Arc::new(Schema::new(vec![Field::new("other", DataType::Utf8, false)]));
    insta::assert_snapshot!(AvroReader::of_columns(&strict).unwrap().use_writer(1, &string).unwrap_err(), @"other: the writer's schema is one value, which is the column `value`, and this one cannot be null");
}

#[test]
fn a_value_is_written_by_the_only_column() {
    let rows = RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from(vec![1, 2])) as _),
        ("user", Arc::new(StringArray::from(vec![Some("a"), None])) as _),
    ])
    .unwrap();
    let string = avro(json!("string"));
    let mut encoded = Encoded::default();
    let user = ["user".to_owned()];
    AvroEncoder::new(Some(&user), &rows.schema(), Some(&string), false).unwrap().encode(&rows, &mut encoded);
    assert_eq!((encoded.row(0), encoded.row(1)), (&b"\x02a"[..], &b""[..]));
    insta::assert_snapshot!(errors(&encoded.errors), @"1 type-mismatch: user: null, and the field of the schema cannot be null");
    insta::assert_snapshot!([
        AvroEncoder::new(None, &rows.schema(), Some(&string), false).err().unwrap(),
        AvroEncoder::new(Some(&["id".to_owned()]), &rows.schema(), Some(&string), false).err().unwrap(),
    ].join("\n"), @r"
    the schema is one value (string), and there are 2 columns: choose one
    id: int64 cannot be written as string
    ");
}

#[test]
fn the_schema_stays_what_it_is() {
    // As the specification's own library has them.
    let string = avro(json!("string"));
    assert_eq!(super::full_name(&string), None);
    assert_eq!(fingerprint(&string), fingerprint(&avro(json!({ "type": "string" }))));
    assert_ne!(fingerprint(&string), fingerprint(&record(json!([{ "name": "value", "type": "string" }]))));
}

#[test]
fn a_file_of_texts_is_read() {
    let meta = bytes().raw(b"Obj\x01").long(1).text("avro.schema").text("\"string\"").long(0).raw(&[7; 16]);
    let body = bytes().text("a").text("bc").0;
    let file = meta.long(2).long(body.len() as i64).raw(&body).raw(&[7; 16]).0;
    let mut opened = AvroFile::open(&file, None).unwrap();
    let block = opened.next().unwrap().unwrap();
    assert_eq!(block.lost, None);
    let expected = StringArray::from(vec!["a", "bc"]);
    assert_eq!(
        block.rows.column_by_name("value").unwrap().to_data(),
        arrow::array::Array::to_data(&expected)
    );
}

#[test]
fn bytes_whose_schema_is_in_a_registry_stand_without_their_length() {
    let (schema, only) = (avro(json!("bytes")), Field::new("value", DataType::Binary, false));
    let columns: SchemaRef = Arc::new(Schema::new(vec![only]));
    let mut reader = AvroReader::new(&schema, &columns).unwrap();
    reader.use_writer(1, &schema).unwrap();
    let values: [&[u8]; 4] = [b"ABCD", b"", b"\x02A", &[0xff; 300]];
    let decoded = Rows::new(Arc::clone(&columns), reader).unwrap().decode(&records(&values));
    let expected =
        RecordBatch::try_new(columns, vec![Arc::new(BinaryArray::from_iter_values(values))]).unwrap();
    assert_eq!((errors(&decoded.errors), &decoded.rows), (String::new(), &expected));
    for (framed, length) in [(true, vec![]), (false, vec![8])] {
        let mut encoded = Encoded::default();
        AvroEncoder::new(None, &expected.schema(), Some(&schema), framed)
            .unwrap()
            .encode(&expected, &mut encoded);
        assert_eq!(encoded.row(0), [&length[..], b"ABCD"].concat());
        assert_eq!(encoded.row(3).len(), if framed { 300 } else { 302 });
    }
    // Those within another value have their length.
    let optional = decode(json!(["null", "bytes"]), &[bytes().long(1).text("A"), bytes().long(0)]);
    insta::assert_snapshot!(optional, @r#"
    {"value":"QQ=="}
    {"value":null}
    "#);
}
