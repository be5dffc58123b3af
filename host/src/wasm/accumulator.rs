//! A live aggregate: rows are added to numbered groups, and the groups' states or results are taken. What the guest
//! emits is checked against what its world promises. It must not know where the groups come from: no step has any
//! yet, and `sabot test` numbers them by hand.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::bind::Binding;
use super::bindings::{Level, Merge, Unit, Update};
use super::boundary::Encoder;
use super::component::WorldExports;
use super::context::Phase;
use super::sandbox::{Sandbox, refused};
use crate::operator::RowError;
use crate::operator::component::CallError;

/// The index of the port of partial states.
const STATE: u32 = 0;
/// The index of the port of results.
const RESULT: u32 = 1;

/// One instance, with the groups that it has been given since they were last taken. After a call that failed it is
/// dropped: how many groups it has is not known then.
pub(super) struct Accumulator {
    binding: Arc<Binding>,
    guest: Sandbox,
    update: Update,
    merge: Merge,
    take_state: Unit,
    finish: Unit,
    rows: Encoder,
    states: Encoder,
    groups: u32,
}

impl Accumulator {
    /// Instantiates, binds and opens.
    pub(super) fn start(binding: &Arc<Binding>) -> Result<Self, CallError> {
        let WorldExports::Aggregate { update, merge, take_state, finish } = &binding.component.exports.world
        else {
            return Err(CallError::Fatal(format!("{} is no aggregate", binding.label)));
        };
        let mut guest = binding.open()?;
        let state = binding.guest_ports.first().map(|(_, schema)| Arc::clone(schema));
        let state = state.ok_or_else(|| CallError::Fatal("an aggregate without a port".into()))?;
        Ok(Accumulator {
            update: guest.function(update)?,
            merge: guest.function(merge)?,
            take_state: guest.function(take_state)?,
            finish: guest.function(finish)?,
            rows: Encoder::new(&binding.input, &binding.indices, &binding.plain),
            states: whole(&state),
            groups: 0,
            binding: Arc::clone(binding),
            guest,
        })
    }

    /// Adds each row to the group of the same index, of `count` in all. The rows that it refuses.
    pub(super) fn update(
        &mut self,
        rows: &RecordBatch,
        groups: &[u32],
        count: u32,
    ) -> Result<Vec<RowError>, CallError> {
        let message = self.rows.encode(rows).map_err(|wrong| self.unsendable(&wrong))?;
        let params = (message, groups.to_vec(), count);
        self.guest.clear();
        let limit = self.binding.limits.batch_timeout;
        let (answer,) = self.guest.call("update", Phase::Run, limit, &self.update, params)?;
        let errors = self.guest.row_errors(answer.map_err(refused)?, rows.num_rows())?;
        self.emitted_nothing("update")?;
        self.groups = self.groups.max(count);
        Ok(errors)
    }

    /// Adds each state to the group of the same index, of `count` in all.
    pub(super) fn merge(
        &mut self,
        states: &RecordBatch,
        groups: &[u32],
        count: u32,
    ) -> Result<(), CallError> {
        let message = self.states.encode(states).map_err(|wrong| self.unsendable(&wrong))?;
        let params = (message, groups.to_vec(), count);
        self.guest.clear();
        let limit = self.binding.limits.batch_timeout;
        let (answer,) = self.guest.call("merge", Phase::Run, limit, &self.merge, params)?;
        answer.map_err(refused)?;
        self.emitted_nothing("merge")?;
        self.groups = self.groups.max(count);
        Ok(())
    }

    /// One state a group; all groups are forgotten.
    pub(super) fn take_state(&mut self) -> Result<RecordBatch, CallError> {
        self.take("take-state", STATE)
    }

    /// One result a group; all groups are forgotten.
    pub(super) fn finish(&mut self) -> Result<RecordBatch, CallError> {
        self.take("finish", RESULT)
    }

    /// The last lines it logged.
    pub(super) fn take_log(&mut self) -> Vec<(Level, String)> {
        self.guest.context_mut().log.take_lines()
    }

    /// Nothing follows.
    pub(super) fn close(&mut self) {
        self.binding.close(&mut self.guest);
    }

    fn take(&mut self, name: &str, port: u32) -> Result<RecordBatch, CallError> {
        self.guest.clear();
        let function = if port == STATE { &self.take_state } else { &self.finish };
        let limit = self.binding.limits.batch_timeout;
        let (answer,) = self.guest.call(name, Phase::Run, limit, function, ())?;
        answer.map_err(refused)?;
        let groups = std::mem::take(&mut self.groups) as usize;
        let mut emitted = self.guest.take_emitted();
        let wrong = match (emitted.pop(), emitted.len()) {
            (None, _) if groups == 0 => {
                return Ok(RecordBatch::new_empty(Arc::clone(&self.binding.guest_ports[port as usize].1)));
            }
            (None, _) => format!("{name} emitted nothing for {groups} groups; it emits one batch"),
            (Some(_), more @ 1..) => format!("{name} emitted {} batches; it emits one", more + 1),
            (Some((other, _)), _) if other != port => {
                format!("{name} emitted on port {other}; it emits on port {port}")
            }
            (Some((_, rows)), _) if rows.num_rows() != groups => {
                format!("{name} emitted {} rows for {groups} groups; it emits one a group", rows.num_rows())
            }
            (Some((_, rows)), _) => return Ok(rows),
        };
        Err(self.guest.invalid(wrong))
    }

    fn emitted_nothing(&mut self, name: &str) -> Result<(), CallError> {
        match self.guest.take_emitted().len() {
            0 => Ok(()),
            batches => {
                let wrong = format!("{name} emitted {batches} batches; only take-state and finish emit");
                Err(self.guest.invalid(wrong))
            }
        }
    }

    fn unsendable(&self, wrong: &str) -> CallError {
        CallError::Fatal(format!("a batch cannot be sent to {}: {wrong}", self.binding.label))
    }
}

/// Sends all columns as they are: what comes from a guest is plain.
fn whole(schema: &SchemaRef) -> Encoder {
    let indices: Vec<usize> = (0..schema.fields().len()).collect();
    Encoder::new(schema, &indices, schema)
}
