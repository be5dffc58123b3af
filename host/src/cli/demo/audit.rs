//! Reads the scored orders as they come out of a memory sink, and counts each.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use crossbeam_channel::Receiver;

use crate::connector::memory::{self, Arrived};

/// What was seen so far.
pub(super) struct Audit {
    arrived: Receiver<Arrived>,
    times: Vec<u8>,
    outputs: u64,
    models: BTreeMap<String, u64>,
    arrivals: Vec<Instant>,
}

impl Audit {
    /// Of the sink `memory: name`.
    pub fn open(name: &str) -> Result<Self, String> {
        let arrived = memory::output(name);
        Ok(Audit { arrived, times: Vec::new(), outputs: 0, models: BTreeMap::new(), arrivals: Vec::new() })
    }

    /// Until `outputs` orders have come out.
    pub fn wait_for(&mut self, outputs: u64, patience: Duration) -> Result<(), String> {
        let until = Instant::now() + patience;
        while self.outputs < outputs {
            let left = until.saturating_duration_since(Instant::now());
            match self.arrived.recv_timeout(left) {
                Ok(arrived) => self.count(&arrived)?,
                Err(_) => {
                    return Err(format!("{} of {outputs} orders came out in {patience:?}", self.outputs));
                }
            }
        }
        Ok(())
    }

    /// Until nothing has come for `quiet`: doubles would come now.
    pub fn settle(&mut self, quiet: Duration) -> Result<(), String> {
        while let Ok(arrived) = self.arrived.recv_timeout(quiet) {
            self.count(&arrived)?;
        }
        Ok(())
    }

    fn count(&mut self, arrived: &Arrived) -> Result<(), String> {
        let ids = arrived.rows.column_by_name("id").and_then(|c| c.as_primitive_opt::<Int64Type>());
        let models = arrived.rows.column_by_name("model").and_then(|c| c.as_string_opt::<i32>());
        let (Some(ids), Some(models)) = (ids, models) else {
            return Err("scored orders without id or model".into());
        };
        for (id, model) in ids.values().iter().zip(models) {
            let id = usize::try_from(*id).map_err(|_| "a negative id")?;
            if self.times.len() <= id {
                self.times.resize(id + 1, 0);
            }
            self.times[id] = self.times[id].saturating_add(1);
            let model = model.unwrap_or_default();
            match self.models.get_mut(model) {
                Some(count) => *count += 1,
                None => drop(self.models.insert(model.to_owned(), 1)),
            }
        }
        self.outputs += arrived.rows.num_rows() as u64;
        self.arrivals.push(arrived.at);
        Ok(())
    }

    pub fn outputs(&self) -> u64 {
        self.outputs
    }

    pub fn models(&self) -> impl Iterator<Item = (&str, u64)> {
        self.models.iter().map(|(model, count)| (model.as_str(), *count))
    }

    pub fn by_model(&self, version: &str) -> u64 {
        self.models().filter(|(model, _)| model.contains(version)).map(|(_, count)| count).sum()
    }

    pub fn lost(&self, orders: u64) -> u64 {
        (0..orders as usize).filter(|id| self.times.get(*id).is_none_or(|times| *times == 0)).count() as u64
    }

    pub fn doubled(&self) -> u64 {
        self.times.iter().filter(|times| **times > 1).count() as u64
    }

    /// The longest time without an output that touches `from .. to`.
    pub fn longest_gap(&self, from: Instant, to: Instant) -> Duration {
        let begin = self.arrivals.partition_point(|at| *at < from).saturating_sub(1);
        let end = (self.arrivals.partition_point(|at| *at <= to) + 1).min(self.arrivals.len());
        let around = self.arrivals.get(begin..end).unwrap_or_default();
        around.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }
}
