//! What Arrow IPC decodes to, what it refuses and with which words, and what a row becomes.

use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::Buffer;
use arrow::datatypes::*;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{DictionaryHandling, FileWriter, IpcWriteOptions, StreamWriter};
use arrow_ipc::{CompressionType, MetadataVersion};

use crate::batch::RawRecords;
use crate::codec::column::Run;
use crate::codec::trip::{self, records};
use crate::codec::{Codec, Decode, Decoded, Decoder, Encode, Encoder, RecordError};

pub(super) fn schema(fields: Vec<Field>) -> SchemaRef {
    Arc::new(Schema::new(fields))
}

fn decoder(schema: &SchemaRef) -> Decoder {
    Decoder::new(&Decode::plain(Codec::Arrow, Arc::clone(schema)), &Default::default()).unwrap()
}

pub(super) fn decode<T: AsRef<[u8]>>(schema: &SchemaRef, values: &[T]) -> Decoded {
    let decoded = decoder(schema).decode(&records(values)).unwrap();
    for column in decoded.rows.columns() {
        column.to_data().validate_full().unwrap();
    }
    decoded
}

pub(super) fn errors(errors: &[RecordError]) -> String {
    errors.iter().map(|e| format!("{} {}: {}", e.index, e.code, e.message)).collect::<Vec<_>>().join("\n")
}

/// Rows as the lines of JSON that they would be.
fn lines(rows: &RecordBatch) -> String {
    let encoded = trip::encode(&Encode::plain(Codec::Json), rows);
    let row = |i| String::from_utf8(encoded.row(i).to_vec()).unwrap();
    (0..encoded.ends.len()).map(row).collect::<Vec<_>>().join("\n")
}

/// A stream of these batches, as others write it.
fn stream_with(batches: &[RecordBatch], options: IpcWriteOptions) -> Vec<u8> {
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

pub(super) fn stream(batches: &[RecordBatch]) -> Vec<u8> {
    stream_with(batches, IpcWriteOptions::default())
}

pub(super) fn compressed(batch: &RecordBatch, how: CompressionType) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(Some(how)).unwrap();
    stream_with(std::slice::from_ref(batch), options)
}

fn orders() -> SchemaRef {
    schema(vec![Field::new("id", DataType::Int64, false), Field::new("user", DataType::Utf8, true)])
}

fn rows(ids: &[i64]) -> RecordBatch {
    let users = ids.iter().map(|id| (id % 2 == 1).then(|| format!("u{id}")));
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from(ids.to_vec())), Arc::new(users.collect::<StringArray>())];
    RecordBatch::try_new(orders(), columns).unwrap()
}

pub(super) fn one(name: &str, array: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([(name, array, true)]).unwrap()
}

/// Where the body of a stream's first batch is preceded by its metadata: the second message.
pub(super) fn message(stream: &[u8], number: usize) -> std::ops::Range<usize> {
    let mut messages = super::message::Messages::of(stream);
    let mut begin = 0;
    for _ in 0..number {
        begin = messages.next().unwrap().unwrap().body.end;
    }
    begin..messages.next().unwrap().unwrap().body.end
}

#[test]
fn a_record_gives_any_number_of_rows() {
    let values = [
        stream(&[rows(&[1, 2]), rows(&[3])]),
        b"no stream".to_vec(),
        stream(&[rows(&[])]),
        stream(&[rows(&[4])]),
    ];
    let decoded = decode(&orders(), &values);
    insta::assert_snapshot!(errors(&decoded.errors), @"1 arrow-syntax: at byte 4: expected 1931505518 bytes of metadata, found 5 to the end");
    assert_eq!(decoded.records, Some(vec![0, 0, 0, 3]));
    insta::assert_snapshot!(lines(&decoded.rows), @r#"
    {"id":1,"user":"u1"}
    {"id":2,"user":null}
    {"id":3,"user":"u3"}
    {"id":4,"user":null}
    "#);
    let in_step = decode(&orders(), &[stream(&[rows(&[1])]), stream(&[rows(&[2])])]);
    assert_eq!((in_step.rows.num_rows(), in_step.records), (2, None));
}

#[test]
fn a_batch_may_come_without_its_schema() {
    let whole = stream(&[rows(&[1, 2]), rows(&[3])]);
    let (first, second) = (message(&whole, 1), message(&whole, 2));
    let values = [
        &whole[first.clone()],
        &whole[second.clone()],
        &whole[first.start..second.end],
        &whole[first.start..],
    ];
    let decoded = decode(&orders(), &values);
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    2 arrow-syntax: a second message follows a batch without a schema
    3 arrow-syntax: a second message follows a batch without a schema
    ");
    assert_eq!(decoded.records, Some(vec![0, 0, 1]));
    let other = schema(vec![Field::new("id", DataType::Int64, false)]);
    insta::assert_snapshot!(errors(&decode(&other, &[&whole[second]]).errors), @"0 arrow-syntax: the batch has 2 columns and 5 buffers, the schema 1 and 2");
}

#[test]
fn a_decoder_is_reused_from_schema_to_schema() {
    let mut decoder = decoder(&orders());
    let swapped = RecordBatch::try_from_iter([
        ("user", Arc::new(StringArray::from(vec!["x"])) as ArrayRef),
        ("more", Arc::new(BooleanArray::from(vec![true]))),
        ("id", Arc::new(Int8Array::from(vec![-5]))),
    ])
    .unwrap();
    for _ in 0..3 {
        let values = [stream(&[rows(&[1])]), stream(std::slice::from_ref(&swapped)), stream(&[rows(&[2])])];
        let decoded = decoder.decode(&records(&values)).unwrap();
        assert_eq!(errors(&decoded.errors), "");
        assert_eq!(
            lines(&decoded.rows),
            "{\"id\":1,\"user\":\"u1\"}\n{\"id\":-5,\"user\":\"x\"}\n{\"id\":2,\"user\":null}"
        );
    }
    assert_eq!(decoder.decode(&records::<&str>(&[])).unwrap().rows.num_rows(), 0);
}

#[test]
fn a_tombstone_is_a_row_of_nulls_where_it_can_be() {
    let mut raw = RawRecords::with_capacity("t".into(), 0, 1, 0);
    raw.push(0, None, Some(b"key"), None);
    assert_eq!(decoder(&orders()).decode(&raw).unwrap().errors[0].code, "tombstone");
    let nullable = schema(vec![Field::new("id", DataType::Int64, true)]);
    let decoded = decoder(&nullable).decode(&raw).unwrap();
    assert_eq!((lines(&decoded.rows), decoded.records), (r#"{"id":null}"#.to_owned(), None));
}

#[test]
fn tombstones_end_a_run_where_they_take_all_of_it() {
    let wide = schema(vec![Field::new("wide", DataType::FixedSizeBinary(100), true)]);
    let mut raw = RawRecords::with_capacity("t".into(), 0, 9, 0);
    (0..9).for_each(|offset| raw.push(offset, None, None, None));
    let mut decoder = super::ArrowDecoder::new(wide).unwrap();
    // Each takes 102 bytes, and two arrays.
    decoder.run = Run::new(4 * (102 + 512));
    let mut runs = Vec::new();
    while !raw.is_empty() {
        let decoded = decoder.decode(&raw);
        assert_eq!((decoded.rows.num_rows(), decoded.errors.len()), (decoded.taken, 0));
        runs.push(decoded.taken);
        raw = raw.rest(decoded.taken);
    }
    assert_eq!(runs, [4, 4, 1]);
}

#[test]
fn what_is_no_stream_is_said() {
    let good = stream(&[rows(&[1])]);
    let mut trailing = good.clone();
    trailing.extend(b"more");
    let twice = [&good[..good.len() - 8], &good[..]].concat();
    let mut file = FileWriter::try_new(Vec::new(), &orders()).unwrap();
    file.write(&rows(&[1])).unwrap();
    let body = message(&good, 1);
    let mut damaged = good.clone();
    damaged[body.start + 8..body.start + 40].fill(0xee);
    let values = [
        Vec::new(),
        b"abc".to_vec(),
        good[..good.len() - 20].to_vec(),
        trailing,
        twice,
        file.into_inner().unwrap(),
        vec![0xff; 64],
        vec![0; 4],
        damaged,
    ];
    let decoded = decode(&orders(), &values);
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    0 arrow-syntax: expected a message, found the end of the record
    1 arrow-syntax: at byte 0: expected 4 bytes of prefix, found 3 to the end
    2 arrow-syntax: at byte 448: expected 320 bytes of body, found 308 to the end
    3 arrow-syntax: 4 bytes follow the end of the stream
    4 arrow-syntax: expected a record batch or a dictionary, found a message of kind Schema
    5 unsupported: expected a stream, found the Arrow file format: write the stream format
    6 arrow-syntax: at byte 8: expected 4294967295 bytes of metadata, found 56 to the end
    7 arrow-syntax: expected a message, found the end of the record
    8 arrow-syntax: the metadata of a message is damaged: Type `i32` at position 4008636142 is unaligned
    ");
    assert_eq!(decoded.rows.num_rows(), 0);
    // An end mark may be missing.
    assert_eq!(decode(&orders(), &[&good[..good.len() - 8]]).rows, rows(&[1]));
}

#[test]
fn columns_are_matched_by_name_and_must_be_there() {
    let user = one("user", Arc::new(StringArray::from(vec!["x"])));
    let null_id = one("id", Arc::new(Int64Array::from(vec![Some(1), None])));
    let id = one("id", Arc::new(Int64Array::from(vec![7])));
    let twice = RecordBatch::try_new(
        schema(vec![Field::new("id", DataType::Int64, true), Field::new("id", DataType::Int64, true)]),
        vec![Arc::clone(id.column(0)), Arc::clone(id.column(0))],
    )
    .unwrap();
    let values = [user, null_id, id, twice].map(|batch| stream(&[batch]));
    let decoded = decode(&orders(), &values);
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    0 missing-column: id: expected int64, found no such column
    1 type-mismatch: id: expected int64, found null in row 1
    3 unsupported: id: two columns have this name
    ");
    assert_eq!(lines(&decoded.rows), r#"{"id":7,"user":null}"#);
}

/// What an array is as a column of this type, as JSON, or why not.
pub(super) fn through(array: impl Array + 'static, to: DataType) -> String {
    let to = schema(vec![Field::new("v", to, true)]);
    let decoded = decode(&to, &[stream(&[one("v", Arc::new(array))])]);
    match decoded.errors.first() {
        Some(error) => format!("{}: {}", error.code, error.message),
        None => {
            let lines = lines(&decoded.rows);
            let value =
                |line: &str| line.strip_prefix("{\"v\":").unwrap().strip_suffix('}').unwrap().to_owned();
            lines.lines().map(value).collect::<Vec<_>>().join(" ")
        }
    }
}

#[test]
fn a_column_takes_types_whose_every_value_it_holds() {
    let ms = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Millisecond, zone.map(Arc::from));
    assert_eq!(through(Int8Array::from(vec![-128]), DataType::Int64), "-128");
    assert_eq!(through(UInt32Array::from(vec![u32::MAX]), DataType::Int64), "4294967295");
    assert_eq!(through(Int32Array::from(vec![i32::MIN]), DataType::Float64), "-2147483648.0");
    assert_eq!(through(Float32Array::from(vec![0.5]), DataType::Float64), "0.5");
    assert_eq!(through(Int16Array::from(vec![-300]), DataType::Decimal128(7, 2)), "-300.00");
    let decimal = Decimal128Array::from(vec![-1]).with_precision_and_scale(3, 1).unwrap();
    assert_eq!(through(decimal.clone(), DataType::Decimal256(40, 2)), "-0.10");
    assert_eq!(through(TimestampSecondArray::from(vec![5]), ms(Some("Europe/Zurich"))), "5000");
    let zoned = TimestampMillisecondArray::from(vec![5]).with_timezone("+02:00");
    assert_eq!(through(zoned, ms(None)), "5");
    assert_eq!(through(Time32SecondArray::from(vec![1]), DataType::Time64(TimeUnit::Microsecond)), "1000000");
    assert_eq!(through(Date32Array::from(vec![1]), DataType::Date64), "\"1970-01-02\"");
    assert_eq!(through(LargeStringArray::from(vec!["a"]), DataType::Utf8), "\"a\"");
    assert_eq!(
        through(StringViewArray::from(vec!["a", "longer than twelve bytes"]), DataType::LargeUtf8),
        "\"a\" \"longer than twelve bytes\""
    );
    assert_eq!(through(NullArray::new(1), DataType::Binary), "null");
    let refused = [
        through(Int64Array::from(vec![1]), DataType::Int32),
        through(UInt8Array::from(vec![1]), DataType::Int8),
        through(Int8Array::from(vec![1]), DataType::UInt64),
        through(Int64Array::from(vec![1]), DataType::Float64),
        through(Float64Array::from(vec![1.0]), DataType::Float32),
        through(Float64Array::from(vec![1.0]), DataType::Int64),
        through(decimal, DataType::Decimal128(3, 2)),
        through(TimestampNanosecondArray::from(vec![1]), ms(None)),
        through(TimestampSecondArray::from(vec![i64::MAX]), ms(None)),
        through(StringArray::from(vec!["1"]), DataType::Int64),
        through(BinaryArray::from(vec![&b"a"[..]]), DataType::Utf8),
        through(Int64Array::from(vec![1]), ms(None)),
        through(BooleanArray::from(vec![true]), DataType::Int8),
    ];
    insta::assert_snapshot!(refused.join("\n"), @r"
    type-mismatch: v: expected int32, found int64
    type-mismatch: v: expected int8, found uint8
    type-mismatch: v: expected uint64, found int8
    type-mismatch: v: expected float64, found int64
    type-mismatch: v: expected float32, found float64
    type-mismatch: v: expected int64, found float64
    type-mismatch: v: expected decimal(3, 2), found decimal(3, 1)
    type-mismatch: v: expected timestamp_ms, found timestamp_ns
    out-of-range: v: Overflow happened on: 9223372036854775807 * 1000
    type-mismatch: v: expected int64, found string
    type-mismatch: v: expected string, found bytes
    type-mismatch: v: expected timestamp_ms, found int64
    type-mismatch: v: expected int8, found bool
    ");
}

pub(super) fn item(data_type: DataType, nullable: bool) -> FieldRef {
    Arc::new(Field::new("item", data_type, nullable))
}

#[test]
fn nested_columns_are_matched_likewise() {
    let lists =
        || ListArray::from_iter_primitive::<Int8Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
    let wide = |nullable| item(DataType::Int64, nullable);
    assert_eq!(through(lists(), DataType::List(wide(true))), "[1,null] null []");
    assert_eq!(through(lists(), DataType::LargeList(wide(true))), "[1,null] null []");
    let fixed =
        FixedSizeListArray::from_iter_primitive::<Int8Type, _, _>([Some(vec![Some(1), Some(2)]), None], 2);
    assert_eq!(through(fixed.clone(), DataType::List(wide(true))), "[1,2] null");
    assert_eq!(through(fixed.clone(), DataType::FixedSizeList(wide(true), 2)), "[1,2] null");
    let object = StructArray::from(vec![
        (
            Arc::new(Field::new("a", DataType::Int8, true)),
            Arc::new(Int8Array::from(vec![Some(1), None])) as ArrayRef,
        ),
        (Arc::new(Field::new("b", DataType::Utf8, true)), Arc::new(StringArray::from(vec!["x", "y"]))),
    ]);
    let fields = |a_nullable, c_nullable| {
        let a = Field::new("a", DataType::Int32, a_nullable);
        DataType::Struct(vec![Field::new("c", DataType::Boolean, c_nullable), a].into())
    };
    assert_eq!(through(object.clone(), fields(true, true)), "{\"c\":null,\"a\":1} {\"c\":null,\"a\":null}");
    let refused = [
        through(lists(), DataType::List(wide(false))),
        through(lists(), DataType::List(item(DataType::Utf8, true))),
        through(fixed, DataType::FixedSizeList(wide(true), 3)),
        through(object.clone(), fields(false, true)),
        through(object.clone(), fields(true, false)),
        through(object, DataType::List(wide(true))),
    ];
    insta::assert_snapshot!(refused.join("\n"), @r#"
    type-mismatch: v: Non-nullable field of ListArray "item" cannot contain nulls
    type-mismatch: v.item: expected string, found int8
    type-mismatch: v: expected array of 3, found array of 2
    type-mismatch: v: Found unmasked nulls for non-nullable StructArray field "a"
    missing-column: v.c: expected bool, found no such column
    type-mismatch: v: expected array, found object
    "#);
}

#[test]
fn dictionaries_views_and_runs_become_what_they_stand_for() {
    let dictionary: DictionaryArray<Int8Type> = [Some("a"), None, Some("b"), Some("a")].into_iter().collect();
    assert_eq!(through(dictionary.clone(), DataType::Utf8), "\"a\" null \"b\" \"a\"");
    let runs: RunArray<Int16Type> = [Some("a"), Some("a"), None, Some("b")].into_iter().collect();
    assert_eq!(through(runs, DataType::Utf8), "\"a\" \"a\" null \"b\"");
    let lists =
        ListArray::from_iter_primitive::<Int8Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
    assert_eq!(
        through(ListViewArray::from(lists), DataType::List(item(DataType::Int8, true))),
        "[1,null] null []"
    );

    // A dictionary may be exchanged within a stream, but not sent in parts.
    let coded = |array: DictionaryArray<Int8Type>| one("user", Arc::new(array));
    let longer: DictionaryArray<Int8Type> = ["a", "b", "c"].into_iter().collect();
    let to = schema(vec![Field::new("user", DataType::Utf8, true)]);
    let batches = [coded(dictionary), coded(longer)];
    let options = |handling| IpcWriteOptions::default().with_dictionary_handling(handling);
    let whole = stream_with(&batches, options(DictionaryHandling::Resend));
    let decoded = decode(&to, &[whole, stream_with(&batches, options(DictionaryHandling::Delta))]);
    assert_eq!(decoded.rows.column(0).as_string::<i32>().iter().flatten().collect::<String>(), "abaabc");
    insta::assert_snapshot!(errors(&decoded.errors), @"1 unsupported: dictionary 0 is sent in parts (deltas): send it whole");
}

#[test]
fn compressed_bodies_are_unpacked() {
    let batch = rows(&(0..1000).collect::<Vec<i64>>());
    for how in [CompressionType::ZSTD, CompressionType::LZ4_FRAME] {
        let packed = compressed(&batch, how);
        assert!(packed.len() < stream(std::slice::from_ref(&batch)).len());
        assert_eq!(decode(&orders(), &[packed]).rows, batch, "{how:?}");
    }
}

#[test]
fn what_unpacks_to_too_much_is_refused_before_it_is() {
    let zeros = one("v", Arc::new(Int64Array::from(vec![0; 4 << 20])));
    let two =
        RecordBatch::try_from_iter([("v", Arc::clone(zeros.column(0))), ("w", Arc::clone(zeros.column(0)))])
            .unwrap();
    let to = schema(vec![Field::new("v", DataType::Int64, true)]);
    let mut values = vec![compressed(&zeros, CompressionType::ZSTD)];
    values.extend([CompressionType::ZSTD, CompressionType::LZ4_FRAME].map(|how| compressed(&two, how)));
    let decoded = decode(&to, &values);
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    1 too-large: w: it unpacks to more than 67108864 bytes: put fewer rows into a record
    2 too-large: w: it unpacks to more than 67108864 bytes: put fewer rows into a record
    ");
    assert_eq!(decoded.rows.num_rows(), 4 << 20);
}

#[test]
fn a_run_unpacks_to_no_more_than_memory_holds() {
    let mut decoder = super::ArrowDecoder::new(orders()).unwrap();
    decoder.run = Run::new(3_000);
    let (value, short) = (stream(&[rows(&[1; 100])]), stream(&[rows(&[2])]));
    let raw = records(&[&value, &value, &short]);
    let decoded = decoder.decode(&raw);
    assert_eq!((decoded.taken, decoded.rows.num_rows(), decoded.records), (1, 100, Some(vec![0; 100])));
    let decoded = decoder.decode(&raw.rest(1));
    assert_eq!((decoded.taken, decoded.rows.num_rows(), errors(&decoded.errors)), (2, 101, String::new()));
}

#[test]
fn what_says_less_or_more_than_it_unpacks_to_is_refused() {
    let batch = one("v", Arc::new(Int64Array::from(vec![7; 1000])));
    let to = schema(vec![Field::new("v", DataType::Int64, true)]);
    let said = 8000_i64.to_le_bytes();
    for how in [CompressionType::ZSTD, CompressionType::LZ4_FRAME] {
        let packed = compressed(&batch, how);
        let at = packed.windows(8).rposition(|bytes| bytes == said).unwrap();
        let saying = |len: i64| {
            let mut lying = packed.clone();
            lying[at..at + 8].copy_from_slice(&len.to_le_bytes());
            lying
        };
        let values = [0, 8, 7999, 8001, 1 << 40, i64::MAX, i64::MIN, -1].map(saying);
        let decoded = decode(&to, &values);
        let texts = decoded.errors.iter().map(|error| format!("{} {}", error.index, error.code));
        assert_eq!(
            texts.collect::<Vec<_>>().join(", "),
            "0 arrow-syntax, 1 arrow-syntax, 2 arrow-syntax, 3 arrow-syntax, 4 too-large, 5 too-large, \
             6 arrow-syntax, 7 arrow-syntax",
            "{how:?}"
        );
    }
}

#[test]
fn little_that_stands_for_much_is_refused() {
    let long = "x".repeat(1 << 20);
    let keys = Int32Array::from(vec![0; 1000]);
    let dictionary = DictionaryArray::new(keys, Arc::new(StringArray::from(vec![long.as_str()])));
    let mut views = StringViewBuilder::new();
    let block = views.append_block(Buffer::from(long.as_bytes()));
    (0..1000).for_each(|_| views.try_append_view(block, 0, 1 << 20).unwrap());
    let ends = Int64Array::from(vec![1_000_000]);
    let runs = RunArray::try_new(&ends, &StringArray::from(vec!["x".repeat(1000)])).unwrap();
    let offsets = vec![0; 1000].into();
    let items = Arc::new(Int64Array::from(vec![0; 100_000]));
    let lists =
        ListViewArray::new(item(DataType::Int64, true), offsets, vec![100_000; 1000].into(), items, None);
    let texts = [
        through(dictionary, DataType::Utf8),
        through(views.finish(), DataType::Utf8),
        through(runs, DataType::Utf8),
        through(lists, DataType::List(item(DataType::Int64, true))),
        through(NullArray::new(1 << 40), DataType::Null),
        through(NullArray::new(1 << 23), DataType::Int64),
    ];
    insta::assert_snapshot!(texts.join("\n"), @r"
    too-large: v: it unpacks to more than 67108864 bytes: put fewer rows into a record
    too-large: v: it unpacks to more than 67108864 bytes: put fewer rows into a record
    too-large: v: it unpacks to more than 67108864 bytes: put fewer rows into a record
    too-large: v: it unpacks to more than 67108864 bytes: put fewer rows into a record
    too-large: it unpacks to more than 67108864 bytes: put fewer rows into a record
    too-large: v: it unpacks to more than 67108864 bytes: put fewer rows into a record
    ");
}

#[test]
fn a_row_becomes_a_stream_of_its_own() {
    let batch = rows(&[1, 2, 3]);
    let encoded = trip::encode(&Encode::plain(Codec::Arrow), &batch);
    for row in 0..3 {
        let mut reader = StreamReader::try_new(encoded.row(row), None).unwrap();
        assert_eq!(reader.next().unwrap().unwrap(), batch.slice(row, 1));
        assert!(reader.next().is_none());
    }
    let columns = Some(vec!["user".to_owned()]);
    let encoded = trip::encode(&Encode { columns, ..Encode::plain(Codec::Arrow) }, &batch);
    let reader = StreamReader::try_new(encoded.row(0), None).unwrap();
    assert_eq!(reader.schema().fields().len(), 1);

    let dictionary: DictionaryArray<Int8Type> = [Some("a"), None, Some("b")].into_iter().collect();
    let views = StringViewArray::from(vec!["a longer one than others", "b", "c"]);
    let batch = RecordBatch::try_from_iter([("d", Arc::new(dictionary) as ArrayRef), ("v", Arc::new(views))])
        .unwrap();
    let encoded = trip::encode(&Encode::plain(Codec::Arrow), &batch);
    let last = StreamReader::try_new(encoded.row(2), None).unwrap().next().unwrap().unwrap();
    assert_eq!(lines(&last), r#"{"d":"b","v":"c"}"#);
}

#[test]
fn the_old_format_is_read() {
    let options = IpcWriteOptions::try_new(8, true, MetadataVersion::V4).unwrap();
    let old = stream_with(&[rows(&[1, 2])], options);
    assert_ne!(old[..4], [0xff; 4]);
    assert_eq!(decode(&orders(), &[old]).rows, rows(&[1, 2]));
}

#[test]
fn a_schema_that_is_not_plain_is_refused_by_column() {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    let union = DataType::Union(UnionFields::empty(), UnionMode::Sparse);
    let nested = DataType::Struct(vec![Field::new("u", union, true)].into());
    let texts = [
        vec![Field::new("a", dictionary, true)],
        vec![Field::new("a", nested, true)],
        vec![Field::new("a", DataType::Int8, true), Field::new("a", DataType::Int8, true)],
    ]
    .map(|fields| {
        let schema = schema(fields);
        let decode = Decoder::new(&Decode::plain(Codec::Arrow, Arc::clone(&schema)), &Default::default())
            .err()
            .unwrap();
        let encode = Encoder::new(&Encode::plain(Codec::Arrow), &schema).err();
        format!("{decode} | {}", encode.unwrap_or("taken".to_owned()))
    });
    insta::assert_snapshot!(texts.join("\n"), @r"
    a: Arrow IPC is not read into Dictionary(Int8, Utf8): choose a plain type | taken
    a: u: Arrow IPC is not read into Union(Sparse): choose a plain type | a: u: unions are not sent: choose another type
    a: two columns have this name | a: two columns have this name
    ");
}
