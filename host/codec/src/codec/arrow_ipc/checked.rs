//! Buffers as the values they are said to hold, each checked before it is taken for them. Knows nothing of columns.

use arrow::array::{
    Array, ArrowPrimitiveType, AsArray, OffsetSizeTrait, PrimitiveArray, UInt32Array, downcast_integer,
};
use arrow::buffer::{BooleanBuffer, Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::*;
use arrow::error::ArrowError;

use super::syntax;
use crate::codec::problem::{Outcome, Problem};

/// As the library says it.
#[cold]
pub(super) fn wrong(error: ArrowError) -> Box<Problem> {
    match error {
        ArrowError::InvalidArgumentError(text) => syntax(text),
        other => syntax(other.to_string()),
    }
}

/// `len` values of `width` bytes each.
pub(super) fn bytes_of(len: usize, width: usize) -> Outcome<usize> {
    len.checked_mul(width).ok_or_else(|| syntax(format!("{len} times {width} is more than there can be")))
}

/// The first `len` values of `width` bytes each of a buffer.
pub(super) fn exactly(buffer: Buffer, len: usize, width: usize) -> Outcome<Buffer> {
    let needed = bytes_of(len, width)?;
    if buffer.len() < needed {
        return Err(syntax(format!("a buffer has {} bytes and needs {needed}", buffer.len())));
    }
    Ok(buffer.slice_with_length(0, needed))
}

/// The first `len` bits of a buffer.
pub(super) fn boolean(bits: Buffer, len: usize) -> Outcome<BooleanBuffer> {
    Ok(BooleanBuffer::new(exactly(bits, len.div_ceil(8), 1)?, 0, len))
}

/// The first `len` values of a buffer, where they can lie as what they are.
pub(super) fn scalars<T: ArrowNativeType>(buffer: Buffer, len: usize) -> Outcome<ScalarBuffer<T>> {
    let mut values = exactly(buffer, len, size_of::<T>())?;
    if !values.as_ptr().cast::<T>().is_aligned() {
        values = Buffer::from(values.as_slice());
    }
    Ok(ScalarBuffer::new(values, 0, len))
}

/// Offsets of `len` values into a child of `items`. Of no values there may be none.
pub(super) fn offsets_of<O: OffsetSizeTrait>(
    buffer: Buffer,
    len: usize,
    items: usize,
) -> Outcome<OffsetBuffer<O>> {
    if len == 0 && buffer.is_empty() {
        return Ok(OffsetBuffer::new_empty());
    }
    let offsets = scalars::<O>(buffer, len.saturating_add(1))?;
    if let Some(pair) = offsets.windows(2).find(|pair| pair[1] < pair[0]) {
        return Err(syntax(format!("the offset {:?} follows {:?}", pair[1], pair[0])));
    }
    let (first, last) = (offsets[0], offsets[len]);
    if first < O::zero() || last.to_usize().is_none_or(|last| last > items) {
        return Err(syntax(format!("the offsets go from {first:?} to {last:?}, in {items}")));
    }
    Ok(OffsetBuffer::new(offsets))
}

/// Integers of 32 or 64 bits.
pub(super) fn integers(buffer: Buffer, len: usize, wide: bool) -> Outcome<Vec<i64>> {
    match wide {
        true => Ok(scalars::<i64>(buffer, len)?.to_vec()),
        false => Ok(scalars::<i32>(buffer, len)?.iter().map(|value| i64::from(*value)).collect()),
    }
}

/// The ends of runs, of any width.
pub(super) fn wide(ends: &dyn Array) -> Vec<i64> {
    match ends.data_type() {
        DataType::Int16 => {
            ends.as_primitive::<Int16Type>().values().iter().map(|end| (*end).into()).collect()
        }
        DataType::Int32 => {
            ends.as_primitive::<Int32Type>().values().iter().map(|end| (*end).into()).collect()
        }
        _ => ends.as_primitive::<Int64Type>().values().to_vec(),
    }
}

/// The keys of a dictionary of `values`, null where they are.
pub(super) fn indices_of(keys: &dyn Array, values: usize) -> Outcome<UInt32Array> {
    macro_rules! indices {
        ($t:ty) => {
            keys.as_primitive::<$t>()
                .iter()
                .map(|key| match key {
                    None => Ok(None),
                    Some(key) => match u32::try_from(key).ok().filter(|&key| (key as usize) < values) {
                        Some(key) => Ok(Some(key)),
                        None => Err(syntax(format!("key {key} of a dictionary of {values}"))),
                    },
                })
                .collect()
        };
    }
    downcast_integer! {
        keys.data_type() => (indices),
        other => Err(syntax(format!("keys of type {other}"))),
    }
}

/// Decimals must have no more digits than their type says.
pub(super) fn check_digits<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> Outcome<()> {
    fn check<D: DecimalType>(array: &dyn Array) -> Outcome<()> {
        let array = array.as_primitive::<D>();
        let (digits, scale) = (array.precision(), array.scale());
        let mut values = array.iter().flatten();
        values.try_for_each(|value| D::validate_decimal_precision(value, digits, scale)).map_err(wrong)
    }
    match T::DATA_TYPE {
        DataType::Decimal32(..) => check::<Decimal32Type>(array),
        DataType::Decimal64(..) => check::<Decimal64Type>(array),
        DataType::Decimal128(..) => check::<Decimal128Type>(array),
        DataType::Decimal256(..) => check::<Decimal256Type>(array),
        _ => Ok(()),
    }
}
