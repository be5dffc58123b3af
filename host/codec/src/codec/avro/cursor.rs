//! A place in a value's bytes, and what is read there: numbers, lengths, blocks of items. Every read is checked
//! against the bytes that there are before anything is made of it. Knows nothing of columns.

use super::skip::Frame;
use super::types::Types;
use crate::codec::column::{Allowance, Spent};
use crate::codec::problem::{Outcome, Problem, code};

/// What an item of no bytes counts for, at least, among all that a value becomes: each takes time, if no memory.
const EMPTY_ITEM_BYTES: usize = 500;

/// A place in a value's bytes.
pub(super) struct Cursor<'a, 's> {
    pub(super) bytes: &'a [u8],
    /// Never beyond the bytes.
    pub(super) at: usize,
    /// The types that indices in a plan refer to.
    pub(super) types: &'s Types,
    /// What is open while a value is skipped.
    pub(super) open: &'s mut Vec<Frame>,
    /// Bytes of columns that the value may still become: what is wide in columns may take one byte here, or none.
    /// Without a bound a few bytes could fill the memory.
    pub(super) allowance: Allowance,
}

impl<'a, 's> Cursor<'a, 's> {
    /// At the beginning of a value.
    pub(super) fn new(
        bytes: &'a [u8],
        types: &'s Types,
        open: &'s mut Vec<Frame>,
        allowance: Allowance,
    ) -> Cursor<'a, 's> {
        Cursor { bytes, at: 0, types, open, allowance }
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
        if let Some((number, len)) = self.bytes[self.at..].first_chunk().and_then(|eight| up_to_eight(*eight))
        {
            self.at += len;
            return Ok(signed(number));
        }
        let mut number = 0;
        for (index, &byte) in self.bytes[self.at..].iter().take(10).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                // The tenth byte has room for one bit of the sixty-four.
                if index == 9 && byte > 1 {
                    break;
                }
                self.at += index + 1;
                return Ok(signed(number));
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

    /// The beginning of a block of items that take at least so many bytes each, and become columns of this width:
    /// how many there are (none: it was the last block) and where the block ends, if it says so.
    pub(super) fn block(&mut self, least: usize, width: usize) -> Outcome<(usize, Option<usize>)> {
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
        let room = end.unwrap_or(self.bytes.len()) - self.at;
        if least > 0 && items > room / least {
            let what = format!("at byte {begin}: a block of {items} items, and {room} bytes are left");
            return Err(Problem::new(code::AVRO_SYNTAX, what));
        }
        let width = if least == 0 { width.max(EMPTY_ITEM_BYTES) } else { width };
        self.spend(items.saturating_mul(width))?;
        Ok((items, end))
    }

    /// Reads the blocks here, item by item, of which each takes at least so many bytes and becomes columns of this
    /// width; gives their number.
    pub(super) fn items(
        &mut self,
        least: usize,
        width: usize,
        mut item: impl FnMut(&mut Self, usize) -> Outcome<()>,
    ) -> Outcome<usize> {
        let mut index = 0;
        loop {
            let (count, end) = self.block(least, width)?;
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

    /// The value becomes so many bytes of columns more.
    #[inline]
    pub(super) fn spend(&mut self, bytes: usize) -> Outcome<()> {
        self.allowance.take(bytes).map_err(|spent| self.too_much(spent))
    }

    #[cold]
    fn too_much(&self, spent: Spent) -> Box<Problem> {
        let why = "it becomes more than 64 MiB of columns: put fewer items into a record";
        spent.problem(|| format!("at byte {}: {why}", self.at))
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

/// The number that the first of eight bytes are, and how many; `None` where it goes on behind them.
#[inline(always)]
fn up_to_eight(bytes: [u8; 8]) -> Option<(u64, usize)> {
    let bytes = u64::from_le_bytes(bytes);
    // The eighth bit of the last byte is the first that is not set.
    let last = (!bytes & 0x8080_8080_8080_8080).trailing_zeros() / 8;
    if last == 8 {
        return None;
    }
    let bits = bytes & (u64::MAX >> (56 - 8 * last)) & 0x7f7f_7f7f_7f7f_7f7f;
    // The gaps between the sevens close up, then those between the fourteens, then the one in the middle.
    let bits = (bits & 0x007f_007f_007f_007f) | (bits & 0x7f00_7f00_7f00_7f00) >> 1;
    let bits = (bits & 0x0000_3fff_0000_3fff) | (bits & 0x3fff_0000_3fff_0000) >> 2;
    let bits = (bits & 0x0000_0000_0fff_ffff) | (bits & 0x0fff_ffff_0000_0000) >> 4;
    Some((bits, last as usize + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::write::write_long;
    use super::*;

    proptest! {
        #[test]
        fn numbers_of_every_length_come_back(value: i64, shift in 0_u32..64, behind in 0_usize..12, more: u8) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            write_long(value, &mut bytes);
            let len = bytes.len();
            bytes.resize(len + behind, more);
            let (types, mut open) = (Types::new(Vec::new(), 0), Vec::new());
            let mut cursor = Cursor::new(&bytes, &types, &mut open, Allowance::of_record());
            prop_assert_eq!((cursor.long().unwrap(), cursor.at), (value, len));
            let mut cut = Cursor::new(&bytes[..len - 1], &types, &mut open, Allowance::of_record());
            prop_assert!(cut.long().is_err() && cut.at == 0);
        }
    }
}
