//! As much of the flatbuffer format as Arrow's metadata needs. It knows no Arrow.
//!
//! Reading: every access is checked against the buffer, so a lying offset is an error and never a panic.
//! Writing: front to back, a table before what it refers to, and references filled in when their target is placed.

use super::Malformed;

/// A table of a flatbuffer being read.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
    vtable: usize,
    vtable_len: usize,
}

fn short() -> Malformed {
    Malformed::new("the metadata refers outside of itself")
}

fn take<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Malformed> {
    let end = at.checked_add(N).ok_or_else(short)?;
    bytes.get(at..end).and_then(|b| b.try_into().ok()).ok_or_else(short)
}

pub(super) fn read_u32(bytes: &[u8], at: usize) -> Result<u32, Malformed> {
    take(bytes, at).map(u32::from_le_bytes)
}

/// The position that the reference at `at` points to.
fn follow(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    at.checked_add(read_u32(bytes, at)? as usize).ok_or_else(short)
}

impl<'a> Table<'a> {
    /// The root table.
    pub(super) fn root(bytes: &'a [u8]) -> Result<Self, Malformed> {
        Table::at(bytes, follow(bytes, 0)?)
    }

    fn at(bytes: &'a [u8], at: usize) -> Result<Self, Malformed> {
        let back = i32::from_le_bytes(take(bytes, at)?);
        let vtable = usize::try_from(at as i64 - i64::from(back)).map_err(|_| short())?;
        let vtable_len = u16::from_le_bytes(take(bytes, vtable)?) as usize;
        Ok(Table { bytes, at, vtable, vtable_len })
    }

    /// Where the field of a slot is, if it is there.
    fn field(&self, slot: usize) -> Result<Option<usize>, Malformed> {
        let entry = 4 + 2 * slot;
        if entry + 2 > self.vtable_len {
            return Ok(None);
        }
        let offset = u16::from_le_bytes(take(self.bytes, self.vtable + entry)?) as usize;
        Ok((offset != 0).then_some(self.at + offset))
    }

    fn scalar<const N: usize>(&self, slot: usize, default: [u8; N]) -> Result<[u8; N], Malformed> {
        self.field(slot)?.map_or(Ok(default), |at| take(self.bytes, at))
    }

    pub(super) fn u8(&self, slot: usize) -> Result<u8, Malformed> {
        self.scalar(slot, [0]).map(|b| b[0])
    }

    pub(super) fn i16(&self, slot: usize, default: i16) -> Result<i16, Malformed> {
        self.scalar(slot, default.to_le_bytes()).map(i16::from_le_bytes)
    }

    pub(super) fn i32(&self, slot: usize, default: i32) -> Result<i32, Malformed> {
        self.scalar(slot, default.to_le_bytes()).map(i32::from_le_bytes)
    }

    pub(super) fn i64(&self, slot: usize) -> Result<i64, Malformed> {
        self.scalar(slot, [0; 8]).map(i64::from_le_bytes)
    }

    pub(super) fn table(&self, slot: usize) -> Result<Option<Table<'a>>, Malformed> {
        self.field(slot)?.map(|at| Table::at(self.bytes, follow(self.bytes, at)?)).transpose()
    }

    /// The raw elements of a vector whose elements have `width` bytes, and their number.
    pub(super) fn vector(&self, slot: usize, width: usize) -> Result<(&'a [u8], usize), Malformed> {
        let Some(field) = self.field(slot)? else { return Ok((&[], 0)) };
        let at = follow(self.bytes, field)?;
        let count = read_u32(self.bytes, at)? as usize;
        let length = count.checked_mul(width).ok_or_else(short)?;
        let end = (at + 4).checked_add(length).ok_or_else(short)?;
        Ok((self.bytes.get(at + 4..end).ok_or_else(short)?, count))
    }

    pub(super) fn string(&self, slot: usize) -> Result<Option<&'a str>, Malformed> {
        if self.field(slot)?.is_none() {
            return Ok(None);
        }
        let (bytes, _) = self.vector(slot, 1)?;
        std::str::from_utf8(bytes)
            .map(Some)
            .map_err(|_| Malformed::new("a name in the metadata is not UTF-8"))
    }

    pub(super) fn tables(&self, slot: usize) -> Result<Vec<Table<'a>>, Malformed> {
        let Some(field) = self.field(slot)? else { return Ok(Vec::new()) };
        let at = follow(self.bytes, field)?;
        let (_, count) = self.vector(slot, 4)?;
        (0..count).map(|i| Table::at(self.bytes, follow(self.bytes, at + 4 + 4 * i)?)).collect()
    }
}

/// What to put in a slot of a table being written.
#[derive(Clone, Copy)]
pub(super) enum Slot {
    Absent,
    U8(u8),
    I16(i16),
    I32(i32),
    I64(i64),
    /// To a table, vector or string that is placed later.
    Reference,
}

impl Slot {
    fn width(self) -> usize {
        match self {
            Slot::Absent => 0,
            Slot::U8(_) => 1,
            Slot::I16(_) => 2,
            Slot::I32(_) | Slot::Reference => 4,
            Slot::I64(_) => 8,
        }
    }
}

/// A flatbuffer being written. Positions are those of the finished buffer.
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Starts with the reference to the root table, which is the first one written.
    pub(super) fn new() -> Self {
        Writer { bytes: vec![0; 4] }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.align(8, 0);
        self.bytes
    }

    /// Pads so that what follows after `ahead` more bytes is aligned.
    fn align(&mut self, to: usize, ahead: usize) {
        let length = (self.bytes.len() + ahead).next_multiple_of(to) - ahead;
        self.bytes.resize(length, 0);
    }

    /// Writes a table, lets `from` point to it, and answers where each of its slots is.
    pub(super) fn table<const N: usize>(&mut self, from: usize, slots: [Slot; N]) -> [usize; N] {
        let vtable_len = 4 + 2 * N;
        // The vtable lies right before the table, which is aligned for its widest field.
        self.align(8, vtable_len);
        let vtable = self.bytes.len();
        let table = vtable + vtable_len;
        let mut offsets = [0usize; N];
        let mut size = 4;
        for width in [8, 4, 2, 1] {
            for (offset, slot) in offsets.iter_mut().zip(slots) {
                if slot.width() == width {
                    size = usize::next_multiple_of(size, width);
                    *offset = size;
                    size += width;
                }
            }
        }
        self.bytes.extend((vtable_len as u16).to_le_bytes());
        self.bytes.extend((size as u16).to_le_bytes());
        offsets.iter().for_each(|o| self.bytes.extend((*o as u16).to_le_bytes()));
        self.bytes.extend((vtable_len as i32).to_le_bytes());
        self.bytes.resize(table + size, 0);
        for (offset, slot) in offsets.iter().zip(slots) {
            let at = table + offset;
            match slot {
                Slot::Absent | Slot::Reference => {}
                Slot::U8(v) => self.bytes[at] = v,
                Slot::I16(v) => self.bytes[at..at + 2].copy_from_slice(&v.to_le_bytes()),
                Slot::I32(v) => self.bytes[at..at + 4].copy_from_slice(&v.to_le_bytes()),
                Slot::I64(v) => self.bytes[at..at + 8].copy_from_slice(&v.to_le_bytes()),
            }
        }
        self.point(from, table);
        offsets.map(|o| table + o)
    }

    /// Writes a vector of `count` elements, zeroed, lets `from` point to it, and answers where the first one is.
    pub(super) fn vector(&mut self, from: usize, count: usize, width: usize) -> usize {
        self.align(width.clamp(4, 8), 4);
        let at = self.bytes.len();
        self.bytes.extend((count as u32).to_le_bytes());
        self.bytes.resize(at + 4 + count * width, 0);
        self.point(from, at);
        at + 4
    }

    pub(super) fn string(&mut self, from: usize, text: &str) {
        let at = self.vector(from, text.len(), 1);
        self.bytes[at..at + text.len()].copy_from_slice(text.as_bytes());
        self.bytes.push(0);
    }

    fn point(&mut self, from: usize, to: usize) {
        self.bytes[from..from + 4].copy_from_slice(&((to - from) as u32).to_le_bytes());
    }
}
