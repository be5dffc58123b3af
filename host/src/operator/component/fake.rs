//! A scripted component for tests: rows are numbers, and the script says on which of them what goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrow::array::{AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};

use super::{CallError, Guest, Terms, Version};
use crate::batch::Batch;
use crate::operator::{Output, RowError};

/// What goes wrong, by the number in the row.
#[derive(Default)]
pub struct Script {
    pub traps_on: BTreeSet<i64>,
    /// Traps on multiples of this; 0: never.
    pub traps_every: i64,
    pub loops_on: BTreeSet<i64>,
    /// Does not come back until it is recalled.
    pub hangs_on: BTreeSet<i64>,
    pub lies_on: BTreeSet<i64>,
    pub refuses: BTreeSet<i64>,
    pub fatal_on: BTreeSet<i64>,
    /// Calls that answer `transient` before one succeeds.
    pub transient_calls: AtomicU32,
    /// Emits the rows before the bad one, then fails.
    pub emits_first: bool,
    /// No instance can be made.
    pub no_instance: bool,
    pub traps_on_watermark: bool,
    /// Keeps every batch until it is flushed.
    pub buffers: bool,
    /// Flushes that are refused before one succeeds.
    pub refused_flushes: AtomicU32,
    /// Called at the start of every call, with what it has to keep to.
    pub at_call: Option<AtCall>,
    /// Columns of the only port; those of [`rows`] when not given.
    pub schema: Option<SchemaRef>,
    /// What it says that it counted.
    pub counters: BTreeMap<String, u64>,
    pub journal: Journal,
}

/// Looks at a call that begins.
pub type AtCall = Box<dyn Fn(&Terms) + Send + Sync>;

/// The time of a call.
pub const CALL_LIMIT: Duration = Duration::from_secs(1);

/// What happened to instances: `open`, `flush`, `close`, `drop`, each after the label.
pub type Journal = Arc<Mutex<Vec<String>>>;

struct FakeVersion {
    label: String,
    ports: Vec<(String, SchemaRef)>,
    script: Arc<Script>,
}

struct FakeGuest {
    label: String,
    terms: Option<Terms>,
    script: Arc<Script>,
    schema: SchemaRef,
    buffer: Vec<Batch>,
    broken: bool,
}

/// A version that follows `script`. Its digest is its label.
pub fn version(label: &str, script: Script) -> Arc<dyn Version> {
    let schema = script.schema.clone().unwrap_or_else(answer_schema);
    let ports = vec![("main".to_owned(), schema)];
    Arc::new(FakeVersion { label: label.to_owned(), ports, script: Arc::new(script) })
}

fn answer_schema() -> SchemaRef {
    let fields = [Field::new("n", DataType::Int64, false), Field::new("by", DataType::Utf8, false)];
    Arc::new(Schema::new(fields.to_vec()))
}

/// A batch of these numbers.
pub fn rows(numbers: impl IntoIterator<Item = i64>) -> Batch {
    let column = Int64Array::from_iter_values(numbers);
    let schema = Schema::new(vec![Field::new("n", DataType::Int64, false)]);
    Batch::new(RecordBatch::try_new(Arc::new(schema), vec![Arc::new(column)]).expect("one column"))
}

/// The numbers in `out` with the label of the version that answered each.
pub fn answers(out: &Output) -> Vec<(i64, String)> {
    out.batches.iter().flat_map(|(_, batch)| pairs(&batch.rows)).collect()
}

fn pairs(rows: &RecordBatch) -> Vec<(i64, String)> {
    let labels = rows.column(1).as_string::<i32>();
    let numbers = rows.column(0).as_primitive::<Int64Type>();
    numbers.values().iter().zip(labels).map(|(n, by)| (*n, by.unwrap_or("").to_owned())).collect()
}

impl Version for FakeVersion {
    fn digest(&self) -> &str {
        &self.label
    }

    fn label(&self) -> &str {
        &self.label
    }

    fn config(&self) -> &str {
        "{}"
    }

    fn output_ports(&self) -> &[(String, SchemaRef)] {
        &self.ports
    }

    fn call_limit(&self) -> Duration {
        CALL_LIMIT
    }

    fn counters(&self) -> BTreeMap<String, u64> {
        self.script.counters.clone()
    }

    fn instantiate(&self) -> Result<Box<dyn Guest>, CallError> {
        if self.script.no_instance {
            return Err(CallError::Trap {
                message: "open: unreachable".into(),
                logs: vec!["no luck".into()],
            });
        }
        let guest = FakeGuest {
            label: self.label.clone(),
            terms: None,
            script: Arc::clone(&self.script),
            schema: Arc::clone(&self.ports[0].1),
            buffer: Vec::new(),
            broken: false,
        };
        guest.note("open");
        Ok(Box::new(guest))
    }
}

impl FakeGuest {
    fn note(&self, what: &str) {
        self.script.journal.lock().expect("no test panics here").push(format!("{} {what}", self.label));
    }

    fn emit(&self, batch: &Batch, rows: impl Iterator<Item = usize>, out: &mut Output) {
        let numbers = batch.rows.column(0).as_primitive::<Int64Type>();
        let numbers: Int64Array = rows.map(|row| Some(numbers.value(row))).collect();
        let labels = StringArray::from_iter_values((0..numbers.len()).map(|_| &self.label));
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), vec![Arc::new(numbers), Arc::new(labels)]);
        out.emit(0, Batch::new(rows.expect("two columns")));
    }

    fn hang(&self) -> CallError {
        let started = Instant::now();
        let terms = self.terms.as_ref().expect("a guest that hangs is called with terms");
        while !terms.recall.is_due(started.elapsed()) {
            std::thread::yield_now();
        }
        CallError::Recalled
    }

    fn failure(&self, n: i64) -> Option<CallError> {
        let script = &self.script;
        let logs = vec![format!("row {n}")];
        let every = script.traps_every;
        if script.traps_on.contains(&n) || (every > 0 && n % every == 0) {
            Some(CallError::Trap { message: "unreachable".into(), logs })
        } else if script.loops_on.contains(&n) {
            let limit = self.terms.as_ref().map_or(CALL_LIMIT, |terms| terms.limit);
            Some(CallError::Timeout { limit, logs })
        } else if script.lies_on.contains(&n) {
            Some(CallError::Invalid { message: "the bitmap is 3 bytes long, not 1".into(), logs })
        } else if script.fatal_on.contains(&n) {
            Some(CallError::Fatal("the model is gone".into()))
        } else {
            None
        }
    }
}

impl Guest for FakeGuest {
    fn keep_to(&mut self, terms: Terms) {
        self.terms = Some(terms);
    }

    fn keeps_rows(&self) -> bool {
        !self.buffer.is_empty()
    }

    fn call(&mut self, batch: &Batch, out: &mut Output) -> Result<(), CallError> {
        assert!(!self.broken, "an instance that trapped is called again");
        if let (Some(at_call), Some(terms)) = (&self.script.at_call, &self.terms) {
            at_call(terms);
        }
        let left = self.script.transient_calls.load(Relaxed);
        if left > 0 {
            self.script.transient_calls.store(left - 1, Relaxed);
            return Err(CallError::Transient("the lookup is slow".into()));
        }
        let numbers = batch.rows.column(0).as_primitive::<Int64Type>().values();
        if numbers.iter().any(|n| self.script.hangs_on.contains(n)) {
            self.broken = true;
            return Err(self.hang());
        }
        for (row, n) in numbers.iter().enumerate() {
            if let Some(error) = self.failure(*n) {
                if self.script.emits_first {
                    self.emit(batch, 0..row, out);
                }
                self.broken = !error.leaves_instance_usable();
                return Err(error);
            }
            if self.script.refuses.contains(n) {
                let message = format!("{n} is not wanted");
                out.refuse(RowError { row: row as u32, code: "unwanted".into(), message, retryable: false });
            }
        }
        if self.script.buffers {
            self.buffer.push(batch.clone());
            return Ok(());
        }
        let taken = (0..batch.len()).filter(|row| !self.script.refuses.contains(&numbers[*row]));
        self.emit(batch, taken, out);
        Ok(())
    }

    fn on_watermark(&mut self, _watermark_ms: i64, _out: &mut Output) -> Result<(), CallError> {
        assert!(!self.broken, "an instance that trapped is called again");
        if self.script.traps_on_watermark {
            self.broken = true;
            return Err(CallError::Trap { message: "unreachable".into(), logs: Vec::new() });
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Output) -> Result<(), CallError> {
        assert!(!self.broken, "an instance that trapped is called again");
        self.note("flush");
        let left = self.script.refused_flushes.load(Relaxed);
        if left > 0 {
            self.script.refused_flushes.store(left - 1, Relaxed);
            return Err(CallError::Transient("the lookup is slow".into()));
        }
        for batch in std::mem::take(&mut self.buffer) {
            self.emit(&batch, 0..batch.len(), out);
        }
        Ok(())
    }

    fn close(&mut self) {
        assert!(!self.broken, "an instance that trapped is closed");
        self.note("close");
    }
}

impl Drop for FakeGuest {
    fn drop(&mut self) {
        self.note("drop");
    }
}
