//! Numbers: the grammar once, then what each type makes of it without losing a digit. Knows nothing of columns.

use std::str::FromStr;

use arrow::datatypes::i256;

use super::cursor::Cursor;
use crate::codec::problem::Outcome;

/// A number as written: `mantissa × 10^exponent`, negated if `negative`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number<'a> {
    pub(super) negative: bool,
    /// The digits as a number; not all of them when `long`.
    pub(super) mantissa: u64,
    /// Of the digits, the decimal point counted in.
    pub(super) exponent: i32,
    /// There are more digits than `mantissa` holds.
    pub(super) long: bool,
    /// As written.
    pub(crate) text: &'a [u8],
}

/// Bytes of a text that may have an exponent which the standard library does not read to its end.
const LONG_TEXT: usize = 64 << 10;
/// Digits that always fit `mantissa`.
const MANTISSA_DIGITS: usize = 19;
/// Exponents beyond this are all the same, as no record has as many digits: nothing but zero is in range.
const EXPONENT_MAX: i32 = 1 << 26;
const _: () = assert!(crate::codec::rows::MAX_RECORD_BYTES < EXPONENT_MAX as usize / 2);

impl<'a> Cursor<'a> {
    /// Reads the number here.
    // Always inlined: handing the parts back through memory costs as much as reading them.
    #[inline(always)]
    pub(crate) fn number(&mut self) -> Outcome<Number<'a>> {
        let begin = self.at;
        let negative = self.peek() == b'-';
        self.at += usize::from(negative);
        let first = self.at;
        let mut mantissa = self.digits(0);
        let mut digits = self.at - first;
        if digits == 0 {
            return Err(self.syntax("a digit"));
        }
        if digits > 1 && self.text[first] == b'0' {
            self.at = first + 1;
            return Err(self.syntax("no digit after a leading 0"));
        }
        let mut exponent = 0;
        if self.peek() == b'.' {
            self.at += 1;
            let fraction = self.at;
            mantissa = self.digits(mantissa);
            let count = self.at - fraction;
            if count == 0 {
                return Err(self.syntax("a digit after the decimal point"));
            }
            digits += count;
            exponent = -(count as i32);
        }
        if matches!(self.peek(), b'e' | b'E') {
            exponent += self.exponent()?;
        }
        let text: &'a [u8] = self.text;
        Ok(Number {
            negative,
            mantissa,
            exponent,
            long: digits > MANTISSA_DIGITS,
            text: &text[begin..self.at],
        })
    }

    /// The number here, if it is nothing but a few digits, as most are: they are skipped. Otherwise it is not known where
    /// this stands then.
    #[inline(always)]
    pub(super) fn short_integer(&mut self) -> Option<u64> {
        let (first, begin) = (self.peek(), self.at);
        let value = self.digits(0);
        let digits = self.at - begin;
        let more = matches!(self.peek(), b'.' | b'e' | b'E');
        let plain = (1..MANTISSA_DIGITS).contains(&digits) && (first != b'0' || digits == 1);
        (plain && !more).then_some(value)
    }

    /// Appends the digits here to `value`; wraps when there are too many.
    #[inline(always)]
    fn digits(&mut self, mut value: u64) -> u64 {
        while let Some(eight) = self.text.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            let bytes = u64::from_le_bytes(*eight);
            let count = leading_digits(bytes);
            value = value.wrapping_mul(POWERS[count]).wrapping_add(first_digits(bytes, count));
            self.at += count;
            if count < 8 {
                return value;
            }
        }
        while let Some(digit @ b'0'..=b'9') = self.text.get(self.at) {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        value
    }

    #[inline(never)]
    fn exponent(&mut self) -> Outcome<i32> {
        self.at += 1;
        let negative = self.peek() == b'-';
        self.at += usize::from(matches!(self.peek(), b'-' | b'+'));
        let first = self.at;
        let mut value: i32 = 0;
        while let Some(digit @ b'0'..=b'9') = self.text.get(self.at) {
            value = value.saturating_mul(10).saturating_add(i32::from(digit - b'0')).min(EXPONENT_MAX);
            self.at += 1;
        }
        if self.at == first {
            return Err(self.syntax("a digit of the exponent"));
        }
        Ok(if negative { -value } else { value })
    }
}

const POWERS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// How many of the eight bytes, from the lowest on, are digits.
#[inline(always)]
fn leading_digits(bytes: u64) -> usize {
    let value = bytes ^ 0x3030_3030_3030_3030;
    // A byte above 9 gets a bit in its upper half, by itself or by the addition (which cannot carry out of a
    // byte below 0x80; above it, that byte's own high bit is set already, and lower bytes are not touched).
    let not_digit =
        (((value & 0x7f7f_7f7f_7f7f_7f7f) + 0x7676_7676_7676_7676) | value) & 0x8080_8080_8080_8080;
    (not_digit.trailing_zeros() / 8) as usize
}

/// The number that the lowest `count` bytes spell.
#[inline(always)]
fn first_digits(bytes: u64, count: usize) -> u64 {
    if count == 0 {
        return 0;
    }
    // Zeros in front, so that eight digits are spelt whatever the count: the shift is below 64 as count > 0.
    let digits = (bytes & 0x0f0f_0f0f_0f0f_0f0f) << (8 * (8 - count));
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff
}

impl<'a> Number<'a> {
    /// The number that `text` is, with nothing around it.
    pub(crate) fn parse(text: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<Number<'a>> {
        let mut cursor = Cursor { text, at: 0, scratch };
        let number = cursor.number().ok()?;
        (cursor.at == text.len()).then_some(number)
    }

    /// Its value, where it is whole and fits.
    #[inline]
    pub(super) fn integer<T: TryFrom<i128>>(&self) -> Option<T> {
        if self.exponent == 0 && !self.long {
            let value = i128::from(self.mantissa);
            return T::try_from(if self.negative { -value } else { value }).ok();
        }
        self.scaled_slowly(0).and_then(|value| T::try_from(value).ok())
    }

    /// The nearest value; `None` beyond the largest.
    #[inline]
    pub(crate) fn float64(&self) -> Option<f64> {
        // Both are exact, so one rounding gives the nearest.
        if !self.long && self.mantissa <= 1 << f64::MANTISSA_DIGITS && self.exponent.unsigned_abs() <= 22 {
            let mantissa = self.mantissa as f64;
            let power = POWERS_F64[self.exponent.unsigned_abs() as usize];
            let value = if self.exponent < 0 { mantissa / power } else { mantissa * power };
            return Some(if self.negative { -value } else { value });
        }
        let value: f64 = self.nearest()?;
        value.is_finite().then_some(value)
    }

    /// The nearest value; `None` beyond the largest.
    pub(super) fn float32(&self) -> Option<f32> {
        // Not by way of a float64: that would round twice.
        let value: f32 = self.nearest()?;
        value.is_finite().then_some(value)
    }

    /// As the standard library reads it, which stops counting at exponents beyond half a million: of a text that could
    /// have so many zeros only the digits that count are given to it.
    fn nearest<T: FromStr>(&self) -> Option<T> {
        let text = self.as_str();
        if text.len() < LONG_TEXT {
            return text.parse().ok();
        }
        let (digits, exponent) = self.significant(0);
        let digits = std::str::from_utf8(&digits).ok()?;
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}0{digits}e{exponent}").parse().ok()
    }

    /// Its value times `10^scale`, where that is whole and fits 38 digits.
    #[inline]
    pub(crate) fn scaled(&self, scale: i8) -> Option<i128> {
        let up = self.exponent + i32::from(scale);
        if !self.long && (0..=18).contains(&up) {
            let value = i128::from(self.mantissa) * 10_i128.pow(up as u32);
            return Some(if self.negative { -value } else { value });
        }
        self.scaled_slowly(scale)
    }

    #[cold]
    fn scaled_slowly(&self, scale: i8) -> Option<i128> {
        let (digits, up) = self.significant(scale);
        if digits.is_empty() {
            return Some(0);
        }
        if up < 0 || digits.len() + up as usize > 38 {
            return None;
        }
        let value = digits.iter().fold(0, |value: i128, digit| value * 10 + i128::from(digit - b'0'));
        let value = value * 10_i128.pow(up as u32);
        Some(if self.negative { -value } else { value })
    }

    /// As [`scaled`](Self::scaled), in 76 digits.
    pub(crate) fn scaled256(&self, scale: i8) -> Option<i256> {
        let (mut digits, up) = self.significant(scale);
        if digits.is_empty() {
            return Some(i256::ZERO);
        }
        if up < 0 || digits.len() + up as usize > 76 {
            return None;
        }
        digits.resize(digits.len() + up as usize, b'0');
        if self.negative {
            digits.insert(0, b'-');
        }
        i256::from_string(std::str::from_utf8(&digits).ok()?)
    }

    /// The digits without zeros at either end, and the exponent that makes them this number times `10^scale`.
    fn significant(&self, scale: i8) -> (Vec<u8>, i32) {
        let mantissa = self.text.split(|b| matches!(b, b'e' | b'E')).next().unwrap_or_default();
        let mut digits: Vec<u8> = mantissa.iter().copied().filter(u8::is_ascii_digit).collect();
        let kept = digits.iter().rposition(|&d| d != b'0').map_or(0, |last| last + 1);
        let dropped = (digits.len() - kept) as i32;
        digits.truncate(kept);
        let zeros = digits.iter().take_while(|&&d| d == b'0').count();
        digits.drain(..zeros);
        (digits, self.exponent + dropped + i32::from(scale))
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(self.text).expect("a number is made of ASCII characters only")
    }
}

const POWERS_F64: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];
