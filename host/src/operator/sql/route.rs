//! Sends each row out of the first port whose expression is true.

use arrow::array::{Array as _, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::SchemaRef;

use super::expression::{Expression, Planner};
use super::parts::work_on;
use super::{Problem, SqlError, budget, dialect};
use crate::batch::Batch;
use crate::operator::{Operator, OperatorError, Output};

/// A route. Its ports are the branches by index, each with the columns of the input. A row for which no branch is
/// true leaves by `otherwise`, or is dropped where there is none.
#[derive(Clone, Debug)]
pub struct Route {
    branches: Vec<Branch>,
}

#[derive(Clone, Debug)]
enum Branch {
    If(Expression),
    Otherwise,
}

impl Route {
    /// Sends rows of `schema` to `branches`: names with their expressions, `None` for `otherwise`, which may
    /// stand anywhere but only once.
    ///
    /// # Errors
    /// Everything that is wrong with any of the expressions.
    pub fn new(branches: &[(String, Option<String>)], schema: &SchemaRef) -> Result<Route, SqlError> {
        let planner = Planner::new(schema).map_err(|problem| SqlError { problems: vec![problem] })?;
        let (mut ready, mut problems) = (Vec::new(), Vec::new());
        for (at, (_, expression)) in branches.iter().enumerate() {
            match branch(expression.as_deref(), &planner, &ready) {
                Ok(branch) => ready.push(branch),
                Err(found) => {
                    problems.extend(found.into_iter().map(|problem| Problem { item: at, ..problem }))
                }
            }
        }
        if problems.is_empty() { Ok(Route { branches: ready }) } else { Err(SqlError { problems }) }
    }

    /// For each port the rows that leave by it.
    fn assign(&self, part: &Batch) -> Result<Vec<BooleanBuffer>, String> {
        let mut left = BooleanBuffer::new_set(part.len());
        let mut ports = vec![BooleanBuffer::new_unset(part.len()); self.branches.len()];
        for (port, branch) in ports.iter_mut().zip(&self.branches) {
            let Branch::If(condition) = branch else { continue };
            if left.count_set_bits() == 0 {
                break;
            }
            // A condition may fail on rows that an earlier branch takes: `b = 0` before `a / b > 1`.
            let truth = condition
                .truth(&part.rows)
                .or_else(|_| condition.truth_of(&part.rows, &BooleanArray::new(left.clone(), None)))?;
            let truth =
                truth.nulls().map_or_else(|| truth.values().clone(), |valid| truth.values() & valid.inner());
            *port = &truth & &left;
            left = &left & &!&truth;
        }
        if let Some(at) = self.branches.iter().position(|branch| matches!(branch, Branch::Otherwise)) {
            ports[at] = left;
        }
        Ok(ports)
    }
}

fn branch(expression: Option<&str>, planner: &Planner, before: &[Branch]) -> Result<Branch, Vec<Problem>> {
    match expression {
        Some(expression) => {
            let parsed = dialect::expression(expression).map_err(|problem| vec![problem])?;
            planner.condition(parsed).map(Branch::If)
        }
        None if before.iter().any(|branch| matches!(branch, Branch::Otherwise)) => {
            Err(vec![Problem::new("a second `otherwise`").expected("an expression")])
        }
        None => Ok(Branch::Otherwise),
    }
}

impl Operator for Route {
    fn on_batch(&mut self, batch: &Batch, out: &mut Output) -> Result<(), OperatorError> {
        work_on(batch, out, |part, out| {
            // Nothing that an expression makes is kept.
            budget::back_to(0);
            let ports = self.assign(part)?;
            let mut parts = Vec::with_capacity(ports.len());
            for (port, rows) in ports.into_iter().enumerate() {
                match rows.count_set_bits() {
                    0 => {}
                    all if all == part.len() => parts.push((port, part.clone())),
                    _ => {
                        let rows = part.filter(&BooleanArray::new(rows, None));
                        parts.push((port, rows.map_err(|error| error.to_string())?));
                    }
                }
            }
            parts.into_iter().for_each(|(port, part)| out.emit(port, part));
            Ok(())
        })
    }
}
