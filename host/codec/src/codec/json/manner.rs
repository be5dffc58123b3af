//! How columns are written where JSON leaves a choice. Knows nothing of arrays.

/// How the values of a column are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manner {
    /// A null is left out of its object instead of being written as `null`.
    pub(crate) leave_out_nulls: bool,
    /// Timestamps and times are text, as `2024-05-01T12:30:45Z`, instead of numbers.
    pub(crate) text: bool,
    /// Of the fields of an object, the items of a list, the values of a map; what is not there is plain.
    pub(crate) inner: Vec<Manner>,
}

/// Nulls are written, and timestamps are numbers.
pub(super) static PLAIN: Manner = Manner { leave_out_nulls: false, text: false, inner: Vec::new() };

impl Manner {
    pub(super) fn of_inner(&self, index: usize) -> &Manner {
        self.inner.get(index).unwrap_or(&PLAIN)
    }
}
