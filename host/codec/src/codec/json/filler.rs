//! A place in a record's text whose values go into columns. Knows nothing of how.

use std::ops::{Deref, DerefMut};

use super::cursor::Cursor;
use crate::codec::column::Allowance;

/// A place in a record's text, and what the record may still take in columns.
pub(super) struct Filler<'a> {
    pub(super) cursor: Cursor<'a>,
    pub(super) allowance: Allowance,
}

impl<'a> Deref for Filler<'a> {
    type Target = Cursor<'a>;

    #[inline(always)]
    fn deref(&self) -> &Cursor<'a> {
        &self.cursor
    }
}

impl<'a> DerefMut for Filler<'a> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Cursor<'a> {
        &mut self.cursor
    }
}
