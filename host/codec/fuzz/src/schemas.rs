//! What must hold of any text as a schema: it is refused in words, or records can be read by it. Knows nothing of any
//! language.

use std::sync::Arc;

use sabot_codec::codec::registry::Registries;
use sabot_codec::codec::{self, Codec, Decode, Decoder, Encode, Encoder, RegisteredSchema};

use crate::cases::kind;
use crate::input::{self, Value};

/// Codecs that have a language for their schemas.
const CODECS: [Codec; 3] = [Codec::Avro, Codec::Protobuf, Codec::JsonSchema];

/// Everything that must hold: the first record is a schema, the second is referred to as `a`, all are values too.
pub(crate) fn must_hold(values: &[Value]) {
    let texts: Vec<&str> =
        values.iter().flatten().filter_map(|value| std::str::from_utf8(value).ok()).collect();
    let Some((first, rest)) = texts.split_first() else { return };
    for codec in CODECS {
        let mut schema = RegisteredSchema::new(kind(codec), *first);
        let referred = rest.first().map(|text| Arc::new(RegisteredSchema::new(kind(codec), *text)));
        schema.references.extend(referred.map(|schema| ("a".to_owned(), schema)));
        let name = codec::record_name(codec, &schema);
        match codec::columns(codec, &schema) {
            Err(why) => assert!(!why.is_empty(), "{}: refused without a word", codec.name()),
            Ok(columns) => {
                let name = name.as_deref().unwrap_or("Row");
                // Not every column can be told in the language again: what a schema calls its fields is wider.
                let _ = codec::schema_of(codec, &columns, name);
                read_and_write(codec, schema, columns, values);
            }
        }
    }
}

fn read_and_write(
    codec: Codec,
    schema: RegisteredSchema,
    columns: arrow::datatypes::SchemaRef,
    values: &[Value],
) {
    let schema = Some(Arc::new(schema));
    let decode = Decode { reader: schema.clone(), ..Decode::plain(codec, Arc::clone(&columns)) };
    if let Ok(mut decoder) = Decoder::new(&decode, &Registries::default()) {
        let decoded = decoder.decode(&input::records(values)).expect("no registry is asked");
        assert_eq!(decoded.rows.num_rows() + decoded.errors.len(), values.len(), "{}", codec.name());
    }
    let _ = Encoder::new(&Encode { writer: schema, ..Encode::plain(codec) }, &columns);
}
