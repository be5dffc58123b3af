//! A sink that takes everything and keeps nothing.

use std::time::Duration;

use super::{ConnectorError, Writer, Written};
use crate::batch::Batch;
use crate::codec::RecordError;

/// Takes rows.
#[derive(Debug, Default)]
pub struct Blackhole {
    barrier: Option<u64>,
}

impl Writer for Blackhole {
    fn write(&mut self, _: &Batch, _: usize, _: &mut Vec<RecordError>) -> Result<Written, ConnectorError> {
        Ok(Written::Taken)
    }

    fn barrier(&mut self, id: u64) -> Result<(), ConnectorError> {
        self.barrier = Some(id);
        Ok(())
    }

    fn delivered(&mut self, _wait: Duration) -> Result<Option<u64>, ConnectorError> {
        Ok(self.barrier)
    }
}
