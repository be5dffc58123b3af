//! Records and schemas that are made to cost much: few bytes that stand for many, texts that the compiler would not come
//! back from. Each is refused, and says why.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::*;

use super::tests::{decode, decode_into, derive, errors, l, lines, message, proto, schema, v, with_fields};
use super::{ProtobufReader, columns};
use crate::codec::rows::Rows;
use crate::codec::trip::records;

/// `count` fields of a type, numbered from 1.
fn fields(kind: &str, count: usize) -> String {
    (1..=count).map(|n| format!("{kind} f{n} = {n};")).collect()
}

#[test]
fn items_with_nothing_in_them_stand_for_all_of_their_columns() {
    let schema = with_fields(&format!(
        "message Item {{ {} Deep deep = 200; }} message Deep {{ {} }} repeated Item items = 1; map<int32, Item> named = 2;",
        fields("int64", 100),
        fields("optional bool", 50)
    ));
    let item = l(1, &[b""]);
    for entry in [l(2, &[b""]), item.clone(), l(1, &[&l(200, &[b""])])] {
        let decoded = decode(&schema, &[entry.repeat(1_000), entry.repeat(400_000), entry]);
        assert_eq!(decoded.rows.num_rows(), 2);
        let said = errors(&decoded.errors);
        assert!(said.starts_with("1 too-large: ") && said.contains("64 MiB: split the record"), "{said}");
    }
    // What the record has itself is not counted.
    let full: Vec<u8> = l(1, &[&(1..=100).flat_map(|n| v(n, i64::MAX)).collect::<Vec<u8>>()]);
    assert_eq!(decode(&schema, &[full.repeat(10_000)]).rows.num_rows(), 1);
}

#[test]
fn small_messages_in_great_number_are_read() {
    let schema = with_fields(
        "message Point { int32 x = 1; int32 y = 2; } repeated Point points = 1; repeated google.protobuf.Int64Value n = 2;",
    );
    let decoded = decode(&schema, &[l(1, &[b""]).repeat(1_000_000), l(2, &[b""]).repeat(1_000_000)]);
    assert_eq!(errors(&decoded.errors), "");
}

#[test]
fn long_defaults_are_counted_wherever_they_are() {
    let text = format!(
        "syntax = \"proto2\"; message M {{ optional string a = 1 [default = \"{}\"]; repeated In in = 2;
         message In {{ optional string b = 1 [default = \"{}\"]; }} }}",
        "x".repeat(300_000),
        "y".repeat(100_000),
    );
    let schema = proto(&text);
    let within = decode(&schema, &[l(2, &[b""]).repeat(500), l(2, &[b""]).repeat(800)]);
    assert!(errors(&within.errors).starts_with("1 too-large: in[668]: "), "{}", errors(&within.errors));
    // And together, in those that are read together.
    let columns = derive(&schema);
    let reader = ProtobufReader::new(&schema, &columns).unwrap();
    let mut rows = Rows::new(Arc::clone(&columns), reader).unwrap();
    rows.limit_runs(3 << 20);
    for (values, taken) in [(12, 10), (2, 2)] {
        let decoded = rows.decode(&records(&vec![b""; values]));
        assert_eq!((decoded.taken, decoded.rows.num_rows(), decoded.errors.len()), (taken, taken, 0));
    }
}

#[test]
fn numbers_that_stand_for_long_names_are_counted() {
    let name = "LONG".repeat(100);
    let schema = with_fields(&format!("enum E {{ {name} = 0; }} repeated E all = 1; E one = 2;"));
    let packed = |count: usize| l(1, &[&vec![0; count]]);
    let again = v(2, 0).repeat(400_000);
    let decoded = decode(&schema, &[packed(10_000), packed(400_000), again]);
    assert_eq!(decoded.rows.num_rows(), 1);
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    1 too-large: all[171196]: at byte 171201: messages with little in them, defaults and names of enums stand for more than 64 MiB: split the record
    2 too-large: one: at byte 342394: messages with little in them, defaults and names of enums stand for more than 64 MiB: split the record
    ");
}

#[test]
fn members_of_a_oneof_that_take_turns_are_counted() {
    let schema = with_fields(&format!(
        "message A {{ {} }} oneof pick {{ A a = 1; int32 b = 2; string c = 3; }}",
        fields("int64", 200)
    ));
    let turns = [l(1, &[b""]), v(2, 0)].concat();
    let decoded =
        decode(&schema, &[turns.repeat(10), turns.repeat(1_000_000), [&turns[..], &l(3, &[b"c"])].concat()]);
    insta::assert_snapshot!(lines(&decoded.rows), @r#"
    {"a":null,"b":0,"c":null}
    {"a":null,"b":null,"c":"c"}
    "#);
    assert!(errors(&decoded.errors).starts_with("1 too-large: "), "{}", errors(&decoded.errors));
}

#[test]
fn wrappers_hold_what_an_empty_one_could_not() {
    let schema_text = with_fields("google.protobuf.StringValue d = 1; google.protobuf.StringValue j = 2; google.protobuf.BytesValue f = 3;
        repeated google.protobuf.StringValue many = 4;");
    let json = Field::new("j", DataType::Utf8, true)
        .with_metadata([("ARROW:extension:name".to_owned(), "arrow.json".to_owned())].into());
    let decimal = DataType::Decimal128(10, 2);
    let columns = schema(vec![
        Field::new("d", decimal.clone(), true),
        json,
        Field::new("f", DataType::FixedSizeBinary(2), true),
        Field::new("many", DataType::List(Arc::new(Field::new("item", decimal, false))), false),
    ]);
    let text = |number, text: &[u8]| l(number, &[&l(1, &[text])]);
    let full = [text(1, b"1.5"), text(2, b"[1]"), text(3, b"ab"), text(4, b"2"), text(4, b"3")].concat();
    // The last occurrence counts, and the first is not forgotten where the last has nothing to say.
    let again = [text(1, b"1"), text(1, b"2.25"), l(1, &[b""])].concat();
    let decoded = decode_into(&schema_text, &columns, &[full, vec![], again, l(1, &[b""]), l(3, &[b""])]);
    assert_eq!(decoded.rows.num_rows(), 3);
    let decimals = decoded.rows.column(0).as_primitive::<Decimal128Type>();
    assert_eq!(decimals.iter().collect::<Vec<_>>(), [Some(150), None, Some(225)]);
    assert_eq!(
        decoded.rows.column(1).as_string::<i32>().iter().collect::<Vec<_>>(),
        [Some("[1]"), None, None]
    );
    insta::assert_snapshot!(errors(&decoded.errors), @r#"
    3 type-mismatch: d: expected decimal(10, 2), found string ""
    4 type-mismatch: f: expected 2 bytes, found 0
    "#);
}

#[test]
fn json_with_fields_of_another_wire_type_is_refused() {
    let schema = with_fields(
        "google.protobuf.Struct s = 1; google.protobuf.Value v = 2; google.protobuf.ListValue l = 3;",
    );
    let values = [
        l(3, &[&v(1, 1)]),
        l(1, &[&v(1, 1)]),
        l(1, &[&l(1, &[&v(1, 1)])]),
        l(1, &[&l(1, &[&v(2, 1)])]),
        l(2, &[&l(1, &[b"x"])]),
        l(2, &[&v(2, 1)]),
        l(2, &[&v(3, 1)]),
        l(2, &[&v(5, 1)]),
        l(2, &[&v(7, 1)]),
    ];
    let decoded = decode(&schema, &values);
    assert_eq!(lines(&decoded.rows), r#"{"s":null,"v":null,"l":null}"#);
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    0 type-mismatch: l: expected a length-delimited field, found a varint one
    1 type-mismatch: s: expected a length-delimited field, found a varint one
    2 type-mismatch: s: expected a length-delimited field, found a varint one
    3 type-mismatch: s: expected a length-delimited field, found a varint one
    4 type-mismatch: v: expected a varint field, found a length-delimited one
    5 type-mismatch: v: expected a 64-bit field, found a varint one
    6 type-mismatch: v: expected a length-delimited field, found a varint one
    7 type-mismatch: v: expected a length-delimited field, found a varint one
    ");
}

#[test]
fn of_many_names_the_first_are_told() {
    let file: String = (0..5_000).map(|n| format!("message M{n} {{}} ")).collect();
    let other = columns(&message(&file, "X")).unwrap_err();
    assert!(other.ends_with("M17, M18, M19 and more"), "{other}");
    let wide = with_fields(&fields("int32", 5_000));
    let missing = schema(vec![Field::new("x", DataType::Int32, false)]);
    let missing = ProtobufReader::new(&wide, &missing).err().unwrap();
    assert!(missing.ends_with("f19, f20 and more"), "{missing}");
}

#[test]
fn oneofs_with_many_members_are_counted_for_each_column_that_has_them() {
    let members: String = (1..=15_000).map(|n| format!("B b{n}={n};")).collect();
    let many = (1..=100).map(|n| format!("A a{n} = {n};")).collect::<String>();
    let schema_text =
        with_fields(&format!("message B {{}} message A {{ oneof pick {{ {members} }} }} {many}"));
    let one = DataType::Struct(vec![Field::new("b1", DataType::Struct(Fields::empty()), true)].into());
    let columns = schema((1..=100).map(|n| Field::new(format!("a{n}"), one.clone(), true)).collect());
    let why = ProtobufReader::new(&schema_text, &columns).err().unwrap();
    assert!(why.contains("more than 1048576 members together"), "{why}");
}
