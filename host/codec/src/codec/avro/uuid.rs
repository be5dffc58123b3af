//! UUIDs: sixteen bytes ↔ text. Knows nothing of schemas and columns.

/// Characters of a UUID.
const LEN: usize = 36;
/// Where its hyphens are.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// As text, in lower case.
pub(super) fn format(bytes: [u8; 16]) -> [u8; LEN] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'-'; LEN];
    let places = (0..LEN).filter(|at| !HYPHENS.contains(at));
    let digits = bytes.into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    for (place, digit) in places.zip(digits) {
        text[place] = HEX[usize::from(digit)];
    }
    text
}

/// From text in either case.
pub(super) fn parse(text: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; LEN] = text.try_into().ok()?;
    let mut digits = [0; 32];
    let mut count = 0;
    for (at, &character) in text.iter().enumerate() {
        if HYPHENS.contains(&at) {
            if character != b'-' {
                return None;
            }
            continue;
        }
        digits[count] = (character as char).to_digit(16)? as u8;
        count += 1;
    }
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes() {
        let text = b"a4818e1c-8e59-11eb-8dcd-0242ac130003";
        let bytes = parse(text).unwrap();
        assert_eq!(bytes, 0xa4818e1c8e5911eb8dcd0242ac130003_u128.to_be_bytes());
        assert_eq!((&format(bytes), parse(&text.to_ascii_uppercase())), (text, Some(bytes)));
        for text in [
            "",
            "a4818e1c8e5911eb8dcd0242ac130003",
            "a4818e1c-8e59-11eb-8dcd-0242ac13000",
            "a4818e1c-8e59-11eb-8dcd_0242ac130003",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
