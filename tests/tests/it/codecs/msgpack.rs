//! Orders as MessagePack, by the library `rmp-serde`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use super::Coded;
use super::order::{Address, Order, columns};

/// Orders as maps.
pub fn maps() -> Coded {
    Coded {
        name: "msgpack-maps",
        format: format("map"),
        units: 1,
        write: |orders| {
            orders.iter().map(|order| rmp_serde::to_vec_named(&Packed::of(order)).unwrap()).collect()
        },
        read,
    }
}

/// Orders as arrays.
pub fn arrays() -> Coded {
    Coded {
        name: "msgpack-arrays",
        format: format("array"),
        units: 1,
        write: |orders| orders.iter().map(|order| rmp_serde::to_vec(&Packed::of(order)).unwrap()).collect(),
        read,
    }
}

fn format(layout: &str) -> Value {
    json!({ "codec": "msgpack", "schema": columns(), "layout": layout })
}

/// The columns in their order.
#[derive(Serialize, Deserialize)]
struct Packed {
    id: i64,
    user: Option<String>,
    paid: bool,
    amount: Option<f64>,
    price: String,
    at: Extension,
    tags: Vec<String>,
    counts: BTreeMap<String, i64>,
    address: Option<PackedAddress>,
    blob: Binary,
}

#[derive(Serialize, Deserialize)]
struct PackedAddress {
    street: String,
    zip: i32,
}

/// The name is what the library knows extensions by.
#[derive(Serialize, Deserialize)]
#[serde(rename = "_ExtStruct")]
struct Extension((i8, Binary));

/// Bytes as a binary; without this they would be an array of numbers.
struct Binary(Vec<u8>);

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        deserializer.deserialize_bytes(Bytes).map(Binary)
    }
}

impl Packed {
    fn of(order: &Order) -> Packed {
        Packed {
            id: order.id,
            user: order.user.clone(),
            paid: order.paid,
            amount: order.amount,
            price: order.price(),
            at: Extension((-1, Binary(time(order.at_ms)))),
            tags: order.tags.clone(),
            counts: order.counts.clone(),
            address: order
                .address
                .as_ref()
                .map(|address| PackedAddress { street: address.street.clone(), zip: address.zip }),
            blob: Binary(order.blob.clone()),
        }
    }
}

fn read(bytes: &[u8]) -> Order {
    let packed: Packed = rmp_serde::from_slice(bytes).unwrap();
    let Extension((kind, at)) = packed.at;
    assert_eq!(kind, -1);
    Order {
        id: packed.id,
        user: packed.user,
        paid: packed.paid,
        amount: packed.amount,
        cents: (packed.price.parse::<f64>().unwrap() * 100.0).round() as i64,
        at_ms: millis(&at.0),
        tags: packed.tags,
        counts: packed.counts,
        address: packed.address.map(|PackedAddress { street, zip }| Address { street, zip }),
        blob: packed.blob.0,
    }
}

/// The timestamp extension of 64 bits: 30 of nanoseconds, 34 of seconds.
fn time(ms: i64) -> Vec<u8> {
    let (seconds, nanos) = (ms / 1_000, ms % 1_000 * 1_000_000);
    (nanos << 34 | seconds).to_be_bytes().to_vec()
}

/// The timestamp extension in 32 or 64 bits.
fn millis(bytes: &[u8]) -> i64 {
    match bytes.len() {
        4 => i64::from(u32::from_be_bytes(bytes.try_into().unwrap())) * 1_000,
        8 => {
            let both = u64::from_be_bytes(bytes.try_into().unwrap());
            ((both & ((1 << 34) - 1)) * 1_000 + (both >> 34) / 1_000_000) as i64
        }
        other => panic!("a timestamp of {other} bytes for a time of this century"),
    }
}
