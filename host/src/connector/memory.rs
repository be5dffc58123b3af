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

type Channel<T> = (Sender<T>, Receiver<T>);

static INPUTS: LazyLock<Mutex<HashMap<String, Channel<RecordBatch>>>> = LazyLock::new(Mutex::default);
static OUTPUTS: LazyLock<Mutex<HashMap<String, Channel<Arrived>>>> = LazyLock::new(Mutex::default);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn channel<T>(of: &Mutex<HashMap<String, Channel<T>>>, name: &str) -> Channel<T> {
    lock(of).entry(name.to_owned()).or_insert_with(|| bounded(CAPACITY)).clone()
}

/// Where to put rows for the source `memory: name`. A full channel makes the sender wait.
pub fn input(name: &str) -> Sender<RecordBatch> {
    channel(&INPUTS, name).0
}

/// What the sink `memory: name` writes. A full channel makes the pipeline wait.
pub fn output(name: &str) -> Receiver<Arrived> {
    channel(&OUTPUTS, name).1
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
        MemoryReader { rows: channel(&INPUTS, name).1, position }
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
        MemoryWriter { arrived: channel(&OUTPUTS, name).0, barrier: None }
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
