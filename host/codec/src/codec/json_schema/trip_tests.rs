//! Properties: what is encoded under a schema decodes to the same rows; the schema of columns gives these columns;
//! no bytes and no schema make anything panic or cost a good record.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::tape::Tape;
use super::validate::Validator;
use super::{columns, schema_of};
use crate::codec::registered::{RegisteredSchema, SchemaKind};
use crate::codec::trip::{self, Nesting, Types};
use crate::codec::{Codec, Decode, Encode};

/// Columns whose values, whatever they are, have a form that schemas know: years have four digits there.
fn types() -> Types {
    let mut types = Types::all();
    types.leaves.retain(|leaf| {
        !matches!(
            leaf,
            DataType::Timestamp(..) | DataType::Date32 | DataType::Time64(_) | DataType::Time32(_)
        )
    });
    types.leaves.push(DataType::Time32(TimeUnit::Second));
    types
}

fn own(columns: &SchemaRef) -> Arc<RegisteredSchema> {
    Arc::new(RegisteredSchema::new(SchemaKind::Json, schema_of(columns, "Row")))
}

fn decoding(columns: &SchemaRef) -> Decode {
    Decode { reader: Some(own(columns)), ..Decode::plain(Codec::JsonSchema, Arc::clone(columns)) }
}

fn encoding(columns: &SchemaRef) -> Encode {
    Encode { writer: Some(own(columns)), ..Encode::plain(Codec::JsonSchema) }
}

/// The types that a schema tells apart.
fn told_apart() -> Types {
    use DataType::*;
    Types {
        leaves: vec![
            Boolean,
            Int8,
            Int16,
            Int32,
            Int64,
            UInt64,
            Float32,
            Float64,
            Utf8,
            Binary,
            Date32,
            Time64(TimeUnit::Microsecond),
            Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ],
        nestings: vec![Nesting::List, Nesting::Struct, Nesting::Map],
        ..Types::all()
    }
}

/// An object without keys has the same schema as an object of any keys.
fn has_empty_object(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(fields) => {
            fields.is_empty() || fields.iter().any(|f| has_empty_object(f.data_type()))
        }
        DataType::List(item) | DataType::Map(item, _) => has_empty_object(item.data_type()),
        _ => false,
    }
}

/// A schema made of keywords and names that fit together now and then.
fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop::sample::select(vec![
        json!(true),
        json!(false),
        json!({}),
        json!({"type": "integer"}),
        json!({"type": ["string", "null"]}),
        json!({"type": "number", "minimum": 0}),
        json!({"type": "string", "format": "date-time"}),
        json!({"enum": [1, "a", null]}),
        json!({"$ref": "#"}),
        json!({"$ref": "#/definitions/a"}),
        json!({"$ref": "a.json"}),
        json!({"$ref": "none.json"}),
        json!({"$id": "#x"}),
        json!({"$id": "a.json", "type": "boolean"}),
        json!({"$id": "http://[bad"}),
        json!({"$id": ""}),
        json!({"$id": "#"}),
        json!({"$id": "HTTP://EXAMPLE.com/%7ea/../b#", "type": "object", "properties": {"a": {"$ref": "b"}}}),
        json!({"$id": "http://x/#y"}),
        json!({"$id": "a:b", "allOf": [{"$id": "c", "$ref": "a.json"}]}),
        json!({"$id": "//x/y"}),
        json!({"$id": "registry:///", "allOf": [{"$id": "registry:///", "type": "integer"}]}),
        json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "$dynamicRef": "#a"}),
        json!({"$anchor": "a", "$dynamicAnchor": "a"}),
        json!({"type": "array", "prefixItems": [true]}),
        json!({"required": ["a", "b"]}),
        json!(7),
        json!(null),
    ]);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let keyword = prop::sample::select(vec![
            "allOf",
            "anyOf",
            "oneOf",
            "not",
            "if",
            "then",
            "items",
            "additionalProperties",
            "properties",
            "definitions",
            "patternProperties",
            "dependencies",
            "propertyNames",
            "contains",
            "$defs",
        ]);
        vec((keyword, vec(inner, 1..3)), 1..4).prop_map(|keywords| {
            let mut schema = json!({});
            for (keyword, parts) in keywords {
                schema[keyword] = match keyword {
                    "allOf" | "anyOf" | "oneOf" => json!(parts),
                    "properties" | "definitions" | "patternProperties" | "dependencies" | "$defs" => parts
                        .into_iter()
                        .zip(["a", "b"])
                        .map(|(part, name)| (name.to_owned(), part))
                        .collect(),
                    _ => parts.into_iter().next().unwrap_or_default(),
                };
            }
            schema
        })
    })
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(batch in types().batch(0)) {
        let columns = batch.schema();
        trip::comes_back(&decoding(&columns), &encoding(&columns), &batch);
    }

    #[test]
    fn a_cut_or_changed_record_costs_its_neighbours_nothing(batch in types().batch(1), changes in trip::changes()) {
        let columns = batch.schema();
        trip::spares_neighbours(&decoding(&columns), &encoding(&columns), &batch, &changes);
    }

    #[test]
    fn any_bytes_are_survived(values in vec(vec(any::<u8>(), 0..60), 0..20), types_of in vec(types().data_type(), 1..4)) {
        let columns = Arc::new(Schema::new(types().columns(types_of)));
        trip::decode(&decoding(&columns), &values);
    }

    #[test]
    fn times_come_back_in_every_unit(seconds in vec(-62_135_596_800_i64..253_402_300_800, 1..10), nanos in 0_i64..1_000_000_000) {
        use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
        let days = seconds.iter().map(|s| s.div_euclid(86_400) as i32);
        let mut columns: Vec<(String, ArrayRef)> = vec![("day".to_owned(), Arc::new(Date32Array::from_iter_values(days)))];
        for (unit, per_second) in [(Second, 1), (Millisecond, 1_000), (Microsecond, 1_000_000), (Nanosecond, 1_000_000_000)] {
            // Nanoseconds of all years do not fit.
            let within = |s: i64| if unit == Nanosecond { s / 64 } else { s };
            let at = seconds.iter().map(|&s| within(s) * per_second + nanos * per_second / 1_000_000_000);
            let of_day = at.clone().map(|n| n.rem_euclid(86_400 * per_second));
            let at: ArrayRef = Arc::new(at.collect::<Int64Array>());
            let at = arrow::compute::cast(&at, &DataType::Timestamp(unit, Some("UTC".into()))).unwrap();
            columns.push((format!("at {per_second}"), at));
            let (of_day, time): (ArrayRef, _) = match unit {
                Second | Millisecond => (Arc::new(of_day.map(|n| n as i32).collect::<Int32Array>()), DataType::Time32(unit)),
                _ => (Arc::new(of_day.collect::<Int64Array>()), DataType::Time64(unit)),
            };
            columns.push((format!("time {per_second}"), arrow::compute::cast(&of_day, &time).unwrap()));
        }
        let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap();
        let columns = batch.schema();
        trip::comes_back(&decoding(&columns), &encoding(&columns), &batch);
    }

    #[test]
    fn the_schema_of_columns_gives_these_columns(
        types in vec(told_apart().data_type().prop_filter("empty", |of| !has_empty_object(of)), 1..6),
    ) {
        let wanted = Arc::new(Schema::new(told_apart().columns(types)));
        let schema = own(&wanted);
        prop_assert_eq!(columns(&schema).unwrap(), wanted, "{}", schema.text);
    }

    #[test]
    fn any_schema_is_survived(root in schema(), other in schema(), value in schema(), draft in 0_usize..3) {
        let mut root = root;
        if let (Value::Object(keywords), true) = (&mut root, draft > 0) {
            let draft = ["http://json-schema.org/draft-04/schema#", "https://json-schema.org/draft/2020-12/schema"][draft - 1];
            keywords.insert("$schema".to_owned(), json!(draft));
        }
        let mut schema = RegisteredSchema::new(SchemaKind::Json, root.to_string());
        schema.references.push(("a.json".to_owned(), Arc::new(RegisteredSchema::new(SchemaKind::Json, other.to_string()))));
        let found = columns(&schema);
        if let Ok(validator) = Validator::new(&schema) {
            let (text, mut tape) = (value.to_string(), Tape::default());
            let _ = validator.check(tape.read(text.as_bytes()).unwrap());
            if let Ok(found) = found {
                trip::decode(&Decode { reader: Some(Arc::new(schema)), ..Decode::plain(Codec::JsonSchema, found) }, &[text]);
            }
        }
    }
}
