//! Arrow IPC streams of one row, and the ways in which one is broken, zip bombs among them. Arrow's own writer makes
//! those that are only not what is asked for; the others are put together by hand.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Int64Array, LargeStringArray, RecordBatch, StringArray, StructArray};
use arrow::datatypes::{Field, Schema};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use serde_json::{Value, json};

/// The columns.
pub fn columns() -> Value {
    json!({ "id": "int64!", "user": "string" })
}

fn stream(rows: &RecordBatch, compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), rows.schema_ref(), options).unwrap();
    writer.write(rows).unwrap();
    writer.into_inner().unwrap()
}

fn rows(id: ArrayRef, user: ArrayRef) -> RecordBatch {
    let fields = vec![
        Field::new("id", id.data_type().clone(), id.null_count() > 0),
        Field::new("user", user.data_type().clone(), true),
    ];
    RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![id, user]).unwrap()
}

fn record(n: i64, user: &str) -> Vec<u8> {
    stream(&rows(Arc::new(Int64Array::from(vec![n])), Arc::new(StringArray::from(vec![user]))), None)
}

/// Record `n`.
pub fn good(n: i64) -> Vec<u8> {
    record(n, &format!("user-{n}"))
}

/// What comes out of it.
pub fn row(n: i64) -> Value {
    json!({ "id": n, "user": format!("user-{n}") })
}

/// A few hundred kilobytes at most that unpack to some 70 MB and more: of each kind of compression, in some sizes.
static BOMBS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let bomb = |n: usize| {
        let how = if n.is_multiple_of(2) { CompressionType::ZSTD } else { CompressionType::LZ4_FRAME };
        let count = (9 << 20) + (n << 16);
        let (id, user) = (Int64Array::from(vec![0; count]), StringArray::new_null(count));
        let bytes = stream(&rows(Arc::new(id), Arc::new(user)), Some(how));
        assert!(bytes.len() < 1 << 20, "{} bytes", bytes.len());
        bytes
    };
    (0..8).map(bomb).collect()
});

/// A struct in a struct in a struct …
fn nested(depth: usize) -> ArrayRef {
    let innermost: ArrayRef = Arc::new(StringArray::from(vec!["deep"]));
    (0..depth).fold(innermost, |inner, _| {
        Arc::new(StructArray::from(vec![(Arc::new(Field::new("a", inner.data_type().clone(), true)), inner)]))
    })
}

/// The bytes with these in place of `from`, wherever they are for the last time.
fn patched(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).rposition(|window| window == from).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes
}

/// Broken record `which`.
pub fn bad(which: usize) -> Option<Vec<u8>> {
    let (way, variant) = (which % 14, which / 14);
    let (n, user): (i64, ArrayRef) = (which as i64, Arc::new(StringArray::from(vec!["u"])));
    let id = || -> ArrayRef { Arc::new(Int64Array::from(vec![n])) };
    let whole = good(n);
    match way {
        // Within the schema, and within the rows: whoever cuts between two messages leaves a stream without rows.
        0 => Some(whole[..1 + variant].to_vec()),
        1 => Some(whole[..whole.len() - 9 - variant % 64].to_vec()),
        // A first message of another beginning, and of a length that is not there.
        2 => Some([&[variant as u8, 0, 7], &whole[3..]].concat()),
        3 => Some([&whole[..4], &(i32::MAX - variant as i32).to_le_bytes(), &whole[8..]].concat()),
        // Garbage where the schema's table is.
        4 => Some([&whole[..8], &[0xff - variant as u8 % 64; 16], &whole[24..]].concat()),
        // Another type.
        5 => Some(stream(&rows(Arc::new(StringArray::from(vec![format!("{variant}")])), user), None)),
        6 => Some(stream(&rows(id(), Arc::new(Int64Array::from(vec![variant as i64]))), None)),
        // No number where there has to be one.
        7 if variant == 0 => None,
        7 => Some(stream(
            &rows(Arc::new(Int64Array::from(vec![None; variant])), Arc::new(StringArray::new_null(variant))),
            None,
        )),
        8 => {
            let text = format!("user-{}", "x".repeat(1 + variant));
            let invalid: [&[u8]; 4] = [b"use\x80", b"us\xc0\xaf", b"u\xed\xa0\x80", b"user\xff"];
            Some(patched(record(n, &text), b"user-", invalid[variant % 4]))
        }
        9 => Some(BOMBS[variant % BOMBS.len()].clone()),
        // Deeper than columns are.
        10 => Some(stream(&rows(id(), nested(100 + 20 * variant)), None)),
        // 10 MB of another type; of the right one, and more than a record may have; and not UTF-8.
        11 => match variant {
            0 => {
                let long = Arc::new(LargeStringArray::from(vec!["x".repeat(10_000_000)]));
                Some(stream(&rows(long, user), None))
            }
            1 => Some(record(n, &"x".repeat(17_000_000))),
            2 => Some(patched(record(n, &"x".repeat(10_000_000)), b"xx", &[0xff, b'x'])),
            _ => Some(vec![0; variant]),
        },
        12 => Some(format!("{{\"id\":{which}}}").into_bytes()),
        // Rows whose text begins behind where it ends, or beyond all there is.
        _ => {
            let text = "x".repeat(97);
            let ends = [0_u32.to_le_bytes(), 97_u32.to_le_bytes()].concat();
            let wrong: [[u32; 2]; 3] = [[97, 0], [0, 98 + variant as u32], [u32::MAX - variant as u32, 97]];
            let wrong = wrong[variant % 3].map(u32::to_le_bytes).concat();
            Some(patched(record(n, &text), &ends, &wrong))
        }
    }
}
