//! Batches that came in, and their rows as a Rust type. It knows no operators.

use super::cell::{CellSource, FromCell};
use crate::error::{OpError, RowError};
use crate::ipc::{BatchLayout, Malformed, Part};
use arrow_schema::{Field, Fields, SchemaRef};
use std::marker::PhantomData;

/// A batch as the host sent it, in memory that the component owns.
pub struct Batch<'a> {
    pub(crate) message: Vec<u8>,
    pub(crate) layout: &'a BatchLayout,
    pub(crate) schema: &'a SchemaRef,
}

impl Batch<'_> {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.layout.rows
    }

    /// The columns, as agreed when the component was bound.
    pub fn schema(&self) -> &SchemaRef {
        self.schema
    }

    /// The rows as a type that derives [`Row`].
    ///
    /// # Errors
    /// The columns are not those of the type, or the batch is malformed.
    pub fn typed<'b, R: Row<'b>>(&'b self) -> Result<TypedRows<'b, R>, OpError> {
        let fields = &self.schema.fields;
        let first = fields.first().map(|f| Part::first(&self.message, self.layout, f.data_type()));
        let columns = R::open(RowSource::new(fields, first))?;
        Ok(TypedRows { columns, rows: self.rows(), of: PhantomData })
    }
}

/// A row type that columns are read as. Derive it.
pub trait Row<'a>: Sized {
    /// The columns, ready to be read.
    type Columns;

    /// The columns that it wants, in order.
    fn fields() -> Vec<Field>;

    /// Finds the columns of a batch.
    ///
    /// # Errors
    /// A column is missing or has another type.
    fn open(source: RowSource<'a>) -> Result<Self::Columns, Malformed>;

    /// Reads one row.
    ///
    /// # Errors
    /// A cell is null and its field is no `Option`.
    ///
    /// # Panics
    /// When there is no such row.
    fn read(columns: &Self::Columns, row: usize) -> Result<Self, RowError>;
}

/// The columns of a batch, or the children of a struct, handed out in order.
pub struct RowSource<'a> {
    fields: &'a Fields,
    next: usize,
    part: Option<Part<'a>>,
}

impl<'a> RowSource<'a> {
    pub(crate) fn new(fields: &'a Fields, first: Option<Part<'a>>) -> Self {
        RowSource { fields, next: 0, part: first }
    }

    /// Opens the next column as that type.
    ///
    /// # Errors
    /// There is none, or it has another type.
    pub fn column<T: FromCell<'a>>(&mut self) -> Result<T::Column, Malformed> {
        let part =
            self.part.ok_or_else(|| Malformed::new("the batch has fewer columns than the row type"))?;
        self.next += 1;
        self.part = self.fields.get(self.next).map(|f| part.next(f.data_type()));
        T::open(CellSource(part))
    }
}

/// The rows of a batch as `R`.
pub struct TypedRows<'b, R: Row<'b>> {
    columns: R::Columns,
    rows: usize,
    of: PhantomData<&'b ()>,
}

impl<'b, R: Row<'b>> TypedRows<'b, R> {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Reads one row.
    ///
    /// # Errors
    /// A cell is null and its field is no `Option`.
    ///
    /// # Panics
    /// When there is no such row.
    #[inline]
    pub fn get(&self, row: usize) -> Result<R, RowError> {
        R::read(&self.columns, row)
    }

    /// The rows one by one.
    pub fn iter(&self) -> impl Iterator<Item = Result<R, RowError>> {
        (0..self.rows).map(|row| self.get(row))
    }
}
