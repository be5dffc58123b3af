//! A row of a dead letter: as an Arrow IPC stream, which is the row with its columns and types, and as JSON, for
//! people. What is read back may have been written by anybody.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::StreamWriter;
use arrow::ipc::{Message, root_as_message};

/// One row of a batch as an Arrow IPC stream of one batch of one row.
pub fn row_to_ipc(rows: &RecordBatch, row: usize) -> Result<Vec<u8>, ArrowError> {
    let one = rows.slice(row, 1);
    let mut writer = StreamWriter::try_new(Vec::new(), one.schema_ref())?;
    writer.write(&one)?;
    writer.finish()?;
    writer.into_inner()
}

/// The row in an Arrow IPC stream, or why there is none.
pub fn row_from_ipc(bytes: &[u8]) -> Result<RecordBatch, String> {
    // Lengths that lie make the library's decoder panic in places.
    let batches = catch_unwind(AssertUnwindSafe(|| batches(bytes)))
        .map_err(|_| "it is damaged".to_owned())?
        .map_err(|e| e.to_string())?;
    match batches.as_slice() {
        [row] if row.num_rows() == 1 => Ok(row.clone()),
        other => {
            let rows: usize = other.iter().map(RecordBatch::num_rows).sum();
            Err(format!("it has {rows} rows in {} batches, not one", other.len()))
        }
    }
}

fn batches(bytes: &[u8]) -> Result<Vec<RecordBatch>, ArrowError> {
    refuse_compressed(bytes)?;
    // This decoder takes what is there; the one that reads makes room for what is said to follow.
    let (mut decoder, mut left) = (StreamDecoder::new(), Buffer::from(bytes));
    let mut batches = Vec::new();
    while !left.is_empty() {
        batches.extend(decoder.decode(&mut left)?);
    }
    decoder.finish().map(|()| batches)
}

/// Looks at every message of a stream. A compressed one says what it unpacks to, and the decoder would make room
/// for that; rows of letters are never written so. What is cut off is the decoder's to tell.
fn refuse_compressed(mut left: &[u8]) -> Result<(), ArrowError> {
    const CONTINUATION: &[u8] = &[0xff; 4];
    loop {
        left = left.strip_prefix(CONTINUATION).unwrap_or(left);
        let Some((length, after)) = left.split_first_chunk::<4>() else { return Ok(()) };
        let Some((metadata, body)) = after.split_at_checked(u32::from_le_bytes(*length) as usize) else {
            return Ok(());
        };
        if metadata.is_empty() {
            return Ok(());
        }
        let message = root_as_message(metadata).map_err(|e| ArrowError::ParseError(e.to_string()))?;
        if is_compressed(&message) {
            return Err(ArrowError::ParseError("it is compressed".into()));
        }
        let length = usize::try_from(message.bodyLength()).unwrap_or(usize::MAX);
        left = body.get(length..).unwrap_or_default();
    }
}

fn is_compressed(message: &Message<'_>) -> bool {
    let dictionary = message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data());
    let batch = message.header_as_record_batch().or(dictionary);
    batch.is_some_and(|batch| batch.compression().is_some())
}

/// A row as JSON; its debug form where JSON cannot say it.
pub fn row_as_json(rows: &RecordBatch, row: usize) -> serde_json::Value {
    let row = rows.slice(row, 1);
    let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
    let written = writer.write(&row).and_then(|()| writer.finish());
    match written.ok().and_then(|()| serde_json::from_slice(&writer.into_inner()).ok()) {
        Some(json) => json,
        None => serde_json::Value::String(format!("{:?}", row.columns())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, ListArray, StringArray};
    use arrow::datatypes::Int32Type;
    use proptest::prelude::*;

    use super::*;

    fn rows() -> RecordBatch {
        let lists = [Some(vec![Some(1), None]), None, Some(vec![])];
        RecordBatch::try_from_iter_with_nullable([
            ("id", Arc::new(Int64Array::from(vec![7, i64::MAX, -3])) as ArrayRef, false),
            ("user", Arc::new(StringArray::from(vec![Some("ann"), None, Some("é")])), true),
            ("tags", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists)), true),
        ])
        .unwrap()
    }

    #[test]
    fn a_row_comes_back_with_its_columns_and_types() {
        for row in 0..3 {
            let back = row_from_ipc(&row_to_ipc(&rows(), row).unwrap()).unwrap();
            assert_eq!(back, rows().slice(row, 1));
        }
        insta::assert_snapshot!(row_as_json(&rows(), 0), @r#"{"id":7,"user":"ann","tags":[1,null]}"#);
    }

    #[test]
    fn what_is_no_row_is_said() {
        let two = {
            let mut writer = StreamWriter::try_new(Vec::new(), rows().schema_ref()).unwrap();
            writer.write(&rows()).unwrap();
            writer.finish().unwrap();
            writer.into_inner().unwrap()
        };
        assert_eq!(row_from_ipc(&two).unwrap_err(), "it has 3 rows in 1 batches, not one");
        assert!(row_from_ipc(b"").is_err() && row_from_ipc(b"not arrow at all").is_err());
    }

    proptest! {
        #[test]
        fn damage_is_an_error_and_never_a_crash(
            edits in prop::collection::vec((any::<prop::sample::Index>(), 0u32..4, lies()), 1..4),
        ) {
            let mut bytes = row_to_ipc(&rows(), 0).unwrap();
            for (at, width, lie) in edits {
                let (at, width) = (at.index(bytes.len()), 1 << width);
                let end = bytes.len().min(at + width);
                bytes[at..end].copy_from_slice(&lie.to_le_bytes()[..end - at]);
            }
            if let Ok(row) = row_from_ipc(&bytes) {
                prop_assert_eq!(row.num_rows(), 1);
                row_as_json(&row, 0);
            }
        }
    }

    fn lies() -> impl Strategy<Value = u64> {
        prop_oneof![
            any::<u64>(),
            0u64..300,
            Just(u64::MAX),
            Just(1 << 40),
            Just(1 << 31),
            Just(u64::MAX >> 1)
        ]
    }
}
