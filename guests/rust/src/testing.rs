//! For the tests of this crate: messages by arrow-rs, to compare ours with.

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{DictionaryTracker, EncodedData, IpcDataGenerator, IpcWriteOptions, write_message};
use arrow_schema::Schema;

const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

fn message(encoded: EncodedData) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_message(&mut bytes, encoded, &IpcWriteOptions::default()).unwrap();
    bytes
}

/// A Schema message.
pub(crate) fn schema_message(schema: &Schema) -> Vec<u8> {
    let mut tracker = DictionaryTracker::new(false);
    let options = IpcWriteOptions::default();
    message(IpcDataGenerator::default().schema_to_bytes_with_dictionary_tracker(
        schema,
        &mut tracker,
        &options,
    ))
}

/// A RecordBatch message.
pub(crate) fn batch_message(batch: &RecordBatch) -> Vec<u8> {
    let mut tracker = DictionaryTracker::new(false);
    let options = IpcWriteOptions::default();
    let encoded = IpcDataGenerator::default().encode(batch, &mut tracker, &options, &mut Default::default());
    message(encoded.unwrap().1)
}

/// What a Schema message says.
pub(crate) fn schema_of(message: &[u8]) -> Schema {
    let stream = [message, &END].concat();
    let reader = StreamReader::try_new(std::io::Cursor::new(stream), None).unwrap();
    reader.schema().as_ref().clone()
}

/// What a RecordBatch message says, fully validated.
pub(crate) fn batch_of(schema: &Schema, message: &[u8]) -> RecordBatch {
    let stream = [&schema_message(schema), message, &END].concat();
    let mut reader = StreamReader::try_new(std::io::Cursor::new(stream), None).unwrap();
    let batch = reader.next().unwrap().unwrap();
    assert!(reader.next().is_none());
    batch.columns().iter().for_each(|column| column.to_data().validate_full().unwrap());
    batch
}
