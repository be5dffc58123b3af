//! What feeds a task: the partition of a source, read and decoded, or the channels of a fragment that merges.
//! Knows nothing of the nodes below.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{Array, Int64Array, RecordBatch};
use arrow::compute;
use arrow::datatypes::DataType;
use crossbeam_channel::{Receiver, Select};

use super::metrics::PipelineMetrics;
use super::retries::{Held, Tries, Waiting};
use super::walker::{TaskError, Walker};
use crate::batch::{Batch, Message, Parents, RawRecords};
use crate::checkpoint::{Aligned, Alignment};
use crate::codec::{Decoded, Decoder, Unavailable};
use crate::connector::{Commit, ConnectorError, Partition, Read, ReadLimits};
use crate::time::{BoundedOutOfOrder, WatermarkMerge};

/// The most bytes of records in one batch.
const BATCH_BYTES: usize = 8 << 20;

/// What a turn at an input came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// A batch went through.
    Worked,
    /// There was nothing.
    Idle,
    /// The outside is not there; somebody should know.
    Waiting(String),
    /// Nothing will follow.
    Ended,
    /// A barrier has come on every input.
    Barrier(u64),
}

/// A source's partition.
pub(super) struct SourceInput {
    pub partition: Partition,
    /// Everything read below it has gone through the walker.
    done: i64,
    decoder: Option<Decoder>,
    event_time: Option<(String, BoundedOutOfOrder)>,
    batch_rows: usize,
    metrics: Arc<PipelineMetrics>,
    /// Read, but not decoded yet.
    undecoded: Option<Undecoded>,
}

/// Records that were read and are left to another turn.
struct Undecoded {
    records: Arc<RawRecords>,
    /// The registry of their schemas does not answer. Otherwise the records before them took all that is decoded at
    /// once.
    unavailable: bool,
}

impl SourceInput {
    pub fn new(
        partition: Partition,
        decoder: Option<Decoder>,
        event_time: Option<(String, BoundedOutOfOrder)>,
        batch_rows: usize,
        metrics: Arc<PipelineMetrics>,
    ) -> Self {
        let done = partition.reader.position();
        SourceInput { partition, done, decoder, event_time, batch_rows, metrics, undecoded: None }
    }

    /// Where to go on from, for a commit.
    pub fn commit(&self) -> Commit {
        Commit {
            source: self.partition.source.clone(),
            topic: self.partition.topic.clone(),
            partition: self.partition.partition,
            offset: self.done,
        }
    }

    /// The first record that has not gone through.
    fn position(&self) -> i64 {
        let first = self.undecoded.as_ref().and_then(|left| left.records.records().first());
        first.map_or_else(|| self.partition.reader.position(), |record| record.offset)
    }

    /// Whether all that was read has gone through. Whoever goes on with the reader would pass over the rest, so then
    /// the run has to fail: the next one begins where was committed.
    pub fn check_finished(&self) -> Result<(), TaskError> {
        match &self.undecoded {
            None => Ok(()),
            Some(left) => Err(self.failed(&format!(
                "{} records were read and their schema's registry does not answer; they are read again",
                left.records.len()
            ))),
        }
    }

    /// Whether something that was read is only waiting for its turn.
    pub fn has_more(&self) -> bool {
        self.undecoded.as_ref().is_some_and(|left| !left.unavailable)
    }

    /// Reads once, waiting at most `wait`, and sends what came through `walker`. After [`TaskError::Left`] a
    /// commit is of what came before.
    pub fn turn(&mut self, walker: &mut Walker, wait: Duration) -> Result<Turn, TaskError> {
        let turn = self.read(walker, wait)?;
        self.done = self.position();
        Ok(turn)
    }

    fn read(&mut self, walker: &mut Walker, wait: Duration) -> Result<Turn, TaskError> {
        let limits = ReadLimits { records: self.batch_rows, bytes: BATCH_BYTES, wait };
        if let Some(left) = self.undecoded.take() {
            return self.records(walker, left.records);
        }
        match self.partition.reader.read(limits) {
            Ok(Read::Idle) => {
                self.note();
                return Ok(Turn::Idle);
            }
            Ok(Read::End) => return Ok(Turn::Ended),
            Ok(Read::Rows(rows)) => {
                walker.root().metrics.took(rows.num_rows(), bytes_of(&rows));
                self.send(walker, Batch::new(rows))?;
            }
            Ok(Read::Records(raw)) => return self.records(walker, Arc::new(raw)),
            Err(ConnectorError::Retry(reason)) => return Ok(Turn::Waiting(reason)),
            Err(ConnectorError::Stop(reason)) => return Err(self.failed(&reason)),
        }
        self.note();
        Ok(Turn::Worked)
    }

    fn records(&mut self, walker: &mut Walker, raw: Arc<RawRecords>) -> Result<Turn, TaskError> {
        let decoded = match self.decode(walker, &raw)? {
            Ok(decoded) => decoded,
            Err(unavailable) => {
                self.undecoded = Some(Undecoded { records: raw, unavailable: true });
                return Ok(Turn::Waiting(self.waits_for(&unavailable)));
            }
        };
        // A few bytes may become much: what was decoded is sent on before more is, in a turn of its own.
        let rest = (decoded.taken < raw.len()).then(|| Arc::new(raw.rest(decoded.taken)));
        let left_bytes = rest.as_ref().map_or(0, |rest| rest.byte_len());
        walker.root().metrics.took(decoded.taken, raw.byte_len() - left_bytes);
        self.send_decoded(walker, &raw, decoded, walker.first_try())?;
        self.undecoded = rest.map(|records| Undecoded { records, unavailable: false });
        self.note();
        Ok(Turn::Worked)
    }

    /// Decodes the record of a dead letter, which counted as read long ago, and sends its rows on. Answers why it
    /// cannot be decoded now, if so.
    pub fn replay(
        &mut self,
        walker: &mut Walker,
        raw: &Arc<RawRecords>,
    ) -> Result<Option<String>, TaskError> {
        match self.decode(walker, raw)? {
            // One record is never left to another run.
            Ok(decoded) => self.send_decoded(walker, raw, decoded, walker.first_try()).map(|()| None),
            Err(unavailable) => Ok(Some(unavailable.to_string())),
        }
    }

    /// Decodes records that waited for another attempt, and sends their rows on. Answers why they cannot be decoded now,
    /// if so: then they wait as before.
    pub fn decode_again(
        &mut self,
        walker: &mut Walker,
        records: Arc<RawRecords>,
        tries: Tries,
    ) -> Result<Option<String>, TaskError> {
        match self.decode(walker, &records)? {
            Ok(decoded) => {
                if decoded.taken < records.len() {
                    let rest = Arc::new(records.rest(decoded.taken));
                    walker.retries.put(Instant::now(), Waiting { held: Held::Records(rest), tries });
                }
                walker.aged(tries.since, |walker| self.send_decoded(walker, &records, decoded, tries))?;
                Ok(None)
            }
            Err(unavailable) => {
                walker.retries.put(Instant::now(), Waiting { held: Held::Records(records), tries });
                Ok(Some(self.waits_for(&unavailable)))
            }
        }
    }

    fn waits_for(&self, unavailable: &Unavailable) -> String {
        format!("source `{}`: {unavailable}", self.partition.source)
    }

    fn decode(
        &mut self,
        walker: &mut Walker,
        raw: &RawRecords,
    ) -> Result<Result<Decoded, Unavailable>, TaskError> {
        let Some(decoder) = &mut self.decoder else {
            return Err(self.failed("it reads bytes but has no `decode`"));
        };
        let started = Instant::now();
        let decoded = decoder.decode(raw);
        walker.root().metrics.worked(started.elapsed());
        Ok(decoded)
    }

    fn send_decoded(
        &mut self,
        walker: &mut Walker,
        raw: &Arc<RawRecords>,
        decoded: Decoded,
        tries: Tries,
    ) -> Result<(), TaskError> {
        walker.undecodable(raw, decoded.errors, tries)?;
        let parents = match decoded.records {
            Some(records) => Parents::Each(records.into()),
            None => Parents::Run { first: 0 },
        };
        self.send(walker, Batch::decoded(decoded.rows, Arc::clone(raw), parents))
    }

    fn note(&self) {
        let reader = &self.partition.reader;
        let watermark_ms = self.event_time.as_ref().and_then(|(_, watermark)| watermark.now_ms());
        let place = (self.position(), reader.lag(), watermark_ms);
        self.metrics.at(&self.partition.source, self.partition.partition, place);
    }

    fn send(&mut self, walker: &mut Walker, batch: Batch) -> Result<(), TaskError> {
        if batch.is_empty() {
            return Ok(());
        }
        let newest = match &self.event_time {
            Some((column, _)) => newest_ms(&batch, column).map_err(|e| self.failed(&e))?,
            None => None,
        };
        walker.source(batch)?;
        if let (Some(newest), Some((_, watermark))) = (newest, &mut self.event_time)
            && let Some(ms) = watermark.observe(newest)
        {
            walker.watermark(ms)?;
        }
        Ok(())
    }

    fn failed(&self, reason: &str) -> TaskError {
        TaskError::Failed(format!("source `{}`: {reason}", self.partition.source))
    }
}

/// The bytes of the values of a batch, which may be a part of a larger one.
fn bytes_of(rows: &RecordBatch) -> usize {
    rows.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or_default()).sum()
}

/// The newest event time in a batch, in milliseconds; `None` when all are null.
fn newest_ms(batch: &Batch, column: &str) -> Result<Option<i64>, String> {
    let column = batch
        .rows
        .column_by_name(column)
        .ok_or_else(|| format!("event_time column `{column}` is not in the batch"))?;
    let ms = match column.data_type() {
        DataType::Int64 => Arc::clone(column),
        _ => {
            let timestamp = DataType::Timestamp(arrow::datatypes::TimeUnit::Millisecond, None);
            compute::cast(column, &timestamp)
                .and_then(|c| compute::cast(&c, &DataType::Int64))
                .map_err(|e| e.to_string())?
        }
    };
    let ms = ms.as_any().downcast_ref::<Int64Array>().ok_or("event_time is not a number of milliseconds")?;
    Ok(compute::max(ms))
}

/// The channels of a merging fragment, one for each task that writes to it.
pub(super) struct ChannelInput {
    receivers: Vec<Receiver<Message>>,
    alignment: Alignment,
    watermarks: WatermarkMerge,
}

impl ChannelInput {
    pub fn new(receivers: Vec<Receiver<Message>>) -> Self {
        let inputs = receivers.len();
        ChannelInput { receivers, alignment: Alignment::new(inputs), watermarks: WatermarkMerge::new(inputs) }
    }

    /// Takes one message, waiting at most `wait`, from the inputs that are not held back by a barrier.
    pub fn turn(&mut self, walker: &mut Walker, wait: Duration) -> Result<Turn, TaskError> {
        let open: Vec<usize> = (0..self.receivers.len()).filter(|&i| self.alignment.is_open(i)).collect();
        let mut select = Select::new();
        for &input in &open {
            select.recv(&self.receivers[input]);
        }
        let Ok(ready) = select.select_timeout(wait) else { return Ok(Turn::Idle) };
        let input = open[ready.index()];
        // A writer that is gone without an end failed; the coordinator hears it from that task.
        let message = ready.recv(&self.receivers[input]).map_err(|_| TaskError::Cancelled)?;
        match message {
            Message::Data { batch, since } => {
                walker.aged(since, |walker| walker.run(0, batch))?;
                Ok(Turn::Worked)
            }
            Message::Watermark(ms) => {
                if let Some(ms) = self.watermarks.advance(input, ms) {
                    walker.watermark(ms)?;
                }
                Ok(Turn::Worked)
            }
            Message::Barrier(barrier) => Ok(turn_of(self.alignment.barrier(input, barrier.id))),
            Message::End => {
                if let Some(ms) = self.watermarks.end(input) {
                    walker.watermark(ms)?;
                }
                Ok(turn_of(self.alignment.end(input)))
            }
        }
    }
}

fn turn_of(aligned: Aligned) -> Turn {
    match aligned {
        Aligned::Waiting => Turn::Worked,
        Aligned::Barrier(id) => Turn::Barrier(id),
        Aligned::End => Turn::Ended,
    }
}
