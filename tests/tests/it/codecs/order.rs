//! The rows that go through every codec, and how they look as JSON. Knows nothing of the other codecs.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// Midnight of the day of all orders.
const DAY: &str = "2024-05-01T";
const DAY_MS: i64 = 1_714_521_600_000;

/// A row with something of everything.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    pub id: i64,
    pub user: Option<String>,
    pub paid: bool,
    pub amount: Option<f64>,
    /// The price, in hundredths.
    pub cents: i64,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    pub tags: Vec<String>,
    pub counts: BTreeMap<String, i64>,
    pub address: Option<Address>,
    pub blob: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Address {
    pub street: String,
    pub zip: i32,
}

/// The columns as a specification declares them.
pub fn columns() -> Value {
    json!({
        "id": "int64!", "user": "string", "paid": "bool", "amount": "float64", "price": "decimal(10, 2)",
        "at": "timestamp_ms(UTC)", "tags": "list<string>", "counts": "map<string, int64>",
        "address": { "street": "string", "zip": "int32" }, "blob": "bytes",
    })
}

impl Order {
    /// Order `id`; orders differ in everything, and each column that may be null is null now and then.
    pub fn nth(id: i64) -> Order {
        let some = |every: i64| id % every != 0;
        Order {
            id: id - 500 + (id % 3) * (1 << 53),
            user: some(7).then(|| format!("user-{id} \"ü\" \u{1f980}")),
            paid: id % 2 == 0,
            amount: some(11).then_some(id as f64 / 8.0 - 3.5),
            cents: id * 7_919 % 1_000_000,
            at_ms: DAY_MS + id * 1_013 % 86_400_000,
            tags: (0..id % 4).map(|n| format!("tag {n}")).collect(),
            counts: (0..id % 3).map(|n| (format!("k{n}"), id - n * 1_000)).collect(),
            address: some(5).then(|| Address { street: format!("Straße {id}"), zip: id as i32 - 250 }),
            blob: (0..id % 9).map(|n| (n * 29 + id) as u8).collect(),
        }
    }

    /// The price as text.
    pub fn price(&self) -> String {
        format!("{}.{:02}", self.cents / 100, self.cents % 100)
    }

    /// The time as text.
    pub fn at(&self) -> String {
        let ms = self.at_ms - DAY_MS;
        let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        format!("{DAY}{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", ms % 1_000)
    }

    /// A JSON object; the time as a number of milliseconds.
    pub fn to_json(&self) -> Value {
        let address = self.address.as_ref().map(|a| json!({ "street": a.street, "zip": a.zip }));
        json!({
            "id": self.id, "user": self.user, "paid": self.paid, "amount": self.amount,
            "price": self.cents as f64 / 100.0, "at": self.at_ms, "tags": self.tags,
            "counts": self.counts.iter().map(|(k, v)| (k.clone(), json!(v))).collect::<Map<_, _>>(),
            "address": address, "blob": STANDARD.encode(&self.blob),
        })
    }

    /// The order that a JSON object is; the time as text or in units of which there are so many in a millisecond.
    pub fn from_json(row: &Value, units: i64) -> Order {
        let none = Map::new();
        let cents = |price: f64| (price * 100.0).round() as i64;
        let counts = row["counts"].as_object().unwrap_or(&none);
        let tags = row["tags"].as_array().unwrap_or_else(|| panic!("no tags in {row}"));
        Order {
            id: row["id"].as_i64().unwrap_or_else(|| panic!("no id in {row}")),
            user: row["user"].as_str().map(str::to_owned),
            paid: row["paid"].as_bool().unwrap(),
            amount: row["amount"].as_f64(),
            cents: match &row["price"] {
                Value::String(text) => cents(text.parse().unwrap()),
                number => cents(number.as_f64().unwrap()),
            },
            at_ms: match &row["at"] {
                Value::String(text) => millis(text),
                number => {
                    let number = number.as_i64().unwrap();
                    assert_eq!(number % units, 0, "{row}");
                    number / units
                }
            },
            tags: tags.iter().map(|tag| tag.as_str().unwrap().to_owned()).collect(),
            counts: counts.iter().map(|(k, v)| (k.clone(), v.as_i64().unwrap())).collect(),
            address: row["address"].as_object().map(|address| Address {
                street: address["street"].as_str().unwrap().to_owned(),
                zip: address["zip"].as_i64().unwrap() as i32,
            }),
            blob: STANDARD.decode(row["blob"].as_str().unwrap()).unwrap(),
        }
    }
}

/// Milliseconds since 1970 of a time of the day of all orders, as `2024-05-01T12:30:45.123Z`.
fn millis(text: &str) -> i64 {
    let time = text.strip_prefix(DAY).unwrap_or_else(|| panic!("{text} is another day"));
    let time = time.trim_end_matches('Z').trim_end_matches("+00:00");
    let parts: Vec<f64> = time.split(':').map(|part| part.parse().unwrap()).collect();
    DAY_MS + ((parts[0] * 60.0 + parts[1]) * 60_000.0 + parts[2] * 1_000.0).round() as i64
}
