//! Rows of one task that wait for another attempt, with the wait growing from one to the next. They hold up
//! neither the rows after them nor barriers: each remembers after which barrier it came. Pure: the clock is
//! passed in.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::batch::{Batch, Parents, RawRecords};
use crate::spec::{MOST_BACKOFF, Retry};

/// Rows and bytes that may wait in one task; with more it takes no new rows until some are through.
const MOST_ROWS: usize = 65_536;
const MOST_BYTES: usize = 64 << 20;

/// How often rows were tried, and since when they are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tries {
    /// Attempts after the first.
    pub again: u32,
    /// The last barrier before the rows came.
    pub since: u64,
}

/// Rows that a node is to be given again.
pub(super) struct Waiting {
    pub node: usize,
    pub batch: Batch,
    /// As of the attempt that is waited for.
    pub tries: Tries,
}

/// The rows that wait, by when they are due.
#[derive(Default)]
pub(super) struct Retries {
    /// The number keeps those of one moment apart, and in order.
    waiting: BTreeMap<(Instant, u64), Waiting>,
    number: u64,
    rows: usize,
    bytes: usize,
}

impl Retries {
    /// Keeps rows until they are due.
    pub fn put(&mut self, due: Instant, waiting: Waiting) {
        self.number += 1;
        self.rows += waiting.batch.len();
        self.bytes += bytes(&waiting.batch);
        self.waiting.insert((due, self.number), waiting);
    }

    /// The next rows that are due at `now`.
    pub fn take_due(&mut self, now: Instant) -> Option<Waiting> {
        let entry = self.waiting.first_entry().filter(|entry| entry.key().0 <= now)?;
        let waiting = entry.remove();
        self.rows -= waiting.batch.len();
        self.bytes -= bytes(&waiting.batch);
        Some(waiting)
    }

    /// When the next rows are due.
    pub fn next_due(&self) -> Option<Instant> {
        self.waiting.keys().next().map(|(due, _)| *due)
    }

    /// The last barrier before the oldest rows that wait.
    pub fn since(&self) -> Option<u64> {
        self.waiting.values().map(|waiting| waiting.tries.since).min()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether no more should come.
    pub fn is_full(&self) -> bool {
        self.rows >= MOST_ROWS || self.bytes >= MOST_BYTES
    }
}

fn bytes(batch: &Batch) -> usize {
    let records = batch.origin.as_ref().map_or(0, |origin| origin.records.byte_len());
    batch.rows.get_array_memory_size() + records
}

/// The wait before attempt `again` after the first: doubling, up to a limit.
pub(super) fn backoff(retry: &Retry, again: u32) -> Duration {
    retry.backoff.saturating_mul(2u32.saturating_pow(again.saturating_sub(1))).min(MOST_BACKOFF)
}

/// The same rows with no more records than they came from, so that a few rows that wait do not hold on to all
/// that was read with them. Where most are needed anyway the batch stays as it is.
pub(super) fn alone(batch: Batch) -> Batch {
    let Some(origin) = &batch.origin else { return batch };
    let of: Vec<Option<usize>> = (0..batch.len()).map(|row| origin.record_of(row)).collect();
    if of.len() * 2 >= origin.records.len() {
        return batch;
    }
    let all = &origin.records;
    let mut records = RawRecords::with_capacity(all.topic.clone(), all.partition, of.len(), 0);
    let mut place: BTreeMap<usize, u32> = BTreeMap::new();
    let parents: Vec<u32> = of
        .into_iter()
        .map(|record| match record {
            None => crate::batch::NO_RECORD,
            Some(record) => *place.entry(record).or_insert_with(|| {
                copy(all, record, &mut records);
                records.len() as u32 - 1
            }),
        })
        .collect();
    Batch::decoded(batch.rows, records.into(), Parents::Each(parents.into()))
}

fn copy(from: &RawRecords, record: usize, to: &mut RawRecords) {
    let found = &from.records()[record];
    to.push(found.offset, found.timestamp_ms, from.key(record), from.value(record));
    from.headers(record).for_each(|(name, value)| to.push_header(&name, value));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch, UInt32Array};

    use super::*;

    fn rows(count: i64) -> RecordBatch {
        RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from_iter_values(0..count)) as _)]).unwrap()
    }

    fn waiting(node: usize, since: u64) -> Waiting {
        Waiting { node, batch: Batch::new(rows(2)), tries: Tries { again: 1, since } }
    }

    #[test]
    fn rows_come_when_they_are_due_in_order() {
        let (mut retries, start) = (Retries::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        assert!(retries.is_empty() && retries.next_due().is_none() && retries.since().is_none());
        retries.put(at(20), waiting(1, 7));
        retries.put(at(10), waiting(2, 8));
        retries.put(at(10), waiting(3, 9));
        assert_eq!((retries.next_due(), retries.since()), (Some(at(10)), Some(7)));
        assert!(retries.take_due(at(9)).is_none());
        let nodes: Vec<usize> = std::iter::from_fn(|| retries.take_due(at(15))).map(|w| w.node).collect();
        assert_eq!(nodes, [2, 3]);
        assert_eq!(retries.take_due(at(20)).map(|w| w.node), Some(1));
        assert!(retries.is_empty() && (retries.rows, retries.bytes) == (0, 0));
    }

    #[test]
    fn what_may_wait_is_bounded() {
        let mut retries = Retries::default();
        let batch = Batch::new(rows(MOST_ROWS as i64 - 1));
        let tries = Tries { again: 1, since: 0 };
        retries.put(Instant::now(), Waiting { node: 0, batch, tries });
        assert!(!retries.is_full());
        retries.put(Instant::now(), waiting(0, 0));
        assert!(retries.is_full());
    }

    #[test]
    fn waits_double_up_to_a_minute() {
        let retry = Retry { attempts: 100, backoff: Duration::from_millis(100) };
        let ms: Vec<u128> = (1..=5).map(|again| backoff(&retry, again).as_millis()).collect();
        assert_eq!(ms, [100, 200, 400, 800, 1600]);
        assert_eq!(backoff(&retry, 100), MOST_BACKOFF);
    }

    #[test]
    fn rows_that_wait_keep_their_records_and_no_others() {
        let mut records = RawRecords::with_capacity("orders".into(), 3, 10, 0);
        for n in 0..10 {
            records.push(100 + n, Some(n), Some(b"k"), Some(format!("value {n}").as_bytes()));
            records.push_header("trace", Some(&[n as u8]));
        }
        let batch = Batch::decoded(rows(10), Arc::new(records), Parents::Run { first: 0 });
        let few = alone(batch.take(&UInt32Array::from(vec![7, 2, 7])).unwrap());
        let origin = few.origin.as_ref().unwrap();
        assert_eq!(origin.records.len(), 2);
        let shown: Vec<String> = (0..3)
            .map(|row| {
                let record = origin.record_of(row).unwrap();
                let headers: Vec<_> = origin.records.headers(record).map(|(_, v)| v.unwrap()[0]).collect();
                let value = String::from_utf8_lossy(origin.records.value(record).unwrap()).into_owned();
                format!("{}: {value} {headers:?}", origin.records.records()[record].offset)
            })
            .collect();
        assert_eq!(shown, ["107: value 7 [7]", "102: value 2 [2]", "107: value 7 [7]"]);
        let most = alone(batch.slice(0, 6));
        assert_eq!(most.origin.unwrap().records.len(), 10);
    }
}
