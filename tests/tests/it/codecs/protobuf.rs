//! Orders as Protobuf, by the library `prost-reflect`; the schema is compiled by `protox`.

use std::collections::HashMap;
use std::sync::LazyLock;

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MapKey, MessageDescriptor, Value};
use serde_json::json;

use super::Coded;
use super::order::{Address, Order};

/// The schema of orders.
pub const DEFINITION: &str = r#"syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
message Order {
  sint64 id = 1;
  optional string user = 2;
  bool paid = 3;
  optional double amount = 4;
  string price = 5;
  google.protobuf.Timestamp at = 6;
  repeated string tags = 7;
  map<string, int64> counts = 8;
  message Address {
    string street = 1;
    sint32 zip = 2;
  }
  optional Address address = 9;
  bytes blob = 16;
}
"#;

pub fn coded() -> Coded {
    Coded {
        name: "protobuf",
        format: json!({ "codec": "protobuf", "definition": DEFINITION }),
        // Timestamps are columns of nanoseconds.
        units: 1_000_000,
        write: |orders| orders.iter().map(message).collect(),
        read,
    }
}

static ORDER: LazyLock<MessageDescriptor> = LazyLock::new(|| descriptor(DEFINITION, "shop.Order"));

/// A message of a schema, by its full name.
pub fn descriptor(definition: &str, message: &str) -> MessageDescriptor {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("schema.proto"), definition).unwrap();
    let files = protox::compile(["schema.proto"], [folder.path()]).unwrap();
    let pool = DescriptorPool::decode(files.encode_to_vec().as_slice()).unwrap();
    pool.get_message_by_name(message).unwrap()
}

/// A message of these fields.
pub fn of_fields<const N: usize>(of: &MessageDescriptor, fields: [(&str, Value); N]) -> DynamicMessage {
    let mut message = DynamicMessage::new(of.clone());
    for (name, value) in fields {
        message.try_set_field_by_name(name, value).unwrap();
    }
    message
}

fn child(of: &MessageDescriptor, field: &str) -> MessageDescriptor {
    of.get_field_by_name(field).unwrap().kind().as_message().unwrap().clone()
}

/// An order as a message without a header.
pub fn message(order: &Order) -> Vec<u8> {
    let seconds = Value::I64(order.at_ms.div_euclid(1_000));
    let nanos = Value::I32((order.at_ms.rem_euclid(1_000) * 1_000_000) as i32);
    let at = of_fields(&child(&ORDER, "at"), [("seconds", seconds), ("nanos", nanos)]);
    let counts: HashMap<MapKey, Value> =
        order.counts.iter().map(|(key, count)| (MapKey::String(key.clone()), Value::I64(*count))).collect();
    let mut message = of_fields(
        &ORDER,
        [
            ("id", Value::I64(order.id)),
            ("paid", Value::Bool(order.paid)),
            ("price", Value::String(order.price())),
            ("at", Value::Message(at)),
            ("tags", Value::List(order.tags.iter().cloned().map(Value::String).collect())),
            ("counts", Value::Map(counts)),
            ("blob", Value::Bytes(order.blob.clone().into())),
        ],
    );
    if let Some(user) = &order.user {
        message.set_field_by_name("user", Value::String(user.clone()));
    }
    if let Some(amount) = order.amount {
        message.set_field_by_name("amount", Value::F64(amount));
    }
    if let Some(Address { street, zip }) = &order.address {
        let fields = [("street", Value::String(street.clone())), ("zip", Value::I32(*zip))];
        let address = of_fields(&child(&ORDER, "address"), fields);
        message.set_field_by_name("address", Value::Message(address));
    }
    message.encode_to_vec()
}

fn read(bytes: &[u8]) -> Order {
    let message = DynamicMessage::decode(ORDER.clone(), bytes).unwrap();
    assert_eq!(message.unknown_fields().count(), 0);
    let field = |name: &str| message.get_field_by_name(name).unwrap().into_owned();
    let optional = |name: &str| message.has_field_by_name(name).then(|| field(name));
    let text = |value: Value| value.as_str().unwrap().to_owned();
    let at = field("at").as_message().unwrap().clone();
    let part = |name: &str| at.get_field_by_name(name).unwrap().into_owned();
    Order {
        id: field("id").as_i64().unwrap(),
        user: optional("user").map(text),
        paid: field("paid").as_bool().unwrap(),
        amount: optional("amount").map(|amount| amount.as_f64().unwrap()),
        cents: (text(field("price")).parse::<f64>().unwrap() * 100.0).round() as i64,
        at_ms: part("seconds").as_i64().unwrap() * 1_000
            + i64::from(part("nanos").as_i32().unwrap()) / 1_000_000,
        tags: field("tags").as_list().unwrap().iter().cloned().map(text).collect(),
        counts: field("counts")
            .as_map()
            .unwrap()
            .iter()
            .map(|(key, count)| (key.as_str().unwrap().to_owned(), count.as_i64().unwrap()))
            .collect(),
        address: optional("address").map(|address| {
            let address = address.as_message().unwrap();
            Address {
                street: text(address.get_field_by_name("street").unwrap().into_owned()),
                zip: address.get_field_by_name("zip").unwrap().as_i32().unwrap(),
            }
        }),
        blob: field("blob").as_bytes().unwrap().to_vec(),
    }
}
