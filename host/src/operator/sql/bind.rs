//! From a step of the specification to its operator and the columns of its ports.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::{Filter, Problem, Route, Select, SqlError};
use crate::operator::Operator;
use crate::plan::{BindError, Bound};
use crate::spec::{PORT_MAIN, StepKind};

/// The operator of a step that is SQL, for rows of `input`; `None` for other steps.
pub fn operator(kind: &StepKind, input: &SchemaRef) -> Option<Result<Box<dyn Operator>, SqlError>> {
    match kind {
        StepKind::Filter { expression } => Some(Filter::new(expression, input).map(boxed)),
        StepKind::Select { items } => Some(Select::new(items, input).map(boxed)),
        StepKind::Route { branches } => Some(Route::new(branches, input).map(boxed)),
        StepKind::Union | StepKind::Wasm(_) | StepKind::Native(_) => None,
    }
}

fn boxed(operator: impl Operator + 'static) -> Box<dyn Operator> {
    Box::new(operator)
}

/// The output ports of a step that is SQL with their columns, for rows of `input`; `None` for other steps.
pub fn ports(kind: &StepKind, input: &SchemaRef) -> Option<Result<Bound, Vec<BindError>>> {
    let main = |schema: &SchemaRef| vec![(PORT_MAIN.to_owned(), Arc::clone(schema))];
    let found = match kind {
        StepKind::Filter { expression } => Filter::new(expression, input).map(|_| main(input)),
        StepKind::Select { items } => Select::new(items, input).map(|select| main(select.schema())),
        StepKind::Route { branches } => Route::new(branches, input)
            .map(|_| branches.iter().map(|(port, _)| (port.clone(), Arc::clone(input))).collect()),
        StepKind::Union | StepKind::Wasm(_) | StepKind::Native(_) => return None,
    };
    Some(
        found
            .map(Bound::Ports)
            .map_err(|error| error.problems.into_iter().map(|problem| located(kind, problem)).collect()),
    )
}

fn located(kind: &StepKind, problem: Problem) -> BindError {
    let at = match kind {
        StepKind::Select { .. } => format!("select[{}]", problem.item),
        StepKind::Route { branches } => match branches.get(problem.item) {
            Some((port, _)) => format!("route.{port}"),
            None => "route".to_owned(),
        },
        StepKind::Filter { .. } => "filter".to_owned(),
        StepKind::Union | StepKind::Wasm(_) | StepKind::Native(_) => String::new(),
    };
    BindError { at, message: problem.text(), expected: problem.expected, nearest: problem.nearest }
}
