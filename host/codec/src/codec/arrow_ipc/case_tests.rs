//! Third-party conformance: the golden streams of Arrow give the columns of their JSON form, and come back when
//! they are written; what once crashed a reader is refused, among good records that come out. The cases are data of
//! others and not in this repository: `SABOT_CASES` names their folder; without them the tests say so.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{RecordBatch, new_null_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use base64::Engine as _;
use serde_json::Value;

use super::golden;
use super::message::Messages;
use super::schema::Stream;
use crate::codec::trip::{self, records};
use crate::codec::{Codec, Decode, Decoded, Decoder, Encode};

/// Where we differ: part of a name, and what is said. Each is explained in the documentation of the codec.
const REFUSED: [(&str, &str); 3] = [
    ("0.14.1/generated_decimal", "to store in a Decimal128 of precision 3"),
    ("union", "its type (Union) is none that is read here"),
    ("duplicate_fieldnames", "two columns have this name"),
];

/// How often each golden stream is damaged.
const DAMAGES: usize = 20;

fn decode<T: AsRef<[u8]>>(schema: &SchemaRef, values: &[T]) -> Decoded {
    let mut decoder =
        Decoder::new(&Decode::plain(Codec::Arrow, Arc::clone(schema)), &Default::default()).unwrap();
    let decoded = decoder.decode(&records(values)).unwrap();
    for column in decoded.rows.columns() {
        column.to_data().validate_full().unwrap();
    }
    decoded
}

/// The columns of a stream, plain, as a user would declare them.
fn schema_of(stream: &[u8]) -> Result<SchemaRef, String> {
    let text = |problem: Box<crate::codec::problem::Problem>| problem.of_record(0).message;
    let first = Messages::of(stream).next().map_err(text)?.ok_or("no message")?;
    let schema = first.message.header_as_schema().ok_or("no schema")?;
    let stream = Stream::read(schema).map_err(text)?;
    Ok(Arc::new(Schema::new(
        stream.columns.iter().map(|column| Arc::clone(&column.field)).collect::<Vec<_>>(),
    )))
}

/// All files of the set with this extension, in order.
fn streams() -> Vec<PathBuf> {
    let Some(folder) = crate::codec::cases::folder("codec-arrow-ipc") else { return Vec::new() };
    let entries = |folder: &Path| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let folders = entries(&folder).filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| entries(&folder).collect::<Vec<_>>());
    let mut streams: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|e| e == "stream")).collect();
    streams.sort();
    streams
}

fn golden_of(stream: &Path) -> Value {
    let packed = std::fs::read(stream.with_extension("json.gz")).unwrap();
    serde_json::from_reader(flate2::read::GzDecoder::new(packed.as_slice())).unwrap()
}

#[test]
fn the_golden_streams_give_their_columns_and_come_back() {
    let (mut read, mut refused) = (0, 0);
    for path in streams() {
        let name = path.display();
        let stream = std::fs::read(&path).unwrap();
        let differs = REFUSED.iter().find(|(part, _)| path.to_string_lossy().contains(part));
        match (differs, check(&stream, &golden_of(&path))) {
            (None, Ok(())) => read += 1,
            (Some((_, words)), Err(why)) if why.contains(words) => refused += 1,
            (_, outcome) => panic!("{name}: {outcome:?}"),
        }
    }
    assert!(streams().is_empty() || (read, refused) == (59, 6), "{read} read, {refused} refused");
}

fn check(stream: &[u8], golden: &Value) -> Result<(), String> {
    let schema = schema_of(stream)?;
    Decoder::new(&Decode::plain(Codec::Arrow, Arc::clone(&schema)), &Default::default()).map(drop)?;
    let decoded = decode(&schema, &[stream, stream]);
    if let Some(error) = decoded.errors.first() {
        return Err(error.message.clone());
    }
    let rows = decoded.rows.num_rows() / 2;
    let record_of = decoded.records.unwrap_or_else(|| vec![0; 0]);
    assert!(record_of.iter().enumerate().all(|(row, &record)| record as usize == row / rows.max(1)));
    let expected = golden::columns(golden);
    assert_eq!(schema.fields().len(), expected.len());
    for (i, (name, expected)) in expected.iter().enumerate() {
        assert_eq!(schema.field(i).name(), name);
        for half in [0, rows] {
            let found = golden::values(decoded.rows.column(i).slice(half, rows).as_ref());
            assert_eq!(&found, expected, "{name}");
        }
    }
    comes_back(&decoded.rows.slice(0, rows));
    Ok(())
}

fn comes_back(rows: &RecordBatch) {
    let (decode, encode) = (Decode::plain(Codec::Arrow, rows.schema()), Encode::plain(Codec::Arrow));
    trip::comes_back(&decode, &encode, rows);
}

/// The same columns, all of which may be null.
fn nullable(schema: SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// What once crashed a reader, and whether others read it.
fn malformed() -> Vec<(String, Vec<u8>, bool)> {
    let text = crate::codec::cases::read("codec-arrow-ipc", "malformed.jsonl").unwrap_or_default();
    let text = String::from_utf8(text).unwrap();
    let case = |line: &str| {
        let case: Value = serde_json::from_str(line).unwrap();
        let base64 = base64::engine::general_purpose::STANDARD;
        let bytes = base64.decode(case["b64"].as_str().unwrap()).unwrap();
        (case["name"].as_str().unwrap().to_owned(), bytes, case["reference"] == "read")
    };
    text.lines().map(case).collect()
}

#[test]
fn a_damaged_golden_stream_is_survived() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut read = 0;
    for path in streams() {
        let stream = std::fs::read(&path).unwrap();
        let Ok(schema) = schema_of(&stream).map(nullable) else { continue };
        let Ok(mut decoder) = Decoder::new(&Decode::plain(Codec::Arrow, schema), &Default::default()) else {
            continue;
        };
        if !decoder.decode(&records(&[&stream])).unwrap().errors.is_empty() {
            continue;
        }
        for _ in 0..DAMAGES {
            let mut damaged = stream.clone();
            for _ in 0..random.usize(1..5) {
                let at = random.usize(..damaged.len());
                match random.u8(..4) {
                    0 => damaged[at] = random.u8(..),
                    1 => damaged[at] ^= 1 << random.u8(..8),
                    2 => damaged.truncate(at.max(1)),
                    _ => damaged[at] = *random.choice(&[0, 1, 0x7f, 0x80, 0xff]).unwrap(),
                }
            }
            let decoded = decoder.decode(&records(&[&damaged, &stream])).unwrap();
            for column in decoded.rows.columns() {
                column.to_data().validate_full().unwrap();
            }
            assert!(decoded.errors.iter().all(|error| error.index == 0), "{}", path.display());
            read += usize::from(decoded.errors.is_empty());
        }
    }
    println!("{read} read all the same");
}

#[test]
fn what_is_malformed_is_refused_and_takes_no_neighbour_along() {
    let plain: SchemaRef = Arc::new(Schema::new(vec![Field::new("good", DataType::Int64, true)]));
    let (mut own, mut refused) = (0, 0);
    for (name, bytes, may_be_read) in malformed() {
        let mut is_refused = false;
        // Into the columns that it says it has, where it says so and they can be declared, and into others.
        let declared = schema_of(&bytes).ok().map(nullable);
        let declared = declared.filter(|s| {
            Decoder::new(&Decode::plain(Codec::Arrow, Arc::clone(s)), &Default::default()).is_ok()
        });
        own += usize::from(declared.is_some());
        for schema in declared.iter().chain([&plain]) {
            let one = nulls(schema);
            let good = trip::encode(&Encode::plain(Codec::Arrow), &one).row(0).to_vec();
            let decoded = decode(schema, &[&good, &bytes, &good]);
            is_refused |= !decoded.errors.is_empty();
            let own_columns = !Arc::ptr_eq(schema, &plain);
            assert!(!decoded.errors.is_empty() || may_be_read || !own_columns, "{name} is read");
            let record_of = decoded.records.clone().unwrap_or_else(|| vec![0, 1, 2]);
            let good: Vec<usize> = (0..record_of.len()).filter(|&row| record_of[row] != 1).collect();
            assert_eq!(good.len(), 2, "{name}");
            for row in good {
                assert_eq!(decoded.rows.slice(row, 1), one, "{name}");
            }
            if let Some(error) = decoded.errors.first() {
                assert_eq!(error.index, 1, "{name}");
            }
        }
        refused += usize::from(is_refused);
    }
    assert!(
        malformed().is_empty() || refused == 77,
        "{refused} are refused, {own} into columns of their own"
    );
}

/// One row of nulls.
fn nulls(schema: &SchemaRef) -> RecordBatch {
    let columns = schema.fields().iter().map(|field| new_null_array(field.data_type(), 1));
    RecordBatch::try_new(Arc::clone(schema), columns.collect()).unwrap()
}
