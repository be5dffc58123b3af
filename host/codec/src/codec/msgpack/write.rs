//! Single values in their shortest form, appended to a buffer. Knows nothing of arrays.

use arrow::datatypes::TimeUnit;

use super::TIMESTAMP;
pub(super) const NIL: u8 = 0xc0;

pub(super) fn boolean(value: bool, out: &mut Vec<u8>) {
    out.push(if value { 0xc3 } else { 0xc2 });
}

#[inline]
pub(super) fn unsigned(value: u64, out: &mut Vec<u8>) {
    match value {
        0..=0x7f => out.push(value as u8),
        0x80..=0xff => out.extend_from_slice(&[0xcc, value as u8]),
        0x100..=0xffff => marked(0xcd, (value as u16).to_be_bytes(), out),
        0x1_0000..=0xffff_ffff => marked(0xce, (value as u32).to_be_bytes(), out),
        _ => marked(0xcf, value.to_be_bytes(), out),
    }
}

#[inline]
pub(super) fn signed(value: i64, out: &mut Vec<u8>) {
    match value {
        0.. => unsigned(value as u64, out),
        -0x20..0 => out.push(value as u8),
        -0x80..-0x20 => out.extend_from_slice(&[0xd0, value as u8]),
        -0x8000..-0x80 => marked(0xd1, (value as i16).to_be_bytes(), out),
        -0x8000_0000..-0x8000 => marked(0xd2, (value as i32).to_be_bytes(), out),
        _ => marked(0xd3, value.to_be_bytes(), out),
    }
}

pub(super) fn float32(value: f32, out: &mut Vec<u8>) {
    marked(0xca, value.to_be_bytes(), out);
}

pub(super) fn float64(value: f64, out: &mut Vec<u8>) {
    marked(0xcb, value.to_be_bytes(), out);
}

#[inline]
pub(super) fn text(value: &[u8], out: &mut Vec<u8>) {
    match value.len() {
        len @ ..0x20 => out.push(0xa0 | len as u8),
        len => counted(len, Some(0xd9), [0xda, 0xdb], out),
    }
    out.extend_from_slice(value);
}

pub(super) fn binary(value: &[u8], out: &mut Vec<u8>) {
    counted(value.len(), Some(0xc4), [0xc5, 0xc6], out);
    out.extend_from_slice(value);
}

/// What comes before the items of an array.
#[inline]
pub(super) fn array(items: usize, out: &mut Vec<u8>) {
    match items {
        ..0x10 => out.push(0x90 | items as u8),
        _ => counted(items, None, [0xdc, 0xdd], out),
    }
}

/// What comes before the entries of a map.
#[inline]
pub(super) fn map(entries: usize, out: &mut Vec<u8>) {
    match entries {
        ..0x10 => out.push(0x80 | entries as u8),
        _ => counted(entries, None, [0xde, 0xdf], out),
    }
}

pub(super) fn extension(kind: i8, contents: &[u8], out: &mut Vec<u8>) {
    match contents.len() {
        1 => out.push(0xd4),
        2 => out.push(0xd5),
        4 => out.push(0xd6),
        8 => out.push(0xd7),
        16 => out.push(0xd8),
        len => counted(len, Some(0xc7), [0xc8, 0xc9], out),
    }
    out.push(kind as u8);
    out.extend_from_slice(contents);
}

/// The timestamp extension of a number of `unit`s since 1970.
#[inline]
pub(super) fn timestamp(value: i64, unit: TimeUnit, out: &mut Vec<u8>) {
    let per_second = match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    };
    let seconds = value.div_euclid(per_second);
    let nanos = (value.rem_euclid(per_second) * (1_000_000_000 / per_second)) as u64;
    match (u32::try_from(seconds), seconds >> 34) {
        (Ok(seconds), _) if nanos == 0 => {
            out.extend_from_slice(&[0xd6, TIMESTAMP as u8]);
            out.extend_from_slice(&seconds.to_be_bytes());
        }
        (_, 0) => {
            out.extend_from_slice(&[0xd7, TIMESTAMP as u8]);
            out.extend_from_slice(&(nanos << 34 | seconds as u64).to_be_bytes());
        }
        _ => {
            out.extend_from_slice(&[0xc7, 12, TIMESTAMP as u8]);
            out.extend_from_slice(&(nanos as u32).to_be_bytes());
            out.extend_from_slice(&seconds.to_be_bytes());
        }
    }
}

#[inline]
fn marked<const N: usize>(marker: u8, bytes: [u8; N], out: &mut Vec<u8>) {
    out.push(marker);
    out.extend_from_slice(&bytes);
}

/// A marker for a length of 8 bits, where there is one, or of 16 or 32 bits, and the length.
fn counted(len: usize, eight: Option<u8>, [sixteen, thirty_two]: [u8; 2], out: &mut Vec<u8>) {
    match (eight, len) {
        (Some(eight), ..0x100) => out.extend_from_slice(&[eight, len as u8]),
        (_, ..0x1_0000) => marked(sixteen, (len as u16).to_be_bytes(), out),
        // What is longer than 32 bits can say makes the row longer than a row may be: it is refused as a whole.
        _ => marked(thirty_two, (len as u32).to_be_bytes(), out),
    }
}
