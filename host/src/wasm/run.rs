//! A component run by hand over a few batches, for `sabot test` and for tests: what it answers, without a pipeline.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::accumulator::Accumulator;
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
    /// The results of the same rows in two parts, whose states were taken and merged, as a host does that moves them:
    /// no others for a component that does what it says.
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
    if groups.len() != rows.num_rows() {
        let text = format!("there are {} groups for {} rows", groups.len(), rows.num_rows());
        return Err(WasmError::new(text));
    }
    let bound = component.bind(&rows.schema(), config, &everything(), limits)?;
    let mut guest = bound.accumulate().map_err(failed)?;
    let count = groups.iter().max().map_or(0, |largest| largest.saturating_add(1));
    let mut run = || {
        let errors = guest.update(rows, groups, count)?;
        let results = guest.finish()?;
        let merged = in_two_parts(&mut guest, rows, groups, count)?;
        guest.close();
        Ok(GroupedRun { results, merged, errors, log: guest.take_log() })
    };
    run().map_err(failed)
}

fn in_two_parts(
    guest: &mut Accumulator,
    rows: &RecordBatch,
    groups: &[u32],
    count: u32,
) -> Result<RecordBatch, CallError> {
    let half = groups.len() / 2;
    let all: Vec<u32> = (0..count).collect();
    let mut states = Vec::new();
    for (from, to) in [(0, half), (half, groups.len())] {
        guest.update(&rows.slice(from, to - from), &groups[from..to], count)?;
        states.push(guest.take_state()?);
    }
    for states in &states {
        guest.merge(states, &all, count)?;
    }
    let merged = guest.finish()?;
    // Of no group there is no row: whoever has not forgotten them is told.
    guest.finish()?;
    Ok(merged)
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
