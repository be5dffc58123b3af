//! Walks a batch through the tree of a fragment's nodes, on the thread of its task: operators call by call,
//! sinks with backpressure. What becomes of refused rows is in `refused`. Knows nothing of readers or of the
//! coordinator.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use crossbeam_channel::{SendTimeoutError, Sender};

use super::dead_letters::DeadLetters;
use super::metrics::NodeMetrics;
use super::retries::{Held, Retries, Tries};
use super::under_replay::UnderReplay;
use crate::batch::{Batch, Message, RawRecords};
use crate::codec::RecordError;
use crate::connector::{ConnectorError, Writer, Written};
use crate::operator::{Halt, Operator, OperatorError, Output, RowError};
use crate::plan::{ChannelId, Target};
use crate::spec::ErrorPolicy;

/// The code of rows whose whole batch an operator calls transient.
const TRANSIENT: &str = "transient";
/// Attempts at such a batch in its place, where no policy says otherwise, the waits doubling from [`FIRST_RETRY`]: the
/// task stands still for 6 s at most.
const ATTEMPTS: u32 = 8;
const FIRST_RETRY: Duration = Duration::from_millis(50);
/// How long a task sleeps at most before it looks whether it is cancelled.
const SLICE: Duration = Duration::from_millis(20);

/// Why a task ends before its time.
#[derive(Debug)]
pub(super) enum TaskError {
    /// The pipeline was told to give up (another task failed, or a hard stop).
    Cancelled,
    /// The pipeline stops, and a batch was left for its next start because a component takes long over it.
    Left,
    /// This task failed: the reason.
    Failed(String),
    /// This task failed, and would again after another start: the policy of some place is `fail`.
    GaveUp(String),
}

/// What a node does with a batch.
pub(super) enum Role {
    /// Passes it on.
    Pass,
    /// Passes it on with the columns that all inputs agree on: those of one may be known never to be null.
    Union(SchemaRef),
    /// Works on it.
    Operator(Box<dyn Operator>),
    /// Writes it.
    Sink(Box<dyn Writer>),
}

/// A node as one task runs it.
pub(super) struct WalkerNode {
    pub name: String,
    pub role: Role,
    /// For each port of the operator, where its batches go.
    pub ports: Vec<Arc<[Edge]>>,
    /// Who reads the rows it refuses, with the schema of that port.
    pub errors: Option<(SchemaRef, Arc<[Edge]>)>,
    pub on_error: ErrorPolicy,
    pub metrics: Arc<NodeMetrics>,
}

/// Where a port leads.
#[derive(Clone)]
pub(super) enum Edge {
    Node(usize),
    Channel(Sender<Message>),
}

impl Edge {
    /// `channel` gives the end that this task writes into; `None` leads nowhere.
    pub fn new(target: Target, channel: impl FnOnce(ChannelId) -> Option<Sender<Message>>) -> Option<Edge> {
        match target {
            Target::Node(node) => Some(Edge::Node(node)),
            Target::Channel(id) => channel(id).map(Edge::Channel),
        }
    }
}

/// The nodes of one task.
pub(super) struct Walker {
    pub(super) nodes: Vec<WalkerNode>,
    outputs: Vec<Output>,
    pub(super) dead_letters: DeadLetters,
    pub(super) retries: Retries,
    pub(super) replays: Arc<UnderReplay>,
    /// The last barrier that was passed on; 0 before the first.
    passed: u64,
    /// The last barrier before what is worked on was read: rows that waited are older than the others, and so is what
    /// comes of them, should it wait too.
    since: u64,
    /// For each node, the same of the oldest rows that its operator may keep until the next barrier.
    kept_since: Vec<u64>,
    halt: Arc<Halt>,
    record_errors: Vec<RecordError>,
    /// Told when a sink is not there, and with `None` when it is there again.
    waiting: Waiting,
    /// Why what was written does not reach the outside, as far as it was told.
    undelivered: Option<String>,
}

/// Told what a task waits for, and with `None` that it waits no more.
pub(super) type Waiting = Arc<dyn Fn(Option<String>) + Send + Sync>;

impl Walker {
    pub fn new(
        nodes: Vec<WalkerNode>,
        dead_letters: DeadLetters,
        replays: Arc<UnderReplay>,
        halt: Arc<Halt>,
        waiting: Waiting,
    ) -> Self {
        Walker {
            outputs: nodes.iter().map(|_| Output::default()).collect(),
            kept_since: vec![u64::MAX; nodes.len()],
            nodes,
            dead_letters,
            retries: Retries::default(),
            replays,
            passed: 0,
            since: 0,
            halt,
            record_errors: Vec::new(),
            waiting,
            undelivered: None,
        }
    }

    /// Gives `batch` to `node`, and what comes of it to those below.
    pub fn run(&mut self, node: usize, batch: Batch) -> Result<(), TaskError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.nodes[node].metrics.took(batch.len(), 0);
        self.process(node, batch, self.first_try())
    }

    /// Gives rows that wait for another attempt to their nodes, if it is time. Answers records of the source that it is
    /// time for, of which there may be more: only who reads them can decode them.
    pub fn try_again(&mut self, now: Instant) -> Result<Option<(Arc<RawRecords>, Tries)>, TaskError> {
        while let Some(due) = self.retries.take_due(now) {
            self.check_cancelled()?;
            match due.held {
                Held::Rows { node, batch } => {
                    self.aged(due.tries.since, |walker| walker.process(node, batch, due.tries))?;
                }
                Held::Records(records) => return Ok(Some((records, due.tries))),
            }
        }
        Ok(None)
    }

    /// As of what is tried for the first time.
    pub fn first_try(&self) -> Tries {
        Tries { again: 0, since: self.since }
    }

    /// Works on what was read after the barrier `since`, and maybe before the next.
    pub fn aged<T>(
        &mut self,
        since: u64,
        work: impl FnOnce(&mut Walker) -> Result<T, TaskError>,
    ) -> Result<T, TaskError> {
        let others = self.since;
        self.since = others.min(since);
        let done = work(self);
        self.since = others;
        done
    }

    fn process(&mut self, node: usize, batch: Batch, tries: Tries) -> Result<(), TaskError> {
        match self.nodes[node].role {
            Role::Pass => {
                self.nodes[node].metrics.gave(batch.len());
                self.dispatch(node, 0, batch)
            }
            Role::Union(ref schema) => {
                let columns = batch.rows.columns().to_vec();
                let rows = RecordBatch::try_new(Arc::clone(schema), columns)
                    .map_err(|e| TaskError::Failed(format!("`{}`: {e}", self.nodes[node].name)))?;
                self.nodes[node].metrics.gave(batch.len());
                self.dispatch(node, 0, batch.with_rows(rows))
            }
            Role::Operator(_) => {
                let mut out = std::mem::take(&mut self.outputs[node]);
                let since = self.kept_since(node);
                self.kept_since[node] = self.kept_since[node].min(self.since);
                let result = self
                    .operate(node, &batch, &mut out)
                    .and_then(|()| self.settle(node, since, Some((&batch, tries)), &mut out));
                out.clear();
                self.outputs[node] = out;
                result
            }
            Role::Sink(_) => self.write(node, &batch, tries),
        }
    }

    /// Rows made at the source of this fragment: node 0 gives them out without having taken any in.
    pub fn source(&mut self, batch: Batch) -> Result<(), TaskError> {
        self.nodes[0].metrics.gave(batch.len());
        self.dispatch(0, 0, batch)
    }

    fn operate(&mut self, node: usize, batch: &Batch, out: &mut Output) -> Result<(), TaskError> {
        let started = Instant::now();
        let of_letter =
            batch.origin.as_ref().is_some_and(|origin| self.replays.attempts(&origin.records).is_some());
        let mut wait = FIRST_RETRY;
        for attempt in 1.. {
            let Role::Operator(operator) = &mut self.nodes[node].role else { return Ok(()) };
            out.clear();
            let answer = match of_letter {
                true => operator.on_letter(batch, out),
                false => operator.on_batch(batch, out),
            };
            match answer {
                Ok(()) => break,
                Err(OperatorError::Recalled) => return Err(self.recalled()),
                Err(OperatorError::Transient(reason)) if self.waits_beside_others(node) => {
                    out.clear();
                    let rows = 0..batch.len() as u32;
                    out.errors.extend(rows.map(|row| RowError {
                        row,
                        code: TRANSIENT.into(),
                        message: reason.clone(),
                        retryable: true,
                    }));
                    break;
                }
                Err(OperatorError::Transient(_)) if attempt < ATTEMPTS => {
                    self.rest(wait)?;
                    wait *= 2;
                }
                Err(OperatorError::Transient(reason)) => {
                    let name = &self.nodes[node].name;
                    return Err(TaskError::Failed(format!(
                        "step `{name}` asked to try a batch again {ATTEMPTS} times: {reason}"
                    )));
                }
                Err(OperatorError::Fatal(reason)) => {
                    return Err(TaskError::Failed(format!("step `{}`: {reason}", self.nodes[node].name)));
                }
            }
        }
        self.nodes[node].metrics.worked(started.elapsed());
        Ok(())
    }

    /// Whether what `node` refuses for the moment waits and lets others pass. Where somebody reads its refused rows
    /// they would go there at once.
    fn waits_beside_others(&self, node: usize) -> bool {
        self.nodes[node].on_error.retry.is_some() && self.nodes[node].errors.is_none()
    }

    /// Why an operator left its batch.
    fn recalled(&self) -> TaskError {
        if self.halt.is_cancelled() { TaskError::Cancelled } else { TaskError::Left }
    }

    /// Sleeps before a batch is tried again, but not through a stop: then it is left.
    fn rest(&self, time: Duration) -> Result<(), TaskError> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            if self.halt.is_stopping() {
                return Err(self.recalled());
            }
            self.sleep(SLICE.min(until.saturating_duration_since(Instant::now())))?;
        }
        Ok(())
    }

    /// The last barrier before the oldest rows that an operator keeps were read: what comes of them comes with what comes
    /// of others.
    fn kept_since(&self, node: usize) -> u64 {
        match &self.nodes[node].role {
            Role::Operator(operator) if operator.keeps_rows() => self.kept_since[node],
            _ => u64::MAX,
        }
    }

    /// Sends on what an operator answered, of rows that it kept `since` a barrier too.
    fn settle(
        &mut self,
        node: usize,
        since: u64,
        input: Option<(&Batch, Tries)>,
        out: &mut Output,
    ) -> Result<(), TaskError> {
        if !out.errors.is_empty()
            && let Some((input, tries)) = input
        {
            let errors = std::mem::take(&mut out.errors);
            self.refused(node, input, errors, tries)?;
        }
        self.aged(since, |walker| {
            for (port, batch) in out.batches.drain(..) {
                walker.nodes[node].metrics.gave(batch.len());
                walker.dispatch(node, port, batch)?;
            }
            Ok(())
        })
    }

    fn dispatch(&mut self, node: usize, port: usize, batch: Batch) -> Result<(), TaskError> {
        let Some(edges) = self.nodes[node].ports.get(port) else { return Ok(()) };
        let edges = Arc::clone(edges);
        self.send(&edges, batch)
    }

    pub(super) fn send(&mut self, edges: &[Edge], batch: Batch) -> Result<(), TaskError> {
        let Some((last, rest)) = edges.split_last() else { return Ok(()) };
        for edge in rest {
            self.send_one(edge, batch.clone())?;
        }
        self.send_one(last, batch)
    }

    fn send_one(&mut self, edge: &Edge, batch: Batch) -> Result<(), TaskError> {
        match edge {
            Edge::Node(node) => self.run(*node, batch),
            Edge::Channel(sender) => post(&self.halt, sender, Message::Data { batch, since: self.since }),
        }
    }

    fn write(&mut self, node: usize, batch: &Batch, tries: Tries) -> Result<(), TaskError> {
        let started = Instant::now();
        let (mut from, mut waiting) = (0, false);
        loop {
            let Role::Sink(writer) = &mut self.nodes[node].role else { return Ok(()) };
            let result = match writer.write(batch, from, &mut self.record_errors) {
                Ok(Written::Taken) => break,
                Ok(Written::Full { from: next }) => {
                    from = next;
                    writer.delivered(SLICE).map(|_| ())
                }
                Err(e) => Err(e),
            };
            match result {
                Ok(()) => {}
                Err(ConnectorError::Retry(reason)) => {
                    if !waiting {
                        waiting = true;
                        (self.waiting)(Some(format!("sink `{}`: {reason}", self.nodes[node].name)));
                    }
                    self.sleep(SLICE)?;
                }
                Err(ConnectorError::Stop(reason)) => return Err(self.sink_failed(node, reason)),
            }
            self.check_cancelled()?;
        }
        if waiting {
            (self.waiting)(self.undelivered.clone());
        }
        let this = &mut self.nodes[node];
        this.metrics.worked(started.elapsed());
        this.metrics.gave(batch.len() - self.record_errors.len());
        if let Role::Sink(writer) = &mut this.role {
            this.metrics.took(0, writer.take_bytes());
        }
        if self.record_errors.is_empty() {
            return Ok(());
        }
        let Role::Sink(writer) = &self.nodes[node].role else { return Ok(()) };
        let errors: Vec<RowError> = self
            .record_errors
            .drain(..)
            .map(|e| RowError {
                row: e.index,
                retryable: writer.may_pass(e.code),
                code: e.code.into(),
                message: e.message,
            })
            .collect();
        self.refused(node, batch, errors, tries)
    }

    fn sink_failed(&self, node: usize, reason: String) -> TaskError {
        TaskError::Failed(format!("sink `{}`: {reason}", self.nodes[node].name))
    }

    /// Node 0, for the counters of a source.
    pub fn root(&self) -> &WalkerNode {
        &self.nodes[0]
    }

    /// Event time has come to `watermark_ms` for every node.
    pub fn watermark(&mut self, watermark_ms: i64) -> Result<(), TaskError> {
        self.each_operator(|operator, out| operator.on_watermark(watermark_ms, out))?;
        self.tell_channels(Message::Watermark(watermark_ms))
    }

    /// Everything so far belongs to checkpoint `id` or an earlier one, but for the rows that wait for another
    /// attempt: answers the last barrier before the oldest of them.
    pub fn barrier(&mut self, id: u64) -> Result<Option<u64>, TaskError> {
        self.each_operator(|operator, out| operator.on_barrier(out))?;
        for node in 0..self.nodes.len() {
            if let Role::Sink(writer) = &mut self.nodes[node].role
                && let Err(e) = writer.barrier(id)
            {
                return Err(self.sink_failed(node, e.to_string()));
            }
        }
        self.dead_letters.barrier(id)?;
        self.tell_channels(Message::Barrier(crate::batch::Barrier { id }))?;
        (self.passed, self.since) = (id, id);
        self.kept_since.fill(u64::MAX);
        Ok(self.retries.since())
    }

    /// Why what was written does not reach the outside, as far as it was told.
    pub fn undelivered(&self) -> Option<String> {
        self.undelivered.clone()
    }

    /// The last barrier that was passed on; 0 before the first.
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// Nothing follows.
    pub fn end(&mut self) -> Result<(), TaskError> {
        for node in &mut self.nodes {
            if let Role::Operator(operator) = &mut node.role {
                operator.close();
            }
        }
        self.tell_channels(Message::End)
    }

    /// Between two batches.
    pub fn between_batches(&mut self) -> Result<(), TaskError> {
        for node in &mut self.nodes {
            if let Role::Operator(operator) = &mut node.role {
                operator
                    .between_batches()
                    .map_err(|e| TaskError::Failed(format!("step `{}`: {e}", node.name)))?;
            }
        }
        Ok(())
    }

    /// The barrier (if any since the start) behind everything that has reached the outside: `u64::MAX` when
    /// nothing here writes outside.
    pub fn delivered(&mut self) -> Result<u64, TaskError> {
        let mut undelivered = None;
        let mut lowest = self.dead_letters.delivered(&mut undelivered)?;
        for node in 0..self.nodes.len() {
            let Role::Sink(writer) = &mut self.nodes[node].role else { continue };
            match writer.delivered(Duration::ZERO) {
                Ok(id) => lowest = lowest.min(id.unwrap_or(0)),
                Err(ConnectorError::Retry(reason)) => {
                    lowest = 0;
                    undelivered = Some(format!("sink `{}`: {reason}", self.nodes[node].name));
                }
                Err(ConnectorError::Stop(reason)) => return Err(self.sink_failed(node, reason)),
            }
        }
        // No commit gets past it, though rows may go on for a while.
        if undelivered != self.undelivered {
            self.undelivered.clone_from(&undelivered);
            (self.waiting)(undelivered);
        }
        Ok(lowest)
    }

    fn each_operator(
        &mut self,
        call: impl Fn(&mut dyn Operator, &mut Output) -> Result<(), OperatorError>,
    ) -> Result<(), TaskError> {
        for node in 0..self.nodes.len() {
            let since = self.kept_since(node);
            let Role::Operator(operator) = &mut self.nodes[node].role else { continue };
            let mut out = std::mem::take(&mut self.outputs[node]);
            let result = call(operator.as_mut(), &mut out)
                .map_err(|e| match e {
                    OperatorError::Recalled => self.recalled(),
                    e => TaskError::Failed(format!("step `{}`: {e}", self.nodes[node].name)),
                })
                .and_then(|()| self.settle(node, since, None, &mut out));
            out.clear();
            self.outputs[node] = out;
            result?;
        }
        Ok(())
    }

    fn tell_channels(&mut self, message: Message) -> Result<(), TaskError> {
        for node in &self.nodes {
            let errors = node.errors.iter().map(|(_, edges)| edges);
            for edge in node.ports.iter().chain(errors).flat_map(|edges| edges.iter()) {
                if let Edge::Channel(sender) = edge {
                    post(&self.halt, sender, message.clone())?;
                }
            }
        }
        Ok(())
    }

    /// Whether the task was told to give up.
    pub fn check_cancelled(&self) -> Result<(), TaskError> {
        if self.halt.is_cancelled() { Err(TaskError::Cancelled) } else { Ok(()) }
    }

    /// Sleeps, but not through a cancellation.
    pub fn sleep(&self, time: Duration) -> Result<(), TaskError> {
        let until = Instant::now() + time;
        loop {
            self.check_cancelled()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(SLICE));
        }
    }
}

/// Puts a message on a channel, waiting while it is full.
fn post(halt: &Halt, sender: &Sender<Message>, mut message: Message) -> Result<(), TaskError> {
    loop {
        match sender.send_timeout(message, SLICE) {
            Ok(()) => return Ok(()),
            Err(SendTimeoutError::Timeout(back)) => message = back,
            // The reader failed; its own report says why.
            Err(SendTimeoutError::Disconnected(_)) => return Err(TaskError::Cancelled),
        }
        if halt.is_cancelled() {
            return Err(TaskError::Cancelled);
        }
    }
}
