//! A place in a message on the wire: varints, tags, lengths, and fields that nobody takes. Every step is checked
//! against what the record holds. Knows nothing of schemas and columns.

use std::cell::Cell;

use crate::codec::column::{Allowance, Spent};
use crate::codec::problem::{Outcome, Problem, code};

/// Deepest nesting of groups that are skipped.
pub(super) const MAX_GROUPS: usize = 100;

/// Highest field number that protobuf has.
const MAX_FIELD: u64 = (1 << 29) - 1;

/// Longest varint, in bytes.
const MAX_VARINT: usize = 10;

/// How long a field is and how that is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WireType {
    Varint = 0,
    Fixed64 = 1,
    Length = 2,
    Group = 3,
    GroupEnd = 4,
    Fixed32 = 5,
}

impl WireType {
    /// As protobuf's documentation calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            WireType::Varint => "varint",
            WireType::Fixed64 => "64-bit",
            WireType::Length => "length-delimited",
            WireType::Group => "group",
            WireType::GroupEnd => "end of group",
            WireType::Fixed32 => "32-bit",
        }
    }
}

/// What a field begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// The field's number.
    pub(super) number: u32,
    /// How its value is written.
    pub(super) wire: WireType,
}

/// A message, or what is left of it.
pub(super) struct Wire<'a> {
    /// The record up to the message's end, so that places are counted from the record's start.
    bytes: &'a [u8],
    at: usize,
    /// What the record may still stand for beyond its own bytes, in bytes.
    allowance: &'a Cell<Allowance>,
}

impl<'a> Wire<'a> {
    /// The message that a record is.
    pub(super) fn new(bytes: &'a [u8], allowance: &'a Cell<Allowance>) -> Wire<'a> {
        Wire { bytes, at: 0, allowance }
    }

    /// The bytes of the same record from `at` up to `end`.
    pub(super) fn within(&self, at: usize, end: usize) -> Wire<'a> {
        Wire { bytes: &self.bytes[..end], at, allowance: self.allowance }
    }

    /// What is read stands for so many bytes more than it has.
    #[inline]
    pub(super) fn spend(&self, bytes: usize) -> Outcome<()> {
        let mut allowance = self.allowance.get();
        let outcome = allowance.take(bytes).map_err(|spent| self.too_much(spent));
        self.allowance.set(allowance);
        outcome
    }

    /// Bytes of the record that come before this place.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The record up to the message's end.
    pub(super) fn record(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether nothing is left.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// What is left.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// The tag of the next field; none at the end of the message, which is that of the bytes or, for a message
    /// written as a group, the end tag of that number (0: no group).
    #[inline]
    pub(super) fn tag(&mut self, group: u32) -> Outcome<Option<Tag>> {
        if self.is_empty() {
            return if group == 0 {
                Ok(None)
            } else {
                Err(self.cut_short(format_args!("the end of group {group}")))
            };
        }
        let begin = self.at;
        let key = self.varint()?;
        let number = key >> 3;
        let wire = match key & 7 {
            0 => WireType::Varint,
            1 => WireType::Fixed64,
            2 => WireType::Length,
            3 => WireType::Group,
            4 => WireType::GroupEnd,
            5 => WireType::Fixed32,
            other => return Err(at(begin, format_args!("wire type {other} does not exist"))),
        };
        if number == 0 || number > MAX_FIELD {
            return Err(at(
                begin,
                format_args!("expected a field number from 1 to {MAX_FIELD}, found {number}"),
            ));
        }
        let number = number as u32;
        if wire == WireType::GroupEnd {
            return if number == group { Ok(None) } else { Err(not_begun(begin, number, group)) };
        }
        Ok(Some(Tag { number, wire }))
    }

    /// A varint of up to 64 bits. More bytes than it needs are allowed, more bits are not.
    #[inline(always)]
    pub(super) fn varint(&mut self) -> Outcome<u64> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Outcome<u64> {
        let mut value = 0;
        for (index, &byte) in self.rest().iter().take(MAX_VARINT).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                if index == MAX_VARINT - 1 && byte > 1 {
                    break;
                }
                self.at += index + 1;
                return Ok(value);
            }
        }
        Err(if self.rest().len() < MAX_VARINT {
            self.cut_short(format_args!("a varint"))
        } else {
            at(self.at, format_args!("the varint is longer than 64 bits"))
        })
    }

    /// Four bytes.
    #[inline]
    pub(super) fn fixed32(&mut self) -> Outcome<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes.
    #[inline]
    pub(super) fn fixed64(&mut self) -> Outcome<u64> {
        self.array().map(u64::from_le_bytes)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Outcome<[u8; N]> {
        match self.rest().first_chunk() {
            Some(bytes) => {
                self.at += N;
                Ok(*bytes)
            }
            None => Err(self.short(N as u64)),
        }
    }

    /// A length and what it counts: a string, bytes, a message, packed items.
    #[inline]
    pub(super) fn delimited(&mut self) -> Outcome<Wire<'a>> {
        let len = self.varint()?;
        if len > self.rest().len() as u64 {
            return Err(self.short(len));
        }
        let (begin, end) = (self.at, self.at + len as usize);
        self.at = end;
        Ok(self.within(begin, end))
    }

    /// Checks and skips the value of a field, groups without recursion.
    pub(super) fn skip(&mut self, tag: Tag) -> Outcome<()> {
        match tag.wire {
            WireType::Varint => self.varint().map(drop),
            WireType::Fixed64 => self.fixed64().map(drop),
            WireType::Length => self.delimited().map(drop),
            WireType::Fixed32 => self.fixed32().map(drop),
            WireType::Group | WireType::GroupEnd => self.skip_group(tag.number),
        }
    }

    fn skip_group(&mut self, number: u32) -> Outcome<()> {
        let mut open = [0; MAX_GROUPS];
        open[0] = number;
        let mut depth = 1;
        while depth > 0 {
            match self.tag(open[depth - 1])? {
                None => depth -= 1,
                Some(Tag { number, wire: WireType::Group }) => {
                    let Some(next) = open.get_mut(depth) else {
                        let what = format!("at byte {}: groups are nested deeper than {MAX_GROUPS}", self.at);
                        return Err(Problem::new(code::TOO_LARGE, what));
                    };
                    *next = number;
                    depth += 1;
                }
                Some(tag) => self.skip(tag)?,
            }
        }
        Ok(())
    }

    #[cold]
    fn too_much(&self, spent: Spent) -> Box<Problem> {
        let what = "messages with little in them, defaults and names of enums stand for more than 64 MiB: split the record";
        spent.problem(|| format!("at byte {}: {what}", self.at))
    }

    #[cold]
    fn short(&self, expected: u64) -> Box<Problem> {
        let found = self.rest().len();
        let what = format!(
            "at byte {}: expected {expected} bytes, found {found} and the end of the message",
            self.at
        );
        Problem::new(code::TRUNCATED, what)
    }

    #[cold]
    fn cut_short(&self, expected: std::fmt::Arguments) -> Box<Problem> {
        let what = format!("at byte {}: expected {expected}, found the end of the message", self.at);
        Problem::new(code::TRUNCATED, what)
    }
}

/// A known field is written in another way than its schema says.
#[cold]
pub(super) fn other_wire_type(expected: WireType, found: WireType) -> Box<Problem> {
    let what = format!("expected a {} field, found a {} one", expected.name(), found.name());
    Problem::new(code::TYPE_MISMATCH, what)
}

#[cold]
fn not_begun(begin: usize, number: u32, group: u32) -> Box<Problem> {
    match group {
        0 => at(begin, format_args!("group {number} ends and was not begun")),
        _ => at(begin, format_args!("expected the end of group {group}, found that of group {number}")),
    }
}

#[cold]
fn at(byte: usize, what: std::fmt::Arguments) -> Box<Problem> {
    Problem::new(code::PROTOBUF_SYNTAX, format!("at byte {byte}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error<T: std::fmt::Debug>(outcome: Outcome<T>) -> String {
        let error = outcome.unwrap_err().of_record(0);
        format!("{}: {}", error.code, error.message)
    }

    /// All tags of a message, its values skipped.
    fn tags(bytes: &[u8]) -> Outcome<Vec<(u32, WireType)>> {
        let allowance = Cell::new(Allowance::of_record());
        let mut wire = Wire::new(bytes, &allowance);
        let mut tags = Vec::new();
        while let Some(tag) = wire.tag(0)? {
            tags.push((tag.number, tag.wire));
            wire.skip(tag)?;
        }
        Ok(tags)
    }

    #[test]
    fn varints_of_every_length() {
        let allowance = Cell::new(Allowance::of_record());
        for value in [0, 1, 127, 128, 150, 16_383, 16_384, u64::from(u32::MAX), u64::MAX >> 1, u64::MAX] {
            let mut bytes = Vec::new();
            prost::encoding::encode_varint(value, &mut bytes);
            bytes.push(9);
            let mut wire = Wire::new(&bytes, &allowance);
            assert_eq!(wire.varint().unwrap(), value);
            assert_eq!(wire.rest(), [9]);
        }
        assert_eq!(
            Wire::new(&[0x96, 0x81, 0x80, 0], &allowance).varint().unwrap(),
            150,
            "longer than it needs"
        );
        let refused = [
            error(Wire::new(&[], &allowance).varint()),
            error(Wire::new(&[0x96], &allowance).varint()),
            error(Wire::new(&[0xff; 11], &allowance).varint()),
            error(Wire::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], &allowance).varint()),
        ];
        insta::assert_snapshot!(refused.join("\n"), @r"
        truncated: at byte 0: expected a varint, found the end of the message
        truncated: at byte 0: expected a varint, found the end of the message
        protobuf-syntax: at byte 0: the varint is longer than 64 bits
        protobuf-syntax: at byte 0: the varint is longer than 64 bits
        ");
    }

    #[test]
    fn unknown_fields_of_every_kind_are_skipped() {
        use WireType::*;
        let bytes =
            [&[8, 150, 1][..], &[17], &[0; 8], &[26, 2, 1, 1], &[35, 43, 44, 8, 1, 36], &[45], &[0; 4]]
                .concat();
        assert_eq!(tags(&bytes).unwrap(), [(1, Varint), (2, Fixed64), (3, Length), (4, Group), (5, Fixed32)]);
    }

    #[test]
    fn what_is_no_message_says_where_and_why() {
        let deep = [[0x0b].repeat(101), [0x0c].repeat(101)].concat();
        let deep_enough = [[0x0b].repeat(100), [0x0c].repeat(100)].concat();
        assert!(tags(&deep_enough).is_ok());
        let texts: Vec<String> = [
            &[0x08][..],
            &[0x09, 1, 2],
            &[0x0a, 7, 1],
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
            &[0x0d, 1],
            &[0x00, 1],
            &[0x0e],
            &[0x0f],
            &[0x0b],
            &[0x0b, 0x14],
            &[0x0c],
            &[0xf8, 0xff, 0xff, 0xff, 0x7f, 0],
            &deep,
        ]
        .into_iter()
        .map(|bytes| error(tags(bytes)))
        .collect();
        insta::assert_snapshot!(texts.join("\n"), @r"
        truncated: at byte 1: expected a varint, found the end of the message
        truncated: at byte 1: expected 8 bytes, found 2 and the end of the message
        truncated: at byte 2: expected 7 bytes, found 1 and the end of the message
        truncated: at byte 6: expected 4294967295 bytes, found 0 and the end of the message
        truncated: at byte 1: expected 4 bytes, found 1 and the end of the message
        protobuf-syntax: at byte 0: expected a field number from 1 to 536870911, found 0
        protobuf-syntax: at byte 0: wire type 6 does not exist
        protobuf-syntax: at byte 0: wire type 7 does not exist
        truncated: at byte 1: expected the end of group 1, found the end of the message
        protobuf-syntax: at byte 1: expected the end of group 1, found that of group 2
        protobuf-syntax: at byte 0: group 1 ends and was not begun
        protobuf-syntax: at byte 0: expected a field number from 1 to 536870911, found 4294967295
        too-large: at byte 101: groups are nested deeper than 100
        ");
    }
}
