//! A function over record batches, and one call of it: a panic or an error of it is told like any failure of rows.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, UInt32Array};

use crate::operator::parts::Failure;

/// Why a function could not do its rows: any error, or a text.
pub type FunctionError = Box<dyn Error + Send + Sync>;

/// What a flat map made of a batch.
#[derive(Clone, Debug)]
pub struct FlatMapped {
    /// Its rows, any number of them.
    pub rows: RecordBatch,
    /// For each of its rows the index of the row that it was made from, null where there is none: so that a dead
    /// letter still quotes the record it came from.
    pub parents: UInt32Array,
}

type Call<I, O> = Arc<dyn Fn(I) -> Result<O, FunctionError> + Send + Sync>;

/// A function of the embedding program. The tasks of its step share it, and call it at the same time.
#[derive(Clone)]
pub struct Function(Does);

/// Reads rows that its caller goes on with.
type Judge = Arc<dyn Fn(&RecordBatch) -> Result<BooleanArray, FunctionError> + Send + Sync>;

#[derive(Clone)]
enum Does {
    Filter(Judge),
    Map(Call<RecordBatch, RecordBatch>),
    FlatMap(Call<RecordBatch, FlatMapped>),
}

/// What a function answered.
pub(super) enum Answer {
    Kept(BooleanArray),
    Mapped(RecordBatch),
    FlatMapped(FlatMapped),
}

impl Function {
    /// Keeps the rows for which `keep` is true (null counts as false); it answers a value for each row.
    pub fn filter(
        keep: impl Fn(&RecordBatch) -> Result<BooleanArray, FunctionError> + Send + Sync + 'static,
    ) -> Self {
        Function(Does::Filter(Arc::new(keep)))
    }

    /// Makes a row of each row, in their order.
    pub fn map(
        map: impl Fn(RecordBatch) -> Result<RecordBatch, FunctionError> + Send + Sync + 'static,
    ) -> Self {
        Function(Does::Map(Arc::new(map)))
    }

    /// Makes any number of rows.
    pub fn flat_map(
        map: impl Fn(RecordBatch) -> Result<FlatMapped, FunctionError> + Send + Sync + 'static,
    ) -> Self {
        Function(Does::FlatMap(Arc::new(map)))
    }

    /// Its rows always have the columns of its input.
    pub fn keeps_columns(&self) -> bool {
        matches!(self.0, Does::Filter(_))
    }

    /// One call. What a function keeps between calls is its own: after a panic it is called again as it is.
    pub(super) fn call(&self, rows: &RecordBatch) -> Result<Answer, Failure> {
        let called = catch_unwind(AssertUnwindSafe(|| match &self.0 {
            Does::Filter(keep) => keep(rows).map(Answer::Kept),
            Does::Map(map) => map(rows.clone()).map(Answer::Mapped),
            Does::FlatMap(map) => map(rows.clone()).map(Answer::FlatMapped),
        }));
        match called {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(failure("native", error.to_string())),
            Err(panic) => {
                Err(failure("native_panic", format!("the function panicked: {}", text_of(&*panic))))
            }
        }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Does::Filter(_) => "Function::filter",
            Does::Map(_) => "Function::map",
            Does::FlatMap(_) => "Function::flat_map",
        })
    }
}

/// Nobody knows whether it is the row or the moment, so a retry may be worth it.
pub(super) fn failure(code: &'static str, message: String) -> Failure {
    Failure { code, message, retryable: true }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a text".into())
}
