//! What must hold of columns that were inferred: the records that they were inferred from decode into them. Knows
//! nothing of how they are found.

use sabot_codec::codec::registry::Registries;
use sabot_codec::codec::{Codec, Decode, Decoder};

use crate::input::{self, Value};

/// Everything that must hold of any sample.
pub(crate) fn must_hold(values: &[Value]) {
    let json: Vec<Option<Vec<u8>>> = values.iter().map(|value| value.map(once)).collect();
    let json: Vec<Value> = json.iter().map(Option::as_deref).collect();
    for codec in Codec::ALL {
        let records = input::records(if codec == Codec::Json { &json } else { values });
        let Ok((schema, seen)) = sabot_codec::codec::infer(codec, &records) else { continue };
        let name = codec.name();
        assert!(seen > 0 && seen <= values.len() && !schema.fields().is_empty(), "{name}: {seen} {schema}");
        assert!(schema.fields().iter().all(|field| field.is_nullable()), "{name}: {schema}");
        let decoder = Decoder::new(&Decode::plain(codec, schema), &Registries::default());
        let mut decoder = decoder.unwrap_or_else(|why| panic!("{name}: inferred columns are none: {why}"));
        let decoded = decoder.decode(&records).expect("no registry is asked");
        // Values that are beyond a column's range or damaged are no matter of its type.
        let wrong = |code| matches!(code, "type-mismatch" | "missing-column");
        let errors = decoded.errors.iter().filter(|error| wrong(error.code)).count();
        assert!(errors <= values.len() - seen, "{name}: {seen} were seen, but {:?}", decoded.errors);
    }
}

/// The same JSON with each key once. Of a repeated key the last value counts, but each is read as the column has it,
/// and a sample is only asked for the last.
fn once(text: &[u8]) -> Vec<u8> {
    let value = serde_json::from_slice::<serde_json::Value>(text);
    value.map_or_else(|_| text.to_vec(), |value| value.to_string().into_bytes())
}
