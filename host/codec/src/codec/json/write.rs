//! The text of single values, appended to a buffer: keys, numbers, strings, bytes. Knows nothing of arrays.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::scan::{CHUNK, chunk_at, look};

/// Text that is written for every row, laid out so that most of it is one fixed-size copy.
#[derive(Clone)]
pub(super) struct Fixed {
    head: [u8; Fixed::HEAD],
    head_len: usize,
    rest: Box<[u8]>,
}

impl Fixed {
    const HEAD: usize = 32;

    /// What comes before the value of a key: a brace or comma, the key, a colon.
    pub(super) fn key(first: bool, name: &str) -> Fixed {
        let mut text = vec![if first { b'{' } else { b',' }];
        string(name, &mut text);
        text.push(b':');
        let head_len = text.len().min(Fixed::HEAD);
        let mut head = [0; Fixed::HEAD];
        head[..head_len].copy_from_slice(&text[..head_len]);
        Fixed { head, head_len, rest: text[head_len..].into() }
    }

    #[inline(always)]
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        push_some(&self.head, self.head_len, out);
        if !self.rest.is_empty() {
            out.extend_from_slice(&self.rest);
        }
    }
}

/// Appends the first `len` of `N` bytes; copying all of them is faster than copying `len`.
#[inline(always)]
fn push_some<const N: usize>(bytes: &[u8; N], len: usize, out: &mut Vec<u8>) {
    out.reserve(N);
    out.spare_capacity_mut()[..N].write_copy_of_slice(bytes);
    let end = out.len() + len.min(N);
    // SAFETY: N bytes were written just now from the old end on, and no more than N are taken.
    unsafe { out.set_len(end) };
}

/// A whole number.
#[inline(always)]
pub(super) fn integer(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// A number in the fewest digits that read back as the same; false if it has none.
#[inline]
pub(crate) fn float64(value: f64, out: &mut Vec<u8>) -> bool {
    if value.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    }
    value.is_finite()
}

/// As [`float64`].
#[inline]
pub(super) fn float32(value: f32, out: &mut Vec<u8>) -> bool {
    if value.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    }
    value.is_finite()
}

/// A string in quotes.
pub(crate) fn string(text: &str, out: &mut Vec<u8>) {
    string_within(text.as_bytes(), 0, text.len(), out);
}

/// `text[begin..end]`, which is UTF-8, in quotes. What stands around it makes the last bytes as fast as the
/// others: short strings are little else.
#[inline]
pub(super) fn string_within(text: &[u8], begin: usize, end: usize, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut at = begin;
    while at < end {
        at += plain(text, at, end, out);
        if at < end {
            escape(text[at], out);
            at += 1;
        }
    }
    out.push(b'"');
}

/// Copies `text[begin..end]` up to the first byte that needs an escape; gives the number of bytes.
#[inline(always)]
fn plain(text: &[u8], begin: usize, end: usize, out: &mut Vec<u8>) -> usize {
    out.reserve(end - begin + CHUNK);
    let room = out.spare_capacity_mut();
    let mut done = 0;
    let len = loop {
        let left = end - begin - done;
        let chunk = chunk_at(text, begin + done);
        room[done..done + CHUNK].write_copy_of_slice(&chunk);
        let stop_at_end = if left < CHUNK { 1 << left } else { 0 };
        let stops = look(&chunk).stops | stop_at_end;
        if stops != 0 {
            break done + stops.trailing_zeros() as usize;
        }
        done += CHUNK;
    };
    let total = out.len() + len;
    // SAFETY: `len` bytes of the spare room were written just now, chunk after chunk without a gap.
    unsafe { out.set_len(total) };
    len
}

#[cold]
fn escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Bytes as base64 in quotes.
pub(super) fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let begin = out.len();
    out.resize(begin + bytes.len().div_ceil(3) * 4, 0);
    STANDARD
        .encode_slice(bytes, &mut out[begin..])
        .expect("four characters are reserved for each three bytes");
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped_where_they_must_be() {
        for (text, json) in [
            ("", r#""""#),
            ("plain", r#""plain""#),
            ("exactly sixteen.", r#""exactly sixteen.""#),
            ("a \"quoted\" \\ word and a longer tail", r#""a \"quoted\" \\ word and a longer tail""#),
            ("\n\r\t\u{8}\u{c}\u{0}\u{1f}\u{7f}", "\"\\n\\r\\t\\b\\f\\u0000\\u001f\u{7f}\""),
            ("žluťoučký kůň 🐎", "\"žluťoučký kůň 🐎\""),
        ] {
            assert_eq!(written(|out| string(text, out)), json);
        }
    }

    #[test]
    fn floats_read_back_as_the_same() {
        for value in [0.0, -0.0, 0.1, 1.0, 1e21, 123456789.125, f64::MAX, f64::MIN_POSITIVE, 5e-324] {
            let text = written(|out| assert!(float64(value, out)));
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits(), "{text}");
        }
        assert!(!float64(f64::NAN, &mut Vec::new()) && !float32(f32::INFINITY, &mut Vec::new()));
    }

    #[test]
    fn a_long_key_is_written_whole() {
        let name = "k".repeat(100);
        assert_eq!(written(|out| Fixed::key(false, &name).write(out)), format!(",\"{name}\":"));
        assert_eq!(written(|out| Fixed::key(true, "a\"b").write(out)), "{\"a\\\"b\":");
    }
}
