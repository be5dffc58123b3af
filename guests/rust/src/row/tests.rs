//! Rows against arrow-rs: what it writes is read, what is written it reads.

use super::*;
use crate::error::RowError;
use crate::ipc::BatchLayout;
use crate::testing::{batch_message, batch_of};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch,
    StringArray, StructArray, TimestampMillisecondArray, UInt8Array,
};
use arrow_schema::{DataType, Field, Schema};
use proptest::prelude::*;
use std::sync::Arc;

/// A row with most types, both ways.
#[derive(Debug, Clone, PartialEq, crate::Row, crate::OutputRow)]
struct All {
    int: i64,
    small: Option<i32>,
    byte: u8,
    float: Option<f64>,
    flag: bool,
    maybe: Option<bool>,
    text: String,
    word: Option<String>,
    raw: Option<Bytes>,
    at: Option<TimestampMs>,
    list: Vec<Option<i64>>,
    words: Option<Vec<String>>,
    nested: Nested,
    perhaps: Option<Nested>,
}

#[derive(Debug, Clone, PartialEq, crate::Row, crate::OutputRow)]
struct Nested {
    #[column("class")]
    kind: i32,
    label: Option<String>,
}

fn nested() -> impl Strategy<Value = Nested> {
    (any::<i32>(), any::<Option<String>>()).prop_map(|(kind, label)| Nested { kind, label })
}

fn row() -> impl Strategy<Value = All> {
    let numbers = (
        any::<i64>(),
        any::<Option<i32>>(),
        any::<u8>(),
        prop::option::of(-1e9f64..1e9),
        any::<bool>(),
        any::<Option<bool>>(),
    );
    let texts = (any::<String>(), any::<Option<String>>(), any::<Option<Vec<u8>>>(), any::<Option<i64>>());
    let lists =
        (any::<Vec<Option<i64>>>(), any::<Option<Vec<String>>>(), nested(), prop::option::of(nested()));
    (numbers, texts, lists).prop_map(|(n, t, l)| All {
        int: n.0,
        small: n.1,
        byte: n.2,
        float: n.3,
        flag: n.4,
        maybe: n.5,
        text: t.0,
        word: t.1,
        raw: t.2.map(Bytes),
        at: t.3.map(TimestampMs),
        list: l.0,
        words: l.1,
        nested: l.2,
        perhaps: l.3,
    })
}

fn list<T>(rows: &[Option<Vec<T>>], item: DataType, nullable: bool, values: ArrayRef) -> ArrayRef {
    let lengths = rows.iter().map(|r| r.as_ref().map_or(0, Vec::len));
    let offsets = arrow_buffer::OffsetBuffer::from_lengths(lengths);
    let nulls = arrow_buffer::NullBuffer::from(rows.iter().map(Option::is_some).collect::<Vec<_>>());
    let nulls = (nulls.null_count() > 0).then_some(nulls);
    Arc::new(ListArray::new(Arc::new(Field::new("item", item, nullable)), offsets, values, nulls))
}

fn structs(rows: &[Option<Nested>]) -> ArrayRef {
    let fields = <Nested as Row>::fields();
    let kind = Int32Array::from_iter_values(rows.iter().map(|r| r.as_ref().map_or(0, |n| n.kind)));
    let label = StringArray::from_iter(rows.iter().map(|r| r.as_ref().and_then(|n| n.label.as_deref())));
    let nulls = arrow_buffer::NullBuffer::from(rows.iter().map(Option::is_some).collect::<Vec<_>>());
    let nulls = (nulls.null_count() > 0).then_some(nulls);
    Arc::new(StructArray::new(fields.into(), vec![Arc::new(kind), Arc::new(label)], nulls))
}

/// The rows as arrow-rs would build them.
fn record_batch(rows: &[All]) -> RecordBatch {
    let lists: Vec<_> = rows.iter().map(|r| Some(r.list.clone())).collect();
    let numbers = Int64Array::from_iter(rows.iter().flat_map(|r| r.list.iter().copied()));
    let words: Vec<_> = rows.iter().map(|r| r.words.clone()).collect();
    let texts =
        StringArray::from_iter_values(rows.iter().flat_map(|r| r.words.iter().flatten()).collect::<Vec<_>>());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.int))),
        Arc::new(Int32Array::from_iter(rows.iter().map(|r| r.small))),
        Arc::new(UInt8Array::from_iter_values(rows.iter().map(|r| r.byte))),
        Arc::new(Float64Array::from_iter(rows.iter().map(|r| r.float))),
        Arc::new(BooleanArray::from_iter(rows.iter().map(|r| Some(r.flag)))),
        Arc::new(BooleanArray::from_iter(rows.iter().map(|r| r.maybe))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|r| &r.text))),
        Arc::new(StringArray::from_iter(rows.iter().map(|r| r.word.as_ref()))),
        Arc::new(BinaryArray::from_iter(rows.iter().map(|r| r.raw.as_ref().map(|b| &b.0)))),
        Arc::new(TimestampMillisecondArray::from_iter(rows.iter().map(|r| r.at.map(|t| t.0)))),
        list(&lists, DataType::Int64, true, Arc::new(numbers)),
        list(&words, DataType::Utf8, false, Arc::new(texts)),
        structs(&rows.iter().map(|r| Some(r.nested.clone())).collect::<Vec<_>>()),
        structs(&rows.iter().map(|r| r.perhaps.clone()).collect::<Vec<_>>()),
    ];
    RecordBatch::try_new(Arc::new(Schema::new(<All as Row>::fields())), columns).unwrap()
}

fn read<T: for<'a> Row<'a>>(batch_schema: &Arc<Schema>, message: Vec<u8>) -> Vec<Result<T, RowError>> {
    let mut layout = BatchLayout::default();
    layout.read(&message).unwrap();
    let batch = Batch { message, layout: &layout, schema: batch_schema };
    batch.typed::<T>().unwrap().iter().collect()
}

proptest! {
    #[test]
    fn rows_are_read_from_arrow(rows in prop::collection::vec(row(), 0..40), from in 0usize..40) {
        let batch = record_batch(&rows);
        // Also with offsets within the arrays.
        let from = from.min(rows.len());
        let batch = batch.slice(from, rows.len() - from);
        let got: Result<Vec<All>, _> = read(&batch.schema(), batch_message(&batch)).into_iter().collect();
        prop_assert_eq!(got.unwrap(), &rows[from..]);
    }

    #[test]
    fn rows_are_written_for_arrow(
        rows in prop::collection::vec(row(), 0..40), room in 0usize..50, again in prop::collection::vec(row(), 0..9)
    ) {
        let mut out = Rows::<All>::new().unwrap();
        let schema = out.schema().clone();
        // With too little room, with too much, and without asking for any.
        out.start(room);
        rows.iter().for_each(|row| out.push(row.clone()));
        prop_assert_eq!(out.len(), rows.len());
        let expected = record_batch(&rows);
        let message = out.message().to_vec();
        prop_assert_eq!(&batch_of(&schema, &message), &expected);
        again.iter().for_each(|row| out.push(row.clone()));
        let expected = record_batch(&again);
        prop_assert_eq!(&batch_of(&schema, out.message()), &expected);
        // And what was abandoned leaves no trace.
        out.push(rows.first().or(again.first()).cloned().unwrap_or_else(|| All {
            int: 1, small: None, byte: 0, float: None, flag: true, maybe: None, text: "x".into(), word: None,
            raw: None, at: None, list: vec![None], words: None, nested: Nested { kind: 1, label: None },
            perhaps: None,
        }));
        out.start(2);
        again.iter().for_each(|row| out.push(row.clone()));
        let message = out.message().to_vec();
        prop_assert_eq!(&batch_of(&schema, &message), &expected);
        let got: Result<Vec<All>, _> = read(&schema, message).into_iter().collect();
        prop_assert_eq!(got.unwrap(), again);
    }
}

#[derive(Debug, PartialEq, crate::Row)]
struct Borrowing<'a> {
    id: i64,
    name: &'a str,
}

#[test]
fn a_null_that_has_no_place_is_a_row_error() {
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("name", DataType::Utf8, true),
    ]));
    let ids = Int64Array::from(vec![Some(1), None, Some(3)]);
    let names = StringArray::from(vec![Some("a"), Some("b"), None]);
    let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(ids), Arc::new(names)]).unwrap();
    let message = batch_message(&batch);
    let mut layout = BatchLayout::default();
    layout.read(&message).unwrap();
    let batch = Batch { message, layout: &layout, schema: &schema };
    let rows: Vec<_> = batch.typed::<Borrowing>().unwrap().iter().collect();
    let null = |column: &str| Err(RowError::new("null", format!("column {column} is null")));
    assert_eq!(rows, [Ok(Borrowing { id: 1, name: "a" }), null("id"), null("name")]);
}

#[test]
fn columns_of_another_type_are_not_opened() {
    let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Utf8, true)]));
    let names = StringArray::from(vec!["a"]);
    let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(names)]).unwrap();
    let message = batch_message(&batch);
    let mut layout = BatchLayout::default();
    layout.read(&message).unwrap();
    let batch = Batch { message, layout: &layout, schema: &schema };
    let error = batch.typed::<Borrowing>().err().unwrap().to_string();
    assert!(error.ends_with("a column of type Utf8 was opened as Int64"), "{error}");
}

#[test]
fn types_count_as_the_same_without_what_does_not_matter() {
    use arrow_schema::TimeUnit::{Millisecond, Second};
    let list = |name: &str, null| DataType::List(Arc::new(Field::new(name, DataType::Int64, null)));
    assert!(same_type(&list("item", true), &list("element", false)));
    let utc = DataType::Timestamp(Millisecond, Some("UTC".into()));
    assert!(same_type(&utc, &DataType::Timestamp(Millisecond, None)));
    assert!(!same_type(&utc, &DataType::Timestamp(Second, None)));
    assert!(!same_type(&DataType::Int64, &DataType::Int32));
}
