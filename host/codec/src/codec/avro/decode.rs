//! Avro values into rows: which plan a value is read by. Knows nothing of how a value names its schema.

use std::sync::Arc;

use arrow::datatypes::{DataType, Fields, SchemaRef};

use super::cursor::Cursor;
use super::derive::schema_of;
use super::encode::ROW;
use super::parse::parse;
use super::plan::Compiled;
use super::resolve::compile;
use super::skip::Frame;
use super::types::Types;
use super::write::write_long;
use crate::codec::column::{Struct, size_of_null};
use crate::codec::framed::ReadWritten;
use crate::codec::problem::Outcome;
use crate::codec::registered::{RegisteredSchema, SchemaKind};
use crate::codec::rows::ReadRecord;
use crate::codec::writers::Writers;

/// Writers' schemas that are kept ready, at most.
const WRITERS_MAX: usize = 256;
/// Bytes that they take together, about, at most.
const WRITERS_BYTES: usize = 128 << 20;

/// Reads Avro values: each by the schema that it was written with, into columns by the rules of the reader's.
pub struct AvroReader {
    columns: Fields,
    reader: Option<Arc<Types>>,
    current: Arc<Compiled>,
    /// The id of the current writer; `None` for the schema that the reader was made with.
    id: Option<u64>,
    /// Values of the current writer are bytes that stand without their length.
    without_length: bool,
    /// Such a value, with its length.
    with_length: Vec<u8>,
    writers: Writers<Arc<Compiled>>,
    open: Vec<Frame>,
    /// Bytes that a row takes in the columns whatever it is.
    width: usize,
}

impl AvroReader {
    /// A reader by this schema into these columns ([`columns`](super::columns()) of it, or others that its fields
    /// go into), or every column that it cannot fill. Until `use_writer` says otherwise,
    /// values were written with the same schema.
    pub fn new(reader: &RegisteredSchema, columns: &SchemaRef) -> Result<AvroReader, String> {
        let types = Arc::new(parse(reader)?);
        let current = compile(&types, Some(&types), columns.fields())?;
        Ok(AvroReader::with(Some(types), current, columns))
    }

    /// A reader into these columns that has no schema of its own: a column takes the writer's field of its name,
    /// whatever goes into it without loss, and is null where the writer has none and it can be. Until
    /// `use_writer` says otherwise, values were written with the schema that
    /// [`schema_of`](super::schema_of()) makes of the columns.
    pub fn of_columns(columns: &SchemaRef) -> Result<AvroReader, String> {
        let own = RegisteredSchema::new(SchemaKind::Avro, schema_of(columns, ROW)?);
        let current = compile(&Arc::new(parse(&own)?), None, columns.fields())?;
        Ok(AvroReader::with(None, current, columns))
    }

    fn with(reader: Option<Arc<Types>>, current: Compiled, columns: &SchemaRef) -> AvroReader {
        AvroReader {
            columns: columns.fields().clone(),
            reader,
            current: Arc::new(current),
            id: None,
            without_length: false,
            with_length: Vec::new(),
            writers: Writers::new(WRITERS_MAX, WRITERS_BYTES),
            open: Vec::new(),
            width: size_of_null(&DataType::Struct(columns.fields().clone())),
        }
    }

    /// Appends the row that `bytes` begin with; gives how many of them it took.
    pub(super) fn read_first(&mut self, bytes: &[u8], columns: &mut Struct) -> Outcome<usize> {
        self.row(bytes, columns, |cursor| Ok(cursor.at))
    }

    /// Appends a row; what `then` makes of the place behind it may still refuse it.
    #[inline]
    fn row<T>(
        &mut self,
        bytes: &[u8],
        columns: &mut Struct,
        then: impl FnOnce(&Cursor) -> Outcome<T>,
    ) -> Outcome<T> {
        let mut cursor = Cursor::new(bytes, &self.current.types, &mut self.open, columns.allowance());
        let outcome = cursor.spend(self.width).and_then(|()| cursor.object(&self.current.plan, columns));
        columns.took(&cursor.allowance);
        outcome.and_then(|()| then(&cursor))
    }
}

impl ReadWritten for AvroReader {
    /// When the writer's schema cannot be read, says every reason, and the writer before stays.
    fn use_writer(&mut self, id: u64, schema: &RegisteredSchema) -> Result<(), String> {
        if self.id == Some(id) {
            return Ok(());
        }
        let (reader, columns) = (&self.reader, &self.columns);
        let compiled = self.writers.get(id, || {
            let writer = Arc::new(parse(schema)?.of_writer());
            let compiled = compile(&writer, reader.as_ref(), columns)?;
            let bytes = compiled.weight;
            Ok((Arc::new(compiled), bytes))
        })?;
        self.without_length = compiled.types.is_bytes();
        (self.current, self.id) = (compiled, Some(id));
        Ok(())
    }
}

impl ReadRecord for AvroReader {
    fn read(&mut self, value: &[u8], columns: &mut Struct) -> Outcome<()> {
        if self.without_length {
            let mut bytes = std::mem::take(&mut self.with_length);
            bytes.clear();
            write_long(value.len() as i64, &mut bytes);
            bytes.extend_from_slice(value);
            let outcome = self.row(&bytes, columns, |cursor| cursor.end());
            self.with_length = bytes;
            return outcome;
        }
        self.row(value, columns, |cursor| cursor.end())
    }
}
