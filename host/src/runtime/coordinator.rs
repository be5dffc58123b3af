//! A pipeline's coordinator: one thread that joins the groups, keeps a run going between rebalances, sends
//! barriers, commits what is complete, and restarts after a failure with growing waits.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::assembly::Job;
use super::life::{Life, State};
use super::run::{Happened, Run};
use crate::checkpoint::Completed;
use crate::connector::{Commit, ConnectorError, Group, GroupEvent, Partition};
use crate::operator::Halt;
use crate::supervise::{Failures, RestartPolicy};

/// How long the coordinator waits for its tasks before it looks after its groups again.
const TURN: Duration = Duration::from_millis(10);
/// How long a commit that must be sure is tried again.
const COMMIT_PATIENCE: Duration = Duration::from_secs(10);

/// A pipeline that was started. Dropping it stops the pipeline.
pub struct Handle {
    job: Arc<Job>,
    life: Arc<Life>,
    stop: Sender<()>,
    stopping: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Handle {
    /// Starts `job` on a thread of its own.
    pub fn start(job: Arc<Job>, policy: RestartPolicy) -> std::io::Result<Handle> {
        let life = Arc::new(Life::default());
        life.enter(State::Starting, None);
        let (stop, stopped) = bounded(1);
        let stopping = Arc::new(AtomicBool::new(false));
        let coordinator = Coordinator {
            job: Arc::clone(&job),
            life: Arc::clone(&life),
            stopped,
            stopping: Arc::clone(&stopping),
            tasks_checkpoint: 1,
        };
        let thread = std::thread::Builder::new()
            .name(format!("c-{}", job.name()))
            .spawn(move || coordinator.run(policy))?;
        Ok(Handle { job, life, stop, stopping, thread: Mutex::new(Some(thread)) })
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
    /// It was told to stop. Tasks look at it too.
    stopping: Arc<AtomicBool>,
    tasks_checkpoint: u64,
}

enum Ending {
    Stopped,
    SourcesEnded,
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
        for membership in &mut memberships {
            membership.partitions.clear();
            membership.group.leave();
        }
        self.job.metrics().forget_positions();
        result
    }

    fn keep_running(&mut self, memberships: &mut [Membership]) -> Result<Ending, String> {
        let mut run: Option<Run> = None;
        let mut barrier_at = Instant::now();
        loop {
            if self.is_stopping() {
                if let Some(run) = run.take() {
                    self.drain(run, memberships)?;
                }
                return Ok(Ending::Stopped);
            }
            self.look_after(memberships, &mut run)?;
            let Some(at_work) = &mut run else {
                // After a stop what a drain gave back may be past a batch that was left.
                if memberships.iter().all(|m| m.assigned) && !self.is_stopping() {
                    run = Some(self.start(memberships)?);
                    barrier_at = Instant::now() + self.job.checkpoint_every();
                }
                continue;
            };
            match at_work.next(TURN) {
                None => {}
                Some(Happened::Completed(completed)) => {
                    completed.into_iter().for_each(|c| self.commit(memberships, c, false));
                }
                Some(Happened::Waiting(Some(reason))) => self.life.enter(State::Paused, Some(reason)),
                Some(Happened::Waiting(None)) => self.life.enter(State::Running, None),
                Some(Happened::Failed(reason)) => {
                    at_work.cancel();
                    return Err(reason);
                }
                Some(Happened::SourcesEnded) => {
                    if let Some(run) = run.take() {
                        self.drain(run, memberships)?;
                    }
                    return Ok(Ending::SourcesEnded);
                }
            }
            if Instant::now() >= barrier_at {
                at_work.barrier();
                barrier_at = Instant::now() + self.job.checkpoint_every();
            }
        }
    }

    /// Drives every group; on a revocation finishes and commits first.
    fn look_after(&mut self, memberships: &mut [Membership], run: &mut Option<Run>) -> Result<(), String> {
        let wait = if run.is_some() { Duration::ZERO } else { TURN };
        for index in 0..memberships.len() {
            match memberships[index].group.poll(wait) {
                Ok(None) => {}
                Ok(Some(GroupEvent::Assigned(partitions))) => {
                    if let Some(run) = run.take() {
                        self.drain(run, memberships)?;
                    }
                    memberships[index].assigned = true;
                    memberships[index].partitions = partitions;
                }
                Ok(Some(GroupEvent::Revoked)) => {
                    self.job.log("partitions are being moved: finishing what was read".into());
                    if let Some(run) = run.take() {
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
        let partitions = run.drain(|completed| self.commit(memberships, completed, true))?;
        for partition in partitions {
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
                    Err(_) => std::thread::sleep(TURN),
                }
            }
        }
        self.job.metrics().checkpoint(completed.id);
    }
}
