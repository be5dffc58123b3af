//! Third-party conformance: every value, alternative encoding and malformed record of the Protobuf set, framed and
//! plain, among good ones; every message index of the set of Confluent's wire format. The expected values are the
//! JSON that Google's library prints. Where the sets are not there, a test says so and passes.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::DynamicMessage;
use serde_json::{Map, Value, json};

use super::Descriptor;
use super::frame::{Frame, written};
use super::tests::{decode_into, derive, encode, message};
use crate::codec::wire::Indexes;
use crate::codec::{Decoded, RegisteredSchema, cases};

fn set(name: &str) -> Option<Value> {
    let text = cases::read(name, "cases.json")?;
    Some(serde_json::from_slice(&text).unwrap())
}

fn list<'a>(set: &'a Value, name: &str) -> &'a Vec<Value> {
    set[name].as_array().unwrap()
}

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap()
}

fn bytes(case: &Value) -> Vec<u8> {
    let hex = text(case, "hex");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The set's schema, of the message of a case.
fn schema_of(set: &Value, case: &Value) -> RegisteredSchema {
    message(text(set, "schema_proto"), case["message"].as_str().unwrap_or("acceptance.Outer"))
}

/// Decodes the values of these cases, each after a good record and before another one, which all come out.
fn among_good(schema: &RegisteredSchema, values: &[Vec<u8>]) -> Decoded {
    let mut all = vec![Vec::new()];
    for value in values {
        all.extend([value.clone(), Vec::new()]);
    }
    let decoded = decode_into(schema, &derive(schema), &all);
    let bad = decoded.errors.iter().filter(|error| error.index % 2 == 0).count();
    assert_eq!(bad, 0, "good records come out: {:?}", decoded.errors);
    decoded
}

/// The row of case `index`, or why there is none.
fn row_of(decoded: &Decoded, index: usize) -> Result<usize, String> {
    let record = 2 * index as u32 + 1;
    if let Some(error) = decoded.errors.iter().find(|error| error.index == record) {
        return Err(format!("{}: {}", error.code, error.message));
    }
    let row = |records: &Vec<u32>| records.iter().position(|&known| known == record).unwrap();
    Ok(decoded.records.as_ref().map_or(record as usize, row))
}

/// A row as protobuf's JSON mapping has it, defaults of implicit presence left out.
fn object(columns: &[ArrayRef], fields: &Fields, row: usize) -> Value {
    let mut object = Map::new();
    for (column, field) in columns.iter().zip(fields) {
        if column.is_null(row) {
            continue;
        }
        let value = value(column.as_ref(), row);
        let default =
            [json!(0), json!(0.0), json!("0"), json!(""), json!(false), json!([]), json!({}), json!("RED")];
        if field.is_nullable() || !default.contains(&value) {
            let value = match value.as_str().map(str::parse::<i32>) {
                // An enum's number without a name.
                Some(Ok(number)) if field.name() == "color" => json!(number),
                _ => value,
            };
            object.insert(field.name().clone(), value);
        }
    }
    Value::Object(object)
}

fn value(array: &dyn Array, row: usize) -> Value {
    let float = |value: f64| match value {
        value if value.is_nan() => json!("NaN"),
        value if value.is_infinite() => json!(if value > 0.0 { "Infinity" } else { "-Infinity" }),
        value => json!(value),
    };
    let items =
        |items: ArrayRef| (0..items.len()).map(|item| value(items.as_ref(), item)).collect::<Vec<_>>();
    match array.data_type() {
        DataType::Boolean => json!(array.as_boolean().value(row)),
        DataType::Int32 => json!(array.as_primitive::<Int32Type>().value(row)),
        DataType::UInt32 => json!(array.as_primitive::<UInt32Type>().value(row)),
        DataType::Int64 => json!(array.as_primitive::<Int64Type>().value(row).to_string()),
        DataType::UInt64 => json!(array.as_primitive::<UInt64Type>().value(row).to_string()),
        DataType::Float32 => float(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => json!(array.as_string::<i32>().value(row)),
        DataType::Binary => json!(STANDARD.encode(array.as_binary::<i32>().value(row))),
        DataType::Timestamp(..) => {
            let nanos = array.as_primitive::<TimestampNanosecondType>().value(row);
            let second = jiff::Timestamp::from_second(nanos.div_euclid(1_000_000_000)).unwrap();
            let fraction = format!("{:09}", nanos.rem_euclid(1_000_000_000));
            let fraction = fraction.strip_suffix("000").unwrap_or(&fraction);
            let fraction = fraction.strip_suffix("000").unwrap_or(fraction);
            json!(second.to_string().replace('Z', &format!(".{fraction}Z")))
        }
        DataType::Struct(fields) => object(array.as_struct().columns(), fields, row),
        DataType::List(_) => json!(items(array.as_list::<i32>().value(row))),
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (items(Arc::clone(entries.column(0))), items(Arc::clone(entries.column(1))));
            keys.into_iter()
                .zip(values)
                .map(|(key, value)| (key.as_str().unwrap().to_owned(), value))
                .collect()
        }
        other => panic!("{other} is not in the cases"),
    }
}

/// Cases of one message at a time, with its schema.
fn each_message(set: &Value, name: &str, mut check: impl FnMut(&RegisteredSchema, &[&Value])) {
    let all = list(set, name);
    let message = |case: &Value| case["message"].as_str().map(str::to_owned);
    let mut done = Vec::new();
    for case in all {
        if !done.contains(&message(case)) {
            let of_message: Vec<&Value> =
                all.iter().filter(|other| message(other) == message(case)).collect();
            check(&schema_of(set, case), &of_message);
            done.push(message(case));
        }
    }
}

#[test]
fn every_encoding_means_what_googles_library_says() {
    let Some(set) = set("codec-protobuf") else { return };
    let mut count = 0;
    for list in ["values", "alternative_encodings"] {
        each_message(&set, list, |schema, cases| {
            let values: Vec<Vec<u8>> = cases.iter().map(|case| bytes(case)).collect();
            let decoded = among_good(schema, &values);
            for (index, case) in cases.iter().enumerate() {
                let name = text(case, "name");
                let row = row_of(&decoded, index).unwrap_or_else(|why| panic!("{name} is refused: {why}"));
                let found = object(decoded.rows.columns(), decoded.rows.schema_ref().fields(), row);
                assert_eq!(found, case["json"], "{name}");
                count += 1;
            }
        });
    }
    assert_eq!(count, 34 + 9);
}

#[test]
fn every_value_is_written_as_a_message_that_others_read_as_the_same() {
    let Some(set) = set("codec-protobuf") else { return };
    each_message(&set, "values", |schema, cases| {
        let values: Vec<Vec<u8>> = cases.iter().map(|case| bytes(case)).collect();
        let rows = decode_into(schema, &derive(schema), &values).rows;
        let (plain, framed) = (encode(schema, &rows, false), encode(schema, &rows, true));
        assert_eq!((&plain.errors, &framed.errors), (&vec![], &vec![]));
        let descriptor = Descriptor::new(schema).unwrap();
        for (row, case) in cases.iter().enumerate() {
            let name = text(case, "name");
            let indexes: Vec<u32> = serde_json::from_value(case["message_indexes"].clone()).unwrap();
            assert_eq!(framed.row(row), [&written(&indexes), plain.row(row)].concat(), "{name}");
            let theirs = DynamicMessage::decode(descriptor.message().clone(), &values[row][..]).unwrap();
            let ours = DynamicMessage::decode(descriptor.message().clone(), plain.row(row)).unwrap();
            assert!(ours == theirs || plain.row(row) == values[row], "{name}: {ours} is not {theirs}");
        }
    });
}

#[test]
fn every_malformed_record_is_refused_and_costs_its_neighbours_nothing() {
    let Some(set) = set("codec-protobuf") else { return };
    each_message(&set, "malformed", |schema, cases| {
        let values: Vec<Vec<u8>> = cases.iter().map(|case| bytes(case)).collect();
        let decoded = among_good(schema, &values);
        let found: Vec<String> = (0..cases.len())
            .map(|index| match row_of(&decoded, index) {
                Ok(_) => format!("{} is taken", text(cases[index], "name")),
                Err(why) => format!("{} {why}", text(cases[index], "name")),
            })
            .collect();
        insta::assert_snapshot!(found.join("\n"), @r"
        truncated_varint truncated: f_int32: at byte 1: expected a varint, found the end of the message
        truncated_length truncated: f_string: at byte 2: expected 7 bytes, found 3 and the end of the message
        field_number_zero protobuf-syntax: at byte 0: expected a field number from 1 to 536870911, found 0
        bad_wire_type protobuf-syntax: at byte 0: wire type 7 does not exist
        unterminated_group truncated: at byte 2: expected the end of group 1023, found the end of the message
        varint_11_bytes protobuf-syntax: f_int32: at byte 1: the varint is longer than 64 bits
        invalid_utf8 not-utf8: f_string: the text is not UTF-8 from its byte 0 on
        huge_length truncated: f_string: at byte 6: expected 4294967295 bytes, found 0 and the end of the message
        ");

        assert!(cases.iter().all(|case| case["reference"] == "rejected"));
        assert_eq!(decoded.errors.len(), cases.len());
    });
}

/// A file of 256 messages, each with ten in it, which have ten in them.
fn many_messages() -> String {
    let inner: String = (0..10).map(|index| format!("message C{index} {{}} ")).collect();
    let middle: String = (0..10).map(|index| format!("message B{index} {{ {inner} }} ")).collect();
    let outer =
        (0..256).map(|index| format!("message A{index} {{ {} }}\n", if index == 127 { &middle } else { "" }));
    format!("syntax = \"proto3\";\n{}", outer.collect::<String>())
}

#[test]
fn message_indexes_are_written_and_read_as_the_set_says() {
    let Some(set) = set("codec-registry-wire") else { return };
    let file = many_messages();
    for case in list(&set, "message_index_encoding") {
        let indexes: Vec<u64> = serde_json::from_value(case["indexes"].clone()).unwrap();
        let indexes: Vec<u32> = indexes.into_iter().map(|index| index as u32).collect();
        let name = indexes.iter().zip(["A", "B", "C"]).map(|(index, letter)| format!("{letter}{index}"));
        let name = name.collect::<Vec<_>>().join(".");
        // The greatest of indexes is that of no message.
        let there = indexes[0] < 256;
        if there && case["zigzag"] == true {
            assert_eq!(written(&indexes), bytes(case));
        }
        let expected = if there { name.as_str() } else { "A0" };
        let frame = Frame::new(Descriptor::new(&message(&file, expected)).unwrap()).unwrap();
        let value = bytes(case);
        let (found, rest) = Indexes::split(&value).unwrap();
        assert_eq!((frame.check(found).is_ok(), rest), (there, &[][..]), "{case}");
    }
    for case in list(&set, "headers").iter().filter(|case| text(case, "format") == "PROTOBUF") {
        let indexes: Vec<u32> = serde_json::from_value(case["message_indexes"].clone()).unwrap();
        assert!(bytes(case).ends_with(&written(&indexes)));
    }
    for case in list(&set, "reject").iter().filter(|case| text(case, "why").starts_with("PROTOBUF")) {
        assert!(Indexes::split(&bytes(case)[5..]).is_err(), "{case}");
    }
}

#[test]
fn a_message_is_found_at_its_path_through_the_file() {
    let Some(set) = set("codec-registry-wire") else { return };
    for case in list(&set, "message_index_paths") {
        let indexes: Vec<u32> = serde_json::from_value(case["indexes"].clone()).unwrap();
        let (mut file, mut names) = (String::new(), Vec::new());
        // Every message on the path is preceded by its siblings.
        for (level, &index) in indexes.iter().enumerate().rev() {
            let siblings: String =
                (0..index).map(|sibling: u32| format!("message S{level}x{sibling} {{}} ")).collect();
            file = format!("{siblings} message M{level} {{ {file} }}");
            names.insert(0, format!("M{level}"));
        }
        let schema = message(&format!("syntax = \"proto3\"; {file}"), &names.join("."));
        let descriptor = Descriptor::new(&schema).unwrap();
        assert_eq!(descriptor.message_indexes().unwrap(), indexes, "{case}");
        assert_eq!(
            descriptor.name_at(indexes.iter().map(|index| u64::from(*index))).as_deref(),
            Some(names.join(".").as_str()),
            "{case}"
        );
    }
}
