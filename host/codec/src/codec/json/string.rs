//! Strings: copied as they are read, sixteen bytes at a time, until a quote; escapes and text beyond ASCII
//! leave the fast path. Knows nothing of columns.

use super::cursor::Cursor;
use super::scan::{CHUNK, chunk_at, look};
use crate::codec::problem::{Outcome, Problem, code};

/// Room that is made for a string before it is known how long it is, in bytes: a record may be long and have many
/// columns, and each keeps its room. A longer string makes more as it goes on.
const ROOM: usize = 4096;

/// What was copied as it is.
struct Plain {
    /// Not 0 where bytes are beyond ASCII.
    high: u32,
    /// What follows cannot be copied as it is; otherwise the room ran out.
    stopped: bool,
}

impl Cursor<'_> {
    /// Appends the string here (at its opening quote) to `out`: UTF-8, unescaped. On an error `out` may hold
    /// part of it.
    #[inline]
    pub(crate) fn string(&mut self, out: &mut Vec<u8>) -> Outcome<()> {
        debug_assert_eq!(self.peek(), b'"');
        self.at += 1;
        let begin = out.len();
        let mut plain = self.plain(out, ROOM);
        if !plain.stopped {
            plain.high |= self.plain_on(out);
        }
        if self.text.get(self.at) == Some(&b'"') {
            self.at += 1;
        } else {
            self.rest_of_string(out)?;
            plain.high = 1;
        }
        if plain.high != 0 { self.check_utf8(&out[begin..]) } else { Ok(()) }
    }

    /// Appends what can be copied as it is, as far as there is room; there is for `room` bytes or the rest.
    #[inline(always)]
    fn plain(&mut self, out: &mut Vec<u8>, room: usize) -> Plain {
        let begin = out.len();
        let rest = self.text.get(self.at..).unwrap_or_default();
        out.reserve(rest.len().min(room) + CHUNK);
        let (rooms, _) = out.spare_capacity_mut().as_chunks_mut::<CHUNK>();
        let (chunks, _) = rest.as_chunks::<CHUNK>();
        let mut plain = Plain { high: 0, stopped: false };
        let mut len = 0;
        let mut chunks = chunks.iter();
        for room in rooms {
            let chunk = match chunks.next() {
                Some(chunk) => *chunk,
                // Behind the rest are zeros, which stop.
                None => chunk_at(self.text, self.at + len),
            };
            room.write_copy_of_slice(&chunk);
            let seen = look(&chunk);
            if seen.stops != 0 {
                let before = seen.stops.trailing_zeros();
                len += before as usize;
                plain.high |= seen.high & ((1 << before) - 1);
                plain.stopped = true;
                break;
            }
            plain.high |= seen.high;
            len += CHUNK;
        }
        // SAFETY: `len` bytes of the spare room were written just now, chunk after chunk without a gap.
        unsafe { out.set_len(begin + len) };
        self.at += len;
        plain
    }

    /// Goes on where the room ran out, until something cannot be copied as it is; not 0 where bytes are beyond ASCII.
    #[cold]
    #[inline(never)]
    fn plain_on(&mut self, out: &mut Vec<u8>) -> u32 {
        let mut high = 0;
        loop {
            // As much again as there is, so that a long string is not moved often.
            let plain = self.plain(out, out.len().max(ROOM));
            high |= plain.high;
            if plain.stopped {
                return high;
            }
        }
    }

    /// Checks and skips the string here.
    pub(super) fn skip_string(&mut self) -> Outcome<()> {
        let mut scratch = std::mem::take(self.scratch);
        scratch.clear();
        let outcome = self.string(&mut scratch);
        *self.scratch = scratch;
        outcome
    }

    /// The string here as text that lasts until the next string: for values that are parsed further.
    pub(super) fn short_string(&mut self) -> Outcome<&[u8]> {
        self.skip_string()?;
        Ok(self.scratch)
    }

    /// Goes on at a byte that cannot be copied as it is.
    #[cold]
    #[inline(never)]
    fn rest_of_string(&mut self, out: &mut Vec<u8>) -> Outcome<()> {
        loop {
            match self.text.get(self.at) {
                None => return Err(self.syntax("'\"'")),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape(out)?,
                Some(0..0x20) => return Err(self.syntax("an escape for this control character")),
                Some(_) => {
                    let chunk = chunk_at(self.text, self.at);
                    let plain = (look(&chunk).stops.trailing_zeros() as usize).min(CHUNK);
                    out.extend_from_slice(&chunk[..plain]);
                    self.at += plain;
                }
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Outcome<()> {
        let plain = match self.text.get(self.at + 1) {
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(&c @ (b'"' | b'\\' | b'/')) => c,
            Some(b'u') => return self.escaped_char(out),
            _ => return Err(self.syntax("an escape such as \\n or \\u00e9")),
        };
        out.push(plain);
        self.at += 2;
        Ok(())
    }

    fn escaped_char(&mut self, out: &mut Vec<u8>) -> Outcome<()> {
        let first = self.hex4(self.at + 2)?;
        let (point, len) = match first {
            0xd800..0xdc00 if self.text[self.at + 6..].starts_with(b"\\u") => match self.hex4(self.at + 8)? {
                low @ 0xdc00..0xe000 => (0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00), 12),
                _ => (first, 6),
            },
            _ => (first, 6),
        };
        let Some(c) = char::from_u32(point) else {
            return Err(self.syntax("the other half of the surrogate pair"));
        };
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        self.at += len;
        Ok(())
    }

    fn hex4(&self, at: usize) -> Outcome<u32> {
        let digits = self.text.get(at..at + 4).ok_or_else(|| self.syntax("four hexadecimal digits"))?;
        digits.iter().try_fold(0, |value, &digit| {
            let digit = (digit as char).to_digit(16).ok_or_else(|| self.syntax("four hexadecimal digits"))?;
            Ok(value << 4 | digit)
        })
    }

    #[inline(never)]
    fn check_utf8(&self, text: &[u8]) -> Outcome<()> {
        match std::str::from_utf8(text) {
            Ok(_) => Ok(()),
            Err(_) => {
                let what = format!("the string that ends at byte {} is not UTF-8", self.at);
                Err(Problem::new(code::JSON_SYNTAX, what))
            }
        }
    }
}
