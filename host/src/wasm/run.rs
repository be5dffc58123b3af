//! A component run by hand over a few batches, for `sabot test` and for tests: what it answers, without a pipeline.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::{Component, Level, WasmError};
use crate::batch::Batch;
use crate::operator::component::{CallError, Guest, Version};
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

/// What an aggregate answered.
#[derive(Debug)]
pub struct GroupedRun {
    /// One row a group.
    pub results: RecordBatch,
    /// The results of the same rows when the states were taken in between and merged into fresh groups, as a host
    /// does that moves them: no others for a component that does what it says.
    pub merged: RecordBatch,
    /// Refused rows.
    pub errors: Vec<RowError>,
    /// The last lines it logged.
    pub log: Vec<(Level, String)>,
}

/// Binds an aggregate with everything granted, and adds each row to the group of the same index; groups are 0 to the
/// largest number of `groups`. A failed call ends the run with its text.
pub fn run_groups(
    component: &Arc<Component>,
    config: &serde_json::Value,
    limits: &WasmLimits,
    rows: &RecordBatch,
    groups: &[u32],
) -> Result<GroupedRun, WasmError> {
    let bound = component.bind(&rows.schema(), config, &everything(), limits)?;
    let mut guest = bound.accumulate().map_err(failed)?;
    let count = groups.iter().max().map_or(0, |largest| largest + 1);
    let mut run = || {
        let errors = guest.update(rows, groups, count)?;
        let results = guest.finish()?;
        guest.update(rows, groups, count)?;
        let states = guest.take_state()?;
        guest.merge(&states, &(0..count).collect::<Vec<_>>(), count)?;
        let merged = guest.finish()?;
        guest.close();
        Ok(GroupedRun { results, merged, errors, log: guest.take_log() })
    };
    run().map_err(failed)
}

fn everything() -> [String; 2] {
    ["clock".to_owned(), "entropy".to_owned()]
}

fn failed(error: CallError) -> WasmError {
    WasmError::new(error.with_logs())
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
    WasmError::check(component.unsupported())?;
    let bound = component.bind(schema, config, &everything(), limits)?;
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
