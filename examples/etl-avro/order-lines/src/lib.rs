//! An order becomes a row for each of its items, with what the item costs and the order's part of the shipping.

use sabot_sdk::prelude::*;

/// An order with its items.
#[derive(Row)]
pub struct Order<'a> {
    id: i64,
    user: &'a str,
    shipping_cents: i64,
    items: Vec<Item>,
}

/// An item of an order.
#[derive(Row)]
pub struct Item {
    sku: String,
    quantity: i32,
    price_cents: i64,
}

/// A line of an order.
#[derive(OutputRow)]
pub struct Line {
    order_id: i64,
    /// From 1.
    line: i32,
    user: String,
    sku: String,
    quantity: i32,
    cents: i64,
    /// The parts of all lines add up to the shipping of the order, to the cent.
    shipping_cents: i64,
}

/// Refuses an order without items (`no-items`) or with a quantity below one (`bad-quantity`) as a whole.
#[sabot::flat_map]
pub fn order_lines(order: Order, lines: &mut Emitter<Line>) -> Result<(), RowError> {
    if order.items.is_empty() {
        return Err(RowError::new("no-items", format!("order {}", order.id)));
    }
    if let Some(item) = order.items.iter().find(|item| item.quantity < 1) {
        let what = format!("order {}: {} of {}", order.id, item.quantity, item.sku);
        return Err(RowError::new("bad-quantity", what));
    }
    let count = order.items.len() as i64;
    let (share, rest) = (order.shipping_cents / count, order.shipping_cents % count);
    for (line, item) in (1..).zip(order.items) {
        lines.push(Line {
            order_id: order.id,
            line,
            user: order.user.to_owned(),
            sku: item.sku,
            quantity: item.quantity,
            cents: i64::from(item.quantity) * item.price_cents,
            shipping_cents: share + i64::from(i64::from(line) <= rest),
        });
    }
    Ok(())
}
