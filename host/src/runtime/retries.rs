//! Rows of one task, and records of its source, that wait for another attempt, with the wait growing from one to the
//! next. They hold up neither what comes after them nor barriers: each remembers after which barrier it came. Pure: the
//! clock is passed in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::batch::{Batch, Parents, RawRecords};
use crate::spec::{MOST_BACKOFF, Retry};

/// Rows and bytes that may wait in one task; with more it takes no new rows until some are through.
const MOST_ROWS: usize = 65_536;
const MOST_BYTES: usize = 64 << 20;

/// How often rows or records were tried, and since when they are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tries {
    /// Attempts after the first.
    pub again: u32,
    /// The last barrier before they came.
    pub since: u64,
}

/// What waits.
pub(super) struct Waiting {
    pub held: Held,
    /// As of the attempt that is waited for.
    pub tries: Tries,
}

/// What another attempt is made of.
pub(super) enum Held {
    /// Rows that a node is to be given again.
    Rows { node: usize, batch: Batch },
    /// Records that the source is to decode again.
    Records(Arc<RawRecords>),
}

impl Held {
    fn rows(&self) -> usize {
        match self {
            Held::Rows { batch, .. } => batch.len(),
            Held::Records(records) => records.len(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Held::Rows { batch, .. } => {
                let records = batch.origin.as_ref().map_or(0, |origin| origin.records.byte_len());
                batch.rows.get_array_memory_size() + records
            }
            Held::Records(records) => records.byte_len(),
        }
    }
}

/// All that waits, by when it is due.
#[derive(Default)]
pub(super) struct Retries {
    /// The number keeps those of one moment apart, and in order.
    waiting: BTreeMap<(Instant, u64), Waiting>,
    number: u64,
    rows: usize,
    bytes: usize,
}

impl Retries {
    /// Keeps something until it is due.
    pub fn put(&mut self, due: Instant, waiting: Waiting) {
        self.number += 1;
        self.rows += waiting.held.rows();
        self.bytes += waiting.held.bytes();
        self.waiting.insert((due, self.number), waiting);
    }

    /// The next that is due at `now`.
    pub fn take_due(&mut self, now: Instant) -> Option<Waiting> {
        let entry = self.waiting.first_entry().filter(|entry| entry.key().0 <= now)?;
        let waiting = entry.remove();
        self.rows -= waiting.held.rows();
        self.bytes -= waiting.held.bytes();
        Some(waiting)
    }

    /// When the next is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.waiting.keys().next().map(|(due, _)| *due)
    }

    /// The last barrier before the oldest that waits.
    pub fn since(&self) -> Option<u64> {
        self.waiting.values().map(|waiting| waiting.tries.since).min()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether no more should come.
    pub fn is_full(&self) -> bool {
        self.rows >= MOST_ROWS || self.bytes >= MOST_BYTES
    }
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

/// These records of a run, by themselves. All of them are the run: whoever knows it by its address still does.
pub(super) fn only(raw: &Arc<RawRecords>, records: impl ExactSizeIterator<Item = usize>) -> Arc<RawRecords> {
    if records.len() == raw.len() {
        return Arc::clone(raw);
    }
    let mut some = RawRecords::with_capacity(Arc::clone(&raw.topic), raw.partition, records.len(), 0);
    records.for_each(|record| copy(raw, record, &mut some));
    Arc::new(some)
}

fn copy(from: &RawRecords, record: usize, to: &mut RawRecords) {
    let found = &from.records()[record];
    to.push(found.offset, found.timestamp_ms, from.key(record), from.value(record));
    let last = to.len().checked_sub(2);
    match last.filter(|last| to.headers(*last).eq(from.headers(record))) {
        // Rows of a file have one first line between them.
        Some(last) => to.push_headers_of(last),
        None => from.headers(record).for_each(|(name, value)| to.push_header(&name, value)),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, RecordBatch, UInt32Array};

    use super::*;

    fn rows(count: i64) -> RecordBatch {
        RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from_iter_values(0..count)) as _)]).unwrap()
    }

    fn waiting(node: usize, since: u64) -> Waiting {
        let held = Held::Rows { node, batch: Batch::new(rows(2)) };
        Waiting { held, tries: Tries { again: 1, since } }
    }

    fn node(waiting: Waiting) -> usize {
        match waiting.held {
            Held::Rows { node, .. } => node,
            Held::Records(_) => panic!("rows were put"),
        }
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
        let nodes: Vec<usize> = std::iter::from_fn(|| retries.take_due(at(15))).map(node).collect();
        assert_eq!(nodes, [2, 3]);
        assert_eq!(retries.take_due(at(20)).map(node), Some(1));
        assert!(retries.is_empty() && (retries.rows, retries.bytes) == (0, 0));
    }

    #[test]
    fn what_may_wait_is_bounded() {
        let mut retries = Retries::default();
        let batch = Batch::new(rows(MOST_ROWS as i64 - 1));
        let tries = Tries { again: 1, since: 0 };
        retries.put(Instant::now(), Waiting { held: Held::Rows { node: 0, batch }, tries });
        assert!(!retries.is_full());
        retries.put(Instant::now(), waiting(0, 0));
        assert!(retries.is_full());
    }

    #[test]
    fn records_that_wait_are_counted_too() {
        let mut retries = Retries::default();
        let mut records = RawRecords::with_capacity("orders".into(), 0, 2, 0);
        records.push(1, None, None, Some(&vec![0; MOST_BYTES - 1]));
        records.push(2, None, Some(b"key"), Some(b"value"));
        let all = Arc::new(records);
        assert!(Arc::ptr_eq(&only(&all, 0..2), &all), "all of a run is the run");
        let second = only(&all, 1..2);
        assert_eq!(
            (second.records()[0].offset, second.key(0), second.value(0)),
            (2, Some(&b"key"[..]), Some(&b"value"[..]))
        );
        let tries = Tries { again: 1, since: 3 };
        let now = Instant::now();
        retries.put(now, Waiting { held: Held::Records(second), tries });
        assert!(!retries.is_full());
        retries.put(now, Waiting { held: Held::Records(all), tries });
        assert!(retries.is_full());
        assert!(
            matches!(retries.take_due(now), Some(Waiting { held: Held::Records(r), .. }) if r.len() == 1)
        );
        assert!(retries.take_due(now).is_some() && retries.is_empty() && retries.bytes == 0);
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
