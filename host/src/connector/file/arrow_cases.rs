//! Third-party conformance: the golden files of Arrow, and the streams of the same names, give the rows that the codec
//! reads from the streams, which its own tests hold against the golden JSON. The files are data of others and not in
//! this repository: `SABOT_CASES` names their folder; without them the test says so.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::ipc::reader::{FileReader, StreamReader};

use super::RowReader;
use crate::batch::RawRecords;
use crate::codec::registry::Registries;
use crate::codec::{Codec, Decode, Decoder};
use crate::connector::{Read, ReadLimits, Reader as _};

/// Part of the names of the files whose columns cannot be declared so that they are read, and what is said.
const REFUSED: [(&str, &str); 4] = [
    ("0.17.1/generated_union", "two columns have this name"),
    ("1.0.0-littleendian/generated_union", "two columns have this name"),
    ("duplicate_fieldnames", "two columns have this name"),
    // Nulls within a union that may not be null.
    ("cpp-21.0.0/generated_union", "found null in row"),
];

/// Those that the codec does not take: decimals with more digits than their type says.
const NOT_OF_THE_CODEC: [&str; 1] = ["0.14.1/generated_decimal"];

/// All files of the set, in order.
fn files() -> Vec<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/cases");
    let folder = std::env::var_os("SABOT_CASES").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let folder = folder.join("codec-arrow-ipc");
    if !folder.is_dir() {
        println!("no cases at {}: set SABOT_CASES to their folder", folder.display());
        return Vec::new();
    }
    let entries = |folder: &Path| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let folders = entries(&folder).filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| entries(&folder).collect::<Vec<_>>());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|e| e == "arrow_file")).collect();
    files.sort();
    assert_eq!(files.len(), 65);
    files
}

/// The columns of a file or stream as they can be declared: plain, without metadata.
fn declared(path: &Path) -> SchemaRef {
    let open = || File::open(path).unwrap();
    let schema = match FileReader::try_new(open(), None) {
        Ok(file) => file.schema(),
        Err(_) => StreamReader::try_new(open(), None).unwrap().schema(),
    };
    Arc::new(Schema::new(schema.fields().iter().map(plain_field).collect::<Vec<_>>()))
}

fn plain_field(field: &FieldRef) -> FieldRef {
    Arc::new(Field::new(field.name(), plain(field.data_type()), field.is_nullable()))
}

fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain(values),
        DataType::RunEndEncoded(_, values) => plain(values.data_type()),
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::List(item) | DataType::ListView(item) => DataType::List(plain_field(item)),
        DataType::LargeList(item) | DataType::LargeListView(item) => DataType::LargeList(plain_field(item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(plain_field(item), *size),
        DataType::Map(entries, sorted) => DataType::Map(plain_field(entries), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain_field).collect()),
        other => other.clone(),
    }
}

/// What a pipeline gets, a few rows at once.
fn read(path: &Path, schema: &SchemaRef, position: i64) -> Result<RecordBatch, String> {
    let mut reader = RowReader::open(path, schema, position).map_err(|e| e.to_string())?;
    let limits = ReadLimits { records: 5, bytes: 1 << 20, wait: Duration::ZERO };
    let mut batches = Vec::new();
    loop {
        match reader.read(limits).map_err(|e| e.to_string())? {
            Read::Rows(rows) => {
                assert!(rows.num_rows() <= limits.records);
                batches.push(rows);
            }
            Read::End => break,
            other => panic!("{other:?}"),
        }
    }
    let rows = concat_batches(schema, &batches).unwrap();
    assert_eq!(reader.position(), position + rows.num_rows() as i64);
    Ok(rows)
}

/// The rows of a stream, by the codec.
fn by_codec(stream: &Path, schema: &SchemaRef) -> Result<RecordBatch, String> {
    let settings = Decode::plain(Codec::Arrow, Arc::clone(schema));
    let mut decoder = Decoder::new(&settings, &Registries::default())?;
    let mut raw = RawRecords::with_capacity("t".into(), 0, 1, 0);
    raw.push(0, None, None, Some(&std::fs::read(stream).unwrap()));
    let decoded = decoder.decode(&raw).map_err(|e| e.to_string())?;
    decoded.errors.first().map_or(Ok(decoded.rows), |error| Err(error.message.clone()))
}

/// The same by the library.
fn by_library(stream: &Path, schema: &SchemaRef) -> RecordBatch {
    let batches = StreamReader::try_new(File::open(stream).unwrap(), None).unwrap();
    let batches = batches.map(Result::unwrap);
    let columns = batches.map(|rows| RecordBatch::try_new(Arc::clone(schema), rows.columns().to_vec()));
    concat_batches(schema, &columns.collect::<Result<Vec<_>, _>>().unwrap()).unwrap()
}

#[test]
fn the_golden_files_give_the_rows_that_the_codec_reads_from_their_streams() {
    let files = files();
    let (mut as_the_codec, mut refused) = (0, 0);
    for file in &files {
        let stream = file.with_extension("stream");
        for path in [file, &stream] {
            let name = path.display().to_string();
            let is_one_of = |names: &[&str]| names.iter().any(|part| name.contains(part));
            let schema = declared(path);
            if let Some((_, said)) = REFUSED.iter().find(|(part, _)| name.contains(part)) {
                let why = read(path, &schema, 0).unwrap_err();
                assert!(why.contains(said), "{why}");
                refused += 1;
                continue;
            }
            let expected = match by_codec(&stream, &schema) {
                Ok(rows) => {
                    as_the_codec += 1;
                    rows
                }
                Err(_) if is_one_of(&NOT_OF_THE_CODEC) => by_library(&stream, &schema),
                Err(why) => panic!("{name}: {why}"),
            };
            assert_eq!(read(path, &schema, 0).unwrap(), expected, "{name}");
            // It goes on within a batch.
            let from = expected.num_rows().min(3);
            let rest = expected.slice(from, expected.num_rows() - from);
            assert_eq!(read(path, &schema, from as i64).unwrap(), rest, "{name}");
        }
    }
    assert!(files.is_empty() || (as_the_codec, refused) == (2 * 59, 2 * 5), "{as_the_codec} {refused}");
}
