//! Keeps orders of more than 500 and adds a fee to them. It knows the SDK alone.

use sabot_sdk::prelude::*;

/// What comes in.
#[derive(Row)]
pub struct Order {
    amount: f64,
}

/// What is added.
#[derive(OutputRow)]
pub struct Fee {
    fee: f64,
}

/// Drops the small ones.
#[sabot::flat_map(extends)]
pub fn fee(order: Order, out: &mut Emitter<Fee>) {
    if order.amount > 500.0 {
        out.push(Fee { fee: order.amount * 0.015 });
    }
}
