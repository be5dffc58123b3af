//! Records to rows, by whichever codec: the schema that a value names, the key by a codec of its own, and what is
//! beside the value. Asks a registry, never a broker.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, StructArray, UInt32Array,
};
use arrow::compute;
use arrow::datatypes::{Schema, SchemaRef};

use super::arrow_ipc::pick;
use super::column::{MAX_RECORD, MAX_RUN, Run, Spent, arrays_of, size_of_null, size_of_values};
use super::framed::Framed;
use super::meta::Meta;
use super::problem::{Problem, code};
use super::registered::RegisteredSchema;
use super::registry::Registries;
use super::rows::Rows;
use super::settings::{Codec, Decode, Framing};
use super::wire::Part;
use super::{Decoded, RecordError, arrow_ipc, avro, csv, json, json_schema, msgpack, protobuf, text};
use crate::batch::RawRecords;

/// Records that cannot be decoded now: their schema's registry does not answer. Nothing was decoded; the same call
/// may work later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Records to rows.
pub struct Decoder {
    value: PartDecoder,
    key: Option<PartDecoder>,
    include: Vec<Meta>,
    /// All columns.
    schema: SchemaRef,
}

/// Values, or keys, to rows.
struct PartDecoder {
    codec: Decoding,
    framed: Option<Framed>,
    /// One value, not an object of columns.
    single: bool,
}

enum Decoding {
    Json(Rows<json::JsonReader>),
    Avro(Rows<avro::AvroReader>),
    JsonSchema(Rows<json_schema::JsonSchemaReader>),
    MessagePack(Rows<msgpack::MsgpackReader>),
    Protobuf(Rows<protobuf::ProtobufReader>),
    Text(Rows<text::TextReader>),
    Arrow(Box<arrow_ipc::ArrowDecoder>),
    Csv(csv::CsvDecoder),
}

impl PartDecoder {
    fn new(settings: &Decode, part: Part, registries: &Registries) -> Result<PartDecoder, String> {
        let (schema, tombstone) = (SchemaRef::clone(&settings.schema), settings.tombstone);
        let codec = match settings.codec {
            Codec::Json => {
                let reader = json::JsonReader::new(&schema)?;
                Decoding::Json(Rows::new(schema, reader)?.with_tombstone(tombstone))
            }
            Codec::JsonSchema => {
                let reader = json_schema::JsonSchemaReader::new(own_schema(settings)?, &schema)?;
                Decoding::JsonSchema(Rows::new(schema, reader)?.with_tombstone(tombstone))
            }
            Codec::MessagePack => {
                let rows = Rows::new(schema, msgpack::MsgpackReader::default())?;
                Decoding::MessagePack(rows.with_tombstone(tombstone))
            }
            Codec::Avro => {
                let reader = match &settings.reader {
                    Some(reader) => avro::AvroReader::new(reader, &schema)?,
                    None => avro::AvroReader::of_columns(&schema)?,
                };
                Decoding::Avro(Rows::new(schema, reader)?.with_tombstone(tombstone))
            }
            Codec::Protobuf => {
                let reader = protobuf::ProtobufReader::new(own_schema(settings)?, &schema)?;
                Decoding::Protobuf(Rows::new(schema, reader)?.with_tombstone(tombstone))
            }
            codec @ (Codec::String | Codec::Bytes) => {
                let reader = text::TextReader::new(codec, &schema)?;
                Decoding::Text(Rows::new(schema, reader)?.with_tombstone(tombstone))
            }
            Codec::Arrow => {
                let decoder = arrow_ipc::ArrowDecoder::new(schema)?;
                Decoding::Arrow(Box::new(decoder.with_tombstone(tombstone)))
            }
            Codec::Csv => Decoding::Csv(csv::CsvDecoder::new(schema)?),
        };
        let framed = match &settings.framing {
            Framing::None => None,
            Framing::Confluent { registry } => Some(Framed::new(registry, registries, part)?),
        };
        Ok(PartDecoder { codec, framed, single: settings.is_one_value() })
    }

    fn decode(&mut self, raw: &RawRecords) -> Result<Decoded, Unavailable> {
        match (&mut self.codec, &mut self.framed) {
            (Decoding::Json(rows), _) => Ok(rows.decode(raw)),
            (Decoding::JsonSchema(rows), None) => Ok(rows.decode(raw)),
            (Decoding::JsonSchema(rows), Some(framed)) => framed.decode(rows, raw),
            (Decoding::MessagePack(rows), _) => Ok(rows.decode(raw)),
            (Decoding::Avro(rows), None) => Ok(rows.decode(raw)),
            (Decoding::Avro(rows), Some(framed)) => framed.decode(rows, raw),
            (Decoding::Protobuf(rows), None) => Ok(rows.decode(raw)),
            (Decoding::Protobuf(rows), Some(framed)) => framed.decode(rows, raw),
            (Decoding::Text(rows), _) => Ok(rows.decode(raw)),
            (Decoding::Arrow(decoder), _) => Ok(decoder.decode(raw)),
            (Decoding::Csv(decoder), _) => Ok(decoder.decode(raw)),
        }
    }
}

#[cfg(test)]
impl Decoder {
    /// Runs of JSON objects end where their records took so many bytes: of the values, and of their keys.
    pub(crate) fn limit_runs(&mut self, values: usize, keys: usize) {
        for (part, bytes) in [Some(&mut self.value), self.key.as_mut()].into_iter().zip([values, keys]) {
            if let Some(PartDecoder { codec: Decoding::Json(rows), .. }) = part {
                rows.limit_runs(bytes);
            }
        }
    }
}

/// The codec's own schema, which values are read by.
fn own_schema(settings: &Decode) -> Result<&RegisteredSchema, String> {
    let codec = settings.codec.name();
    settings.reader.as_deref().ok_or_else(|| format!("the codec {codec} needs a schema of its own"))
}

impl Decoder {
    /// A decoder, or why there can be none: names the column at fault.
    pub fn new(settings: &Decode, registries: &Registries) -> Result<Decoder, String> {
        let value = PartDecoder::new(settings, Part::Value, registries)?;
        let include = settings.include.clone();
        let as_text = include.contains(&Meta::Key).then(Decode::key_as_text);
        let how = settings.key.as_deref().or(as_text.as_ref());
        let key = how.map(|key| PartDecoder::new(key, Part::Key, registries));
        let key = key.transpose().map_err(|why| format!("key: {why}"))?;
        let more = include.iter().map(|meta| Arc::new(meta.field(how)));
        let fields: Vec<_> = settings.columns().fields().iter().cloned().chain(more).collect();
        if let Some(twice) =
            settings.schema.fields().iter().find(|f| include.iter().any(|m| m.name() == f.name()))
        {
            return Err(format!("{}: a column of the value has this name too", twice.name()));
        }
        Ok(Decoder { value, key, include, schema: Arc::new(Schema::new(fields)) })
    }

    /// Decodes the first records of a run: all, unless these become so much that the rest has to be decoded as a run of
    /// its own. Records that fail are among the errors of the answer, which never fails as a whole for a record's
    /// sake; every other record that was taken has its row (with Arrow its rows).
    ///
    /// # Errors
    /// A registry that does not answer: nothing was decoded.
    pub fn decode(&mut self, raw: &RawRecords) -> Result<Decoded, Unavailable> {
        let keys = match &mut self.key {
            Some(key) => Some(Keys::decode(key, raw)?),
            None => None,
        };
        let mut decoded = self.value.decode(raw)?;
        if self.include.is_empty() {
            return Ok(decoded);
        }
        if let Some(keys) = &keys {
            decoded.leave_from(keys.taken);
            refuse(&mut decoded, &keys.errors);
        }
        let (repeated, taken) = self.repeated(raw, keys.as_ref(), &decoded);
        decoded.leave_from(taken);
        refuse(&mut decoded, &repeated);
        let rows = decoded.rows.num_rows();
        let records: Vec<u32> = match &decoded.records {
            Some(records) => records.clone(),
            None => (0..rows as u32).collect(),
        };
        let mut columns = decoded.rows.columns().to_vec();
        columns.extend(self.include.iter().map(|meta| match (meta, &keys) {
            (Meta::Key, Some(keys)) => keys.column(&records),
            (meta, _) => meta.column(raw, &records),
        }));
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        decoded.rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).expect(
            "the columns of the value and one column of each included kind, of the types of the schema",
        );
        Ok(decoded)
    }

    /// The records of which what is included is too much: it is there for each of their rows, and counted before
    /// memory is taken for it. And the first record that is left to another run.
    fn repeated(
        &self,
        raw: &RawRecords,
        keys: Option<&Keys>,
        decoded: &Decoded,
    ) -> (Vec<RecordError>, usize) {
        let (mut errors, mut run) = (Vec::new(), Run::new(MAX_RUN));
        let Some(records) = &decoded.records else { return (errors, decoded.taken) };
        if !records.windows(2).any(|pair| pair[0] == pair[1]) {
            return (errors, decoded.taken);
        }
        for rows in records.chunk_by(|one, other| one == other) {
            let record = rows[0];
            let sizes = self.include.iter().map(|meta| match (meta, keys) {
                (Meta::Key, Some(keys)) => keys.size(record),
                (meta, _) => meta.size(raw, record as usize),
            });
            let bytes = sizes.fold(0, usize::saturating_add).saturating_mul(rows.len());
            let mut allowance = run.allowance();
            match allowance.take(bytes) {
                Ok(()) => run.took(&allowance),
                Err(Spent::Record) => errors.push(repeats_too_much(rows.len()).of_record(record)),
                Err(Spent::Run) => return (errors, record as usize),
            }
        }
        (errors, decoded.taken)
    }
}

#[cold]
fn repeats_too_much(rows: usize) -> Box<Problem> {
    let what = format!(
        "what is included of it (key, headers, topic …) is there for each of its {rows} rows and takes more than \
         {MAX_RECORD} bytes: put fewer rows into a record, or include less"
    );
    Problem::new(code::TOO_LARGE, what)
}

/// Records that failed beside their value are no rows, and are told once. `errors` rise; those of records that were not
/// taken are told in the run that takes them.
fn refuse(decoded: &mut Decoded, errors: &[RecordError]) {
    let errors = &errors[..errors.partition_point(|error| (error.index as usize) < decoded.taken)];
    if errors.is_empty() {
        return;
    }
    let failed = |record: u32| errors.binary_search_by_key(&record, |error| error.index).is_ok();
    let records: Vec<u32> = match decoded.records.take() {
        Some(records) => records,
        None => (0..decoded.rows.num_rows() as u32).collect(),
    };
    let kept: Vec<bool> = records.iter().map(|record| !failed(*record)).collect();
    decoded.rows = compute::filter_record_batch(&decoded.rows, &BooleanArray::from(kept))
        .expect("one mark for each row");
    decoded.records = Some(records.into_iter().filter(|record| !failed(*record)).collect());
    decoded.errors.extend(errors.iter().cloned());
    // Stable: of a value and its key that both failed the value is told.
    decoded.errors.sort_by_key(|error| error.index);
    decoded.errors.dedup_by_key(|error| error.index);
}

/// The keys that did not fail and are several rows or none: whose a row is must be sure.
fn not_one_row(decoded: &Decoded, keys: usize) -> Vec<RecordError> {
    let Some(records) = &decoded.records else { return Vec::new() };
    let mut rows = vec![0_usize; keys];
    records.iter().for_each(|key| rows[*key as usize] += 1);
    decoded.errors.iter().for_each(|error| rows[error.index as usize] = 1);
    let wrong = rows[..decoded.taken].iter().enumerate().filter(|(_, rows)| **rows != 1);
    wrong
        .map(|(key, rows)| {
            let what = format!("expected one row, found {rows}: write each key as a stream of one row");
            Problem::new(code::TYPE_MISMATCH, what).of_record(key as u32)
        })
        .collect()
}

/// The keys of a run of records.
struct Keys {
    column: ArrayRef,
    /// The row of each record's key in the column; null: it has none, or one that failed.
    rows: Vec<Option<u32>>,
    errors: Vec<RecordError>,
    /// Of the records before this one.
    taken: usize,
}

impl Keys {
    fn decode(decoder: &mut PartDecoder, raw: &RawRecords) -> Result<Keys, Unavailable> {
        let mut keys = RawRecords::with_capacity(Arc::clone(&raw.topic), raw.partition, raw.len(), 0);
        let mut records = Vec::with_capacity(raw.len());
        for index in 0..raw.len() {
            let Some(key) = raw.key(index) else { continue };
            let record = &raw.records()[index];
            keys.push(record.offset, record.timestamp_ms, None, Some(key));
            // A header may name the key's schema.
            raw.headers(index).for_each(|(name, value)| keys.push_header(&name, value));
            records.push(index as u32);
        }
        let decoded = decoder.decode(&keys)?;
        let mut rows = vec![None; raw.len()];
        for row in 0..decoded.rows.num_rows() {
            let key = decoded.records.as_ref().map_or(row, |records| records[row] as usize);
            rows[records[key] as usize] = Some(row as u32);
        }
        // Records without a key may follow the last one whose key was taken.
        let taken = records.get(decoded.taken).map_or(raw.len(), |record| *record as usize);
        let mut errors = not_one_row(&decoded, records.len());
        errors.extend(decoded.errors);
        errors.sort_by_key(|error| error.index);
        let errors = errors.into_iter().map(|error| RecordError {
            index: records[error.index as usize],
            message: format!("key: {}", error.message),
            ..error
        });
        let column: ArrayRef = match decoder.single {
            true => Arc::clone(decoded.rows.column(0)),
            false => Arc::new(StructArray::from(decoded.rows)),
        };
        Ok(Keys { column, rows, errors: errors.collect(), taken })
    }

    /// About how many bytes the column takes for each row that comes of a record.
    fn size(&self, record: u32) -> usize {
        let size = match self.rows[record as usize] {
            Some(row) => size_of_values(self.column.as_ref(), row as usize..row as usize + 1),
            None => size_of_null(self.column.data_type()),
        };
        size.saturating_add(arrays_of(self.column.data_type()))
    }

    fn column(&self, records: &[u32]) -> ArrayRef {
        let rows: UInt32Array = records.iter().map(|record| self.rows[*record as usize]).collect();
        // A record may be several rows, so as many rows as keys need not be the same.
        let same = |(row, key): (usize, Option<u32>)| key == Some(row as u32);
        if rows.len() == self.column.len() && rows.iter().enumerate().all(same) {
            return Arc::clone(&self.column);
        }
        pick(&self.column, &rows).expect("rows of this very column, and no more than are counted before")
    }
}
