//! The operator of a native step: calls the function and believes nothing of what it answers.

use arrow::array::UInt32Array;
use arrow::datatypes::SchemaRef;

use super::fit::fit;
use super::function::{Answer, FlatMapped, Function, failure};
use crate::batch::Batch;
use crate::operator::parts::{Failure, work_on};
use crate::operator::{Operator, OperatorError, Output};

/// A function at work. One port, whose rows have the declared columns. What was refused has the code `native` (the
/// function said so), `native_panic`, or `native_output` (it answered what it must not).
pub struct NativeOperator {
    function: Function,
    columns: SchemaRef,
}

impl NativeOperator {
    /// Of a function whose rows are declared to have `columns`.
    pub fn new(function: Function, columns: SchemaRef) -> Self {
        NativeOperator { function, columns }
    }

    fn answer(&self, part: &Batch) -> Result<Batch, Failure> {
        let ill = |message: String| failure("native_output", message);
        match self.function.call(&part.rows)? {
            Answer::Kept(keep) if keep.len() != part.len() => {
                Err(ill(format!("the filter answered {} values for {} rows", keep.len(), part.len())))
            }
            Answer::Kept(keep) => part.filter(&keep).map_err(|error| ill(error.to_string())),
            Answer::Mapped(rows) if rows.num_rows() != part.len() => Err(ill(format!(
                "the map answered {} rows for {}; what makes more or fewer is a flat map or a filter",
                rows.num_rows(),
                part.len()
            ))),
            Answer::Mapped(rows) => Ok(part.with_rows(fit(&rows, &self.columns).map_err(answered)?)),
            Answer::FlatMapped(FlatMapped { rows, parents }) => {
                check_parents(&parents, rows.num_rows(), part.len()).map_err(ill)?;
                let rows = fit(&rows, &self.columns).map_err(answered)?;
                Ok(Batch { rows, origin: part.origin_of(&parents) })
            }
        }
    }
}

fn answered(why: String) -> Failure {
    failure("native_output", format!("the rows that the function answered do not fit: {why}"))
}

fn check_parents(parents: &UInt32Array, answered: usize, given: usize) -> Result<(), String> {
    if parents.len() != answered {
        return Err(format!("the flat map answered {answered} rows and {} parents", parents.len()));
    }
    match parents.iter().flatten().find(|parent| *parent as usize >= given) {
        Some(parent) => {
            Err(format!("the flat map named row {parent} as a parent; it was given {given} rows"))
        }
        None => Ok(()),
    }
}

impl Operator for NativeOperator {
    fn on_batch(&mut self, batch: &Batch, out: &mut Output) -> Result<(), OperatorError> {
        work_on(
            batch,
            out,
            || (),
            |part, out| {
                out.emit(0, self.answer(part)?);
                Ok(())
            },
        )
    }
}
