//! Records to rows: any number of rows from each. A record that fails gives none, and its neighbours never notice.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::buffer::Buffer;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use arrow_ipc::MessageHeader;

use super::array::Reader;
use super::buffers::{Body, Budget, Unpacker};
use super::flat::Flat;
use super::message::{Messages, Place};
use super::resolve::Values;
use super::schema::{Kind, Source, Stream};
use super::{convert, syntax, unsupported};
use crate::batch::RawRecords;
use crate::codec::column::{ARRAY, MAX_RUN, MAX_SCHEMA_DEPTH, Run, arrays_of, size_of_null};
use crate::codec::problem::Outcome;
use crate::codec::rows::{MAX_RECORD_BYTES, no_value, take_for_tombstone, too_long};
use crate::codec::{Decoded, Tombstone};

/// Reads Arrow IPC streams and messages.
pub struct ArrowDecoder {
    /// The columns of values.
    schema: SchemaRef,
    /// Those of the rows: some that must not be null in a value may be in a row.
    rows: SchemaRef,
    tombstone: Tombstone,
    /// The columns as a message without a schema has them.
    declared: Known,
    /// The last schema message and what it said: records of one topic have the same.
    last: Option<(Vec<u8>, Known)>,
    unpacker: Unpacker,
    /// Reads what needs no arrays.
    pub(super) flat: Option<Flat>,
    pub(super) run: Run,
}

/// Columns as they are sent, and which of them each declared column is.
pub(super) struct Known {
    stream: Stream,
    places: Vec<Option<usize>>,
    /// Which declared column each of those that are sent is, when all are plain and just what is declared.
    pub(super) targets: Option<Vec<usize>>,
}

impl Known {
    fn new(stream: Stream, places: Vec<Option<usize>>, schema: &SchemaRef) -> Known {
        let mut known = Known { stream, places, targets: None };
        known.targets = known.find_targets(schema);
        known
    }

    fn find_targets(&self, schema: &SchemaRef) -> Option<Vec<usize>> {
        if self.stream.columns.len() != self.places.len() {
            return None;
        }
        let mut targets = vec![0; self.places.len()];
        for (target, (place, field)) in self.places.iter().zip(schema.fields()).enumerate() {
            let source = &self.stream.columns[(*place)?];
            if source.kind != Kind::Plain || source.field.data_type() != field.data_type() {
                return None;
            }
            targets[(*place)?] = target;
        }
        Some(targets)
    }
}

impl ArrowDecoder {
    /// A decoder into these columns, or which of them Arrow IPC is not read into.
    pub(crate) fn new(schema: SchemaRef) -> Result<ArrowDecoder, String> {
        for (index, field) in schema.fields().iter().enumerate() {
            if schema.fields()[..index].iter().any(|other| other.name() == field.name()) {
                return Err(format!("{}: two columns have this name", field.name()));
            }
            check(field, 0)?;
        }
        let columns = schema.fields().iter().map(Source::declared).collect();
        let stream = Stream { columns, dictionaries: HashMap::new() };
        let declared = Known::new(stream, (0..schema.fields().len()).map(Some).collect(), &schema);
        let (flat, unpacker) = (Flat::new(&schema), Unpacker::default());
        let (rows, tombstone, run) = (SchemaRef::clone(&schema), Tombstone::default(), Run::new(MAX_RUN));
        Ok(ArrowDecoder { schema, rows, tombstone, declared, last: None, unpacker, flat, run })
    }

    /// With this for a record without a value.
    pub(crate) fn with_tombstone(mut self, tombstone: Tombstone) -> ArrowDecoder {
        (self.rows, self.tombstone) = (tombstone.columns(&self.schema), tombstone);
        self
    }

    /// Decodes the first records of a run, as many as it may take, each to any number of rows or to an error.
    pub fn decode(&mut self, raw: &RawRecords) -> Decoded {
        let (mut batches, mut records, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        let mut taken = raw.len();
        self.run.begin();
        for index in 0..raw.len() {
            let mut budget = Budget(self.run.allowance());
            if let Some(value) = raw.value(index)
                && let Some(rows) = self.read_flat(value, &mut budget)
            {
                self.run.took(&budget.0);
                records.extend(std::iter::repeat_n(index as u32, rows));
                continue;
            }
            let outcome = match raw.value(index) {
                None => self.tombstone(&mut budget),
                Some(value) if value.len() > MAX_RECORD_BYTES => Err(too_long(value.len(), MAX_RECORD_BYTES)),
                Some(value) => self.record(value, &mut budget),
            };
            self.run.took(&budget.0);
            match outcome {
                Ok(rows) => {
                    let count = rows.iter().map(RecordBatch::num_rows).sum();
                    records.extend(std::iter::repeat_n(index as u32, count));
                    batches.extend(self.take_flat());
                    batches.extend(rows);
                }
                Err(problem) if problem.is_of_the_run() => {
                    taken = index;
                    break;
                }
                Err(problem) => errors.push(problem.of_record(index as u32)),
            }
        }
        batches.extend(self.take_flat());
        let in_step = records.len() == taken && records.iter().enumerate().all(|(row, &r)| row == r as usize);
        let rows = concat_batches(&self.rows, &batches).expect(
            "all batches have the columns declared, and a run unpacks to less than offsets can count",
        );
        Decoded { rows, records: (!in_step).then_some(records), errors, taken }
    }

    /// Reads a record of a few rows of plain columns, which unpacks to no more than it is long.
    fn read_flat(&mut self, value: &[u8], budget: &mut Budget) -> Option<usize> {
        let flat = self.flat.as_mut().filter(|_| value.len() <= MAX_RECORD_BYTES)?;
        // What is not read here is not taken either.
        let mut allowance = budget.0;
        allowance.take(value.len()).ok()?;
        let rows = flat.record(value, &self.declared, self.last.as_ref())?;
        budget.0 = allowance;
        Some(rows)
    }

    /// The rows that were read so since the last call.
    fn take_flat(&mut self) -> Option<RecordBatch> {
        let (columns, rows) = self.flat.as_mut()?.take()?;
        let rows = batch(&self.schema, columns, rows);
        Some(rows.expect("every column has one value of its type for each row, null only where it may be"))
    }

    fn tombstone(&self, budget: &mut Budget) -> Outcome<Vec<RecordBatch>> {
        if !self.tombstone.is_row(&self.schema) {
            return Err(no_value(self.tombstone));
        }
        // Each is a batch of its own, with an array for each column.
        let row = DataType::Struct(self.schema.fields().clone());
        take_for_tombstone(&mut budget.0, size_of_null(&row).saturating_add(arrays_of(&row) * ARRAY))?;
        let columns = self.rows.fields().iter().map(|field| new_null_array(field.data_type(), 1)).collect();
        Ok(vec![batch(&self.rows, columns, 1)?])
    }

    fn record(&mut self, value: &[u8], budget: &mut Budget) -> Outcome<Vec<RecordBatch>> {
        let mut messages = Messages::of(value);
        let Some(first) = messages.next()? else {
            return Err(syntax("expected a message, found the end of the record"));
        };
        // Copied once, to where every type is aligned.
        let value = Buffer::from(value);
        match first.message.header_type() {
            MessageHeader::Schema => self.stream(&value, first, messages, budget),
            MessageHeader::RecordBatch => {
                let source = Sent { value: &value, known: &self.declared, dictionaries: &HashMap::new() };
                let rows = source.rows(&first, &self.schema, &mut self.unpacker, budget)?;
                match messages.next()? {
                    None => Ok(vec![rows]),
                    Some(_) => Err(syntax("a second message follows a batch without a schema")),
                }
            }
            other => Err(unexpected(other, "a schema or a record batch")),
        }
    }

    fn stream(
        &mut self,
        value: &Buffer,
        first: Place,
        mut messages: Messages,
        budget: &mut Budget,
    ) -> Outcome<Vec<RecordBatch>> {
        self.learn(&first)?;
        let Some((_, known)) = &self.last else { return Err(syntax("there is no schema")) };
        let (mut batches, mut dictionaries) = (Vec::new(), HashMap::new());
        while let Some(place) = messages.next()? {
            let sent = Sent { value, known, dictionaries: &dictionaries };
            match place.message.header_type() {
                MessageHeader::RecordBatch => {
                    if !batches.is_empty() {
                        // Also a batch without rows has its columns, and a record may have very many.
                        let columns = self.schema.fields().iter().map(|field| arrays_of(field.data_type()));
                        budget.take(columns.sum::<usize>().saturating_mul(ARRAY))?;
                    }
                    batches.push(sent.rows(&place, &self.schema, &mut self.unpacker, budget)?);
                }
                MessageHeader::DictionaryBatch => {
                    let (id, values) = sent.dictionary(&place, &mut self.unpacker, budget)?;
                    dictionaries.insert(id, values);
                }
                other => return Err(unexpected(other, "a record batch or a dictionary")),
            }
        }
        Ok(batches)
    }

    /// Reads a schema message, unless it is the one of the last record.
    fn learn(&mut self, place: &Place) -> Outcome<()> {
        if self.last.as_ref().is_some_and(|(last, _)| last == place.metadata) {
            return Ok(());
        }
        let schema = place.message.header_as_schema().ok_or_else(|| syntax("a message has no header"))?;
        let stream = Stream::read(schema)?;
        let names: Vec<&str> = stream.columns.iter().map(|column| column.field.name().as_str()).collect();
        let places = self.schema.fields().iter().map(|field| convert::place(&names, field.name()));
        let places = places.collect::<Outcome<Vec<_>>>()?;
        let mut known = Known::new(stream, places, &self.schema);
        if !place.body.is_empty() {
            known.targets = None;
        }
        self.last = Some((place.metadata.to_vec(), known));
        Ok(())
    }
}

/// What came before a message.
struct Sent<'a> {
    value: &'a Buffer,
    known: &'a Known,
    dictionaries: &'a HashMap<i64, Values>,
}

impl Sent<'_> {
    fn rows(
        &self,
        place: &Place,
        schema: &SchemaRef,
        unpacker: &mut Unpacker,
        budget: &mut Budget,
    ) -> Outcome<RecordBatch> {
        let header =
            place.message.header_as_record_batch().ok_or_else(|| syntax("a message has no header"))?;
        let rows = usize::try_from(header.length())
            .map_err(|_| syntax(format!("a batch has {} rows", header.length())))?;
        // Of each row it is kept which record it came from.
        budget.take(rows.saturating_mul(size_of::<u32>()))?;
        let body = Body::new(header, self.value, place.body.clone(), unpacker, budget)?;
        let mut reader = Reader { body, dictionaries: self.dictionaries };
        let columns = self.known.stream.columns.iter().map(|column| reader.column(column, rows));
        let columns = columns.collect::<Outcome<Vec<_>>>()?;
        reader.body.end()?;
        let declared =
            schema.fields().iter().zip(&self.known.places).map(|(field, place)| {
                convert::column(place.map(|place| &columns[place]), field, rows, budget)
            });
        batch(schema, declared.collect::<Outcome<Vec<_>>>()?, rows)
    }

    fn dictionary(
        &self,
        place: &Place,
        unpacker: &mut Unpacker,
        budget: &mut Budget,
    ) -> Outcome<(i64, Values)> {
        let header = place.message.header_as_dictionary_batch();
        let header = header.ok_or_else(|| syntax("a message has no header"))?;
        let id = header.id();
        if header.isDelta() {
            return Err(unsupported(format!("dictionary {id} is sent in parts (deltas): send it whole")));
        }
        let source = self.known.stream.dictionaries.get(&id);
        let source = source.ok_or_else(|| syntax(format!("no column has dictionary {id}")))?;
        let data = header.data().ok_or_else(|| syntax(format!("dictionary {id} has no values")))?;
        let len = usize::try_from(data.length())
            .map_err(|_| syntax(format!("dictionary {id} has {} values", data.length())))?;
        let body = Body::new(data, self.value, place.body.clone(), unpacker, budget)?;
        let mut reader = Reader { body, dictionaries: self.dictionaries };
        let values = reader.column(source, len)?;
        reader.body.end()?;
        Ok((id, Values::new(values, budget)?))
    }
}

pub(super) fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Outcome<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|wrong| syntax(wrong.to_string()))
}

#[cold]
fn unexpected(found: MessageHeader, expected: &str) -> Box<crate::codec::problem::Problem> {
    let found = found.variant_name().unwrap_or("of a kind unknown here");
    syntax(format!("expected {expected}, found a message of kind {found}"))
}

/// Whether a column can be read into: plain ones, without dictionaries, runs, views and unions.
fn check(field: &FieldRef, depth: usize) -> Result<(), String> {
    check_type(field.data_type(), depth).map_err(|why| format!("{}: {why}", field.name()))
}

fn check_type(data_type: &DataType, depth: usize) -> Result<(), String> {
    if depth > MAX_SCHEMA_DEPTH {
        return Err(format!("columns are nested deeper than {MAX_SCHEMA_DEPTH} levels: flatten the schema"));
    }
    match data_type {
        DataType::Struct(fields) => fields.iter().try_for_each(|field| check(field, depth + 1)),
        DataType::List(item) | DataType::LargeList(item) => check_type(item.data_type(), depth + 1),
        DataType::FixedSizeList(item, size) if *size >= 0 => check_type(item.data_type(), depth + 1),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => check_type(entries.data_type(), depth + 1),
            _ => Err("a map's entries are an object of key and value".to_owned()),
        },
        DataType::Dictionary(..)
        | DataType::RunEndEncoded(..)
        | DataType::Union(..)
        | DataType::Utf8View
        | DataType::BinaryView
        | DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::FixedSizeList(..) => {
            Err(format!("Arrow IPC is not read into {data_type}: choose a plain type"))
        }
        _ => Ok(()),
    }
}
