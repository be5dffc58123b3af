//! Records made to take more memory or time than they may, or to lead the library in use into a panic: each is read
//! as what it says or refused, and costs what is counted for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::*;
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::*;
use arrow_ipc::CompressionType;

use super::ArrowDecoder;
use super::message::Messages;
use super::tests::{compressed, decode, errors, item, one, schema, stream, through};
use crate::batch::RawRecords;
use crate::codec::trip::records;
use crate::codec::{Codec, Decode, Decoded, Decoder, Meta};

const TOO_LARGE: &str = "too-large: v: it unpacks to more than 67108864 bytes: put fewer rows into a record";

fn all_null<T: ArrowPrimitiveType>(len: usize) -> PrimitiveArray<T> {
    PrimitiveArray::new_null(len)
}

/// A dictionary of these values, of which the keys are all null.
fn null_keys(keys: usize, values: impl Array + 'static) -> DictionaryArray<Int8Type> {
    DictionaryArray::new(all_null(keys), Arc::new(values))
}

#[test]
fn garbage_under_a_null_decimal_is_not_converted() {
    let most = i256::MAX;
    let wide = Decimal256Array::new(vec![most, i256::ONE].into(), Some(vec![false, true].into()));
    let wide = wide.with_precision_and_scale(10, 2).unwrap();
    assert_eq!(through(wide.clone(), DataType::Decimal128(10, 2)), "null 0.01");
    assert_eq!(through(wide, DataType::Decimal128(12, 3)), "null 0.010");
    let narrower = Decimal128Array::new(vec![i128::MIN].into(), Some(vec![false].into()));
    let narrower = narrower.with_precision_and_scale(5, 0).unwrap();
    assert_eq!(through(narrower, DataType::Decimal64(10, 2)), "null");
    // Where it is not null it is no garbage but a number of too many digits.
    let valid = Decimal256Array::new(vec![most].into(), None).with_precision_and_scale(10, 2).unwrap();
    assert!(through(valid, DataType::Decimal128(10, 2)).starts_with("arrow-syntax: v: "));
}

#[test]
fn a_null_key_costs_what_it_becomes() {
    let empty =
        |width| FixedSizeBinaryArray::try_new_with_len(width, Vec::<u8>::new().into(), None, 0).unwrap();
    assert_eq!(through(null_keys(100, empty(1 << 20)), DataType::Binary), TOO_LARGE);
    assert_eq!(through(null_keys(1, empty(i32::MAX)), DataType::Binary), TOO_LARGE);
    assert_eq!(through(null_keys(2, empty(4)), DataType::Binary), "null null");

    let of = |items: ArrayRef, size| {
        let item = item(items.data_type().clone(), true);
        FixedSizeListArray::try_new_with_length(item, size, items, None, 0).unwrap()
    };
    let bytes = || new_empty_array(&DataType::Int8);
    let to = || DataType::List(item(DataType::Int8, true));
    assert_eq!(through(null_keys(100, of(bytes(), 1 << 20)), to()), TOO_LARGE);
    assert_eq!(through(null_keys(1, of(bytes(), i32::MAX)), to()), TOO_LARGE);
    assert_eq!(through(null_keys(1, of(Arc::new(of(bytes(), i32::MAX)), i32::MAX)), to()), TOO_LARGE);
    assert_eq!(through(null_keys(2, of(bytes(), 3)), to()), "null null");

    let fields: Fields =
        (0..1000).map(|at| Field::new(format!("f{at}"), DataType::FixedSizeBinary(1000), true)).collect();
    let wide = null_keys(100, new_empty_array(&DataType::Struct(fields)).as_struct().clone());
    assert_eq!(through(wide, DataType::Struct(Fields::empty())), TOO_LARGE);
}

/// A long list and an empty one.
fn long_and_empty() -> ListArray {
    let offsets = OffsetBuffer::from_lengths([1 << 20, 0]);
    let items = Arc::new(Int8Array::from(vec![0; 1 << 20]));
    ListArray::new(item(DataType::Int8, true), offsets, items, None)
}

/// Whether this many rows came, and why not.
fn rows_of(array: impl Array + 'static, to: DataType) -> Result<usize, String> {
    let to = schema(vec![Field::new("v", to, true)]);
    let decoded = decode(&to, &[compressed(&one("v", Arc::new(array)), CompressionType::ZSTD)]);
    match decoded.errors.is_empty() {
        true => Ok(decoded.rows.num_rows()),
        false => Err(errors(&decoded.errors)),
    }
}

#[test]
fn short_lists_that_are_picked_take_no_room_for_long_ones() {
    let rows = 1 << 20;
    let to = || DataType::List(item(DataType::Int8, true));
    let empty = || Int8Array::from(vec![1; rows]);
    assert_eq!(rows_of(DictionaryArray::new(empty(), Arc::new(long_and_empty())), to()), Ok(rows));
    assert_eq!(rows_of(null_keys(rows, long_and_empty()), to()), Ok(rows));
    let large =
        arrow::compute::cast(&long_and_empty(), &DataType::LargeList(item(DataType::Int8, true))).unwrap();
    assert_eq!(rows_of(DictionaryArray::new(empty(), large), to()), Ok(rows));

    let within = StructArray::from(vec![(
        Arc::new(Field::new("list", to(), true)),
        Arc::new(long_and_empty()) as ArrayRef,
    )]);
    let object = DataType::Struct(within.fields().clone());
    assert_eq!(rows_of(DictionaryArray::new(empty(), Arc::new(within)), object), Ok(rows));

    let ends = Int32Array::from(vec![1, rows as i32]);
    let runs = RunArray::try_new(&ends, &long_and_empty()).unwrap();
    assert_eq!(rows_of(runs, to()), Ok(rows));

    let views = ListViewArray::new(
        item(to(), true),
        vec![1; rows].into(),
        vec![1; rows].into(),
        Arc::new(long_and_empty()),
        None,
    );
    assert_eq!(rows_of(views, DataType::List(item(to(), true))), Ok(rows));
    // Long ones are counted as long as they are.
    let long = DictionaryArray::new(Int8Array::from(vec![0; 100]), Arc::new(long_and_empty()));
    assert_eq!(rows_of(long, to()), Err(format!("0 {TOO_LARGE}")));
}

#[test]
fn maps_that_are_picked_are_as_they_were() {
    let mut maps = MapBuilder::new(None, Int8Builder::new(), Int8Builder::new());
    maps.keys().append_slice(&[1, 2]);
    maps.values().append_slice(&[3, 4]);
    maps.append(true).unwrap();
    maps.append(false).unwrap();
    maps.append(true).unwrap();
    let maps = maps.finish();
    let to = maps.data_type().clone();
    let keys = Int8Array::from(vec![Some(2), Some(0), None, Some(1), Some(0)]);
    let picked = DictionaryArray::new(keys, Arc::new(maps));
    let decoded = decode(&schema(vec![Field::new("v", to, true)]), &[stream(&[one("v", Arc::new(picked))])]);
    assert_eq!(errors(&decoded.errors), "");
    let picked = decoded.rows.column(0).as_map();
    assert_eq!((0..5).map(|row| picked.value_length(row)).collect::<Vec<_>>(), [0, 2, 0, 0, 2]);
    assert_eq!((0..5).map(|row| picked.is_null(row)).collect::<Vec<_>>(), [false, false, true, true, false]);
    assert_eq!(picked.values().as_primitive::<Int8Type>().values(), &[3, 4, 3, 4]);
}

/// Objects of a number and of something that takes no room.
fn with_nothing(nothing: ArrayRef) -> StructArray {
    let numbers = Arc::new(Int8Array::from(vec![1, 2])) as ArrayRef;
    let b = Field::new("b", nothing.data_type().clone(), true);
    StructArray::from(vec![
        (Arc::new(Field::new("a", DataType::Int8, true)), numbers),
        (Arc::new(b), nothing),
    ])
}

#[test]
fn values_of_no_width_are_picked_with_those_beside_them() {
    let binary = FixedSizeBinaryArray::try_new_with_len(0, Vec::<u8>::new().into(), None, 2).unwrap();
    let items = new_empty_array(&DataType::Int8);
    let list =
        FixedSizeListArray::try_new_with_length(item(DataType::Int8, true), 0, items, None, 2).unwrap();
    let kinds: [(ArrayRef, DataType, &str); 2] = [
        (Arc::new(binary), DataType::Binary, "\"\""),
        (Arc::new(list), DataType::List(item(DataType::Int8, true)), "[]"),
    ];
    for (nothing, as_type, text) in kinds {
        let fields = vec![Field::new("a", DataType::Int8, true), Field::new("b", as_type.clone(), true)];
        let to = DataType::Struct(fields.into());
        let keys = || Int8Array::from(vec![Some(1), None, Some(0)]);
        let object = |a: i8| format!("{{\"a\":{a},\"b\":{text}}}");
        let objects = Arc::new(with_nothing(Arc::clone(&nothing)));

        let dictionary = DictionaryArray::new(keys(), Arc::clone(&objects) as ArrayRef);
        assert_eq!(through(dictionary, to.clone()), format!("{} null {}", object(2), object(1)));
        let runs = RunArray::try_new(&Int16Array::from(vec![1, 3]), objects.as_ref()).unwrap();
        assert_eq!(through(runs, to.clone()), [object(1), object(2), object(2)].join(" "));
        let listed = item(objects.data_type().clone(), true);
        let views = ListViewArray::new(listed, vec![1].into(), vec![1].into(), objects, None);
        assert_eq!(through(views, DataType::List(item(to, true))), format!("[{}]", object(2)));

        let alone = DictionaryArray::new(keys(), nothing);
        assert_eq!(through(alone, as_type), format!("{text} null {text}"));
    }
}

#[test]
fn nothing_of_many_columns_costs_a_byte_for_each_of_them() {
    let fields: Fields = (0..1000).map(|at| Field::new(format!("f{at}"), DataType::Int8, true)).collect();
    let objects = new_empty_array(&DataType::Struct(fields));
    let lists = ListArray::new(
        item(objects.data_type().clone(), true),
        OffsetBuffer::from_lengths([0, 0]),
        objects,
        None,
    );
    // So that no two follow one another.
    let keys = Int8Array::from(vec![1; 1 << 20]);
    let begin = Instant::now();
    let outcome =
        rows_of(DictionaryArray::new(keys, Arc::new(lists)), DataType::List(item(DataType::Null, true)));
    assert_eq!(outcome, Err(format!("0 {TOO_LARGE}")));
    assert!(begin.elapsed() < Duration::from_secs(10));
}

/// Records with their keys.
fn keyed(records: &[(Option<&[u8]>, &[u8])], topic: &str) -> RawRecords {
    let mut raw = RawRecords::with_capacity(topic.into(), 0, records.len(), 0);
    for (offset, (key, value)) in records.iter().enumerate() {
        raw.push(offset as i64, None, *key, Some(value));
    }
    raw
}

/// A stream without columns, of so many rows.
fn rows_of_nothing(rows: usize) -> Vec<u8> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let empty = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
    stream(&[empty])
}

fn including(include: &[Meta], key: Option<Decode>) -> Decoder {
    let plain = Decode::plain(Codec::Arrow, schema(vec![Field::new("v", DataType::Int64, true)]));
    let decode = Decode { include: include.to_vec(), key: key.map(Box::new), ..plain };
    Decoder::new(&decode, &Default::default()).unwrap()
}

#[test]
fn what_is_included_is_counted_for_each_row() {
    let (key, topic) = ("k".repeat(430), "t".repeat(249));
    let (many, few) = (rows_of_nothing(1 << 20), rows_of_nothing(3));
    let mut raw = keyed(&[(Some(key.as_bytes()), &few), (Some(key.as_bytes()), &many), (None, &few)], &topic);
    raw.push_header("h", Some(&[0; 500]));
    raw.push(3, None, None, Some(&many));
    raw.push_header("h", Some(&[0; 500]));
    let refused = |include: &[Meta]| -> Decoded { including(include, None).decode(&raw).unwrap() };
    let decoded = refused(&[Meta::Key]);
    insta::assert_snapshot!(errors(&decoded.errors), @"1 too-large: what is included of it (key, headers, topic …) is there for each of its 1048576 rows and takes more than 67108864 bytes: put fewer rows into a record, or include less");
    assert_eq!(decoded.records, Some([[0; 3].as_slice(), &[2; 3], &vec![3; 1 << 20]].concat()));
    assert_eq!(decoded.rows.column(1).as_string::<i32>().value(2), key);
    assert!(decoded.rows.column(1).is_null(3));
    let (headers, topics) = (refused(&[Meta::Headers]), refused(&[Meta::Topic]));
    insta::assert_snapshot!(errors(&headers.errors), @"3 too-large: what is included of it (key, headers, topic …) is there for each of its 1048576 rows and takes more than 67108864 bytes: put fewer rows into a record, or include less");
    insta::assert_snapshot!(errors(&topics.errors), @r"
    1 too-large: what is included of it (key, headers, topic …) is there for each of its 1048576 rows and takes more than 67108864 bytes: put fewer rows into a record, or include less
    3 too-large: what is included of it (key, headers, topic …) is there for each of its 1048576 rows and takes more than 67108864 bytes: put fewer rows into a record, or include less
    ");
    assert_eq!(topics.rows.num_rows(), 6);
    assert_eq!(refused(&[Meta::Offset, Meta::Partition, Meta::Timestamp]).errors, []);
}

#[test]
fn what_is_included_of_many_records_is_counted_together() {
    let key = "k".repeat(60_000);
    let value = rows_of_nothing(1000);
    let raw = keyed(&vec![(Some(key.as_bytes()), value.as_slice()); 20], "t");
    let decoded = including(&[Meta::Key], None).decode(&raw).unwrap();
    assert_eq!((decoded.taken, decoded.rows.num_rows(), decoded.errors), (17, 17_000, vec![]));
    let decoded = including(&[Meta::Key], None).decode(&raw.rest(decoded.taken)).unwrap();
    assert_eq!((decoded.taken, decoded.rows.num_rows(), decoded.errors), (3, 3_000, vec![]));
}

#[test]
fn a_key_of_many_bytes_is_counted_as_what_it_unpacks_to() {
    let long = one("k", Arc::new(long_and_empty()));
    let key_schema = schema(vec![Field::new("k", long.schema().field(0).data_type().clone(), true)]);
    let key = compressed(&long.slice(0, 1), CompressionType::ZSTD);
    let (many, few) = (rows_of_nothing(100_000), rows_of_nothing(2));
    let raw = keyed(&[(Some(&key), &few), (Some(&key), &many), (None, &many)], "t");
    let key = Decode::plain(Codec::Arrow, key_schema);
    let decoded = including(&[Meta::Key], Some(key)).decode(&raw).unwrap();
    insta::assert_snapshot!(errors(&decoded.errors), @"1 too-large: what is included of it (key, headers, topic …) is there for each of its 100000 rows and takes more than 67108864 bytes: put fewer rows into a record, or include less");
    // That one of them is long takes no room for those that have none.
    assert_eq!(decoded.rows.num_rows(), 100_002);
    assert_eq!(decoded.rows.column(1).null_count(), 100_000);
}

#[test]
fn a_key_is_one_row() {
    let of = |keys: &[i64]| stream(&[one("k", Arc::new(Int64Array::from(keys.to_vec())))]);
    let keys = [of(&[1]), of(&[2, 3]), of(&[]), b"no stream".to_vec(), of(&[4])];
    let value = rows_of_nothing(1);
    let raw: Vec<(Option<&[u8]>, &[u8])> =
        keys.iter().map(|key| (Some(key.as_slice()), value.as_slice())).collect();
    let key = Decode::plain(Codec::Arrow, schema(vec![Field::new("k", DataType::Int64, true)]));
    let decoded = including(&[Meta::Key], Some(key)).decode(&keyed(&raw, "t")).unwrap();
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    1 type-mismatch: key: expected one row, found 2: write each key as a stream of one row
    2 type-mismatch: key: expected one row, found 0: write each key as a stream of one row
    3 arrow-syntax: key: at byte 4: expected 1931505518 bytes of metadata, found 5 to the end
    ");
    assert_eq!(decoded.records, Some(vec![0, 4]));
    let keys = decoded.rows.column(1).as_struct().column(0).as_primitive::<Int64Type>();
    assert_eq!(keys.values(), &[1, 4]);
}

/// Columns that all have the name, or the time zone, of the first.
fn sharing(columns: usize, name: &str, zone: Option<&str>) -> Vec<u8> {
    let of = |name: String, zone: Option<&str>| {
        Field::new(name, DataType::Timestamp(TimeUnit::Second, zone.map(Arc::from)), true)
    };
    let mut fields = vec![of(name.to_owned(), zone)];
    fields.extend((1..columns).map(|at| of(at.to_string(), zone.map(|_| "UTC"))));
    let mut bytes = stream(&[RecordBatch::new_empty(schema(fields))]);
    let patches = {
        let place = Messages::of(&bytes).next().unwrap().unwrap();
        let base = place.metadata.as_ptr() as usize - bytes.as_ptr() as usize;
        let fields = place.message.header_as_schema().unwrap().fields().unwrap();
        let entry = |at: usize| {
            let field = fields.get(at);
            let (table, slot) = match zone {
                None => (field._tab, arrow_ipc::Field::VT_NAME),
                Some(_) => (field.type_as_timestamp().unwrap()._tab, arrow_ipc::Timestamp::VT_TIMEZONE),
            };
            base + table.loc() + usize::from(table.vtable().get(slot))
        };
        let text =
            |at: usize| entry(at) + u32::from_le_bytes(*bytes[entry(at)..].first_chunk().unwrap()) as usize;
        (1..columns).map(|at| (entry(at), (text(0) - entry(at)) as u32)).collect::<Vec<_>>()
    };
    for (at, offset) in patches {
        bytes[at..at + 4].copy_from_slice(&offset.to_le_bytes());
    }
    bytes
}

#[test]
fn a_name_that_many_columns_share_is_counted_for_each() {
    let to = schema(vec![Field::new("v", DataType::Int64, true)]);
    let long = "x".repeat(100_000);
    let values = [
        sharing(300, &long, None),
        sharing(12, &long, None),
        sharing(300, "v", Some(&long)),
        sharing(12, "v", Some(&long)),
        sharing(1, &"x".repeat(2 << 20), None),
        sharing(5, &long, None),
    ];
    let decoded = decode(&to, &values);
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    0 arrow-syntax: the metadata of a message is damaged: Apparent size too large
    1 too-large: the names and time zones of the stream's columns have more than 1048576 bytes: shorten them
    2 arrow-syntax: the metadata of a message is damaged: Apparent size too large
    3 too-large: the names and time zones of the stream's columns have more than 1048576 bytes: shorten them
    4 too-large: the names and time zones of the stream's columns have more than 1048576 bytes: shorten them
    ");
}

#[test]
fn an_error_is_no_longer_than_people_read() {
    let name = "n".repeat(600_000);
    let columns = stream(&[one(&name, Arc::new(NullArray::new(1)))]);
    let mut damaged = columns.clone();
    let body = super::tests::message(&columns, 1);
    // The number of rows, before that of nulls.
    let at = columns[body.clone()]
        .windows(16)
        .position(|bytes| bytes == [1_i64.to_le_bytes(); 2].concat())
        .unwrap();
    damaged[body.start + at] = 2;
    let to = schema(vec![Field::new("v", DataType::Int64, true)]);
    let decoded = decode(&to, &[damaged]);
    assert_eq!(decoded.errors[0].code, "arrow-syntax");
    assert_eq!(decoded.errors[0].message, format!("{}…", "n".repeat(1024)));
}

/// A column of views with so many buffers, all of which are the first one, compressed; `patch` changes that one.
fn views_on_one_buffer(buffers: usize, patch: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(6);
    let data: Vec<u8> = (0..1 << 20).map(|_| random.u8(..)).collect();
    let data = (0..buffers).map(|at| if at == 0 { data.as_slice().into() } else { vec![0_u8].into() });
    let views = BinaryViewArray::new(ScalarBuffer::from(vec![0_u128]), data.collect::<Vec<_>>(), None);
    let mut bytes = compressed(&one("v", Arc::new(views)), CompressionType::ZSTD);
    let (entries, body, first) = {
        let mut messages = Messages::of(&bytes);
        messages.next().unwrap();
        let place = messages.next().unwrap().unwrap();
        let entries = place.message.header_as_record_batch().unwrap().buffers().unwrap();
        let begin = entries.bytes().as_ptr() as usize - bytes.as_ptr() as usize;
        // Before those of the data: validity and views.
        let first = entries.get(2);
        (begin + 2 * 16, place.body, first.offset() as usize..(first.offset() + first.length()) as usize)
    };
    patch(&mut bytes[body.start + first.start..body.start + first.end]);
    let entry = bytes[entries..entries + 16].to_vec();
    (0..buffers).for_each(|at| bytes[entries + at * 16..][..16].copy_from_slice(&entry));
    bytes
}

#[test]
fn buffers_that_lie_on_one_another_cost_what_each_has() {
    // A frame to be skipped, and one of a byte after it.
    let nearly_all_skipped = |buffer: &mut [u8]| {
        let last = zstd::bulk::compress(&[7], 0).unwrap();
        let skipped = (buffer.len() - 16 - last.len()) as u32;
        buffer[..8].copy_from_slice(&1_u64.to_le_bytes());
        buffer[8..12].copy_from_slice(&0x184d_2a50_u32.to_le_bytes());
        buffer[12..16].copy_from_slice(&skipped.to_le_bytes());
        let at = buffer.len() - last.len();
        buffer[at..].copy_from_slice(&last);
    };
    let to = schema(vec![Field::new("v", DataType::Binary, true)]);
    let values = [10, 1000].map(|buffers| views_on_one_buffer(buffers, nearly_all_skipped));
    let decoded = decode(&to, &values);
    assert_eq!(errors(&decoded.errors), format!("1 {TOO_LARGE}"));
    assert_eq!(decoded.rows.num_rows(), 1);
}

#[test]
fn a_batch_without_rows_costs_its_columns() {
    let to = schema((0..100).map(|at| Field::new(format!("f{at}"), DataType::Int64, true)).collect());
    let empty = RecordBatch::new_empty(Arc::new(Schema::empty()));
    let fields: Fields = (0..1000).map(|at| Field::new(format!("f{at}"), DataType::Int8, true)).collect();
    let keyed = one("v", Arc::new(null_keys(0, new_empty_array(&DataType::Struct(fields)))));
    let values =
        [stream(&vec![empty.clone(); 10_000]), stream(&vec![empty; 1000]), stream(&vec![keyed; 3000])];
    let decoded = decode(&to, &values);
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    0 too-large: it unpacks to more than 67108864 bytes: put fewer rows into a record
    2 too-large: v: it unpacks to more than 67108864 bytes: put fewer rows into a record
    ");
}

#[test]
fn a_time_that_is_too_far_for_a_finer_unit_is_refused() {
    let times = |values: Vec<Option<i64>>| Time64MicrosecondArray::from(values);
    let to = || DataType::Time64(TimeUnit::Nanosecond);
    assert_eq!(through(times(vec![Some(3), None]), to()), "3000 null");
    let refused = through(times(vec![Some(3), Some(i64::MAX / 999)]), to());
    insta::assert_snapshot!(refused, @"out-of-range: v: Overflow happened on: 9232604641496272 * 1000");
    // What lies under a null is no time.
    let under_null = Time64MicrosecondArray::new(vec![i64::MAX].into(), Some(NullBuffer::new_null(1)));
    assert_eq!(through(under_null, to()), "null");
}

/// Decoded by the short way and by the long one.
fn both_ways(column: DataType, value: &[u8]) -> [String; 2] {
    let columns = schema(vec![Field::new("v", column, true)]);
    [true, false].map(|short| {
        let mut decoder = ArrowDecoder::new(Arc::clone(&columns)).unwrap();
        decoder.flat = decoder.flat.filter(|_| short);
        // The second one is read with the schema known.
        let decoded = decoder.decode(&records(&[value, value]));
        format!("{:?} {}", decoded.rows.columns(), errors(&decoded.errors))
    })
}

#[test]
fn decimals_of_a_negative_scale_are_read_both_ways() {
    let decimals = Decimal128Array::from(vec![12_345]).with_precision_and_scale(5, -2).unwrap();
    let value = stream(&[one("v", Arc::new(decimals.clone()))]);
    let [short, long] = both_ways(DataType::Decimal128(5, -2), &value);
    assert_eq!(short, long);
    assert!(short.contains("12345") && short.ends_with(' '), "{short}");
    assert!(!through(decimals, DataType::Decimal256(40, 0)).contains("syntax"));
}

#[test]
fn strings_of_no_rows_begin_within_their_data() {
    let empty = RecordBatch::new_empty(schema(vec![Field::new("v", DataType::Utf8, true)]));
    let mut value = stream(&[empty]);
    let place = {
        let mut messages = Messages::of(&value);
        messages.next().unwrap();
        let place = messages.next().unwrap().unwrap();
        let offsets = place.message.header_as_record_batch().unwrap().buffers().unwrap().get(1);
        assert!(offsets.length() >= 4);
        place.body.start + offsets.offset() as usize
    };
    value[place] = 100;
    let [short, long] = both_ways(DataType::Utf8, &value);
    assert_eq!(short, long);
    assert!(short.contains("arrow-syntax"), "{short}");
}
