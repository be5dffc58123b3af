//! What becomes of records and rows that fail: the policy of one source, step or sink under `on_error`, and how
//! much may fail before the whole pipeline stops, under `errors`. Knows nothing of how rows fail.

use std::time::Duration;

use super::error::Findings;
use super::read;
use super::table::{Field, Table};
use super::tree::Value;

const EXPECTED: &str = "{ retry: { attempts: 5, backoff: 100ms, then: dead_letter } }";
const FATES: [(&str, Fate); 3] =
    [("fail", Fate::Fail), ("skip", Fate::Skip), ("dead_letter", Fate::DeadLetter)];
/// Longest wait before a row is tried again, which the doubling does not pass.
pub const MOST_BACKOFF: Duration = Duration::from_secs(60);

/// What becomes of a record or row that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorPolicy {
    /// For failures that may pass: how it is tried again before the end.
    pub retry: Option<Retry>,
    /// What becomes of it in the end.
    pub then: Fate,
}

impl Default for ErrorPolicy {
    fn default() -> Self {
        ErrorPolicy { retry: None, then: Fate::DeadLetter }
    }
}

/// How a row is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// At most this often, beside the first time.
    pub attempts: u32,
    /// Wait before the first of them; it doubles with each, up to [`MOST_BACKOFF`].
    pub backoff: Duration,
}

/// What becomes of a record or row in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The pipeline stops with this record named.
    Fail,
    /// It is counted and dropped.
    Skip,
    /// It is written to the dead letters before its offset is committed.
    DeadLetter,
}

/// How much may fail before the pipeline stops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ErrorLimit {
    /// Of what a source, step or sink took, not more than this share may fail: 0.5 is one half. With 1 nothing
    /// stops the pipeline.
    pub max_share: f64,
    /// Counted over the last so long.
    pub within: Duration,
    /// Not judged before so many were taken.
    pub min_records: u64,
}

impl Default for ErrorLimit {
    fn default() -> Self {
        ErrorLimit { max_share: 0.5, within: Duration::from_secs(10), min_records: 100 }
    }
}

/// The policy under `on_error`.
pub(super) fn on_error(table: &mut Table<'_>, findings: &mut Findings) -> Option<ErrorPolicy> {
    let Some(field) = table.get("on_error") else { return Some(ErrorPolicy::default()) };
    match &field.node.value {
        Value::Map(_) => {
            let mut table = Table::open(&field, EXPECTED, findings)?;
            let retry =
                table.require("retry", "{ attempts: 5, backoff: 100ms, then: dead_letter }", findings);
            table.close(findings);
            retry_of(&retry?, findings)
        }
        Value::Scalar { text, .. } if text == "retry" => {
            findings.add(field.error("`retry` has to say how often and what then").expected(EXPECTED));
            None
        }
        _ => read::choice(&field, &FATES, &[], findings).map(|then| ErrorPolicy { retry: None, then }),
    }
}

fn retry_of(field: &Field<'_>, findings: &mut Findings) -> Option<ErrorPolicy> {
    let mut table = Table::open(field, "{ attempts: 5, backoff: 100ms, then: dead_letter }", findings)?;
    let attempts = match table.get("attempts") {
        None => Some(5),
        Some(field) => read::whole(&field, 1..=100u32, findings),
    };
    let backoff = match table.get("backoff") {
        None => Some(Duration::from_millis(100)),
        Some(field) => read::duration(&field, Duration::from_millis(1)..=MOST_BACKOFF, findings),
    };
    let then = match table.get("then") {
        None => Some(Fate::DeadLetter),
        Some(field) => read::choice(&field, &FATES, &[], findings),
    };
    table.close(findings);
    Some(ErrorPolicy { retry: Some(Retry { attempts: attempts?, backoff: backoff? }), then: then? })
}

/// The limit under `errors`.
pub(super) fn errors(table: &mut Table<'_>, findings: &mut Findings) -> Option<ErrorLimit> {
    let mut limit = ErrorLimit::default();
    let Some(field) = table.get("errors") else { return Some(limit) };
    let expected = "{ max_share: 0.5, within: 10s, min_records: 100 }";
    let mut table = Table::open(&field, expected, findings)?;
    let share = table.get("max_share").map(|field| share(&field, findings));
    let within = table
        .get("within")
        .map(|field| read::duration(&field, Duration::from_secs(1)..=Duration::from_secs(3600), findings));
    let least = table.get("min_records").map(|field| read::whole(&field, 1..=u64::MAX, findings));
    table.close(findings);
    limit.max_share = share.unwrap_or(Some(limit.max_share))?;
    limit.within = within.unwrap_or(Some(limit.within))?;
    limit.min_records = least.unwrap_or(Some(limit.min_records))?;
    Some(limit)
}

fn share(field: &Field<'_>, findings: &mut Findings) -> Option<f64> {
    let expected = "a share from 0 to 1, as 0.5 for one half; 1 never stops the pipeline";
    let share = read::number(field, expected, findings)?;
    if (0.0..=1.0).contains(&share) {
        return Some(share);
    }
    findings.add(field.error(format!("{share} is out of range")).expected(expected));
    None
}
