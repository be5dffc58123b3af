//! Which columns and settings each codec is run with. Knows nothing of what must hold.

use arrow::datatypes::DataType;
use sabot_codec::codec::{Codec, Decode, Encode};

use crate::case::Case;
use crate::columns::{self, Columns};

/// The cases of a codec.
pub(crate) fn of(codec: Codec) -> Vec<Case> {
    match codec {
        Codec::MessagePack => {
            let arrays = Encode { arrays: true, ..Encode::plain(codec) };
            plain(codec, columns::all(), &[Encode::plain(codec), arrays])
        }
        Codec::String => plain(codec, texts(), &[Encode::plain(codec)]),
        Codec::Bytes => plain(codec, bytes(), &[Encode::plain(codec)]),
        _ => plain(codec, columns::all(), &[Encode::plain(codec)]),
    }
}

/// A codec that is told no more than the columns.
fn plain(codec: Codec, columns: Vec<Columns>, encode: &[Encode]) -> Vec<Case> {
    let case = |Columns { name, rows }| Case::new(name, &Decode::plain(codec, rows.schema()), encode, &rows);
    columns.into_iter().map(case).collect()
}

fn texts() -> Vec<Columns> {
    columns::single(
        vec![("text", DataType::Utf8, true), ("large", DataType::LargeUtf8, false)],
        "\"é\\u0000\"",
    )
}

fn bytes() -> Vec<Columns> {
    let of = vec![
        ("bytes", DataType::Binary, false),
        ("large", DataType::LargeBinary, true),
        ("three", DataType::FixedSizeBinary(3), true),
    ];
    columns::single(of, "\"AP/+\"")
}
