//! Single values onto the wire. A length that is not known before its bytes gets one byte of room, and more where it
//! turns out to need them. Knows nothing of arrays and schemas.

use super::wire::WireType;

/// The tag of a field, written.
#[derive(Clone, Copy)]
pub(super) struct Tag {
    bytes: [u8; 5],
    len: u8,
}

impl Tag {
    pub(super) fn new(number: u32, wire: WireType) -> Tag {
        let mut bytes = [0; 5];
        let mut key = number << 3 | wire as u32;
        let mut len = 0;
        while key >= 0x80 {
            bytes[len] = key as u8 | 0x80;
            key >>= 7;
            len += 1;
        }
        bytes[len] = key as u8;
        Tag { bytes, len: len as u8 + 1 }
    }

    #[inline]
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        match self.len {
            1 => out.push(self.bytes[0]),
            len => out.extend_from_slice(&self.bytes[..usize::from(len)]),
        }
    }
}

/// A varint.
#[inline]
pub(super) fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes behind their length.
#[inline]
pub(super) fn bytes(value: &[u8], out: &mut Vec<u8>) {
    varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

/// Leaves room for a length; gives its place, for [`end`].
#[inline]
pub(super) fn begin(out: &mut Vec<u8>) -> usize {
    out.push(0);
    out.len() - 1
}

/// Everything behind the length at `begin` is written.
#[inline]
pub(super) fn end(begin: usize, out: &mut Vec<u8>) {
    let len = out.len() - begin - 1;
    if len < 0x80 {
        out[begin] = len as u8;
    } else {
        end_long(begin, len, out);
    }
}

#[inline(never)]
fn end_long(begin: usize, len: usize, out: &mut Vec<u8>) {
    let tail = out.len();
    varint(len as u64, out);
    let more = out.len() - tail - 1;
    let mut length = [0; 10];
    length[..=more].copy_from_slice(&out[tail..]);
    out.truncate(tail + more);
    out.copy_within(begin + 1..tail, begin + 1 + more);
    out[begin..=begin + more].copy_from_slice(&length[..=more]);
}
