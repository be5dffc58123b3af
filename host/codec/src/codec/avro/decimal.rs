//! Decimals: digits as bytes, and the same number with another scale. Knows nothing of schemas and columns.

use arrow::datatypes::{ArrowNativeTypeOp, i256};

/// A whole number that a decimal's digits spell.
pub(super) trait Digits: ArrowNativeTypeOp {
    /// Of big-endian bytes in two's complement, as many as there are; `None` where it does not fit.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;

    /// Its big-endian bytes in two's complement, from the first that counts on, appended.
    fn to_bytes(self, out: &mut Vec<u8>);

    /// The same number in 256 bits.
    fn wide(self) -> i256;

    /// `10^exponent`; `None` where it does not fit.
    fn power(exponent: u32) -> Option<Self>;

    /// Times `10^exponent`, where that is whole and fits.
    #[inline]
    fn scaled(self, exponent: i32) -> Option<Self> {
        if exponent == 0 || self.is_zero() {
            return Some(self);
        }
        let power = Self::power(exponent.unsigned_abs())?;
        if exponent > 0 {
            return self.mul_checked(power).ok();
        }
        self.mod_checked(power).ok()?.is_zero().then(|| self.div_wrapping(power))
    }

    /// Whether it has at most so many digits.
    #[inline]
    fn fits(self, precision: u8) -> bool {
        Self::power(u32::from(precision))
            .is_none_or(|limit| self.is_lt(limit) && self.is_gt(limit.neg_wrapping()))
    }
}

impl Digits for i128 {
    #[inline]
    fn from_bytes(bytes: &[u8]) -> Option<i128> {
        widened(bytes).map(i128::from_be_bytes)
    }

    fn to_bytes(self, out: &mut Vec<u8>) {
        out.extend_from_slice(significant(&self.to_be_bytes()));
    }

    fn wide(self) -> i256 {
        i256::from_i128(self)
    }

    #[inline]
    fn power(exponent: u32) -> Option<i128> {
        POWERS.get(exponent as usize).copied()
    }
}

impl Digits for i256 {
    fn from_bytes(bytes: &[u8]) -> Option<i256> {
        widened(bytes).map(i256::from_be_bytes)
    }

    fn to_bytes(self, out: &mut Vec<u8>) {
        out.extend_from_slice(significant(&self.to_be_bytes()));
    }

    fn wide(self) -> i256 {
        self
    }

    fn power(exponent: u32) -> Option<i256> {
        i256::from_i128(10).pow_checked(exponent).ok()
    }
}

/// The number of these bytes times `10^exponent`, where that is whole and fits. The digits on the way to it may be more
/// than 128 bits hold.
#[inline]
pub(super) fn scaled_from(bytes: &[u8], exponent: i32) -> Option<i128> {
    let narrow = i128::from_bytes(bytes).and_then(|value| value.scaled(exponent));
    narrow.or_else(|| i256::from_bytes(bytes)?.scaled(exponent)?.to_i128())
}

const POWERS: [i128; 39] = {
    let mut powers = [1; 39];
    let mut exponent = 1;
    while exponent < 39 {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

/// The byte that a number goes on with in front.
fn sign(bytes: &[u8]) -> u8 {
    if bytes.first().is_some_and(|first| first & 0x80 != 0) { 0xff } else { 0 }
}

/// The same number in `N` bytes.
#[inline]
fn widened<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let sign = sign(bytes);
    let (front, kept) = bytes.split_at(bytes.len().saturating_sub(N));
    if !front.is_empty() && (front.iter().any(|&byte| byte != sign) || self::sign(kept) != sign) {
        return None;
    }
    let mut wide = [sign; N];
    wide[N - kept.len()..].copy_from_slice(kept);
    Some(wide)
}

/// The same number in as few bytes as it can be written in.
fn significant(bytes: &[u8]) -> &[u8] {
    let sign = sign(bytes);
    let front = bytes.iter().take_while(|&&byte| byte == sign).count();
    // The first byte that is kept tells the sign too.
    let needed = bytes.get(front).is_none_or(|&byte| (byte & 0x80 != 0) != (sign != 0));
    &bytes[front - usize::from(needed)..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(value: impl Digits) -> Vec<u8> {
        let mut out = Vec::new();
        value.to_bytes(&mut out);
        out
    }

    #[test]
    fn the_fewest_bytes_tell_the_sign() {
        for (value, expected) in [
            (0, &[0][..]),
            (-1, &[0xff]),
            (127, &[127]),
            (128, &[0, 128]),
            (-128, &[128]),
            (-129, &[255, 127]),
        ] {
            assert_eq!(bytes(value), expected, "{value}");
            assert_eq!(bytes(i256::from_i128(value)), expected, "{value}");
        }
        assert_eq!((i128::from_bytes(&[]), i256::from_bytes(&[])), (Some(0), Some(i256::ZERO)));
    }

    #[test]
    fn another_scale_is_exact_or_none() {
        assert_eq!(
            (1_200_i128.scaled(-2), 1_234_i128.scaled(-2), 12_i128.scaled(2)),
            (Some(12), None, Some(1200))
        );
        assert_eq!((0_i128.scaled(-1000), 1_i128.scaled(-1000), 1_i128.scaled(39)), (Some(0), None, None));
        assert_eq!(i256::from_i128(-5).scaled(70).and_then(|v| v.scaled(-70)), Some(i256::from_i128(-5)));
        assert!(999_i128.fits(3) && !1000_i128.fits(3) && (-999_i128).fits(3) && i128::MIN.fits(39));
    }

    proptest! {
        #[test]
        fn bytes_come_back(value: i128, more in 0_usize..40) {
            let mut written = bytes(value);
            let sign = sign(&written);
            prop_assert!(written.len() == 1 || i128::from_bytes(&written[1..]) != Some(value));
            written.splice(0..0, std::iter::repeat_n(sign, more));
            prop_assert_eq!(i128::from_bytes(&written), Some(value));
            prop_assert_eq!(i256::from_bytes(&written), Some(i256::from_i128(value)));
        }
    }
}
