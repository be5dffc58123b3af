//! A dead letter: a record or row that failed for good, with its original bytes, where it came from and the row as
//! it was, so that it can be run again from where it failed; and the seam to those who keep letters. Knows nothing
//! of why a policy sent one here.

mod file;
mod home;
mod marks;
mod row;
mod spill;

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ConnectorError;

pub use file::{DeadLetterFile, LetterLines};
pub use home::{Home, Place};
pub use marks::{Mark, Marks};
pub use row::{row_as_json, row_from_ipc, row_to_ipc};
pub use spill::Spill;

/// One failed record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Pipeline.
    pub pipeline: String,
    /// Source, step or sink that refused it.
    pub step: String,
    /// The component at work there: `name@version`, if any.
    pub component: Option<String>,
    /// Digest of that component's bytes.
    #[serde(default)]
    pub digest: Option<String>,
    /// Short and stable, for counting.
    pub code: String,
    /// For people.
    pub message: String,
    /// How often it was tried, replays included.
    #[serde(default = "once")]
    pub attempts: u32,
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
    /// The row at the input of the step or sink that refused it, as an Arrow IPC stream; `None` for a record that
    /// did not decode.
    #[serde(default, with = "base64_bytes")]
    pub row_ipc: Option<Vec<u8>>,
    /// The row as JSON, where no original record is known.
    pub row: Option<serde_json::Value>,
    /// When it failed, milliseconds since 1970.
    pub at_ms: i64,
}

/// The folder that a file is in, also of a path that is only a name.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn once() -> u32 {
    1
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

/// A letter as it is kept, with its name among those of its pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The number of its line in a file; partition and offset in a topic.
    pub id: String,
    /// The letter.
    pub letter: DeadLetter,
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

/// What became of a letter that was offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It is taken, as by [`DeadLetterWriter::put`].
    Taken,
    /// It is not and never will be: too large, or without a key where each has to have one. For people: why, and what to
    /// do.
    NotTaken(String),
}

/// Keeps letters, but not every one: one that is put and not taken is a failure. Implemented by a Kafka topic.
pub trait ChoosyLetterWriter: DeadLetterWriter {
    /// Takes one, or says why it never will. Otherwise as [`DeadLetterWriter::put`].
    fn offer(&mut self, letter: &DeadLetter) -> Result<Offered, ConnectorError>;
}

/// Which letters are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// All that there are.
    All,
    /// The newest, at least so many if there are; a file gives all.
    Newest(u64),
    /// Those of these names.
    These(&'a [String]),
}

/// Reads dead letters back: those that were there when it was opened, once. Implemented by a file and a Kafka
/// topic. Holds one letter at a time.
pub trait DeadLetterReader {
    /// The next letter, the oldest first within a file or partition; `None` after the last one.
    fn next(&mut self) -> Result<Option<Kept>, ConnectorError>;
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
