//! Whether rows that a program made have the columns they were declared with. Pure.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::spec::show_type;

/// The rows under their declared columns: the same names and types in the same order, and no nulls in a column that
/// has none.
///
/// # Errors
/// The first column that differs.
pub fn fit(rows: &RecordBatch, declared: &SchemaRef) -> Result<RecordBatch, String> {
    let given = rows.schema_ref();
    if given == declared {
        return Ok(rows.clone());
    }
    for (at, field) in declared.fields().iter().enumerate() {
        let name = field.name();
        let Some(found) = given.fields().get(at).filter(|found| found.name() == name) else {
            return Err(match given.column_with_name(name) {
                Some(_) => format!("the column `{name}` is not in its place, which is {}", at + 1),
                None => format!("there is no column `{name}`"),
            });
        };
        if found.data_type() != field.data_type() {
            let (is, should) = (show_type(found.data_type()), show_type(field.data_type()));
            let more = if is == should { " (they differ in what may be null inside)" } else { "" };
            return Err(format!("the column `{name}` is {is}, declared is {should}{more}"));
        }
        if !field.is_nullable() && rows.column(at).null_count() > 0 {
            return Err(format!("the column `{name}` has a null, and it is declared never to be null"));
        }
    }
    if let Some(more) = given.fields().get(declared.fields().len()) {
        return Err(format!("the column `{}` is not declared", more.name()));
    }
    RecordBatch::try_new(declared.clone(), rows.columns().to_vec()).map_err(|error| error.to_string())
}
