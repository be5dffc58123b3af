//! Properties: what is encoded decodes to the same rows; no bytes make the decoder panic or cost a good record.

use arrow::array::UInt32Array;
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, SchemaRef};
use proptest::collection::vec;
use proptest::prelude::*;

use super::tests::{decode, schema};
use crate::codec::trip::{self, Types};
use crate::codec::{Codec, Decode, Encode};

/// All of the generator, and more keys of maps.
fn types() -> Types {
    let mut types = Types { keys: vec![DataType::Utf8, DataType::Int64], ..Types::all() };
    types.leaves.push(DataType::Date64);
    types
}

fn settings(schema: SchemaRef) -> (Decode, Encode) {
    (Decode::plain(Codec::Arrow, schema), Encode::plain(Codec::Arrow))
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(batch in types().batch(0)) {
        let (decode, encode) = settings(batch.schema());
        trip::comes_back(&decode, &encode, &batch);
    }

    #[test]
    fn a_cut_or_changed_record_costs_its_neighbours_nothing(
        batch in types().batch(1),
        changes in trip::changes(),
    ) {
        let encoded = trip::encode(&settings(batch.schema()).1, &batch);
        let mut values: Vec<Vec<u8>> = Vec::new();
        for (row, change) in changes.iter().enumerate().take(batch.num_rows()) {
            values.extend([trip::change(encoded.row(row), change), encoded.row(row).to_vec()]);
        }
        // A changed stream may still be one, of any number of rows.
        let decoded = decode(&batch.schema(), &values);
        let record_of = decoded.records.unwrap_or_else(|| (0..values.len() as u32).collect());
        let good = (0..record_of.len() as u32).filter(|&row| record_of[row as usize] % 2 == 1);
        let good = take_record_batch(&decoded.rows, &UInt32Array::from_iter_values(good));
        prop_assert_eq!(&good.unwrap(), &batch);
    }

    #[test]
    fn any_bytes_are_survived(
        values in vec(vec(any::<u8>(), 0..60), 0..20),
        types in vec(types().data_type(), 1..4),
    ) {
        decode(&schema(self::types().columns(types)), &values);
    }
}
