//! What may be made of two schemas, or of a schema and columns: a few kilobytes of branches within branches stand for
//! any number of plans. Knows nothing of what is made.

use std::cell::Cell;

use super::reasons::Reasons;

/// Bytes that may be made of a schema, about; a comparison counts as one too.
const BUDGET: usize = 32 << 20;

/// What one field, branch or column comes to, about.
pub(super) const PART: usize = 64;

/// What is left of it.
pub(super) struct Budget(Cell<usize>);

impl Budget {
    pub(super) fn new() -> Budget {
        Budget(Cell::new(BUDGET))
    }

    /// Takes so many bytes off it. Once there is nothing left, there never is.
    pub(super) fn spend(&self, bytes: usize) -> Result<(), Reasons> {
        self.0.set(self.0.get().saturating_sub(bytes));
        self.check()
    }

    /// How many bytes were taken off it; or that they were too many, whatever else was found.
    pub(super) fn spent(&self) -> Result<usize, Reasons> {
        self.check().map(|()| BUDGET - self.0.get())
    }

    fn check(&self) -> Result<(), Reasons> {
        if self.0.get() > 0 {
            return Ok(());
        }
        Err("the schemas lead to too many ways of reading or writing them: use fewer branches in unions, or fewer fields"
            .into())
    }
}
