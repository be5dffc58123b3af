//! Whether streams fit together in a union. Knows columns only.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};

use crate::spec::show_type;

/// The columns of both, or how the second differs from the first. A column may be null if it may be in either.
pub(super) fn union(
    first: &SchemaRef,
    second: &SchemaRef,
    first_name: &str,
    second_name: &str,
) -> Result<SchemaRef, String> {
    if Arc::ptr_eq(first, second) || first == second {
        return Ok(first.clone());
    }
    for field in first.fields() {
        match second.field_with_name(field.name()) {
            Err(_) => {
                return Err(format!("`{second_name}` has no column `{}`, `{first_name}` has", field.name()));
            }
            Ok(other) if other.data_type() != field.data_type() => {
                let (a, b) = (show_type(field.data_type()), show_type(other.data_type()));
                let more = if a == b { " (they differ in what may be null inside)" } else { "" };
                let name = field.name();
                return Err(format!(
                    "the column `{name}` is {b} in `{second_name}` and {a} in `{first_name}`{more}"
                ));
            }
            Ok(_) => {}
        }
    }
    if let Some(more) = second.fields().iter().find(|field| first.field_with_name(field.name()).is_err()) {
        return Err(format!("`{second_name}` has a column `{}`, `{first_name}` has not", more.name()));
    }
    let differ = first.fields().iter().zip(second.fields()).find(|(a, b)| a.name() != b.name());
    if let Some((a, b)) = differ {
        let (a, b) = (a.name(), b.name());
        return Err(format!(
            "the columns of `{second_name}` are in another order: `{b}` stands where `{first_name}` has `{a}`"
        ));
    }
    let fields: Vec<Arc<Field>> = first
        .fields()
        .iter()
        .zip(second.fields())
        .map(|(a, b)| match b.is_nullable() && !a.is_nullable() {
            true => Arc::new(a.as_ref().clone().with_nullable(true)),
            false => a.clone(),
        })
        .collect();
    Ok(Arc::new(Schema::new(fields)))
}
