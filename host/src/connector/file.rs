//! Files: JSON lines through a codec, CSV and Arrow IPC through arrow-rs. A reader goes on from a line or row; a
//! writer appends and makes durable at a barrier.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, BufWriter, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::{FileReader, StreamReader};
use arrow::ipc::writer::StreamWriter;

use super::{ConnectorError, Read, ReadLimits, Reader, Writer, Written, stdout};
use crate::batch::{Batch, RawRecords};
use crate::codec::{Encoded, Encoder, RecordError};
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

fn too_long(path: &Path, line: i64) -> ConnectorError {
    let line = line + 1;
    ConnectorError::Stop(format!("{}: line {line} is longer than {LINE_BYTES} bytes", path.display()))
}

/// Batches of a file that needs no codec. The position is a row's number.
pub struct RowReader {
    path: PathBuf,
    schema: SchemaRef,
    batches: Box<dyn Iterator<Item = Result<RecordBatch, arrow::error::ArrowError>> + Send>,
    skip: usize,
    position: i64,
}

impl RowReader {
    /// From row `position` on; the file's columns must be those of `schema`.
    pub fn open(
        path: &Path,
        format: FileFormat,
        schema: &SchemaRef,
        position: i64,
    ) -> Result<Self, ConnectorError> {
        let open = || File::open(path).map_err(|e| stop(path, e));
        let batches: Box<dyn Iterator<Item = _> + Send> = match format {
            FileFormat::Csv => Box::new(
                arrow::csv::ReaderBuilder::new(Arc::clone(schema))
                    .with_header(true)
                    .with_batch_size(8192)
                    .build(open()?)
                    .map_err(|e| stop(path, e))?,
            ),
            FileFormat::Arrow | FileFormat::Lines => match FileReader::try_new(open()?, None) {
                Ok(reader) => Box::new(reader),
                Err(_) => Box::new(StreamReader::try_new(open()?, None).map_err(|e| stop(path, e))?),
            },
        };
        let schema = Arc::clone(schema);
        Ok(RowReader { path: path.to_owned(), schema, batches, skip: position.max(0) as usize, position })
    }
}

impl Reader for RowReader {
    fn read(&mut self, _limits: ReadLimits) -> Result<Read, ConnectorError> {
        loop {
            let Some(rows) = self.batches.next() else { return Ok(Read::End) };
            let rows = rows.map_err(|e| stop(&self.path, format!("after row {}: {e}", self.position)))?;
            if self.skip >= rows.num_rows() {
                self.skip -= rows.num_rows();
                continue;
            }
            let rows = rows.slice(self.skip, rows.num_rows() - self.skip);
            self.skip = 0;
            let rows = self.fit(&rows)?;
            self.position += rows.num_rows() as i64;
            return Ok(Read::Rows(rows));
        }
    }

    fn position(&self) -> i64 {
        self.position
    }
}

impl RowReader {
    /// The columns that the pipeline wants, by name.
    fn fit(&self, rows: &RecordBatch) -> Result<RecordBatch, ConnectorError> {
        let columns = self.schema.fields().iter().map(|field| {
            let missing = || stop(&self.path, format!("it has no column `{}`", field.name()));
            rows.column_by_name(field.name()).cloned().ok_or_else(missing)
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(|e| stop(&self.path, e))
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
    use arrow::array::Int64Array;

    use super::*;

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
