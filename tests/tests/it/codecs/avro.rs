//! Orders as Avro, by the library `apache-avro`.

use std::sync::LazyLock;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Decimal, Schema};
use serde_json::{Value, json};

use super::Coded;
use super::order::{Address, Order};

/// The schema of orders.
pub fn definition() -> Value {
    let optional = |of: Value| json!(["null", of]);
    let address = json!({ "type": "record", "name": "Address", "fields": [
        { "name": "street", "type": "string" }, { "name": "zip", "type": "int" },
    ] });
    json!({ "type": "record", "name": "Order", "namespace": "shop", "fields": [
        { "name": "id", "type": "long" },
        { "name": "user", "type": optional(json!("string")) },
        { "name": "paid", "type": "boolean" },
        { "name": "amount", "type": optional(json!("double")) },
        { "name": "price", "type": { "type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2 } },
        { "name": "at", "type": { "type": "long", "logicalType": "timestamp-millis" } },
        { "name": "tags", "type": { "type": "array", "items": "string" } },
        { "name": "counts", "type": { "type": "map", "values": "long" } },
        { "name": "address", "type": optional(address) },
        { "name": "blob", "type": "bytes" },
    ] })
}

pub(super) fn coded() -> Coded {
    Coded {
        name: "avro",
        format: json!({ "codec": "avro", "definition": definition() }),
        units: 1,
        write: |orders| orders.iter().map(datum).collect(),
        read,
    }
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::parse(&definition()).unwrap());

/// An order as a datum without a header.
pub fn datum(order: &Order) -> Vec<u8> {
    write(&SCHEMA, value(order))
}

/// Any value as a datum of its schema.
pub fn write(schema: &Schema, value: Avro) -> Vec<u8> {
    GenericDatumWriter::builder(schema).build().unwrap().write_value_to_vec(value).unwrap()
}

/// A datum that is all of `bytes`.
pub fn value_of(schema: &Schema, bytes: &[u8]) -> Avro {
    let mut rest = bytes;
    let value = GenericDatumReader::builder(schema).build().unwrap().read_value(&mut rest).unwrap();
    assert!(rest.is_empty(), "{} bytes follow the datum", rest.len());
    value
}

/// Branch 1 of a union with null.
fn optional(value: Option<Avro>) -> Avro {
    match value {
        None => Avro::Union(0, Box::new(Avro::Null)),
        Some(value) => Avro::Union(1, Box::new(value)),
    }
}

fn record<const N: usize>(fields: [(&str, Avro); N]) -> Avro {
    Avro::Record(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

fn value(order: &Order) -> Avro {
    let address = order
        .address
        .clone()
        .map(|address| record([("street", Avro::String(address.street)), ("zip", Avro::Int(address.zip))]));
    record([
        ("id", Avro::Long(order.id)),
        ("user", optional(order.user.clone().map(Avro::String))),
        ("paid", Avro::Boolean(order.paid)),
        ("amount", optional(order.amount.map(Avro::Double))),
        ("price", Avro::Decimal(Decimal::from(order.cents.to_be_bytes()))),
        ("at", Avro::TimestampMillis(order.at_ms)),
        ("tags", Avro::Array(order.tags.iter().cloned().map(Avro::String).collect())),
        ("counts", Avro::Map(order.counts.iter().map(|(k, v)| (k.clone(), Avro::Long(*v))).collect())),
        ("address", optional(address)),
        ("blob", Avro::Bytes(order.blob.clone())),
    ])
}

fn read(bytes: &[u8]) -> Order {
    let Avro::Record(mut fields) = value_of(&SCHEMA, bytes) else { panic!("no record") };
    let mut field = |name: &str| {
        let (found, value) = fields.remove(0);
        assert_eq!(found, name);
        match value {
            Avro::Union(_, value) => *value,
            value => value,
        }
    };
    let text = |value| match value {
        Avro::String(text) => Some(text),
        Avro::Null => None,
        other => panic!("{other:?} is no text"),
    };
    let number = |value| match value {
        Avro::Long(number) | Avro::TimestampMillis(number) => number,
        other => panic!("{other:?} is no number"),
    };
    Order {
        id: number(field("id")),
        user: text(field("user")),
        paid: field("paid") == Avro::Boolean(true),
        amount: match field("amount") {
            Avro::Double(amount) => Some(amount),
            _ => None,
        },
        cents: match field("price") {
            Avro::Decimal(price) => i64::try_from(num(&price)).unwrap(),
            other => panic!("{other:?} is no decimal"),
        },
        at_ms: number(field("at")),
        tags: match field("tags") {
            Avro::Array(tags) => tags.into_iter().filter_map(text).collect(),
            other => panic!("{other:?} is no array"),
        },
        counts: match field("counts") {
            Avro::Map(counts) => counts.into_iter().map(|(key, count)| (key, number(count))).collect(),
            other => panic!("{other:?} is no map"),
        },
        address: match field("address") {
            Avro::Record(fields) => Some(Address {
                street: text(fields[0].1.clone()).unwrap(),
                zip: match fields[1].1 {
                    Avro::Int(zip) => zip,
                    ref other => panic!("{other:?} is no int"),
                },
            }),
            _ => None,
        },
        blob: match field("blob") {
            Avro::Bytes(blob) => blob,
            other => panic!("{other:?} is no bytes"),
        },
    }
}

/// The digits of a decimal: big-endian bytes, as few or as many as there are.
fn num(decimal: &Decimal) -> i128 {
    let bytes: Vec<u8> = decimal.try_into().unwrap();
    let sign = if bytes[0] & 0x80 == 0 { 0 } else { -1 };
    bytes.iter().fold(sign, |number, byte| number << 8 | i128::from(*byte))
}
