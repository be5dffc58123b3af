//! A component run by hand over a few batches, for `sabot test` and for tests: what it answers, without a pipeline.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::{Component, Level, WasmError};
use crate::batch::Batch;
use crate::operator::component::{Guest, Version};
use crate::operator::{Output, RowError};
use crate::spec::WasmLimits;

/// What a component answered.
#[derive(Debug)]
pub struct Run {
    /// Its output ports with their schemas.
    pub ports: Vec<(String, SchemaRef)>,
    /// What left, with the index of the port, in order.
    pub batches: Vec<(usize, RecordBatch)>,
    /// Refused rows, counted over all input batches.
    pub errors: Vec<RowError>,
    /// The last lines it logged.
    pub log: Vec<(Level, String)>,
}

/// Binds a component with everything granted, gives an instance the batches in order, and flushes and closes it.
/// A failed call ends the run with its text.
pub fn run_once(
    component: &Arc<Component>,
    schema: &SchemaRef,
    config: &serde_json::Value,
    limits: &WasmLimits,
    batches: &[RecordBatch],
) -> Result<Run, WasmError> {
    let grant = ["clock".to_owned(), "entropy".to_owned()];
    let bound = component.bind(schema, config, &grant, limits)?;
    let failed = |e: crate::operator::component::CallError| WasmError::new(e.with_logs());
    let mut guest = bound.start().map_err(failed)?;
    let mut out = Output::default();
    let (mut errors, mut before) = (Vec::new(), 0);
    for rows in batches {
        guest.call(&Batch::new(rows.clone()), &mut out).map_err(failed)?;
        errors.extend(out.errors.drain(..).map(|error| RowError { row: error.row + before, ..error }));
        before += rows.num_rows() as u32;
    }
    guest.flush(&mut out).map_err(failed)?;
    guest.close();
    let batches = out.batches.drain(..).map(|(port, batch)| (port, batch.rows)).collect();
    Ok(Run { ports: bound.output_ports().to_vec(), batches, errors, log: guest.take_log() })
}
