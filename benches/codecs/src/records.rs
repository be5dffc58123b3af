//! The records: a flat one of about 200 bytes of JSON and a nested one of about 2 kB, as structs that libraries read
//! and write, and as schemas. Knows nothing of what is measured.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A kind of record.
pub trait Shape: prost::Message + Default + Serialize + DeserializeOwned + 'static {
    /// For people and figures.
    const NAME: &'static str;
    /// As a `.proto` file.
    const PROTO: &'static str;
    /// As an Avro schema.
    const AVRO: &'static str;
    /// The record with this number.
    fn nth(n: u64) -> Self;
}

/// An event as most are.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
pub struct Flat {
    #[prost(int64, optional, tag = "1")]
    id: Option<i64>,
    #[prost(string, optional, tag = "2")]
    user: Option<String>,
    #[prost(double, optional, tag = "3")]
    amount: Option<f64>,
    #[prost(string, optional, tag = "4")]
    merchant: Option<String>,
    #[prost(string, optional, tag = "5")]
    country: Option<String>,
    #[prost(bool, optional, tag = "6")]
    online: Option<bool>,
    #[prost(int64, optional, tag = "7")]
    ts: Option<i64>,
    #[prost(string, optional, tag = "8")]
    note: Option<String>,
}

impl Shape for Flat {
    const NAME: &'static str = "flat";
    const PROTO: &'static str = r#"syntax = "proto3";
        message Flat {
          optional int64 id = 1;
          optional string user = 2;
          optional double amount = 3;
          optional string merchant = 4;
          optional string country = 5;
          optional bool online = 6;
          optional int64 ts = 7;
          optional string note = 8;
        }"#;
    const AVRO: &'static str = r#"{"type":"record","name":"Flat","fields":[
        {"name":"id","type":["null","long"]},{"name":"user","type":["null","string"]},
        {"name":"amount","type":["null","double"]},{"name":"merchant","type":["null","string"]},
        {"name":"country","type":["null","string"]},{"name":"online","type":["null","boolean"]},
        {"name":"ts","type":["null","long"]},{"name":"note","type":["null","string"]}]}"#;

    fn nth(n: u64) -> Flat {
        Flat {
            id: Some(1_000_000 + n as i64),
            user: Some(format!("user-{:06}", n * 7919 % 1_000_000)),
            amount: Some((n * 37 % 100_000) as f64 / 100.0),
            merchant: Some(format!("merchant-{:04}", n % 5000)),
            country: Some(["CZ", "DE", "FR", "US"][(n % 4) as usize].to_owned()),
            online: Some(n.is_multiple_of(3)),
            ts: Some(1_714_521_600_000 + 17 * n as i64),
            note: Some(format!(
                "paid by card {:04}, delivered to the door, signed by a neighbour",
                n % 10_000
            )),
        }
    }
}

/// An order with what belongs to it.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
pub struct Nested {
    #[prost(int64, optional, tag = "1")]
    id: Option<i64>,
    #[prost(message, optional, tag = "2")]
    customer: Option<Customer>,
    #[prost(message, repeated, tag = "3")]
    lines: Vec<Line>,
    #[prost(btree_map = "string, string", tag = "4")]
    attributes: BTreeMap<String, String>,
    #[prost(double, repeated, tag = "5")]
    scores: Vec<f64>,
    #[prost(int64, optional, tag = "6")]
    ts: Option<i64>,
}

/// Who ordered.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
pub struct Customer {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    email: Option<String>,
    #[prost(message, optional, tag = "3")]
    address: Option<Address>,
}

/// Where to.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
pub struct Address {
    #[prost(string, optional, tag = "1")]
    street: Option<String>,
    #[prost(string, optional, tag = "2")]
    city: Option<String>,
    #[prost(double, optional, tag = "3")]
    lat: Option<f64>,
    #[prost(double, optional, tag = "4")]
    lon: Option<f64>,
}

/// One thing ordered.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
pub struct Line {
    #[prost(string, optional, tag = "1")]
    sku: Option<String>,
    #[prost(string, optional, tag = "2")]
    title: Option<String>,
    #[prost(int32, optional, tag = "3")]
    quantity: Option<i32>,
    #[prost(double, optional, tag = "4")]
    price: Option<f64>,
    #[prost(string, repeated, tag = "5")]
    tags: Vec<String>,
}

impl Shape for Nested {
    const NAME: &'static str = "nested";
    const PROTO: &'static str = r#"syntax = "proto3";
        message Nested {
          message Address { optional string street = 1; optional string city = 2; optional double lat = 3;
                            optional double lon = 4; }
          message Customer { optional string name = 1; optional string email = 2; Address address = 3; }
          message Line { optional string sku = 1; optional string title = 2; optional int32 quantity = 3;
                         optional double price = 4; repeated string tags = 5; }
          optional int64 id = 1;
          Customer customer = 2;
          repeated Line lines = 3;
          map<string, string> attributes = 4;
          repeated double scores = 5;
          optional int64 ts = 6;
        }"#;
    const AVRO: &'static str = r#"{"type":"record","name":"Nested","fields":[
        {"name":"id","type":["null","long"]},
        {"name":"customer","type":["null",{"type":"record","name":"Customer","fields":[
          {"name":"name","type":["null","string"]},{"name":"email","type":["null","string"]},
          {"name":"address","type":["null",{"type":"record","name":"Address","fields":[
            {"name":"street","type":["null","string"]},{"name":"city","type":["null","string"]},
            {"name":"lat","type":["null","double"]},{"name":"lon","type":["null","double"]}]}]}]}]},
        {"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[
          {"name":"sku","type":["null","string"]},{"name":"title","type":["null","string"]},
          {"name":"quantity","type":["null","int"]},{"name":"price","type":["null","double"]},
          {"name":"tags","type":{"type":"array","items":"string"}}]}}},
        {"name":"attributes","type":{"type":"map","values":"string"}},
        {"name":"scores","type":{"type":"array","items":"double"}},
        {"name":"ts","type":["null","long"]}]}"#;

    fn nth(n: u64) -> Nested {
        let line = |i: u64| Line {
            sku: Some(format!("sku-{:06}", (n * 31 + i * 977) % 1_000_000)),
            title: Some(format!("A thing of the kind {} in a box of {}", i * 3, n % 100)),
            quantity: Some((n + i) as i32 % 12 + 1),
            price: Some(((n + i) * 113 % 100_000) as f64 / 100.0),
            tags: vec!["sale".to_owned(), format!("shelf-{}", (n + i) % 40)],
        };
        Nested {
            id: Some(1_000_000 + n as i64),
            customer: Some(Customer {
                name: Some(format!("Customer of the number {n}")),
                email: Some(format!("customer.{n}@example.com")),
                address: Some(Address {
                    street: Some(format!("{} Long Street", n % 300)),
                    city: Some("Český Krumlov".to_owned()),
                    lat: Some(48.81 + n as f64 / 1e6),
                    lon: Some(14.32 - n as f64 / 1e6),
                }),
            }),
            lines: (0..11).map(line).collect(),
            attributes: (0..8)
                .map(|i| (format!("attribute-{i}"), format!("value {}", (n * i) % 1000)))
                .collect(),
            scores: (0..12).map(|i| ((n * 7 + i) % 1000) as f64 / 1000.0).collect(),
            ts: Some(1_714_521_600_000 + 17 * n as i64),
        }
    }
}
