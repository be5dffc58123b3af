//! How bytes become rows and rows become bytes, as a program says it.

use serde_json::{Map, Value};

use super::columns::Columns;
use super::item::set;
use crate::spec::Codec;

/// How the bytes of a source become rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Decode(Map<String, Value>);

impl Decode {
    /// By this codec; where the columns come from is said by one of the other methods.
    pub fn by(codec: Codec) -> Self {
        Decode([("codec".to_owned(), codec.name().into())].into_iter().collect())
    }

    /// JSON objects with these columns.
    pub fn json(columns: impl Into<Columns>) -> Self {
        Decode::by(Codec::Json).columns(columns)
    }

    /// The columns.
    pub fn columns(self, columns: impl Into<Columns>) -> Self {
        self.set("schema", columns.into())
    }

    /// The codec's own schema: an Avro schema, a `.proto` file, a JSON Schema.
    pub fn definition(self, definition: impl Into<Value>) -> Self {
        self.set("definition", definition)
    }

    /// Values name their schema in this registry of the host.
    pub fn registry(self, name: &str) -> Self {
        self.set("registry.name", name)
    }

    /// Any other key of `decode`, by its path: `include`, `sample.records`.
    pub fn set(mut self, path: &str, value: impl Into<Value>) -> Self {
        set(&mut self.0, path, value.into());
        self
    }
}

impl From<Decode> for Value {
    fn from(decode: Decode) -> Self {
        Value::Object(decode.0)
    }
}

/// How the rows of a sink become bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Encode(Map<String, Value>);

impl Encode {
    /// By this codec.
    pub fn by(codec: Codec) -> Self {
        Encode([("codec".to_owned(), codec.name().into())].into_iter().collect())
    }

    /// JSON objects.
    pub fn json() -> Self {
        Encode::by(Codec::Json)
    }

    /// Only these columns, in this order.
    pub fn only<N: Into<String>>(self, columns: impl IntoIterator<Item = N>) -> Self {
        self.set("columns", columns.into_iter().map(Into::into).collect::<Vec<String>>())
    }

    /// The codec's own schema, to write by.
    pub fn definition(self, definition: impl Into<Value>) -> Self {
        self.set("definition", definition)
    }

    /// Values name their schema in this registry of the host.
    pub fn registry(self, name: &str) -> Self {
        self.set("registry.name", name)
    }

    /// Any other key of `encode`, by its path: `layout`, `registry.strategy`.
    pub fn set(mut self, path: &str, value: impl Into<Value>) -> Self {
        set(&mut self.0, path, value.into());
        self
    }
}

impl From<Encode> for Value {
    fn from(encode: Encode) -> Self {
        Value::Object(encode.0)
    }
}
