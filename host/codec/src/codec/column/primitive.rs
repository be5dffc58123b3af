//! Columns of fixed-width values: numbers, dates, times, decimals. Knows nothing of what they mean.

use arrow::array::{ArrayRef, NullBufferBuilder, make_array};
use arrow::buffer::Buffer;
use arrow::datatypes::{ArrowNativeType, DataType};

use super::room::fitted;

/// A column of fixed-width values.
pub(crate) struct Primitive<T> {
    values: Vec<T>,
    nulls: NullBufferBuilder,
    data_type: DataType,
}

impl<T: ArrowNativeType> Primitive<T> {
    /// A writer of `data_type`, whose native type must be `T`.
    pub(crate) fn new(data_type: DataType) -> Self {
        Primitive { values: Vec::new(), nulls: NullBufferBuilder::new(0), data_type }
    }

    /// What the column is.
    pub(crate) fn data_type(&self) -> &DataType {
        &self.data_type
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, value: T) {
        self.values.push(value);
        self.nulls.append_non_null();
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn push_null(&mut self) {
        self.values.push(T::default());
        self.nulls.append_null();
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.values.truncate(len);
        self.nulls.truncate(len);
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let len = self.values.len();
        let values = std::mem::replace(&mut self.values, Vec::with_capacity(len));
        let data = arrow::array::ArrayData::builder(self.data_type.clone())
            .len(len)
            .add_buffer(Buffer::from_vec(fitted(values)))
            .nulls(self.nulls.finish())
            .build()
            .expect(
                "one value and one validity bit is pushed at a time, of the native type of the data type",
            );
        make_array(data)
    }
}
