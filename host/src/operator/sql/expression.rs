//! An expression, from its parsed form to what is evaluated batch by batch. Knows nothing of what becomes of the
//! values.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion_common::{DFSchema, DataFusionError, ScalarValue, plan_err};
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::simplify::SimplifyContext;
use datafusion_expr::{ColumnarValue, Expr, ExprSchemable, Operator, cast};
use datafusion_optimizer::simplify_expressions::ExprSimplifier;
use datafusion_physical_expr::expressions::BinaryExpr;
use datafusion_physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion_sql::planner::{ParserOptions, PlannerContext, SqlToRel};
use datafusion_sql::sqlparser::ast;

use super::error::reason;
use super::functions::functions;
use super::{Problem, budget, names};
use crate::spec::show_type;

/// Bytes of a constant: as many as can be written, for functions of constants make constants.
const CONSTANT_BYTES: usize = 64 << 10;

/// Plans expressions over rows of one schema.
pub(super) struct Planner {
    schema: SchemaRef,
    columns: Arc<DFSchema>,
    simplifier: ExprSimplifier,
}

/// An expression that can be evaluated.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    physical: Arc<dyn PhysicalExpr>,
    field: FieldRef,
    /// It is just the input column of this index.
    pub column: Option<usize>,
}

impl Planner {
    pub fn new(schema: &SchemaRef) -> Result<Planner, Problem> {
        let columns =
            Arc::new(DFSchema::try_from(schema.as_ref().clone()).map_err(|error| Problem::of(&error))?);
        let context = SimplifyContext::builder().with_schema(Arc::clone(&columns)).build();
        Ok(Planner { schema: Arc::clone(schema), columns, simplifier: ExprSimplifier::new(context) })
    }

    /// A value for each row, of any type.
    pub fn value(&self, parsed: ast::Expr) -> Result<Expression, Vec<Problem>> {
        let problems = names::check(&parsed, &self.schema);
        if !problems.is_empty() {
            return Err(problems);
        }
        self.plan(parsed).map_err(|error| vec![Problem::of(&error)])
    }

    /// True or false for each row.
    pub fn condition(&self, parsed: ast::Expr) -> Result<Expression, Vec<Problem>> {
        let expression = self.value(parsed)?;
        match expression.field.data_type() {
            DataType::Boolean => Ok(expression),
            DataType::Null => {
                Err(vec![Problem::new("the expression is always null").expected("true or false")])
            }
            other => Err(vec![
                Problem::new(format!("the expression is {}", show_type(other))).expected("true or false"),
            ]),
        }
    }

    fn plan(&self, parsed: ast::Expr) -> Result<Expression, DataFusionError> {
        let options = ParserOptions::new()
            .with_enable_ident_normalization(false)
            .with_map_string_types_to_utf8view(false);
        let planned = SqlToRel::new_with_options(functions(), options).sql_to_expr(
            parsed,
            &self.columns,
            &mut PlannerContext::new(),
        )?;
        planned.apply(|part| refuse_text_as_number(part, &self.columns))?;
        let mut expression = self.simplifier.coerce(planned, &self.columns)?;
        if let Some(plain) = without_view(&expression.get_type(self.columns.as_ref())?) {
            expression = cast(expression, plain);
        }
        // Constants are folded here, by the same bound as a batch.
        budget::back_to(0);
        let expression = self.simplifier.simplify(expression)?;
        expression.apply(refuse_large_constant)?;
        let physical = create_physical_expr(
            &expression,
            &self.columns,
            &ExecutionProps::new(),
            &PhysicalPlanningContext::default(),
        )?;
        let physical = physical.transform_up(refuse_overflow).data()?;
        let physical = physical.transform_up(|physical| budget::counted(physical, &self.schema)).data()?;
        let field = physical.return_field(&self.schema)?;
        let column = match &expression {
            Expr::Column(column) => Some(self.columns.index_of_column(column)?),
            _ => None,
        };
        Ok(Expression { physical, field, column })
    }
}

/// Functions on strings may answer views, which codecs and components do not take.
fn without_view(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Utf8View => Some(DataType::Utf8),
        DataType::BinaryView => Some(DataType::Binary),
        _ => None,
    }
}

const COMPARISONS: [Operator; 8] = [
    Operator::Eq,
    Operator::NotEq,
    Operator::Lt,
    Operator::LtEq,
    Operator::Gt,
    Operator::GtEq,
    Operator::IsDistinctFrom,
    Operator::IsNotDistinctFrom,
];

/// A text that is compared with a number would be read as one, and fail row by row.
fn refuse_text_as_number(part: &Expr, columns: &DFSchema) -> Result<TreeNodeRecursion, DataFusionError> {
    if let Expr::BinaryExpr(binary) = part
        && COMPARISONS.contains(&binary.op)
    {
        let of = |side: &Expr| side.get_type(columns);
        for (text, number) in [(&binary.left, &binary.right), (&binary.right, &binary.left)] {
            let written = matches!(**text, Expr::Literal(..));
            if !written && of(text)?.is_string() && of(number)?.is_numeric() {
                let number = show_type(&of(number)?);
                return plan_err!(
                    "`{}` is string and is compared with {number}; write the number in quotes, or `cast({0} as …)`",
                    text.human_display()
                );
            }
        }
    }
    Ok(TreeNodeRecursion::Continue)
}

/// A constant stands in every row of a batch.
fn refuse_large_constant(expression: &Expr) -> Result<TreeNodeRecursion, DataFusionError> {
    match expression {
        Expr::Literal(value, _) if value.size() > CONSTANT_BYTES => {
            plan_err!("a constant of {} bytes; the limit is {CONSTANT_BYTES}", value.size())
        }
        _ => Ok(TreeNodeRecursion::Continue),
    }
}

/// Arithmetic that would wrap around silently fails instead.
fn refuse_overflow(
    physical: Arc<dyn PhysicalExpr>,
) -> Result<Transformed<Arc<dyn PhysicalExpr>>, DataFusionError> {
    let Some(binary) = physical.downcast_ref::<BinaryExpr>() else { return Ok(Transformed::no(physical)) };
    if !matches!(binary.op(), Operator::Plus | Operator::Minus | Operator::Multiply) {
        return Ok(Transformed::no(physical));
    }
    let (left, right) = (Arc::clone(binary.left()), Arc::clone(binary.right()));
    let checked = BinaryExpr::new(left, *binary.op(), right).with_fail_on_overflow(true);
    Ok(Transformed::yes(Arc::new(checked)))
}

impl Expression {
    /// Type and nullability of its values.
    pub fn field(&self) -> &FieldRef {
        &self.field
    }

    /// A value for each row.
    pub fn values(&self, rows: &RecordBatch) -> Result<ArrayRef, String> {
        let values = self.physical.evaluate(rows).and_then(|values| {
            if let ColumnarValue::Scalar(scalar) = &values {
                budget::take(budget::bytes_of(scalar, rows.num_rows()))?;
            }
            values.into_array(rows.num_rows())
        });
        values.map_err(|error| reason(&error))
    }

    /// For each row whether it is true; null may stand for false.
    pub fn truth(&self, rows: &RecordBatch) -> Result<BooleanArray, String> {
        self.physical.evaluate(rows).and_then(|v| booleans(v, rows.num_rows())).map_err(|e| reason(&e))
    }

    /// The same, asking only the rows that are `selected`; for the others the answer means nothing.
    pub fn truth_of(&self, rows: &RecordBatch, selected: &BooleanArray) -> Result<BooleanArray, String> {
        let values = self.physical.evaluate_selection(rows, selected);
        values.and_then(|v| booleans(v, rows.num_rows())).map_err(|e| reason(&e))
    }
}

fn booleans(values: ColumnarValue, rows: usize) -> Result<BooleanArray, DataFusionError> {
    use ColumnarValue::{Array, Scalar};
    use arrow::array::AsArray as _;
    let array = match values {
        Array(array) => array,
        Scalar(ScalarValue::Boolean(truth)) => {
            return Ok(BooleanArray::from(vec![truth.unwrap_or(false); rows]));
        }
        scalar @ Scalar(_) => scalar.into_array(rows)?,
    };
    array.as_boolean_opt().cloned().ok_or_else(|| {
        DataFusionError::Execution(format!("the condition gave {} in place of booleans", array.data_type()))
    })
}
