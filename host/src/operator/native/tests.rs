//! Functions that behave and functions that do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use proptest::prelude::*;

use super::*;
use crate::batch::{Batch, Parents, RawRecords};
use crate::operator::Output;

fn ids(ids: impl IntoIterator<Item = i64>) -> RecordBatch {
    RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from_iter_values(ids)) as _)]).unwrap()
}

/// Rows of the records 0, 1, 2, … of a topic.
fn read(rows: RecordBatch) -> Batch {
    let mut records = RawRecords::with_capacity("orders".into(), 0, rows.num_rows(), 0);
    (0..rows.num_rows()).for_each(|i| records.push(i as i64, None, None, Some(b"{}")));
    Batch::decoded(rows, Arc::new(records), Parents::Run { first: 0 })
}

fn columns(nullable: bool) -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, nullable)]))
}

fn run(function: Function, rows: RecordBatch) -> Output {
    let mut out = Output::default();
    NativeOperator::new(function, columns(true)).on_batch(&read(rows), &mut out).unwrap();
    out
}

/// What came out: the ids, each with the record that it came from.
fn given(out: &Output) -> Vec<(i64, Option<usize>)> {
    let of = |(_, batch): &(usize, Batch)| {
        let ids = batch.rows.column(0).as_primitive::<Int64Type>().clone();
        let origin = batch.origin.clone().unwrap();
        (0..ids.len()).map(|row| (ids.value(row), origin.record_of(row))).collect::<Vec<_>>()
    };
    out.batches.iter().flat_map(of).collect()
}

fn refused(out: &Output) -> String {
    let line = |e: &crate::operator::RowError| format!("{} {} {} {}", e.row, e.code, e.retryable, e.message);
    out.errors.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn first_of(rows: &RecordBatch) -> i64 {
    rows.column(0).as_primitive::<Int64Type>().value(0)
}

#[test]
fn a_filter_a_map_and_a_flat_map_keep_the_origins() {
    let even = |rows: &RecordBatch| {
        let ids = rows.column(0).as_primitive::<Int64Type>();
        Ok(BooleanArray::from_iter(ids.iter().map(|id| id.map(|id| id % 2 == 0))))
    };
    assert_eq!(given(&run(Function::filter(even), ids(4..8))), [(4, Some(0)), (6, Some(2))]);
    let map = |rows: RecordBatch| {
        let ids = rows.column(0).as_primitive::<Int64Type>();
        Ok(self::ids(ids.values().iter().map(|id| id * 10)))
    };
    assert_eq!(given(&run(Function::map(map), ids(1..3))), [(10, Some(0)), (20, Some(1))]);
    let twice = |rows: RecordBatch| {
        let count = rows.num_rows() as u32;
        let parents = UInt32Array::from_iter((0..count).flat_map(|row| [Some(row), None]));
        let ids = rows.column(0).as_primitive::<Int64Type>();
        Ok(FlatMapped { rows: self::ids(ids.values().iter().flat_map(|id| [*id, -id])), parents })
    };
    assert_eq!(
        given(&run(Function::flat_map(twice), ids(1..3))),
        [(1, Some(0)), (-1, None), (2, Some(1)), (-2, None)]
    );
}

#[test]
fn the_rows_that_fail_are_found_and_the_others_go_on() {
    let poison = |rows: RecordBatch| {
        let ids = rows.column(0).as_primitive::<Int64Type>().clone();
        if ids.values().contains(&7) {
            return Err("seven is not for me".into());
        }
        assert!(!ids.values().contains(&9), "nine");
        Ok(rows)
    };
    let out = run(Function::map(poison), ids(5..11));
    assert_eq!(given(&out), [(5, Some(0)), (6, Some(1)), (8, Some(3)), (10, Some(5))]);
    insta::assert_snapshot!(refused(&out), @r"
    2 native true seven is not for me
    4 native_panic true the function panicked: nine
    ");
}

#[test]
fn ill_answers_are_refused() {
    let told = |function: Function| refused(&run(function, ids([1])));
    let parents = |parents: &[u32]| UInt32Array::from(parents.to_vec());
    let flat = |rows: RecordBatch, parents: UInt32Array| {
        Function::flat_map(move |_| Ok(FlatMapped { rows: rows.clone(), parents: parents.clone() }))
    };
    let names = RecordBatch::try_from_iter([("name", Arc::new(StringArray::from(vec!["x"])) as _)]).unwrap();
    let all = [
        told(Function::filter(|_| Ok(BooleanArray::from(vec![true, false])))),
        told(Function::map(|_| Ok(ids([1, 2])))),
        told(Function::map(move |_| Ok(names.clone()))),
        told(flat(ids([1, 2]), parents(&[0]))),
        told(flat(ids([1]), parents(&[1]))),
        told(Function::map(|_| std::panic::panic_any(5))),
    ];
    insta::assert_snapshot!(all.join("\n"), @r"
    0 native_output true the filter answered 2 values for 1 rows
    0 native_output true the map answered 2 rows for 1; what makes more or fewer is a flat map or a filter
    0 native_output true the rows that the function answered do not fit: there is no column `id`
    0 native_output true the flat map answered 2 rows and 1 parents
    0 native_output true the flat map named row 1 as a parent; it was given 1 rows
    0 native_panic true the function panicked: without a text
    ");
}

#[test]
fn a_function_that_is_always_wrong_ends() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let out = run(
        Function::map(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Err("no".into())
        }),
        ids(0..1000),
    );
    assert_eq!((out.errors.len(), out.batches.len()), (1000, 0));
    assert!(calls.load(Ordering::Relaxed) < 2000);
}

#[test]
fn rows_have_the_declared_columns() {
    let field = |name: &str, of: DataType, nullable| Field::new(name, of, nullable);
    let declared: SchemaRef =
        Arc::new(Schema::new(vec![field("id", DataType::Int64, false), field("name", DataType::Utf8, true)]));
    let id = |ids: Vec<Option<i64>>| Arc::new(Int64Array::from(ids)) as arrow::array::ArrayRef;
    let name = || Arc::new(StringArray::from(vec!["x"])) as arrow::array::ArrayRef;
    let rows = |columns: Vec<(&str, arrow::array::ArrayRef)>| RecordBatch::try_from_iter(columns).unwrap();
    let fits = fit(&rows(vec![("id", id(vec![Some(1)])), ("name", name())]), &declared).unwrap();
    assert_eq!(fits.schema(), declared);
    let wrong = [
        rows(vec![("id", id(vec![Some(1)]))]),
        rows(vec![("name", name()), ("id", id(vec![Some(1)]))]),
        rows(vec![("id", name()), ("name", name())]),
        rows(vec![("id", id(vec![None])), ("name", name())]),
        rows(vec![("id", id(vec![Some(1)])), ("name", name()), ("more", name())]),
    ];
    let told: Vec<String> = wrong.iter().map(|rows| fit(rows, &declared).unwrap_err()).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    there is no column `name`
    the column `id` is not in its place, which is 1
    the column `id` is string, declared is int64
    the column `id` has a null, and it is declared never to be null
    the column `more` is not declared
    ");
}

#[test]
fn a_step_needs_its_function() {
    let step = Native { function: "enrihc".into(), schema: None };
    let functions: Functions = [("enrich".to_owned(), Function::map(Ok))].into();
    let error = ports(&step, &columns(true), &functions).unwrap_err().remove(0);
    insta::assert_snapshot!(format!("{}; expected {}; nearest {:?}", error.message, error.expected.unwrap(), error.nearest), @r#"this host has no function `enrihc` for this pipeline; expected a host inside the program that has it and starts the pipeline there (`sabot::stream`); elsewhere a component (`wasm`) can do the same; nearest Some("enrich")"#);
    let functions: Functions =
        [("enrich".to_owned(), Function::filter(|_| Err("never called".into())))].into();
    let step = Native { function: "enrich".into(), schema: Some(columns(true)) };
    let error = ports(&step, &columns(true), &functions).unwrap_err().remove(0);
    assert_eq!(
        (error.at.as_str(), error.message.as_str()),
        ("schema", "`enrich` is a filter: its rows have the columns of its input")
    );
}

proptest! {
    /// Every row has one fate, whichever rows a function fails on and however it fails.
    #[test]
    fn every_row_has_one_fate(bad in prop::collection::btree_set(0i64..40, 0..12), length in 1i64..40) {
        let poison = bad.clone();
        let out = run(
            Function::map(move |rows| {
                let ids = rows.column(0).as_primitive::<Int64Type>();
                match ids.values().iter().find(|id| poison.contains(id)) {
                    None => Ok(rows),
                    Some(id) if id % 2 == 0 => Err("bad".into()),
                    Some(_) if first_of(&rows) % 2 == 0 => Ok(rows.slice(0, 0)),
                    Some(_) => Ok(self::ids([1, 2, 3].into_iter().cycle().take(rows.num_rows() + 1))),
                }
            }),
            ids(0..length),
        );
        let refused: Vec<i64> = out.errors.iter().map(|error| i64::from(error.row)).collect();
        prop_assert_eq!(refused, bad.into_iter().filter(|id| *id < length).collect::<Vec<_>>());
        let given = given(&out);
        prop_assert!(given.iter().all(|(id, record)| Some(*id as usize) == *record));
        prop_assert_eq!(given.len() + out.errors.len(), length as usize);
    }
}
