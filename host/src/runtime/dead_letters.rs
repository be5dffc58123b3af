//! Turns failures into dead letters and hands them to whoever keeps them, waiting while they cannot be taken:
//! an offset is committed only after the dead letters before it are durable.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::metrics::PipelineMetrics;
use super::walker::{TaskError, Waiting};
use crate::batch::{Batch, RawRecords};
use crate::codec::RecordError;
use crate::connector::dead_letter::{row_as_json, row_to_ipc};
use crate::connector::{ConnectorError, DeadLetter, DeadLetterWriter, Header};
use crate::operator::{ComponentName, Halt, RowError};

/// Who refused something, after how many attempts.
pub(super) struct Refused<'a> {
    /// Source, step or sink.
    pub place: &'a str,
    pub component: Option<ComponentName<'a>>,
    pub attempts: u32,
}

/// One task's way to the dead letters.
pub(super) struct DeadLetters {
    pipeline: Arc<str>,
    writer: Option<Box<dyn DeadLetterWriter>>,
    metrics: Arc<PipelineMetrics>,
    halt: Arc<Halt>,
    /// Told when letters cannot be kept.
    waiting: Waiting,
    /// Letters since the last barrier, and before each that is not delivered yet: they count once they can be read.
    uncounted: u64,
    before: VecDeque<(u64, u64)>,
}

impl DeadLetters {
    /// `writer` is `None` where no policy of the task sends anything here.
    pub fn new(
        pipeline: Arc<str>,
        writer: Option<Box<dyn DeadLetterWriter>>,
        metrics: Arc<PipelineMetrics>,
        halt: Arc<Halt>,
        waiting: Waiting,
    ) -> Self {
        DeadLetters { pipeline, writer, metrics, halt, waiting, uncounted: 0, before: VecDeque::new() }
    }

    /// A record that did not decode.
    pub fn record(
        &mut self,
        by: &Refused<'_>,
        raw: &RawRecords,
        error: &RecordError,
    ) -> Result<(), TaskError> {
        let mut letter = letter(by, error.code, &error.message);
        quote(&mut letter, raw, error.index as usize);
        self.put(letter)
    }

    /// A row that was refused.
    pub fn row(&mut self, by: &Refused<'_>, batch: &Batch, error: &RowError) -> Result<(), TaskError> {
        let mut letter = letter(by, &error.code, &error.message);
        let row = error.row as usize;
        let ipc = row_to_ipc(&batch.rows, row);
        letter.row_ipc =
            Some(ipc.map_err(|e| TaskError::Failed(format!("`{}`: a dead letter: {e}", by.place)))?);
        match batch.origin.as_ref().and_then(|o| o.record_of(row).map(|record| (o, record))) {
            Some((origin, record)) => quote(&mut letter, &origin.records, record),
            None => letter.row = Some(row_as_json(&batch.rows, row)),
        }
        self.put(letter)
    }

    fn put(&mut self, mut letter: DeadLetter) -> Result<(), TaskError> {
        letter.pipeline = self.pipeline.to_string();
        letter.at_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
        let Some(writer) = &mut self.writer else {
            return Err(TaskError::Failed(format!("`{}` has nowhere to write dead letters", letter.step)));
        };
        let mut told = false;
        loop {
            match writer.put(&letter) {
                Ok(()) => break,
                Err(ConnectorError::Retry(_)) if self.halt.is_cancelled() => {
                    return Err(TaskError::Cancelled);
                }
                Err(ConnectorError::Retry(reason)) => {
                    if !std::mem::replace(&mut told, true) {
                        (self.waiting)(Some(format!("dead letters: {reason}")));
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(ConnectorError::Stop(reason)) => {
                    return Err(TaskError::Failed(format!("dead letters: {reason}")));
                }
            }
        }
        if told {
            (self.waiting)(None);
        }
        self.uncounted += 1;
        Ok(())
    }

    /// Everything so far belongs to checkpoint `id`.
    pub fn barrier(&mut self, id: u64) -> Result<(), TaskError> {
        match &mut self.writer {
            Some(writer) => {
                self.before.push_back((id, std::mem::take(&mut self.uncounted)));
                writer.barrier(id).map_err(|e| TaskError::Failed(format!("dead letters: {e}")))
            }
            None => Ok(()),
        }
    }

    /// The barrier behind everything that is durable. What it waits for is put into `waits`.
    pub fn delivered(&mut self, waits: &mut Option<String>) -> Result<u64, TaskError> {
        match &mut self.writer {
            None => Ok(u64::MAX),
            Some(writer) => match writer.delivered(Duration::ZERO) {
                Ok(id) => {
                    let id = id.unwrap_or(0);
                    while let Some((_, letters)) = self.before.pop_front_if(|(barrier, _)| *barrier <= id) {
                        self.metrics.dead_letters_kept(letters);
                    }
                    Ok(id)
                }
                Err(ConnectorError::Retry(reason)) => {
                    *waits = Some(format!("dead letters: {reason}"));
                    Ok(0)
                }
                Err(ConnectorError::Stop(reason)) => {
                    Err(TaskError::Failed(format!("dead letters: {reason}")))
                }
            },
        }
    }
}

/// Where a row came from, for a person: `orders[3]@1042`.
pub(super) fn place(batch: &Batch, row: usize) -> String {
    match batch.origin.as_ref().and_then(|o| o.record_of(row).map(|record| (o, record))) {
        Some((origin, record)) => record_place(&origin.records, record),
        None => format!("row {row} of a batch"),
    }
}

/// Where a record came from, for a person.
pub(super) fn record_place(raw: &RawRecords, record: usize) -> String {
    format!("{}[{}]@{}", raw.topic, raw.partition, raw.records()[record].offset)
}

fn letter(by: &Refused<'_>, code: &str, message: &str) -> DeadLetter {
    DeadLetter {
        step: by.place.to_owned(),
        component: by.component.map(|c| c.label.to_owned()),
        digest: by.component.map(|c| c.digest.to_owned()),
        code: code.to_owned(),
        message: message.to_owned(),
        attempts: by.attempts,
        ..DeadLetter::default()
    }
}

fn quote(letter: &mut DeadLetter, raw: &RawRecords, record: usize) {
    letter.topic = Some(raw.topic.to_string());
    letter.partition = Some(raw.partition);
    letter.offset = Some(raw.records()[record].offset);
    letter.timestamp_ms = raw.records()[record].timestamp_ms;
    letter.key = raw.key(record).map(<[u8]>::to_vec);
    letter.value = raw.value(record).map(<[u8]>::to_vec);
    letter.headers = raw
        .headers(record)
        .map(|(name, value)| Header { name: name.into_owned(), value: value.map(<[u8]>::to_vec) })
        .collect();
}
