//! Room that nothing was written to: what a refused record or a long one left behind is given back, so that a batch
//! takes what its rows take. Knows nothing of columns.

/// Room that is not worth giving back, in bytes.
const SPARE: usize = 64 << 10;

/// The values, of which no more than as much again is room, unless it is little.
pub(super) fn fitted<T>(mut values: Vec<T>) -> Vec<T> {
    let room = values.capacity() - values.len();
    if room > values.len() && room > SPARE / size_of::<T>().max(1) {
        values.shrink_to_fit();
    }
    values
}
