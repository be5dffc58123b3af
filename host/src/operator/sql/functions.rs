//! The functions that expressions may call: the scalar functions of DataFusion, with a `now()` for streams and a bound
//! for those whose result grows.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::{SystemTime, UNIX_EPOCH};

use arrow::datatypes::{DataType, TimeUnit};
use datafusion_common::config::ConfigOptions;
use datafusion_common::{DFSchema, Result, ScalarValue, TableReference, plan_err};
use datafusion_expr::planner::{ContextProvider, ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion_expr::{
    AggregateUDF, ColumnarValue, GetFieldAccess, HigherOrderUDF, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, TableSource, Volatility, WindowUDF, lit,
};
use datafusion_functions::core::get_field;
use datafusion_functions::core::planner::CoreFunctionPlanner;
use datafusion_functions::datetime::planner::DatetimeFunctionPlanner;
use datafusion_functions::unicode::planner::UnicodeFunctionPlanner;

use super::growth;

/// Names that people know as aggregates; they need groups, so they belong to a window.
const AGGREGATES: [&str; 12] = [
    "array_agg",
    "avg",
    "count",
    "first_value",
    "last_value",
    "max",
    "mean",
    "median",
    "min",
    "stddev",
    "sum",
    "var",
];

/// Functions of DataFusion that need the start of a query, which a stream has not; `now()` is replaced.
const OF_QUERIES: [&str; 5] = ["now", "current_timestamp", "current_date", "today", "current_time"];

/// What the planner may look up.
#[derive(Debug)]
pub(super) struct Functions {
    by_name: HashMap<String, Arc<ScalarUDF>>,
    planners: Vec<Arc<dyn ExprPlanner>>,
    options: ConfigOptions,
}

static FUNCTIONS: LazyLock<Functions> = LazyLock::new(|| {
    let mut by_name = HashMap::new();
    for function in datafusion_functions::all_default_functions().into_iter().map(growth::bounded) {
        for name in function.aliases().iter().map(String::as_str).chain([function.name()]) {
            if !OF_QUERIES.contains(&name) {
                by_name.insert(name.to_owned(), Arc::clone(&function));
            }
        }
    }
    let now = Arc::new(ScalarUDF::from(Now::default()));
    for name in ["now", "current_timestamp"] {
        by_name.insert(name.to_owned(), Arc::clone(&now));
    }
    let planners: Vec<Arc<dyn ExprPlanner>> = vec![
        Arc::new(CoreFunctionPlanner::default()),
        Arc::new(DatetimeFunctionPlanner),
        Arc::new(UnicodeFunctionPlanner),
        Arc::new(Fields),
    ];
    Functions { by_name, planners, options: ConfigOptions::default() }
});

/// All functions there are.
pub(super) fn functions() -> &'static Functions {
    &FUNCTIONS
}

impl Functions {
    /// Whether there is a function of this name, in lower case.
    pub fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Whether that is the name of an aggregate function.
    pub fn is_aggregate(&self, name: &str) -> bool {
        AGGREGATES.contains(&name)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

impl ContextProvider for Functions {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        plan_err!("there is no table `{name}` here")
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.by_name.get(name).cloned()
    }

    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, _name: &str) -> Option<Arc<AggregateUDF>> {
        None
    }

    fn get_window_meta(&self, _name: &str) -> Option<Arc<WindowUDF>> {
        None
    }

    fn get_variable_type(&self, _variable_names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        self.by_name.keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// `address['city']`: a field of a struct.
#[derive(Debug)]
struct Fields;

impl ExprPlanner for Fields {
    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        match access.field_access {
            GetFieldAccess::NamedStructField { name } => {
                Ok(PlannerResult::Planned(get_field().call(vec![access.expr, lit(name)])))
            }
            GetFieldAccess::ListIndex { .. } | GetFieldAccess::ListRange { .. } => {
                plan_err!("elements of a list cannot be taken out here")
            }
        }
    }
}

/// The time of day, asked anew for every batch: a stream has no start of the query.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Now {
    signature: Signature,
}

impl Default for Now {
    fn default() -> Self {
        Now { signature: Signature::nullary(Volatility::Volatile) }
    }
}

impl ScalarUDFImpl for Now {
    fn name(&self) -> &str {
        "now"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Timestamp(TimeUnit::Millisecond, None))
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
        Ok(ColumnarValue::Scalar(ScalarValue::TimestampMillisecond(Some(now_ms), None)))
    }
}

/// Whether that is the name of a function that needs the start of a query.
pub(super) fn is_of_queries(name: &str) -> bool {
    OF_QUERIES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_of_datafusion_are_there_but_those_of_queries() {
        let functions = functions();
        for name in ["upper", "abs", "date_trunc", "regexp_replace", "coalesce", "encode", "substr", "now"] {
            assert!(functions.has(name), "{name}");
        }
        assert!(!functions.has("current_date"));
        assert!(functions.names().count() > 120);
    }

    #[test]
    fn no_aggregate_hides_a_function() {
        assert!(AGGREGATES.iter().all(|name| !functions().has(name)));
    }
}
