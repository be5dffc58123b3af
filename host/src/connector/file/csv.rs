//! The rows of a CSV file as records, each with the file's first line beside it: what they mean is the codec's. The
//! offset is a row's number from 0, after the first line.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::Schema;
use csv_core::ReadRecordResult;

use super::stop;
use crate::batch::RawRecords;
use crate::codec::csv::{FIRST_LINE, check_first_line};
use crate::connector::{ConnectorError, Read, ReadLimits, Reader};

/// Of a row, at most: the codec takes half of it, and what is longer is rather a quote that is not closed.
const ROW_BYTES: usize = 32 << 20;

/// Rows of a file as records.
pub struct CsvReader {
    path: PathBuf,
    name: Arc<str>,
    rows: Rows,
    first_line: Vec<u8>,
    position: i64,
}

impl CsvReader {
    /// From row `position` on; the first line must name the columns of `schema`, in any order. A file without any line
    /// has no rows.
    pub fn open(path: &Path, schema: &Schema, position: i64) -> Result<Self, ConnectorError> {
        let file = File::open(path).map_err(|e| stop(path, e))?;
        let mut rows =
            Rows { file: BufReader::with_capacity(1 << 20, file), splitter: csv_core::Reader::new() };
        let mut row = Vec::new();
        let mut next = |row: &mut Vec<u8>| rows.next(row).map_err(|e| stop(path, e));
        let has_columns = next(&mut row)?;
        // Some programs put a mark before UTF-8.
        let first_line = row.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&row).to_vec();
        if has_columns {
            check_first_line(&first_line, schema).map_err(|why| stop(path, why))?;
        }
        for _ in 0..position {
            next(&mut row)?;
        }
        Ok(CsvReader {
            path: path.to_owned(),
            name: path.display().to_string().into(),
            rows,
            first_line,
            position,
        })
    }
}

impl Reader for CsvReader {
    fn read(&mut self, limits: ReadLimits) -> Result<Read, ConnectorError> {
        let mut records = RawRecords::with_capacity(Arc::clone(&self.name), 0, limits.records, 1 << 16);
        let mut row = Vec::new();
        while records.len() < limits.records && records.byte_len() < limits.bytes {
            if !self.rows.next(&mut row).map_err(|e| stop(&self.path, e))? {
                break;
            }
            if row.len() > ROW_BYTES {
                let row = self.position + 1;
                let why = format!(
                    "row {row} after the first line has more than {ROW_BYTES} bytes: is a quote in it not closed? \
                     Correct it and start the pipeline again"
                );
                return Err(stop(&self.path, why));
            }
            records.push(self.position, None, None, Some(&row));
            match records.len() {
                1 => records.push_header(FIRST_LINE, Some(&self.first_line)),
                _ => records.push_headers_of(0),
            }
            self.position += 1;
        }
        Ok(if records.is_empty() { Read::End } else { Read::Records(records) })
    }

    fn position(&self) -> i64 {
        self.position
    }
}

/// A file taken apart at the ends of its rows, which are not always those of its lines.
struct Rows {
    file: BufReader<File>,
    splitter: csv_core::Reader,
}

impl Rows {
    /// Puts the next row that is not blank into `row`, as it stands; `false` at the end of the file. A row that is too
    /// long is given up where that is plain.
    fn next(&mut self, row: &mut Vec<u8>) -> std::io::Result<bool> {
        row.clear();
        // The cells themselves are not wanted.
        let (mut cells, mut ends) = ([0; 1024], [0; 64]);
        loop {
            let bytes = self.file.fill_buf()?;
            let at_end = bytes.is_empty();
            let (result, read, ..) = self.splitter.read_record(bytes, &mut cells, &mut ends);
            row.extend_from_slice(&bytes[..read]);
            self.file.consume(read);
            match result {
                ReadRecordResult::Record => {
                    // Behind the last row there may be no line break; and one before it is none of its own.
                    if !at_end && matches!(row.last(), Some(b'\r' | b'\n')) {
                        row.pop();
                    }
                    let blank = row.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                    row.drain(..blank);
                    return Ok(true);
                }
                ReadRecordResult::End => return Ok(false),
                _ if row.len() > ROW_BYTES => return Ok(true),
                ReadRecordResult::InputEmpty
                | ReadRecordResult::OutputFull
                | ReadRecordResult::OutputEndsFull => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use arrow::datatypes::{DataType, Field};

    use super::*;

    fn read(text: &[u8], position: i64) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.csv");
        std::fs::write(&path, text).unwrap();
        let schema = Schema::new(vec![Field::new("id", DataType::Int64, false)]);
        let told = |e: ConnectorError| e.to_string().replace(&path.display().to_string(), "people.csv");
        let mut reader = CsvReader::open(&path, &schema, position).map_err(told)?;
        let limits = ReadLimits { records: 2, bytes: 1 << 20, wait: Duration::ZERO };
        let mut rows = Vec::new();
        loop {
            match reader.read(limits).map_err(told)? {
                Read::Records(records) => {
                    for (n, record) in records.records().iter().enumerate() {
                        let text = String::from_utf8_lossy(records.value(n).unwrap()).into_owned();
                        let (name, line) = records.headers(n).next().unwrap();
                        assert_eq!((&*name, records.headers(n).count()), (FIRST_LINE, 1));
                        let line = String::from_utf8_lossy(line.unwrap()).into_owned();
                        rows.push(format!("{} {line}: {text}", record.offset));
                    }
                }
                Read::End => return Ok(rows),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_row_is_its_text_wherever_its_lines_end() {
        let text = "\u{feff}id,name\r\n0,\r\n\r\n1,\"a\r\nb \"\"c\"\r\n2,d\"e\n\n3, f \n4,\"g\n";
        let rows = read(text.as_bytes(), 0).unwrap();
        let expected = ["0,", "1,\"a\r\nb \"\"c\"", "2,d\"e", "3, f ", "4,\"g\n"];
        let expected: Vec<String> = (0..5).map(|n| format!("{n} id,name: {}", expected[n])).collect();
        assert_eq!(rows, expected);
        assert_eq!(read(text.as_bytes(), 3).unwrap(), expected[3..]);
        assert_eq!(read(text.as_bytes(), 9).unwrap(), [""; 0]);
    }

    #[test]
    fn a_row_may_be_wide_and_long_and_the_last_one_open() {
        let (cells, long) = (vec!["x"; 5_000].join(","), "y".repeat(3 << 20));
        let rows = read(format!("id,{cells}\n0,{cells}\n{long}").as_bytes(), 0).unwrap();
        assert_eq!(
            (rows.len(), rows[0].len(), rows[1].len()),
            (2, 2 * cells.len() + 9, cells.len() + long.len() + 7)
        );
    }

    #[test]
    fn a_file_without_lines_has_no_rows_and_one_without_the_columns_is_refused() {
        assert_eq!(read(b"", 0), Ok(vec![]));
        assert_eq!(read(b"\n\n", 0), Ok(vec![]));
        assert_eq!(read(b"id\n", 0), Ok(vec![]));
        let open = [b"id\n1\n\"2,".as_slice(), &b"x\n".repeat(ROW_BYTES)].concat();
        insta::assert_snapshot!(read(&open, 0).unwrap_err(), @"people.csv: row 2 after the first line has more than 33554432 bytes: is a quote in it not closed? Correct it and start the pipeline again");
        insta::assert_snapshot!(read(b"\nname\n1\n", 0).unwrap_err(), @"people.csv: there is no column `id`, but name: say these in `schema`");
    }
}
