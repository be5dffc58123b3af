//! A live guest behind the operator's seam: a batch is encoded, the guest called, and what it answered checked
//! against what its world promises before any of it becomes output.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, RecordBatch, UInt32Array};
use arrow::buffer::{BooleanBuffer, Buffer};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{SchemaRef, UInt32Type};

use super::World;
use super::bind::Binding;
use super::bindings::{Act, Level, OpError, Process, Select, Selection, Unit, Watermark};
use super::boundary::Encoder;
use super::component::WorldExports;
use super::context::Phase;
use super::ports::ROW_COLUMN;
use super::sandbox::{Sandbox, refused};
use crate::batch::Batch;
use crate::operator::component::{CallError, Guest, Terms};
use crate::operator::{Output, RowError};

/// One instance, owned by one task.
pub(super) struct Instance {
    binding: Arc<Binding>,
    guest: Sandbox,
    calls: Calls,
    encoder: Encoder,
    /// Of a call.
    limit: Duration,
    /// An agent that has been given rows since it was last flushed.
    keeps_rows: bool,
}

/// The functions of its world.
enum Calls {
    Filter(Select),
    Map(Process),
    Agent { process: Act, watermark: Watermark, flush: Unit },
}

impl Instance {
    /// Instantiates, binds and opens.
    pub(super) fn start(binding: &Arc<Binding>) -> Result<Self, CallError> {
        let mut guest = binding.open()?;
        let calls = match &binding.component.exports.world {
            WorldExports::Filter { select } => Calls::Filter(guest.function(select)?),
            WorldExports::Map { process } => Calls::Map(guest.function(process)?),
            WorldExports::Agent { process, watermark, flush } => Calls::Agent {
                process: guest.function(process)?,
                watermark: guest.function(watermark)?,
                flush: guest.function(flush)?,
            },
            WorldExports::Aggregate { .. } => {
                return Err(CallError::Fatal("an aggregate does not run as a step".into()));
            }
        };
        let encoder = Encoder::new(&binding.input, &binding.indices, &binding.plain);
        let limit = binding.limits.batch_timeout;
        Ok(Instance { binding: Arc::clone(binding), guest, calls, encoder, limit, keeps_rows: false })
    }

    /// The last lines it logged.
    pub(super) fn take_log(&mut self) -> Vec<(Level, String)> {
        self.guest.context_mut().log.take_lines()
    }

    fn world(&self) -> World {
        self.binding.component.manifest().world
    }

    /// Calls the guest with a batch; its refused rows, in order, and for a filter its bitmap.
    fn process(&mut self, batch: &Batch) -> Result<(Vec<RowError>, Vec<u8>), CallError> {
        let message = self.encoder.encode(&batch.rows).map_err(|wrong| {
            CallError::Fatal(format!("a batch cannot be sent to {}: {wrong}", self.binding.label))
        })?;
        let limit = self.limit;
        let (errors, keep) = match &self.calls {
            Calls::Filter(select) => {
                let (answer,) = self.guest.call("select", Phase::Run, limit, select, (message,))?;
                let Selection { keep, errors } = answer.map_err(refused)?;
                (errors, keep)
            }
            Calls::Map(process) => {
                let (answer,) = self.guest.call("process", Phase::Run, limit, process, (message,))?;
                (answer.map_err(refused)?, Vec::new())
            }
            Calls::Agent { process, .. } => {
                let (answer,) = self.guest.call("process", Phase::Run, limit, process, (0, message))?;
                (answer.map_err(refused)?, Vec::new())
            }
        };
        Ok((self.guest.row_errors(errors, batch.len())?, keep))
    }

    fn filter(&mut self, batch: &Batch, keep: Vec<u8>, errors: &[RowError]) -> Result<Batch, CallError> {
        let (rows, needed) = (batch.len(), batch.len().div_ceil(8));
        if keep.len() != needed {
            let wrong = format!("its bitmap has {} bytes; {rows} rows need exactly {needed}", keep.len());
            return Err(self.guest.invalid(wrong));
        }
        let mut keep = BooleanBuffer::new(Buffer::from_vec(keep), 0, rows);
        if !errors.is_empty() {
            keep = &keep & &without(rows, errors);
        }
        if keep.count_set_bits() == rows {
            return Ok(batch.clone());
        }
        batch.filter(&BooleanArray::new(keep, None)).map_err(|e| self.guest.invalid(e.to_string()))
    }

    /// The one batch of a map or a scalar.
    fn map(&mut self, batch: &Batch, errors: &[RowError]) -> Result<Option<Batch>, CallError> {
        let world = self.world();
        let wanted = batch.len() - errors.len();
        let mut emitted = self.guest.take_emitted();
        let rows = match (emitted.pop(), emitted.len()) {
            (Some((_, rows)), 0) => rows,
            (None, _) if wanted == 0 => return Ok(None),
            (None, _) => {
                return Err(self
                    .guest
                    .invalid(format!("it emitted nothing for {wanted} rows; a {world} emits one batch")));
            }
            (Some(_), more) => {
                return Err(self
                    .guest
                    .invalid(format!("it emitted {} batches; a {world} emits one", more + 1)));
            }
        };
        if rows.num_rows() != wanted {
            let refused = errors.len();
            let wrong = format!(
                "it emitted {} rows for {} rows of which it refused {refused}; a {world} emits {wanted}",
                rows.num_rows(),
                batch.len()
            );
            return Err(self.guest.invalid(wrong));
        }
        let kept = if errors.is_empty() {
            batch.clone()
        } else {
            let keep = BooleanArray::new(without(batch.len(), errors), None);
            batch.filter(&keep).map_err(|e| self.guest.invalid(e.to_string()))?
        };
        let rows = self.output_rows(&kept.rows, rows)?;
        Ok(Some(kept.with_rows(rows)))
    }

    /// The emitted columns in the step's output schema: with those of the input rows where it extends them.
    fn output_rows(&mut self, input: &RecordBatch, emitted: RecordBatch) -> Result<RecordBatch, CallError> {
        if !self.binding.component.manifest().extends {
            return Ok(emitted);
        }
        let (schema, columns, _) = emitted.into_parts();
        self.combine(input, &schema, columns)
    }

    fn combine(
        &mut self,
        input: &RecordBatch,
        emitted: &SchemaRef,
        columns: Vec<ArrayRef>,
    ) -> Result<RecordBatch, CallError> {
        let output = &self.binding.output_ports[0].1;
        let mut all: Vec<ArrayRef> = Vec::with_capacity(output.fields().len());
        all.extend(input.columns().iter().cloned());
        for (field, column) in emitted.fields().iter().zip(columns) {
            match input.schema_ref().index_of(field.name()) {
                Ok(index) => all[index] = column,
                Err(_) => all.push(column),
            }
        }
        RecordBatch::try_new(Arc::clone(output), all).map_err(|e| self.guest.invalid(e.to_string()))
    }

    fn flat_map(
        &mut self,
        batch: &Batch,
        errors: &[RowError],
        out: &mut Vec<Batch>,
    ) -> Result<(), CallError> {
        for (_, emitted) in self.guest.take_emitted() {
            let last = emitted.num_columns() - 1;
            if emitted.schema_ref().field(last).name() != ROW_COLUMN {
                out.push(Batch::new(emitted));
                continue;
            }
            let emitted = self.of_taken_rows(emitted, last, batch.len(), errors)?;
            let rows = emitted.column(last).as_primitive::<UInt32Type>().clone();
            out.push(self.with_origin(batch, &rows, emitted, last)?);
        }
        Ok(())
    }

    /// What was emitted without what comes from refused rows: a guest may emit first and refuse afterwards.
    fn of_taken_rows(
        &mut self,
        emitted: RecordBatch,
        origin: usize,
        len: usize,
        errors: &[RowError],
    ) -> Result<RecordBatch, CallError> {
        let rows = emitted.column(origin).as_primitive::<UInt32Type>();
        if let Some(row) = rows.values().iter().find(|&&row| row as usize >= len) {
            let wrong = format!("its `{ROW_COLUMN}` says row {row} of a batch of {len} rows");
            return Err(self.guest.invalid(wrong));
        }
        let taken = |row: &u32| errors.binary_search_by_key(row, |error| error.row).is_err();
        if errors.is_empty() || rows.values().iter().all(taken) {
            return Ok(emitted);
        }
        let keep: BooleanBuffer = rows.values().iter().map(taken).collect();
        filter_record_batch(&emitted, &BooleanArray::new(keep, None))
            .map_err(|e| self.guest.invalid(e.to_string()))
    }

    /// Copies of an input row are emitted without their bytes: four of a number ask for the whole row.
    fn check_copies(&mut self, batch: &Batch, rows: &UInt32Array) -> Result<(), CallError> {
        let mut copies = vec![0_usize; batch.len()];
        rows.values().iter().for_each(|row| copies[*row as usize] += 1);
        let most = copies.iter().max().copied().unwrap_or_default();
        let limit = self.binding.limits.emit_bytes;
        // Most flat-maps give a few rows for each, and need no closer look.
        if batch.rows.get_array_memory_size().saturating_mul(most) <= limit {
            return Ok(());
        }
        let sizes = |row: usize| batch.rows.slice(row, 1).columns().iter().map(size_of).sum::<usize>();
        let copied = copies.iter().enumerate().filter(|(_, copies)| **copies > 1);
        let bytes =
            copied.fold(0_usize, |sum, (row, copies)| sum.saturating_add(sizes(row).saturating_mul(*copies)));
        if bytes <= limit {
            return Ok(());
        }
        Err(self.guest.invalid(format!(
            "it emitted {} rows that copy {bytes} bytes of its input; limits.emit allows {limit}",
            rows.len()
        )))
    }

    /// Rows emitted by a flat-map, without the column that says where they came from.
    fn with_origin(
        &mut self,
        batch: &Batch,
        rows: &UInt32Array,
        emitted: RecordBatch,
        last: usize,
    ) -> Result<Batch, CallError> {
        let kept: Vec<usize> = (0..last).collect();
        if !self.binding.component.manifest().extends {
            // The port's own schema has the same columns.
            let columns = kept.iter().map(|&i| Arc::clone(emitted.column(i))).collect();
            let schema = Arc::clone(&self.binding.output_ports[0].1);
            let rows_only =
                RecordBatch::try_new(schema, columns).map_err(|e| self.guest.invalid(e.to_string()))?;
            return Ok(Batch { origin: batch.origin_of(rows), rows: rows_only });
        }
        self.check_copies(batch, rows)?;
        let input = batch.take(rows).map_err(|e| self.guest.invalid(e.to_string()))?;
        let emitted = emitted.project(&kept).map_err(|e| self.guest.invalid(e.to_string()))?;
        let (schema, columns, _) = emitted.into_parts();
        let rows = self.combine(&input.rows, &schema, columns)?;
        Ok(input.with_rows(rows))
    }

    /// Calls a function of an agent that takes no rows, and sends on what it emits.
    fn signal(
        &mut self,
        out: &mut Output,
        call: impl FnOnce(&mut Sandbox, &Calls, Duration) -> Option<Result<(Result<(), OpError>,), CallError>>,
    ) -> Result<(), CallError> {
        self.guest.clear();
        let Some(answer) = call(&mut self.guest, &self.calls, self.limit) else { return Ok(()) };
        answer?.0.map_err(refused)?;
        for (port, rows) in self.guest.take_emitted() {
            out.emit(port as usize, Batch::new(rows));
        }
        self.binding.take_counts(&mut self.guest);
        Ok(())
    }
}

/// Bytes of what an array shows of its buffers.
fn size_of(array: &ArrayRef) -> usize {
    array.to_data().get_slice_memory_size().unwrap_or(usize::MAX)
}

/// A bitmap of all rows but the refused ones.
fn without(rows: usize, errors: &[RowError]) -> BooleanBuffer {
    let mut keep = BooleanBufferBuilder::new(rows);
    keep.append_n(rows, true);
    errors.iter().for_each(|error| keep.set_bit(error.row as usize, false));
    keep.finish()
}

impl Guest for Instance {
    fn keep_to(&mut self, terms: Terms) {
        self.limit = terms.limit.min(self.binding.limits.batch_timeout);
        self.guest.context_mut().recall = Some(terms.recall);
    }

    fn keeps_rows(&self) -> bool {
        self.keeps_rows
    }

    fn call(&mut self, batch: &Batch, out: &mut Output) -> Result<(), CallError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.guest.clear();
        let (errors, keep) = self.process(batch)?;
        match self.world() {
            World::Filter => {
                let kept = self.filter(batch, keep, &errors)?;
                out.emit(0, kept);
            }
            World::Map | World::Scalar => {
                if let Some(mapped) = self.map(batch, &errors)? {
                    out.emit(0, mapped);
                }
            }
            World::FlatMap => {
                let mut batches = Vec::new();
                self.flat_map(batch, &errors, &mut batches)?;
                batches.into_iter().for_each(|batch| out.emit(0, batch));
            }
            World::Agent | World::Aggregate => {
                for (port, rows) in self.guest.take_emitted() {
                    out.emit(port as usize, Batch::new(rows));
                }
            }
        }
        out.errors.extend(errors);
        self.keeps_rows = matches!(self.calls, Calls::Agent { .. });
        self.binding.take_counts(&mut self.guest);
        Ok(())
    }

    fn on_watermark(&mut self, watermark_ms: i64, out: &mut Output) -> Result<(), CallError> {
        self.signal(out, |guest, calls, limit| match calls {
            Calls::Agent { watermark, .. } => {
                Some(guest.call("on-watermark", Phase::Run, limit, watermark, (watermark_ms,)))
            }
            _ => None,
        })
    }

    fn flush(&mut self, out: &mut Output) -> Result<(), CallError> {
        self.signal(out, |guest, calls, limit| match calls {
            Calls::Agent { flush, .. } => Some(guest.call("flush", Phase::Run, limit, flush, ())),
            _ => None,
        })?;
        self.keeps_rows = false;
        Ok(())
    }

    fn close(&mut self) {
        self.binding.close(&mut self.guest);
    }
}
