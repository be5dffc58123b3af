//! Skips values that no column takes. Without recursion: a type that holds itself may be as deep as its data.
//! Knows nothing of columns.

use super::cursor::Cursor;
use super::sizes::{Size, Stretch};
use super::types::{Id, Kind};
use crate::codec::problem::{Outcome, Problem, code};

/// Values that are skipped may be nested so deep.
const MAX_DEPTH: usize = 1024;

/// A record or list that is being skipped.
pub(super) enum Frame {
    /// A record's type, and which of its stretches comes next.
    Record(Id, usize),
    /// Items of this type, with a key each in a map, and how many are left in their block.
    Items { of: Id, keys: bool, left: usize },
}

impl Cursor<'_, '_> {
    /// Skips a value of this type.
    pub(super) fn skip(&mut self, of: Id) -> Outcome<()> {
        // An earlier value may have been given up half-way.
        self.open.clear();
        let mut next = Some(of);
        while let Some(of) = next {
            self.begin_skip(of)?;
            next = self.next_skip()?;
        }
        Ok(())
    }

    /// Skips what is in the value itself, and opens it if there is more in it.
    fn begin_skip(&mut self, mut of: Id) -> Outcome<()> {
        let types = self.types;
        while let Kind::Union(branches) = types.kind(of) {
            of = branches[self.index(branches.len(), "branches")?];
        }
        if let Size { least, exact: true } = types.size(of) {
            return self.take(least).map(|_| ());
        }
        let frame = match types.kind(of) {
            Kind::Int | Kind::Long | Kind::Enum(_) => return self.long().map(|_| ()),
            Kind::Bytes | Kind::String => return self.prefixed().map(|_| ()),
            Kind::Array(items) => Frame::Items { of: *items, keys: false, left: 0 },
            Kind::Map(values) => Frame::Items { of: *values, keys: true, left: 0 },
            _ => Frame::Record(of, 0),
        };
        if self.open.len() == MAX_DEPTH {
            let what = format!("at byte {}: nested deeper than {MAX_DEPTH} levels", self.at);
            return Err(Problem::new(code::TOO_LARGE, what));
        }
        self.open.push(frame);
        Ok(())
    }

    /// The type of the next value in what is open; `None` when all is closed.
    fn next_skip(&mut self) -> Outcome<Option<Id>> {
        let types = self.types;
        while let Some(frame) = self.open.pop() {
            match frame {
                Frame::Record(of, stretch) => {
                    if let Some(&Stretch { bytes, then }) = types.stretches(of).get(stretch) {
                        self.take(bytes)?;
                        self.open.push(Frame::Record(of, stretch + 1));
                        if then.is_some() {
                            return Ok(then);
                        }
                    }
                }
                Frame::Items { of, keys, left } => {
                    let left = if left > 0 { left } else { self.next_block(of, keys)? };
                    if left > 0 {
                        if keys {
                            self.prefixed()?;
                        }
                        self.open.push(Frame::Items { of, keys, left: left - 1 });
                        return Ok(Some(of));
                    }
                }
            }
        }
        Ok(None)
    }

    /// The items of the next block that has to be looked into; 0 after the last one.
    fn next_block(&mut self, of: Id, keys: bool) -> Outcome<usize> {
        let Size { least, exact } = self.types.size(of);
        loop {
            // What is skipped becomes nothing.
            match self.block(least.saturating_add(usize::from(keys)), 0)? {
                (0, _) => return Ok(0),
                (_, Some(end)) => self.at = end,
                (count, None) if exact && !keys => {
                    self.take(count.saturating_mul(least))?;
                }
                (count, None) => return Ok(count),
            }
        }
    }
}
