//! What the expressions of a step may make in memory from one batch. An expression of a few characters can ask for
//! any number of bytes (`repeat`, `lpad`), also by what stands in a record, and an allocation that fails ends the
//! host: so every text is counted, and those that grow are counted before they are made. Knows no function.

use std::cell::Cell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, AsArray as _};
use arrow::datatypes::{DataType, FieldRef, Schema};
use arrow::record_batch::RecordBatch;
use datafusion_common::tree_node::Transformed;
use datafusion_common::{DataFusionError, Result, ScalarValue, exec_err};
use datafusion_expr::ColumnarValue;
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::{Column, Literal};

/// Bytes of texts, lists and objects that the expressions of a step may make from one batch.
pub(super) const BATCH_BYTES: usize = 128 << 20;

thread_local! {
    /// Bytes made from the batch that this thread works on.
    static MADE: Cell<usize> = const { Cell::new(0) };
}

/// Bytes made so far.
pub(super) fn made() -> usize {
    MADE.get()
}

/// What was made after `bytes` had been made is gone again; 0 for a new batch.
pub(super) fn back_to(bytes: usize) {
    MADE.set(bytes);
}

/// Counts `bytes` that are about to be made, or were.
pub(super) fn take(bytes: usize) -> Result<()> {
    let made = made().saturating_add(bytes);
    if made > BATCH_BYTES {
        let mib = BATCH_BYTES >> 20;
        return exec_err!("the values would take more than the {mib} MiB that a batch may be made into");
    }
    back_to(made);
    Ok(())
}

/// Bytes of the values of an array; of a slice only its own.
fn bytes(array: &dyn Array) -> usize {
    match array.data_type() {
        DataType::Utf8View => array.as_string_view().views().iter().map(view_bytes).sum(),
        DataType::BinaryView => array.as_binary_view().views().iter().map(view_bytes).sum(),
        _ => array.to_data().get_slice_memory_size().unwrap_or(usize::MAX),
    }
}

fn view_bytes(view: &u128) -> usize {
    size_of::<u128>() + (*view as u32) as usize
}

/// Bytes of a scalar as each of `rows` values.
pub(super) fn bytes_of(scalar: &ScalarValue, rows: usize) -> usize {
    scalar.size().saturating_mul(rows)
}

/// An expression whose values are counted once they are made.
#[derive(Debug, Eq)]
struct Counted(Arc<dyn PhysicalExpr>);

// Not derived: a derived comparison would move what is behind the pointer.
impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq(&other.0)
    }
}

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// Counts the values of `physical`, unless their size is that of their type or they are there anyhow.
pub(super) fn counted(
    physical: Arc<dyn PhysicalExpr>,
    schema: &Schema,
) -> Result<Transformed<Arc<dyn PhysicalExpr>>> {
    let there = physical.is::<Column>() || physical.is::<Literal>() || physical.is::<Counted>();
    let of = physical.data_type(schema)?;
    if there || of == DataType::Boolean || of.primitive_width().is_some() {
        return Ok(Transformed::no(physical));
    }
    Ok(Transformed::yes(Arc::new(Counted(physical))))
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PhysicalExpr for Counted {
    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.0.return_field(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let values = self.0.evaluate(batch)?;
        if let ColumnarValue::Array(array) = &values {
            take(bytes(array))?;
        }
        Ok(values)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.0]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        match (children.pop(), children.is_empty()) {
            (Some(child), true) => Ok(Arc::new(Counted(child))),
            _ => Err(DataFusionError::Internal("a counted expression has one child".into())),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_sql(f)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, ListArray, StringArray, StringViewArray};
    use arrow::datatypes::Int32Type;

    use super::*;

    #[test]
    fn a_slice_counts_for_what_it_holds() {
        let long = "x".repeat(1_000);
        let texts: ArrayRef = Arc::new(StringArray::from(vec![long.as_str(); 100]));
        let views: ArrayRef = Arc::new(StringViewArray::from(vec![long.as_str(); 100]));
        for array in [texts, views] {
            let (whole, one) = (bytes(&array), bytes(&array.slice(7, 1)));
            assert!((100_000..102_000).contains(&whole) && (1_000..1_100).contains(&one), "{whole} {one}");
        }
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1); 1_000]), None]);
        assert!(bytes(&list) >= 4_000);
    }

    #[test]
    fn what_is_over_the_bound_is_not_counted() {
        back_to(0);
        assert!(take(BATCH_BYTES).is_ok() && take(1).is_err() && take(usize::MAX).is_err());
        assert_eq!(made(), BATCH_BYTES);
        back_to(5);
        assert!(take(1).is_ok());
        assert_eq!(made(), 6);
    }
}
