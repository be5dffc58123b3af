//! The loop of one task: take a turn at the input, try rows again that wait for it, put dead letters in, exchange
//! components between batches, pass barriers on, and acknowledge a barrier once everything before it has reached
//! the outside.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use super::input::{ChannelInput, SourceInput, Turn};
use super::replay::Again;
use super::walker::{TaskError, Walker};
use crate::checkpoint::Acknowledgement;
use crate::connector::{Commit, Partition};

/// How long a turn waits when nothing is outstanding: this, and more with each turn that brought nothing, up to
/// four times.
const WAIT: Duration = Duration::from_millis(20);
/// How long it waits while acknowledgements are outstanding.
const BUSY_WAIT: Duration = Duration::from_millis(2);
/// Pause before the outside is asked again when it is not there.
const OUTSIDE_WAIT: Duration = Duration::from_millis(200);
/// Time that dead letters may take of one turn.
const REPLAY_TURN: Duration = Duration::from_millis(5);

/// What the coordinator tells a task.
pub(super) enum Command {
    /// To a source: send this barrier.
    Barrier(u64),
    /// To a source: send an end and stop, once all barriers are acknowledged.
    Finish,
    /// Put these dead letters in, each where it failed, and say when that is done.
    Replay(Vec<Again>),
}

/// What a task tells the coordinator.
pub(super) enum Event {
    /// Everything before the barrier is done; a source notes where to go on from.
    Acknowledged { task: usize, of: Acknowledgement<Commit> },
    /// All dead letters it was given are put in, after the barrier `passed`.
    Replayed { task: usize, passed: u64 },
    /// The source has nothing more.
    SourceEnded { task: usize },
    /// The outside is not there (`Some`) or is there again (`None`).
    Waiting { task: usize, reason: Option<String> },
    /// The task is over. A source gives its partition back.
    Exited { task: usize, result: Result<(), TaskError>, partition: Option<Partition> },
}

/// What feeds the task.
pub(super) enum Feed {
    Source(Box<SourceInput>),
    Channels(ChannelInput),
}

/// One fragment for one partition.
pub(super) struct Task {
    pub number: usize,
    pub feed: Feed,
    pub commands: Receiver<Command>,
    pub walker: Walker,
    pub events: Sender<Event>,
    /// The run is about to end: rows that wait for another attempt get through before the last barrier, or nobody
    /// would know of them any more.
    pub draining: Arc<AtomicBool>,
}

#[derive(Default)]
struct Progress {
    /// Received and not obeyed yet.
    command: Option<Command>,
    outstanding: VecDeque<Acknowledgement<Commit>>,
    letters: VecDeque<Again>,
    /// A barrier that has come on every input and is not passed on yet.
    barrier: Option<u64>,
    finishing: bool,
    /// Nothing more is read: the source has ended, or a batch of it was left.
    ended: bool,
    told_end: bool,
    waiting: bool,
    /// Turns in a row that brought nothing.
    idle: u32,
}

impl Task {
    /// Runs to the end; never panics.
    pub fn run(mut self) {
        let result = catch_unwind(AssertUnwindSafe(|| self.work())).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(|s| s.to_string());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Err(TaskError::Failed(format!("a defect in the host: a task panicked: {text}")))
        });
        let Task { number, feed, walker, events, .. } = self;
        // After a panic its state is whatever it is.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(walker)));
        let partition = match feed {
            Feed::Source(source) => Some(source.partition),
            Feed::Channels(_) => None,
        };
        // Nobody listens any more only when the coordinator itself is gone.
        let _ = events.send(Event::Exited { task: number, result, partition });
    }

    fn work(&mut self) -> Result<(), TaskError> {
        let mut progress = Progress::default();
        loop {
            self.walker.check_cancelled()?;
            let stalled = self.try_again()?;
            self.obey(&mut progress)?;
            self.acknowledge(&mut progress)?;
            if progress.finishing && progress.outstanding.is_empty() {
                return Ok(());
            }
            self.walker.between_batches()?;
            self.put_in(&mut progress)?;
            if let Some(reason) = stalled {
                self.take(Turn::Waiting(reason), &mut progress)?;
                continue;
            }
            let wait = self.patience(&progress);
            let full = self.walker.retries.is_full() || self.is_settling() || self.has_read_all();
            if full || progress.finishing || progress.ended {
                self.flows(&mut progress)?;
                self.tell_end(&mut progress)?;
                std::thread::sleep(wait.max(BUSY_WAIT));
                continue;
            }
            let turn = match &mut self.feed {
                Feed::Source(source) => match source.turn(&mut self.walker, wait) {
                    // The last barrier, which comes with the stop, commits what was read before that batch.
                    Err(TaskError::Left) => {
                        // It has not ended by itself.
                        (progress.ended, progress.told_end) = (true, true);
                        continue;
                    }
                    turn => turn?,
                },
                Feed::Channels(channels) => channels.turn(&mut self.walker, wait)?,
            };
            self.take(turn, &mut progress)?;
        }
    }

    /// Tries again what it is time for. Answers what records of the source wait for, if it is not there: then nothing is
    /// read meanwhile, as no commit could get past them.
    fn try_again(&mut self) -> Result<Option<String>, TaskError> {
        let now = Instant::now();
        while let Some((records, tries)) = self.walker.try_again(now)? {
            // Only sources decode.
            let Feed::Source(source) = &mut self.feed else { continue };
            if let Some(reason) = source.decode_again(&mut self.walker, records, tries)? {
                return Ok(Some(reason));
            }
        }
        Ok(None)
    }

    /// How long the input may be waited for.
    fn patience(&self, progress: &Progress) -> Duration {
        if !progress.letters.is_empty() {
            return Duration::ZERO;
        }
        let busy = !progress.outstanding.is_empty() || self.draining.load(Relaxed);
        let wait = if busy { BUSY_WAIT } else { WAIT * (1 << progress.idle.min(2)) };
        let due = self.walker.retries.next_due();
        due.map_or(wait, |due| wait.min(due.saturating_duration_since(Instant::now())))
    }

    /// Whether rows that wait for another attempt have to get through before anything else.
    fn is_settling(&self) -> bool {
        self.draining.load(Relaxed) && !self.walker.retries.is_empty()
    }

    /// Whether something that was read has to get through before the last barrier.
    fn has_more(&self) -> bool {
        let more = matches!(&self.feed, Feed::Source(source) if source.has_more());
        self.draining.load(Relaxed) && more
    }

    /// Whether the source is not to be read on: what would be read now could come after the last barrier, and nobody
    /// would wait for it.
    fn has_read_all(&self) -> bool {
        let more = matches!(&self.feed, Feed::Source(source) if !source.has_more());
        self.draining.load(Relaxed) && more
    }

    /// What the coordinator wants, and a barrier that came by the channels.
    fn obey(&mut self, progress: &mut Progress) -> Result<(), TaskError> {
        loop {
            progress.command = progress.command.take().or_else(|| self.commands.try_recv().ok());
            // Asked after a command was received: the last barrier is sent after the end was announced.
            if self.is_settling() || self.has_more() {
                return Ok(());
            }
            if let Some(id) = progress.barrier.take() {
                self.barrier(id, None, progress)?;
            }
            match (progress.command.take(), &self.feed) {
                (None, _) => return Ok(()),
                (Some(Command::Barrier(id)), Feed::Source(source)) => {
                    let note = source.commit();
                    self.barrier(id, Some(note), progress)?;
                }
                (Some(Command::Barrier(id)), Feed::Channels(_)) => self.barrier(id, None, progress)?,
                (Some(Command::Finish), feed) => {
                    if let Feed::Source(source) = feed {
                        source.check_finished()?;
                    }
                    self.walker.end()?;
                    progress.finishing = true;
                }
                (Some(Command::Replay(letters)), _) => progress.letters.extend(letters),
            }
        }
    }

    fn barrier(&mut self, id: u64, note: Option<Commit>, progress: &mut Progress) -> Result<(), TaskError> {
        let held_since = self.walker.barrier(id)?;
        progress.outstanding.push_back(Acknowledgement { id, note, held_since });
        Ok(())
    }

    /// Gives some of the dead letters to where they failed.
    fn put_in(&mut self, progress: &mut Progress) -> Result<(), TaskError> {
        // What came after the last barrier would not be known to be through.
        if progress.finishing || progress.letters.is_empty() {
            return Ok(());
        }
        let until = Instant::now() + REPLAY_TURN;
        while let Some(mut letter) = progress.letters.pop_front() {
            match (letter.rows.take(), &mut self.feed) {
                (Some(rows), _) => self.walker.run(letter.node, letter.batch(rows))?,
                (None, Feed::Source(source)) => {
                    if source.replay(&mut self.walker, &letter.records)?.is_some() {
                        // The registry of its schema does not answer: the same letter again, later.
                        progress.letters.push_front(letter);
                        self.walker.sleep(OUTSIDE_WAIT)?;
                        break;
                    }
                }
                // Only sources decode, and letters go where their node is.
                (None, Feed::Channels(_)) => {}
            }
            if progress.letters.is_empty() {
                self.tell(Event::Replayed { task: self.number, passed: self.walker.passed() })?;
            }
            if Instant::now() >= until {
                break;
            }
        }
        Ok(())
    }

    fn take(&mut self, turn: Turn, progress: &mut Progress) -> Result<(), TaskError> {
        progress.idle = if matches!(turn, Turn::Idle) { progress.idle.saturating_add(1) } else { 0 };
        if !matches!(turn, Turn::Waiting(_)) {
            self.flows(progress)?;
        }
        match turn {
            Turn::Worked | Turn::Idle => {}
            Turn::Waiting(reason) => {
                // Each time: a sink may have told something else meanwhile.
                self.tell(Event::Waiting { task: self.number, reason: Some(reason) })?;
                progress.waiting = true;
                self.walker.sleep(OUTSIDE_WAIT)?;
            }
            Turn::Barrier(id) => progress.barrier = Some(id),
            Turn::Ended => match self.feed {
                Feed::Source(_) => progress.ended = true,
                Feed::Channels(_) => {
                    self.walker.end()?;
                    progress.finishing = true;
                }
            },
        }
        Ok(())
    }

    /// The source is there again, if it was not.
    fn flows(&self, progress: &mut Progress) -> Result<(), TaskError> {
        if !std::mem::take(&mut progress.waiting) {
            return Ok(());
        }
        self.tell(Event::Waiting { task: self.number, reason: self.walker.undelivered() })
    }

    /// The source has ended, and nothing of it waits for another attempt: that may take longer than an end may.
    fn tell_end(&self, progress: &mut Progress) -> Result<(), TaskError> {
        if !progress.ended || progress.told_end || !self.walker.retries.is_empty() {
            return Ok(());
        }
        progress.told_end = true;
        self.tell(Event::SourceEnded { task: self.number })
    }

    fn acknowledge(&mut self, progress: &mut Progress) -> Result<(), TaskError> {
        if progress.outstanding.is_empty() {
            return Ok(());
        }
        let delivered = self.walker.delivered()?;
        while progress.outstanding.front().is_some_and(|of| of.id <= delivered) {
            if let Some(of) = progress.outstanding.pop_front() {
                self.tell(Event::Acknowledged { task: self.number, of })?;
            }
        }
        Ok(())
    }

    fn tell(&self, event: Event) -> Result<(), TaskError> {
        self.events.send(event).map_err(|_| TaskError::Cancelled)
    }
}
