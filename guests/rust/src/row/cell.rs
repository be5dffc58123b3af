//! Cells read in place: a column is a few slices of the message, a cell is read where it lies. It knows no rows.

use super::build::Plain;
use super::types::{Bytes, Date, TimestampMs, TimestampNs, TimestampS, TimestampUs};
use crate::ipc::{Malformed, Part, bitmap_len};
use arrow_schema::{DataType, Field, TimeUnit};
use std::marker::PhantomData;
use std::sync::Arc;

/// A column in a batch that came in: opaque outside of this module.
#[derive(Clone, Copy)]
pub struct CellSource<'a>(pub(crate) Part<'a>);

/// A Rust type that the cells of a column can be read as.
pub trait FromCell<'a>: Sized {
    /// The column, ready to be read.
    type Column;

    /// Whether a null is a value of this type.
    const NULLABLE: bool = false;

    /// The type of the column.
    fn data_type() -> DataType;

    /// Finds the buffers of the column.
    ///
    /// # Errors
    /// The column has another type, or its buffers are too short.
    fn open(source: CellSource<'a>) -> Result<Self::Column, Malformed>;

    /// Reads the cell of a row; `None` when it is null and a null is no value of this type.
    ///
    /// # Panics
    /// When the column has no such row.
    fn get(column: &Self::Column, row: usize) -> Option<Self>;
}

#[derive(Clone, Copy)]
struct Validity<'a>(Option<&'a [u8]>);

impl<'a> Validity<'a> {
    /// Reads the node and the validity buffer: number of rows, and where nulls are.
    fn open(part: Part<'a>) -> Result<(usize, Self), Malformed> {
        let (rows, nulls) = part.node()?;
        Ok((rows, Validity((nulls > 0).then(|| part.buffer(0, bitmap_len(rows))).transpose()?)))
    }

    #[inline]
    fn is_null(self, row: usize) -> bool {
        self.0.is_some_and(|bits| !bit(bits, row))
    }
}

#[inline]
fn bit(bits: &[u8], row: usize) -> bool {
    bits[row / 8] >> (row % 8) & 1 == 1
}

fn wrong_type<T>(part: Part<'_>, wanted: &DataType) -> Result<T, Malformed> {
    Err(Malformed(format!("a column of type {} was opened as {wanted}", part.data_type())))
}

/// A column of cells with a fixed width.
pub struct FixedColumn<'a, T> {
    cells: &'a [u8],
    rows: usize,
    validity: Validity<'a>,
    of: PhantomData<T>,
}

impl<'a, T: Plain> FixedColumn<'a, T> {
    fn open(part: Part<'a>) -> Result<Self, Malformed> {
        let (rows, validity) = Validity::open(part)?;
        let length =
            rows.checked_mul(size_of::<T>()).ok_or_else(|| Malformed::new("a column is too long"))?;
        Ok(FixedColumn { cells: part.buffer(1, length)?, rows, validity, of: PhantomData })
    }

    #[inline]
    fn get(&self, row: usize) -> Option<T> {
        assert!(row < self.rows, "the batch has no such row");
        if self.validity.is_null(row) {
            return None;
        }
        // SAFETY: `open` saw that `cells` has `rows` cells, and `row` is one of them. A Plain has no invalid bytes.
        Some(unsafe { self.cells.as_ptr().add(row * size_of::<T>()).cast::<T>().read_unaligned() })
    }
}

macro_rules! fixed {
    ($($t:ty: $pattern:pat => $data_type:expr;)*) => { $(
        impl<'a> FromCell<'a> for $t {
            type Column = FixedColumn<'a, $t>;

            fn data_type() -> DataType {
                $data_type
            }

            fn open(source: CellSource<'a>) -> Result<Self::Column, Malformed> {
                match source.0.data_type() {
                    $pattern => FixedColumn::open(source.0),
                    _ => wrong_type(source.0, &$data_type),
                }
            }

            #[inline]
            fn get(column: &Self::Column, row: usize) -> Option<Self> {
                column.get(row)
            }
        }
    )* };
}
fixed! {
    i8: DataType::Int8 => DataType::Int8;
    i16: DataType::Int16 => DataType::Int16;
    i32: DataType::Int32 => DataType::Int32;
    i64: DataType::Int64 => DataType::Int64;
    u8: DataType::UInt8 => DataType::UInt8;
    u16: DataType::UInt16 => DataType::UInt16;
    u32: DataType::UInt32 => DataType::UInt32;
    u64: DataType::UInt64 => DataType::UInt64;
    f32: DataType::Float32 => DataType::Float32;
    f64: DataType::Float64 => DataType::Float64;
    Date: DataType::Date32 => DataType::Date32;
    TimestampS: DataType::Timestamp(TimeUnit::Second, _) => DataType::Timestamp(TimeUnit::Second, None);
    TimestampMs: DataType::Timestamp(TimeUnit::Millisecond, _) => DataType::Timestamp(TimeUnit::Millisecond, None);
    TimestampUs: DataType::Timestamp(TimeUnit::Microsecond, _) => DataType::Timestamp(TimeUnit::Microsecond, None);
    TimestampNs: DataType::Timestamp(TimeUnit::Nanosecond, _) => DataType::Timestamp(TimeUnit::Nanosecond, None);
}

/// A column of booleans.
pub struct BitColumn<'a> {
    bits: &'a [u8],
    validity: Validity<'a>,
}

impl<'a> FromCell<'a> for bool {
    type Column = BitColumn<'a>;

    fn data_type() -> DataType {
        DataType::Boolean
    }

    fn open(source: CellSource<'a>) -> Result<Self::Column, Malformed> {
        let DataType::Boolean = source.0.data_type() else { return wrong_type(source.0, &DataType::Boolean) };
        let (rows, validity) = Validity::open(source.0)?;
        Ok(BitColumn { bits: source.0.buffer(1, bitmap_len(rows))?, validity })
    }

    #[inline]
    fn get(column: &Self::Column, row: usize) -> Option<Self> {
        (!column.validity.is_null(row)).then(|| bit(column.bits, row))
    }
}

/// The ends of variable parts.
struct Offsets<'a> {
    ends: &'a [u8],
    rows: usize,
}

impl<'a> Offsets<'a> {
    fn open(part: Part<'a>, rows: usize) -> Result<Self, Malformed> {
        if rows == 0 {
            // An empty column may have no offsets at all.
            return Ok(Offsets { ends: &[], rows });
        }
        let length = rows.checked_add(1).and_then(|n| n.checked_mul(4));
        let length = length.ok_or_else(|| Malformed::new("a column is too long"))?;
        Ok(Offsets { ends: part.buffer(1, length)?, rows })
    }

    #[inline]
    fn get(&self, row: usize) -> std::ops::Range<usize> {
        assert!(row < self.rows, "the batch has no such row");
        // SAFETY: `open` saw that there are `rows + 1` ends of four bytes.
        let [start, end] = unsafe { self.ends.as_ptr().add(row * 4).cast::<[i32; 2]>().read_unaligned() };
        start as usize..end as usize
    }
}

/// A column of strings or byte strings.
pub struct BytesColumn<'a> {
    offsets: Offsets<'a>,
    data: &'a [u8],
    validity: Validity<'a>,
}

impl<'a> BytesColumn<'a> {
    fn open(part: Part<'a>) -> Result<Self, Malformed> {
        let (rows, validity) = Validity::open(part)?;
        Ok(BytesColumn { offsets: Offsets::open(part, rows)?, data: part.buffer(2, 0)?, validity })
    }

    #[inline]
    fn get(&self, row: usize) -> Option<&'a [u8]> {
        let range = self.offsets.get(row);
        if self.validity.is_null(row) {
            return None;
        }
        Some(&self.data[range])
    }
}

impl<'a> FromCell<'a> for &'a [u8] {
    type Column = BytesColumn<'a>;

    fn data_type() -> DataType {
        DataType::Binary
    }

    fn open(source: CellSource<'a>) -> Result<Self::Column, Malformed> {
        match source.0.data_type() {
            DataType::Binary => BytesColumn::open(source.0),
            _ => wrong_type(source.0, &DataType::Binary),
        }
    }

    #[inline]
    fn get(column: &Self::Column, row: usize) -> Option<Self> {
        column.get(row)
    }
}

impl<'a> FromCell<'a> for &'a str {
    type Column = BytesColumn<'a>;

    fn data_type() -> DataType {
        DataType::Utf8
    }

    fn open(source: CellSource<'a>) -> Result<Self::Column, Malformed> {
        match source.0.data_type() {
            DataType::Utf8 => BytesColumn::open(source.0),
            _ => wrong_type(source.0, &DataType::Utf8),
        }
    }

    #[inline]
    fn get(column: &Self::Column, row: usize) -> Option<Self> {
        // SAFETY: the column is Utf8, and the host sends only batches that it has validated itself. It owns this
        // memory and could do anything to it, so there is nothing to gain from looking again at every string.
        column.get(row).map(|bytes| unsafe { std::str::from_utf8_unchecked(bytes) })
    }
}

/// Types that are read as another one and then converted.
macro_rules! converted {
    ($($t:ty: $via:ty => $convert:expr;)*) => { $(
        impl<'a> FromCell<'a> for $t {
            type Column = <$via as FromCell<'a>>::Column;

            fn data_type() -> DataType {
                <$via>::data_type()
            }

            fn open(source: CellSource<'a>) -> Result<Self::Column, Malformed> {
                <$via>::open(source)
            }

            #[inline]
            fn get(column: &Self::Column, row: usize) -> Option<Self> {
                <$via>::get(column, row).map($convert)
            }
        }
    )* };
}
converted! {
    String: &'a str => str::to_owned;
    Bytes: &'a [u8] => |bytes| Bytes(bytes.to_vec());
}

/// A column whose cells may be null.
pub struct NullableColumn<'a, C> {
    cells: C,
    validity: Validity<'a>,
}

impl<'a, T: FromCell<'a>> FromCell<'a> for Option<T> {
    type Column = NullableColumn<'a, T::Column>;

    const NULLABLE: bool = true;

    fn data_type() -> DataType {
        T::data_type()
    }

    fn open(source: CellSource<'a>) -> Result<Self::Column, Malformed> {
        let (_, validity) = Validity::open(source.0)?;
        Ok(NullableColumn { cells: T::open(source)?, validity })
    }

    #[inline]
    fn get(column: &Self::Column, row: usize) -> Option<Self> {
        if column.validity.is_null(row) {
            return Some(None);
        }
        T::get(&column.cells, row).map(Some)
    }
}

/// A column of lists.
pub struct ListColumn<'a, C> {
    offsets: Offsets<'a>,
    cells: C,
    count: usize,
    validity: Validity<'a>,
}

impl<'a, T: FromCell<'a>> FromCell<'a> for Vec<T> {
    type Column = ListColumn<'a, T::Column>;

    fn data_type() -> DataType {
        DataType::List(Arc::new(Field::new("item", T::data_type(), T::NULLABLE)))
    }

    fn open(source: CellSource<'a>) -> Result<Self::Column, Malformed> {
        let part = source.0;
        let (DataType::List(_), Some(child)) = (part.data_type(), part.child(0)) else {
            return wrong_type(part, &Self::data_type());
        };
        let (rows, validity) = Validity::open(part)?;
        let offsets = Offsets::open(part, rows)?;
        Ok(ListColumn { offsets, cells: T::open(CellSource(child))?, count: child.node()?.0, validity })
    }

    fn get(column: &Self::Column, row: usize) -> Option<Self> {
        let range = column.offsets.get(row);
        if column.validity.is_null(row) {
            return None;
        }
        assert!(range.end <= column.count, "a list reaches beyond its cells");
        range.map(|cell| T::get(&column.cells, cell)).collect()
    }
}

/// A struct column.
pub struct StructColumn<'a, C> {
    fields: C,
    validity: Validity<'a>,
}

impl<'a, R: super::Row<'a>> FromCell<'a> for R {
    type Column = StructColumn<'a, R::Columns>;

    fn data_type() -> DataType {
        DataType::Struct(R::fields().into())
    }

    fn open(source: CellSource<'a>) -> Result<Self::Column, Malformed> {
        let part = source.0;
        let DataType::Struct(fields) = part.data_type() else {
            return wrong_type(part, &Self::data_type());
        };
        let (_, validity) = Validity::open(part)?;
        Ok(StructColumn { fields: R::open(super::RowSource::new(fields, part.child(0)))?, validity })
    }

    fn get(column: &Self::Column, row: usize) -> Option<Self> {
        if column.validity.is_null(row) {
            return None;
        }
        R::read(&column.fields, row).ok()
    }
}
