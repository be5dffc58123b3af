//! Rows as Rust types: what a column of each type is read as ([`FromCell`]) and written from ([`ToCell`]), and whole
//! rows ([`Row`], [`OutputRow`]), which are derived. It knows no operators and no host.

mod build;
mod cell;
mod output;
mod read;
#[cfg(test)]
mod tests;
mod types;

pub use build::{
    Appended, BitBuilder, BytesBuilder, ColumnBuilder, ColumnChain, FixedBuilder, ListBuilder, MessageSink,
    NullableBuilder, Nulls, Place, Plain, StructBuilder,
};
pub use cell::{
    BitColumn, BytesColumn, CellSource, FixedColumn, FromCell, ListColumn, NullableColumn, StructColumn,
};
pub(crate) use output::WithOrigin;
pub use output::{OutputRow, Rows, Single, ToCell};
pub use read::{Batch, Row, RowSource, TypedRows};
pub(crate) use types::same_type;
pub use types::{Bytes, Date, TimestampMs, TimestampNs, TimestampS, TimestampUs};
