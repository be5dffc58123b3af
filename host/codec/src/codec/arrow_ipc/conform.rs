//! Rows that somebody else read, to the columns that are declared, by the same rules as those of a stream. Knows nothing of
//! messages.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, FieldRef, SchemaRef};

use super::buffers::Budget;
use super::convert;
use super::decode::batch;
use crate::codec::column::Allowance;
use crate::codec::problem::{Outcome, Problem, code};

/// The rows in the columns of `schema`, found by their names: dictionaries, runs and views become what they stand for, and
/// a column may be of any type that holds each value exactly.
///
/// # Errors
/// The column at fault: one that is not there and may not be null, or is there twice, or holds what the declared type
/// cannot.
pub fn conform(rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, String> {
    conformed(rows, schema).map_err(|problem| problem.of_record(0).message)
}

fn conformed(rows: &RecordBatch, schema: &SchemaRef) -> Outcome<RecordBatch> {
    let names: Vec<&str> = rows.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
    // They are in memory already.
    let mut budget = Budget(Allowance::unbounded());
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let found = match convert::place(&names, field.name())? {
            Some(place) => Some(plain(rows.column(place)).map_err(|problem| problem.in_field(field.name()))?),
            None => None,
        };
        columns.push(convert::column(found.as_ref(), field, rows.num_rows(), &mut budget)?);
    }
    batch(schema, columns, rows.num_rows())
}

/// The values without the ways in which they may be told: dictionaries, runs and views.
fn plain(array: &ArrayRef) -> Outcome<ArrayRef> {
    let to = plain_type(array.data_type());
    if to == *array.data_type() {
        return Ok(Arc::clone(array));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, &to, &options).map_err(|why| Problem::new(code::TYPE_MISMATCH, why.to_string()))
}

fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain_type(values),
        DataType::RunEndEncoded(_, values) => plain_type(values.data_type()),
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::List(item) | DataType::ListView(item) => DataType::List(plain_field(item)),
        DataType::LargeList(item) | DataType::LargeListView(item) => DataType::LargeList(plain_field(item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(plain_field(item), *size),
        DataType::Map(entries, sorted) => DataType::Map(plain_field(entries), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain_field).collect()),
        other => other.clone(),
    }
}

fn plain_field(field: &FieldRef) -> FieldRef {
    let to = plain_type(field.data_type());
    if to == *field.data_type() {
        return Arc::clone(field);
    }
    Arc::new(field.as_ref().clone().with_data_type(to))
}

#[cfg(test)]
mod tests {
    use arrow::array::{DictionaryArray, Int32Array, Int64Array, StringArray};
    use arrow::datatypes::{Field, Int8Type, Schema};

    use super::*;

    fn schema(fields: Vec<Field>) -> SchemaRef {
        Arc::new(Schema::new(fields))
    }

    #[test]
    fn columns_are_found_by_name_and_of_any_type_that_fits() {
        let users: DictionaryArray<Int8Type> = vec![Some("a"), None, Some("a")].into_iter().collect();
        let rows = RecordBatch::try_from_iter([
            ("user", Arc::new(users) as ArrayRef),
            ("more", Arc::new(Int32Array::from(vec![7, 8, 9])) as ArrayRef),
            ("id", Arc::new(Int32Array::from(vec![1, 2, 3])) as ArrayRef),
        ])
        .unwrap();
        let id = Field::new("id", DataType::Int64, false);
        let wanted = schema(vec![id.clone(), Field::new("user", DataType::Utf8, true)]);
        let expected: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![1, 2, 3])),
            Arc::new(StringArray::from(vec![Some("a"), None, Some("a")])),
        ];
        assert_eq!(conform(&rows, &wanted).unwrap(), RecordBatch::try_new(wanted, expected).unwrap());
        let refused = |field: Field| conform(&rows, &schema(vec![field])).unwrap_err();
        let all = [
            refused(Field::new("user", DataType::Utf8, false)),
            refused(Field::new("id", DataType::Int16, false)),
            refused(Field::new("other", DataType::Int64, false)),
        ];
        insta::assert_snapshot!(all.join("\n"), @r"
        user: expected string, found null in row 1
        id: expected int16, found int32
        other: expected int64, found no such column
        ");
    }
}
