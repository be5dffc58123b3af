//! The header that names a record's schema in a registry: Confluent's wire format. It stands before the value, or
//! in a header of the record; for Protobuf the place of the message within its file follows. Pure bytes: knows
//! nothing of registries, schemas or codecs.
//!
//! ```text
//! 00  id: u32, big-endian        the schema's id in its registry
//! 01  guid: 16 bytes             the schema's GUID, the same in every registry
//!     Protobuf only: n, index 1 … index n as zigzag varints; the single byte 00 is the list [0]
//! ```
//!
//! Either form may stand at either place; producers put the id before the value and the GUID into the header.

#[cfg(test)]
mod tests;

use super::problem::{Outcome, Problem, code};
use crate::batch::RawRecords;

/// The first byte of a header with an id.
const ID_MAGIC: u8 = 0;
/// The first byte of a header with a GUID.
const GUID_MAGIC: u8 = 1;
/// A varint of 64 bits is never longer.
const VARINT_BYTES_MAX: usize = 10;

/// What names a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SchemaId {
    /// Its number in one registry.
    Id(u32),
    /// Its globally unique number, the bytes of a UUID in the order in which it is written.
    Guid([u8; 16]),
}

/// `7`, or `89791762-2336-4186-9674-299b90a802e2`.
impl std::fmt::Display for SchemaId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SchemaId::Id(id) => id.fmt(out),
            SchemaId::Guid(guid) => {
                for (at, byte) in guid.iter().enumerate() {
                    let dash = if [4, 6, 8, 10].contains(&at) { "-" } else { "" };
                    write!(out, "{dash}{byte:02x}")?;
                }
                Ok(())
            }
        }
    }
}

/// Which half of a record the schema is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Its key.
    Key,
    /// Its value.
    Value,
}

impl Part {
    /// The record header that holds the schema's GUID.
    pub fn header(self) -> &'static str {
        match self {
            Part::Key => "__key_schema_id",
            Part::Value => "__value_schema_id",
        }
    }

    fn described(self) -> &'static str {
        match self {
            Part::Key => "the key",
            Part::Value => "the value",
        }
    }
}

/// A key or value taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framed<'a> {
    /// What names its schema.
    pub id: SchemaId,
    /// What follows the id in the record's header, where it is there: Protobuf's message indexes.
    header: Option<&'a [u8]>,
    /// What follows the id in the value, or all of the value.
    body: &'a [u8],
}

impl<'a> Framed<'a> {
    /// The encoded value, of codecs without message indexes.
    pub fn body(self) -> &'a [u8] {
        self.body
    }

    /// Protobuf: which message of the file, and the encoded message.
    pub fn message(self) -> Outcome<(Indexes<'a>, &'a [u8])> {
        match self.header {
            Some(header) => Indexes::split(header).map(|(indexes, _)| (indexes, self.body)),
            None => Indexes::split(self.body),
        }
    }
}

/// Takes `bytes`, the key or value of record `record`, apart. The record's header counts, where it is there.
pub fn frame<'a>(raw: &'a RawRecords, record: usize, part: Part, bytes: &'a [u8]) -> Outcome<Framed<'a>> {
    let header = raw.headers(record).find(|(name, _)| name == part.header()).and_then(|(_, value)| value);
    match header {
        Some(header) => {
            let (id, rest) = split_at(header, part.header())?;
            Ok(Framed { id, header: Some(rest), body: bytes })
        }
        None => {
            let (id, body) = split_at(bytes, part.described())?;
            Ok(Framed { id, header: None, body })
        }
    }
}

/// Takes the schema off the front of a value (or of a header's value).
pub fn split(value: &[u8]) -> Outcome<(SchemaId, &[u8])> {
    split_at(value, Part::Value.described())
}

fn split_at<'a>(bytes: &'a [u8], place: &str) -> Outcome<(SchemaId, &'a [u8])> {
    match bytes.split_first() {
        Some((&ID_MAGIC, rest)) => match rest.split_first_chunk() {
            Some((id, rest)) => Ok((SchemaId::Id(u32::from_be_bytes(*id)), rest)),
            None => Err(cut_short(place, bytes.len(), "a schema id of 4 bytes")),
        },
        Some((&GUID_MAGIC, rest)) => match rest.split_first_chunk() {
            Some((guid, rest)) => Ok((SchemaId::Guid(*guid), rest)),
            None => Err(cut_short(place, bytes.len(), "a schema GUID of 16 bytes")),
        },
        _ => Err(wrong_magic(place, bytes)),
    }
}

/// What names a schema before a value, or in a record's header: the magic byte and the number.
pub fn naming(id: SchemaId) -> Vec<u8> {
    match id {
        SchemaId::Id(id) => [&[ID_MAGIC][..], &id.to_be_bytes()].concat(),
        SchemaId::Guid(guid) => [&[GUID_MAGIC][..], &guid].concat(),
    }
}

/// The bytes of a GUID that is written as a UUID is.
pub fn guid(text: &str) -> Option<[u8; 16]> {
    let hex: Vec<u8> = text.bytes().filter(|&byte| byte != b'-').collect();
    let hex = std::str::from_utf8(&hex).ok().filter(|hex| hex.len() == 32)?;
    // A sign would be taken too.
    let digits = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    u128::from_str_radix(hex, 16).ok().filter(|_| digits).map(u128::to_be_bytes)
}

#[cold]
fn cut_short(place: &str, len: usize, expected: &str) -> Box<Problem> {
    let what = format!("{place} ends after {len} bytes: expected a magic byte and {expected}");
    Problem::new(code::TRUNCATED, what)
}

#[cold]
fn wrong_magic(place: &str, bytes: &[u8]) -> Box<Problem> {
    let Some(first) = bytes.first() else {
        let what = format!("{place} is empty: expected the magic byte 0 and a schema id of 4 bytes");
        return Problem::new(code::TRUNCATED, what);
    };
    let guess = match bytes {
        [b'{' | b'[' | b'"', ..] => "it is probably plain JSON",
        [0xc3, 0x01, ..] => "it is probably a single Avro object with the fingerprint of its schema",
        [b'O', b'b', b'j', 0x01, ..] => "it is probably an Avro file",
        _ => "it was probably not written with a schema registry",
    };
    let what = format!(
        "{place} begins with {first:#04x}, not with the magic byte 0 or 1: {guess}; remove `registry`"
    );
    Problem::new(code::WRONG_MAGIC, what)
}

/// Which message of a Protobuf file: its index in the file, then its index within that message, and so on.
///
/// Equal bytes are the same message, so a reader that knows [`bytes`](Self::bytes) need not look at the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indexes<'a> {
    /// The count and the indexes, each of which is known to be a varint.
    bytes: &'a [u8],
    zigzag: bool,
}

impl<'a> Indexes<'a> {
    /// Takes the indexes off the front of what follows the id.
    ///
    /// Old producers wrote plain varints. A count that is odd, which zigzag has only for negative numbers, tells
    /// them; those with an even count (a message within a message) look like the present form and are not told.
    pub fn split(bytes: &'a [u8]) -> Outcome<(Indexes<'a>, &'a [u8])> {
        let (count, mut rest) = varint(bytes)?;
        let zigzag = count & 1 == 0;
        let count = if zigzag { count / 2 } else { count };
        // Each index is a byte at least, so the count is only believed as far as there are bytes.
        for _ in 0..count {
            let (index, after) = varint(rest)?;
            if zigzag && index & 1 == 1 {
                let what =
                    format!("Protobuf's message indexes: expected an index, found {}", unzigzag(index));
                return Err(Problem::new(code::OUT_OF_RANGE, what));
            }
            rest = after;
        }
        Ok((Indexes { bytes: &bytes[..bytes.len() - rest.len()], zigzag }, rest))
    }

    /// As they are in the record.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The numbers, one at least.
    pub fn iter(self) -> impl Iterator<Item = u64> + 'a {
        let (count, mut rest) = varint(self.bytes).unwrap_or((0, &[]));
        let first = (count == 0).then_some(0);
        first.into_iter().chain(std::iter::from_fn(move || {
            let (index, after) = varint(rest).ok()?;
            rest = after;
            Some(if self.zigzag { index >> 1 } else { index })
        }))
    }
}

/// Appends the indexes of a message.
pub fn write_indexes(indexes: &[u32], out: &mut Vec<u8>) {
    if indexes == [0] {
        out.push(0);
        return;
    }
    write_varint(2 * indexes.len() as u64, out);
    indexes.iter().for_each(|index| write_varint(2 * u64::from(*index), out));
}

fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint(bytes: &[u8]) -> Outcome<(u64, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(VARINT_BYTES_MAX).enumerate() {
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has one bit of 64 left.
        if at + 1 == VARINT_BYTES_MAX && bits > 1 {
            break;
        }
        value |= bits << (7 * at);
        if byte & 0x80 == 0 {
            return Ok((value, &bytes[at + 1..]));
        }
    }
    Err(no_varint(bytes.len()))
}

#[cold]
fn no_varint(len: usize) -> Box<Problem> {
    if len < VARINT_BYTES_MAX {
        let what = "the record ends within Protobuf's message indexes, which follow the schema id";
        return Problem::new(code::TRUNCATED, what);
    }
    Problem::new(code::OUT_OF_RANGE, "Protobuf's message indexes: a number has more than 64 bits")
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
