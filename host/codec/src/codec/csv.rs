//! Rows of CSV files. A record is one row, with the file's first line, which names the columns, in a header of the
//! record: so each is whole without its file. Many are read at once by arrow-csv; where one of them is wrong they are
//! read by halves until it is found. Decimals and times, which arrow-csv would cut to fit, are read as those that JSON has
//! as text. Knows nothing of files.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, RecordBatchOptions, StringArray, UInt32Array};
use arrow::compute::{concat_batches, take};
use arrow::csv::ReaderBuilder;
use arrow::csv::reader::Format;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::problem::{Outcome, Problem, code};
use super::rows::{MAX_RECORD_BYTES, Rows, no_value, too_long};
use super::settings::Tombstone;
use super::{Decoded, RecordError, json};
use crate::batch::RawRecords;

/// The header of a record that has its file's first line.
pub const FIRST_LINE: &str = "sabot.csv.columns";

/// Cells that are read at once: room is made for all of them.
const CELLS: usize = 1 << 20;

const NOT_ONE_ROW: &str = "expected one row, found none or several";

/// Rows of CSV to columns.
pub(crate) struct CsvDecoder {
    schema: SchemaRef,
    exact: Option<Exact>,
    /// The first line that records came with last, and where in it the columns are.
    layout: Option<(Vec<u8>, Result<Layout, String>)>,
}

/// Where the columns are in a row.
struct Layout {
    /// What all cells of a row are; those that nobody wants are text.
    cells: SchemaRef,
    /// The place of each column.
    wanted: Vec<usize>,
}

impl Layout {
    fn new(first_line: &[u8], schema: &Schema) -> Result<Layout, String> {
        let names = names(first_line)?;
        let nullable = |field: &Field| field.clone().with_nullable(true);
        let cell = |name: &String| match schema.field_with_name(name) {
            Ok(column) if !is_exact(column.data_type()) => nullable(column),
            _ => Field::new(name, DataType::Utf8, true),
        };
        let cells = Arc::new(Schema::new(names.iter().map(cell).collect::<Vec<_>>()));
        let wanted = schema.fields().iter().map(|column| {
            names.iter().position(|name| name == column.name()).ok_or_else(|| {
                let names: Vec<&str> = names.iter().map(String::as_str).take(20).collect();
                format!(
                    "there is no column `{}`, but {}: say these in `schema`",
                    column.name(),
                    names.join(", ")
                )
            })
        });
        Ok(Layout { wanted: wanted.collect::<Result<_, _>>()?, cells })
    }
}

/// The columns that a file's first line names.
fn names(first_line: &[u8]) -> Result<Vec<String>, String> {
    let format = Format::default().with_header(true);
    let (header, _) =
        format.infer_schema(first_line, Some(0)).map_err(|e| format!("the first line is no header: {e}"))?;
    Ok(header.fields().iter().map(|field| field.name().clone()).collect())
}

/// Why a file with this first line cannot be read into these columns.
pub fn check_first_line(first_line: &[u8], schema: &Schema) -> Result<(), String> {
    Layout::new(first_line, schema).map(drop)
}

impl CsvDecoder {
    /// A decoder into these columns, or which of them no cell holds.
    pub(crate) fn new(schema: SchemaRef) -> Result<CsvDecoder, String> {
        let exact = Exact::new(&schema)?;
        Ok(CsvDecoder { schema, exact, layout: None })
    }

    pub(crate) fn decode(&mut self, raw: &RawRecords) -> Decoded {
        let mut read = Read {
            raw,
            schema: &self.schema,
            exact: self.exact.as_mut(),
            batches: Vec::new(),
            records: Vec::new(),
            errors: Vec::new(),
        };
        let mut from = 0;
        while from < raw.len() {
            let first_line = first_line(raw, from);
            let end = (from + 1..raw.len())
                .find(|&next| self::first_line(raw, next) != first_line)
                .unwrap_or(raw.len());
            if self.layout.as_ref().is_none_or(|(line, _)| Some(line.as_slice()) != first_line) {
                let line = first_line.unwrap_or_default();
                self.layout = Some((line.to_vec(), Layout::new(line, &self.schema)));
            }
            match &self.layout {
                Some((_, Ok(layout))) => read.rows(layout, from..end),
                Some((_, Err(why))) => (from..end).for_each(|record| {
                    read.errors
                        .push(Problem::new(code::SCHEMA_MISMATCH, why.as_str()).of_record(record as u32));
                }),
                None => {}
            }
            from = end;
        }
        read.done()
    }
}

fn first_line(raw: &RawRecords, record: usize) -> Option<&[u8]> {
    raw.headers(record).find(|(name, _)| name == FIRST_LINE).and_then(|(_, line)| line)
}

/// What came out of a run so far.
struct Read<'a> {
    raw: &'a RawRecords,
    schema: &'a SchemaRef,
    exact: Option<&'a mut Exact>,
    batches: Vec<RecordBatch>,
    records: Vec<u32>,
    errors: Vec<RecordError>,
}

impl Read<'_> {
    fn rows(&mut self, layout: &Layout, records: Range<usize>) {
        let mut good: Vec<usize> = Vec::with_capacity(records.len());
        for record in records {
            let problem = match self.raw.value(record) {
                None => no_value(Tombstone::Refuse),
                Some(value) if value.len() > MAX_RECORD_BYTES => too_long(value.len(), MAX_RECORD_BYTES),
                // Rows are counted, and this is none.
                Some(value) if value.iter().all(|byte| matches!(byte, b'\r' | b'\n')) => not_one_row(),
                Some(_) => {
                    good.push(record);
                    continue;
                }
            };
            self.errors.push(problem.of_record(record as u32));
        }
        let at_once = (CELLS / layout.cells.fields().len().max(1)).max(1);
        good.chunks(at_once).for_each(|some| self.together(layout, some));
    }

    /// Reads these records together, or each half of them.
    fn together(&mut self, layout: &Layout, records: &[usize]) {
        match read(layout, self.raw, records) {
            Ok(rows) => match fit(&rows, self.schema) {
                Ok(()) => self.keep(rows, records.iter().map(|record| *record as u32).collect()),
                Err(problem) => self.refuse(layout, records, &problem),
            },
            Err(error) => self.refuse(layout, records, &problem_of(&error, layout)),
        }
    }

    fn refuse(&mut self, layout: &Layout, records: &[usize], problem: &Problem) {
        match records {
            [record] => self.errors.push(problem.of_record(*record as u32)),
            several => {
                let (one, other) = several.split_at(several.len() / 2);
                self.together(layout, one);
                self.together(layout, other);
            }
        }
    }

    /// Rows of which nothing but decimals and times can be wrong.
    fn keep(&mut self, rows: RecordBatch, mut records: Vec<u32>) {
        let mut columns = rows.columns().to_vec();
        if let Some(exact) = &mut self.exact {
            let decoded = exact.decode(&rows);
            let of = |error: RecordError| RecordError { index: records[error.index as usize], ..error };
            self.errors.extend(decoded.errors.into_iter().map(of));
            if let Some(kept) = decoded.records {
                let rows = UInt32Array::from(kept.clone());
                let kept_of = |column| take(column, &rows, None).expect("rows of this very column");
                columns = columns.iter().map(|column| kept_of(column.as_ref())).collect();
                records = kept.into_iter().map(|row| records[row as usize]).collect();
            }
            for (place, column) in exact.places.iter().zip(decoded.rows.columns()) {
                columns[*place] = Arc::clone(column);
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(records.len()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(self.schema), columns, &options);
        self.batches.push(rows.expect("columns of the schema, null only where they may be"));
        self.records.extend(records);
    }

    fn done(mut self) -> Decoded {
        let rows = match self.batches.len() {
            1 => self.batches.remove(0),
            _ => concat_batches(self.schema, &self.batches).expect("all have the columns of the schema"),
        };
        self.errors.sort_by_key(|error| error.index);
        let records = (!self.errors.is_empty()).then_some(self.records);
        Decoded { rows, records, errors: self.errors, taken: self.raw.len() }
    }
}

/// The columns of these records, of which any may be null. Who splits a file takes care that each is one row.
fn read(layout: &Layout, raw: &RawRecords, records: &[usize]) -> Result<RecordBatch, ArrowError> {
    let values: Vec<&[u8]> = records.iter().filter_map(|record| raw.value(*record)).collect();
    let bytes = values.join(&b'\n');
    let builder = ReaderBuilder::new(Arc::clone(&layout.cells)).with_projection(layout.wanted.clone());
    let mut decoder = builder.with_batch_size(records.len()).build_decoder();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() && decoder.capacity() > 0 {
        let read = decoder.decode(rest)?;
        rest = &rest[read..];
    }
    // Nothing more: that is the end of the last row.
    if decoder.capacity() > 0 {
        decoder.decode(&[])?;
    }
    let all_are_rows = decoder.capacity() == 0 && rest.iter().all(u8::is_ascii_whitespace);
    let rows = decoder.flush()?.filter(|_| all_are_rows);
    rows.ok_or_else(|| ArrowError::CsvError(NOT_ONE_ROW.to_owned()))
}

#[cold]
fn not_one_row() -> Box<Problem> {
    Problem::new(code::CSV_SYNTAX, NOT_ONE_ROW)
}

/// Whether the cells are null only where the schema says so.
fn fit(rows: &RecordBatch, schema: &SchemaRef) -> Outcome<()> {
    for (field, column) in schema.fields().iter().zip(rows.columns()) {
        if !field.is_nullable() && column.null_count() > 0 {
            let what =
                format!("expected {}, found an empty cell", super::column::type_name(field.data_type()));
            return Err(Problem::new(code::MISSING_COLUMN, what).in_field(field.name()));
        }
    }
    Ok(())
}

/// Whether arrow-csv would make another value of a cell than it says: digits that do not fit are cut there.
fn is_exact(data_type: &DataType) -> bool {
    use DataType::{Date32, Date64, Decimal128, Decimal256, Timestamp};
    matches!(data_type, Decimal128(..) | Decimal256(..) | Timestamp(..) | Date32 | Date64)
}

/// Decimals and times, by way of JSON.
struct Exact {
    /// Their places among the columns.
    places: Vec<usize>,
    schema: SchemaRef,
    rows: Rows<json::JsonReader>,
}

impl Exact {
    fn new(schema: &SchemaRef) -> Result<Option<Exact>, String> {
        let fields = schema.fields();
        let places: Vec<usize> = (0..fields.len()).filter(|at| is_exact(fields[*at].data_type())).collect();
        if places.is_empty() {
            return Ok(None);
        }
        let nullable = |at: &usize| fields[*at].as_ref().clone().with_nullable(true);
        let schema: SchemaRef = Arc::new(Schema::new(places.iter().map(nullable).collect::<Vec<_>>()));
        let rows = Rows::new(Arc::clone(&schema), json::JsonReader::new(&schema)?)?;
        Ok(Some(Exact { places, schema, rows }))
    }

    fn decode(&mut self, rows: &RecordBatch) -> Decoded {
        let cells: Vec<&StringArray> = self.places.iter().map(|at| rows.column(*at).as_string()).collect();
        let names: Vec<String> = self
            .schema
            .fields()
            .iter()
            .map(|f| serde_json::Value::from(f.name().as_str()).to_string())
            .collect();
        let mut raw = RawRecords::with_capacity("".into(), 0, rows.num_rows(), 0);
        let mut object = String::new();
        for row in 0..rows.num_rows() {
            object.clear();
            for (name, cells) in names.iter().zip(&cells) {
                object.push(if object.is_empty() { '{' } else { ',' });
                let cell = cells.is_valid(row).then(|| cells.value(row));
                object.extend([name, ":", &serde_json::Value::from(cell).to_string()]);
            }
            object.push('}');
            raw.push(row as i64, None, None, Some(object.as_bytes()));
        }
        self.rows.decode(&raw)
    }
}

/// What arrow-csv says of one row, whose number in what it was given means nothing.
fn problem_of(error: &ArrowError, layout: &Layout) -> Box<Problem> {
    let in_cell = |problem: Box<Problem>, place: Option<usize>| match place
        .and_then(|place| layout.cells.fields().get(place))
    {
        Some(cell) => problem.in_field(cell.name()),
        None => problem,
    };
    match error {
        ArrowError::ParseError(what) => {
            // What follows is the row itself.
            let what = what.split_once(". Row data: '").map_or(what.as_str(), |(what, _)| what);
            let (what, column) = what.rsplit_once(" for column ").unwrap_or((what, ""));
            let place = column.split_once(' ').map_or(column, |(place, _)| place);
            in_cell(Problem::new(code::TYPE_MISMATCH, what), place.parse().ok())
        }
        ArrowError::CsvError(what) => match what.rsplit_once(" invalid UTF-8 data for line 1 and field ") {
            Some((_, number)) => {
                let place = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
                in_cell(Problem::new(code::NOT_UTF8, "not UTF-8"), place)
            }
            None => Problem::new(code::CSV_SYNTAX, what.replacen(" for line 1", "", 1)),
        },
        error => Problem::new(code::CSV_SYNTAX, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use arrow::datatypes::TimeUnit;

    use super::*;

    fn people() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("name", DataType::Utf8, true),
        ]))
    }

    fn decode_by(schema: SchemaRef, first_line: &str, values: &[&[u8]]) -> Decoded {
        let mut raw = RawRecords::with_capacity("people.csv".into(), 0, values.len(), 0);
        for (offset, value) in values.iter().enumerate() {
            raw.push(offset as i64, None, None, Some(value));
            raw.push_header(FIRST_LINE, Some(first_line.as_bytes()));
        }
        CsvDecoder::new(schema).unwrap().decode(&raw)
    }

    fn decode(first_line: &str, values: &[&[u8]]) -> Decoded {
        decode_by(people(), first_line, values)
    }

    fn rows(ids: &[i64], names: &[Option<&str>]) -> RecordBatch {
        let columns: Vec<Arc<dyn Array>> =
            vec![Arc::new(Int64Array::from(ids.to_vec())), Arc::new(StringArray::from(names.to_vec()))];
        RecordBatch::try_new(people(), columns).unwrap()
    }

    fn told(decoded: &Decoded) -> String {
        let line = |e: &RecordError| format!("{} {}: {}", e.index, e.code, e.message);
        decoded.errors.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn cells_are_found_by_the_names_of_the_first_line() {
        let decoded = decode("name,more,id", &[b",x,0", b"a,,1", b"\"b\",\"a, b\nc\",2"]);
        assert_eq!(told(&decoded), "");
        assert_eq!(decoded.rows, rows(&[0, 1, 2], &[None, Some("a"), Some("b")]));
        assert_eq!(decoded.records, None);
        assert_eq!(decode("id,name", &[]).rows, rows(&[], &[]));
    }

    #[test]
    fn a_row_that_is_wrong_costs_its_neighbours_nothing() {
        let values: [&[u8]; 10] = [
            b"0,a",
            b"one,b",
            b"2,c,d",
            b"3",
            b",e",
            b"5,\xff",
            b"6,\"f",
            b"7,g\n8,h",
            b"\n",
            b"9,\"i\"\"i\"",
        ];
        let decoded = decode("id,name", &values);
        assert_eq!(decoded.rows, rows(&[0, 6, 9], &[Some("a"), Some("f"), Some("i\"i")]));
        assert_eq!((decoded.records.as_deref(), decoded.taken), (Some(&[0, 6, 9][..]), 10));
        insta::assert_snapshot!(told(&decoded), @r"
        1 type-mismatch: id: Error while parsing value 'one' as type 'Int64'
        2 csv-syntax: incorrect number of fields, expected 2 got more than 2
        3 csv-syntax: incorrect number of fields, expected 2 got 1
        4 missing-column: id: expected int64, found an empty cell
        5 not-utf8: name: not UTF-8
        7 csv-syntax: expected one row, found none or several
        8 csv-syntax: expected one row, found none or several
        ");
    }

    #[test]
    fn decimals_and_times_are_what_they_say_or_refused() {
        let fields = [
            ("price", DataType::Decimal128(10, 2)),
            ("at", DataType::Timestamp(TimeUnit::Second, None)),
            ("day", DataType::Date32),
        ];
        let fields: Vec<Field> = fields.map(|(name, of)| Field::new(name, of, true)).into_iter().collect();
        let long = format!("{}.0,,", "1".repeat(300));
        let values: [&[u8]; 9] = [
            b"1.50,2024-05-01T12:30:45Z,2024-05-01",
            b"1.005,,",
            b",2024-05-01T12:30:45.999Z,",
            b",,2024-02-30",
            b",,",
            b"-12345678.9,2024-05-01 12:30:45.000,",
            long.as_bytes(),
            b"x,,",
            b"1e3,,",
        ];
        let decoded = decode_by(Arc::new(Schema::new(fields)), "price,at,day", &values);
        assert_eq!(decoded.records.as_deref(), Some(&[0, 4, 5, 8][..]));
        let json = crate::codec::trip::encode(
            &crate::codec::Encode::plain(crate::codec::Codec::Json),
            &decoded.rows,
        );
        let rows: Vec<_> = (0..4).map(|row| String::from_utf8_lossy(json.row(row)).into_owned()).collect();
        insta::assert_snapshot!(rows.join("\n"), @r#"
        {"price":1.50,"at":1714566645,"day":"2024-05-01"}
        {"price":null,"at":null,"day":null}
        {"price":-12345678.90,"at":1714566645,"day":null}
        {"price":1000.00,"at":null,"day":null}
        "#);
        insta::assert_snapshot!(told(&decoded).replace(&"1".repeat(30), "1"), @r#"
        1 out-of-range: price: expected decimal(10, 2), which cannot hold 1.005
        2 out-of-range: at: "2024-05-01T12:30:45.999Z" has digits below the unit of timestamp_s
        3 type-mismatch: day: expected date, found string "2024-02-30"
        6 out-of-range: price: expected decimal(10, 2), which cannot hold 11111111111…
        7 type-mismatch: price: expected decimal(10, 2), found string "x"
        "#);
    }

    #[test]
    fn a_file_without_the_columns_is_told() {
        insta::assert_snapshot!(told(&decode("id,nom", &[b"1,a"])), @"0 schema-mismatch: there is no column `name`, but id, nom: say these in `schema`");
        insta::assert_snapshot!(check_first_line(b"", &people()).unwrap_err(), @"there is no column `id`, but : say these in `schema`");
        assert_eq!(check_first_line(b"name,id,name", &people()), Ok(()));
    }

    #[test]
    fn room_is_made_for_a_bounded_number_of_cells() {
        let line = (0..3_000).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",") + ",id,name";
        let values: Vec<Vec<u8>> =
            (0..1_000).map(|n| format!("{}{n},x", ",".repeat(3_000)).into_bytes()).collect();
        let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
        let decoded = decode(&line, &values);
        assert_eq!(decoded.rows.num_rows(), 1_000, "{}", told(&decoded));
        assert_eq!(decoded.records, None);
    }
}
