//! How suspicious an order is, third version: it says the right things of itself and fails at its first order. The
//! demo swaps it in, to show how the host goes back.

use sabot_sdk::prelude::*;

/// What a score needs to know of an order.
#[derive(Row)]
pub struct Order {
    amount: f64,
}

/// What is added to the order.
#[derive(OutputRow)]
pub struct Score {
    score: f64,
    model: &'static str,
}

const WEIGHTS: &[f64] = &[];

/// Scores no order.
#[sabot::map(name = "scorer", extends)]
pub fn score(order: Order) -> Score {
    let weight = WEIGHTS.first().expect("the model has no weights: this version is broken on purpose");
    Score { score: order.amount * weight, model: "scorer@3.0.0" }
}
