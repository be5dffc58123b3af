//! Properties: what is encoded decodes to the same rows; no bytes make the decoder panic or cost a good record;
//! what is JSON and what is not is judged as others judge it.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;
use proptest::collection::vec;
use proptest::prelude::*;

use super::tests::{decoder, encode, records, schema};

/// A column type and seeds from which values are made.
fn data_type() -> impl Strategy<Value = DataType> {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    let leaf = prop::sample::select(vec![
        DataType::Boolean,
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
        DataType::Float32,
        DataType::Float64,
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Binary,
        DataType::LargeBinary,
        DataType::FixedSizeBinary(3),
        DataType::Date32,
        DataType::Time32(Second),
        DataType::Time32(Millisecond),
        DataType::Time64(Microsecond),
        DataType::Time64(Nanosecond),
        DataType::Timestamp(Second, None),
        DataType::Timestamp(Millisecond, Some("UTC".into())),
        DataType::Timestamp(Microsecond, None),
        DataType::Timestamp(Nanosecond, None),
        DataType::Duration(Millisecond),
        DataType::Decimal128(38, 10),
        DataType::Decimal256(76, 3),
    ]);
    leaf.prop_recursive(3, 12, 3, |inner| {
        let item = |t: DataType| Arc::new(Field::new("item", t, true));
        prop_oneof![
            inner.clone().prop_map(move |t| DataType::List(item(t))),
            inner.clone().prop_map(move |t| DataType::LargeList(item(t))),
            inner.clone().prop_map(move |t| DataType::FixedSizeList(item(t), 2)),
            vec(inner.clone(), 0..4).prop_map(|types| DataType::Struct(columns(types).into())),
            inner.prop_map(|t| {
                let entries = vec![Field::new("keys", DataType::Utf8, false), Field::new("values", t, true)];
                DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries.into()), false)), false)
            }),
        ]
    })
}

/// Columns of these types, every second one not null, with names that need care.
fn columns(types: Vec<DataType>) -> Vec<Field> {
    let names =
        ["id", "a \"quoted\" name", "a name that is longer than sixteen bytes", "é\n", "", "x", "y", "z"];
    types.into_iter().enumerate().map(|(i, t)| Field::new(names[i], t, i % 2 == 1)).collect()
}

/// `rows` values of a type, made from a generator of numbers.
fn array(data_type: &DataType, nullable: bool, rows: usize, next: &mut impl FnMut() -> u64) -> ArrayRef {
    let text = |n: u64| {
        ["", "plain", "\"\\\u{1}\n", "žluťoučký kůň 🐎 a longer text", "0123456789abcdef"][(n % 5) as usize]
    };
    let valid: Vec<bool> = (0..rows).map(|_| !nullable || !next().is_multiple_of(4)).collect();
    let numbers: Vec<u64> = (0..rows).map(|_| next()).collect();
    let of = |make: &dyn Fn(u64) -> i128| numbers.iter().map(|n| make(*n)).collect::<Vec<i128>>();
    let lens = || numbers.iter().map(|n| (n % 3) as usize).collect::<Vec<_>>();
    let nulls = Some(arrow::buffer::NullBuffer::from(valid.clone())).filter(|n| n.null_count() > 0);
    macro_rules! primitive {
        ($native:ty, $make:expr) => {{
            let values: Vec<$native> = numbers.iter().map($make).collect();
            let data = ArrayData::builder(data_type.clone())
                .len(rows)
                .add_buffer(arrow::buffer::Buffer::from_vec(values))
                .nulls(nulls.clone());
            make_array(data.build().unwrap())
        }};
    }
    match data_type {
        DataType::Boolean => {
            Arc::new(BooleanArray::new(numbers.iter().map(|n| n % 2 == 0).collect(), nulls.clone()))
        }
        DataType::Int8 => primitive!(i8, |n| *n as i8),
        DataType::Int16 => primitive!(i16, |n| *n as i16),
        DataType::Int32 | DataType::Date32 => primitive!(i32, |n| *n as i32 >> (n % 20)),
        DataType::Time32(_) => primitive!(i32, |n| (*n % 86_400) as i32),
        DataType::UInt8 => primitive!(u8, |n| *n as u8),
        DataType::UInt16 => primitive!(u16, |n| *n as u16),
        DataType::UInt32 => primitive!(u32, |n| *n as u32),
        DataType::UInt64 => primitive!(u64, |n| *n),
        DataType::Float32 => {
            primitive!(f32, |n| Some(f32::from_bits(*n as u32)).filter(|f| f.is_finite()).unwrap_or(0.5))
        }
        DataType::Float64 => {
            primitive!(f64, |n| Some(f64::from_bits(*n)).filter(|f| f.is_finite()).unwrap_or(-0.0))
        }
        DataType::Decimal128(..) => {
            let values = of(&|n| (n as i64 as i128) * 1_000_000_007 * (n % 7) as i128);
            let values = PrimitiveArray::<Decimal128Type>::new(values.into(), nulls);
            Arc::new(values.with_data_type(data_type.clone()))
        }
        DataType::Decimal256(..) => {
            let values: Vec<i256> =
                of(&|n| n as i64 as i128 * 977).into_iter().map(i256::from_i128).collect();
            Arc::new(
                PrimitiveArray::<Decimal256Type>::new(values.into(), nulls).with_data_type(data_type.clone()),
            )
        }
        DataType::Utf8 => {
            let all = numbers.iter().zip(&valid);
            Arc::new(all.map(|(n, valid)| valid.then(|| text(*n))).collect::<StringArray>())
        }
        DataType::LargeUtf8 => {
            let all = numbers.iter().zip(&valid);
            Arc::new(all.map(|(n, valid)| valid.then(|| text(*n))).collect::<LargeStringArray>())
        }
        DataType::Binary => {
            let all = numbers.iter().zip(&valid);
            Arc::new(
                all.map(|(n, valid)| valid.then(|| n.to_le_bytes()[..(n % 9) as usize].to_vec()))
                    .collect::<BinaryArray>(),
            )
        }
        DataType::LargeBinary => {
            let all = numbers.iter().zip(&valid);
            Arc::new(
                all.map(|(n, valid)| valid.then(|| n.to_le_bytes().to_vec())).collect::<LargeBinaryArray>(),
            )
        }
        DataType::FixedSizeBinary(_) => {
            let values: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()[..3].to_vec()).collect();
            Arc::new(FixedSizeBinaryArray::new(3, values.into(), nulls))
        }
        DataType::Struct(fields) if fields.is_empty() => Arc::new(StructArray::new_empty_fields(rows, nulls)),
        DataType::Struct(fields) => {
            let columns = fields.iter().map(|f| array(f.data_type(), f.is_nullable(), rows, next)).collect();
            Arc::new(StructArray::new(fields.clone(), columns, nulls))
        }
        DataType::List(item) => {
            let offsets = arrow::buffer::OffsetBuffer::<i32>::from_lengths(lens());
            let items = array(item.data_type(), true, lens().iter().sum(), next);
            Arc::new(ListArray::new(Arc::clone(item), offsets, items, nulls))
        }
        DataType::LargeList(item) => {
            let offsets = arrow::buffer::OffsetBuffer::<i64>::from_lengths(lens());
            let items = array(item.data_type(), true, lens().iter().sum(), next);
            Arc::new(LargeListArray::new(Arc::clone(item), offsets, items, nulls))
        }
        DataType::FixedSizeList(item, size) => {
            let items = array(item.data_type(), true, rows * *size as usize, next);
            Arc::new(FixedSizeListArray::new(Arc::clone(item), *size, items, nulls))
        }
        DataType::Map(entries, _) => {
            let DataType::Struct(fields) = entries.data_type() else { unreachable!("a map has entries") };
            let len = lens().iter().sum();
            let keys = array(&DataType::Utf8, false, len, next);
            let values = array(fields[1].data_type(), true, len, next);
            let pairs =
                StructArray::try_new_with_length(fields.clone(), vec![keys, values], None, len).unwrap();
            let offsets = arrow::buffer::OffsetBuffer::<i32>::from_lengths(lens());
            Arc::new(MapArray::new(Arc::clone(entries), offsets, pairs, nulls, false))
        }
        // Everything else is 64 bits wide.
        _ => primitive!(i64, |n| *n as i64 >> (n % 60)),
    }
}

fn batch(columns_min: usize) -> impl Strategy<Value = RecordBatch> {
    (vec(data_type(), columns_min..6), 0_usize..20, any::<u64>()).prop_map(|(types, rows, seed)| {
        let mut random = fastrand::Rng::with_seed(seed);
        let fields = columns(types);
        let columns = fields
            .iter()
            .map(|f| array(f.data_type(), f.is_nullable(), rows, &mut || random.u64(..)))
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(schema(fields), columns, &options).unwrap()
    })
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(batch in batch(0)) {
        let encoded = encode(&batch);
        prop_assert_eq!(&encoded.errors, &vec![]);
        let texts: Vec<&[u8]> = (0..batch.num_rows()).map(|row| encoded.row(row)).collect();
        for text in &texts {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(text).is_ok(), "{}", String::from_utf8_lossy(text));
        }
        let decoded = decoder(&batch.schema()).decode(&records(&texts));
        prop_assert_eq!(&decoded.errors, &vec![]);
        for column in decoded.rows.columns() {
            prop_assert!(column.to_data().validate_full().is_ok());
        }
        prop_assert_eq!(decoded.rows, batch);
    }

    #[test]
    fn a_cut_or_changed_record_costs_its_neighbours_nothing(
        batch in batch(1),
        changes in vec((any::<prop::sample::Index>(), any::<u8>(), 0_usize..3), 20),
    ) {
        let encoded = encode(&batch);
        let mut values: Vec<Vec<u8>> = Vec::new();
        for (row, (at, byte, kind)) in changes.iter().enumerate().take(batch.num_rows()) {
            let good = encoded.row(row).to_vec();
            let mut bad = good.clone();
            let at = at.index(bad.len());
            match kind {
                0 => bad[at] = *byte,
                1 => bad.truncate(at),
                _ => bad.insert(at, *byte),
            }
            values.extend([bad, good]);
        }
        let decoded = decoder(&batch.schema()).decode(&records(&values));
        prop_assert_eq!(decoded.rows.num_rows() + decoded.errors.len(), values.len());
        let rows = decoded.records.clone().unwrap_or_else(|| (0..values.len() as u32).collect());
        let good = UInt32Array::from_iter_values((0..rows.len() as u32).filter(|&i| rows[i as usize] % 2 == 1));
        for column in decoded.rows.columns() {
            prop_assert!(column.to_data().validate_full().is_ok());
        }
        prop_assert_eq!(arrow::compute::take_record_batch(&decoded.rows, &good).unwrap(), batch);
    }

    #[test]
    fn any_bytes_are_survived(values in vec(vec(any::<u8>(), 0..60), 0..20), types in vec(data_type(), 1..4)) {
        let decoded = decoder(&schema(columns(types))).decode(&records(&values));
        prop_assert_eq!(decoded.rows.num_rows() + decoded.errors.len(), values.len());
    }

    #[test]
    fn what_is_json_is_judged_as_others_judge_it(
        pieces in vec(prop::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\"a\"", "\"good\"", "1", "-", "0", ".5", "e1", "true", "null", "fals", " ",
            "\"\\u00e9\"", "\"\\ud83d\\udc0e\"", "\"\\ud83d\"", "\"\\x\"", "\"", "\\", "\n", "é", "\u{1}", "{}", "[]",
            "{\"a\":1}", "[1,2]", "12345678901234567890", "1e5",
        ]), 0..8),
    ) {
        let value = pieces.concat();
        let text = format!("{{\"a\":{value}}}");
        let json = [("ARROW:extension:name".to_owned(), "arrow.json".to_owned())].into();
        let schema = schema(vec![Field::new("a", DataType::Utf8, true).with_metadata(json)]);
        let ours = decoder(&schema).decode(&records(&[&text]));
        match serde_json::from_str::<serde_json::Value>(&text) {
            // That parser has a bound of its own on numbers and stops there, whatever follows: without reading
            // the numbers it still tells what is no JSON at all.
            Err(why) if why.to_string().starts_with("number out of range") => {
                let form = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
                prop_assert!(form || !ours.errors.is_empty(), "{}", text);
            }
            theirs => prop_assert_eq!(ours.errors.is_empty(), theirs.is_ok(), "{} {:?}", text, ours.errors),
        }
    }

    #[test]
    fn numbers_are_read_as_the_standard_library_reads_them(text in "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?(e[+-]?[0-9]{1,3})?") {
        let schema = schema(vec![
            Field::new("f", DataType::Float64, true),
            Field::new("i", DataType::Int64, true),
            Field::new("d", DataType::Decimal128(38, 0), true),
        ]);
        let read = |name: &str| decoder(&schema).decode(&records(&[format!("{{\"{name}\":{text}}}")])).rows;
        let float: f64 = text.parse().unwrap();
        let rows = read("f");
        prop_assert_eq!(rows.num_rows() == 1, float.is_finite());
        if float.is_finite() {
            prop_assert_eq!(rows.column(0).as_primitive::<Float64Type>().value(0).to_bits(), float.to_bits());
        }
        if let Ok(integer) = text.parse::<i128>() {
            let narrow = read("i");
            prop_assert_eq!(narrow.num_rows() == 1, i64::try_from(integer).is_ok());
            let wide = read("d");
            prop_assert_eq!(wide.column(2).as_primitive::<Decimal128Type>().value(0), integer);
        } else if read("i").num_rows() == 1 {
            let integer = read("i").column(1).as_primitive::<Int64Type>().value(0);
            prop_assert_eq!(integer as f64, float);
        }
    }
}
