//! Why a record did not decode: a code for counting and a text for people, with the path inside the record.
//! The path is put together on the way out, so records that decode pay nothing for it. Knows nothing of formats.

use super::RecordError;

/// Text quoted from a record, at most.
const QUOTE_CHARS: usize = 40;

/// Bytes of an error's text, at most: names in a record may be as long as the record, and an error must fit into
/// a record of its own.
const MESSAGE_MAX: usize = 1024;

/// Codes of [`RecordError`].
pub(crate) mod code {
    /// Not JSON.
    pub(crate) const JSON_SYNTAX: &str = "json-syntax";
    /// Not MessagePack.
    pub(crate) const MSGPACK_SYNTAX: &str = "msgpack-syntax";
    /// Valid in its format, but none of what is read of it.
    pub(crate) const UNSUPPORTED: &str = "unsupported";
    /// Not a row of CSV.
    pub(crate) const CSV_SYNTAX: &str = "csv-syntax";
    /// Not Arrow IPC.
    pub(crate) const ARROW_SYNTAX: &str = "arrow-syntax";
    /// Not Protobuf's wire format.
    pub(crate) const PROTOBUF_SYNTAX: &str = "protobuf-syntax";
    /// Another message of the schema than the one that is read.
    pub(crate) const UNKNOWN_MESSAGE: &str = "unknown-message";
    /// A string that is not UTF-8.
    pub(crate) const NOT_UTF8: &str = "not-utf8";
    /// Not a value of the Avro schema.
    pub(crate) const AVRO_SYNTAX: &str = "avro-syntax";
    /// Another type than the column's.
    pub(crate) const TYPE_MISMATCH: &str = "type-mismatch";
    /// A column that cannot be null has no value.
    pub(crate) const MISSING_COLUMN: &str = "missing-column";
    /// A number or time that the column's type cannot hold.
    pub(crate) const OUT_OF_RANGE: &str = "out-of-range";
    /// Longer or deeper than the codec takes.
    pub(crate) const TOO_LARGE: &str = "too-large";
    /// Written with a schema that does not lead to the rows that are asked for.
    pub(crate) const SCHEMA_MISMATCH: &str = "schema-mismatch";
    /// A record without a value, where columns cannot be null.
    pub(crate) const TOMBSTONE: &str = "tombstone";
    /// The record ends before the value does.
    pub(crate) const TRUNCATED: &str = "truncated";
    /// Not what the record's schema says.
    pub(crate) const SCHEMA_VIOLATION: &str = "schema-violation";
    /// No header that names a schema, where there has to be one.
    pub(crate) const WRONG_MAGIC: &str = "wrong-magic";
    /// The registry has no such schema.
    pub(crate) const UNKNOWN_SCHEMA: &str = "unknown-schema";
    /// Of the run, not of the record: decoded in a run of its own it may be good. Never told.
    pub(super) const RUN_IS_FULL: &str = "run-is-full";
}

/// Why a record did not decode.
#[derive(Debug)]
pub struct Problem {
    code: &'static str,
    what: String,
    /// From the inside out.
    path: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Field(String),
    Index(usize),
}

/// A step of decoding; the error is boxed to keep the good way cheap.
pub type Outcome<T> = Result<T, Box<Problem>>;

impl Problem {
    #[cold]
    pub(crate) fn new(code: &'static str, what: impl Into<String>) -> Box<Problem> {
        Box::new(Problem { code, what: what.into(), path: Vec::new() })
    }

    /// The records before it took all that a run may take.
    #[cold]
    pub(crate) fn run_is_full() -> Box<Problem> {
        Problem::new(code::RUN_IS_FULL, "the records before it took all that is decoded at once")
    }

    /// Whether it is [`run_is_full`](Self::run_is_full).
    pub(crate) fn is_of_the_run(&self) -> bool {
        self.code == code::RUN_IS_FULL
    }

    /// It happened in this field.
    #[cold]
    pub(crate) fn in_field(mut self: Box<Self>, name: &str) -> Box<Problem> {
        self.path.push(Part::Field(name.to_owned()));
        self
    }

    /// It happened in this item.
    #[cold]
    pub(crate) fn in_item(mut self: Box<Self>, index: usize) -> Box<Problem> {
        self.path.push(Part::Index(index));
        self
    }

    /// As the codec reports it.
    #[cold]
    pub(crate) fn of_record(&self, index: u32) -> RecordError {
        let mut message = String::new();
        for part in self.path.iter().rev() {
            match part {
                Part::Field(name) if message.is_empty() => append(&mut message, name),
                Part::Field(name) => [".", name].into_iter().for_each(|text| append(&mut message, text)),
                Part::Index(index) => append(&mut message, &format!("[{index}]")),
            }
        }
        if !message.is_empty() {
            append(&mut message, ": ");
        }
        append(&mut message, &self.what);
        RecordError { index, code: self.code, message: shortened(message) }
    }
}

/// Appends no more than [`shortened`] needs to see that the message is too long: errors are kept by the thousand, with
/// all the room they ever had.
fn append(message: &mut String, text: &str) {
    // A byte more than fits, and a whole character of it.
    let room = (MESSAGE_MAX + 4).saturating_sub(message.len());
    message.push_str(&text[..text.floor_char_boundary(room)]);
}

/// The text, cut to what an error's text may have, without the room that it had.
pub(crate) fn shortened(mut text: String) -> String {
    if text.len() > MESSAGE_MAX {
        text.truncate(text.floor_char_boundary(MESSAGE_MAX));
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

/// Text of a record, shortened, with what is not printable made so.
pub(crate) fn quote(text: &[u8]) -> String {
    let start = &text[..text.len().min(4 * QUOTE_CHARS)];
    let start = String::from_utf8_lossy(start);
    let mut quoted: String = start.chars().take(QUOTE_CHARS).flat_map(printable).collect();
    if start.chars().count() > QUOTE_CHARS || start.len() < text.len() {
        quoted.push('…');
    }
    quoted
}

fn printable(c: char) -> impl Iterator<Item = char> {
    let escape = c.is_control().then(|| c.escape_default());
    let plain = (!c.is_control()).then_some(c);
    escape.into_iter().flatten().chain(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        let message =
            |name: &str| Problem::new(code::TYPE_MISMATCH, "no").in_field(name).of_record(0).message;
        assert_eq!(message(&"x".repeat(1020)), format!("{}: no", "x".repeat(1020)));
        assert_eq!(message(&"x".repeat(1021)), format!("{}: n…", "x".repeat(1021)));
        assert_eq!(message(&"ä".repeat(600_000)), format!("{}…", "ä".repeat(512)));
        assert_eq!(message(&format!("x{}", "ä".repeat(600))), format!("x{}…", "ä".repeat(511)));
    }

    #[test]
    fn a_long_text_takes_no_more_room_than_is_shown_of_it() {
        let long = "x".repeat(3_000_000);
        let problem = Problem::new(code::TYPE_MISMATCH, long.as_str()).in_field(&long).in_field("a");
        let message = problem.of_record(0).message;
        assert_eq!(message, format!("a.{}…", "x".repeat(1022)));
        assert!(message.capacity() < 2 * MESSAGE_MAX, "{}", message.capacity());
        let exact = Problem::new(code::TYPE_MISMATCH, "🐎".repeat(256)).of_record(0).message;
        assert_eq!(exact, "🐎".repeat(256));
        assert_eq!(Problem::new(code::TYPE_MISMATCH, "🐎".repeat(257)).of_record(0).message, exact + "…");
    }
}
