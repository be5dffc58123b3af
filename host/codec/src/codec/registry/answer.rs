//! The bodies of a registry's answers and of requests to it. Knows nothing of how they travel.

use serde::{Deserialize, Serialize};

use super::error::RegistryError;
use crate::codec::registered::SchemaKind;
use crate::codec::wire;

/// A schema, and where it is registered in the answers that say so.
#[derive(Deserialize)]
#[serde(expecting = "a schema")]
pub(super) struct SchemaAnswer {
    pub(super) schema: String,
    #[serde(rename = "schemaType")]
    kind: Option<String>,
    references: Option<Vec<Reference>>,
    pub(super) id: Option<u32>,
    pub(super) version: Option<u32>,
    guid: Option<String>,
}

/// A version of a subject, under the name that the schema uses.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Reference {
    pub(super) name: String,
    pub(super) subject: String,
    pub(super) version: u32,
}

/// What came of a registration.
#[derive(Deserialize)]
pub(super) struct IdAnswer {
    pub(super) id: u32,
}

/// Whether a schema can follow another.
#[derive(Deserialize)]
pub(super) struct CompatibilityAnswer {
    pub(super) is_compatible: bool,
    pub(super) messages: Option<Vec<String>>,
}

impl SchemaAnswer {
    /// The language.
    pub(super) fn kind(&self) -> Result<SchemaKind, RegistryError> {
        match self.kind.as_deref() {
            // It is not said of Avro schemas, which were the only ones once.
            None | Some("AVRO") => Ok(SchemaKind::Avro),
            Some("PROTOBUF") => Ok(SchemaKind::Protobuf),
            Some("JSON") => Ok(SchemaKind::Json),
            Some(other) => {
                Err(no_answer(format!("a schema of type {other}; AVRO, PROTOBUF and JSON are known")))
            }
        }
    }

    pub(super) fn references(&mut self) -> Vec<Reference> {
        self.references.take().unwrap_or_default()
    }

    /// The GUID's bytes, where there is one.
    pub(super) fn guid(&self) -> Option<[u8; 16]> {
        wire::guid(self.guid.as_deref()?)
    }
}

/// Reads an answer. What is none comes from somebody between us and the registry, who may go away.
pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, RegistryError> {
    serde_json::from_slice(body).map_err(|why| RegistryError::Unavailable {
        reason: format!("what answers is no schema registry: {why}"),
    })
}

/// The answer came, and is none.
pub(super) fn no_answer(message: String) -> RegistryError {
    RegistryError::Refused { status: 200, message }
}

/// A part of a path: a subject may have any characters.
pub(super) fn encoded(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
