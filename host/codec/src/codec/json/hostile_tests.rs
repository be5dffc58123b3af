//! Records made to take more memory or time than they may: each is read as what it says or refused, and costs what is
//! counted for it.

use arrow::array::AsArray;
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
