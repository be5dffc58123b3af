//! Rows from and to the program that embeds the host, by name: bounded channels in a registry of the process.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use super::{ConnectorError, Read, ReadLimits, Reader, Writer, Written};
use crate::batch::Batch;
use crate::codec::RecordError;

/// Batches that a channel holds before its writer waits.
const CAPACITY: usize = 256;

/// Rows that came out of a pipeline.
pub struct Arrived {
    /// When the sink took them.
    pub at: Instant,
    /// The rows.
    pub rows: RecordBatch,
}

/// A channel of the registry. Without its sender it ends once the senders that were handed out are dropped.
struct Channel<T> {
    sender: Option<Sender<T>>,
    receiver: Receiver<T>,
}

impl<T> Default for Channel<T> {
    fn default() -> Self {
        let (sender, receiver) = bounded(CAPACITY);
        Channel { sender: Some(sender), receiver }
    }
}

static INPUTS: LazyLock<Mutex<HashMap<String, Channel<RecordBatch>>>> = LazyLock::new(Mutex::default);
static OUTPUTS: LazyLock<Mutex<HashMap<String, Channel<Arrived>>>> = LazyLock::new(Mutex::default);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where to put in; a channel that was ended begins anew.
fn sender<T>(of: &Mutex<HashMap<String, Channel<T>>>, name: &str) -> Sender<T> {
    let mut channels = lock(of);
    if let Some(sender) = channels.get(name).and_then(|channel| channel.sender.clone()) {
        return sender;
    }
    let (sender, receiver) = bounded(CAPACITY);
    channels.insert(name.to_owned(), Channel { sender: Some(sender.clone()), receiver });
    sender
}

fn receiver<T>(of: &Mutex<HashMap<String, Channel<T>>>, name: &str) -> Receiver<T> {
    lock(of).entry(name.to_owned()).or_default().receiver.clone()
}

/// Where to put rows for the source `memory: name`. A full channel makes the sender wait. After [`end`] this is a new
/// channel, which a reader that is made from now on reads.
pub fn input(name: &str) -> Sender<RecordBatch> {
    sender(&INPUTS, name)
}

/// The source `memory: name` ends once its senders are dropped and what is in it was read.
pub fn end(name: &str) {
    if let Some(channel) = lock(&INPUTS).get_mut(name) {
        channel.sender = None;
    }
}

/// What the sink `memory: name` writes. A full channel makes the pipeline wait.
pub fn output(name: &str) -> Receiver<Arrived> {
    receiver(&OUTPUTS, name)
}

/// Forgets both channels of a name.
pub fn forget(name: &str) {
    lock(&INPUTS).remove(name);
    lock(&OUTPUTS).remove(name);
}

/// Reads what the embedding program puts in. What was taken and not finished is not given again.
pub struct MemoryReader {
    rows: Receiver<RecordBatch>,
    position: i64,
}

impl MemoryReader {
    /// Of the source `memory: name`.
    pub fn new(name: &str, position: i64) -> Self {
        MemoryReader { rows: receiver(&INPUTS, name), position }
    }
}

impl Reader for MemoryReader {
    fn read(&mut self, limits: ReadLimits) -> Result<Read, ConnectorError> {
        match self.rows.recv_timeout(limits.wait) {
            Ok(rows) => {
                self.position += rows.num_rows() as i64;
                Ok(Read::Rows(rows))
            }
            Err(RecvTimeoutError::Timeout) => Ok(Read::Idle),
            Err(RecvTimeoutError::Disconnected) => Ok(Read::End),
        }
    }

    fn position(&self) -> i64 {
        self.position
    }

    fn lag(&self) -> Option<i64> {
        Some(self.rows.len() as i64)
    }
}

/// Hands rows to the embedding program.
pub struct MemoryWriter {
    arrived: Sender<Arrived>,
    barrier: Option<u64>,
}

impl MemoryWriter {
    /// Of the sink `memory: name`.
    pub fn new(name: &str) -> Self {
        MemoryWriter { arrived: sender(&OUTPUTS, name), barrier: None }
    }
}

impl Writer for MemoryWriter {
    fn write(
        &mut self,
        batch: &Batch,
        from: usize,
        _: &mut Vec<RecordError>,
    ) -> Result<Written, ConnectorError> {
        let arrived = Arrived { at: Instant::now(), rows: batch.rows.slice(from, batch.len() - from) };
        match self.arrived.try_send(arrived) {
            Ok(()) => Ok(Written::Taken),
            Err(TrySendError::Full(_)) => Ok(Written::Full { from }),
            Err(TrySendError::Disconnected(_)) => {
                Err(ConnectorError::Stop("the memory channel was forgotten".into()))
            }
        }
    }

    fn barrier(&mut self, id: u64) -> Result<(), ConnectorError> {
        self.barrier = Some(id);
        Ok(())
    }

    fn delivered(&mut self, wait: Duration) -> Result<Option<u64>, ConnectorError> {
        std::thread::sleep(wait);
        Ok(self.barrier)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;

    use super::*;

    fn rows(id: i64) -> RecordBatch {
        RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(vec![id])) as _)]).unwrap()
    }

    fn read(reader: &mut MemoryReader) -> String {
        let limits = ReadLimits { records: 10, bytes: 1000, wait: Duration::ZERO };
        match reader.read(limits).unwrap() {
            Read::Rows(rows) => format!("{} rows", rows.num_rows()),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn an_input_ends_after_what_is_in_it_and_begins_anew() {
        let name = "an_input_ends_after_what_is_in_it_and_begins_anew";
        let mut reader = MemoryReader::new(name, 0);
        let sender = input(name);
        sender.send(rows(1)).unwrap();
        end(name);
        assert_eq!(read(&mut reader), "1 rows");
        assert_eq!(read(&mut reader), "Idle", "somebody may still send");
        drop(sender);
        assert_eq!(read(&mut reader), "End");
        assert_eq!(read(&mut MemoryReader::new(name, 1)), "End");
        input(name).send(rows(2)).unwrap();
        assert_eq!(read(&mut reader), "End");
        assert_eq!(read(&mut MemoryReader::new(name, 1)), "1 rows");
        forget(name);
    }
}
