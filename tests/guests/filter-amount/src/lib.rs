//! Keeps rows whose `amount` is more than the configured one. It knows the SDK alone.

use sabot_sdk::prelude::*;

/// What comes in.
#[derive(Row)]
pub struct Order {
    amount: f64,
}

/// `{"min": 500}`
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    min: f64,
}

/// Strictly more.
#[sabot::filter]
pub fn filter_amount(order: Order, config: &Config) -> bool {
    order.amount > config.min
}
