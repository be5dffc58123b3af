//! Properties: what is encoded decodes to the same rows; no bytes make the decoder panic or cost a good record;
//! what is JSON and what is not is judged as others judge it.

use arrow::array::*;
use arrow::datatypes::*;
use proptest::collection::vec;
use proptest::prelude::*;

use super::tests::{decoder, schema};
use crate::codec::trip::{self, Types, records};
use crate::codec::{Codec, Decode, Encode};

/// The settings of both ways for rows of this schema.
fn settings(schema: SchemaRef) -> (Decode, Encode) {
    (Decode::plain(Codec::Json, schema), Encode::plain(Codec::Json))
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(batch in Types::all().batch(0)) {
        let (decode, encode) = settings(batch.schema());
        let encoded = trip::comes_back(&decode, &encode, &batch);
        for row in 0..batch.num_rows() {
            let text = encoded.row(row);
            prop_assert!(serde_json::from_slice::<serde_json::Value>(text).is_ok(), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_cut_or_changed_record_costs_its_neighbours_nothing(
        batch in Types::all().batch(1),
        changes in trip::changes(),
    ) {
        let (decode, encode) = settings(batch.schema());
        trip::spares_neighbours(&decode, &encode, &batch, &changes);
    }

    #[test]
    fn any_bytes_are_survived(
        values in vec(vec(any::<u8>(), 0..60), 0..20),
        types in vec(Types::all().data_type(), 1..4),
    ) {
        trip::decode(&settings(schema(Types::all().columns(types))).0, &values);
    }

    #[test]
    fn what_is_json_is_judged_as_others_judge_it(
        pieces in vec(prop::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\"a\"", "\"good\"", "1", "-", "0", ".5", "e1", "true", "null", "fals", " ",
            "\"\\u00e9\"", "\"\\ud83d\\udc0e\"", "\"\\ud83d\"", "\"\\x\"", "\"", "\\", "\n", "é", "\u{1}", "{}", "[]",
            "{\"a\":1}", "[1,2]", "12345678901234567890", "1e5",
        ]), 0..8),
    ) {
        let value = pieces.concat();
        let text = format!("{{\"a\":{value}}}");
        let json = [("ARROW:extension:name".to_owned(), "arrow.json".to_owned())].into();
        let schema = schema(vec![Field::new("a", DataType::Utf8, true).with_metadata(json)]);
        let ours = decoder(&schema).decode(&records(&[&text])).unwrap();
        match serde_json::from_str::<serde_json::Value>(&text) {
            // That parser has a bound of its own on numbers and stops there, whatever follows: without reading
            // the numbers it still tells what is no JSON at all.
            Err(why) if why.to_string().starts_with("number out of range") => {
                let form = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
                prop_assert!(form || !ours.errors.is_empty(), "{}", text);
            }
            theirs => prop_assert_eq!(ours.errors.is_empty(), theirs.is_ok(), "{} {:?}", text, ours.errors),
        }
    }

    #[test]
    fn numbers_are_read_as_the_standard_library_reads_them(text in "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?(e[+-]?[0-9]{1,3})?") {
        let schema = schema(vec![
            Field::new("f", DataType::Float64, true),
            Field::new("i", DataType::Int64, true),
            Field::new("d", DataType::Decimal128(38, 0), true),
        ]);
        let read = |name: &str| decoder(&schema).decode(&records(&[format!("{{\"{name}\":{text}}}")])).unwrap().rows;
        let float: f64 = text.parse().unwrap();
        let rows = read("f");
        prop_assert_eq!(rows.num_rows() == 1, float.is_finite());
        if float.is_finite() {
            prop_assert_eq!(rows.column(0).as_primitive::<Float64Type>().value(0).to_bits(), float.to_bits());
        }
        if let Ok(integer) = text.parse::<i128>() {
            let narrow = read("i");
            prop_assert_eq!(narrow.num_rows() == 1, i64::try_from(integer).is_ok());
            let wide = read("d");
            prop_assert_eq!(wide.column(2).as_primitive::<Decimal128Type>().value(0), integer);
        } else if read("i").num_rows() == 1 {
            let integer = read("i").column(1).as_primitive::<Int64Type>().value(0);
            prop_assert_eq!(integer as f64, float);
        }
    }
}
