//! Native steps, those of SQL and those that are functions of the embedding program: what a step of the
//! specification answers with, and its operator.

use arrow::datatypes::SchemaRef;

use crate::operator::native::Functions;
use crate::operator::{Operator, native, sql};
use crate::plan::{BindError, Bound};
use crate::spec::{Step, StepKind};

/// The output ports of a native step for rows of `input`. Components are somebody else's to bind.
pub fn bind_native(step: &Step, input: &SchemaRef, functions: &Functions) -> Result<Bound, Vec<BindError>> {
    match &step.kind {
        StepKind::Wasm(wasm) => Ok(Bound::Unknown(format!("component `{}` is not at hand", wasm.component))),
        StepKind::Native(step) => native::ports(step, input, functions),
        StepKind::Union => Ok(Bound::Ports(Vec::new())),
        kind @ (StepKind::Filter { .. } | StepKind::Select { .. } | StepKind::Route { .. }) => {
            sql::ports(kind, input).unwrap_or_else(|| Err(vec![BindError::from(not_sql(step))]))
        }
    }
}

fn not_sql(step: &Step) -> String {
    format!("a defect in the host: step `{}` is no SQL", step.name)
}

/// The operator of a native step; `None` for a union, which does nothing.
pub(super) fn operator(
    step: &Step,
    input: &SchemaRef,
    functions: &Functions,
) -> Result<Option<Box<dyn Operator>>, String> {
    match &step.kind {
        StepKind::Native(step) => native::operator(step, input, functions).map(Some),
        StepKind::Union => Ok(None),
        StepKind::Wasm(_) | StepKind::Filter { .. } | StepKind::Select { .. } | StepKind::Route { .. } => {
            let operator = sql::operator(&step.kind, input).ok_or_else(|| not_sql(step))?;
            operator.map(Some).map_err(|e| e.to_string())
        }
    }
}
