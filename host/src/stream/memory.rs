//! Rows from and to the program: an end of a `memory` source or sink of a pipeline that runs.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender};

use super::error::StreamError;
use crate::connector::memory::{self, Arrived};
use crate::control::Host;
use crate::control::api::PipelineState;
use crate::operator::native::fit;

/// Between two looks at whether the pipeline still runs.
const LOOK: Duration = Duration::from_millis(20);

/// A pipeline whose state an end of a channel asks for.
#[derive(Clone)]
pub(super) struct Asked {
    pub host: Arc<Host>,
    pub pipeline: String,
}

impl Asked {
    /// Why nothing more comes or goes; `None` while it runs or will again by itself.
    fn over(&self) -> Result<Option<String>, StreamError> {
        let status = self.host.pipeline(&self.pipeline)?;
        match status.state {
            PipelineState::Stopped => Ok(Some("the pipeline has stopped".into())),
            PipelineState::Failed => {
                let reason = status.reason.unwrap_or_default();
                Err(StreamError::Failed { pipeline: self.pipeline.clone(), reason })
            }
            PipelineState::Starting | PipelineState::Running | PipelineState::Paused => Ok(None),
        }
    }
}

/// Where the program puts rows for a `memory` source.
pub struct Input {
    pub(super) asked: Asked,
    pub(super) source: String,
    pub(super) channel: String,
    pub(super) columns: SchemaRef,
    pub(super) sender: Sender<RecordBatch>,
}

impl Input {
    /// The columns of the source.
    pub fn columns(&self) -> &SchemaRef {
        &self.columns
    }

    /// Puts rows in. Waits while the pipeline has many that it did not take yet. What is put in before a stop and not
    /// taken is read after the next start.
    ///
    /// # Errors
    /// The rows have other columns than the source, or the pipeline has stopped or failed and takes no more.
    pub fn send(&self, rows: RecordBatch) -> Result<(), StreamError> {
        let mut rows = fit(&rows, &self.columns)
            .map_err(|reason| StreamError::Columns { source_name: self.source.clone(), reason })?;
        loop {
            rows = match self.sender.send_timeout(rows, LOOK) {
                Ok(()) => return Ok(()),
                Err(SendTimeoutError::Timeout(rows)) => rows,
                Err(SendTimeoutError::Disconnected(_)) => return Err(self.ended("its host is gone")),
            };
            if let Some(reason) = self.asked.over()? {
                return Err(self.ended(&reason));
            }
        }
    }

    /// Nothing follows: the source ends once what was put in is read and every other `Input` of it is dropped.
    pub fn end(self) {
        memory::end(&self.channel);
    }

    fn ended(&self, reason: &str) -> StreamError {
        StreamError::Ended {
            pipeline: self.asked.pipeline.clone(),
            source_name: self.source.clone(),
            reason: reason.to_owned(),
        }
    }
}

/// Where the program gets the rows of a `memory` sink. As an iterator it waits for rows, and ends once the pipeline
/// has stopped and all are out; a failure of the pipeline is its last item.
pub struct Output {
    pub(super) asked: Asked,
    pub(super) receiver: Receiver<Arrived>,
    pub(super) over: bool,
}

impl Output {
    /// The next rows, if they come within `wait`. Asks nobody whether more will come.
    pub fn next_within(&self, wait: Duration) -> Option<RecordBatch> {
        self.receiver.recv_timeout(wait).ok().map(|arrived| arrived.rows)
    }
}

impl Iterator for Output {
    type Item = Result<RecordBatch, StreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.over {
            match self.receiver.recv_timeout(LOOK) {
                Ok(arrived) => return Some(Ok(arrived.rows)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let over = self.asked.over();
            // Rows may have come between the last look and the end.
            if !matches!(over, Ok(None))
                && let Ok(arrived) = self.receiver.try_recv()
            {
                return Some(Ok(arrived.rows));
            }
            match over {
                Ok(None) => {}
                Ok(Some(_)) => self.over = true,
                Err(failed) => {
                    self.over = true;
                    return Some(Err(failed));
                }
            }
        }
        None
    }
}
