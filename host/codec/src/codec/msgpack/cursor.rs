//! A place in a record's bytes: what stands there, read up to its contents, and values that no column takes, which
//! are skipped without recursion. Knows nothing of columns.

use rmp::Marker;

use crate::codec::column::Allowance;
use crate::codec::problem::{Outcome, Problem, code, quote};

/// What stands at a place. Items of arrays and maps follow it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Head<'a> {
    Nil,
    Boolean(bool),
    Unsigned(u64),
    /// An integer written as signed; it need not be negative.
    Signed(i64),
    Float32(f32),
    Float64(f64),
    /// Text, not yet known to be UTF-8.
    Text(&'a [u8]),
    Binary(&'a [u8]),
    /// Number of items.
    Array(usize),
    /// Number of entries.
    Map(usize),
    /// Type and contents.
    Extension(i8, &'a [u8]),
}

impl Head<'_> {
    /// For people.
    #[cold]
    pub(super) fn describe(&self) -> String {
        match self {
            Head::Nil => "nil".to_owned(),
            Head::Boolean(value) => format!("boolean {value}"),
            Head::Unsigned(value) => format!("integer {value}"),
            Head::Signed(value) => format!("integer {value}"),
            Head::Float32(value) => format!("float {value:?}"),
            Head::Float64(value) => format!("float {value:?}"),
            Head::Text(text) => format!("string \"{}\"", quote(text)),
            Head::Binary(bytes) => format!("{} bytes", bytes.len()),
            Head::Array(items) => format!("an array of {items}"),
            Head::Map(entries) => format!("a map of {entries}"),
            Head::Extension(kind, bytes) => format!("extension {kind} of {} bytes", bytes.len()),
        }
    }
}

/// A place in a record's bytes.
pub(super) struct Cursor<'a, 's> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    /// For text that is parsed further.
    pub(super) scratch: &'s mut Vec<u8>,
    /// What the record may still take in columns that it does not hold.
    pub(super) allowance: Allowance,
}

impl<'a> Cursor<'a, '_> {
    /// Reads what stands here.
    #[inline]
    pub(super) fn head(&mut self) -> Outcome<Head<'a>> {
        let Some(&first) = self.bytes.get(self.at) else { return Err(self.ended("a value")) };
        self.at += 1;
        Ok(match Marker::from_u8(first) {
            Marker::FixPos(value) => Head::Unsigned(value.into()),
            Marker::FixNeg(value) => Head::Signed(value.into()),
            Marker::FixStr(len) => Head::Text(self.slice(len.into())?),
            Marker::FixMap(entries) => Head::Map(self.count(entries.into(), 2)?),
            Marker::FixArray(items) => Head::Array(self.count(items.into(), 1)?),
            Marker::Null => Head::Nil,
            Marker::False => Head::Boolean(false),
            Marker::True => Head::Boolean(true),
            Marker::U8 => Head::Unsigned(self.u8()?.into()),
            Marker::U16 => Head::Unsigned(self.u16()?.into()),
            Marker::U32 => Head::Unsigned(self.u32()?.into()),
            Marker::U64 => Head::Unsigned(u64::from_be_bytes(self.array()?)),
            Marker::I8 => Head::Signed(i8::from_be_bytes(self.array()?).into()),
            Marker::I16 => Head::Signed(i16::from_be_bytes(self.array()?).into()),
            Marker::I32 => Head::Signed(i32::from_be_bytes(self.array()?).into()),
            Marker::I64 => Head::Signed(i64::from_be_bytes(self.array()?)),
            Marker::F32 => Head::Float32(f32::from_be_bytes(self.array()?)),
            Marker::F64 => Head::Float64(f64::from_be_bytes(self.array()?)),
            rare => return self.rare_head(rare),
        })
    }

    #[inline(never)]
    fn rare_head(&mut self, marker: Marker) -> Outcome<Head<'a>> {
        let len = match marker {
            Marker::Str8 | Marker::Bin8 | Marker::Ext8 => self.u8()?.into(),
            Marker::Str16 | Marker::Bin16 | Marker::Ext16 | Marker::Array16 | Marker::Map16 => {
                self.u16()?.into()
            }
            Marker::Str32 | Marker::Bin32 | Marker::Ext32 | Marker::Array32 | Marker::Map32 => {
                self.u32()? as usize
            }
            Marker::FixExt1 => 1,
            Marker::FixExt2 => 2,
            Marker::FixExt4 => 4,
            Marker::FixExt8 => 8,
            Marker::FixExt16 => 16,
            _ => {
                self.at -= 1;
                return Err(self.syntax("a value, found byte 0xc1, which begins none"));
            }
        };
        Ok(match marker {
            Marker::Str8 | Marker::Str16 | Marker::Str32 => Head::Text(self.slice(len)?),
            Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => Head::Binary(self.slice(len)?),
            Marker::Array16 | Marker::Array32 => Head::Array(self.count(len, 1)?),
            Marker::Map16 | Marker::Map32 => Head::Map(self.count(len, 2)?),
            _ => Head::Extension(i8::from_be_bytes(self.array()?), self.slice(len)?),
        })
    }

    #[inline]
    fn u8(&mut self) -> Outcome<u8> {
        self.array().map(u8::from_be_bytes)
    }

    #[inline]
    fn u16(&mut self) -> Outcome<u16> {
        self.array().map(u16::from_be_bytes)
    }

    #[inline]
    fn u32(&mut self) -> Outcome<u32> {
        self.array().map(u32::from_be_bytes)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Outcome<[u8; N]> {
        match self.bytes[self.at..].first_chunk::<N>() {
            Some(bytes) => {
                self.at += N;
                Ok(*bytes)
            }
            None => Err(self.ended(&format!("{N} more bytes"))),
        }
    }

    #[inline]
    fn slice(&mut self, len: usize) -> Outcome<&'a [u8]> {
        match self.bytes[self.at..].split_at_checked(len) {
            Some((bytes, _)) => {
                self.at += len;
                Ok(bytes)
            }
            None => Err(self.ended(&format!("{len} more bytes"))),
        }
    }

    /// A number of items or entries, each of at least `least` bytes: no more than the record can hold.
    #[inline]
    fn count(&mut self, count: usize, least: usize) -> Outcome<usize> {
        if count.checked_mul(least).is_none_or(|bytes| bytes > self.bytes.len() - self.at) {
            return Err(self.ended(&format!("{count} {}", if least == 1 { "items" } else { "entries" })));
        }
        Ok(count)
    }

    /// Skips the value here.
    pub(super) fn skip(&mut self) -> Outcome<()> {
        let head = self.head()?;
        self.skip_rest(head)
    }

    /// Skips what follows `head`. Depth costs nothing: how many values are still to come is all there is to know.
    pub(super) fn skip_rest(&mut self, head: Head) -> Outcome<()> {
        // No record has as many bytes as this number has values.
        let mut left = contents(head);
        while left > 0 {
            left += contents(self.head()?);
            left -= 1;
        }
        Ok(())
    }

    /// Nothing follows.
    pub(super) fn end(&self) -> Outcome<()> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            more => Err(self.syntax(&format!("the end of the record, found {more} more bytes"))),
        }
    }

    #[cold]
    fn ended(&self, expected: &str) -> Box<Problem> {
        match self.bytes.len() - self.at {
            _ if self.bytes.is_empty() => self.syntax(&format!("{expected}, found an empty record")),
            0 => self.syntax(&format!("{expected}, found the end of the record")),
            left => self.syntax(&format!("{expected}, found {left} up to the end of the record")),
        }
    }

    #[cold]
    fn syntax(&self, expected: &str) -> Box<Problem> {
        Problem::new(code::MSGPACK_SYNTAX, format!("at byte {}: expected {expected}", self.at))
    }
}

/// How many values are inside one.
fn contents(head: Head) -> usize {
    match head {
        Head::Array(items) => items,
        Head::Map(entries) => 2 * entries,
        _ => 0,
    }
}
