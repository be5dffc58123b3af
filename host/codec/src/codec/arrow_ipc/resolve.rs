//! Dictionaries, runs and views as what they stand for: values picked by their indices, once what comes of it is
//! known to stay within the limit. Knows nothing of messages.

use arrow::array::{Array, ArrayRef, MutableArrayData, UInt32Array, make_array};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use super::buffers::Budget;
use super::checked::wrong;
use crate::codec::column::{arrays_of, size_of_null, size_of_values};
use crate::codec::problem::Outcome;

/// What making an array costs, in bytes that could be picked meanwhile.
const MAKING: usize = 32;

/// Values, each to be picked any number of times.
pub(super) struct Values {
    array: ArrayRef,
    /// Bytes of each.
    sizes: Vec<usize>,
}

impl Values {
    pub(super) fn new(array: ArrayRef, budget: &mut Budget) -> Outcome<Values> {
        budget.take(array.len().saturating_mul(size_of::<usize>()))?;
        let sizes = (0..array.len()).map(|at| size_of_values(array.as_ref(), at..at + 1)).collect();
        Ok(Values { array, sizes })
    }

    pub(super) fn len(&self) -> usize {
        self.array.len()
    }

    /// The values at `indices`, which must be below [`len`](Self::len).
    pub(super) fn pick(&self, indices: &UInt32Array, budget: &mut Budget) -> Outcome<ArrayRef> {
        let data_type = self.array.data_type();
        let nulls = indices.null_count().saturating_mul(size_of_null(data_type));
        // Nested columns are made, and seen to for each index, also where there is nothing in them.
        let steps = (arrays_of(data_type) - 1).saturating_mul(indices.len().saturating_add(MAKING));
        let mut total = nulls.saturating_add(steps);
        for index in indices.iter().flatten() {
            total = total.saturating_add(self.sizes[index as usize]);
        }
        budget.take(total)?;
        pick(&self.array, indices).map_err(wrong)
    }
}

/// The values at `indices`, which must be below the length; null where an index is.
pub(in crate::codec) fn pick(array: &ArrayRef, indices: &UInt32Array) -> Result<ArrayRef, ArrowError> {
    // The library's way of picking reserves room for lists of the mean length, also where the short ones are picked,
    // and does not know how many values of no width there are.
    if !array.data_type().is_nested() && *array.data_type() != DataType::FixedSizeBinary(0) {
        return arrow::compute::take(array, indices, None);
    }
    let data = array.to_data();
    let mut picked = MutableArrayData::new(vec![&data], indices.null_count() > 0, 0);
    let mut begin = 0;
    while begin < indices.len() {
        let end = (begin + 1..indices.len()).find(|&at| !follows(indices, at)).unwrap_or(indices.len());
        match indices.is_null(begin) {
            true => picked.try_extend_nulls(end - begin)?,
            false => {
                let first = indices.value(begin) as usize;
                picked.try_extend(0, first, first + (end - begin))?;
            }
        }
        begin = end;
    }
    Ok(make_array(picked.freeze()))
}

/// Whether an index is of the value after the one before it, or both are null.
fn follows(indices: &UInt32Array, at: usize) -> bool {
    match (indices.is_null(at - 1), indices.is_null(at)) {
        (false, false) => indices.value(at - 1).checked_add(1) == Some(indices.value(at)),
        (before, null) => before && null,
    }
}
