//! One run of a pipeline's tasks over a fixed set of partitions: from an assignment to the next rebalance, stop
//! or failure. Starts the threads, counts acknowledgements, drains or cancels. Never commits by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::assembly::Job;
use super::lanes::Place;
use super::replay::{Door, Order, UnderWay};
use super::task::{Command, Event, Task};
use super::under_replay::UnderReplay;
use super::walker::TaskError;
use crate::checkpoint::{Completed, Tracker};
use crate::connector::{Commit, Partition};
use crate::operator::Halt;

/// Barriers that may be on their way at once: with more, the outside is slower than the interval and another
/// barrier would only wait behind them.
const BARRIERS_AT_ONCE: usize = 4;
/// Commands that may wait for a task: every barrier at once, the last one, the end, and letters to replay.
pub(super) const COMMANDS_AT_ONCE: usize = BARRIERS_AT_ONCE + 3;
/// How long a drain waits for everything: a guest that does not return is ended by its batch timeout, or by a stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Why a run ended whose merging task left a batch: what was sent to it is not told from what it has done.
const LEFT: &str = "the stop came while a component took long over a batch; what was read since the last checkpoint \
                    is read again after the next start";
/// Stack of a task: wasm runs on it beside the host's own frames.
const STACK_BYTES: usize = 2 << 20;

/// What happened in a run.
#[derive(Debug)]
pub(super) enum Happened {
    /// Checkpoints are complete: commit these.
    Completed(Vec<Completed<Commit>>),
    /// Every source has ended.
    SourcesEnded,
    /// A task has put its dead letters in, after the barrier `passed`.
    Replayed {
        /// The task.
        task: usize,
        /// The last barrier before.
        passed: u64,
    },
    /// What some task waits for; `None` when none does any more.
    Waiting(Option<String>),
    /// A task failed.
    Failed(String),
    /// A task failed so that another start would lead into the same.
    GaveUp(String),
}

/// Tasks at work.
pub(super) struct Run {
    tasks: Vec<Slot>,
    events: Receiver<Event>,
    tracker: Tracker<Commit>,
    signals: Signals,
    returned: Vec<Partition>,
}

/// What all tasks of a run look at.
#[derive(Clone, Default)]
pub(super) struct Signals {
    /// Stop, or give up.
    pub halt: Arc<Halt>,
    /// The end is near: settle what waits.
    pub draining: Arc<AtomicBool>,
    /// Dead letters on their way.
    pub replays: Arc<UnderReplay>,
}

/// A task made and not started, and how to reach it.
pub(super) struct Made {
    pub task: Task,
    pub commands: Sender<Command>,
    pub place: Place,
    pub reads_source: bool,
}

struct Slot {
    thread: Option<JoinHandle<()>>,
    commands: Sender<Command>,
    place: Place,
    reads_source: bool,
    ended: bool,
    waiting: Option<String>,
    exited: bool,
}

impl Run {
    /// Starts the tasks of `job` for `partitions`, which look at `halt`; checkpoints count from
    /// `first_checkpoint`.
    pub fn start(
        job: &Job,
        partitions: Vec<Partition>,
        first_checkpoint: u64,
        halt: Halt,
    ) -> Result<Run, String> {
        let signals = Signals { halt: Arc::new(halt), ..Signals::default() };
        let (sender, events) = bounded(1024);
        let made = job.tasks(partitions, &sender, &signals)?;
        let tracker = Tracker::new(0..made.len(), first_checkpoint);
        let mut run = Run { tasks: Vec::new(), events, tracker, signals, returned: Vec::new() };
        for Made { task, commands, place, reads_source } in made {
            let thread = spawn(job, task);
            let failed = thread.as_ref().err().map(ToString::to_string);
            run.tasks.push(Slot {
                thread: thread.ok(),
                commands,
                place,
                reads_source,
                ended: false,
                waiting: None,
                exited: failed.is_some(),
            });
            if let Some(reason) = failed {
                run.cancel();
                return Err(format!("a task's thread could not be started: {reason}"));
            }
        }
        Ok(run)
    }

    /// Number of tasks.
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// The number that the next checkpoint will have.
    pub fn next_checkpoint(&self) -> u64 {
        self.tracker.next_id()
    }

    /// Sends a barrier, unless too many are on their way.
    pub fn barrier(&mut self) {
        if self.tracker.pending() < BARRIERS_AT_ONCE && self.has_sources() {
            let id = self.tracker.begin();
            self.command(|| Command::Barrier(id));
        }
    }

    fn has_sources(&self) -> bool {
        self.tasks.iter().any(|t| t.reads_source)
    }

    fn command(&self, command: impl Fn() -> Command) {
        for task in self.tasks.iter().filter(|t| t.reads_source) {
            // There is room for all that may be sent; a task that is gone has said so by its exit.
            let _ = task.commands.try_send(command());
        }
    }

    /// Gives dead letters to the tasks. One order at a time.
    pub fn replay(&self, order: Order) -> UnderWay {
        let at_work = self.tasks.iter().enumerate().filter(|(_, task)| !task.exited);
        let doors: Vec<Door> =
            at_work.map(|(task, slot)| Door { task, fragment: slot.place.0, lane: slot.place.1 }).collect();
        let (under_way, dealt) = UnderWay::deal(order, &doors, &self.signals.replays);
        for (task, letters) in dealt {
            // As above.
            let _ = self.tasks[task].commands.try_send(Command::Replay(letters));
        }
        under_way
    }

    /// What tasks tell: to wait for.
    pub fn events(&self) -> &Receiver<Event> {
        &self.events
    }

    /// Waits at most `wait` for something to happen.
    pub fn next(&mut self, wait: Duration) -> Option<Happened> {
        match self.events.recv_timeout(wait) {
            Ok(event) => self.digest(event),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }

    fn digest(&mut self, event: Event) -> Option<Happened> {
        match event {
            Event::Acknowledged { task, of } => {
                let completed = self.tracker.acknowledge(task, of);
                (!completed.is_empty()).then_some(Happened::Completed(completed))
            }
            Event::Replayed { task, passed } => Some(Happened::Replayed { task, passed }),
            Event::SourceEnded { task } => {
                self.tasks[task].ended = true;
                let all = self.tasks.iter().all(|t| !t.reads_source || t.ended);
                all.then_some(Happened::SourcesEnded)
            }
            Event::Waiting { task, reason } => {
                self.tasks[task].waiting = reason;
                Some(Happened::Waiting(self.tasks.iter().find_map(|t| t.waiting.clone())))
            }
            Event::Exited { task, result, partition } => {
                self.returned.extend(partition);
                self.tasks[task].exited = true;
                match result {
                    Err(TaskError::Failed(reason)) => Some(Happened::Failed(reason)),
                    Err(TaskError::GaveUp(reason)) => Some(Happened::GaveUp(reason)),
                    Err(TaskError::Left) => Some(Happened::Failed(LEFT.into())),
                    Ok(()) | Err(TaskError::Cancelled) => None,
                }
            }
        }
    }

    /// Ends gracefully: rows that wait for another attempt get through, then a last barrier, then the end. `hear` is
    /// told of every checkpoint that completes, of letters that were put in, and that a task gave up. Answers the
    /// partitions, or why it had to give up (then nothing after the last commit counts). After a stop a partition may have
    /// been read further than is committed: it must not be read on from there.
    ///
    /// It may take [`DRAIN_TIMEOUT`] from a stop or a move on; where all sources `ended` nobody waits for it.
    pub fn drain(mut self, ended: bool, mut hear: impl FnMut(Happened)) -> Result<Vec<Partition>, String> {
        let mut missing = None;
        if self.has_sources() {
            self.signals.draining.store(true, Relaxed);
            let id = self.tracker.begin();
            missing = Some(id);
            self.command(|| Command::Barrier(id));
            self.command(|| Command::Finish);
        }
        let mut until = None;
        while self.tasks.iter().any(|t| !t.exited) {
            if until.is_none() && (!ended || self.signals.halt.is_stopping()) {
                until = Some(Instant::now() + DRAIN_TIMEOUT);
            }
            if until.is_some_and(|until| Instant::now() > until) {
                self.cancel();
                return Err(format!(
                    "the tasks did not finish within {} s; what was not confirmed is read again",
                    DRAIN_TIMEOUT.as_secs()
                ));
            }
            match self.next(Duration::from_millis(50)) {
                Some(Happened::Failed(reason)) => {
                    self.cancel();
                    return Err(reason);
                }
                Some(Happened::GaveUp(reason)) => {
                    self.cancel();
                    hear(Happened::GaveUp(reason.clone()));
                    return Err(reason);
                }
                Some(happened) => {
                    if let Happened::Completed(completed) = &happened
                        && completed.iter().any(|c| Some(c.id) >= missing)
                    {
                        missing = None;
                    }
                    hear(happened);
                }
                None => {}
            }
        }
        self.join();
        match missing {
            None => Ok(std::mem::take(&mut self.returned)),
            Some(_) => {
                Err("the last checkpoint did not complete; what was not confirmed is read again".into())
            }
        }
    }

    /// Ends at once: nothing more is committed.
    pub fn cancel(&mut self) {
        self.signals.halt.cancel();
        while self.tasks.iter().any(|t| !t.exited) {
            let _ = self.next(Duration::from_millis(50));
        }
        self.join();
    }

    fn join(&mut self) {
        for thread in self.tasks.iter_mut().filter_map(|t| t.thread.take()) {
            // Its result came as an event; a task never panics past `Task::run`.
            let _ = thread.join();
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.cancel();
    }
}

fn spawn(job: &Job, task: Task) -> std::io::Result<JoinHandle<()>> {
    // Thread names are cut at 15 bytes by the kernel: the number comes first.
    let name = format!("{}-{}", task.number, job.name());
    std::thread::Builder::new().name(name).stack_size(STACK_BYTES).spawn(move || task.run())
}
