//! A pipeline's coordinator: one thread that joins the groups, keeps a run going between rebalances, sends
//! barriers, commits what is complete, and restarts after a failure with growing waits; or gives up, where too much
//! fails for going on to make sense.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Select, Sender, bounded};

use super::assembly::Job;
use super::life::{Life, State};
use super::log::Level;
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
/// How often whoever waits for an answer looks whether there is still somebody who could give it.
const LOOK: Duration = Duration::from_millis(100);
/// How long a commit that must be sure is tried again.
const COMMIT_PATIENCE: Duration = Duration::from_millis(if cfg!(test) { 200 } else { 10_000 });
/// Time between barriers while somebody waits for replayed letters.
const REPLAY_BARRIERS: Duration = Duration::from_millis(500);

/// Told why a pipeline gives up, before anybody else can see that it did.
pub type OnGiveUp = Box<dyn Fn(&str) + Send>;

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
    pub fn start(job: Arc<Job>, policy: RestartPolicy, on_give_up: OnGiveUp) -> std::io::Result<Handle> {
        let life = Arc::new(Life::default());
        life.enter(State::Starting, None);
        let (stop, stopped) = bounded(1);
        let (orders, ordered) = bounded(1);
        let stopping = Arc::new(AtomicBool::new(false));
        let (known, shown, told) = (Arc::clone(&job), Arc::clone(&life), Arc::clone(&stopping));
        let coordinator = Coordinator::new(known, shown, stopped, ordered, told, on_give_up);
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
            ran = self.answer(&answered).ok_or_else(gone)??;
        }
        let mut ran = ran.into_iter();
        let missing = || Outcome::Skipped("it was lost on its way to its task".into());
        Ok(outcomes.into_iter().map(|known| known.or_else(|| ran.next()).unwrap_or_else(missing)).collect())
    }

    /// An answer of the coordinator; `None` where it ended before it took the order, which then stays in its channel.
    fn answer<T>(&self, answered: &Receiver<T>) -> Option<T> {
        loop {
            match answered.recv_timeout(LOOK) {
                Ok(answer) => return Some(answer),
                Err(RecvTimeoutError::Disconnected) => return None,
                // It may have answered just before it ended.
                Err(RecvTimeoutError::Timeout) if self.life.snapshot().is_at_rest() => {
                    return answered.try_recv().ok();
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
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
    /// What some task waits for.
    waits: Option<String>,
    /// Why the last commit of the run that was drained last is not sure, if it is not.
    uncommitted: Option<String>,
    /// A task gave up while a run was being finished.
    gave_up: Option<String>,
    /// It was told to stop. Tasks look at it too.
    stopping: Arc<AtomicBool>,
    on_give_up: OnGiveUp,
    tasks_checkpoint: u64,
}

enum Ending {
    Stopped,
    SourcesEnded,
    /// Too much fails, or what must not.
    GaveUp(String),
}

/// Why a pipeline is at rest whose sources have ended.
pub const SOURCES_ENDED: &str = "all its sources have ended";

/// A group and the partitions it gave, while no run has them.
struct Membership {
    group: Box<dyn Group>,
    sources: Vec<String>,
    assigned: bool,
    partitions: Vec<Partition>,
    /// What it waits for: a broker that is away.
    trouble: Option<String>,
}

impl Coordinator {
    fn new(
        job: Arc<Job>,
        life: Arc<Life>,
        stopped: Receiver<()>,
        ordered: Receiver<Order>,
        stopping: Arc<AtomicBool>,
        on_give_up: OnGiveUp,
    ) -> Coordinator {
        Coordinator {
            job,
            life,
            stopped,
            ordered,
            replay: None,
            waits: None,
            uncommitted: None,
            gave_up: None,
            stopping,
            on_give_up,
            tasks_checkpoint: 1,
        }
    }

    fn run(mut self, policy: RestartPolicy) {
        let mut failures = Failures::default();
        loop {
            self.life.enter(State::Starting, None);
            let started = Instant::now();
            match self.attempt() {
                Ok(_) if self.is_stopping() => return self.life.enter(State::Stopped, None),
                Ok(Ending::Stopped) => return self.life.enter(State::Stopped, None),
                Ok(Ending::SourcesEnded) => {
                    return self.life.enter(State::Stopped, Some(SOURCES_ENDED.into()));
                }
                Ok(Ending::GaveUp(reason)) => {
                    self.job.log(Level::Error, format!("gave up: {reason}"));
                    (self.on_give_up)(&reason);
                    return self.life.give_up(reason);
                }
                // Whoever stops a pipeline does not want it to start again, whatever became of its last batches.
                Err(reason) if self.is_stopping() => {
                    self.job.log(Level::Warn, format!("stopped: {reason}"));
                    return self.life.enter(State::Stopped, Some(reason));
                }
                Err(reason) => {
                    let wait = failures.failed(&policy, started.elapsed());
                    let line = format!("failed: {reason}; next start in {} ms", wait.as_millis());
                    self.job.log(Level::Error, line);
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
            .map(|(group, sources)| Membership {
                group,
                sources,
                assigned: false,
                partitions: Vec::new(),
                trouble: None,
            })
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
        match (result, self.gave_up.take()) {
            // Another start would lead into the same.
            (Err(_), Some(reason)) if !self.is_stopping() => Ok(Ending::GaveUp(reason)),
            (result, _) => result,
        }
    }

    fn keep_running(&mut self, memberships: &mut [Membership]) -> Result<Ending, String> {
        let mut run: Option<(Run, Watch)> = None;
        let mut barrier_at = Instant::now();
        loop {
            if self.is_stopping() {
                if let Some((run, _)) = run.take() {
                    self.finish(run, memberships, false)?;
                }
                return Ok(Ending::Stopped);
            }
            self.look_after(memberships, &mut run)?;
            self.show(memberships, run.is_some());
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
                Some(Happened::Failed(reason)) => {
                    at_work.cancel();
                    return Err(reason);
                }
                Some(Happened::GaveUp(reason)) => {
                    at_work.cancel();
                    return Ok(Ending::GaveUp(reason));
                }
                Some(Happened::SourcesEnded) => {
                    if let Some((run, _)) = run.take() {
                        self.finish(run, memberships, true)?;
                    }
                    return Ok(Ending::SourcesEnded);
                }
                Some(happened) => {
                    for completed in self.hear(happened) {
                        self.commit(memberships, &completed, false);
                    }
                }
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
            && let Err(reason) = self.finish(run, memberships, false)
        {
            self.job.log(Level::Warn, format!("stopped without finishing: {reason}"));
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

    /// A run says that checkpoints are complete, that letters are put in or what it waits for. Answers what is to be
    /// committed, oldest first; the newest of them stands for all.
    fn hear(&mut self, happened: Happened) -> Vec<Completed<Commit>> {
        match happened {
            Happened::Completed(completed) => {
                for Completed { id, .. } in &completed {
                    if let Some(replay) = self.replay.take_if(|replay| replay.is_through(*id)) {
                        replay.finish();
                    }
                }
                return completed;
            }
            Happened::Replayed { task, passed } => {
                if let Some(replay) = &mut self.replay {
                    replay.put_in(task, passed);
                }
            }
            Happened::Waiting(reason) => self.waits = reason,
            Happened::GaveUp(reason) => self.gave_up = Some(reason),
            Happened::Failed(_) | Happened::SourcesEnded => {}
        }
        Vec::new()
    }

    /// The state for whoever asks: what a group or a task waits for, or that data flows.
    fn show(&self, memberships: &[Membership], runs: bool) {
        let trouble = memberships.iter().find_map(|membership| membership.trouble.as_ref());
        let now = self.life.snapshot();
        match (trouble.or(self.waits.as_ref()), runs) {
            (Some(reason), _) if now.state != State::Paused || now.reason.as_ref() != Some(reason) => {
                self.life.enter(State::Paused, Some(reason.clone()));
            }
            (None, true) if now.state != State::Running => self.life.enter(State::Running, None),
            (None, false) if now.state == State::Paused => self.life.enter(State::Starting, None),
            _ => {}
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
            let polled = memberships[index].group.poll(wait);
            memberships[index].trouble = match &polled {
                Err(ConnectorError::Retry(reason)) => Some(reason.clone()),
                _ => None,
            };
            match polled {
                Ok(None) | Err(ConnectorError::Retry(_)) => {}
                Ok(Some(GroupEvent::Assigned(partitions))) => {
                    if let Some((run, _)) = run.take() {
                        self.drain(run, memberships, false)?;
                    }
                    memberships[index].assigned = true;
                    memberships[index].partitions = partitions;
                }
                Ok(Some(GroupEvent::Revoked)) => {
                    let line = "partitions are being moved: finishing what was read";
                    self.job.log(Level::Info, line.into());
                    if let Some((run, _)) = run.take() {
                        self.drain(run, memberships, false)?;
                    }
                    let membership = &mut memberships[index];
                    membership.assigned = false;
                    membership.partitions.clear();
                    self.life.enter(State::Starting, Some("the consumer group is rebalancing".into()));
                    membership.group.released().map_err(|e| e.to_string())?;
                }
                Err(ConnectorError::Stop(reason)) => return Err(reason),
            }
        }
        Ok(())
    }

    fn start(&mut self, memberships: &mut [Membership]) -> Result<Run, String> {
        let partitions: Vec<Partition> =
            memberships.iter_mut().flat_map(|m| m.partitions.drain(..)).collect();
        let count = partitions.len();
        // Those that went to another host are not ours to tell.
        self.job.metrics().forget_positions();
        self.waits = None;
        let run = Run::start(&self.job, partitions, self.tasks_checkpoint, Halt::of(&self.stopping))?;
        self.job.set_tasks(run.tasks());
        self.job.log(Level::Info, format!("running: {count} partitions, {} tasks", run.tasks()));
        Ok(run)
    }

    /// Finishes a run that nothing follows, as its sources `ended` or it is told to: what it did has to be committed too.
    fn finish(&mut self, run: Run, memberships: &mut [Membership], ended: bool) -> Result<(), String> {
        self.drain(run, memberships, ended)?;
        match self.uncommitted.take() {
            None => Ok(()),
            Some(reason) => Err(format!(
                "what was done last is not committed, so it is done again after the next start: {reason}"
            )),
        }
    }

    /// Finishes a run and gives its partitions back to their groups. What is complete is committed once, at the end:
    /// whoever waits for a broker that is away shall not wait for each checkpoint, nor keep the tasks waiting.
    fn drain(&mut self, run: Run, memberships: &mut [Membership], ended: bool) -> Result<(), String> {
        self.tasks_checkpoint = run.next_checkpoint() + 1;
        let mut newest = None;
        let drained = run.drain(ended, |happened| newest = self.hear(happened).pop().or(newest.take()));
        self.waits = None;
        self.uncommitted = newest.and_then(|completed| self.commit(memberships, &completed, true));
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

    /// Commits a checkpoint; `until_sure` waits for the answers and tries again for a while. Answers why it is not
    /// committed everywhere, if so; the next commit covers it, or the records are read again.
    fn commit(
        &self,
        memberships: &mut [Membership],
        completed: &Completed<Commit>,
        until_sure: bool,
    ) -> Option<String> {
        let mut failed = None;
        for membership in memberships {
            let offsets: Vec<Commit> =
                completed.notes.iter().filter(|c| membership.sources.contains(&c.source)).cloned().collect();
            if offsets.is_empty() {
                continue;
            }
            let until = Instant::now() + COMMIT_PATIENCE;
            loop {
                match membership.group.commit(&offsets, until_sure) {
                    Ok(()) => {
                        let metrics = self.job.metrics();
                        offsets.iter().for_each(|c| metrics.committed(&c.source, c.partition, c.offset));
                        break;
                    }
                    Err(e) if !until_sure || Instant::now() > until => {
                        tracing::warn!(pipeline = self.job.name(), checkpoint = completed.id, "commit: {e}");
                        failed = Some(e.to_string());
                        break;
                    }
                    Err(_) => std::thread::sleep(JOIN_TURN),
                }
            }
        }
        self.job.metrics().checkpoint(completed.id);
        failed
    }
}
