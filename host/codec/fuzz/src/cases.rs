//! Which columns, schemas and settings each codec is run with. Knows nothing of what must hold.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use sabot_codec::codec::registry::Registries;
use sabot_codec::codec::{self, Codec, Decode, Encode, RegisteredSchema, SchemaKind};

use crate::case::Case;
use crate::columns::{self, Columns};
use crate::given::{self, Own};

/// The cases of a codec.
pub(crate) fn of(codec: Codec) -> Vec<Case> {
    match codec {
        Codec::MessagePack => {
            let arrays = Encode { arrays: true, ..Encode::plain(codec) };
            plain(codec, columns::all(), &[Encode::plain(codec), arrays])
        }
        Codec::String => plain(codec, texts(), &[Encode::plain(codec)]),
        Codec::Bytes => plain(codec, bytes(), &[Encode::plain(codec)]),
        // Nobody encodes it row by row.
        Codec::Csv => Vec::new(),
        Codec::Json | Codec::Arrow => plain(codec, columns::all(), &[Encode::plain(codec)]),
        Codec::Protobuf => {
            let derived = vec![columns::flat(), columns::numbers(), columns::times()];
            given(codec, &given::PROTOBUF).into_iter().chain(self::derived(codec, derived)).collect()
        }
        Codec::JsonSchema => {
            let derived = derived(codec, columns::all());
            given(codec, &given::JSON_SCHEMA).into_iter().chain(derived).collect()
        }
        Codec::Avro => {
            // Not every name is one in Avro.
            let named = columns::all().into_iter().filter(|columns| columns.name != "texts");
            given(codec, &given::AVRO).into_iter().chain(derived(codec, named.collect())).collect()
        }
    }
}

/// A codec that is told no more than the columns.
fn plain(codec: Codec, columns: Vec<Columns>, encode: &[Encode]) -> Vec<Case> {
    let case = |Columns { name, rows }| {
        Case::new(name, &Decode::plain(codec, rows.schema()), encode, &rows, &Registries::default())
    };
    columns.into_iter().map(case).collect()
}

/// A codec whose schema is given, and the columns follow from it.
fn given(codec: Codec, schemas: &[Own]) -> Vec<Case> {
    let case = |own: &Own| {
        let schema = RegisteredSchema::new(kind(codec), own.text);
        let columns = codec::columns(codec, &schema).unwrap_or_else(|why| panic!("{}: {why}", own.name));
        let rows = columns::rows_of(own.name, &columns, own.rows);
        own_schema(own.name, codec, schema, &rows)
    };
    schemas.iter().map(case).collect()
}

/// A codec whose schema follows from the columns.
fn derived(codec: Codec, columns: Vec<Columns>) -> Vec<Case> {
    let case = |Columns { name, rows }| {
        let schema = codec::schema_of(codec, &rows.schema(), "Row");
        own_schema(name, codec, schema.unwrap_or_else(|why| panic!("{name}: {why}")), &rows)
    };
    columns.into_iter().map(case).collect()
}

fn own_schema(name: &str, codec: Codec, schema: RegisteredSchema, rows: &RecordBatch) -> Case {
    let schema = Arc::new(schema);
    let decode = Decode { reader: Some(Arc::clone(&schema)), ..Decode::plain(codec, rows.schema()) };
    let encode = Encode { writer: Some(schema), ..Encode::plain(codec) };
    Case::new(name, &decode, &[encode], rows, &Registries::default())
}

/// The language of a codec's schemas.
pub(crate) fn kind(codec: Codec) -> SchemaKind {
    match codec {
        Codec::Avro => SchemaKind::Avro,
        Codec::Protobuf => SchemaKind::Protobuf,
        _ => SchemaKind::Json,
    }
}

fn texts() -> Vec<Columns> {
    columns::single(
        vec![("text", DataType::Utf8, true), ("large", DataType::LargeUtf8, false)],
        "\"é\\u0000\"",
    )
}

fn bytes() -> Vec<Columns> {
    let of = vec![
        ("bytes", DataType::Binary, false),
        ("large", DataType::LargeBinary, true),
        ("three", DataType::FixedSizeBinary(3), true),
    ];
    columns::single(of, "\"AP/+\"")
}
