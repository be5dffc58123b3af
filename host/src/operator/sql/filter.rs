//! Keeps the rows for which an expression is true.

use arrow::datatypes::SchemaRef;

use super::expression::{Expression, Planner};
use super::parts::work_on;
use super::{SqlError, budget, dialect};
use crate::batch::Batch;
use crate::operator::{Operator, OperatorError, Output};

/// A filter. Null counts as false. One port, with the columns of the input.
#[derive(Clone, Debug)]
pub struct Filter {
    condition: Expression,
}

impl Filter {
    /// Keeps rows of `schema` for which `expression` is true.
    ///
    /// # Errors
    /// Everything that is wrong with the expression.
    pub fn new(expression: &str, schema: &SchemaRef) -> Result<Filter, SqlError> {
        let planned = Planner::new(schema)
            .and_then(|planner| Ok((planner, dialect::expression(expression)?)))
            .map_err(|problem| vec![problem])
            .and_then(|(planner, parsed)| planner.condition(parsed));
        planned.map(|condition| Filter { condition }).map_err(|problems| SqlError { problems })
    }
}

impl Operator for Filter {
    fn on_batch(&mut self, batch: &Batch, out: &mut Output) -> Result<(), OperatorError> {
        work_on(batch, out, |part, out| {
            // Nothing that an expression makes is kept.
            budget::back_to(0);
            let keep = self.condition.truth(&part.rows)?;
            match keep.true_count() {
                0 => {}
                all if all == part.len() => out.emit(0, part.clone()),
                _ => out.emit(0, part.filter(&keep).map_err(|error| error.to_string())?),
            }
            Ok(())
        })
    }
}
