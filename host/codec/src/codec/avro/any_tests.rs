//! Properties of schemas that nobody would write: none makes anything panic, and what is read by one is written
//! back by it.

use arrow::array::{RecordBatch, RecordBatchOptions};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::parse::parse;
use super::tests::avro;
use super::{AvroEncoder, AvroReader, canonical, columns, compatible, fingerprint, schema_of};
use crate::codec::Encoded;
use crate::codec::column::Struct;
use crate::codec::framed::ReadWritten as _;
use crate::codec::registered::{RegisteredSchema, SchemaKind};
use crate::codec::rows::Rows;
use crate::codec::trip::records;

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["A", "B", "C", "n.A", "n.D", "string", "a b"]).prop_map(str::to_owned)
}

fn leaf() -> impl Strategy<Value = Value> {
    let logical = |of: &str, logical: &str| json!({ "type": of, "logicalType": logical });
    let plain = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"].map(|of| json!(of));
    let meant = [
        logical("int", "date"),
        logical("int", "time-millis"),
        logical("long", "timestamp-micros"),
        logical("long", "local-timestamp-nanos"),
        json!({ "type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2 }),
        json!({ "type": "bytes", "logicalType": "decimal", "precision": 50 }),
    ];
    let fixed = (name(), 0_u32..17, prop::sample::select(vec!["decimal", "uuid", "duration", "none"])).prop_map(
        |(name, size, logical)| json!({ "type": "fixed", "name": name, "size": size, "logicalType": logical, "precision": 3 }),
    );
    let symbols = prop::sample::subsequence(vec!["X", "Y", "Z"], 0..4);
    let enumeration = (name(), symbols, any::<bool>()).prop_map(|(name, symbols, default)| match default {
        true => json!({ "type": "enum", "name": name, "symbols": symbols, "default": "X" }),
        false => json!({ "type": "enum", "name": name, "symbols": symbols }),
    });
    prop_oneof![
        6 => prop::sample::select(plain.to_vec()),
        2 => prop::sample::select(meant.to_vec()),
        1 => fixed,
        1 => enumeration,
        1 => name().prop_map(Value::String),
    ]
}

fn default() -> impl Strategy<Value = Option<Value>> {
    let values = [
        json!(null),
        json!(1),
        json!("X"),
        json!([]),
        json!({}),
        json!({ "a": 1 }),
        json!([{}]),
        json!(true),
    ];
    prop::option::of(prop::sample::select(values.to_vec()))
}

fn record(of: BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    (name(), vec((of, default()), 0..4)).prop_map(|(name, fields)| {
        let field = |(index, (of, default)): (usize, (Value, Option<Value>))| {
            let name = ["a", "b", "c"][index];
            let mut field = json!({ "name": name, "type": of, "aliases": ["b"] });
            if let Some(default) = default {
                field["default"] = default;
            }
            field
        };
        let fields: Vec<Value> = fields.into_iter().take(3).enumerate().map(field).collect();
        json!({ "type": "record", "name": name, "fields": fields })
    })
}

fn schema() -> impl Strategy<Value = RegisteredSchema> {
    let of = leaf().prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|of| json!({ "type": "array", "items": of })),
            inner.clone().prop_map(|of| json!({ "type": "map", "values": of })),
            inner.clone().prop_map(|of| json!(["null", of])),
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            record(inner.boxed()),
        ]
    });
    record(of.boxed()).prop_map(avro)
}

/// Bytes that are often enough something.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![8 => 0_u8..5, 1 => any::<u8>()], 0..40)
}

/// The rows that values begin with, by the reader as it is.
fn rows(reader: &mut AvroReader, schema: &RegisteredSchema, values: &[Vec<u8>]) -> RecordBatch {
    let columns = columns(schema).unwrap();
    let mut rows = Struct::new(columns.fields(), 0).unwrap();
    for value in values {
        let row = rows.len();
        if reader.read_first(value, &mut rows).is_err() {
            rows.truncate(row);
        }
    }
    let (arrays, count) = rows.finish_columns();
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    let batch = RecordBatch::try_new_with_options(columns, arrays, &options).unwrap();
    batch.columns().iter().for_each(|column| column.to_data().validate_full().unwrap());
    batch
}

proptest! {
    #[test]
    fn what_any_schema_reads_it_writes(schema in schema(), values in vec(bytes(), 0..12)) {
        let Ok(columns) = columns(&schema) else { return Ok(()) };
        let Ok(mut reader) = AvroReader::new(&schema, &columns) else { return Ok(()) };
        let rows = rows(&mut reader, &schema, &values);
        let mut encoded = Encoded::default();
        AvroEncoder::new(None, &columns, Some(&schema), false).unwrap().encode(&rows, &mut encoded);
        prop_assert_eq!(&encoded.errors, &vec![], "{}", schema.text);
        let written: Vec<&[u8]> = (0..rows.num_rows()).map(|row| encoded.row(row)).collect();
        let decoded = Rows::new(columns, reader).unwrap().decode(&records(&written));
        prop_assert_eq!((&decoded.rows, &decoded.errors), (&rows, &vec![]), "{}", schema.text);
    }

    #[test]
    fn any_two_schemas_are_survived(reader in schema(), writer in schema(), values in vec(bytes(), 0..4)) {
        let verdict = compatible(&reader, &writer);
        let Ok(columns) = columns(&reader) else { return Ok(()) };
        if let Ok(text) = schema_of(&columns, "Row") {
            let derived = RegisteredSchema::new(SchemaKind::Avro, text);
            prop_assert!(AvroReader::new(&derived, &columns).is_ok(), "{}", derived.text);
        }
        let Ok(mut avro) = AvroReader::new(&reader, &columns) else { return Ok(()) };
        let used = avro.use_writer(1, &writer);
        rows(&mut avro, &reader, &values);
        // What is compatible is read: all but defaults that are none, and meanings that no column bridges.
        if let (Ok(()), Err(why)) = (verdict, used) {
            prop_assert!(why.contains("default") || why.contains("does not go into"), "{why}");
        }
    }

    #[test]
    fn a_canonical_form_is_its_own(schema in schema()) {
        let Ok(types) = parse(&schema) else { return Ok(()) };
        let form = RegisteredSchema::new(SchemaKind::Avro, canonical::canonical(&types));
        prop_assert_eq!(canonical::canonical(&parse(&form).unwrap()), form.text.clone());
        prop_assert_eq!(fingerprint(&form), fingerprint(&schema));
    }
}
