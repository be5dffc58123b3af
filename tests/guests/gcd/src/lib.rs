//! The greatest common divisor of two columns: the workload of the `boundary` bench. It knows the SDK alone.

use sabot_sdk::prelude::*;

/// What comes in.
#[derive(Row)]
pub struct Pair {
    a: i64,
    b: i64,
}

/// What goes out.
#[derive(OutputRow)]
pub struct Gcd {
    gcd: i64,
}

/// Euclid's algorithm.
#[sabot::map]
pub fn gcd(pair: Pair) -> Gcd {
    let (mut a, mut b) = (pair.a, pair.b);
    while b != 0 {
        (a, b) = (b, a.wrapping_rem(b));
    }
    Gcd { gcd: a }
}
