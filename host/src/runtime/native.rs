//! Native steps: what a step of the specification answers with, and its operator.

use arrow::datatypes::SchemaRef;

use crate::operator::{Operator, sql};
use crate::plan::{BindError, Bound};
use crate::spec::{Step, StepKind};

/// The output ports of a native step for rows of `input`. Components are somebody else's to bind.
pub fn bind_native(step: &Step, input: &SchemaRef) -> Result<Bound, Vec<BindError>> {
    if let StepKind::Wasm(wasm) = &step.kind {
        return Ok(Bound::Unknown(format!("component `{}` is not at hand", wasm.component)));
    }
    sql::ports(&step.kind, input).unwrap_or_else(|| Ok(Bound::Ports(Vec::new())))
}

/// The operator of a native step; `None` for a union, which does nothing.
pub(super) fn operator(step: &Step, input: &SchemaRef) -> Result<Option<Box<dyn Operator>>, String> {
    sql::operator(&step.kind, input).transpose().map_err(|e| e.to_string())
}
