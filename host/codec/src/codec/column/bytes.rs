//! Columns of strings and bytes. What is appended to a string column piece by piece was checked to be UTF-8 by who
//! appended it; what is pushed whole is checked here.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeBinaryArray, GenericBinaryArray, GenericStringArray, NullBufferBuilder,
    OffsetSizeTrait,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType;

use super::room::fitted;
use super::size_of_null;
use crate::codec::problem::{Outcome, Problem, code};

/// Bytes of room beyond what the last batch took, at most.
const SPARE: usize = 4096;

/// The column is full: its offsets cannot count further. A batch holds less than 2 GiB of a string column.
#[derive(Debug)]
pub(crate) struct Full;

/// As a codec reports it.
#[cold]
pub(crate) fn full(_: Full) -> Box<Problem> {
    Problem::new(code::TOO_LARGE, "the column of this batch is full (2 GiB): read fewer bytes at once")
}

/// Text that is none.
#[cold]
pub(crate) fn not_utf8(wrong: std::str::Utf8Error) -> Box<Problem> {
    Problem::new(code::NOT_UTF8, format!("the text is not UTF-8 from its byte {} on", wrong.valid_up_to()))
}

/// A column of values of any length.
pub(crate) struct Bytes<O> {
    data: Vec<u8>,
    offsets: Vec<O>,
    nulls: NullBufferBuilder,
    utf8: bool,
}

impl<O: OffsetSizeTrait> Bytes<O> {
    /// A writer of strings (`utf8`) or bytes.
    pub(crate) fn new(utf8: bool) -> Self {
        Bytes { data: Vec::new(), offsets: vec![O::zero()], nulls: NullBufferBuilder::new(0), utf8 }
    }

    /// Where the bytes of the next value are appended, before [`end_value`](Self::end_value). What is appended
    /// to a string column must be UTF-8 by then; a value that is given up is taken back by `truncate`.
    #[inline]
    pub(crate) fn data(&mut self) -> &mut Vec<u8> {
        &mut self.data
    }

    /// Appends bytes, or text that is known to be UTF-8.
    #[inline]
    pub(crate) fn push(&mut self, value: &[u8]) -> Outcome<()> {
        self.data.extend_from_slice(value);
        self.end_value().map_err(full)
    }

    /// Appends text, unless it is not UTF-8.
    #[inline]
    pub(crate) fn push_text(&mut self, text: &[u8]) -> Outcome<()> {
        if let Err(wrong) = std::str::from_utf8(text) {
            return Err(not_utf8(wrong));
        }
        self.push(text)
    }

    /// What was appended to [`data`](Self::data) since the last value becomes a value.
    #[inline(always)]
    pub(crate) fn end_value(&mut self) -> Result<(), Full> {
        let end = O::from_usize(self.data.len()).ok_or(Full)?;
        self.offsets.push(end);
        self.nulls.append_non_null();
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    pub(super) fn push_null(&mut self) {
        let last = self.offsets[self.offsets.len() - 1];
        self.data.truncate(last.as_usize());
        self.offsets.push(last);
        self.nulls.append_null();
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len + 1);
        self.data.truncate(self.offsets[self.offsets.len() - 1].as_usize());
        self.nulls.truncate(len);
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let mut fresh = Vec::with_capacity(self.offsets.len());
        fresh.push(O::zero());
        let offsets = std::mem::replace(&mut self.offsets, fresh);
        // Room for as much and a little more: who appends may ask for more than it takes in the end.
        let len = self.data.len();
        let room = len + len / 16 + len.min(SPARE);
        let data = std::mem::replace(&mut self.data, Vec::with_capacity(room));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(fitted(offsets)));
        let (data, nulls) = (Buffer::from_vec(fitted(data)), self.nulls.finish());
        if self.utf8 {
            // SAFETY: each value was checked to be UTF-8 when it was appended, and offsets lie between values.
            Arc::new(unsafe { GenericStringArray::new_unchecked(offsets, data, nulls) })
        } else {
            Arc::new(GenericBinaryArray::new(offsets, data, nulls))
        }
    }
}

/// A column of values of one length.
pub(crate) struct FixedBytes {
    data: Vec<u8>,
    width: i32,
    len: usize,
    nulls: NullBufferBuilder,
    null_size: usize,
}

impl FixedBytes {
    pub(super) fn new(width: i32) -> Self {
        FixedBytes { data: Vec::new(), width, len: 0, nulls: NullBufferBuilder::new(0), null_size: 0 }
    }

    /// As [`Column::null_size`](super::Column::null_size).
    pub(super) fn null_size(&self) -> usize {
        self.null_size
    }

    pub(super) fn count_nulls(&mut self) {
        self.null_size = size_of_null(&DataType::FixedSizeBinary(self.width));
    }

    /// Bytes of each value.
    pub(crate) fn width(&self) -> usize {
        self.width as usize
    }

    /// Appends a value, whose length must be [`width`](Self::width).
    pub(crate) fn push(&mut self, value: &[u8]) {
        debug_assert_eq!(value.len(), self.width());
        self.data.extend_from_slice(value);
        self.len += 1;
        self.nulls.append_non_null();
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push_null(&mut self) {
        self.len += 1;
        self.data.resize(self.len * self.width(), 0);
        self.nulls.append_null();
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.data.truncate(self.len * self.width());
        self.nulls.truncate(self.len);
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let data = Buffer::from_vec(fitted(std::mem::take(&mut self.data)));
        let len = std::mem::take(&mut self.len);
        let array = FixedSizeBinaryArray::try_new_with_len(self.width, data, self.nulls.finish(), len);
        Arc::new(array.expect("every value has the width of the column"))
    }
}
