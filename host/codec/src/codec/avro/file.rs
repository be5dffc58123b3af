//! Avro object container files: a schema, then blocks of values, each block compressed and closed by a mark. Knows
//! nothing of where a file is.

use std::borrow::Cow;
use std::io::Read;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;

use super::columns::columns_of;
use super::cursor::Cursor;
use super::decode::AvroReader;
use super::parse::parse;
use super::types::Types;
use crate::codec::column::{Allowance, MAX_RUN, Struct};
use crate::codec::framed::ReadWritten as _;
use crate::codec::problem::{Outcome, Problem, code};
use crate::codec::registered::{RegisteredSchema, SchemaKind};

const MAGIC: &[u8] = b"Obj\x01";

/// Bytes of a block, decompressed, at most.
const BLOCK_BYTES_MAX: usize = 64 << 20;
/// Records of a block that take no bytes, at most.
const EMPTY_RECORDS_MAX: usize = 1 << 17;
/// Bytes that a byte of Snappy stands for, at most.
const SNAPPY_RATIO: usize = 64;

/// An Avro object container file, being read block by block.
pub struct AvroFile<'a> {
    /// What was not read yet.
    rest: &'a [u8],
    compression: Compression,
    /// What ends each block.
    mark: [u8; 16],
    schema: RegisteredSchema,
    least: usize,
    columns: SchemaRef,
    reader: AvroReader,
    rows: Struct,
    block: usize,
}

/// The rows of a block.
#[derive(Debug)]
pub struct FileBlock {
    /// The records up to the first that is damaged.
    pub rows: RecordBatch,
    /// How many of its records are lost, and why: records in a block are not told apart but by reading them, so a
    /// damaged one takes those behind it along. The blocks that follow are not touched by it.
    pub lost: Option<(u64, String)>,
}

#[derive(Clone, Copy, Debug)]
enum Compression {
    None,
    Deflate,
    Snappy,
    Zstandard,
}

impl<'a> AvroFile<'a> {
    /// Reads the header. The columns are those of the file's schema, or these, filled as
    /// [`AvroReader::of_columns`] says; fails where the file is none, or does not fill them.
    pub fn open(file: &'a [u8], columns: Option<&SchemaRef>) -> Result<AvroFile<'a>, String> {
        let body = file.strip_prefix(MAGIC).ok_or("not an Avro file: it does not begin with `Obj` and 1")?;
        let header = header(body).map_err(|problem| format!("header: {}", problem.of_record(0).message))?;
        let schema = String::from_utf8(header.schema.to_vec()).map_err(|_| "the schema is not UTF-8")?;
        let schema = RegisteredSchema::new(SchemaKind::Avro, schema);
        let types = parse(&schema)?;
        let (columns, reader) = match columns {
            Some(columns) => {
                let mut reader = AvroReader::of_columns(columns)?;
                reader.use_writer(0, &schema)?;
                (Arc::clone(columns), reader)
            }
            None => {
                let columns = columns_of(&types)?;
                let reader = AvroReader::new(&schema, &columns)?;
                (columns, reader)
            }
        };
        Ok(AvroFile {
            rest: &body[header.len..],
            compression: Compression::named(header.codec)?,
            mark: header.mark,
            schema,
            least: types.size(types.root()).least,
            rows: Struct::new(columns.fields(), 0)?,
            columns,
            reader,
            block: 0,
        })
    }

    /// The schema that the file was written with.
    pub fn schema(&self) -> &RegisteredSchema {
        &self.schema
    }

    /// The columns of the rows.
    pub fn columns(&self) -> &SchemaRef {
        &self.columns
    }

    /// The next block's number of records, and its bytes as they are in the file.
    fn next_block(&mut self) -> Outcome<(u64, &'a [u8])> {
        let (types, mut open) = (nothing(), Vec::new());
        let mut cursor = Cursor::new(self.rest, &types, &mut open, Allowance::of_record());
        let count = cursor.long()?;
        let Ok(count) = u64::try_from(count) else {
            return Err(Problem::new(
                code::AVRO_SYNTAX,
                format!("a number of records that is negative: {count}"),
            ));
        };
        let bytes = cursor.prefixed()?;
        let mark: [u8; 16] = cursor.array()?;
        if mark != self.mark {
            return Err(Problem::new(code::AVRO_SYNTAX, "the mark at its end is not that of the file"));
        }
        self.rest = &self.rest[cursor.at..];
        Ok((count, bytes))
    }

    /// Reads the records of a block; gives how many were lost, and why.
    fn read_block(&mut self, count: u64, bytes: &[u8]) -> Option<(u64, String)> {
        let bytes = match self.compression.expand(bytes) {
            Ok(bytes) => bytes,
            Err(why) => return Some((count, why)),
        };
        let most = bytes.len().checked_div(self.least).unwrap_or(EMPTY_RECORDS_MAX);
        if count > most as u64 {
            return Some((count, format!("{count} records do not fit {} bytes", bytes.len())));
        }
        let mut rest = &bytes[..];
        for record in 0..count {
            let row = self.rows.len();
            match self.reader.read_first(rest, &mut self.rows) {
                Ok(taken) => rest = &rest[taken..],
                Err(problem) => {
                    self.rows.truncate(row);
                    let why = match problem.is_of_the_run() {
                        true => {
                            format!("it becomes more than {MAX_RUN} bytes of columns: write smaller blocks")
                        }
                        false => format!("record {record}: {}", problem.of_record(0).message),
                    };
                    return Some((count - record, why));
                }
            }
        }
        let more = || (0, format!("{} bytes follow the {count} records", rest.len()));
        (!rest.is_empty()).then(more)
    }
}

impl Iterator for AvroFile<'_> {
    /// A block's rows; or why no further block can be found, which is the end.
    type Item = Result<FileBlock, String>;

    fn next(&mut self) -> Option<Result<FileBlock, String>> {
        if self.rest.is_empty() {
            return None;
        }
        let block = self.block;
        self.block += 1;
        let (count, bytes) = match self.next_block() {
            Ok(found) => found,
            Err(problem) => {
                self.rest = &[];
                return Some(Err(format!("block {block}: {}", problem.of_record(0).message)));
            }
        };
        let lost = self.read_block(count, bytes).map(|(lost, why)| (lost, format!("block {block}: {why}")));
        let (columns, rows) = self.rows.finish_columns();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.columns), columns, &options);
        Some(rows.map(|rows| FileBlock { rows, lost }).map_err(|why| format!("block {block}: {why}")))
    }
}

struct Header<'a> {
    schema: &'a [u8],
    codec: &'a [u8],
    mark: [u8; 16],
    len: usize,
}

fn header(bytes: &[u8]) -> Outcome<Header<'_>> {
    let (types, mut open) = (nothing(), Vec::new());
    let mut cursor = Cursor::new(bytes, &types, &mut open, Allowance::of_record());
    let (mut schema, mut codec) = (None, &b"null"[..]);
    // A key and a value take a byte each.
    cursor.items(2, 0, |cursor, _| {
        match (cursor.prefixed()?, cursor.prefixed()?) {
            (b"avro.schema", value) => schema = Some(value),
            (b"avro.codec", value) => codec = value,
            _ => {}
        }
        Ok(())
    })?;
    let schema = schema.ok_or_else(|| Problem::new(code::AVRO_SYNTAX, "no avro.schema"))?;
    Ok(Header { schema, codec, mark: cursor.array()?, len: cursor.at })
}

/// The frame of a file has no types of its own.
fn nothing() -> Types {
    Types::new(Vec::new(), 0)
}

impl Compression {
    fn named(name: &[u8]) -> Result<Compression, String> {
        Ok(match name {
            b"null" => Compression::None,
            b"deflate" => Compression::Deflate,
            b"snappy" => Compression::Snappy,
            b"zstandard" => Compression::Zstandard,
            other => {
                let name = crate::codec::problem::quote(other);
                return Err(format!(
                    "the codec `{name}` is not known: null, deflate, snappy and zstandard are"
                ));
            }
        })
    }

    /// What a block's bytes stand for. Memory grows with what comes out, never with what is declared.
    fn expand(self, bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
        match self {
            Compression::None => Ok(Cow::Borrowed(bytes)),
            Compression::Deflate => read_all(flate2::read::DeflateDecoder::new(bytes), "deflate"),
            Compression::Zstandard => {
                let stream =
                    zstd::stream::read::Decoder::new(bytes).map_err(|why| format!("zstandard: {why}"))?;
                read_all(stream, "zstandard")
            }
            Compression::Snappy => snappy(bytes),
        }
    }
}

fn read_all<'b>(stream: impl Read, name: &str) -> Result<Cow<'b, [u8]>, String> {
    let mut out = Vec::new();
    let read = stream.take(BLOCK_BYTES_MAX as u64 + 1).read_to_end(&mut out);
    read.map_err(|why| format!("{name}: {why}"))?;
    if out.len() > BLOCK_BYTES_MAX { Err(too_large()) } else { Ok(Cow::Owned(out)) }
}

/// A block of Snappy, and the CRC-32 of what it stands for.
fn snappy<'b>(bytes: &[u8]) -> Result<Cow<'b, [u8]>, String> {
    let (bytes, sum) = bytes.split_last_chunk::<4>().ok_or("snappy: no room for a checksum")?;
    let len = snap::raw::decompress_len(bytes).map_err(|why| why.to_string())?;
    if len > BLOCK_BYTES_MAX || len / SNAPPY_RATIO > bytes.len() {
        return Err(too_large());
    }
    let out = snap::raw::Decoder::new().decompress_vec(bytes).map_err(|why| why.to_string())?;
    let mut found = flate2::Crc::new();
    found.update(&out);
    if found.sum() != u32::from_be_bytes(*sum) {
        return Err("snappy: the checksum does not fit the bytes".to_owned());
    }
    Ok(Cow::Owned(out))
}

fn too_large() -> String {
    format!("decompressed it has more than {BLOCK_BYTES_MAX} bytes")
}
