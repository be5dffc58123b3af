//! A row of a dead letter: as an Arrow IPC stream, which is the row with its columns and types, and as JSON, for
//! people. What is read back may have been written by anybody.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

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
    let read = || {
        let batches = StreamReader::try_new(Cursor::new(bytes), None)?;
        batches.collect::<Result<Vec<_>, ArrowError>>()
    };
    // Bytes that lie about their own lengths have made readers of this format panic before.
    let batches = catch_unwind(AssertUnwindSafe(read))
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
        fn damage_is_an_error_and_never_a_crash(at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let mut bytes = row_to_ipc(&rows(), 0).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = to;
            if let Ok(row) = row_from_ipc(&bytes) {
                prop_assert_eq!(row.num_rows(), 1);
            }
        }
    }
}
