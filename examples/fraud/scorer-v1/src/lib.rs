//! How suspicious an order is, first version: by its amount alone.

use sabot_sdk::prelude::*;

/// What a score needs to know of an order.
#[derive(Row)]
pub struct Order {
    amount: f64,
}

/// What is added to the order.
#[derive(OutputRow)]
pub struct Score {
    /// From 0, harmless, to 1.
    score: f64,
    /// Which version said so.
    model: &'static str,
}

/// `{"limit": 1000}`: the amount from which an order is as suspicious as can be.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default = "default_limit")]
    limit: f64,
}

fn default_limit() -> f64 {
    1000.0
}

/// Scores an order.
#[sabot::map(name = "scorer", extends)]
pub fn score(order: Order, config: &Config) -> Result<Score, RowError> {
    if order.amount < 0.0 {
        return Err(RowError::new("negative-amount", format!("the amount is {}", order.amount)));
    }
    Ok(Score { score: (order.amount / config.limit).min(1.0), model: "scorer@1.0.0" })
}
