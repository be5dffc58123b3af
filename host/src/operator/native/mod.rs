//! Steps that are functions of the program which embeds the host, over record batches. What a function does, panics
//! and nonsense included, ends at its step: rows on which it fails are searched for and refused, each with the
//! reason. Knows nothing of how a program writes or registers functions.

mod fit;
mod function;
mod native_operator;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::Operator;
use crate::plan::{BindError, Bound};
use crate::spec::{Native, PORT_MAIN, nearest};

pub use fit::fit;
pub use function::{FlatMapped, Function, FunctionError};
pub use native_operator::NativeOperator;

/// The functions of a pipeline by the names that its steps use.
pub type Functions = BTreeMap<String, Function>;

/// The output port of a native step with its columns, for rows of `input`.
///
/// # Errors
/// The function is not there, or the step says columns which it cannot answer.
pub fn ports(step: &Native, input: &SchemaRef, functions: &Functions) -> Result<Bound, Vec<BindError>> {
    let function = find(step, functions).map_err(|error| vec![error])?;
    if function.keeps_columns() && step.schema.is_some() {
        let message = format!("`{}` is a filter: its rows have the columns of its input", step.function);
        return Err(vec![BindError { at: "schema".into(), message, ..BindError::default() }]);
    }
    let columns = step.schema.as_ref().unwrap_or(input);
    Ok(Bound::Ports(vec![(PORT_MAIN.to_owned(), Arc::clone(columns))]))
}

/// The operator of a native step, for rows of `input`.
///
/// # Errors
/// The function is not there.
pub fn operator(
    step: &Native,
    input: &SchemaRef,
    functions: &Functions,
) -> Result<Box<dyn Operator>, String> {
    let function = find(step, functions).map_err(|error| error.message)?;
    let columns = step.schema.as_ref().unwrap_or(input);
    Ok(Box::new(NativeOperator::new(function.clone(), Arc::clone(columns))))
}

fn find<'a>(step: &Native, functions: &'a Functions) -> Result<&'a Function, BindError> {
    functions.get(&step.function).ok_or_else(|| BindError {
        at: String::new(),
        message: format!("this host has no function `{}` for this pipeline", step.function),
        expected: Some(
            "a host inside the program that has it and starts the pipeline there (`sabot::stream`); elsewhere a \
             component (`wasm`) can do the same"
                .into(),
        ),
        nearest: nearest(&step.function, functions.keys().map(String::as_str)).map(ToOwned::to_owned),
    })
}
