//! Which columns of a batch an encoder takes: all, or those a sink names, in its order. Knows nothing of formats.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, SchemaRef};

/// Columns of batches of one schema.
pub(crate) struct Chosen {
    schema: SchemaRef,
    indices: Vec<usize>,
}

impl Chosen {
    /// The columns of these names (`None`: all), which must be there and differ.
    pub(crate) fn new(columns: Option<&[String]>, schema: &SchemaRef) -> Result<Chosen, String> {
        let indices: Vec<usize> = match columns {
            None => (0..schema.fields().len()).collect(),
            Some(names) => names.iter().map(|name| place(schema, name)).collect::<Result<_, _>>()?,
        };
        for (position, &index) in indices.iter().enumerate() {
            let name = schema.field(index).name();
            if indices[..position].iter().any(|&other| schema.field(other).name() == name) {
                return Err(format!("{name}: two columns have this name"));
            }
        }
        Ok(Chosen { schema: SchemaRef::clone(schema), indices })
    }

    /// The columns, in order.
    pub(crate) fn fields(&self) -> impl ExactSizeIterator<Item = &Field> {
        self.indices.iter().map(|&index| self.schema.field(index))
    }

    /// The columns of a batch, which must be of the schema given.
    pub(crate) fn of<'a>(&self, rows: &'a RecordBatch) -> Result<Vec<&'a ArrayRef>, String> {
        if !Arc::ptr_eq(&self.schema, rows.schema_ref()) {
            self.check(rows)?;
        }
        Ok(self.indices.iter().map(|&index| rows.column(index)).collect())
    }

    fn check(&self, rows: &RecordBatch) -> Result<(), String> {
        for &index in &self.indices {
            let wanted = self.schema.field(index);
            match rows.schema_ref().fields().get(index) {
                Some(field) if field.name() == wanted.name() && field.data_type() == wanted.data_type() => {}
                _ => {
                    let (name, data_type) = (wanted.name(), wanted.data_type());
                    return Err(format!("{name}: expected {data_type}, found another schema"));
                }
            }
        }
        Ok(())
    }
}

fn place(schema: &SchemaRef, name: &str) -> Result<usize, String> {
    schema.index_of(name).map_err(|_| {
        let known: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        format!("{name}: no such column; there are {}", known.join(", "))
    })
}
