//! A dead letter: a record or row that failed for good, with its original bytes and where it came from, and the
//! seam to those who keep it. Knows nothing of why a policy sent it here.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ConnectorError;

/// One failed record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Pipeline.
    pub pipeline: String,
    /// Source, step or sink that refused it.
    pub step: String,
    /// The component at work there: `name@version`, if any.
    pub component: Option<String>,
    /// Short and stable, for counting.
    pub code: String,
    /// For people.
    pub message: String,
    /// Topic (or file) of the original record; `None` for rows made inside.
    pub topic: Option<String>,
    /// Its partition.
    pub partition: Option<i32>,
    /// Its offset.
    pub offset: Option<i64>,
    /// Its timestamp, milliseconds since 1970.
    pub timestamp_ms: Option<i64>,
    /// Its key, as it came.
    #[serde(with = "base64_bytes")]
    pub key: Option<Vec<u8>>,
    /// Its value, as it came.
    #[serde(with = "base64_bytes")]
    pub value: Option<Vec<u8>>,
    /// Its headers, as they came.
    pub headers: Vec<Header>,
    /// The row as JSON, where no original record is known.
    pub row: Option<serde_json::Value>,
    /// When it failed, milliseconds since 1970.
    pub at_ms: i64,
}

/// A header of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Name.
    pub name: String,
    /// Value, as it came.
    #[serde(with = "base64_bytes")]
    pub value: Option<Vec<u8>>,
}

/// Keeps dead letters. Implemented by a file and a Kafka topic. Delivery is as for [`super::Writer`].
pub trait DeadLetterWriter: Send {
    /// Takes one. May wait a few milliseconds; `Retry` means it was not taken: call again.
    fn put(&mut self, letter: &DeadLetter) -> Result<(), ConnectorError>;

    /// Everything taken so far belongs to barrier `id` or an earlier one.
    fn barrier(&mut self, id: u64) -> Result<(), ConnectorError>;

    /// The highest barrier behind everything that is durable. Waits at most `wait` for progress.
    fn delivered(&mut self, wait: Duration) -> Result<Option<u64>, ConnectorError>;
}

/// Bytes as base64 text in JSON.
mod base64_bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, s: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => s.serialize_some(&STANDARD.encode(bytes)),
            None => s.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(d)?;
        text.map(|t| STANDARD.decode(t).map_err(D::Error::custom)).transpose()
    }
}
