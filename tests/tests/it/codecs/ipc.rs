//! Orders as Arrow IPC streams, by Arrow's own reader, writer and JSON.

use std::sync::{Arc, LazyLock};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow::json::{ReaderBuilder, writer::LineDelimitedWriter};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Coded;
use super::order::{Order, columns};

/// Rows of a record that has several.
const ROWS: usize = 10;

pub fn coded() -> Coded {
    Coded {
        name: "arrow",
        format: json!({ "codec": "arrow", "schema": columns() }),
        units: 1,
        write: |orders| orders.chunks(ROWS).map(stream).collect(),
        read,
    }
}

static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let optional = |name: &str, of: DataType| Field::new(name, of, true);
    let entries: Fields =
        vec![Field::new("keys", DataType::Utf8, false), optional("values", DataType::Int64)].into();
    let address: Fields = vec![optional("street", DataType::Utf8), optional("zip", DataType::Int32)].into();
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        optional("user", DataType::Utf8),
        optional("paid", DataType::Boolean),
        optional("amount", DataType::Float64),
        optional("price", DataType::Decimal128(10, 2)),
        optional("at", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))),
        optional("tags", DataType::List(Arc::new(optional("item", DataType::Utf8)))),
        optional(
            "counts",
            DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false),
        ),
        optional("address", DataType::Struct(address)),
        optional("blob", DataType::Binary),
    ]))
});

/// Arrow's JSON has bytes in hexadecimal.
fn stream(orders: &[Order]) -> Vec<u8> {
    let rows: Vec<Value> = orders
        .iter()
        .map(|order| {
            let mut row = order.to_json();
            row["blob"] = order.blob.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
            row
        })
        .collect();
    let mut decoder = ReaderBuilder::new(Arc::clone(&SCHEMA)).build_decoder().unwrap();
    decoder.serialize(&rows).unwrap();
    let batch = decoder.flush().unwrap().unwrap();
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, &SCHEMA).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    bytes
}

/// Of a stream of one row, as sinks write them.
fn read(bytes: &[u8]) -> Order {
    let batches: Vec<RecordBatch> = StreamReader::try_new(bytes, None).unwrap().map(Result::unwrap).collect();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
    let mut writer = LineDelimitedWriter::new(Vec::new());
    writer.write_batches(&batches.iter().collect::<Vec<_>>()).unwrap();
    writer.finish().unwrap();
    let mut row: Value = serde_json::from_slice(&writer.into_inner()).unwrap();
    let hex = row["blob"].as_str().unwrap().as_bytes();
    let blob: Vec<u8> = hex
        .chunks(2)
        .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap())
        .collect();
    row["blob"] = STANDARD.encode(blob).into();
    Order::from_json(&row, 1)
}
