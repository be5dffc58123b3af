//! Rows that go out: written cell by cell into columns, encoded as one batch. It knows no operators and no host.

use super::build::{
    Appended, BitBuilder, BytesBuilder, ColumnBuilder, ColumnChain, FixedBuilder, ListBuilder, MessageSink,
    NullableBuilder, Place, StructBuilder,
};
use super::types::{Bytes, Date, TimestampMs, TimestampNs, TimestampS, TimestampUs};
use crate::error::OpError;
use crate::ipc::Message;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::borrow::Cow;
use std::sync::Arc;

/// A Rust type that a cell can be written from.
pub trait ToCell {
    /// The column under construction.
    type Builder: ColumnBuilder;

    /// Whether it can be null.
    const NULLABLE: bool = false;

    /// The type of the column.
    fn data_type() -> DataType;

    /// Adds a cell.
    fn push(self, column: &mut Self::Builder);
}

/// A row type that goes out. Derive it.
pub trait OutputRow {
    /// The columns under construction: a chain of [`ToCell::Builder`].
    type Columns: ColumnChain;

    /// The columns, in order.
    fn fields() -> Vec<Field>;

    /// Adds a row.
    fn push(self, columns: &mut Self::Columns);
}

macro_rules! fixed {
    ($($t:ty => $data_type:expr;)*) => { $(
        impl ToCell for $t {
            type Builder = FixedBuilder<$t>;

            fn data_type() -> DataType {
                $data_type
            }

            #[inline]
            fn push(self, column: &mut Self::Builder) {
                column.push(self);
            }
        }
    )* };
}
fixed! {
    i8 => DataType::Int8;
    i16 => DataType::Int16;
    i32 => DataType::Int32;
    i64 => DataType::Int64;
    u8 => DataType::UInt8;
    u16 => DataType::UInt16;
    u32 => DataType::UInt32;
    u64 => DataType::UInt64;
    f32 => DataType::Float32;
    f64 => DataType::Float64;
    Date => DataType::Date32;
    TimestampS => DataType::Timestamp(TimeUnit::Second, None);
    TimestampMs => DataType::Timestamp(TimeUnit::Millisecond, None);
    TimestampUs => DataType::Timestamp(TimeUnit::Microsecond, None);
    TimestampNs => DataType::Timestamp(TimeUnit::Nanosecond, None);
}

macro_rules! bytes {
    ($($t:ty => $data_type:expr, |$cell:ident| $bytes:expr;)*) => { $(
        impl ToCell for $t {
            type Builder = BytesBuilder;

            fn data_type() -> DataType {
                $data_type
            }

            #[inline]
            fn push(self, column: &mut Self::Builder) {
                let $cell = self;
                column.push($bytes);
            }
        }
    )* };
}
bytes! {
    &str => DataType::Utf8, |s| s.as_bytes();
    String => DataType::Utf8, |s| s.as_bytes();
    Cow<'_, str> => DataType::Utf8, |s| s.as_bytes();
    &[u8] => DataType::Binary, |b| b;
    Bytes => DataType::Binary, |b| &b.0;
}

impl ToCell for bool {
    type Builder = BitBuilder;

    fn data_type() -> DataType {
        DataType::Boolean
    }

    #[inline]
    fn push(self, column: &mut Self::Builder) {
        column.push(self);
    }
}

impl<T: ToCell> ToCell for Option<T> {
    type Builder = NullableBuilder<T::Builder>;

    const NULLABLE: bool = true;

    fn data_type() -> DataType {
        T::data_type()
    }

    #[inline]
    fn push(self, column: &mut Self::Builder) {
        match self {
            None => column.push_null(),
            Some(value) => {
                column.push_valid();
                value.push(&mut column.cells);
            }
        }
    }
}

impl<T: ToCell> ToCell for Vec<T> {
    type Builder = ListBuilder<T::Builder>;

    fn data_type() -> DataType {
        DataType::List(Arc::new(Field::new("item", T::data_type(), T::NULLABLE)))
    }

    fn push(self, column: &mut Self::Builder) {
        let count = self.len();
        self.into_iter().for_each(|cell| cell.push(&mut column.cells));
        column.end(count);
    }
}

impl<R: OutputRow> ToCell for R {
    type Builder = StructBuilder<R::Columns>;

    fn data_type() -> DataType {
        DataType::Struct(R::fields().into())
    }

    fn push(self, column: &mut Self::Builder) {
        column.len += 1;
        OutputRow::push(self, &mut column.fields);
    }
}

/// A row of one value, in a column `value`.
pub struct Single<T>(pub T);

impl<T: ToCell> OutputRow for Single<T> {
    type Columns = (T::Builder, ());

    fn fields() -> Vec<Field> {
        vec![Field::new("value", T::data_type(), T::NULLABLE)]
    }

    #[inline]
    fn push(self, columns: &mut Self::Columns) {
        self.0.push(&mut columns.0);
    }
}

/// A row and the number of the input row that it comes from, in a last column `$row`.
pub(crate) struct WithOrigin<R> {
    pub(crate) row: R,
    pub(crate) origin: u32,
}

impl<R: OutputRow> OutputRow for WithOrigin<R> {
    type Columns = Appended<R::Columns>;

    fn fields() -> Vec<Field> {
        let mut fields = R::fields();
        fields.push(Field::new("$row", DataType::UInt32, false));
        fields
    }

    #[inline]
    fn push(self, columns: &mut Self::Columns) {
        self.row.push(&mut columns.chain);
        columns.last.push(self.origin);
    }
}

/// Rows of type `R` on their way out as one batch.
pub struct Rows<R: OutputRow> {
    columns: R::Columns,
    rows: usize,
    started: bool,
    schema: SchemaRef,
    message: Message,
}

impl<R: OutputRow> Rows<R> {
    /// Empty, with the columns of `R`.
    ///
    /// # Errors
    /// A column has a type that does not cross the boundary.
    pub fn new() -> Result<Self, OpError> {
        let schema = Arc::new(Schema::new(R::fields()));
        let message = Message::new(&schema).map_err(|e| OpError::Schema(e.to_string()))?;
        Ok(Rows { columns: R::Columns::default(), rows: 0, started: false, schema, message })
    }

    /// The columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Forgets all rows and makes room for `rows`. It need not be called: rows beyond the room cost a copy.
    pub fn start(&mut self, rows: usize) {
        let base = self.message.begin(R::Columns::fixed_len(rows));
        self.columns.start(rows, &mut Place::new(base));
        self.rows = 0;
        self.started = true;
    }

    /// Adds a row: an `R`, which may borrow for as long as it likes.
    #[inline]
    pub fn push<Q: OutputRow<Columns = R::Columns>>(&mut self, row: Q) {
        row.push(&mut self.columns);
        self.rows += 1;
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The batch as a message; what is pushed after that belongs to a new one.
    pub fn message(&mut self) -> &[u8] {
        if !std::mem::take(&mut self.started) {
            // The columns have grown on their own and hold no place in the message.
            self.message.begin(0);
        }
        self.columns.finish(&mut MessageSink(&mut self.message));
        let rows = std::mem::take(&mut self.rows);
        self.message.finish(rows)
    }
}
