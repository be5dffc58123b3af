//! What is beside the value of a record, as columns: its key, headers, timestamp and place. Knows nothing of the
//! codecs of values.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, Int32Array, Int64Array, MapBuilder, MapFieldNames, StringArray, StringBuilder,
    TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, TimeUnit};

use super::settings::Decode;
use crate::batch::RawRecords;

/// About how many bytes a number takes in a column, or the place of a string or a map.
const ENTRY: usize = 8;

/// A column that is not of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meta {
    /// The key: by its own codec, otherwise text.
    Key,
    /// The headers, as a map; values may be null, names may repeat.
    Headers,
    /// The connector's timestamp, in milliseconds, UTC.
    Timestamp,
    /// Topic, or path of a file.
    Topic,
    /// Partition.
    Partition,
    /// Offset, or number of a line.
    Offset,
}

impl Meta {
    /// All of them, in the order of the documentation.
    pub const ALL: [Meta; 6] =
        [Meta::Key, Meta::Headers, Meta::Timestamp, Meta::Topic, Meta::Partition, Meta::Offset];

    /// Name of the column.
    pub fn name(self) -> &'static str {
        match self {
            Meta::Key => "$key",
            Meta::Headers => "$headers",
            Meta::Timestamp => "$timestamp",
            Meta::Topic => "$topic",
            Meta::Partition => "$partition",
            Meta::Offset => "$offset",
        }
    }

    /// The column. `key` is how keys are decoded: one value (text, bytes, an Avro schema that is no record) is the
    /// key itself, columns are the fields of an object.
    pub fn field(self, key: Option<&Decode>) -> Field {
        let (of, nullable) = match self {
            Meta::Key => match key {
                None => (DataType::Utf8, true),
                Some(key) => (key_type(key), true),
            },
            Meta::Headers => (headers_type(), false),
            Meta::Timestamp => (DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), true),
            Meta::Topic => (DataType::Utf8, false),
            Meta::Partition => (DataType::Int32, false),
            Meta::Offset => (DataType::Int64, false),
        };
        Field::new(self.name(), of, nullable)
    }

    /// About how many bytes the column takes for each row that comes of a record; not for keys.
    pub(super) fn size(self, raw: &RawRecords, record: usize) -> usize {
        match self {
            Meta::Headers | Meta::Key => {
                let size = |value: Option<&[u8]>| value.map_or(0, <[u8]>::len);
                let sizes = raw.headers(record).map(|(name, value)| name.len() + size(value) + ENTRY);
                sizes.sum::<usize>() + ENTRY
            }
            Meta::Topic => raw.topic.len() + ENTRY,
            Meta::Timestamp | Meta::Partition | Meta::Offset => ENTRY,
        }
    }

    /// The column of the rows that came from `records`; not for keys, which have a codec.
    pub(super) fn column(self, raw: &RawRecords, records: &[u32]) -> ArrayRef {
        let rows = || records.iter().map(|record| &raw.records()[*record as usize]);
        match self {
            Meta::Headers | Meta::Key => headers(raw, records),
            Meta::Timestamp => {
                let times: TimestampMillisecondArray = rows().map(|record| record.timestamp_ms).collect();
                Arc::new(times.with_timezone("UTC"))
            }
            Meta::Topic => Arc::new(StringArray::from_iter_values(records.iter().map(|_| &*raw.topic))),
            Meta::Partition => Arc::new(Int32Array::from_value(raw.partition, records.len())),
            Meta::Offset => Arc::new(Int64Array::from_iter_values(rows().map(|record| record.offset))),
        }
    }
}

fn key_type(key: &Decode) -> DataType {
    match &key.schema.fields()[..] {
        [only] if key.is_one_value() => only.data_type().clone(),
        _ => DataType::Struct(key.schema.fields().clone()),
    }
}

fn headers_type() -> DataType {
    let entries =
        vec![Field::new("keys", DataType::Utf8, false), Field::new("values", DataType::Binary, true)];
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries.into()), false)), false)
}

fn headers(raw: &RawRecords, records: &[u32]) -> ArrayRef {
    let names = MapFieldNames { entry: "entries".into(), key: "keys".into(), value: "values".into() };
    let mut maps = MapBuilder::new(Some(names), StringBuilder::new(), BinaryBuilder::new());
    for record in records {
        for (name, value) in raw.headers(*record as usize) {
            maps.keys().append_value(name);
            maps.values().append_option(value);
        }
        maps.append(true).expect("a value is appended for each key");
    }
    Arc::new(maps.finish())
}
