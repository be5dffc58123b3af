//! Wants more than its input: the time of day and random bytes, both on each row. It knows the SDK alone.

use sabot_sdk::prelude::*;

/// What comes in.
#[derive(Row)]
pub struct Order {
    id: i64,
}

/// What is added.
#[derive(OutputRow)]
pub struct Stamp {
    /// The order's id.
    stamped: i64,
    /// When it was stamped, milliseconds since 1970.
    at_ms: i64,
    /// 16 random bytes in hexadecimal.
    token: String,
}

/// Stamps an order.
#[sabot::map(extends, nondeterministic, clock, entropy)]
pub fn stamp(order: Order) -> Stamp {
    let token = sabot::random(16).iter().map(|byte| format!("{byte:02x}")).collect();
    Stamp { stamped: order.id, at_ms: sabot::now_ms(), token }
}
