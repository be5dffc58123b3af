//! Records made to take more memory or time than they may: each is read as what it says or refused, and costs what is
//! counted for it.

use std::time::{Duration, Instant};

use arrow::array::{Array, AsArray};
use arrow::datatypes::*;

use super::tests::{decode, errors, schema};

/// Columns `s0`, `s1`, … of strings.
fn strings(columns: usize) -> SchemaRef {
    schema((0..columns).map(|at| Field::new(format!("s{at}"), DataType::Utf8, true)).collect())
}

#[test]
fn a_string_column_takes_no_room_for_the_rest_of_the_record() {
    let keys: Vec<String> = (0..500).map(|at| format!("\"s{at}\":\"x\"")).collect();
    let record = format!("{{{},\"pad\":\"{}\"}}", keys.join(","), "p".repeat(8 << 20));
    let decoded = decode(&strings(500), &[record]);
    assert_eq!((decoded.rows.num_rows(), decoded.errors.len()), (1, 0));
    assert!(decoded.rows.get_array_memory_size() < 16 << 20, "{}", decoded.rows.get_array_memory_size());
}

#[test]
fn what_a_refused_record_appended_is_not_kept_with_the_batch() {
    let columns = schema(vec![
        Field::new("s", DataType::Utf8, true),
        Field::new("l", DataType::List(Field::new("item", DataType::Int64, true).into()), true),
    ]);
    let long = format!("{{\"s\":\"{}\",\"l\":[{}x]}}", "x".repeat(4 << 20), "1,".repeat(1 << 20));
    let decoded = decode(&columns, &["{\"s\":\"a\",\"l\":[1]}", &long]);
    assert_eq!((decoded.rows.num_rows(), decoded.errors.len()), (1, 1));
    assert!(decoded.rows.get_array_memory_size() < 1 << 20, "{}", decoded.rows.get_array_memory_size());
}

#[test]
fn strings_of_every_length_around_the_room_come_out_whole() {
    let columns = strings(1);
    for len in (0..70).chain(4060..4140).chain(8170..8240).chain([65_535, 65_536, 300_000]) {
        for end in ["", "\\n", "é", "\\u00e9"] {
            let text = "ab".repeat(len / 2) + &"c".repeat(len % 2);
            let record = format!("{{\"s0\":\"{text}{end}{text}\"}}");
            let decoded = decode(&columns, &[record]);
            let end =
                ["", "\n", "é", "é"][["", "\\n", "é", "\\u00e9"].iter().position(|e| *e == end).unwrap()];
            assert_eq!(
                decoded.rows.column(0).as_string::<i32>().value(0),
                format!("{text}{end}{text}"),
                "{len}"
            );
        }
    }
    let decoded = decode(&columns, &[["{\"s0\":\"", &"x".repeat(10_000), "\u{1}\"}"].concat()]);
    assert_eq!(
        errors(&decoded.errors),
        "0 json-syntax: s0: at byte 10007: expected an escape for this control character, found `\\u{1}\"}`"
    );
    let broken = [b"{\"s0\":\"\xc3".as_slice(), "x".repeat(10_000).as_bytes(), b"\"}"].concat();
    assert_eq!(
        errors(&decode(&columns, &[broken]).errors),
        "0 json-syntax: s0: the string that ends at byte 10009 is not UTF-8"
    );
}

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
    let fields = vec![Field::new("keys", DataType::Utf8, false), Field::new("values", value, true)];
    DataType::Map(Field::new("entries", DataType::Struct(fields.into()), false).into(), false)
}

/// What becomes of a record of one column `v`, in which the same comes so many `times`. A small record beside it comes
/// through, and its batch takes no memory for the other one.
fn outcome(data_type: DataType, begin: &str, text: &str, times: usize, end: &str) -> String {
    let columns = schema(vec![Field::new("v", data_type, true)]);
    let many = vec![text; times].join(",");
    let started = Instant::now();
    let decoded = decode(&columns, &[format!("{begin}{many}{end}"), "{\"v\":null}".to_owned()]);
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
    let items = |data_type, text, times| outcome(list(data_type), "{\"v\":[", text, times, "]}");
    insta::assert_snapshot!(items(wide(100), "{}", 20_000), @"2 rows");
    insta::assert_snapshot!(items(wide(100), "{}", 1 << 20), @"too large from v[20336]");
    insta::assert_snapshot!(items(wide(100), "null", 1 << 20), @"too large from v[20329]");
    insta::assert_snapshot!(items(wide(2), "{\"f0\":1}", 1 << 17), @"2 rows");
    insta::assert_snapshot!(items(DataType::FixedSizeBinary(1 << 20), "null", 1000), @"too large from v[63]");
    let fixed = || DataType::FixedSizeList(Field::new("item", wide(10), true).into(), 10);
    insta::assert_snapshot!(items(fixed(), "null", 1 << 20), @"too large from v[20268]");
    // An object, a list and a map in the item: the innermost stands for much, those around it for little.
    let within = DataType::Struct(vec![Field::new("o", wide(100), true)].into());
    insta::assert_snapshot!(items(within.clone(), "{\"o\":{}}", 1 << 20), @"too large from v[20336].o");
    insta::assert_snapshot!(items(within, "{\"o\":null}", 1 << 20), @"too large from v[20329].o");
    insta::assert_snapshot!(items(list(wide(100)), "[]", 1 << 17), @"2 rows");
    insta::assert_snapshot!(items(list(wide(100)), "[{}]", 1 << 20), @"too large from v[20336][0]");
    insta::assert_snapshot!(outcome(map(wide(100)), "{\"v\":{", "\"\":{}", 1 << 20, "}}"), @"too large from v.");
    // As many of what stands for nothing else.
    insta::assert_snapshot!(items(DataType::Int64, "null", 1 << 17), @"2 rows");
    insta::assert_snapshot!(items(wide(1), "{\"f0\":1}", 1 << 17), @"2 rows");
}

#[test]
fn a_key_that_comes_again_costs_what_it_gives_up() {
    let keys = |data_type, text, times| outcome(data_type, "{", text, times, "}");
    insta::assert_snapshot!(keys(wide(1000), "\"v\":{}", 1000), @"2 rows");
    insta::assert_snapshot!(keys(wide(1000), "\"v\":{}", 1 << 20), @"too large from v");
    insta::assert_snapshot!(keys(list(wide(1000)), "\"v\":[]", 1 << 20), @"too large from v");
    insta::assert_snapshot!(keys(map(wide(1000)), "\"v\":{}", 1 << 20), @"too large from v");
    insta::assert_snapshot!(keys(DataType::FixedSizeBinary(1 << 20), "\"v\":null", 1 << 10), @"too large from v");
    let deep = DataType::Struct(vec![Field::new("o", wide(1000), true)].into());
    insta::assert_snapshot!(keys(deep, "\"v\":{\"o\":{},\"o\":{}}", 1 << 18), @"too large from v.o");
    insta::assert_snapshot!(keys(DataType::Int64, "\"v\":1", 1 << 17), @"2 rows");
    let decoded = decode(&schema(vec![Field::new("v", wide(2), true)]), &[r#"{"v":{"f0":1},"v":{"f1":2}}"#]);
    let objects = decoded.rows.column(0).as_struct();
    assert!(objects.column(0).is_null(0) && objects.column(1).is_valid(0));
}
