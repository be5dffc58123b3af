//! Columns being built, cell by cell, for a batch that goes out. It knows no operators.
//!
//! Columns of a fixed width are written at their final place in the message, as long as there are no more rows
//! than were announced; the others grow on their own and are copied once. Where a column is within the message is
//! decided here, what a message is in `ipc`.

use crate::ipc::{Message, bitmap_len, padded};
use std::marker::PhantomData;

/// Room in the message for columns whose size is known before their cells are.
pub struct Place {
    base: *mut u8,
    offset: usize,
}

impl Place {
    pub(crate) fn new(base: *mut u8) -> Self {
        Place { base, offset: 0 }
    }
}

/// A column under construction. Implemented for the columns of every type that is a [`ToCell`](super::ToCell).
pub trait ColumnBuilder: Default {
    /// Bytes that `rows` rows take in the message's set-aside part: a multiple of 8.
    fn fixed_len(rows: usize) -> usize;

    /// Forgets the cells and takes its part of the place, as much as `fixed_len` said.
    fn start(&mut self, rows: usize, place: &mut Place);

    /// Adds a cell that nobody looks at, because it is null.
    fn push_filler(&mut self);

    /// Hands over its node and its buffers. `nulls` is what a nullable column knows of them.
    fn finish(&mut self, nulls: Option<&Nulls>, message: &mut MessageSink<'_>);
}

/// Where finished columns go: the message, for [`ColumnBuilder`] alone.
pub struct MessageSink<'a>(pub(crate) &'a mut Message);

/// Which cells are null.
#[derive(Default)]
pub struct Nulls {
    /// One bit a row, 1 = valid; filled only from the first null on.
    valid: Vec<u8>,
    rows: usize,
    nulls: usize,
}

impl Nulls {
    fn clear(&mut self) {
        self.valid.clear();
        self.rows = 0;
        self.nulls = 0;
    }

    #[inline]
    fn push(&mut self, valid: bool) {
        if valid && self.nulls == 0 {
            self.rows += 1;
        } else {
            self.push_slow(valid);
        }
    }

    fn push_slow(&mut self, valid: bool) {
        if self.nulls == 0 {
            self.valid.clear();
            self.valid.resize(self.rows / 8, 0xff);
            self.valid.push(((1u16 << (self.rows % 8)) - 1) as u8);
        } else if self.rows.is_multiple_of(8) {
            self.valid.push(0);
        }
        self.nulls += usize::from(!valid);
        if valid && let Some(byte) = self.valid.last_mut() {
            *byte |= 1 << (self.rows % 8);
        }
        self.rows += 1;
    }
}

/// The node of a column and its validity buffer.
fn finish_nulls(rows: usize, nulls: Option<&Nulls>, message: &mut Message) {
    match nulls {
        Some(nulls) if nulls.nulls > 0 => {
            message.node(rows, nulls.nulls);
            message.buffer(&nulls.valid[..bitmap_len(rows)]);
        }
        _ => {
            message.node(rows, 0);
            message.buffer_at(0, 0);
        }
    }
}

/// A value whose bytes in memory are its bytes in Arrow.
///
/// # Safety
/// Every byte of the type is initialised and its little-endian bytes are what Arrow stores.
pub unsafe trait Plain: Copy + Default + 'static {}

macro_rules! plain {
    ($($t:ty),*) => { $(
        // SAFETY: integers and floats have no padding; wasm32 and the machines that tests run on are little-endian.
        unsafe impl Plain for $t {}
    )* };
}
plain!(i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);

/// Cells of a fixed width.
pub struct FixedBuilder<T: Plain> {
    /// Where the first cell is: in the message's set-aside part, or in `own` once that is full.
    cells: *mut u8,
    len: usize,
    capacity: usize,
    /// Offset within the body, while the cells are in the message.
    offset: usize,
    own: Vec<u8>,
    spilled: bool,
    of: PhantomData<T>,
}

impl<T: Plain> Default for FixedBuilder<T> {
    fn default() -> Self {
        FixedBuilder {
            cells: std::ptr::null_mut(),
            len: 0,
            capacity: 0,
            offset: 0,
            own: Vec::new(),
            spilled: true,
            of: PhantomData,
        }
    }
}

impl<T: Plain> FixedBuilder<T> {
    const WIDTH: usize = size_of::<T>();

    #[inline]
    pub(crate) fn push(&mut self, value: T) {
        if self.len == self.capacity {
            self.grow();
        }
        // SAFETY: `cells` points to `capacity` cells of WIDTH bytes, within the message or within `own`, neither of
        // which is touched otherwise until `finish`; `len` is less than `capacity`. T may be unaligned there.
        unsafe { self.cells.add(self.len * Self::WIDTH).cast::<T>().write_unaligned(value) };
        self.len += 1;
    }

    #[cold]
    fn grow(&mut self) {
        let capacity = (self.capacity * 2).max(64);
        if !self.spilled {
            self.own.clear();
            // SAFETY: the first `len` cells at `cells` were written by `push`, and a Plain has no padding.
            let written = unsafe { std::slice::from_raw_parts(self.cells, self.len * Self::WIDTH) };
            self.own.extend_from_slice(written);
            self.spilled = true;
        }
        self.own.resize(capacity * Self::WIDTH, 0);
        self.cells = self.own.as_mut_ptr();
        self.capacity = capacity;
    }

    fn finish_values(&mut self, message: &mut Message) {
        let bytes = self.len * Self::WIDTH;
        if self.spilled {
            message.buffer(&self.own[..bytes]);
        } else {
            message.buffer_at(self.offset, bytes);
        }
        // The place in the message is gone: a push without a start goes to `own`.
        *self = FixedBuilder { own: std::mem::take(&mut self.own), ..FixedBuilder::default() };
        self.own.clear();
    }

    fn start_at(&mut self, capacity: usize, place: &mut Place) {
        self.len = 0;
        self.capacity = capacity;
        self.spilled = false;
        self.offset = place.offset;
        // SAFETY: `fixed_len` of all columns together was set aside at `base`, and each takes its part in turn.
        self.cells = unsafe { place.base.add(place.offset) };
        place.offset += padded(capacity * Self::WIDTH);
    }
}

impl<T: Plain> ColumnBuilder for FixedBuilder<T> {
    fn fixed_len(rows: usize) -> usize {
        padded(rows * Self::WIDTH)
    }

    fn start(&mut self, rows: usize, place: &mut Place) {
        self.start_at(rows, place);
    }

    fn push_filler(&mut self) {
        self.push(T::default());
    }

    fn finish(&mut self, nulls: Option<&Nulls>, message: &mut MessageSink<'_>) {
        finish_nulls(self.len, nulls, message.0);
        self.finish_values(message.0);
    }
}

/// Booleans, one bit each.
#[derive(Default)]
pub struct BitBuilder {
    bits: Vec<u8>,
    len: usize,
}

impl BitBuilder {
    #[inline]
    pub(crate) fn push(&mut self, value: bool) {
        if self.len.is_multiple_of(8) {
            self.bits.push(0);
        }
        if let Some(byte) = self.bits.last_mut() {
            *byte |= u8::from(value) << (self.len % 8);
        }
        self.len += 1;
    }
}

impl ColumnBuilder for BitBuilder {
    fn fixed_len(_rows: usize) -> usize {
        0
    }

    fn start(&mut self, _rows: usize, _place: &mut Place) {
        self.bits.clear();
        self.len = 0;
    }

    fn push_filler(&mut self) {
        self.push(false);
    }

    fn finish(&mut self, nulls: Option<&Nulls>, message: &mut MessageSink<'_>) {
        finish_nulls(self.len, nulls, message.0);
        message.0.buffer(&self.bits);
        self.bits.clear();
        self.len = 0;
    }
}

/// Ends of variable parts: one more than there are rows.
#[derive(Default)]
struct Offsets {
    ends: FixedBuilder<i32>,
    started: bool,
}

impl Offsets {
    fn start(&mut self, rows: usize, place: &mut Place) {
        self.ends.start_at(rows + 1, place);
        self.ends.push(0);
        self.started = true;
    }

    #[inline]
    fn push(&mut self, end: usize) {
        if !self.started {
            self.ends.push(0);
            self.started = true;
        }
        self.ends.push(end as i32);
    }

    fn rows(&self) -> usize {
        self.ends.len.saturating_sub(1)
    }

    /// `total` is the end of the last row; beyond 2 GiB the ends before it were cut off.
    fn finish(&mut self, total: usize, message: &mut Message) {
        assert!(
            i32::try_from(total).is_ok(),
            "a column has {total} bytes or cells; 2,147,483,647 is the most"
        );
        if !self.started {
            self.ends.push(0);
        }
        self.ends.finish_values(message);
        self.started = false;
    }
}

/// Strings and byte strings.
#[derive(Default)]
pub struct BytesBuilder {
    offsets: Offsets,
    data: Vec<u8>,
}

impl BytesBuilder {
    #[inline]
    pub(crate) fn push(&mut self, value: &[u8]) {
        self.data.extend_from_slice(value);
        self.offsets.push(self.data.len());
    }
}

impl ColumnBuilder for BytesBuilder {
    fn fixed_len(rows: usize) -> usize {
        padded((rows + 1) * 4)
    }

    fn start(&mut self, rows: usize, place: &mut Place) {
        self.offsets.start(rows, place);
        self.data.clear();
    }

    fn push_filler(&mut self) {
        self.push(&[]);
    }

    fn finish(&mut self, nulls: Option<&Nulls>, message: &mut MessageSink<'_>) {
        finish_nulls(self.offsets.rows(), nulls, message.0);
        self.offsets.finish(self.data.len(), message.0);
        message.0.buffer(&self.data);
        self.data.clear();
    }
}

/// A column whose cells may be null.
#[derive(Default)]
pub struct NullableBuilder<B> {
    pub(crate) cells: B,
    nulls: Nulls,
}

impl<B: ColumnBuilder> NullableBuilder<B> {
    #[inline]
    pub(crate) fn push_null(&mut self) {
        self.nulls.push(false);
        self.cells.push_filler();
    }

    /// The cell itself is pushed to `cells` by the caller.
    #[inline]
    pub(crate) fn push_valid(&mut self) {
        self.nulls.push(true);
    }
}

impl<B: ColumnBuilder> ColumnBuilder for NullableBuilder<B> {
    fn fixed_len(rows: usize) -> usize {
        B::fixed_len(rows)
    }

    fn start(&mut self, rows: usize, place: &mut Place) {
        self.nulls.clear();
        self.cells.start(rows, place);
    }

    fn push_filler(&mut self) {
        self.push_null();
    }

    fn finish(&mut self, _nulls: Option<&Nulls>, message: &mut MessageSink<'_>) {
        self.cells.finish(Some(&self.nulls), message);
        self.nulls.clear();
    }
}

/// Lists of cells.
#[derive(Default)]
pub struct ListBuilder<B> {
    offsets: Offsets,
    pub(crate) cells: B,
    count: usize,
}

impl<B> ListBuilder<B> {
    /// Ends a list of that many cells, which were pushed to `cells`.
    pub(crate) fn end(&mut self, cells: usize) {
        self.count += cells;
        self.offsets.push(self.count);
    }
}

impl<B: ColumnBuilder> ColumnBuilder for ListBuilder<B> {
    fn fixed_len(rows: usize) -> usize {
        padded((rows + 1) * 4) + B::fixed_len(0)
    }

    fn start(&mut self, rows: usize, place: &mut Place) {
        self.offsets.start(rows, place);
        self.cells.start(0, place);
        self.count = 0;
    }

    fn push_filler(&mut self) {
        self.end(0);
    }

    fn finish(&mut self, nulls: Option<&Nulls>, message: &mut MessageSink<'_>) {
        finish_nulls(self.offsets.rows(), nulls, message.0);
        self.offsets.finish(self.count, message.0);
        self.cells.finish(None, message);
        self.count = 0;
    }
}

/// The columns of a row type, or the children of a struct: a chain of columns that ends in `()`.
pub trait ColumnChain: Default {
    /// See [`ColumnBuilder::fixed_len`].
    fn fixed_len(rows: usize) -> usize;
    /// See [`ColumnBuilder::start`].
    fn start(&mut self, rows: usize, place: &mut Place);
    /// See [`ColumnBuilder::push_filler`].
    fn push_filler(&mut self);
    /// See [`ColumnBuilder::finish`].
    fn finish(&mut self, message: &mut MessageSink<'_>);
}

impl ColumnChain for () {
    fn fixed_len(_rows: usize) -> usize {
        0
    }
    fn start(&mut self, _rows: usize, _place: &mut Place) {}
    fn push_filler(&mut self) {}
    fn finish(&mut self, _message: &mut MessageSink<'_>) {}
}

impl<B: ColumnBuilder, C: ColumnChain> ColumnChain for (B, C) {
    fn fixed_len(rows: usize) -> usize {
        B::fixed_len(rows) + C::fixed_len(rows)
    }

    fn start(&mut self, rows: usize, place: &mut Place) {
        self.0.start(rows, place);
        self.1.start(rows, place);
    }

    fn push_filler(&mut self) {
        self.0.push_filler();
        self.1.push_filler();
    }

    fn finish(&mut self, message: &mut MessageSink<'_>) {
        self.0.finish(None, message);
        self.1.finish(message);
    }
}

/// A chain with one more column at its end.
#[derive(Default)]
pub struct Appended<C> {
    pub(crate) chain: C,
    pub(crate) last: FixedBuilder<u32>,
}

impl<C: ColumnChain> ColumnChain for Appended<C> {
    fn fixed_len(rows: usize) -> usize {
        C::fixed_len(rows) + FixedBuilder::<u32>::fixed_len(rows)
    }

    fn start(&mut self, rows: usize, place: &mut Place) {
        self.chain.start(rows, place);
        self.last.start(rows, place);
    }

    fn push_filler(&mut self) {
        self.chain.push_filler();
        self.last.push_filler();
    }

    fn finish(&mut self, message: &mut MessageSink<'_>) {
        self.chain.finish(message);
        self.last.finish(None, message);
    }
}

/// A struct column.
#[derive(Default)]
pub struct StructBuilder<C> {
    pub(crate) fields: C,
    pub(crate) len: usize,
}

impl<C: ColumnChain> ColumnBuilder for StructBuilder<C> {
    fn fixed_len(rows: usize) -> usize {
        C::fixed_len(rows)
    }

    fn start(&mut self, rows: usize, place: &mut Place) {
        self.fields.start(rows, place);
        self.len = 0;
    }

    fn push_filler(&mut self) {
        self.fields.push_filler();
        self.len += 1;
    }

    fn finish(&mut self, nulls: Option<&Nulls>, message: &mut MessageSink<'_>) {
        finish_nulls(self.len, nulls, message.0);
        self.fields.finish(message);
        self.len = 0;
    }
}
