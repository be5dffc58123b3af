//! The messages against arrow-rs's own reader and writer.

use super::*;
use crate::testing::{batch_message, schema_message, schema_of};
use arrow_array::{Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Fields, IntervalUnit, Schema, TimeUnit};
use proptest::prelude::*;
use std::sync::Arc;

fn leaf() -> impl Strategy<Value = DataType> {
    use DataType::*;
    let unit = prop::sample::select(vec![
        TimeUnit::Second,
        TimeUnit::Millisecond,
        TimeUnit::Microsecond,
        TimeUnit::Nanosecond,
    ]);
    prop_oneof![
        prop::sample::select(vec![
            Null,
            Int8,
            Int16,
            Int32,
            Int64,
            UInt8,
            UInt16,
            UInt32,
            UInt64,
            Float16,
            Float32,
            Float64,
            Binary,
            LargeBinary,
            Utf8,
            LargeUtf8,
            Boolean,
            Date32,
            Date64,
            Time32(TimeUnit::Second),
            Time32(TimeUnit::Millisecond),
            Time64(TimeUnit::Microsecond),
            Time64(TimeUnit::Nanosecond),
            Interval(IntervalUnit::YearMonth),
            Interval(IntervalUnit::DayTime),
            Interval(IntervalUnit::MonthDayNano),
            FixedSizeBinary(7),
            Decimal32(5, 2),
            Decimal64(12, -2),
            Decimal128(30, 4),
            Decimal256(60, 0),
        ]),
        (unit.clone(), prop::option::of("[A-Z][a-z]{2,9}/[A-Z][a-z]{2,9}"))
            .prop_map(|(unit, zone)| Timestamp(unit, zone.map(Arc::from))),
        unit.prop_map(Duration),
    ]
}

fn any_type() -> impl Strategy<Value = DataType> {
    leaf().prop_recursive(3, 12, 4, |inner| {
        let field =
            (".{0,6}", inner, any::<bool>()).prop_map(|(n, t, null)| Arc::new(Field::new(n, t, null)));
        prop_oneof![
            field.clone().prop_map(DataType::List),
            field.clone().prop_map(DataType::LargeList),
            field.clone().prop_map(|f| DataType::FixedSizeList(f, 3)),
            prop::collection::vec(field, 1..4).prop_map(|f| DataType::Struct(Fields::from(f))),
        ]
    })
}

proptest! {
    #[test]
    fn schemas_are_those_of_arrow(
        columns in prop::collection::vec(("[a-zé$]{0,9}", any_type(), any::<bool>()), 0..6)
    ) {
        let fields: Vec<Field> = columns.into_iter().map(|(n, t, null)| Field::new(n, t, null)).collect();
        let schema = Schema::new(fields);
        prop_assert_eq!(&schema_of(&encode_schema(&schema).unwrap()), &schema);
        prop_assert_eq!(&decode_schema(&schema_message(&schema)).unwrap(), &schema);
    }

    #[test]
    fn damaged_metadata_is_an_error_or_stays_within_the_message(
        at in 0usize..2000, byte: u8, cut in 0usize..2000
    ) {
        let mut message = sample();
        let (at, cut) = (at % message.len(), cut % message.len());
        message[at] = byte;
        for message in [&message[..], &message[..cut]] {
            let mut layout = BatchLayout::default();
            if layout.read(message).is_ok() {
                let part = Part::first(message, &layout, &DataType::Utf8);
                for index in 0..3 {
                    let _ = part.buffer(index, 0);
                }
            }
        }
        let mut schema = schema_message(&Schema::new(vec![Field::new("a", DataType::Utf8, true)]));
        let at = at % schema.len();
        schema[at] = byte;
        let _ = decode_schema(&schema);
    }
}

fn sample() -> Vec<u8> {
    let schema =
        Schema::new(vec![Field::new("a", DataType::Utf8, true), Field::new("b", DataType::Int64, true)]);
    let text = StringArray::from(vec![Some("x"), None, Some("yz")]);
    let numbers = Int64Array::from(vec![1, 2, 3]);
    batch_message(&RecordBatch::try_new(Arc::new(schema), vec![Arc::new(text), Arc::new(numbers)]).unwrap())
}

#[test]
fn a_layout_names_rows_and_buffers() {
    let message = sample();
    let mut layout = BatchLayout::default();
    layout.read(&message).unwrap();
    assert_eq!(layout.rows, 3);
    let text = Part::first(&message, &layout, &DataType::Utf8);
    assert_eq!(text.node().unwrap(), (3, 1));
    assert_eq!(&text.buffer(2, 3).unwrap()[..3], b"xyz");
    let numbers = text.next(&DataType::Int64);
    assert_eq!(numbers.node().unwrap(), (3, 0));
    assert_eq!(numbers.buffer(1, 24).unwrap()[8], 2);
    assert_eq!(
        numbers.buffer(1, 80).unwrap_err().to_string(),
        format!("a buffer has {} bytes instead of 80", numbers.buffer(1, 0).unwrap().len())
    );
}

#[test]
fn what_is_no_batch_is_refused() {
    let read = |bytes: &[u8]| BatchLayout::default().read(bytes).unwrap_err().to_string();
    assert_eq!(read(b"xyz"), "the message is shorter than its prefix");
    assert_eq!(read(b"12345678"), "the message does not start with the continuation marker");
    assert_eq!(read(&sample()[..40]), "the metadata is cut short");
    let schema = schema_message(&Schema::new(vec![Field::new("a", DataType::Utf8, true)]));
    assert_eq!(read(&schema), "expected a RecordBatch message");
    assert_eq!(decode_schema(&sample()).unwrap_err().to_string(), "expected a Schema message");
}

#[test]
fn types_that_do_not_cross_are_named() {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    for (data_type, text) in [
        (dictionary, "column a has the type Dictionary(Int32, Utf8), which does not cross the boundary"),
        (DataType::Utf8View, "column a has the type Utf8View, which does not cross the boundary"),
    ] {
        let schema = Schema::new(vec![Field::new("a", data_type, true)]);
        assert_eq!(encode_schema(&schema).unwrap_err().to_string(), text);
        assert!(Message::new(&schema).is_err());
        assert!(decode_schema(&schema_message(&schema)).unwrap_err().to_string().starts_with("column a"));
    }
}
