//! Decimals: as text with every digit, and whether one has as many digits as its column takes. Knows nothing of
//! any format.

use arrow::datatypes::i256;

/// Whether a number has no more than `precision` digits.
pub(crate) fn fits(value: i128, precision: u8) -> bool {
    10_i128.checked_pow(u32::from(precision)).is_none_or(|limit| value.unsigned_abs() < limit.unsigned_abs())
}

/// As [`fits`].
pub(crate) fn fits256(value: i256, precision: u8) -> bool {
    let digits = value.to_string();
    digits.trim_start_matches('-').len() <= usize::from(precision)
}

/// The number that `digits` (with a sign perhaps) times `10^-scale` is, with every digit.
pub(crate) fn write(digits: &str, scale: i8, out: &mut Vec<u8>) {
    let digits = match digits.strip_prefix('-') {
        Some(digits) => {
            out.push(b'-');
            digits
        }
        None => digits,
    }
    .as_bytes();
    let fraction = scale.max(0) as usize;
    let whole = digits.len().saturating_sub(fraction);
    out.extend_from_slice(if whole == 0 { b"0" } else { &digits[..whole] });
    if scale < 0 && digits != b"0" {
        out.resize(out.len() + usize::from(scale.unsigned_abs()), b'0');
    }
    if fraction > 0 {
        out.push(b'.');
        out.resize(out.len() + fraction.saturating_sub(digits.len()), b'0');
        out.extend_from_slice(&digits[whole..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_every_digit() {
        for (digits, scale, text) in [
            ("0", 0, "0"),
            ("0", 2, "0.00"),
            ("5", 2, "0.05"),
            ("-5", 2, "-0.05"),
            ("12345", 2, "123.45"),
            ("-123", 0, "-123"),
            ("123", 3, "0.123"),
            ("12", -3, "12000"),
            ("0", -3, "0"),
        ] {
            assert_eq!(
                {
                    let mut out = Vec::new();
                    write(digits, scale, &mut out);
                    String::from_utf8(out).unwrap()
                },
                text
            );
        }
    }
}
