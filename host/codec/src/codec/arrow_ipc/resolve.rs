//! Dictionaries, runs and views as what they stand for: values picked by their indices, once what comes of it is
//! known to stay within the limit. Knows nothing of messages.

use arrow::array::{Array, ArrayRef, AsArray, OffsetSizeTrait, UInt32Array};
use arrow::datatypes::DataType;

use super::buffers::Budget;
use super::syntax;
use crate::codec::problem::Outcome;

/// Values, each to be picked any number of times.
pub(super) struct Values {
    array: ArrayRef,
    /// Bytes of each.
    sizes: Vec<usize>,
}

impl Values {
    pub(super) fn new(array: ArrayRef, budget: &mut Budget) -> Outcome<Values> {
        Ok(Values { sizes: sizes(array.as_ref(), budget)?, array })
    }

    pub(super) fn len(&self) -> usize {
        self.array.len()
    }

    /// The values at `indices`, which must be below [`len`](Self::len).
    pub(super) fn pick(&self, indices: &UInt32Array, budget: &mut Budget) -> Outcome<ArrayRef> {
        let mut total: usize = indices.len();
        for index in indices.iter().flatten() {
            total = total.saturating_add(self.sizes[index as usize]);
        }
        budget.take(total)?;
        arrow::compute::take(&self.array, indices, None).map_err(|wrong| syntax(wrong.to_string()))
    }
}

/// About how many bytes each value has.
fn sizes(array: &dyn Array, budget: &mut Budget) -> Outcome<Vec<usize>> {
    let len = array.len();
    budget.take(len.saturating_mul(size_of::<usize>()))?;
    Ok(match array.data_type() {
        DataType::Null => vec![0; len],
        DataType::Utf8 => of_bytes(array.as_string::<i32>().offsets()),
        DataType::LargeUtf8 => of_bytes(array.as_string::<i64>().offsets()),
        DataType::Binary => of_bytes(array.as_binary::<i32>().offsets()),
        DataType::LargeBinary => of_bytes(array.as_binary::<i64>().offsets()),
        DataType::FixedSizeBinary(width) => vec![*width as usize; len],
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            of_items(list.offsets(), &sizes(list.values().as_ref(), budget)?)
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            of_items(list.offsets(), &sizes(list.values().as_ref(), budget)?)
        }
        DataType::Map(..) => {
            let map = array.as_map();
            of_items(map.offsets(), &sizes(map.entries(), budget)?)
        }
        DataType::FixedSizeList(_, size) => {
            let items = sizes(array.as_fixed_size_list().values().as_ref(), budget)?;
            let size = *size as usize;
            (0..len).map(|i| items[i * size..(i + 1) * size].iter().sum::<usize>() + size).collect()
        }
        DataType::Struct(_) => {
            let mut all = vec![0; len];
            for column in array.as_struct().columns() {
                let of_column = sizes(column.as_ref(), budget)?;
                all.iter_mut().zip(of_column).for_each(|(all, one)| *all += one + 1);
            }
            all
        }
        other => vec![other.primitive_width().unwrap_or(1); len],
    })
}

fn of_bytes<O: OffsetSizeTrait>(offsets: &[O]) -> Vec<usize> {
    offsets.windows(2).map(|pair| (pair[1] - pair[0]).as_usize() + size_of::<O>()).collect()
}

fn of_items<O: OffsetSizeTrait>(offsets: &[O], items: &[usize]) -> Vec<usize> {
    let span =
        |pair: &[O]| items[pair[0].as_usize()..pair[1].as_usize()].iter().map(|size| size + 1).sum::<usize>();
    offsets.windows(2).map(|pair| span(pair) + size_of::<O>()).collect()
}
