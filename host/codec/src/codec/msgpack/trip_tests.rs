//! Properties: what is encoded decodes to the same rows, as maps and as arrays; no bytes make the decoder panic or
//! cost a good record; what others write is read.

use arrow::datatypes::{DataType, SchemaRef};
use proptest::collection::vec;
use proptest::prelude::*;

use super::tests::schema;
use crate::codec::trip::{self, Types};
use crate::codec::{Codec, Decode, Encode};

/// The keys of maps are of any type.
fn types() -> Types {
    let keys =
        [DataType::Utf8, DataType::Int64, DataType::Boolean, DataType::Float64, DataType::Binary].to_vec();
    Types { keys, ..Types::all() }
}

/// The settings of both ways for rows of this schema.
fn settings(schema: SchemaRef, arrays: bool) -> (Decode, Encode) {
    (Decode::plain(Codec::MessagePack, schema), Encode { arrays, ..Encode::plain(Codec::MessagePack) })
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(batch in types().batch(0), arrays: bool) {
        let (decode, encode) = settings(batch.schema(), arrays);
        trip::comes_back(&decode, &encode, &batch);
    }

    #[test]
    fn a_cut_or_changed_record_costs_its_neighbours_nothing(
        batch in types().batch(1),
        changes in trip::changes(),
        arrays: bool,
    ) {
        let (decode, encode) = settings(batch.schema(), arrays);
        trip::spares_neighbours(&decode, &encode, &batch, &changes);
    }

    #[test]
    fn any_bytes_are_survived(
        values in vec(vec(any::<u8>(), 0..60), 0..20),
        types in vec(types().data_type(), 1..4),
    ) {
        trip::decode(&settings(schema(self::types().columns(types)), false).0, &values);
    }

    #[test]
    fn bytes_that_look_like_values_are_survived(
        values in vec(vec(prop::sample::select(vec![
            0x80_u8, 0x81, 0x82, 0x8f, 0x90, 0x91, 0x92, 0xa0, 0xa1, 0xa2, b'i', b'd', b'x', 0xc0, 0xc2, 0xc4, 0xc7,
            0xca, 0xcb, 0xcc, 0xcf, 0xd0, 0xd3, 0xd4, 0xd6, 0xd7, 0xd9, 0xdc, 0xdd, 0xde, 0xdf, 0xff, 0x00, 0x01, 0x02,
        ]), 0..40), 0..20),
        types in vec(types().data_type(), 1..4),
    ) {
        trip::decode(&settings(schema(self::types().columns(types)), false).0, &values);
    }
}
