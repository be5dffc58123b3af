//! What can go wrong in an operator: one row ([`RowError`]) or the whole call ([`OpError`]).

use crate::ipc::Malformed;
use std::borrow::Cow;

/// One row that the operator refuses. The other rows of the batch go on.
///
/// Any standard error turns into one with the code `failed`, so `?` works in a row function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// Short and stable, for counting: `negative-amount`.
    pub code: Cow<'static, str>,
    /// For a person.
    pub message: String,
    /// The same row may succeed later.
    pub retryable: bool,
}

impl RowError {
    /// A row that will never do.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        RowError { code: code.into(), message: message.into(), retryable: false }
    }

    /// The same row may succeed later.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// A null in a column whose field is no `Option`.
    pub fn null(column: &str) -> Self {
        RowError::new("null", format!("column {column} is null"))
    }
}

impl<E: std::error::Error> From<E> for RowError {
    fn from(error: E) -> Self {
        RowError::new("failed", error.to_string())
    }
}

/// A refusal of a whole call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpError {
    /// The configuration is wrong. From `bind`.
    Config(String),
    /// The input columns are wrong. From `bind`.
    Schema(String),
    /// The same batch may succeed later; the host tries again.
    Transient(String),
    /// It never will; the pipeline fails with this text.
    Fatal(String),
}

impl std::fmt::Display for OpError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OpError::Config(e) => write!(f, "configuration: {e}"),
            OpError::Schema(e) => write!(f, "schema: {e}"),
            OpError::Transient(e) | OpError::Fatal(e) => f.write_str(e),
        }
    }
}

impl std::error::Error for OpError {}

impl From<Malformed> for OpError {
    fn from(error: Malformed) -> Self {
        OpError::Fatal(format!("the host sent a batch that cannot be read: {error}"))
    }
}

/// The rows of one batch that were refused, in ascending order.
#[derive(Debug, Default)]
pub struct RowErrors(pub(crate) Vec<(u32, RowError)>);

impl RowErrors {
    /// Refuses a row. Rows are refused in ascending order; a second error of the same row is dropped.
    ///
    /// # Panics
    /// When `row` is less than the one before.
    pub fn push(&mut self, row: usize, error: RowError) {
        match self.0.last() {
            Some((last, _)) if *last as usize == row => {}
            last => {
                assert!(
                    last.is_none_or(|(last, _)| (*last as usize) < row),
                    "rows are refused in ascending order"
                );
                self.0.push((row as u32, error));
            }
        }
    }

    /// Whether no row was refused.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of refused rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl IntoIterator for RowErrors {
    type Item = (usize, RowError);
    type IntoIter =
        std::iter::Map<std::vec::IntoIter<(u32, RowError)>, fn((u32, RowError)) -> (usize, RowError)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().map(|(row, error)| (row as usize, error))
    }
}
