//! Third-party conformance: every encoding of every value of the suite decodes to the value, in a column of a type
//! that can hold it, and is encoded as one of the listed forms. The cases are data of others and not in this
//! repository: `SABOT_CASES` names their folder; without them the test says so.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;
use serde_json::Value;

use super::tests::{decode, encode, schema};

/// A value and all the ways to write it.
struct Case {
    value: Value,
    forms: Vec<Vec<u8>>,
}

fn cases() -> Vec<Case> {
    let text = crate::codec::cases::read("codec-msgpack", "cases.json");
    let groups: Value = serde_json::from_slice(&text.unwrap_or_else(|| b"{}".to_vec())).unwrap();
    let groups = groups.as_object().unwrap().values().flat_map(|group| group.as_array().unwrap());
    groups
        .map(|case| Case {
            value: case.clone(),
            forms: case["msgpack"].as_array().unwrap().iter().map(bytes).collect(),
        })
        .collect()
}

fn bytes(hex: &Value) -> Vec<u8> {
    let pairs = hex.as_str().unwrap().split('-').filter(|pair| !pair.is_empty());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// Types that can hold a value, and the value in a column of each.
fn columns(case: &Case) -> Vec<ArrayRef> {
    let (kind, value) = case.value.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "nil" => vec![
            Arc::new(NullArray::new(1)),
            Arc::new(Int8Array::from(vec![None])),
            Arc::new(StringArray::from(vec![None::<&str>])),
        ],
        "bool" => vec![Arc::new(BooleanArray::from(vec![value.as_bool().unwrap()]))],
        "binary" => vec![
            Arc::new(BinaryArray::from(vec![&bytes(value)[..]])),
            Arc::new(LargeBinaryArray::from(vec![&bytes(value)[..]])),
        ],
        "number" | "bignum" => {
            numbers(case.value["bignum"].as_str().unwrap_or(&value.to_string()), &case.forms)
        }
        "string" => vec![
            Arc::new(StringArray::from(vec![value.as_str().unwrap()])),
            Arc::new(LargeStringArray::from(vec![value.as_str().unwrap()])),
        ],
        "timestamp" => {
            let part = |i: usize| value[i].as_i64().unwrap();
            timestamps(part(0), part(1))
        }
        "ext" => vec![extension(value[0].as_i64().unwrap() as i8, &bytes(&value[1]))],
        "array" | "map" => vec![nested(value)],
        other => panic!("a case of an unknown kind: {other}"),
    }
}

/// In the integer types that hold it, and as a float where the suite has it as one.
fn numbers(text: &str, forms: &[Vec<u8>]) -> Vec<ArrayRef> {
    let mut columns: Vec<ArrayRef> = Vec::new();
    macro_rules! add {
        ($($array:ident $native:ty),*) => {
            $(if let Ok(value) = text.parse::<$native>() {
                columns.push(Arc::new($array::from(vec![value])));
            })*
        };
    }
    add!(Int8Array i8, Int16Array i16, Int32Array i32, Int64Array i64);
    add!(UInt8Array u8, UInt16Array u16, UInt32Array u32, UInt64Array u64);
    if forms.iter().any(|form| form[0] == 0xcb) {
        columns.push(Arc::new(Float64Array::from(vec![text.parse::<f64>().unwrap()])));
    }
    columns
}

/// In the units that hold it, and otherwise as an extension like any other.
fn timestamps(seconds: i64, nanos: i64) -> Vec<ArrayRef> {
    let in_unit = |per_second: i64| {
        let whole = nanos % (1_000_000_000 / per_second) == 0;
        let value = seconds.checked_mul(per_second)?.checked_add(nanos / (1_000_000_000 / per_second))?;
        whole.then_some(vec![value])
    };
    let mut contents = Vec::new();
    match (u32::try_from(seconds), seconds >> 34) {
        (Ok(seconds), _) if nanos == 0 => contents.extend(seconds.to_be_bytes()),
        (_, 0) => contents.extend(((nanos as u64) << 34 | seconds as u64).to_be_bytes()),
        _ => contents.extend([&(nanos as u32).to_be_bytes()[..], &seconds.to_be_bytes()].concat()),
    }
    let mut columns = vec![extension(-1, &contents)];
    if let Some(values) = in_unit(1) {
        columns.push(Arc::new(TimestampSecondArray::from(values)));
    }
    if let Some(values) = in_unit(1_000) {
        columns.push(Arc::new(TimestampMillisecondArray::from(values)));
    }
    if let Some(values) = in_unit(1_000_000_000) {
        columns.push(Arc::new(TimestampNanosecondArray::from(values)));
    }
    columns
}

fn extension(kind: i8, contents: &[u8]) -> ArrayRef {
    let fields =
        vec![Field::new("ext_type", DataType::Int8, false), Field::new("ext_data", DataType::Binary, false)];
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int8Array::from(vec![kind])), Arc::new(BinaryArray::from(vec![contents]))];
    Arc::new(StructArray::new(fields.into(), columns, None))
}

/// Arrays as lists; objects as objects, and what is in them likewise.
fn nested(value: &Value) -> ArrayRef {
    match value {
        Value::Array(items) => {
            let columns: Vec<ArrayRef> = items.iter().map(nested).collect();
            let columns: Vec<&dyn Array> = columns.iter().map(|column| column.as_ref()).collect();
            let items = match &columns[..] {
                [] => Arc::new(Int8Array::from(Vec::<i8>::new())),
                columns => arrow::compute::concat(columns).unwrap(),
            };
            let field = Arc::new(Field::new("item", items.data_type().clone(), true));
            let offsets = arrow::buffer::OffsetBuffer::from_lengths([items.len()]);
            Arc::new(ListArray::new(field, offsets, items, None))
        }
        Value::Object(entries) if entries.is_empty() => Arc::new(StructArray::new_empty_fields(1, None)),
        Value::Object(entries) => {
            let columns: Vec<ArrayRef> = entries.values().map(nested).collect();
            let fields: Vec<Field> = entries
                .keys()
                .zip(&columns)
                .map(|(key, column)| Field::new(key, column.data_type().clone(), true))
                .collect();
            Arc::new(StructArray::new(fields.into(), columns, None))
        }
        Value::Number(number) => Arc::new(Int64Array::from(vec![number.as_i64().unwrap()])),
        Value::String(text) => Arc::new(StringArray::from(vec![text.as_str()])),
        other => panic!("a case of an unknown kind: {other}"),
    }
}

#[test]
fn every_form_of_every_value_is_read_and_one_of_them_written() {
    let (mut values, mut forms, mut columns_tried) = (0, 0, 0);
    for case in cases() {
        values += 1;
        forms += case.forms.len();
        let columns = columns(&case);
        assert!(!columns.is_empty(), "{}", case.value);
        for column in columns {
            columns_tried += 1;
            check(&case, column);
        }
    }
    let found = (values, forms, columns_tried);
    assert!(crate::codec::cases::folder("codec-msgpack").is_none() || found == (85, 233, 220), "{found:?}");
}

fn check(case: &Case, column: ArrayRef) {
    let schema = schema(vec![Field::new("v", column.data_type().clone(), true)]);
    let wanted = RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap();
    // Between good records, as a map and as an array.
    let good = b"\x81\xa1v\xc0".to_vec();
    let mut records = vec![good.clone()];
    for form in &case.forms {
        records.extend([[b"\x81\xa1v", &form[..]].concat(), [b"\x91", &form[..]].concat(), good.clone()]);
    }
    let decoded = decode(&schema, &records);
    assert_eq!(decoded.errors, vec![], "{}", case.value);
    for row in 0..records.len() {
        if row % 3 == 0 {
            assert!(decoded.rows.column(0).logical_nulls().is_some_and(|nulls| nulls.is_null(row)));
        } else {
            assert_eq!(decoded.rows.slice(row, 1), wanted, "{}", case.value);
        }
    }
    let encoded = encode(&wanted, false);
    let written = encoded.row(0).strip_prefix(b"\x81\xa1v").unwrap();
    assert!(case.forms.iter().any(|form| form == written), "{}: {written:02x?}", case.value);
    // Strictly: the shortest of its kind. Floats are no integers, and keep the width of their column.
    if !matches!(wanted.column(0).data_type(), DataType::Float64) {
        let of_its_kind = case.forms.iter().filter(|form| !matches!(form[0], 0xca | 0xcb));
        assert_eq!(of_its_kind.map(Vec::len).min(), Some(written.len()), "{}", case.value);
    }
}
