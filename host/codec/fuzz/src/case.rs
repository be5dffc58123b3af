//! One codec with its columns, and what must hold of it whatever records come: a panic is a finding. Knows nothing
//! of any format.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StructArray, UInt32Array};
use arrow::compute;
use arrow::datatypes::{DataType, Field, Schema};
use sabot_codec::batch::RawRecords;
use sabot_codec::codec::registry::Registries;
use sabot_codec::codec::{Codec, Decode, Decoded, Decoder, Encode, Encoded, Encoder, Meta};

use crate::input::{self, Value};

/// The longest text of an error: records are quoted in them, but never whole.
const ERROR_BYTES_MAX: usize = 2_000;

/// A codec with its columns. Decoders are made once and kept, so what one input leaves behind in them meets the
/// next one's good records.
pub(crate) struct Case {
    name: String,
    /// Each record that is no error is exactly one row.
    one_row: bool,
    decoder: Decoder,
    /// Of keys alone, and of values with their keys and all else that is beside them.
    key: Decoder,
    keyed: Decoder,
    encoders: Vec<Encoder>,
    /// Good rows, and the records that they are.
    good: RecordBatch,
    good_values: Vec<Option<Vec<u8>>>,
}

impl Case {
    /// A codec as it is set, with some rows that it must bring through. The first of the encodings makes the
    /// records that are between others.
    pub(crate) fn new(
        name: &str,
        decode: &Decode,
        encode: &[Encode],
        good: &RecordBatch,
        registries: &Registries,
    ) -> Case {
        let name = format!("{} {name}", decode.codec.name());
        let one_row = decode.codec != Codec::Arrow;
        // A key is one value.
        let key = if one_row { decode.clone() } else { bytes() };
        let keyed =
            Decode { key: Some(Box::new(key.clone())), include: Meta::ALL.to_vec(), ..decode.clone() };
        let decoder =
            |settings| Decoder::new(settings, registries).unwrap_or_else(|why| panic!("{name}: {why}"));
        let encoder =
            |settings| Encoder::new(settings, &good.schema()).unwrap_or_else(|why| panic!("{name}: {why}"));
        let (decoder, key, keyed) = (decoder(decode), decoder(&key), decoder(&keyed));
        let mut encoders: Vec<Encoder> = encode.iter().map(encoder).collect();
        let encoded = encoded(&name, &mut encoders[0], good);
        let good_values = values(&encoded).into_iter().map(|value| value.map(<[u8]>::to_vec)).collect();
        Case { name, one_row, decoder, key, keyed, encoders, good: good.clone(), good_values }
    }

    /// An input that holds the good rows.
    pub(crate) fn seed(&self) -> (&str, Vec<u8>) {
        let values: Vec<Value> = self.good_values.iter().map(Option::as_deref).collect();
        (&self.name, input::joined(&values))
    }

    /// Everything that must hold when these records come.
    pub(crate) fn must_hold(&mut self, values: &[Value]) {
        let decoded = self.between_good(values);
        self.order_is_nothing(values, &decoded);
        self.keys_are_decoded(values, &decoded);
        self.comes_back(&decoded.rows);
    }

    /// Decodes records with good ones before and after them, which must be what they are.
    fn between_good(&mut self, values: &[Value]) -> Run {
        let good = self.good_values.iter().map(Option::as_deref);
        let all: Vec<Value> = good.clone().chain(values.iter().copied()).chain(good).collect();
        let run = self.run(&input::records(&all));
        let (before, rows) = (self.good_values.len() as u32, self.good.num_rows());
        let after = before + values.len() as u32;
        let of = |from, to| run.between(from, to);
        let name = &self.name;
        assert_eq!(of(0, before).rows, self.good, "{name}: good records before others");
        assert_eq!(of(after, after + before).rows, self.good, "{name}: good records after others");
        let between = of(before, after);
        assert_eq!(between.rows.num_rows() + 2 * rows, run.rows.num_rows(), "{name}: rows of no record");
        between
    }

    /// The same records alone, the last one first, are the same.
    fn order_is_nothing(&mut self, values: &[Value], decoded: &Run) {
        let backwards: Vec<Value> = values.iter().rev().copied().collect();
        let run = self.run(&input::records(&backwards));
        let last = values.len() as u32 - 1;
        let rows = (0..=last).rev().flat_map(|record| decoded.rows_of(record));
        let records: Vec<u32> = run.records.iter().map(|record| last - record).collect();
        let mut errors = run.errors;
        errors.reverse();
        errors.iter_mut().for_each(|(index, ..)| *index = last - *index);
        let name = &self.name;
        assert!(
            records.iter().rev().eq(&decoded.records),
            "{name}: rows among others and alone: {records:?}"
        );
        assert_eq!(errors, decoded.errors, "{name}: errors alone and among others");
        assert_eq!(run.rows.columns(), decoded.take(rows), "{name}: rows alone and among others");
    }

    /// Each record's key is decoded as it would be alone, and what is beside it changes no value.
    fn keys_are_decoded(&mut self, values: &[Value], decoded: &Run) {
        let keys: Vec<Value> = (0..values.len()).map(|record| input::key_of(values, record)).collect();
        let alone = self.checked(&input::records(&keys), |case| &mut case.key);
        let run = self.checked(&input::keyed(values), |case| &mut case.keyed);
        let name = &self.name;
        let refused = |record: &u32| {
            decoded.is_error(*record) || (keys[*record as usize].is_some() && alone.is_error(*record))
        };
        let (errors, kept): (Vec<u32>, Vec<u32>) = (0..values.len() as u32).partition(refused);
        assert!(
            run.errors.iter().map(|(index, ..)| index).eq(&errors),
            "{name}: {errors:?} are none with keys"
        );
        let rows = kept.iter().flat_map(|record| decoded.rows_of(*record));
        let columns = decoded.rows.num_columns();
        assert_eq!(run.rows.columns()[..columns], decoded.take(rows), "{name}: rows with keys and without");
        let key = run.records.iter().map(|record| {
            let row = keys[*record as usize].and_then(|_| alone.rows_of(*record).next());
            row.map(|row| row as u32)
        });
        let column: ArrayRef = match run.rows.column(columns).data_type() {
            DataType::Struct(_) => Arc::new(StructArray::from(alone.rows.clone())),
            _ => Arc::clone(alone.rows.column(0)),
        };
        let expected = compute::take(&column, &UInt32Array::from_iter(key), None).expect("rows of the keys");
        assert_eq!(run.rows.column(columns), &expected, "{name}: keys beside values and alone");
    }

    /// What decoded is encoded, and decodes to the same rows.
    fn comes_back(&mut self, rows: &RecordBatch) {
        for encoder in 0..self.encoders.len() {
            let encoded = encoded(&self.name, &mut self.encoders[encoder], rows);
            let run = self.run(&input::records(&values(&encoded)));
            assert!(
                run.errors.is_empty(),
                "{}: what was encoded did not decode: {:?}",
                self.name,
                run.errors
            );
            assert_eq!(&run.rows, rows, "{}: what was decoded, encoded and decoded", self.name);
        }
    }

    fn run(&mut self, raw: &RawRecords) -> Run {
        self.checked(raw, |case| &mut case.decoder)
    }

    /// Decodes, and checks what must hold of every answer.
    fn checked(&mut self, raw: &RawRecords, decoder: impl Fn(&mut Case) -> &mut Decoder) -> Run {
        let decoded = decoder(self).decode(raw);
        let name = &self.name;
        let Decoded { rows, records, errors, taken } = decoded.unwrap_or_else(|why| panic!("{name}: {why}"));
        let records = records.unwrap_or_else(|| (0..rows.num_rows() as u32).collect());
        // An input is far from what is decoded at once.
        assert_eq!(taken, raw.len(), "{name}: all records are one run");
        assert_eq!(records.len(), rows.num_rows(), "{name}: each row has its record");
        assert!(records.is_sorted(), "{name}: rows are in the order of the records: {records:?}");
        assert!(errors.is_sorted_by(|a, b| a.index < b.index), "{name}: errors are in order: {errors:?}");
        let failed: BTreeSet<u32> = errors.iter().map(|error| error.index).collect();
        let decoded: BTreeSet<u32> = records.iter().copied().collect();
        let told: BTreeSet<u32> = failed.union(&decoded).copied().collect();
        let all = || format!("{name}: of {} records {records:?} are rows, and {errors:?}", raw.len());
        assert_eq!(told.len(), failed.len() + decoded.len(), "{}", all());
        assert!(told.last().is_none_or(|last| (*last as usize) < raw.len()), "{}", all());
        if self.one_row {
            assert_eq!((told.len(), decoded.len()), (raw.len(), records.len()), "{}", all());
        }
        for column in rows.columns() {
            column.to_data().validate_full().unwrap_or_else(|why| panic!("{name}: {why}"));
        }
        for error in &errors {
            assert!(!error.code.is_empty() && !error.message.is_empty(), "{name}: {error:?}");
            assert!(error.message.len() < ERROR_BYTES_MAX, "{name}: an error is short: {error:?}");
        }
        let errors = errors.into_iter().map(|error| (error.index, error.code, error.message)).collect();
        Run { rows, records, errors }
    }
}

/// What came of a run of records.
struct Run {
    rows: RecordBatch,
    /// The record of each row.
    records: Vec<u32>,
    /// Index, code, message.
    errors: Vec<(u32, &'static str, String)>,
}

impl Run {
    /// The rows of a record.
    fn rows_of(&self, record: u32) -> Range<usize> {
        let begin = self.records.partition_point(|other| *other < record);
        begin..self.records.partition_point(|other| *other <= record)
    }

    fn is_error(&self, record: u32) -> bool {
        self.errors.binary_search_by_key(&record, |(index, ..)| *index).is_ok()
    }

    /// The columns with some rows in some order.
    fn take(&self, rows: impl Iterator<Item = usize>) -> Vec<ArrayRef> {
        let rows: UInt32Array = rows.map(|row| row as u32).collect();
        let take = |column: &ArrayRef| compute::take(column, &rows, None).expect("rows of this very batch");
        self.rows.columns().iter().map(take).collect()
    }

    /// What came of the records from one to before another.
    fn between(&self, from: u32, to: u32) -> Run {
        let begin = self.records.partition_point(|record| *record < from);
        let end = self.records.partition_point(|record| *record < to);
        let errors = self.errors.iter().filter(|(index, ..)| (from..to).contains(index));
        Run {
            rows: self.rows.slice(begin, end - begin),
            records: self.records[begin..end].iter().map(|record| record - from).collect(),
            errors: errors.map(|(index, code, message)| (index - from, *code, message.clone())).collect(),
        }
    }
}

/// Encodes; every row that was decoded can be.
fn encoded(name: &str, encoder: &mut Encoder, rows: &RecordBatch) -> Encoded {
    let mut encoded = Encoded::default();
    encoder.encode(rows, &mut encoded);
    assert!(encoded.errors.is_empty(), "{name}: a row did not encode: {:?}", encoded.errors);
    encoded
}

/// What records of the rows have as their values.
fn values(encoded: &Encoded) -> Vec<Value<'_>> {
    let of = |row| (!encoded.nulls.contains(&(row as u32))).then(|| encoded.row(row));
    (0..encoded.ends.len()).map(of).collect()
}

/// A key as it is.
fn bytes() -> Decode {
    let column = Field::new("value", DataType::Binary, true);
    Decode::plain(Codec::Bytes, Arc::new(Schema::new(vec![column])))
}
