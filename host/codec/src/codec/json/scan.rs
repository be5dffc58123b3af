//! Looks at sixteen bytes of a string at once: where does plain text end? Knows nothing else of JSON.

/// Bytes looked at.
pub(super) const CHUNK: usize = 16;

/// Sixteen bytes of text, bit `i` for byte `i`.
#[derive(Clone, Copy)]
pub(super) struct Chunk {
    /// Quotes, backslashes and control characters: what cannot be copied as it is.
    pub stops: u32,
    /// Bytes beyond ASCII.
    pub high: u32,
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn look(bytes: &[u8; CHUNK]) -> Chunk {
    use std::arch::x86_64::*;
    // SAFETY: SSE2 is part of x86-64; sixteen bytes are read from an array of sixteen, at any alignment.
    unsafe {
        let text = _mm_loadu_si128(bytes.as_ptr().cast());
        let quote = _mm_cmpeq_epi8(text, _mm_set1_epi8(b'"' as i8));
        let backslash = _mm_cmpeq_epi8(text, _mm_set1_epi8(b'\\' as i8));
        let control = _mm_cmpeq_epi8(_mm_min_epu8(text, _mm_set1_epi8(0x1f)), text);
        let stops = _mm_or_si128(_mm_or_si128(quote, backslash), control);
        Chunk { stops: _mm_movemask_epi8(stops) as u32, high: _mm_movemask_epi8(text) as u32 }
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(super) fn look(bytes: &[u8; CHUNK]) -> Chunk {
    look_plainly(bytes)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn look_plainly(bytes: &[u8; CHUNK]) -> Chunk {
    let mut chunk = Chunk { stops: 0, high: 0 };
    for (i, &byte) in bytes.iter().enumerate() {
        chunk.stops |= u32::from(byte == b'"' || byte == b'\\' || byte < 0x20) << i;
        chunk.high |= u32::from(byte >= 0x80) << i;
    }
    chunk
}

/// The sixteen bytes of `text` from `at` on, with zeros (which stop) after its end.
#[inline(always)]
pub(super) fn chunk_at(text: &[u8], at: usize) -> [u8; CHUNK] {
    if let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk::<CHUNK>()) {
        return *chunk;
    }
    tail(text, at)
}

#[inline(never)]
fn tail(text: &[u8], at: usize) -> [u8; CHUNK] {
    if let Some(last) = text.last_chunk::<CHUNK>() {
        // What lies before `at` is shifted out, from the low end.
        let before = CHUNK - text.len().saturating_sub(at);
        return u128::from_le_bytes(*last).checked_shr(8 * before as u32).unwrap_or(0).to_le_bytes();
    }
    let mut chunk = [0; CHUNK];
    let rest = text.get(at..).unwrap_or_default();
    chunk[..rest.len()].copy_from_slice(rest);
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_classified_as_the_plain_way_does() {
        for byte in 0..=255 {
            let mut bytes = [b'a'; CHUNK];
            bytes[5] = byte;
            let (fast, plain) = (look(&bytes), look_plainly(&bytes));
            assert_eq!((fast.stops, fast.high), (plain.stops, plain.high), "byte {byte}");
        }
        assert_eq!(chunk_at(b"abc", 1)[..3], *b"bc\0");
        assert_eq!(chunk_at(b"abc", 9), [0; CHUNK]);
        let text: [u8; 20] = std::array::from_fn(|i| i as u8 + 1);
        for at in 0..25 {
            let mut expected = [0; CHUNK];
            let rest = text.get(at..).unwrap_or_default();
            let taken = rest.len().min(CHUNK);
            expected[..taken].copy_from_slice(&rest[..taken]);
            assert_eq!(chunk_at(&text, at), expected, "at {at}");
        }
    }
}
