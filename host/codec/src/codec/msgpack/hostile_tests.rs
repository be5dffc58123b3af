//! Records made to take more memory or time than they may: each is read as what it says or refused, and costs what is
//! counted for it.

use std::time::{Duration, Instant};

use arrow::array::{Array, AsArray};
use arrow::datatypes::*;

use super::tests::{decode, errors, schema};

/// What is said where a record stands for too much.
const TOO_LARGE: &str = ": what its lists and maps leave out, and keys that come again, stand for more than 67108864 \
     bytes: split the record";

/// An object of so many numbers, of which each is large.
fn wide(fields: usize) -> DataType {
    let number = || DataType::Decimal256(40, 0);
    DataType::Struct((0..fields).map(|at| Field::new(format!("f{at}"), number(), true)).collect())
}

fn list(item: DataType) -> DataType {
    DataType::List(Field::new("item", item, true).into())
}

fn map(value: DataType) -> DataType {
    let fields = vec![Field::new("keys", DataType::Int8, false), Field::new("values", value, true)];
    DataType::Map(Field::new("entries", DataType::Struct(fields.into()), false).into(), false)
}

/// What becomes of a record of one column `v`, in which the same comes so many `times`. A small record beside it comes
/// through, and its batch takes no memory for the other one.
fn outcome(data_type: DataType, begin: &[u8], item: &[u8], times: u32) -> String {
    let columns = schema(vec![Field::new("v", data_type, true)]);
    let record = [begin, &times.to_be_bytes()[..], &item.repeat(times as usize)].concat();
    let started = Instant::now();
    let decoded = decode(&columns, &[record, b"\x81\xa1v\xc0".to_vec()]);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    let [refused] = &decoded.errors[..] else {
        return format!("{} rows {}", decoded.rows.num_rows(), errors(&decoded.errors));
    };
    assert!(decoded.rows.get_array_memory_size() < 16 << 20, "{}", decoded.rows.get_array_memory_size());
    assert_eq!((decoded.rows.num_rows(), refused.code), (1, "too-large"));
    format!("too large from {}", refused.message.strip_suffix(TOO_LARGE).unwrap())
}

#[test]
fn items_that_stand_for_many_columns_cost_them() {
    let items = |data_type, item, times| outcome(list(data_type), b"\x81\xa1v\xdd", item, times);
    insta::assert_snapshot!(items(wide(100), b"\x80", 20_000), @"2 rows");
    insta::assert_snapshot!(items(wide(100), b"\x80", 1 << 20), @"too large from v[20336]");
    insta::assert_snapshot!(items(wide(100), b"\x90", 1 << 20), @"too large from v[20336]");
    insta::assert_snapshot!(items(wide(100), b"\xc0", 1 << 20), @"too large from v[20329]");
    insta::assert_snapshot!(items(DataType::FixedSizeBinary(1 << 20), b"\xc0", 1000), @"too large from v[63]");
    // One of two is there, and only the other one is counted.
    insta::assert_snapshot!(items(wide(2), b"\x91\x01", 1 << 17), @"2 rows");
    insta::assert_snapshot!(items(DataType::Int64, b"\xc0", 1 << 17), @"2 rows");
    insta::assert_snapshot!(outcome(map(wide(100)), b"\x81\xa1v\xdf", b"\x01\x80", 1 << 20), @"too large from v.1");
}

#[test]
fn a_key_that_comes_again_costs_what_it_gives_up() {
    let keys = |data_type, entry, times| outcome(data_type, b"\xdf", entry, times);
    insta::assert_snapshot!(keys(wide(1000), b"\xa1v\x80", 1000), @"2 rows");
    insta::assert_snapshot!(keys(wide(1000), b"\xa1v\x80", 1 << 20), @"too large from v");
    insta::assert_snapshot!(keys(list(wide(1000)), b"\xa1v\x90", 1 << 20), @"too large from v");
    insta::assert_snapshot!(keys(DataType::Int64, b"\xa1v\x01", 1 << 17), @"2 rows");
    let columns = schema(vec![Field::new("v", wide(2), true)]);
    let decoded = decode(&columns, &[b"\x82\xa1v\x81\xa2f0\x01\xa1v\x81\xa2f1\x02"]);
    let objects = decoded.rows.column(0).as_struct();
    assert!(objects.column(0).is_null(0) && objects.column(1).is_valid(0));
}
