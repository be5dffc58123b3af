//! The short ways, of plain columns, give what the long ways give: of any bytes, and of any rows.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;
use arrow_ipc::writer::StreamWriter;
use proptest::prelude::*;

use super::{ArrowDecoder, ArrowEncoder};
use crate::codec::Encoded;
use crate::codec::trip::{self, Types, records};

fn plain() -> BoxedStrategy<RecordBatch> {
    Types { nestings: Vec::new(), ..Types::all() }.batch(1)
}

fn encode(rows: &RecordBatch, short: bool) -> Encoded {
    let mut encoder = ArrowEncoder::new(None, &rows.schema()).unwrap();
    assert!(encoder.template.is_some());
    encoder.template = encoder.template.filter(|_| short);
    let mut out = Encoded::default();
    encoder.encode(rows, &mut out);
    out
}

/// Rows, the record of each, and which records were refused with which words.
fn decode(schema: &SchemaRef, values: &[Vec<u8>], short: bool) -> (RecordBatch, Option<Vec<u32>>, String) {
    let mut decoder = ArrowDecoder::new(Arc::clone(schema)).unwrap();
    assert!(decoder.flat.is_some());
    decoder.flat = decoder.flat.filter(|_| short);
    let decoded = decoder.decode(&records(values));
    (decoded.rows, decoded.records, format!("{:?}", decoded.errors))
}

/// A stream of some rows, as others write it.
fn stream(rows: &RecordBatch) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), rows.schema_ref()).unwrap();
    writer.write(rows).unwrap();
    writer.into_inner().unwrap()
}

/// The columns in another order, and the first one of another nullability.
fn turned(rows: &RecordBatch) -> SchemaRef {
    let mut fields: Vec<FieldRef> = rows.schema_ref().fields().iter().rev().cloned().collect();
    let nullable = fields[0].is_nullable();
    fields[0] = Arc::new(fields[0].as_ref().clone().with_nullable(!nullable));
    Arc::new(Schema::new(fields))
}

proptest! {
    #[test]
    fn a_row_is_sent_as_the_library_sends_it(rows in plain(), begin in 0_usize..4) {
        let rows = rows.slice(begin.min(rows.num_rows()), rows.num_rows() - begin.min(rows.num_rows()));
        let (short, long) = (encode(&rows, true), encode(&rows, false));
        prop_assert_eq!(&short.ends, &long.ends);
        for row in 0..rows.num_rows() {
            let (short, long) = (short.row(row).to_vec(), long.row(row).to_vec());
            let schema = rows.schema();
            prop_assert_eq!(decode(&schema, &[short], false), decode(&schema, &[long], false));
        }
    }

    #[test]
    fn any_record_is_read_as_by_the_long_way(
        rows in plain(),
        changes in trip::changes(),
        bare in any::<bool>(),
        turn in any::<bool>(),
        len in 0_usize..20,
    ) {
        let schema = if turn { turned(&rows) } else { rows.schema() };
        let encoded = encode(&rows, true);
        let several = stream(&rows.slice(0, len.min(rows.num_rows())));
        let mut values = vec![several.clone(), several];
        for (row, change) in changes.iter().enumerate().take(rows.num_rows()) {
            let value = encoded.row(row);
            let schema_len = u32::from_le_bytes(*value[4..].first_chunk().unwrap()) as usize;
            let begin = if bare { 8 + schema_len } else { 0 };
            values.extend([trip::change(&value[begin..], change), value.to_vec()]);
        }
        prop_assert_eq!(decode(&schema, &values, true), decode(&schema, &values, false));
    }
}
