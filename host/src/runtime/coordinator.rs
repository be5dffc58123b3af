//! A pipeline's coordinator: one thread that joins the groups, keeps a run going between rebalances, sends
//! barriers, commits what is complete, and restarts after a failure with growing waits; or gives up, where too much
//! fails for going on to make sense.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Select, Sender, bounded};

use super::assembly::Job;
use super::life::{Life, State};
use super::replay::{Again, Order, Outcome, UnderWay};
use super::run::{Happened, Run};
use super::watch::Watch;
use crate::checkpoint::Completed;
use crate::connector::{Commit, ConnectorError, DeadLetter, Group, GroupEvent, Partition};
use crate::operator::Halt;
use crate::supervise::{Failures, RestartPolicy};

/// How long the coordinator waits for its tasks before it looks after its groups again. A host has a thousand of
/// these threads: each turn costs, and what matters wakes it.
const TURN: Duration = Duration::from_millis(100);
/// How long it waits for its groups while no tasks run.
const JOIN_TURN: Duration = Duration::from_millis(10);
/// How long a commit that must be sure is tried again.
const COMMIT_PATIENCE: Duration = Duration::from_secs(10);
/// Time between barriers while somebody waits for replayed letters.
const REPLAY_BARRIERS: Duration = Duration::from_millis(500);

/// A pipeline that was started. Dropping it stops the pipeline.
pub struct Handle {
    job: Arc<Job>,
    life: Arc<Life>,
    stop: Sender<()>,
    orders: Sender<Order>,
    stopping: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Handle {
    /// Starts `job` on a thread of its own.
    pub fn start(job: Arc<Job>, policy: RestartPolicy) -> std::io::Result<Handle> {
        let life = Arc::new(Life::default());
        life.enter(State::Starting, None);
        let (stop, stopped) = bounded(1);
        let (orders, ordered) = bounded(1);
        let stopping = Arc::new(AtomicBool::new(false));
        let coordinator = Coordinator {
            job: Arc::clone(&job),
            life: Arc::clone(&life),
            stopped,
            ordered,
            replay: None,
            stopping: Arc::clone(&stopping),
            tasks_checkpoint: 1,
        };
        let thread = std::thread::Builder::new()
            .name(format!("c-{}", job.name()))
            .spawn(move || coordinator.run(policy))?;
        Ok(Handle { job, life, stop, orders, stopping, thread: Mutex::new(Some(thread)) })
    }

    /// What it runs.
    pub fn job(&self) -> &Arc<Job> {
        &self.job
    }

    /// Where it is in its life.
    pub fn life(&self) -> &Life {
        &self.life
    }

    /// Finishes what was read, commits and stops. Waits for it. A batch over which a component takes far longer
    /// than usual is left uncommitted for the next start.
    pub fn stop(&self) {
        self.stopping.store(true, Relaxed);
        // Full means that it was told already.
        let _ = self.stop.try_send(());
        self.wait();
        if self.life.snapshot().gave_up() {
            self.life.enter(State::Stopped, None);
        }
    }

    /// Runs dead letters of this pipeline again, each from where it failed; answers what became of them, in their
    /// order, once everything made of them is delivered. Waits for it, also while the pipeline waits for something
    /// itself. One call at a time.
    ///
    /// # Errors
    /// Why it is not known whether they are through; all of them may be tried again.
    pub fn replay(&self, letters: &[DeadLetter]) -> Result<Vec<Outcome>, String> {
        let (mut outcomes, mut ready) = (Vec::with_capacity(letters.len()), Vec::new());
        for letter in letters {
            match Again::of(&self.job, letter) {
                Err(reason) => outcomes.push(Some(Outcome::Skipped(reason))),
                Ok(again) => {
                    outcomes.push(None);
                    ready.push(again);
                }
            }
        }
        let mut ran = Vec::new();
        if !ready.is_empty() {
            let (answer, answered) = bounded(1);
            let gone = || "the pipeline stopped before they were through".to_owned();
            self.orders.send(Order { letters: ready, answer }).map_err(|_| gone())?;
            ran = answered.recv().map_err(|_| gone())??;
        }
        let mut ran = ran.into_iter();
        let missing = || Outcome::Skipped("it was lost on its way to its task".into());
        Ok(outcomes.into_iter().map(|known| known.or_else(|| ran.next()).unwrap_or_else(missing)).collect())
    }

    /// Waits until it has stopped, by itself or otherwise.
    pub fn wait(&self) {
        let thread = self.thread.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            self.life.enter(State::Stopped, Some("a defect in the host: the coordinator panicked".into()));
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Coordinator {
    job: Arc<Job>,
    life: Arc<Life>,
    /// Wakes it for a stop.
    stopped: Receiver<()>,
    ordered: Receiver<Order>,
    /// Letters on their way.
    replay: Option<UnderWay>,
    /// It was told to stop. Tasks look at it too.
    stopping: Arc<AtomicBool>,
    tasks_checkpoint: u64,
}

enum Ending {
    Stopped,
    SourcesEnded,
    /// Too much fails.
    GaveUp(String),
}

/// A group and the partitions it gave, while no run has them.
struct Membership {
    group: Box<dyn Group>,
    sources: Vec<String>,
    assigned: bool,
    partitions: Vec<Partition>,
}

impl Coordinator {
    fn run(mut self, policy: RestartPolicy) {
        let mut failures = Failures::default();
        loop {
            self.life.enter(State::Starting, None);
            let started = Instant::now();
            match self.attempt() {
                Ok(_) if self.is_stopping() => return self.life.enter(State::Stopped, None),
                Ok(Ending::Stopped) => return self.life.enter(State::Stopped, None),
                Ok(Ending::SourcesEnded) => {
                    return self.life.enter(State::Stopped, Some("all its sources have ended".into()));
                }
                Ok(Ending::GaveUp(reason)) => {
                    tracing::error!(pipeline = self.job.name(), reason, "the pipeline gave up");
                    self.job.log(format!("gave up: {reason}"));
                    return self.life.give_up(reason);
                }
                // Whoever stops a pipeline does not want it to start again, whatever became of its last batches.
                Err(reason) if self.is_stopping() => {
                    self.job.log(format!("stopped: {reason}"));
                    return self.life.enter(State::Stopped, Some(reason));
                }
                Err(reason) => {
                    let wait = failures.failed(&policy, started.elapsed());
                    tracing::error!(
                        pipeline = self.job.name(),
                        reason,
                        retry_in_ms = wait.as_millis() as u64,
                        "the pipeline failed"
                    );
                    self.job.log(format!("failed: {reason}; next start in {} ms", wait.as_millis()));
                    self.life.failed(reason, wait);
                    if self.stopped.recv_timeout(wait).is_ok() {
                        return self.life.enter(State::Stopped, None);
                    }
                }
            }
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// From joining the groups to a stop, an end or a failure.
    fn attempt(&mut self) -> Result<Ending, String> {
        let mut memberships: Vec<Membership> = self
            .job
            .groups()?
            .into_iter()
            .map(|(group, sources)| Membership { group, sources, assigned: false, partitions: Vec::new() })
            .collect();
        let result = self.keep_running(&mut memberships);
        if let Some(replay) = self.replay.take() {
            let failed = result.as_ref().err().map(String::as_str);
            replay.give_up(failed.unwrap_or("the pipeline stopped before they were through"));
        }
        for membership in &mut memberships {
            membership.partitions.clear();
            membership.group.leave();
        }
        self.job.metrics().forget_positions();
        result
    }

    fn keep_running(&mut self, memberships: &mut [Membership]) -> Result<Ending, String> {
        let mut run: Option<(Run, Watch)> = None;
        let mut barrier_at = Instant::now();
        loop {
            if self.is_stopping() {
                if let Some((run, _)) = run.take() {
                    self.drain(run, memberships)?;
                }
                return Ok(Ending::Stopped);
            }
            self.look_after(memberships, &mut run)?;
            let Some((at_work, watch)) = &mut run else {
                // After a stop what a drain gave back may be past a batch that was left.
                if memberships.iter().all(|m| m.assigned) && !self.is_stopping() {
                    run = Some((self.start(memberships)?, Watch::new(&self.job, Instant::now())));
                    barrier_at = Instant::now() + self.job.checkpoint_every();
                }
                continue;
            };
            self.rest(at_work, barrier_at);
            match at_work.next(Duration::ZERO) {
                None => {}
                Some(Happened::Waiting(Some(reason))) => self.life.enter(State::Paused, Some(reason)),
                Some(Happened::Waiting(None)) => self.life.enter(State::Running, None),
                Some(Happened::Failed(reason)) => {
                    at_work.cancel();
                    return Err(reason);
                }
                Some(Happened::SourcesEnded) => {
                    if let Some((run, _)) = run.take() {
                        self.drain(run, memberships)?;
                    }
                    return Ok(Ending::SourcesEnded);
                }
                Some(happened) => self.hear(memberships, happened, false),
            }
            if let Some(reason) = watch.look(&self.job, Instant::now()) {
                self.end(&mut run, memberships);
                return Ok(Ending::GaveUp(reason));
            }
            let wanted = self.take_order(at_work);
            if self.replay.is_some() {
                barrier_at = barrier_at.min(Instant::now() + REPLAY_BARRIERS);
            }
            if wanted || Instant::now() >= barrier_at {
                at_work.barrier();
                barrier_at = Instant::now() + self.job.checkpoint_every();
            }
        }
    }

    /// Waits for a task, a stop or letters; at most a turn, and not beyond the next barrier.
    fn rest(&self, run: &Run, barrier_at: Instant) {
        let mut wake = Select::new();
        wake.recv(run.events());
        wake.recv(&self.stopped);
        if self.replay.is_none() {
            wake.recv(&self.ordered);
        }
        let _ = wake.ready_timeout(TURN.min(barrier_at.saturating_duration_since(Instant::now())));
    }

    /// Finishes a run that nothing follows. What it cannot finish is read again after the next start.
    fn end(&mut self, run: &mut Option<(Run, Watch)>, memberships: &mut [Membership]) {
        if let Some((run, _)) = run.take()
            && let Err(reason) = self.drain(run, memberships)
        {
            self.job.log(format!("stopped without finishing: {reason}"));
        }
    }

    /// Puts letters on their way that somebody wants to run again. Answers whether a barrier is wanted for some.
    fn take_order(&mut self, run: &Run) -> bool {
        if self.replay.is_none()
            && let Ok(order) = self.ordered.try_recv()
        {
            self.replay = Some(run.replay(order));
        }
        // Where no task took any, there is nothing to cover.
        if let Some(replay) = self.replay.take_if(|replay| replay.is_through(0)) {
            replay.finish();
        }
        self.replay.as_ref().is_some_and(|replay| replay.wants_barrier(run.next_checkpoint()))
    }

    /// A run says that checkpoints are complete, or that letters are put in.
    fn hear(&mut self, memberships: &mut [Membership], happened: Happened, sure: bool) {
        match happened {
            Happened::Completed(completed) => {
                for completed in completed {
                    let id = completed.id;
                    self.commit(memberships, completed, sure);
                    if let Some(replay) = self.replay.take_if(|replay| replay.is_through(id)) {
                        replay.finish();
                    }
                }
            }
            Happened::Replayed { task, passed } => {
                if let Some(replay) = &mut self.replay {
                    replay.put_in(task, passed);
                }
            }
            Happened::Waiting(_) | Happened::Failed(_) | Happened::SourcesEnded => {}
        }
    }

    /// Drives every group; on a revocation finishes and commits first.
    fn look_after(
        &mut self,
        memberships: &mut [Membership],
        run: &mut Option<(Run, Watch)>,
    ) -> Result<(), String> {
        let wait = if run.is_some() { Duration::ZERO } else { JOIN_TURN };
        for index in 0..memberships.len() {
            match memberships[index].group.poll(wait) {
                Ok(None) => {}
                Ok(Some(GroupEvent::Assigned(partitions))) => {
                    if let Some((run, _)) = run.take() {
                        self.drain(run, memberships)?;
                    }
                    memberships[index].assigned = true;
                    memberships[index].partitions = partitions;
                }
                Ok(Some(GroupEvent::Revoked)) => {
                    self.job.log("partitions are being moved: finishing what was read".into());
                    if let Some((run, _)) = run.take() {
                        self.drain(run, memberships)?;
                    }
                    let membership = &mut memberships[index];
                    membership.assigned = false;
                    membership.partitions.clear();
                    self.life.enter(State::Starting, Some("the consumer group is rebalancing".into()));
                    membership.group.released().map_err(|e| e.to_string())?;
                }
                Err(ConnectorError::Retry(reason)) => self.life.enter(State::Paused, Some(reason)),
                Err(ConnectorError::Stop(reason)) => return Err(reason),
            }
        }
        Ok(())
    }

    fn start(&mut self, memberships: &mut [Membership]) -> Result<Run, String> {
        let partitions: Vec<Partition> =
            memberships.iter_mut().flat_map(|m| m.partitions.drain(..)).collect();
        let count = partitions.len();
        let run = Run::start(&self.job, partitions, self.tasks_checkpoint, Halt::of(&self.stopping))?;
        self.job.set_tasks(run.tasks());
        self.job.log(format!("running: {count} partitions, {} tasks", run.tasks()));
        self.life.enter(State::Running, None);
        Ok(run)
    }

    /// Finishes a run and gives its partitions back to their groups.
    fn drain(&mut self, run: Run, memberships: &mut [Membership]) -> Result<(), String> {
        self.tasks_checkpoint = run.next_checkpoint() + 1;
        let drained = run.drain(|happened| self.hear(memberships, happened, true));
        if let Some(replay) = self.replay.take() {
            // The next run would not hear of them.
            replay.give_up("the pipeline stopped, or its partitions moved, before they were through");
        }
        for partition in drained? {
            if let Some(m) = memberships.iter_mut().find(|m| m.sources.contains(&partition.source)) {
                m.partitions.push(partition);
            }
        }
        Ok(())
    }

    fn commit(&self, memberships: &mut [Membership], completed: Completed<Commit>, sure: bool) {
        for membership in memberships {
            let offsets: Vec<Commit> =
                completed.notes.iter().filter(|c| membership.sources.contains(&c.source)).cloned().collect();
            if offsets.is_empty() {
                continue;
            }
            let until = Instant::now() + COMMIT_PATIENCE;
            loop {
                match membership.group.commit(&offsets, sure) {
                    Ok(()) => {
                        let metrics = self.job.metrics();
                        offsets.iter().for_each(|c| metrics.committed(&c.source, c.partition, c.offset));
                        break;
                    }
                    // Not lost: the next commit covers it, or the records are read again.
                    Err(e) if !sure || Instant::now() > until => {
                        tracing::warn!(pipeline = self.job.name(), checkpoint = completed.id, "commit: {e}");
                        break;
                    }
                    Err(_) => std::thread::sleep(JOIN_TURN),
                }
            }
        }
        self.job.metrics().checkpoint(completed.id);
    }
}
