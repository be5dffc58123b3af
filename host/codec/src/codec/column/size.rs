//! About how many bytes values take in arrays: what is counted before memory is taken for them. Knows nothing of
//! messages and of limits.

use std::ops::Range;

use arrow::array::{Array, AsArray, OffsetSizeTrait};
use arrow::datatypes::DataType;

/// About how many bytes an array takes beside its values.
pub(crate) const ARRAY: usize = 256;

/// The bytes of the values of a range, and one for each of them.
pub(crate) fn size_of_values(array: &dyn Array, range: Range<usize>) -> usize {
    // Lists may be empty and many, and their items of many columns.
    if range.is_empty() {
        return 0;
    }
    let len = range.len();
    let bytes = match array.data_type() {
        DataType::Null => 0,
        DataType::Utf8 => of_bytes(array.as_string::<i32>().offsets(), range),
        DataType::LargeUtf8 => of_bytes(array.as_string::<i64>().offsets(), range),
        DataType::Binary => of_bytes(array.as_binary::<i32>().offsets(), range),
        DataType::LargeBinary => of_bytes(array.as_binary::<i64>().offsets(), range),
        DataType::FixedSizeBinary(width) => *width as usize * len,
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            of_items(list.offsets(), list.values().as_ref(), range)
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            of_items(list.offsets(), list.values().as_ref(), range)
        }
        DataType::Map(..) => {
            let map = array.as_map();
            of_items(map.offsets(), map.entries(), range)
        }
        DataType::FixedSizeList(_, size) => {
            let items = range.start * *size as usize..range.end * *size as usize;
            size_of_values(array.as_fixed_size_list().values().as_ref(), items)
        }
        DataType::Struct(_) => {
            let columns = array.as_struct().columns().iter();
            columns.map(|column| size_of_values(column.as_ref(), range.clone())).sum()
        }
        other => other.primitive_width().unwrap_or(1) * len,
    };
    bytes + len
}

/// Where the values of a range begin and end.
fn span<O: OffsetSizeTrait>(offsets: &[O], range: &Range<usize>) -> Range<usize> {
    offsets[range.start].as_usize()..offsets[range.end].as_usize()
}

fn of_bytes<O: OffsetSizeTrait>(offsets: &[O], range: Range<usize>) -> usize {
    span(offsets, &range).len() + range.len() * size_of::<O>()
}

fn of_items<O: OffsetSizeTrait>(offsets: &[O], items: &dyn Array, range: Range<usize>) -> usize {
    size_of_values(items, span(offsets, &range)) + range.len() * size_of::<O>()
}

/// The bytes of a null, which may be many: what has a fixed size has it also where it is null.
pub(crate) fn size_of_null(data_type: &DataType) -> usize {
    match data_type {
        DataType::FixedSizeBinary(width) => *width as usize + 1,
        DataType::FixedSizeList(item, size) => {
            (*size as usize).saturating_mul(size_of_null(item.data_type())).saturating_add(1)
        }
        DataType::Struct(fields) => {
            let sizes = fields.iter().map(|field| size_of_null(field.data_type()));
            sizes.fold(1, usize::saturating_add)
        }
        other => other.primitive_width().unwrap_or(size_of::<i64>()) + 1,
    }
}

/// Of how many arrays a column of a type is made: each is seen to for each value that is picked, also where the value
/// has nothing in it.
pub(crate) fn arrays_of(data_type: &DataType) -> usize {
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => 1 + arrays_of(item.data_type()),
        DataType::Struct(fields) => {
            1 + fields.iter().map(|field| arrays_of(field.data_type())).sum::<usize>()
        }
        _ => 1,
    }
}
