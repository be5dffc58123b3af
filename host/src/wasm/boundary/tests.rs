//! Both directions against each other and against arrow-rs's own reader, and damaged messages: whatever is done to
//! one, the decoder answers arrays that Arrow finds whole, or an error.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, FixedSizeBinaryArray,
    FixedSizeListArray, Float32Array, Float64Array, Int32Array, Int64Array, LargeStringArray, ListArray,
    ListBuilder, MapBuilder, NullArray, RecordBatch, RecordBatchOptions, StringArray, StringBuilder,
    StringViewArray, StructArray, TimestampMillisecondArray,
};
use arrow::buffer::Buffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float32Type, Schema, SchemaRef};
use proptest::prelude::*;

use super::{Decoder, Encoder, plain_schema};
use crate::wasm::limits::MAX_ROWS;

/// One row of everything.
type Row = (Option<i64>, Option<String>, Option<bool>, Option<Vec<Option<String>>>, f64);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let text = prop_oneof![Just(String::new()), "[a-zäß€]{1,12}"];
    let tags = prop::option::of(prop::collection::vec(prop::option::of(text.clone()), 0..4));
    let row = (any::<Option<i64>>(), prop::option::of(text), any::<Option<bool>>(), tags, any::<f64>());
    prop::collection::vec(row, 0..40)
}

/// Columns of every shape that may cross, and of some that are sent as something else.
fn batch(rows: &[Row]) -> RecordBatch {
    let numbers: Int64Array = rows.iter().map(|row| row.0).collect();
    let texts: StringArray = rows.iter().map(|row| row.1.as_deref()).collect();
    let floats: Float64Array = rows.iter().map(|row| row.4).collect();
    let mut tags = ListBuilder::new(StringBuilder::new());
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for row in rows {
        tags.append_option(row.3.clone());
        for (i, value) in row.3.iter().flatten().enumerate() {
            map.keys().append_value(format!("k{i}"));
            map.values().append_option(value.as_deref());
        }
        map.append(row.3.is_some()).unwrap();
    }
    let three = rows.iter().map(|row| row.0.map(|n| n.to_le_bytes()[..3].to_vec()));
    let points = rows.iter().map(|row| row.2.map(|b| vec![Some(1.5), b.then_some(2.5)]));
    let struct_fields =
        vec![Field::new("x", DataType::Float64, false), Field::new("y", DataType::Utf8, true)];
    let children: Vec<ArrayRef> = vec![Arc::new(floats.clone()), Arc::new(texts.clone())];
    let dictionary: DictionaryArray<arrow::datatypes::Int32Type> =
        rows.iter().map(|row| row.1.as_deref()).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("numbers", Arc::new(numbers.clone())),
        ("texts", Arc::new(texts.clone())),
        ("large", Arc::new(LargeStringArray::from_iter(rows.iter().map(|row| row.1.as_deref())))),
        ("bools", Arc::new(rows.iter().map(|row| row.2).collect::<BooleanArray>())),
        ("tags", Arc::new(tags.finish())),
        ("map", Arc::new(map.finish())),
        ("three", Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(three, 3).unwrap())),
        ("points", Arc::new(FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(points, 2))),
        (
            "pair",
            Arc::new(
                StructArray::try_new_with_length(struct_fields.into(), children, None, rows.len()).unwrap(),
            ),
        ),
        ("money", Arc::new(rows.iter().map(|row| row.0.map(i128::from)).collect::<Decimal128Array>())),
        (
            "at",
            Arc::new(
                rows.iter().map(|row| row.0).collect::<TimestampMillisecondArray>().with_timezone("+01:00"),
            ),
        ),
        ("coded", Arc::new(dictionary)),
        ("view", Arc::new(rows.iter().map(|row| row.1.as_deref()).collect::<StringViewArray>())),
        ("floats", Arc::new(floats)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .unwrap()
}

fn all(rows: &RecordBatch) -> (Encoder, SchemaRef) {
    let plain = Arc::new(plain_schema(rows.schema_ref()).unwrap());
    let indices: Vec<usize> = (0..rows.num_columns()).collect();
    (Encoder::new(rows.schema_ref(), &indices, &plain), plain)
}

fn as_plain(rows: &RecordBatch, plain: &SchemaRef) -> RecordBatch {
    let columns = rows.columns().iter().zip(plain.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type()).unwrap()).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(plain), columns, &options).unwrap()
}

/// What arrow-rs reads.
fn read_by_arrow(message: &[u8], schema: &SchemaRef) -> RecordBatch {
    let length = u32::from_le_bytes(message[4..8].try_into().unwrap()) as usize;
    let root = arrow_ipc::root_as_message(&message[8..8 + length]).unwrap();
    assert_eq!(root.version(), arrow_ipc::MetadataVersion::V5);
    let body = Buffer::from(&message[8 + length..]);
    assert_eq!(root.bodyLength() as usize, body.len());
    let header = root.header_as_record_batch().unwrap();
    let dictionaries = HashMap::new();
    arrow_ipc::reader::read_record_batch(
        &body,
        header,
        Arc::clone(schema),
        &dictionaries,
        None,
        &root.version(),
    )
    .unwrap()
}

/// What arrow-rs writes, without the schema.
fn written_by_arrow(rows: &RecordBatch) -> Vec<u8> {
    let mut stream = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), rows.schema_ref()).unwrap();
    let schema_len = stream.get_ref().len();
    stream.write(rows).unwrap();
    let mut message = stream.get_mut().split_off(schema_len);
    let metadata = u32::from_le_bytes(message[4..8].try_into().unwrap()) as usize;
    let root = arrow_ipc::root_as_message(&message[8..8 + metadata]).unwrap();
    let length = 8 + metadata + root.bodyLength() as usize;
    message.truncate(length);
    message
}

fn assert_whole(rows: &RecordBatch) {
    for column in rows.columns() {
        column.to_data().validate_full().unwrap();
        assert_eq!(column.len(), rows.num_rows());
    }
}

#[test]
fn a_message_without_columns_has_its_rows() {
    let options = RecordBatchOptions::new().with_row_count(Some(3));
    let rows = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
    let (mut encoder, plain) = all(&rows);
    assert_eq!(read_by_arrow(&encoder.encode(&rows).unwrap(), &plain).num_rows(), 3);
}

#[test]
fn a_null_column_is_sent() {
    let rows = RecordBatch::try_from_iter([("nothing", Arc::new(NullArray::new(5)) as ArrayRef)]).unwrap();
    let (mut encoder, plain) = all(&rows);
    assert_eq!(read_by_arrow(&encoder.encode(&rows).unwrap(), &plain), rows);
}

#[test]
fn only_the_columns_asked_for_are_sent() {
    let rows = batch(&[(Some(1), Some("a".into()), None, None, 0.5)]);
    let indices = [13, 0];
    let plain = Arc::new(rows.schema_ref().project(&indices).unwrap());
    let message = Encoder::new(rows.schema_ref(), &indices, &plain).encode(&rows).unwrap();
    assert_eq!(read_by_arrow(&message, &plain), rows.project(&indices).unwrap());
}

#[test]
fn the_header_is_reused_while_the_layout_stays() {
    let numbers = |values: Vec<Option<i64>>| {
        RecordBatch::try_from_iter_with_nullable([(
            "n",
            Arc::new(Int64Array::from(values)) as ArrayRef,
            true,
        )])
        .unwrap()
    };
    let batches = [
        numbers(vec![Some(1), Some(2)]),
        numbers(vec![Some(3), Some(4)]),
        numbers(vec![Some(3), None]),
        numbers(vec![None, Some(5)]),
        numbers(vec![Some(6)]),
        numbers(vec![Some(7), Some(8)]),
    ];
    let (mut encoder, plain) = all(&batches[0]);
    let mut decoder = Decoder::new(plain);
    for rows in &batches {
        let message = encoder.encode(rows).unwrap();
        assert_eq!(decoder.decode(&message, MAX_ROWS).unwrap(), *rows);
    }
    // The same header does not vouch for the body: here the bits no longer hold the one null that it tells of.
    let mut lying = encoder.encode(&batches[2]).unwrap().to_vec();
    decoder.decode(&lying, MAX_ROWS).unwrap();
    let body = lying.len() - 24;
    lying[body] = 0b11;
    insta::assert_snapshot!(decoder.decode(&lying, MAX_ROWS).unwrap_err(), @"in the column `n` the validity has 0 nulls and the message says 1");
}

#[test]
fn a_wrong_schema_is_told() {
    let sent =
        RecordBatch::try_from_iter([("a", Arc::new(StringArray::from(vec!["x"])) as ArrayRef)]).unwrap();
    let (mut encoder, _) = all(&sent);
    let message = encoder.encode(&sent).unwrap();
    let refusal =
        |fields: Vec<Field>| Decoder::new(Arc::new(Schema::new(fields))).decode(&message, 10).unwrap_err();
    insta::assert_snapshot!(refusal(vec![Field::new("a", DataType::Int64, false)]), @"it has 1 columns and 3 buffers; the schema agreed in bind (a Int64) has 1 and 2, nested columns counted");
    let text = Field::new("a", DataType::Utf8, false);
    insta::assert_snapshot!(refusal(vec![text.clone(), Field::new("b", DataType::Int8, true)]), @"it has 1 columns and 3 buffers; the schema agreed in bind (a Utf8, b Int8) has 2 and 5, nested columns counted");
    let mut short = Decoder::new(Arc::new(Schema::new(vec![text])));
    insta::assert_snapshot!(short.decode(&message, 0).unwrap_err(), @"it has 1 rows; at most 0 are left of what one call may emit");
}

#[test]
fn a_decimal_with_too_many_digits_is_told() {
    let wide = Decimal128Array::from(vec![12_345]).with_precision_and_scale(9, 2).unwrap();
    let rows = RecordBatch::try_from_iter([("d", Arc::new(wide) as ArrayRef)]).unwrap();
    let message = all(&rows).0.encode(&rows).unwrap();
    let narrow = Schema::new(vec![Field::new("d", DataType::Decimal128(4, 2), false)]);
    insta::assert_snapshot!(Decoder::new(Arc::new(narrow)).decode(&message, 10).unwrap_err(), @"in the column `d` 123.45 is too large to store in a Decimal128 of precision 4. Max is 99.99");
}

#[test]
fn overlapping_buffers_are_told() {
    let column = || Arc::new(Int32Array::from(vec![1, 2])) as ArrayRef;
    let rows = RecordBatch::try_from_iter([("a", column()), ("b", column())]).unwrap();
    let (mut encoder, plain) = all(&rows);
    let mut message = encoder.encode(&rows).unwrap().to_vec();
    // The offset of the last buffer, the values of b.
    let at = message.len() - 16 - 16;
    assert_eq!(message[at..at + 8], 8u64.to_le_bytes());
    message[at..at + 8].fill(0);
    insta::assert_snapshot!(Decoder::new(plain).decode(&message, 10).unwrap_err(), @"its buffers at 0 and 0 overlap");
}

proptest! {
    #[test]
    fn what_is_encoded_is_read_by_arrow_and_decoded((rows, from, to) in (rows(), 0usize..40, 0usize..40)) {
        let whole = batch(&rows);
        let (from, to) = (from.min(rows.len()), to.min(rows.len()));
        let rows = whole.slice(from.min(to), from.max(to) - from.min(to));
        let (mut encoder, plain) = all(&rows);
        let message = encoder.encode(&rows).unwrap();
        let expected = as_plain(&rows, &plain);
        prop_assert_eq!(&read_by_arrow(&message, &plain), &expected);
        let decoded = Decoder::new(Arc::clone(&plain)).decode(&message, MAX_ROWS).unwrap();
        assert_whole(&decoded);
        prop_assert_eq!(decoded, expected);
    }

    #[test]
    fn what_arrow_writes_is_decoded(rows in rows()) {
        let rows = batch(&rows);
        let plain = Arc::new(plain_schema(rows.schema_ref()).unwrap());
        let rows = as_plain(&rows, &plain);
        let decoded = Decoder::new(plain).decode(&written_by_arrow(&rows), MAX_ROWS).unwrap();
        prop_assert_eq!(decoded, rows);
    }
}

/// One way to damage a message.
#[derive(Clone, Debug)]
enum Damage {
    Byte {
        at: usize,
        to: u8,
    },
    /// A 64-bit number of the metadata.
    Number {
        at: usize,
        to: i64,
    },
    Cut {
        at: usize,
    },
    Grow {
        by: usize,
    },
    Swap {
        a: usize,
        b: usize,
    },
}

fn damage() -> impl Strategy<Value = Damage> {
    let number = prop_oneof![
        any::<i64>(),
        Just(-1),
        Just(i64::MAX),
        Just(i64::MIN),
        0i64..100,
        Just(1 << 31),
        Just(1 << 32),
        Just((1 << 61) + 1),
    ];
    prop_oneof![
        4 => (any::<usize>(), any::<u8>()).prop_map(|(at, to)| Damage::Byte { at, to }),
        6 => (any::<usize>(), number).prop_map(|(at, to)| Damage::Number { at, to }),
        1 => any::<usize>().prop_map(|at| Damage::Cut { at }),
        1 => (1usize..64).prop_map(|by| Damage::Grow { by }),
        2 => (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Damage::Swap { a, b }),
    ]
}

fn inflict(message: &mut Vec<u8>, damage: &Damage) {
    if message.len() < 16 {
        return;
    }
    let words = message.len() / 8;
    match *damage {
        Damage::Byte { at, to } => {
            let at = at % message.len();
            message[at] = to;
        }
        Damage::Number { at, to } => {
            // Mostly in the metadata, where the numbers are.
            let metadata =
                (u32::from_le_bytes(message[4..8].try_into().unwrap()) as usize / 8 + 1).clamp(1, words);
            let at = at % metadata * 8;
            message[at..at + 8].copy_from_slice(&to.to_le_bytes());
        }
        Damage::Cut { at } => message.truncate(at % message.len()),
        Damage::Grow { by } => message.resize(message.len() + by, 0xaa),
        Damage::Swap { a, b } => {
            let (a, b) = (a % words * 8, b % words * 8);
            for i in 0..8 {
                message.swap(a + i, b + i);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn damage_is_an_error_or_harmless(
        rows in rows(),
        damages in prop::collection::vec(damage(), 1..4),
        by_arrow in any::<bool>(),
    ) {
        let rows = batch(&rows);
        let (mut encoder, plain) = all(&rows);
        let expected = as_plain(&rows, &plain);
        let good = if by_arrow { written_by_arrow(&expected) } else { encoder.encode(&rows).unwrap().to_vec() };
        let mut bad = good.clone();
        damages.iter().for_each(|damage| inflict(&mut bad, damage));
        let mut decoder = Decoder::new(plain);
        // Before and after a good one: with and without a layout to reuse.
        for message in [&bad, &good, &bad, &good] {
            match decoder.decode(message, MAX_ROWS) {
                Ok(decoded) => {
                    assert_whole(&decoded);
                    if std::ptr::eq(message, &good) {
                        prop_assert_eq!(&decoded, &expected);
                    }
                }
                Err(e) => prop_assert!(!std::ptr::eq(message, &good), "the good message after the bad one: {}", e),
            }
        }
    }

    #[test]
    fn damaged_schemas_are_errors_or_harmless(damages in prop::collection::vec(damage(), 1..6)) {
        let schema = plain_schema(batch(&[]).schema_ref()).unwrap();
        let mut message = super::encode_schema(&schema).unwrap();
        damages.iter().for_each(|damage| inflict(&mut message, damage));
        if let Ok(schema) = super::decode_schema(&message) {
            let _ = RecordBatch::new_empty(schema);
        }
    }
}

#[test]
fn lists_of_lists_survive() {
    let inner = ListArray::from_iter_primitive::<arrow::datatypes::Int32Type, _, _>(vec![
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
        Some(vec![Some(4)]),
    ]);
    let item = Arc::new(Field::new("item", inner.data_type().clone(), true));
    let offsets = arrow::buffer::OffsetBuffer::new(vec![0, 1, 1, 4].into());
    let outer = ListArray::try_new(item, offsets, Arc::new(inner), None).unwrap();
    let floats = Float32Array::from(vec![1.0, 2.0, 3.0]);
    let rows =
        RecordBatch::try_from_iter([("l", Arc::new(outer) as ArrayRef), ("f", Arc::new(floats))]).unwrap();
    let (mut encoder, plain) = all(&rows);
    for rows in [rows.clone(), rows.slice(1, 2), rows.slice(2, 1)] {
        let message = encoder.encode(&rows).unwrap();
        assert_eq!(Decoder::new(Arc::clone(&plain)).decode(&message, MAX_ROWS).unwrap(), rows);
    }
}
