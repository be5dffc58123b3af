//! One run of a pipeline's tasks over a fixed set of partitions: from an assignment to the next rebalance, stop
//! or failure. Starts the threads, counts acknowledgements, drains or cancels. Never commits by itself.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::assembly::Job;
use super::task::{Command, Event, Task};
use super::walker::TaskError;
use crate::checkpoint::{Completed, Tracker};
use crate::connector::{Commit, Partition};
use crate::operator::Halt;

/// Barriers that may be on their way at once: with more, the outside is slower than the interval and another
/// barrier would only wait behind them.
pub(super) const BARRIERS_AT_ONCE: usize = 4;
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
    /// What some task waits for; `None` when none does any more.
    Waiting(Option<String>),
    /// A task failed.
    Failed(String),
}

/// Tasks at work.
pub(super) struct Run {
    tasks: Vec<Slot>,
    events: Receiver<Event>,
    tracker: Tracker<Commit>,
    halt: Arc<Halt>,
    returned: Vec<Partition>,
}

struct Slot {
    thread: Option<JoinHandle<()>>,
    /// For source tasks.
    commands: Option<Sender<Command>>,
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
        let halt = Arc::new(halt);
        let (sender, events) = bounded(1024);
        let (tasks, commands) = job.tasks(partitions, &sender, &halt)?;
        let tracker = Tracker::new(0..tasks.len(), first_checkpoint);
        let mut run = Run { tasks: Vec::new(), events, tracker, halt, returned: Vec::new() };
        for (task, commands) in tasks.into_iter().zip(commands) {
            let thread = spawn(job, task);
            let failed = thread.as_ref().err().map(ToString::to_string);
            run.tasks.push(Slot {
                thread: thread.ok(),
                commands,
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
            self.command(Command::Barrier(id));
        }
    }

    fn has_sources(&self) -> bool {
        self.tasks.iter().any(|t| t.commands.is_some())
    }

    fn command(&self, command: Command) {
        for commands in self.tasks.iter().filter_map(|t| t.commands.as_ref()) {
            // Room for every barrier at once and the end; a task that is gone has said so by its exit.
            let _ = commands.try_send(command);
        }
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
            Event::Acknowledged { task, id, commit } => {
                let completed = self.tracker.acknowledge(task, id, commit);
                (!completed.is_empty()).then_some(Happened::Completed(completed))
            }
            Event::SourceEnded { task } => {
                self.tasks[task].ended = true;
                let all = self.tasks.iter().all(|t| t.commands.is_none() || t.ended);
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
                    Err(TaskError::Left) => Some(Happened::Failed(LEFT.into())),
                    Ok(()) | Err(TaskError::Cancelled) => None,
                }
            }
        }
    }

    /// Ends gracefully: a last barrier, then the end; `commit` is called for every checkpoint that completes.
    /// Answers the partitions, or why it had to give up (then nothing after the last commit counts). After a
    /// stop a partition may have been read further than is committed: it must not be read on from there.
    pub fn drain(mut self, mut commit: impl FnMut(Completed<Commit>)) -> Result<Vec<Partition>, String> {
        if self.has_sources() {
            let id = self.tracker.begin();
            self.command(Command::Barrier(id));
            self.command(Command::Finish);
        }
        let until = Instant::now() + DRAIN_TIMEOUT;
        while self.tasks.iter().any(|t| !t.exited) {
            match self.next(Duration::from_millis(50)) {
                Some(Happened::Completed(completed)) => completed.into_iter().for_each(&mut commit),
                Some(Happened::Failed(reason)) => {
                    self.cancel();
                    return Err(reason);
                }
                _ => {}
            }
            if Instant::now() > until {
                self.cancel();
                return Err(format!(
                    "the tasks did not finish within {} s; what was not confirmed is read again",
                    DRAIN_TIMEOUT.as_secs()
                ));
            }
        }
        self.join();
        Ok(std::mem::take(&mut self.returned))
    }

    /// Ends at once: nothing more is committed.
    pub fn cancel(&mut self) {
        self.halt.cancel();
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
