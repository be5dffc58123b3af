//! Rust types for columns that Rust has no type of its own for, and when two column types count as the same.

use arrow_schema::DataType;

macro_rules! wrapper {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(pub $inner);

        // SAFETY: transparent over an integer.
        unsafe impl super::build::Plain for $name {}
    };
}

wrapper! {
    /// Seconds since 1970-01-01 UTC, a `timestamp[s]` column.
    TimestampS(i64)
}
wrapper! {
    /// Milliseconds since 1970-01-01 UTC, a `timestamp[ms]` column.
    TimestampMs(i64)
}
wrapper! {
    /// Microseconds since 1970-01-01 UTC, a `timestamp[us]` column.
    TimestampUs(i64)
}
wrapper! {
    /// Nanoseconds since 1970-01-01 UTC, a `timestamp[ns]` column.
    TimestampNs(i64)
}
wrapper! {
    /// Days since 1970-01-01, a `date32` column.
    Date(i32)
}

/// Owned bytes, a `binary` column. (A `Vec<u8>` is a list of `uint8`.)
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Bytes(pub Vec<u8>);

/// Whether a column of one type can be read as the other: nullability, metadata, the name of a list's child and the
/// time zone of a timestamp do not matter.
pub(crate) fn same_type(a: &DataType, b: &DataType) -> bool {
    use DataType::*;
    match (a, b) {
        (Timestamp(a, _), Timestamp(b, _)) => a == b,
        (List(a), List(b)) | (LargeList(a), LargeList(b)) => same_type(a.data_type(), b.data_type()),
        (FixedSizeList(a, n), FixedSizeList(b, m)) => n == m && same_type(a.data_type(), b.data_type()),
        (Map(a, _), Map(b, _)) => same_type(a.data_type(), b.data_type()),
        (Struct(a), Struct(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|(a, b)| a.name() == b.name() && same_type(a.data_type(), b.data_type()))
        }
        _ => a == b,
    }
}
