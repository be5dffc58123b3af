//! A place in a value's bytes, and what is read there: numbers, lengths, blocks of items. Every read is checked
//! against the bytes that there are before anything is made of it. Knows nothing of columns.

use super::skip::Frame;
use super::types::Types;
use crate::codec::problem::{Outcome, Problem, code};
use crate::codec::rows::MAX_RECORD_BYTES;

/// What an item of no bytes counts for among all that a value stands for without holding it.
const EMPTY_ITEM_BYTES: usize = 128;

/// A place in a value's bytes.
pub(super) struct Cursor<'a, 's> {
    pub(super) bytes: &'a [u8],
    /// Never beyond the bytes.
    pub(super) at: usize,
    /// The types that indices in a plan refer to.
    pub(super) types: &'s Types,
    /// What is open while a value is skipped.
    pub(super) open: &'s mut Vec<Frame>,
    /// Bytes that the value may still stand for without holding them: defaults, and items that take none. Without
    /// a bound a few bytes could fill the memory.
    pub(super) allowance: usize,
}

impl<'a, 's> Cursor<'a, 's> {
    /// At the beginning of a value.
    pub(super) fn new(bytes: &'a [u8], types: &'s Types, open: &'s mut Vec<Frame>) -> Cursor<'a, 's> {
        Cursor { bytes, at: 0, types, open, allowance: MAX_RECORD_BYTES }
    }

    /// Bytes from here to the end.
    #[inline(always)]
    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next `len` bytes.
    #[inline(always)]
    pub(super) fn take(&mut self, len: usize) -> Outcome<&'a [u8]> {
        match self.bytes[self.at..].get(..len) {
            Some(taken) => {
                self.at += len;
                Ok(taken)
            }
            None => Err(self.cut(len)),
        }
    }

    /// The next `N` bytes.
    #[inline(always)]
    pub(super) fn array<const N: usize>(&mut self) -> Outcome<[u8; N]> {
        match self.bytes[self.at..].first_chunk() {
            Some(taken) => {
                self.at += N;
                Ok(*taken)
            }
            None => Err(self.cut(N)),
        }
    }

    /// A long.
    #[inline(always)]
    pub(super) fn long(&mut self) -> Outcome<i64> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(signed(u64::from(byte)))
            }
            _ => self.long_of_several(),
        }
    }

    #[inline(never)]
    fn long_of_several(&mut self) -> Outcome<i64> {
        let mut value = 0;
        for (index, &byte) in self.bytes[self.at..].iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                // The tenth byte has room for one bit of the sixty-four.
                if index == 9 && byte > 1 {
                    break;
                }
                self.at += index + 1;
                return Ok(signed(value));
            }
        }
        Err(self.wrong(if self.left() < 10 { "all of a number" } else { "a number of 64 bits at most" }))
    }

    /// An int.
    #[inline(always)]
    pub(super) fn int(&mut self) -> Outcome<i32> {
        let begin = self.at;
        match i32::try_from(self.long()?) {
            Ok(value) => Ok(value),
            Err(_) => {
                self.at = begin;
                Err(self.wrong("a number of 32 bits at most"))
            }
        }
    }

    /// A length, and so many bytes.
    #[inline(always)]
    pub(super) fn prefixed(&mut self) -> Outcome<&'a [u8]> {
        let begin = self.at;
        let len = self.long()?;
        match usize::try_from(len).ok().and_then(|len| Some((len, self.bytes[self.at..].get(..len)?))) {
            Some((len, taken)) => {
                self.at += len;
                Ok(taken)
            }
            None => Err(self.beyond(begin, len)),
        }
    }

    /// The index of one of `count` branches or symbols.
    #[inline(always)]
    pub(super) fn index(&mut self, count: usize, of: &str) -> Outcome<usize> {
        let begin = self.at;
        let index = self.long()?;
        match usize::try_from(index) {
            Ok(index) if index < count => Ok(index),
            _ => {
                let what = format!("at byte {begin}: expected one of {count} {of}, found number {index}");
                Err(Problem::new(code::AVRO_SYNTAX, what))
            }
        }
    }

    /// The beginning of a block of items that take at least so many bytes each: how many there are (none: it was
    /// the last block) and where the block ends, if it says so.
    pub(super) fn block(&mut self, least: usize) -> Outcome<(usize, Option<usize>)> {
        let begin = self.at;
        let count = self.long()?;
        let end = if count < 0 {
            let size = self.long()?;
            let end = usize::try_from(size).ok().and_then(|size| self.at.checked_add(size));
            Some(end.filter(|end| *end <= self.bytes.len()).ok_or_else(|| self.beyond(begin, size))?)
        } else {
            None
        };
        let items = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        if least == 0 {
            self.spend(items.saturating_mul(EMPTY_ITEM_BYTES))?;
        } else if items > self.left() / least {
            let what =
                format!("at byte {begin}: a block of {items} items, and {} bytes are left", self.left());
            return Err(Problem::new(code::AVRO_SYNTAX, what));
        }
        Ok((items, end))
    }

    /// Reads the blocks here, item by item; gives their number.
    pub(super) fn items(
        &mut self,
        least: usize,
        mut item: impl FnMut(&mut Self, usize) -> Outcome<()>,
    ) -> Outcome<usize> {
        let mut index = 0;
        loop {
            let (count, end) = self.block(least)?;
            if count == 0 {
                return Ok(index);
            }
            for _ in 0..count {
                item(self, index)?;
                index += 1;
            }
            if end.is_some_and(|end| end != self.at) {
                return Err(self.wrong("the end of the block, where it says that it ends"));
            }
        }
    }

    /// The value stands for so many bytes more than it has.
    #[inline]
    pub(super) fn spend(&mut self, bytes: usize) -> Outcome<()> {
        match self.allowance.checked_sub(bytes) {
            Some(left) => {
                self.allowance = left;
                Ok(())
            }
            None => {
                let what = "defaults, and items that take no bytes, stand for more than 16 MiB in one record";
                Err(Problem::new(code::TOO_LARGE, format!("at byte {}: {what}", self.at)))
            }
        }
    }

    /// Nothing follows.
    #[inline]
    pub(super) fn end(&self) -> Outcome<()> {
        if self.left() > 0 { Err(self.wrong("the end of the record")) } else { Ok(()) }
    }

    /// Something else is here than `expected`.
    #[cold]
    pub(super) fn wrong(&self, expected: &str) -> Box<Problem> {
        let here: Vec<String> = self.bytes[self.at..].iter().take(10).map(|b| format!("{b:02x}")).collect();
        let here = if here.is_empty() { "the end of the record".to_owned() } else { here.join(" ") };
        Problem::new(code::AVRO_SYNTAX, format!("at byte {}: expected {expected}, found {here}", self.at))
    }

    #[cold]
    fn cut(&self, len: usize) -> Box<Problem> {
        let what = format!("at byte {}: expected {len} bytes, and {} are left", self.at, self.left());
        Problem::new(code::AVRO_SYNTAX, what)
    }

    #[cold]
    fn beyond(&self, begin: usize, len: i64) -> Box<Problem> {
        let what = format!("at byte {begin}: a length of {len} bytes, and {} are left", self.left());
        Problem::new(code::AVRO_SYNTAX, what)
    }
}

/// Signed numbers alternate with their size: 0, -1, 1, -2, …
#[inline(always)]
fn signed(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}
