//! Schemas and records that would take gigabytes or hours, or the host down, if nothing were counted.

use std::sync::Arc;

use serde_json::{Value, json};

use super::tests::{Bytes, bytes, errors, one};
use super::{AvroReader, columns};
use crate::codec::Decoded;
use crate::codec::framed::ReadWritten as _;
use crate::codec::registered::RegisteredSchema;
use crate::codec::rows::Rows;
use crate::codec::trip::records;

/// Records of a writer's schema, by a reader's.
fn resolve(writer: &RegisteredSchema, reader: &RegisteredSchema, values: &[&Bytes]) -> Decoded {
    let columns = columns(reader).unwrap();
    let mut avro = AvroReader::new(reader, &columns).unwrap();
    avro.use_writer(1, writer).unwrap();
    let values: Vec<&[u8]> = values.iter().map(|value| &value.0[..]).collect();
    Rows::new(columns, avro).unwrap().decode(&records(&values))
}

fn list_of(items: Value) -> RegisteredSchema {
    one(json!({ "type": "array", "items": items }))
}

/// So many items, a byte each.
fn items(count: usize) -> Bytes {
    bytes().long(count as i64).raw(&vec![0; count]).long(0)
}

/// An item of a hundred doubles.
fn wide() -> Value {
    let fields: Vec<Value> = (0..100).map(|n| json!({ "name": format!("f{n}"), "type": "double" })).collect();
    json!({ "type": "record", "name": "Item", "fields": fields })
}

#[test]
fn wide_items_that_take_a_byte_are_bounded() {
    for of in [wide(), json!({ "type": "fixed", "name": "F", "size": 65_536 })] {
        let schema = list_of(json!(["null", of]));
        let decoded = resolve(&schema, &schema, &[&items(1_000_000), &items(1_000)]);
        assert_eq!(decoded.rows.num_rows(), 1);
        assert_eq!(
            errors(&decoded.errors),
            "0 too-large: v: at byte 3: it becomes more than 64 MiB of columns: put fewer items into a record"
        );
    }
    let map = one(json!({ "type": "map", "values": ["null", wide()] }));
    let decoded = resolve(&map, &map, &[&bytes().long(1_000_000).raw(&[0; 2_000_000]).long(0)]);
    assert_eq!(
        errors(&decoded.errors),
        "0 too-large: v: at byte 3: it becomes more than 64 MiB of columns: put fewer items into a record"
    );
}

#[test]
fn items_of_defaults_count_as_wide_as_they_are() {
    let empty = json!({ "type": "record", "name": "Item", "fields": [] });
    let fields: Vec<Value> =
        (0..100).map(|n| json!({ "name": format!("f{n}"), "type": "long", "default": n })).collect();
    let defaults = json!({ "type": "record", "name": "Item", "fields": fields });
    let value = bytes().long(113_000).long(0);
    let decoded = resolve(&list_of(empty), &list_of(defaults), &[&value]);
    assert_eq!(
        errors(&decoded.errors),
        "0 too-large: v: at byte 3: it becomes more than 64 MiB of columns: put fewer items into a record"
    );
}

#[test]
fn branches_and_symbols_that_take_a_byte_are_bounded() {
    let wide_branches = list_of(json!(["null", wide(), { "type": "record", "name": "Empty", "fields": [] }]));
    let value = bytes().long(100_000).raw(&[4; 100_000]).long(0);
    let decoded = resolve(&wide_branches, &wide_branches, &[&value]);
    assert_eq!(
        errors(&decoded.errors),
        "0 too-large: v: at byte 3: it becomes more than 64 MiB of columns: put fewer items into a record"
    );
    let symbols = list_of(json!({ "type": "enum", "name": "E", "symbols": ["x".repeat(1_000)] }));
    let decoded = resolve(&symbols, &symbols, &[&items(1_000_000)]);
    assert_eq!(
        errors(&decoded.errors),
        "0 too-large: v[58108]: at byte 58112: it becomes more than 64 MiB of columns: put fewer items into a record"
    );
}

#[test]
fn what_a_run_becomes_is_bounded_and_the_next_run_begins_anew() {
    let schema = list_of(json!(["null", wide()]));
    let columns = columns(&schema).unwrap();
    let mut reader = AvroReader::new(&schema, &columns).unwrap();
    reader.max_run = 4 << 20;
    let mut rows = Rows::new(Arc::clone(&columns), reader).unwrap();
    // Each becomes some 240 kB.
    let value = items(268);
    for _ in 0..2 {
        let decoded = rows.decode(&records(&vec![&value.0[..]; 20]));
        assert_eq!((decoded.rows.num_rows(), decoded.errors.len()), (17, 3));
        assert_eq!(
            decoded.errors[0].message,
            "v: at byte 2: with those before it, it becomes more than 1 GiB of columns: read fewer records at once"
        );
    }
}
