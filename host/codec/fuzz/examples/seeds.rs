//! Writes the seeds that our own encoders make, and Arrow streams as others send them, beside those that are there.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, DictionaryArray, Int32Array, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use arrow::error::ArrowError;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for target in sabot_codec_fuzz::TARGETS {
        let mut seeds = target.made();
        if target.name == "arrow" {
            seeds.extend(streams()?);
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target.name);
        std::fs::create_dir_all(&folder)?;
        for (name, seed) in seeds {
            std::fs::write(folder.join(name), seed)?;
        }
    }
    Ok(())
}

/// Streams of two batches of two rows, with a dictionary, a view and a narrower integer than is declared.
fn streams() -> Result<Vec<(String, Vec<u8>)>, ArrowError> {
    let names: DictionaryArray<Int32Type> = ["ann", "bob"].into_iter().collect();
    let text = "a text that is longer than a view holds in itself";
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![1, -1])),
        Arc::new(names),
        Arc::new(BooleanArray::from(vec![Some(true), None])),
        Arc::new(StringViewArray::from(vec![Some(text), Some("short")])),
    ];
    let fields = ["id", "user", "ok", "text"].iter().zip(&columns);
    let fields: Vec<Field> =
        fields.map(|(name, array)| Field::new(*name, DataType::clone(array.data_type()), true)).collect();
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
    [("plain", None), ("lz4", Some(CompressionType::LZ4_FRAME)), ("zstd", Some(CompressionType::ZSTD))]
        .into_iter()
        .map(|(name, compression)| {
            let options = IpcWriteOptions::default().try_with_compression(compression)?;
            let mut writer = StreamWriter::try_new_with_options(Vec::new(), rows.schema_ref(), options)?;
            writer.write(&rows)?;
            writer.write(&rows)?;
            Ok((format!("made-stream-{name}"), writer.into_inner()?))
        })
        .collect()
}
