//! What a store holds beside the guest's own memory: its limits, what it may do at the moment, what it has
//! emitted and logged. Knows nothing of how results become operators' output.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow::array::RecordBatch;
use wasmtime::ResourceLimiter;

use super::boundary::Decoder;
use super::engine::TICK;
use super::limits::{
    MAX_COUNTERS, MAX_EMITS, MAX_INSTANCES, MAX_MEMORIES, MAX_NAME_BYTES, MAX_ROWS, MAX_TABLE_ELEMENTS,
    MAX_TABLES, cut,
};
use super::log::{LogGate, LogRing};
use super::processor;
use crate::operator::component::Recall;

/// What of the component runs at the moment, and so what it may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing may be called.
    Describe,
    /// Logs and counters, clock and random where granted.
    Bind,
    /// The same; `open` and `close` emit nothing either.
    Open,
    /// Everything.
    Run,
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Phase::Describe => "describe",
            Phase::Bind => "bind",
            Phase::Open => "open or close",
            Phase::Run => "a call",
        }
    }
}

/// Why the host stopped a guest from inside a host function or at a deadline.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Stop {
    /// The deadline has passed.
    #[error("it ran longer than it may")]
    Deadline,
    /// Nobody waits for the answer any more.
    #[error("nobody waits for its answer any more")]
    Recalled,
    /// What the guest gave is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The guest called what it may not.
    #[error("{0}")]
    Forbidden(String),
}

/// The memory limit, and the last growth that it refused.
#[derive(Debug)]
pub(super) struct Limiter {
    memory_bytes: usize,
    used_bytes: usize,
    /// What the guest would have had with the growth that was refused last, bytes.
    pub(super) refused_bytes: Option<usize>,
}

impl Limiter {
    pub(super) fn new(memory_bytes: usize) -> Self {
        Limiter { memory_bytes, used_bytes: 0, refused_bytes: None }
    }

    /// The limit, bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let wanted = self.used_bytes.saturating_add(desired.saturating_sub(current));
        if wanted > self.memory_bytes {
            self.refused_bytes = Some(wanted);
            return Ok(false);
        }
        self.used_bytes = wanted;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // An element is a pointer.
        let wanted = self.used_bytes.saturating_add(desired.saturating_sub(current).saturating_mul(8));
        if desired > MAX_TABLE_ELEMENTS || wanted > self.memory_bytes {
            return Ok(false);
        }
        self.used_bytes = wanted;
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}

/// Where `emit` puts what a call sends.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// One for each port; none until the ports are agreed.
    decoders: Vec<Decoder>,
    /// What the call has emitted.
    pub(super) batches: Vec<(u32, RecordBatch)>,
    bytes: usize,
    rows: usize,
    limit_bytes: usize,
}

impl Outbox {
    /// For these ports, and at most so many bytes a call.
    pub(super) fn new(decoders: Vec<Decoder>, limit_bytes: usize) -> Self {
        Outbox { decoders, limit_bytes, ..Outbox::default() }
    }

    /// Empties it for the next call.
    pub(super) fn clear(&mut self) {
        self.batches.clear();
        self.bytes = 0;
        self.rows = 0;
    }

    /// Checks and keeps a batch. `message` is guest memory.
    pub(super) fn emit(&mut self, port: u32, message: &[u8]) -> Result<(), Stop> {
        let ports = self.decoders.len();
        let Some(decoder) = self.decoders.get_mut(port as usize) else {
            return Err(Stop::Invalid(format!(
                "it emitted to port {port}; bind announced {ports} port(s), 0 and up"
            )));
        };
        self.bytes = self.bytes.saturating_add(message.len());
        if self.bytes > self.limit_bytes {
            return Err(Stop::Invalid(format!(
                "it emitted {} bytes in one call; limits.emit allows {}",
                self.bytes, self.limit_bytes
            )));
        }
        if self.batches.len() == MAX_EMITS {
            return Err(Stop::Invalid(format!("it emitted more than {MAX_EMITS} batches in one call")));
        }
        let rows = decoder
            .decode(message, MAX_ROWS - self.rows)
            .map_err(|wrong| Stop::Invalid(format!("it emitted a bad batch on port {port}: {wrong}")))?;
        self.rows += rows.num_rows();
        self.batches.push((port, rows));
        Ok(())
    }
}

/// The data of a store.
#[derive(Debug)]
pub(super) struct Context {
    /// Names the component in logs.
    pub(super) label: Arc<str>,
    pub(super) limiter: Limiter,
    pub(super) phase: Phase,
    /// Processor time that the running call may use.
    pub(super) limit: Duration,
    /// The engine's tick at which it began.
    pub(super) start_tick: u64,
    /// The thread's processor time at the first tick after that: most calls have ended by then and need no clock.
    pub(super) first_tick_at: Option<Duration>,
    /// Says when a call with data is to end before its time.
    pub(super) recall: Option<Recall>,
    ticks: Arc<AtomicU64>,
    /// Taken out while `emit` reads guest memory.
    pub(super) outbox: Option<Box<Outbox>>,
    pub(super) log: LogRing,
    /// Added since the host last took them.
    pub(super) counters: Vec<(String, u64)>,
    pub(super) clock: bool,
    pub(super) entropy: bool,
}

impl Context {
    /// Nothing granted, nothing bound.
    pub(super) fn new(
        label: Arc<str>,
        memory_bytes: usize,
        ticks: Arc<AtomicU64>,
        gate: Arc<LogGate>,
    ) -> Self {
        Context {
            label,
            limiter: Limiter::new(memory_bytes),
            phase: Phase::Describe,
            limit: Duration::ZERO,
            start_tick: 0,
            first_tick_at: None,
            recall: None,
            ticks,
            outbox: Some(Box::default()),
            log: LogRing::new(gate),
            counters: Vec::new(),
            clock: false,
            entropy: false,
        }
    }

    /// The engine's tick now.
    pub(super) fn tick(&self) -> u64 {
        self.ticks.load(Ordering::Relaxed)
    }

    /// Ends a call whose time is over, or for which nobody waits any more. Asked at every tick of the engine, and by every
    /// host function: between two of these the engine has no look at the time, however long they take.
    pub(super) fn in_time(&mut self) -> Result<(), Stop> {
        if self.tick() == self.start_tick {
            return Ok(());
        }
        let now = processor::time();
        // Up to the first tick it may have run for all of one.
        let running = TICK + (now - *self.first_tick_at.get_or_insert(now));
        if self.phase == Phase::Run && self.recall.as_ref().is_some_and(|recall| recall.is_due(running)) {
            return Err(Stop::Recalled);
        }
        if running > self.limit { Err(Stop::Deadline) } else { Ok(()) }
    }

    /// Refuses a host function in `describe`.
    pub(super) fn outside_describe(&self, function: &str) -> Result<(), Stop> {
        match self.phase {
            Phase::Describe => Err(Stop::Forbidden(format!(
                "it called {function} in describe, where nothing may be called; do that in bind or open"
            ))),
            _ => Ok(()),
        }
    }

    /// Refuses a host function outside of a call with data.
    pub(super) fn inside_run(&self, function: &str) -> Result<(), Stop> {
        match self.phase {
            Phase::Run => Ok(()),
            phase => Err(Stop::Forbidden(format!(
                "it called {function} in {}; results may only be sent while a batch, a watermark or a flush runs",
                phase.name()
            ))),
        }
    }

    /// Adds to a counter; names beyond the limit are ignored.
    pub(super) fn count(&mut self, name: &str, add: u64) {
        let name = cut(name, MAX_NAME_BYTES);
        if let Some((_, sum)) = self.counters.iter_mut().find(|(n, _)| n == name) {
            *sum = sum.saturating_add(add);
        } else if self.counters.len() < MAX_COUNTERS {
            self.counters.push((name.to_owned(), add));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_share_one_limit() {
        let mut limiter = Limiter::new(1 << 20);
        assert!(limiter.memory_growing(0, 512 << 10, None).is_ok_and(|yes| yes));
        assert!(limiter.memory_growing(0, 512 << 10, None).is_ok_and(|yes| yes));
        assert!(limiter.memory_growing(512 << 10, 576 << 10, None).is_ok_and(|yes| !yes));
        assert_eq!(limiter.refused_bytes, Some(1088 << 10));
    }

    #[test]
    fn counters_add_up_and_are_bounded() {
        let mut context = Context::new("c".into(), 0, Arc::default(), Arc::default());
        for i in 0..2 * MAX_COUNTERS {
            context.count(&format!("n{i}"), 1);
            context.count("n0", 1);
        }
        assert_eq!(context.counters.len(), MAX_COUNTERS);
        assert_eq!(context.counters[0], ("n0".to_owned(), 1 + 2 * MAX_COUNTERS as u64));
    }
}
