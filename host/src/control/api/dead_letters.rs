//! The shapes of dead letters: what they are, which ones to run again, what became of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Bytes in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Octets {
    /// The bytes in base64.
    pub base64: String,
    /// The same as text, where they are UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Octets {
    /// Of these bytes.
    pub fn new(bytes: &[u8]) -> Octets {
        Octets { base64: STANDARD.encode(bytes), text: std::str::from_utf8(bytes).ok().map(str::to_owned) }
    }
}

/// A header of a dead letter's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Option<Octets>,
}

/// A record or row that failed, as it came in, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterView {
    /// Names it within its pipeline.
    pub id: String,
    /// When it was set aside, milliseconds since 1970.
    pub at_ms: u64,
    /// The source, step or sink where it failed.
    pub step: String,
    /// The component at work there, `name@version`.
    #[serde(default)]
    pub component: Option<String>,
    /// Digest of that component.
    #[serde(default)]
    pub digest: Option<String>,
    /// Short and stable, for counting.
    pub code: String,
    /// For people.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Topic, path or source it came from; unknown for rows made inside.
    #[serde(default)]
    pub topic: Option<String>,
    /// Partition it came from.
    #[serde(default)]
    pub partition: Option<i32>,
    /// Offset it came from.
    #[serde(default)]
    pub offset: Option<i64>,
    /// Its timestamp, milliseconds since 1970.
    #[serde(default)]
    pub timestamp_ms: Option<i64>,
    /// Its key.
    #[serde(default)]
    pub key: Option<Octets>,
    /// Its value.
    #[serde(default)]
    pub value: Option<Octets>,
    /// Its headers.
    #[serde(default)]
    pub headers: Vec<Header>,
    /// The row at the input of the step or sink that refused it, for people.
    #[serde(default)]
    pub row: Option<Value>,
    /// The same row as an Arrow IPC stream, in base64: this is what a replay gives to the step.
    #[serde(default)]
    pub row_ipc: Option<String>,
    /// When it was run again, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed_ms: Option<u64>,
    /// It was run again and failed again: a new letter stands for it.
    #[serde(default)]
    pub failed_again: bool,
}

/// How many dead letters have one step and code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterCount {
    /// The source, step or sink.
    pub step: String,
    /// The code.
    pub code: String,
    /// How many.
    pub count: u64,
}

/// Which dead letters to run again: by their ids, or those of a step, a code or both, or all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// These.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["17", "18"]))]
    pub ids: Vec<String>,
    /// Those of this source, step or sink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Those with this code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// All that were not run again yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// What became of dead letters that were run again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replayed {
    /// Through and delivered.
    pub replayed: u64,
    /// Failed again.
    pub failed_again: u64,
    /// Not run, each with the reason; at most the first 1000.
    pub skipped: Vec<SkippedLetter>,
    /// Further ones that were not run.
    #[serde(default)]
    pub more_skipped: u64,
}

/// A dead letter that was not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SkippedLetter {
    /// Its id.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// Dead letters of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetters {
    /// Newest first.
    pub dead_letters: Vec<DeadLetterView>,
    /// How many there are in all, whatever their step and code. In a topic, of each partition's newest 10000 records.
    pub counts: Vec<DeadLetterCount>,
    /// Whether there are older ones that are not listed.
    pub more: bool,
}
