//! Schemas and records that would take gigabytes or hours, or the host down, if nothing were counted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde_json::{Value, json};

use super::tests::{Bytes, avro, bytes, errors, one, record};
use super::{AvroEncoder, AvroReader, columns, compatible, fingerprint};
use crate::codec::Decoded;
use crate::codec::framed::ReadWritten as _;
use crate::codec::registered::{RegisteredSchema, SchemaKind};
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
    let reader = AvroReader::new(&schema, &columns).unwrap();
    let mut rows = Rows::new(Arc::clone(&columns), reader).unwrap();
    rows.limit_runs(4 << 20);
    // Each becomes some 240 kB.
    let (value, too_much) = (items(268), items(10_000));
    for (values, taken) in
        [(vec![&value.0[..]; 20], 17), (vec![&value.0; 3], 3), (vec![&too_much.0, &value.0], 1)]
    {
        let decoded = rows.decode(&records(&values));
        assert_eq!((decoded.taken, decoded.rows.num_rows() + decoded.errors.len()), (taken, taken));
        assert_eq!(decoded.errors.len(), usize::from(taken == 1), "what is too much in a run of its own");
    }
}

/// What a reader of one column says of a writer's schema; it is said soon.
fn refused(writer: &RegisteredSchema) -> String {
    let reader = one(json!("int"));
    let columns = columns(&reader).unwrap();
    let mut avro = AvroReader::new(&reader, &columns).unwrap();
    let started = Instant::now();
    let refused = avro.use_writer(1, writer).unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    refused
}

/// On a stack half as large as a task has it.
fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
}

/// Records of which each holds the one before.
fn chain(length: usize) -> impl Iterator<Item = Value> {
    (0..length).map(|n| match n {
        0 => json!({ "type": "record", "name": "A0", "fields": [] }),
        _ => json!({ "type": "record", "name": format!("A{n}"),
            "fields": [{ "name": "x", "type": format!("A{}", n - 1) }] }),
    })
}

#[test]
fn records_in_records_by_name_are_as_deep_as_there_are_any() {
    on_a_small_stack(|| {
        let list = |(n, of)| json!({ "name": format!("f{n}"), "type": { "type": "array", "items": of } });
        let mut fields: Vec<Value> = chain(10_000).enumerate().map(list).collect();
        fields.push(json!({ "name": "last", "type": "A9999" }));
        fields.push(json!({ "name": "v", "type": "int" }));
        let (writer, reader) = (record(json!(fields)), one(json!("int")));
        let value = bytes().raw(&[0; 10_000]).long(7);
        assert_eq!(errors(&resolve(&writer, &reader, &[&value]).errors), "");
        fingerprint(&writer).unwrap();
        // Written from the last one to the first.
        let all = avro(json!(chain(10_000).collect::<Vec<_>>()));
        let mut last = one(json!("A9999"));
        last.references.push(("A9999".to_owned(), Arc::new(all)));
        fingerprint(&last).unwrap();
        compatible(&last, &last).unwrap();
    });
}

#[test]
fn a_schema_of_too_many_parts_is_refused() {
    let aliases: Vec<String> = (0..450_000).map(|n| format!("a{n}")).collect();
    let of = |fields: Value| json!({ "type": "record", "name": "R", "namespace": "n", "fields": fields });
    let mut aliased = of(json!([]));
    aliased["aliases"] = json!(aliases);
    let fields: Vec<Value> =
        (0..60_000).map(|n| json!({ "name": format!("f{n}"), "type": "null" })).collect();
    let symbols = json!({ "type": "enum", "name": "E", "symbols": aliases });
    for schema in [aliased, of(json!(fields)), of(json!([{ "name": "e", "type": symbols }]))] {
        let said = refused(&avro(schema));
        assert!(
            said.contains("the schema has more than 50000 types, fields, symbols and aliases: split it"),
            "{said}"
        );
    }
}

#[test]
fn long_names_are_refused_and_errors_show_little_of_those_that_are_not() {
    let long = "x".repeat(1 << 20);
    let fixed =
        |name: &str, space: &str| json!({ "type": "fixed", "name": name, "namespace": space, "size": 1 });
    for (schema, said) in [
        (
            fixed(&long, "a"),
            "a name of 1048576 bytes, with its namespace: it may have 1024, choose a shorter one",
        ),
        (
            fixed("a", &long),
            "a name of 1048576 bytes, with its namespace: it may have 1024, choose a shorter one",
        ),
        (
            fixed(&long[..1_000], &long[..1_000]),
            "a name of 2001 bytes, with its namespace: it may have 1024, choose a shorter one",
        ),
        (
            json!({ "type": "enum", "name": "E", "symbols": [long] }),
            "enum E: a name of 1048576 bytes, with its namespace: it may have 1024, choose a shorter one",
        ),
    ] {
        assert_eq!(refused(&avro(schema)), said);
    }
    assert!(refused(&avro(json!(long))).len() < 200);
    let branches: Vec<Value> =
        (0..10_000).map(|n| fixed(&format!("F{n}"), &format!("n{}", &long[..1_000]))).collect();
    let said = refused(&one(json!(branches)));
    assert!(said.ends_with("; and 9950 more") && said.len() < 20_000, "{}", said.len());
}

#[test]
fn branches_within_branches_are_given_up() {
    let names: Vec<String> = (0..400).map(|n| format!("R{n}")).collect();
    let mut branches: Vec<Value> = names
        .iter()
        .map(|name| json!({ "type": "record", "name": name, "fields": [{ "name": "v", "type": ["null", "int"] }] }))
        .collect();
    for level in ["A", "B", "C"] {
        let of = |n| json!({ "type": "record", "name": format!("{level}{n}"), "fields": [{ "name": "v", "type": branches.clone() }] });
        let first = of(0);
        let inner: Vec<Value> = branches.iter().map(|branch| branch["name"].clone()).collect();
        let more = (1..400).map(|n| json!({ "type": "record", "name": format!("{level}{n}"), "fields": [{ "name": "v", "type": inner }] }));
        branches = std::iter::once(first).chain(more).collect();
    }
    let writer = avro(json!(branches));
    let column = |of: DataType| Field::new("v", of, true);
    let columns: SchemaRef = Arc::new(Schema::new(vec![column(DataType::Struct(
        vec![column(DataType::Struct(
            vec![column(DataType::Struct(vec![column(DataType::Int32)].into()))].into(),
        ))]
        .into(),
    ))]));
    let started = Instant::now();
    let said = AvroReader::of_columns(&columns).unwrap().use_writer(1, &writer).unwrap_err();
    assert_eq!(
        said,
        "the schemas lead to too many ways of reading or writing them: use fewer branches in unions, or fewer fields"
    );
    assert!(compatible(&writer, &writer).is_err());
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn a_union_of_thousands_of_records_is_read() {
    let of =
        |n| json!({ "type": "record", "name": format!("R{n}"), "fields": [{ "name": "v", "type": "int" }] });
    let schema = avro(json!((0..2_000).map(of).collect::<Vec<_>>()));
    let started = Instant::now();
    let decoded = resolve(&schema, &schema, &[&bytes().long(1_999).long(5)]);
    assert_eq!((decoded.rows.num_rows(), errors(&decoded.errors)), (1, String::new()));
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn fields_of_no_bytes_take_no_time() {
    let nulls = |last: &str| -> Value {
        let null = |n| json!({ "name": format!("n{n}"), "type": "null" });
        let fields: Vec<Value> =
            (0..20_000).map(null).chain([json!({ "name": "last", "type": last })]).collect();
        json!({ "type": "array", "items": { "type": "record", "name": "Item", "fields": fields } })
    };
    let value = bytes().long(100_000).raw(&[0; 100_000]).long(0).long(7);
    for last in ["boolean", "string"] {
        let writer =
            record(json!([{ "name": "items", "type": nulls(last) }, { "name": "v", "type": "int" }]));
        let item = json!({ "type": "record", "name": "Item", "fields": [{ "name": "last", "type": last }] });
        let taken = record(json!([{ "name": "items", "type": { "type": "array", "items": item } }]));
        let started = Instant::now();
        for reader in [one(json!("int")), taken] {
            assert_eq!(errors(&resolve(&writer, &reader, &[&value]).errors), "");
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    }
}

#[test]
fn a_null_never_goes_into_a_column_that_cannot_be_null() {
    let union = one(json!(["string", "long"]));
    let field = |name: &str, of, nullable| Field::new(name, of, nullable);
    let fields = vec![
        field("string", DataType::Utf8, true),
        field("long", DataType::Int64, true),
        field("more", DataType::Int64, false),
    ];
    let columns: SchemaRef = Arc::new(Schema::new(vec![field("v", DataType::Struct(fields.into()), true)]));
    let said = AvroReader::of_columns(&columns).unwrap().use_writer(1, &union).unwrap_err();
    assert!(said.starts_with("v: string does not go into a column of"), "{said}");
}

#[test]
fn a_decimal_is_not_written_into_gigabytes() {
    let fixed = json!({ "type": "fixed", "name": "F", "size": 1_u64 << 40, "logicalType": "decimal", "precision": 10, "scale": 2 });
    let columns: SchemaRef = Arc::new(Schema::new(vec![Field::new("v", DataType::Decimal128(10, 2), false)]));
    let said = AvroEncoder::new(None, &columns, Some(&one(fixed)), false).err().unwrap();
    assert_eq!(said, "v: fixed F of 1099511627776 bytes: a decimal is written in up to 65536");
}

#[test]
fn references_that_lead_to_each_other_again_and_again_are_counted() {
    let mut schema = Arc::new(RegisteredSchema::new(SchemaKind::Avro, "\"int\""));
    for _ in 0..40 {
        let mut next = RegisteredSchema::new(SchemaKind::Avro, "\"int\"");
        next.references = vec![("a".to_owned(), Arc::clone(&schema)), ("b".to_owned(), schema)];
        schema = Arc::new(next);
    }
    assert!(refused(&schema).contains("the schema has more than 50000 types"));
}

#[test]
fn columns_as_deep_as_they_may_be_fit_on_half_a_task_s_stack() {
    on_a_small_stack(|| {
        let mut of = json!("int");
        for level in 0..18 {
            let fields = json!([{ "name": "v", "type": ["null", of, "string"], "default": null }]);
            of = json!({ "type": "array", "items": { "type": "record", "name": format!("R{level}"), "fields": fields } });
        }
        let schema = one(of);
        let empty =
            one(json!({ "type": "array", "items": { "type": "record", "name": "R17", "fields": [] } }));
        // An item of nothing, whose fields have defaults.
        assert_eq!(errors(&resolve(&empty, &schema, &[&bytes().long(1).long(0)]).errors), "");
    });
}
