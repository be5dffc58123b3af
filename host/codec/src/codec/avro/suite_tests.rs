//! Third-party conformance: values, resolution, malformed bytes, compatibility, fingerprints and files, each bad
//! record among good ones. The cases are data of others and not in this repository: `SABOT_CASES` names their
//! folder; without them the tests say so.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::*;
use serde_json::{Value, json};

use super::parse::parse;
use super::{AvroFile, AvroReader, canonical, columns, compatible, fingerprint, single_object};
use crate::codec::cases;
use crate::codec::framed::ReadWritten as _;
use crate::codec::registered::{RegisteredSchema, SchemaKind};
use crate::codec::rows::Rows;
use crate::codec::temporal;
use crate::codec::trip::{self, records};
use crate::codec::{Codec, Decode, Decoded, Encode};

/// Cases whose schema holds itself, which columns cannot: read as the specification says, refused here.
const RECURSIVE: [&str; 3] = ["Lisp", "record", "ns.long"];

fn file(name: &str) -> Value {
    let text = cases::read("codec-avro", name).unwrap_or_else(|| b"[]".to_vec());
    serde_json::from_slice(&text).unwrap()
}

/// That none of so many cases has got lost; without the set there are none.
fn assert_all(found: usize, cases: usize) {
    assert!(cases::folder("codec-avro").is_none() || found == cases, "{found} of {cases} cases");
}

fn list<'a>(json: &'a Value, key: &str) -> &'a [Value] {
    json.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn bytes(case: &Value) -> Vec<u8> {
    let hex = case["hex"].as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn avro(json: &Value) -> RegisteredSchema {
    RegisteredSchema::new(SchemaKind::Avro, json.to_string())
}

/// A record of one field `v`, whose bytes are those of the value.
fn one(of: &Value) -> RegisteredSchema {
    avro(&json!({ "type": "record", "name": "One", "fields": [{ "name": "v", "type": of }] }))
}

fn decode(writer: &RegisteredSchema, reader: &RegisteredSchema, values: &[Vec<u8>]) -> Decoded {
    let columns = columns(reader).unwrap();
    let mut avro = AvroReader::new(reader, &columns).unwrap();
    avro.use_writer(7, writer).unwrap();
    let decoded = Rows::new(columns, avro).unwrap().decode(&records(values));
    assert_eq!(decoded.rows.num_rows() + decoded.errors.len(), values.len());
    decoded
}

/// Whether a value of a column is the one that a case says.
fn is(value: &Value, array: &ArrayRef, row: usize) -> bool {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    if array.is_null(row) || *array.data_type() == DataType::Null {
        return value.is_null();
    }
    let timestamp = |unit| temporal::parse_timestamp(text("$timestamp_utc")?.as_bytes())?.in_unit(unit).ok();
    let time = |unit| temporal::parse_time(text("$time")?.as_bytes())?.in_unit(unit).ok();
    match array.data_type() {
        DataType::Boolean => value.as_bool() == Some(array.as_boolean().value(row)),
        DataType::Int32 => value.as_i64() == Some(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => value.as_i64() == Some(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => value.as_f64().unwrap() as f32 == array.as_primitive::<Float32Type>().value(row),
        DataType::Float64 => value.as_f64() == Some(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => value.as_str() == Some(array.as_string::<i32>().value(row)),
        DataType::Binary => is_bytes(value, array.as_binary::<i32>().value(row)),
        DataType::FixedSizeBinary(_) => is_bytes(value, array.as_fixed_size_binary().value(row)),
        DataType::Decimal128(..) => {
            text("$decimal") == Some(&array.as_primitive::<Decimal128Type>().value_as_string(row))
        }
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(row);
            temporal::parse_date(text("$date").unwrap().as_bytes()) == Some(days)
        }
        DataType::Time32(unit) => {
            time(*unit) == Some(array.as_primitive::<Time32MillisecondType>().value(row).into())
        }
        DataType::Time64(unit) => {
            time(*unit) == Some(array.as_primitive::<Time64MicrosecondType>().value(row))
        }
        DataType::Timestamp(unit @ TimeUnit::Millisecond, _) => {
            timestamp(*unit) == Some(array.as_primitive::<TimestampMillisecondType>().value(row))
        }
        DataType::Timestamp(unit, _) => {
            timestamp(*unit) == Some(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            let values = value.as_array().unwrap();
            values.len() == items.len() && values.iter().enumerate().all(|(i, value)| is(value, &items, i))
        }
        DataType::Map(..) => {
            let entries: ArrayRef = Arc::new(array.as_map().value(row));
            let (keys, values) = (entries.as_struct().column(0), entries.as_struct().column(1));
            let has = |i| is(&value[keys.as_string::<i32>().value(i)], values, i);
            value.as_object().unwrap().len() == entries.len() && (0..entries.len()).all(has)
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(array.as_struct().columns());
            let record = |value: &Value| columns.clone().all(|(f, column)| is(&value[f.name()], column, row));
            // Of a union, the branch that is there.
            let branch = || columns.clone().any(|(_, column)| column.is_valid(row) && is(value, column, row));
            if value.is_object() && value.get(fields[0].name()).is_some() { record(value) } else { branch() }
        }
        other => panic!("{other} in no case"),
    }
}

fn is_bytes(value: &Value, found: &[u8]) -> bool {
    let hex: String = found.iter().map(|byte| format!("{byte:02x}")).collect();
    let latin1: String = found.iter().map(|&byte| char::from(byte)).collect();
    value.get("$bytes_hex").map_or(value.as_str() == Some(&latin1), |json| json.as_str() == Some(&hex))
}

fn recursive(case: &Value) -> bool {
    case["schema"]["name"].as_str().is_some_and(|name| RECURSIVE.contains(&name))
}

#[test]
fn values_are_read_and_written_byte_for_byte() {
    let values = file("values.json");
    let varints = file("varint.json");
    let all = list(&values, "cases").iter().chain(varints.as_array().unwrap());
    let all: Vec<&Value> = all.filter(|case| !recursive(case)).collect();
    assert_all(all.len(), 41 - RECURSIVE.len() + 18);
    for case in all {
        let schema = one(&case["schema"]);
        let good = bytes(case);
        let mut records = vec![good.clone(), [&good[..], &[0]].concat(), good.clone()];
        records.extend((0..good.len()).map(|end| good[..end].to_vec()));
        let decoded = decode(&schema, &schema, &records);
        // What follows, or lacks, is said; the value itself is what the case says.
        assert_eq!(decoded.rows.num_rows(), 2, "{case} {:?}", decoded.errors);
        assert!(decoded.errors.iter().all(|error| error.code == "avro-syntax"), "{:?}", decoded.errors);
        for row in 0..2 {
            assert!(is(&case["value"], decoded.rows.column(0), row), "{case}: {:?}", decoded.rows);
        }
        let encode = Encode { writer: Some(Arc::new(schema)), ..Encode::plain(Codec::Avro) };
        let encoded = trip::encode(&encode, &decoded.rows);
        assert_eq!((encoded.row(0), encoded.row(1)), (&good[..], &good[..]), "{case} {:?}", encoded.errors);
    }
}

#[test]
fn what_holds_itself_is_no_column_and_can_be_skipped() {
    let values = file("values.json");
    let cases: Vec<_> = list(&values, "cases").iter().filter(|case| recursive(case)).collect();
    assert_all(cases.len(), RECURSIVE.len());
    for case in cases {
        let why = columns(&one(&case["schema"])).unwrap_err();
        assert!(why.contains("holds itself"), "{why}");
        let field = |name: &str, of: &Value| json!({ "name": name, "type": of });
        let record = |fields: Vec<Value>| avro(&json!({ "type": "record", "name": "R", "fields": fields }));
        let writer = record(vec![field("v", &case["schema"]), field("after", &json!("int"))]);
        let reader = record(vec![field("after", &json!("int"))]);
        let decoded = decode(&writer, &reader, &[[&bytes(case)[..], &[10]].concat(), bytes(case)]);
        assert!(is(&json!(5), decoded.rows.column(0), 0), "{case}");
        assert_eq!(decoded.errors.len(), 1);
    }
}

#[test]
fn schemas_resolve_as_the_specification_says() {
    let resolution = file("resolution.json");
    assert_all(list(&resolution, "promotions").len(), 6);
    assert_all(list(&resolution, "defaults_and_projection").len(), 16);
    for case in list(&resolution, "promotions") {
        let decoded = decode(&one(&case["writer"]), &one(&case["reader"]), &[bytes(case)]);
        assert!(is(&case["value"], decoded.rows.column(0), 0), "{case}: {:?}", decoded.errors);
    }
    for case in list(&resolution, "defaults_and_projection") {
        let (writer, reader) = (avro(&case["writer"]), avro(&case["reader"]));
        let decoded = decode(&writer, &reader, &[bytes(case), vec![2, 4], bytes(case)]);
        assert_eq!((decoded.rows.num_rows(), decoded.errors.len()), (2, 1), "{case}");
        for (field, column) in decoded.rows.schema().fields().iter().zip(decoded.rows.columns()) {
            assert!(is(&case["value"][field.name()], column, 1), "{case}: {:?}", decoded.rows);
        }
    }
}

#[test]
fn malformed_bytes_cost_their_neighbours_nothing() {
    let malformed = file("malformed.json");
    assert_all(malformed.as_array().unwrap().len(), 6);
    let after = json!({ "name": "after", "type": "int" });
    let record = |fields: Value| avro(&json!({ "type": "record", "name": "One", "fields": fields }));
    let reader = record(json!([after]));
    for case in malformed.as_array().unwrap() {
        let schema = one(&case["schema"]);
        // Nothing of it, for all of these schemas.
        let good = vec![0];
        let decoded = decode(&schema, &schema, &[good.clone(), bytes(case), good]);
        match case["expect"].as_str().unwrap() {
            "error" => {
                assert_eq!(decoded.records, Some(vec![0, 2]), "{case}");
                assert_eq!((decoded.errors[0].index, decoded.errors[0].code), (1, "avro-syntax"), "{case}");
            }
            "array of 100000 nulls" => {
                let lists = decoded.rows.column(0).as_list::<i32>();
                assert_eq!((lists.value_length(0), lists.value_length(1)), (0, 100_000), "{case}");
            }
            other => panic!("{other}"),
        }
        // Where nobody takes it, it is skipped, and no less malformed.
        let writer = record(json!([{ "name": "v", "type": case["schema"] }, after]));
        let good = vec![0, 10];
        let decoded = decode(&writer, &reader, &[good.clone(), [bytes(case), vec![10]].concat(), good]);
        let refused: Vec<(u32, &str)> =
            decoded.errors.iter().map(|error| (error.index, error.code)).collect();
        let expected: &[_] = if case["expect"] == "error" { &[(1, "avro-syntax")] } else { &[] };
        assert_eq!(refused, expected, "{case}");
        let column = decoded.rows.column(0).as_primitive::<Int32Type>();
        assert!(column.values().iter().all(|&after| after == 5), "{case}: {column:?}");
    }
}

#[test]
fn compatibility_is_judged_as_the_suite_judges_it() {
    let pairs = file("compatibility.json");
    assert_all(list(&pairs, "pairs").len(), 131);
    for case in list(&pairs, "pairs") {
        let verdict = compatible(&avro(&case["reader"]), &avro(&case["writer"]));
        assert_eq!(Some(verdict.is_ok()), case["compatible"].as_bool(), "{case}: {verdict:?}");
        let reasons = verdict.err().unwrap_or_default();
        assert_eq!(reasons.len(), list(case, "reasons").len(), "{case}: {reasons:?}");
    }
}

#[test]
fn canonical_forms_and_fingerprints() {
    let schemas = file("canonical_fingerprint.json");
    assert_all(schemas.as_array().unwrap().len(), 34);
    let mut fingerprints = 0;
    for case in schemas.as_array().unwrap() {
        let schema = RegisteredSchema::new(SchemaKind::Avro, case["input_schema"].as_str().unwrap());
        let form = canonical::canonical(&parse(&schema).unwrap());
        assert_eq!(Some(form.as_str()), case["canonical_form"].as_str());
        if let Some(expected) = case["fingerprint_crc64_avro_signed"].as_str() {
            fingerprints += 1;
            assert_eq!((fingerprint(&schema).unwrap() as i64).to_string(), expected, "{case}");
        }
    }
    assert_all(fingerprints, 26);
}

#[test]
fn a_single_object_names_its_schema() {
    let case = file("single_object.json");
    if case.get("schema").is_none() {
        return;
    }
    let (schema, message) = (avro(&case["schema"]), bytes(&case));
    let (found, value) = single_object(&message).unwrap();
    assert_eq!(found, fingerprint(&schema).unwrap());
    let decoded = decode(&schema, &schema, &[value.to_vec()]);
    for (field, column) in decoded.rows.schema().fields().iter().zip(decoded.rows.columns()) {
        assert!(is(&case["value"][field.name()], column, 0), "{:?}", decoded.rows);
    }
    assert_eq!((single_object(&message[1..]), single_object(&message[..9])), (None, None));
}

#[test]
fn files_in_every_compression() {
    let Some(folder) = cases::folder("codec-avro") else { return };
    let expected = file("files/expected.json");
    let mut files = 0;
    for name in std::fs::read_dir(folder.join("files")).unwrap() {
        let name = name.unwrap().file_name().into_string().unwrap();
        let Some(stem) = name.strip_suffix(".avro") else { continue };
        files += 1;
        let key = if stem.starts_with("data_weather") { "data_weather*.avro" } else { &name };
        let mut rows = list(&expected, key).to_vec();
        if stem == "data_weather-sorted" {
            // By the order of its schema, which ignores the station.
            rows.sort_by_key(|row| row["time"].as_i64());
        }
        let file = cases::read("codec-avro", &format!("files/{name}")).unwrap();
        let blocks: Vec<_> = AvroFile::open(&file, None).unwrap().map(Result::unwrap).collect();
        assert!(blocks.iter().all(|block| block.lost.is_none()), "{name}: {blocks:?}");
        let batches: Vec<RecordBatch> = blocks.into_iter().map(|block| block.rows).collect();
        let batch = arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap();
        assert_eq!(batch.num_rows(), rows.len(), "{name}");
        for (at, row) in rows.iter().enumerate() {
            for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
                assert!(is(&row[field.name()], column, at), "{name} {row}: {column:?}");
            }
        }
        // Cut anywhere, a file gives what is whole and says where it ends.
        for end in 0..file.len() {
            let Ok(cut) = AvroFile::open(&file[..end], None) else { continue };
            let read: usize = cut.flatten().map(|block| block.rows.num_rows()).sum();
            assert!(read <= rows.len());
        }
    }
    assert_all(files, 7);
}

#[test]
fn the_decoder_of_a_pipeline_reads_the_same() {
    let values = file("values.json");
    let cases: Vec<&Value> = list(&values, "cases").iter().filter(|case| !recursive(case)).collect();
    assert_all(cases.len(), 41 - RECURSIVE.len());
    for case in cases {
        let reader = Arc::new(one(&case["schema"]));
        let schema = columns(&reader).unwrap();
        let decode = Decode { reader: Some(reader), ..Decode::plain(Codec::Avro, schema) };
        let decoded = trip::decode(&decode, &[bytes(case)]);
        assert!(is(&case["value"], decoded.rows.column(0), 0), "{case}");
    }
}
