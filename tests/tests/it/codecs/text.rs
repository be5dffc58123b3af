//! Orders as JSON, plain and by a JSON Schema, by the library `serde_json`.

use serde_json::{Value, json};

use super::Coded;
use super::order::{Order, columns};

pub fn json_objects() -> Coded {
    Coded {
        name: "json",
        format: json!({ "codec": "json", "schema": columns() }),
        units: 1,
        write: |orders| orders.iter().map(|order| order.to_json().to_string().into_bytes()).collect(),
        read: |bytes| Order::from_json(&serde_json::from_slice(bytes).unwrap(), 1),
    }
}

/// The schema of orders: times are text.
pub fn definition() -> Value {
    let address = json!({
        "type": ["object", "null"],
        "properties": {
            "street": { "type": "string" },
            "zip": { "type": "integer", "connect.type": "int32" },
        },
        "required": ["street", "zip"],
        "additionalProperties": false,
    });
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Order",
        "type": "object",
        "properties": {
            "id": { "type": "integer" },
            "user": { "type": ["string", "null"] },
            "paid": { "type": "boolean" },
            "amount": { "type": ["number", "null"] },
            "price": { "type": "number", "minimum": 0 },
            "at": { "type": "string", "format": "date-time" },
            "tags": { "type": "array", "items": { "type": "string" } },
            "counts": { "type": "object", "additionalProperties": { "type": "integer" } },
            "address": address,
            "blob": { "type": "string", "contentEncoding": "base64" },
        },
        "required": ["id", "paid", "price", "at", "tags", "counts", "blob"],
        "additionalProperties": false,
    })
}

pub fn by_json_schema() -> Coded {
    Coded {
        name: "json_schema",
        format: json!({ "codec": "json_schema", "definition": definition() }),
        // Text of times leads to columns of microseconds.
        units: 1_000,
        write: |orders| {
            let value = |order: &Order| {
                let mut row = order.to_json();
                row["at"] = order.at().into();
                row.to_string().into_bytes()
            };
            orders.iter().map(value).collect()
        },
        read: |bytes| {
            let row: Value = serde_json::from_slice(bytes).unwrap();
            assert!(row["at"].is_string(), "{row}");
            Order::from_json(&row, 1)
        },
    }
}
