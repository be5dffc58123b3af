//! Properties: what is encoded decodes to the same rows, by the columns alone and by the schema; another
//! implementation reads it; no bytes make the decoder panic or cost a good record.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, TimeUnit};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{AvroFile, AvroReader, schema_of};
use crate::codec::framed::ReadWritten as _;
use crate::codec::registered::{RegisteredSchema, SchemaKind};
use crate::codec::rows::Rows;
use crate::codec::trip::{self, Types};
use crate::codec::{Codec, Decode, Encode};

/// What Avro holds, under names that it takes. Seconds since 1970 are written as milliseconds, of which there are
/// too many for some numbers.
fn types() -> Types {
    let seconds = DataType::Timestamp(TimeUnit::Second, None);
    let all = Types::all();
    Types {
        leaves: all.leaves.iter().filter(|leaf| **leaf != seconds).cloned().collect(),
        names: &["id", "_", "a_name_that_is_longer_than_sixteen_bytes", "A", "b2", "x", "y", "z"],
        ..all
    }
}

fn avro(text: String) -> Arc<RegisteredSchema> {
    Arc::new(RegisteredSchema::new(SchemaKind::Avro, text))
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(batch in types().batch(0)) {
        let schema = batch.schema();
        let written = avro(schema_of(&schema, "com.example.Order").unwrap());
        let plain = Decode::plain(Codec::Avro, Arc::clone(&schema));
        trip::comes_back(&plain, &Encode::plain(Codec::Avro), &batch);
        let decode = Decode { reader: Some(Arc::clone(&written)), ..plain };
        let encode = Encode { writer: Some(Arc::clone(&written)), ..Encode::plain(Codec::Avro) };
        let encoded = trip::comes_back(&decode, &encode, &batch);

        let theirs = apache_avro::Schema::parse_str(&written.text).unwrap();
        for row in 0..batch.num_rows() {
            let mut bytes = encoded.row(row);
            let reader = apache_avro::reader::datum::GenericDatumReader::builder(&theirs).build().unwrap();
            let read = reader.read_value(&mut bytes);
            prop_assert!(read.is_ok() && bytes.is_empty(), "{:?} {:?}", read, encoded.row(row));
        }
    }

    #[test]
    fn some_columns_in_any_order_are_read_past_all_others(
        batch in types().batch(1),
        picked in prop::sample::subsequence((0..5).collect::<Vec<usize>>(), 0..5).prop_shuffle(),
    ) {
        let picked: Vec<usize> = picked.into_iter().filter(|&index| index < batch.num_columns()).collect();
        let expected = batch.project(&picked).unwrap();
        let encoded = trip::encode(&Encode::plain(Codec::Avro), &batch);
        let values: Vec<&[u8]> = (0..batch.num_rows()).map(|row| encoded.row(row)).collect();
        let writer = avro(schema_of(&batch.schema(), "Row").unwrap());
        let reader = avro(schema_of(&expected.schema(), "Row").unwrap());
        for mut avro in [AvroReader::of_columns(&expected.schema()), AvroReader::new(&reader, &expected.schema())]
            .map(Result::unwrap)
        {
            avro.use_writer(1, &writer).unwrap();
            let decoded = Rows::new(expected.schema(), avro).unwrap().decode(&trip::records(&values));
            prop_assert_eq!(&decoded.errors, &vec![]);
            prop_assert_eq!(&decoded.rows, &expected);
        }
    }

    #[test]
    fn a_cut_or_changed_record_costs_its_neighbours_nothing(
        batch in types().batch(1),
        changes in trip::changes(),
    ) {
        let decode = Decode::plain(Codec::Avro, batch.schema());
        trip::spares_neighbours(&decode, &Encode::plain(Codec::Avro), &batch, &changes);
    }

    #[test]
    fn any_bytes_are_survived(
        values in vec(vec(any::<u8>(), 0..60), 0..20),
        of in vec(types().data_type(), 1..4),
    ) {
        let schema = Arc::new(Schema::new(types().columns(of)));
        trip::decode(&Decode::plain(Codec::Avro, schema), &values);
    }

    #[test]
    fn any_file_is_survived(
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        codec in prop::sample::select(vec!["null", "deflate", "snappy", "zstandard", "bzip2"]),
        body in vec(any::<u8>(), 0..80),
    ) {
        let schema = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}"#;
        let mut file = b"Obj\x01\x04".to_vec();
        for text in ["avro.codec", codec, "avro.schema", schema] {
            super::write::write_bytes(text.as_bytes(), &mut file);
        }
        file.extend([0; 17]);
        file.push(2);
        super::write::write_bytes(&body, &mut file);
        file.extend([0; 16]);
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Ok(opened) = AvroFile::open(&file, None) {
            prop_assert!(opened.count() <= file.len());
        }
    }
}
