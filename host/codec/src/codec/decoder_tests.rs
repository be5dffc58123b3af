//! Runs that end before their records do: in values, in keys, and what is told in which run.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};

use super::{Codec, Decode, Decoder, Meta};
use crate::batch::RawRecords;

/// A number, and lists of objects of which each null takes 91 bytes.
fn columns() -> SchemaRef {
    let fields = (0..10).map(|n| Field::new(format!("f{n}"), DataType::Int64, true)).collect();
    let list = DataType::List(Arc::new(Field::new("item", DataType::Struct(fields), true)));
    Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true), Field::new("l", list, true)]))
}

/// Objects of so many nulls, numbered; a text that is none where it is negative; nothing where it is 99.
fn object(n: usize, nulls: i32) -> Option<String> {
    match nulls {
        99 => None,
        0.. => Some(format!("{{\"n\":{n},\"l\":[{}]}}", vec!["null"; nulls as usize].join(","))),
        _ => Some("none".to_owned()),
    }
}

/// Records with these numbers of nulls in their values and keys.
fn records(values: &[i32], keys: &[i32]) -> RawRecords {
    let mut raw = RawRecords::with_capacity("t".into(), 0, values.len(), 1024);
    for (n, (value, key)) in values.iter().zip(keys).enumerate() {
        let (value, key) = (object(n, *value), object(n, *key));
        raw.push(
            100 + n as i64,
            None,
            key.as_deref().map(str::as_bytes),
            value.as_deref().map(str::as_bytes),
        );
        raw.push_header("h", Some(&[n as u8]));
    }
    raw
}

/// The numbers of the values that came out and of their keys, the offsets of records that failed, and how many records
/// each run took.
type Runs = (Vec<(Option<i64>, Option<i64>)>, Vec<i64>, Vec<usize>);

fn decode_all(mut raw: RawRecords, limits: (usize, usize)) -> Runs {
    let settings = Decode {
        key: Some(Box::new(Decode::plain(Codec::Json, columns()))),
        include: vec![Meta::Key, Meta::Offset],
        ..Decode::plain(Codec::Json, columns())
    };
    let mut decoder = Decoder::new(&settings, &Default::default()).unwrap();
    decoder.limit_runs(limits.0, limits.1);
    let (mut numbers, mut failed, mut runs) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let decoded = decoder.decode(&raw).unwrap();
        numbers.extend(numbers_of(&decoded.rows));
        failed.extend(decoded.errors.iter().map(|error| raw.records()[error.index as usize].offset));
        runs.push(decoded.taken);
        assert!(decoded.taken > 0, "each run takes some");
        if decoded.taken == raw.len() {
            return (numbers, failed, runs);
        }
        raw = raw.rest(decoded.taken);
    }
}

fn numbers_of(rows: &RecordBatch) -> Vec<(Option<i64>, Option<i64>)> {
    let numbers = rows.column(0).as_primitive::<Int64Type>();
    let keys = rows.column_by_name("$key").unwrap().as_struct();
    let of_keys = keys.column(0).as_primitive::<Int64Type>();
    let key = |row| (!keys.is_null(row) && !of_keys.is_null(row)).then(|| of_keys.value(row));
    numbers.iter().enumerate().map(|(row, number)| (number, key(row))).collect()
}

#[test]
fn a_run_ends_where_the_values_took_all_and_nothing_is_lost() {
    let (none, all) = (usize::MAX, 1000);
    let raw = records(&[5, 5, -1, 5, 5, 5, 99, 0, 11, 5], &[0; 10]);
    let (numbers, failed, runs) = decode_all(raw, (all, none));
    let expected = [0, 1, 3, 4, 5, 6, 7, 9].map(|n: i64| ((n != 6).then_some(n), Some(n)));
    assert_eq!(numbers, expected);
    // The ninth is too much for a run of its own.
    assert_eq!(failed, [102, 108]);
    assert_eq!(runs, [3, 2, 3, 1, 1]);
}

#[test]
fn a_run_ends_where_the_keys_took_all() {
    let raw = records(&[0, 0, -1, 0, 0, 0], &[6, 99, 6, -1, 99, 6]);
    let (numbers, failed, runs) = decode_all(raw, (usize::MAX, 1000));
    let expected = [(0, Some(0)), (1, None), (4, None), (5, Some(5))];
    assert_eq!(numbers, expected.map(|(n, key)| (Some(n), key)));
    assert_eq!(failed, [102, 103]);
    assert_eq!(runs, [2, 3, 1]);
    // Of both the one that ends first.
    let raw = records(&[0, 6, 6, 0], &[0, 6, 0, 6]);
    assert_eq!(decode_all(raw, (1000, 1000)).2, [2, 2]);
}
