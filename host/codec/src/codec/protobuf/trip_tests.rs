//! Properties: what is encoded decodes to the same rows, by a schema that follows from the columns; others read what
//! is written; no bytes make the decoder panic or cost a good record; messages are judged as others judge them.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::DynamicMessage;

use super::tests::{l, v, varint, with_fields};
use super::{Descriptor, columns, schema_of};
use crate::codec::trip::{self, Types};
use crate::codec::{Codec, Decode, Encode, RegisteredSchema};

/// What has a schema of its own: instants in nanoseconds only, for those of other units may be beyond protobuf's.
fn types() -> Types {
    let all = Types::all();
    let far = |of: &DataType| matches!(of, DataType::Timestamp(..) | DataType::Duration(_));
    let mut leaves: Vec<DataType> = all.leaves.iter().filter(|of| !far(of)).cloned().collect();
    leaves.push(DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())));
    leaves.push(DataType::Duration(TimeUnit::Nanosecond));
    Types {
        leaves,
        keys: vec![DataType::Utf8, DataType::Int32, DataType::UInt64, DataType::Boolean],
        names: &["id", "a_rather_long_name_of_a_column", "Camel", "_x", "y1", "message", "string", "zz"],
        repeated: true,
        ..all
    }
}

/// The settings of both ways, and the schema, for these columns.
fn settings(columns: &SchemaRef) -> (Decode, Encode, RegisteredSchema) {
    let schema = schema_of(columns, "Row").unwrap();
    let own = Some(Arc::new(schema.clone()));
    let decode = Decode { reader: own.clone(), ..Decode::plain(Codec::Protobuf, Arc::clone(columns)) };
    (decode, Encode { writer: own, ..Encode::plain(Codec::Protobuf) }, schema)
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(batch in types().batch(0)) {
        let (decode, encode, schema) = settings(&batch.schema());
        let encoded = trip::comes_back(&decode, &encode, &batch);
        let descriptor = Descriptor::new(&schema).unwrap();
        for row in 0..batch.num_rows() {
            let theirs = DynamicMessage::decode(descriptor.message().clone(), encoded.row(row)).unwrap();
            prop_assert_eq!(theirs.unknown_fields().count(), 0);
        }
        // Without a schema the same one is derived.
        let derived = trip::encode(&Encode::plain(Codec::Protobuf), &batch);
        prop_assert_eq!(derived.bytes, encoded.bytes);
    }

    #[test]
    fn a_cut_or_changed_record_costs_its_neighbours_nothing(batch in types().batch(1), changes in trip::changes()) {
        let (decode, encode, _) = settings(&batch.schema());
        trip::spares_neighbours(&decode, &encode, &batch, &changes);
    }

    #[test]
    fn any_bytes_are_survived(values in vec(vec(any::<u8>(), 0..60), 0..20), types in vec(types().data_type(), 1..4)) {
        let columns = Arc::new(Schema::new(self::types().columns(types)));
        trip::decode(&settings(&columns).0, &values);
    }

    #[test]
    fn json_comes_back(values in vec(json(), 1..10)) {
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(values.iter().map(|value| value.to_string())));
        let json = [("ARROW:extension:name".to_owned(), "arrow.json".to_owned())].into();
        let columns = Arc::new(Schema::new(vec![Field::new("v", DataType::Utf8, true).with_metadata(json)]));
        let (decode, encode, schema) = settings(&columns);
        let encoded = trip::encode(&encode, &RecordBatch::try_new(columns, vec![texts]).unwrap());
        prop_assert_eq!(&encoded.errors, &vec![]);
        let descriptor = Descriptor::new(&schema).unwrap();
        let rows: Vec<&[u8]> = (0..values.len()).map(|row| encoded.row(row)).collect();
        let decoded = trip::decode(&decode, &rows).rows;
        for (row, value) in values.iter().enumerate() {
            let text = decoded.column(0).as_string::<i32>().value(row);
            prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(text).unwrap(), value);
            prop_assert!(DynamicMessage::decode(descriptor.message().clone(), rows[row]).is_ok());
        }
    }

    #[test]
    fn bytes_that_look_like_json_are_survived(
        values in vec(vec(prop::sample::select(vec![
            0x0a_u8, 0x12, 0x1a, 0x22, 0x08, 0x10, 0x11, 0x20, 0x28, 0x2a, 0x32, 0, 1, 2, 3, 4, 5, 6, 8, 10, b'a', 0x0b, 0x0c,
        ]), 0..60), 0..20),
    ) {
        let schema = with_fields(
            "google.protobuf.Value v = 1; google.protobuf.Struct o = 2; google.protobuf.ListValue a = 3;
             repeated google.protobuf.Value r = 4;",
        );
        let columns = columns(&schema).unwrap();
        let decode = Decode { reader: Some(Arc::new(schema)), ..Decode::plain(Codec::Protobuf, columns) };
        let decoded = trip::decode(&decode, &values).rows;
        for column in &decoded.columns()[..3] {
            for text in column.as_string::<i32>().iter().flatten() {
                prop_assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{}", text);
            }
        }
    }

    #[test]
    fn others_read_the_same(values in vec(fields(3), 1..20)) {
        let schema = everything();
        let descriptor = Descriptor::new(&schema).unwrap();
        let own = Some(Arc::new(schema.clone()));
        let columns = columns(&schema).unwrap();
        let decode = Decode { reader: own.clone(), ..Decode::plain(Codec::Protobuf, columns) };
        let decoded = trip::decode(&decode, &values);
        let rows = decoded.records.clone().unwrap_or_else(|| (0..values.len() as u32).collect());
        let encoded = trip::encode(&Encode { writer: own, ..Encode::plain(Codec::Protobuf) }, &decoded.rows);
        prop_assert_eq!(&encoded.errors, &vec![]);
        let read = |bytes: &[u8]| DynamicMessage::decode(descriptor.message().clone(), bytes);
        for (row, record) in rows.iter().enumerate() {
            let value = &values[*record as usize];
            let mut theirs = read(value).unwrap_or_else(|e| panic!("{value:02x?} is taken: {e}"));
            without_unknown(&mut theirs);
            let theirs = read(&theirs.encode_to_vec()).unwrap();
            let ours = read(encoded.row(row)).unwrap();
            prop_assert!(ours == theirs, "{:02x?}: {} is not {}", value, ours, theirs);
        }
        for error in &decoded.errors {
            // What others skip as unknown, for its wire type, is refused here.
            let theirs = read(&values[error.index as usize]);
            prop_assert!(theirs.is_err() || error.code == "type-mismatch", "{:?}", error);
        }
    }
}

/// Any JSON.
fn json() -> BoxedStrategy<serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1e300_f64..1e300).prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        Just(Value::from("x".repeat(200))),
    ];
    let nested = leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec(("\\PC{0,5}", inner), 0..5).prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    });
    nested.boxed()
}

/// A message whose fields are of all shapes; its messages may hold one another, up to a depth.
fn everything() -> RegisteredSchema {
    with_fields(
        "int32 a = 1; sint64 b = 2; optional string c = 3; repeated uint32 d = 4; In e = 5; repeated In f = 6;
         map<string, In> g = 7; oneof o { bool h = 8; In i = 9; bytes j = 10; } enum E { Z = 0; P = 3; } E k = 11;
         fixed32 l = 12; repeated double m = 13; map<int32, int32> n = 14; google.protobuf.StringValue p = 15;
         message In { int32 a = 1; repeated string b = 2; In2 c = 3; oneof o { int64 d = 4; In2 e = 5; } }
         message In2 { uint64 a = 1; bool b = 2; repeated sint32 c = 3; }",
    )
}

/// Fields of such a message, or nearly.
fn fields(depth: u32) -> BoxedStrategy<Vec<u8>> {
    let number = 1_u32..17;
    let small = (number.clone(), prop_oneof![Just(0_i64), Just(1), Just(3), Just(-1), any::<i64>()])
        .prop_map(|(number, value)| v(number, value));
    let text = (number.clone(), prop::sample::select(vec!["", "a", "é", "longer text"]))
        .prop_map(|(number, text)| l(number, &[text.as_bytes()]));
    let fixed32 = (number.clone(), any::<u32>()).prop_map(|(number, value)| {
        [varint(u64::from(number << 3 | 5)), value.to_le_bytes().to_vec()].concat()
    });
    let packed = (number.clone(), vec(0_u64..300, 0..4))
        .prop_map(|(number, values)| l(number, &[&values.into_iter().flat_map(varint).collect::<Vec<_>>()]));
    let doubles = vec(-1.0_f64..1.0, 0..3).prop_map(|values| {
        l(13, &[&values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>()])
    });
    // Strings and messages, where most fields are.
    let right = prop_oneof![
        (1_u32..3, any::<i64>()).prop_map(|(number, value)| v(number, value)),
        Just(l(3, &[b"text"])),
        (8_u32..9, any::<i64>()).prop_map(|(number, value)| v(number, value)),
        Just(l(10, &[b"bytes"])),
        Just(l(15, &[&l(1, &[b"wrapped"])])),
        Just(l(15, &[])),
        doubles,
    ];
    let leaf = prop_oneof![3 => right, 1 => small, 1 => text, 1 => fixed32, 1 => packed].boxed();
    if depth == 0 {
        return vec(leaf, 0..4).prop_map(|fields| fields.concat()).boxed();
    }
    let inner = fields(depth - 1);
    let nested = (prop::sample::select(vec![3_u32, 5, 5, 6, 7, 9]), inner.clone())
        .prop_map(|(number, inner)| l(number, &[&inner]));
    let entry = (prop::sample::select(vec!["k", "l"]), inner.clone())
        .prop_map(|(key, inner)| l(7, &[&l(1, &[key.as_bytes()]), &l(2, &[&inner])]));
    vec(prop_oneof![2 => leaf, 1 => nested, 1 => entry], 0..6).prop_map(|fields| fields.concat()).boxed()
}

/// Takes out what the schema has not, which is not written again.
fn without_unknown(message: &mut DynamicMessage) {
    use prost_reflect::Value;
    message.take_unknown_fields().for_each(drop);
    let fields: Vec<_> = message.fields().map(|(field, _)| field).collect();
    for field in fields {
        match message.get_field_mut(&field) {
            Value::Message(inner) => without_unknown(inner),
            Value::List(items) => items.iter_mut().for_each(|item| {
                if let Value::Message(inner) = item {
                    without_unknown(inner);
                }
            }),
            Value::Map(entries) => entries.values_mut().for_each(|value| {
                if let Value::Message(inner) = value {
                    without_unknown(inner);
                }
            }),
            _ => {}
        }
    }
}
