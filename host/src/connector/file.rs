//! Files: lines and rows of CSV as records, Arrow IPC as rows. A reader goes on from a line or row; a writer appends and
//! makes durable at a barrier. Knows nothing of what a record means.

#[cfg(test)]
mod arrow_cases;
mod csv;

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, BufWriter, ErrorKind, Read as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader};
use arrow::ipc::writer::StreamWriter;

pub use csv::CsvReader;

use super::{ConnectorError, Read, ReadLimits, Reader, Writer, Written, stdout};
use crate::batch::{Batch, RawRecords};
use crate::codec::{self, Encoded, Encoder, RecordError};
use crate::spec::FileFormat;

fn stop(path: &Path, reason: impl std::fmt::Display) -> ConnectorError {
    ConnectorError::Stop(format!("{}: {reason}", path.display()))
}

/// Of a line, at most: no codec takes a longer value.
const LINE_BYTES: u64 = 1 << 30;

/// Lines of a file as records: the offset is the line's number from 0.
pub struct LineReader {
    path: PathBuf,
    name: Arc<str>,
    lines: BufReader<File>,
    position: i64,
}

impl LineReader {
    /// From line `position` on.
    pub fn open(path: &Path, position: i64) -> Result<Self, ConnectorError> {
        let file = File::open(path).map_err(|e| stop(path, e))?;
        let mut lines = BufReader::with_capacity(1 << 20, file);
        let mut skipped = Vec::new();
        for _ in 0..position {
            skipped.clear();
            lines.read_until(b'\n', &mut skipped).map_err(|e| stop(path, e))?;
        }
        Ok(LineReader { path: path.to_owned(), name: path.display().to_string().into(), lines, position })
    }
}

impl Reader for LineReader {
    fn read(&mut self, limits: ReadLimits) -> Result<Read, ConnectorError> {
        let mut records = RawRecords::with_capacity(Arc::clone(&self.name), 0, limits.records, 1 << 16);
        let mut line = Vec::new();
        while records.len() < limits.records && records.byte_len() < limits.bytes {
            line.clear();
            let read = (&mut self.lines).take(LINE_BYTES + 1).read_until(b'\n', &mut line);
            match read.map_err(|e| stop(&self.path, e))? {
                0 => break,
                read if read as u64 > LINE_BYTES => return Err(too_long(&self.path, self.position)),
                _ => {}
            }
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            if !text.is_empty() {
                records.push(self.position, None, None, Some(text));
            }
            self.position += 1;
        }
        Ok(if records.is_empty() { Read::End } else { Read::Records(records) })
    }

    fn position(&self) -> i64 {
        self.position
    }
}

/// Why bytes would not be read back as the line that they are written as.
fn no_line(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [] => Some(
            "the value is empty, and an empty line is no record: use a codec such as json, or another sink",
        ),
        [.., b'\r'] => {
            Some("the value ends with a carriage return, which a line loses: use a codec such as json")
        }
        _ if bytes.contains(&b'\n') => Some(
            "the value has a line break, and would be read back as two: use a codec such as json, or another sink",
        ),
        _ => None,
    }
}

fn too_long(path: &Path, position: i64) -> ConnectorError {
    stop(path, format!("line {} is longer than {LINE_BYTES} bytes", position + 1))
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

/// Rows of an Arrow IPC file or stream, which need no codec. The position is a row's number. A batch that is wrong ends
/// the reading, and all before it are handed out.
pub struct RowReader {
    path: PathBuf,
    schema: SchemaRef,
    batches: Batches,
    skip: usize,
    position: i64,
    /// Of the last batch, as it was read, what is to be handed out yet.
    rest: Option<RecordBatch>,
}

impl RowReader {
    /// From row `position` on; the file must have the columns of `schema`, in any order.
    pub fn open(path: &Path, schema: &SchemaRef, position: i64) -> Result<Self, ConnectorError> {
        let open = || File::open(path).map_err(|e| stop(path, e));
        let (one, other) = (open()?, open()?);
        let opened = unless_damaged(path, || -> Result<Batches, ArrowError> {
            Ok(match FileReader::try_new(one, None) {
                Ok(reader) => Box::new(reader),
                Err(_) => Box::new(StreamReader::try_new(other, None)?),
            })
        });
        let batches = opened?.map_err(|e| stop(path, e))?;
        let (schema, skip) = (Arc::clone(schema), position.max(0) as usize);
        Ok(RowReader { path: path.to_owned(), schema, batches, skip, position, rest: None })
    }

    /// The next batch of the file with rows that are wanted.
    fn next(&mut self) -> Result<Option<RecordBatch>, ConnectorError> {
        while let Some(rows) = unless_damaged(&self.path, || self.batches.next())? {
            let rows = rows.map_err(|e| {
                let next = self.position + 1;
                let why =
                    format!("the batch from row {next} on: {e}; correct it and start the pipeline again");
                stop(&self.path, why)
            })?;
            if self.skip >= rows.num_rows() {
                self.skip -= rows.num_rows();
                continue;
            }
            let rows = rows.slice(self.skip, rows.num_rows() - self.skip);
            self.skip = 0;
            return Ok(Some(rows));
        }
        Ok(None)
    }

    /// The columns that the pipeline wants, by name.
    fn fit(&self, rows: &RecordBatch) -> Result<RecordBatch, ConnectorError> {
        let absent = self.schema.fields().iter().find(|field| rows.column_by_name(field.name()).is_none());
        match absent {
            Some(field) => Err(no_column(&self.path, field.name(), &rows.schema())),
            None => unless_damaged(&self.path, || codec::conform(rows, &self.schema))?.map_err(|why| {
                let (first, last) = (self.position + 1, self.position + rows.num_rows() as i64);
                stop(&self.path, format!("among rows {first} to {last}: {why}"))
            }),
        }
    }
}

/// What `read` reads: lengths that lie make the library panic in places.
fn unless_damaged<T>(path: &Path, read: impl FnOnce() -> T) -> Result<T, ConnectorError> {
    let damaged =
        "it is damaged: a length or an offset in it cannot be. Write it anew and start the pipeline again";
    catch_unwind(AssertUnwindSafe(read)).map_err(|_| stop(path, damaged))
}

fn no_column(path: &Path, name: &str, has: &Schema) -> ConnectorError {
    let names: Vec<&str> = has.fields().iter().map(|field| field.name().as_str()).take(20).collect();
    stop(path, format!("it has no column `{name}`, but {}: say these in `schema`", names.join(", ")))
}

impl Reader for RowReader {
    fn read(&mut self, limits: ReadLimits) -> Result<Read, ConnectorError> {
        let rows = match self.rest.take() {
            Some(rest) => Some(rest),
            None => self.next()?,
        };
        let Some(mut rows) = rows else { return Ok(Read::End) };
        let most = limits.records.max(1);
        if rows.num_rows() > most {
            self.rest = Some(rows.slice(most, rows.num_rows() - most));
            rows = rows.slice(0, most);
        }
        // No more at once than are wanted: a few values may stand for many rows.
        let rows = self.fit(&rows)?;
        self.position += rows.num_rows() as i64;
        Ok(Read::Rows(rows))
    }

    fn position(&self) -> i64 {
        self.position
    }
}

/// Appends rows to a file.
pub struct FileWriter {
    path: PathBuf,
    form: Form,
    bytes: usize,
    barrier: Option<u64>,
    durable: Option<u64>,
}

enum Form {
    Lines { out: BufWriter<File>, encoder: Box<Encoder>, encoded: Encoded, lines: Vec<u8> },
    Csv(arrow::csv::Writer<File>, File),
    Arrow(StreamWriter<BufWriter<File>>, File),
}

impl FileWriter {
    /// Opens `path`, making it where there is none. Lines and CSV are appended to. An Arrow stream cannot be, and what
    /// is in one may be committed: where `out.arrow` is there, `out-2.arrow` begins, and so on.
    pub fn open(
        path: &Path,
        format: FileFormat,
        schema: &SchemaRef,
        encoder: Option<Encoder>,
    ) -> Result<Self, ConnectorError> {
        let open = || -> std::io::Result<(File, bool)> {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            if format == FileFormat::Arrow {
                return Ok((begin(path)?, true));
            }
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            let new = file.metadata()?.len() == 0;
            Ok((file, new))
        };
        let (file, new) = open().map_err(|e| stop(path, e))?;
        let copy = || file.try_clone().map_err(|e| stop(path, e));
        let form = match (format, encoder) {
            (FileFormat::Lines, Some(encoder)) => Form::Lines {
                out: BufWriter::new(copy()?),
                encoder: Box::new(encoder),
                encoded: Encoded::default(),
                lines: Vec::new(),
            },
            (FileFormat::Lines, None) => return Err(stop(path, "lines need an `encode`")),
            (FileFormat::Csv, _) => {
                Form::Csv(arrow::csv::WriterBuilder::new().with_header(new).build(copy()?), file)
            }
            (FileFormat::Arrow, _) => {
                let stream = StreamWriter::try_new(BufWriter::new(copy()?), schema);
                Form::Arrow(stream.map_err(|e| stop(path, e))?, file)
            }
        };
        Ok(FileWriter { path: path.to_owned(), form, bytes: 0, barrier: None, durable: None })
    }

    fn sync(&mut self) -> std::io::Result<()> {
        match &mut self.form {
            Form::Lines { out, .. } => out.flush().and_then(|()| out.get_ref().sync_data()),
            Form::Csv(_, file) => file.sync_data(),
            Form::Arrow(stream, file) => {
                stream.get_mut().flush()?;
                file.sync_data()
            }
        }
    }
}

/// A new file: `path`, or where that is there the first of `path-2`, `path-3`, … before the extension that is not.
fn begin(path: &Path) -> std::io::Result<File> {
    let part = |part: Option<&OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let name = part(path.file_stem()).unwrap_or_default();
    let extension = part(path.extension()).map_or(String::new(), |extension| format!(".{extension}"));
    let mut number = 1;
    loop {
        let path = match number {
            1 => path.to_owned(),
            _ => path.with_file_name(format!("{name}-{number}{extension}")),
        };
        match OpenOptions::new().create_new(true).write(true).open(path) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => number += 1,
            opened => return opened,
        }
    }
}

impl Writer for FileWriter {
    fn write(
        &mut self,
        batch: &Batch,
        from: usize,
        errors: &mut Vec<RecordError>,
    ) -> Result<Written, ConnectorError> {
        let rows = batch.rows.slice(from, batch.len() - from);
        match &mut self.form {
            Form::Lines { out, encoder, encoded, lines } => {
                lines.clear();
                encoder.encode(&rows, encoded);
                stdout::lines(encoded, from, lines, errors, no_line);
                self.bytes += encoded.bytes.len();
                out.write_all(lines).map_err(|e| stop(&self.path, e))?;
            }
            Form::Csv(csv, _) => csv.write(&rows).map_err(|e| stop(&self.path, e))?,
            Form::Arrow(stream, _) => stream.write(&rows).map_err(|e| stop(&self.path, e))?,
        }
        Ok(Written::Taken)
    }

    fn take_bytes(&mut self) -> usize {
        std::mem::take(&mut self.bytes)
    }

    fn barrier(&mut self, id: u64) -> Result<(), ConnectorError> {
        self.barrier = Some(id);
        Ok(())
    }

    fn delivered(&mut self, _wait: Duration) -> Result<Option<u64>, ConnectorError> {
        if self.durable != self.barrier {
            self.sync().map_err(|e| stop(&self.path, e))?;
            self.durable = self.barrier;
        }
        Ok(self.durable)
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        // What is not durable is written again after a restart: nothing to tell anybody.
        if let Form::Arrow(stream, _) = &mut self.form {
            let _ = stream.finish();
        }
        let _ = self.sync();
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field};
    use arrow::ipc::writer::FileWriter as IpcFileWriter;

    use super::*;
    use crate::codec::registry::Registries;
    use crate::codec::{Codec, Decode, Decoder};

    fn people() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("name", DataType::Utf8, true),
        ]))
    }

    /// People with these numbers, each with a name, but one in three.
    fn rows(ids: std::ops::Range<i64>) -> RecordBatch {
        let names: StringArray = ids.clone().map(|id| (id % 3 != 0).then(|| format!("name {id}"))).collect();
        let ids = Int64Array::from_iter_values(ids);
        RecordBatch::try_new(people(), vec![Arc::new(ids), Arc::new(names)]).unwrap()
    }

    /// Reads to the end, at most `records` at once.
    fn read(reader: &mut RowReader, records: usize) -> Result<Vec<RecordBatch>, String> {
        let limits = ReadLimits { records, bytes: 1 << 20, wait: Duration::ZERO };
        let mut batches = Vec::new();
        loop {
            match reader.read(limits).map_err(|e| e.to_string())? {
                Read::Rows(rows) => batches.push(rows),
                Read::End => return Ok(batches),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn arrow_is_read_as_file_and_as_stream_in_batches_as_asked() {
        let folder = tempfile::tempdir().unwrap();
        let (file, stream) = (folder.path().join("file.arrow"), folder.path().join("stream.arrow"));
        let mut writer = IpcFileWriter::try_new(File::create(&file).unwrap(), &people()).unwrap();
        writer.write(&rows(0..5)).unwrap();
        writer.write(&rows(5..7)).unwrap();
        writer.finish().unwrap();
        let mut writer = StreamWriter::try_new(File::create(&stream).unwrap(), &people()).unwrap();
        writer.write(&rows(0..5)).unwrap();
        writer.write(&rows(5..7)).unwrap();
        writer.finish().unwrap();
        for path in [file, stream] {
            let open = |position| RowReader::open(&path, &people(), position).unwrap();
            let mut reader = open(0);
            let batches = read(&mut reader, 2).unwrap();
            assert_eq!(batches, [rows(0..2), rows(2..4), rows(4..5), rows(5..7)]);
            assert_eq!(reader.position(), 7);
            // It goes on within a batch.
            assert_eq!(read(&mut open(3), 10).unwrap(), [rows(3..5), rows(5..7)]);
            assert_eq!(read(&mut open(7), 10).unwrap(), []);
            let other = Arc::new(Schema::new(vec![Field::new("other", DataType::Int64, true)]));
            let mut reader = RowReader::open(&path, &other, 0).unwrap();
            let why = read(&mut reader, 2).unwrap_err();
            assert!(why.ends_with("it has no column `other`, but id, name: say these in `schema`"), "{why}");
        }
    }

    #[test]
    fn csv_that_is_written_has_one_header_and_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out/people.csv");
        for ids in [0..2, 2..3] {
            let mut writer = FileWriter::open(&path, FileFormat::Csv, &people(), None).unwrap();
            writer.write(&Batch::new(rows(ids)), 0, &mut Vec::new()).unwrap();
            writer.barrier(1).unwrap();
            assert_eq!(writer.delivered(Duration::ZERO).unwrap(), Some(1));
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "id,name\n0,\n1,name 1\n2,name 2\n");
        let mut reader = CsvReader::open(&path, &people(), 0).unwrap();
        let limits = ReadLimits { records: 10, bytes: 1 << 20, wait: Duration::ZERO };
        let Ok(Read::Records(records)) = reader.read(limits) else { panic!("rows are records") };
        let settings = Decode::plain(Codec::Csv, people());
        let decoded = Decoder::new(&settings, &Registries::default()).unwrap().decode(&records).unwrap();
        assert_eq!(decoded.rows, rows(0..3));
    }

    #[test]
    fn a_stream_of_arrow_that_is_there_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out/rows.arrow");
        let rows = |n| RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![n])) as _)]).unwrap();
        for n in 1..=3 {
            let mut writer = FileWriter::open(&path, FileFormat::Arrow, &rows(n).schema(), None).unwrap();
            writer.write(&Batch::new(rows(n)), 0, &mut Vec::new()).unwrap();
        }
        for (n, name) in [(1, "rows.arrow"), (2, "rows-2.arrow"), (3, "rows-3.arrow")] {
            let file = File::open(path.with_file_name(name)).unwrap();
            let read = StreamReader::try_new(file, None).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
            assert_eq!(read, [rows(n)]);
        }
    }
}
