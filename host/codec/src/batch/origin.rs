//! A batch of rows and where each row came from, kept right through filters, maps and splits, so that a row
//! that fails anywhere can be quoted with its original bytes, topic, partition and offset.

use std::sync::Arc;

use arrow::array::{Array, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute;
use arrow::error::ArrowError;

use super::RawRecords;

/// In [`Parents::Each`]: this row's record is not known.
pub const NO_RECORD: u32 = u32::MAX;

/// For each row, which record of the origin it came from.
#[derive(Clone, Debug)]
pub enum Parents {
    /// Row `i` came from record `first + i`.
    Run {
        /// The record of row 0.
        first: u32,
    },
    /// Row `i` came from record `[i]`, or [`NO_RECORD`].
    Each(Arc<[u32]>),
}

/// The records a batch was decoded from, and which row is whose.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The records.
    pub records: Arc<RawRecords>,
    /// Which record each row came from.
    pub parents: Parents,
}

impl Origin {
    /// The record that `row` came from.
    pub fn record_of(&self, row: usize) -> Option<usize> {
        let record = match &self.parents {
            Parents::Run { first } => *first + row as u32,
            Parents::Each(each) => *each.get(row)?,
        };
        (record != NO_RECORD && (record as usize) < self.records.len()).then_some(record as usize)
    }

    fn select(&self, rows: impl Iterator<Item = Option<u32>>) -> Origin {
        let each = rows
            .map(|row| row.and_then(|row| self.record_of(row as usize)).map_or(NO_RECORD, |r| r as u32))
            .collect();
        Origin { records: Arc::clone(&self.records), parents: Parents::Each(each) }
    }
}

/// Rows and their origin: the data on an edge.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The rows.
    pub rows: RecordBatch,
    /// Where they came from; `None` for rows made inside (a generator, a window).
    pub origin: Option<Origin>,
}

impl Batch {
    /// Rows that came from nowhere outside.
    pub fn new(rows: RecordBatch) -> Self {
        Batch { rows, origin: None }
    }

    /// Rows decoded from `records`.
    pub fn decoded(rows: RecordBatch, records: Arc<RawRecords>, parents: Parents) -> Self {
        Batch { rows, origin: Some(Origin { records, parents }) }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same rows with other columns (row `i` stays row `i`).
    pub fn with_rows(&self, rows: RecordBatch) -> Batch {
        debug_assert_eq!(rows.num_rows(), self.rows.num_rows(), "with_rows keeps the rows");
        Batch { rows, origin: self.origin.clone() }
    }

    /// The rows where `keep` is true (null counts as false).
    pub fn filter(&self, keep: &BooleanArray) -> Result<Batch, ArrowError> {
        let rows = compute::filter_record_batch(&self.rows, keep)?;
        let kept = (0..keep.len()).filter(|&i| keep.is_valid(i) && keep.value(i)).map(|i| Some(i as u32));
        Ok(Batch { origin: self.origin.as_ref().map(|o| o.select(kept)), rows })
    }

    /// The rows at `indices`, in that order.
    pub fn take(&self, indices: &UInt32Array) -> Result<Batch, ArrowError> {
        let rows = compute::take_record_batch(&self.rows, indices)?;
        Ok(Batch { rows, origin: self.origin_of(indices) })
    }

    /// The origin of rows made from the rows at `indices` of this batch (null: unknown).
    pub fn origin_of(&self, indices: &UInt32Array) -> Option<Origin> {
        self.origin.as_ref().map(|o| o.select(indices.iter()))
    }

    /// `len` rows from `offset`, without copying.
    pub fn slice(&self, offset: usize, len: usize) -> Batch {
        let origin = self.origin.as_ref().map(|o| match &o.parents {
            Parents::Run { first } => Origin {
                records: Arc::clone(&o.records),
                parents: Parents::Run { first: first + offset as u32 },
            },
            Parents::Each(_) => o.select((offset..offset + len).map(|i| Some(i as u32))),
        });
        Batch { rows: self.rows.slice(offset, len), origin }
    }
}
