//! The loop of one task: take a turn at the input, exchange components between batches, pass barriers on, and
//! acknowledge a barrier once everything before it has reached the outside.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};

use super::input::{ChannelInput, SourceInput, Turn};
use super::walker::{TaskError, Walker};
use crate::connector::{Commit, Partition};

/// How long a turn waits when nothing is outstanding.
const WAIT: Duration = Duration::from_millis(20);
/// How long it waits while acknowledgements are outstanding.
const BUSY_WAIT: Duration = Duration::from_millis(2);
/// Pause before the outside is asked again when it is not there.
const OUTSIDE_WAIT: Duration = Duration::from_millis(200);

/// What the coordinator tells a source task.
#[derive(Clone, Copy, Debug)]
pub(super) enum Command {
    /// Send this barrier.
    Barrier(u64),
    /// Send an end and stop, once all barriers are acknowledged.
    Finish,
}

/// What a task tells the coordinator.
pub(super) enum Event {
    /// Everything before the barrier is done; a source adds where to go on from.
    Acknowledged { task: usize, id: u64, commit: Option<Commit> },
    /// The source has nothing more.
    SourceEnded { task: usize },
    /// The outside is not there (`Some`) or is there again (`None`).
    Waiting { task: usize, reason: Option<String> },
    /// The task is over. A source gives its partition back.
    Exited { task: usize, result: Result<(), TaskError>, partition: Option<Partition> },
}

/// What feeds the task.
pub(super) enum Feed {
    Source(Box<SourceInput>, Receiver<Command>),
    Channels(ChannelInput),
}

/// One fragment for one partition.
pub(super) struct Task {
    pub number: usize,
    pub feed: Feed,
    pub walker: Walker,
    pub events: Sender<Event>,
}

struct Progress {
    outstanding: VecDeque<(u64, Option<Commit>)>,
    finishing: bool,
    /// Nothing more is read: the source has ended, or a batch of it was left.
    ended: bool,
    waiting: bool,
}

impl Task {
    /// Runs to the end; never panics.
    pub fn run(mut self) {
        let result = catch_unwind(AssertUnwindSafe(|| self.work())).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(|s| s.to_string());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Err(TaskError::Failed(format!("a defect in the host: a task panicked: {text}")))
        });
        let Task { number, feed, walker, events } = self;
        drop(walker);
        let partition = match feed {
            Feed::Source(source, _) => Some(source.partition),
            Feed::Channels(_) => None,
        };
        // Nobody listens any more only when the coordinator itself is gone.
        let _ = events.send(Event::Exited { task: number, result, partition });
    }

    fn work(&mut self) -> Result<(), TaskError> {
        let mut progress =
            Progress { outstanding: VecDeque::new(), finishing: false, ended: false, waiting: false };
        loop {
            self.walker.check_cancelled()?;
            self.obey(&mut progress)?;
            self.acknowledge(&mut progress)?;
            if progress.finishing && progress.outstanding.is_empty() {
                return Ok(());
            }
            self.walker.between_batches()?;
            let wait = if progress.outstanding.is_empty() { WAIT } else { BUSY_WAIT };
            if progress.finishing || progress.ended {
                std::thread::sleep(BUSY_WAIT);
                continue;
            }
            let turn = match &mut self.feed {
                Feed::Source(source, _) => match source.turn(&mut self.walker, wait) {
                    // The last barrier, which comes with the stop, commits what was read before that batch.
                    Err(TaskError::Left) => {
                        progress.ended = true;
                        continue;
                    }
                    turn => turn?,
                },
                Feed::Channels(channels) => channels.turn(&mut self.walker, wait)?,
            };
            self.take(turn, &mut progress)?;
        }
    }

    /// What the coordinator wants of a source.
    fn obey(&mut self, progress: &mut Progress) -> Result<(), TaskError> {
        let Feed::Source(source, commands) = &mut self.feed else { return Ok(()) };
        while let Ok(command) = commands.try_recv() {
            match command {
                Command::Barrier(id) => {
                    let commit = source.commit();
                    self.walker.barrier(id)?;
                    progress.outstanding.push_back((id, Some(commit)));
                }
                Command::Finish => {
                    self.walker.end()?;
                    progress.finishing = true;
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, turn: Turn, progress: &mut Progress) -> Result<(), TaskError> {
        let waiting = matches!(turn, Turn::Waiting(_));
        if progress.waiting && !waiting {
            self.tell(Event::Waiting { task: self.number, reason: None })?;
        }
        match turn {
            Turn::Worked | Turn::Idle => {}
            Turn::Waiting(reason) => {
                if !progress.waiting {
                    self.tell(Event::Waiting { task: self.number, reason: Some(reason) })?;
                }
                self.walker.sleep(OUTSIDE_WAIT)?;
            }
            Turn::Barrier(id) => {
                self.walker.barrier(id)?;
                progress.outstanding.push_back((id, None));
            }
            Turn::Ended => match self.feed {
                Feed::Source(..) => {
                    progress.ended = true;
                    self.tell(Event::SourceEnded { task: self.number })?;
                }
                Feed::Channels(_) => {
                    self.walker.end()?;
                    progress.finishing = true;
                }
            },
        }
        progress.waiting = waiting;
        Ok(())
    }

    fn acknowledge(&mut self, progress: &mut Progress) -> Result<(), TaskError> {
        if progress.outstanding.is_empty() {
            return Ok(());
        }
        let delivered = self.walker.delivered()?;
        while let Some((id, _)) = progress.outstanding.front()
            && *id <= delivered
        {
            if let Some((id, commit)) = progress.outstanding.pop_front() {
                self.tell(Event::Acknowledged { task: self.number, id, commit })?;
            }
        }
        Ok(())
    }

    fn tell(&self, event: Event) -> Result<(), TaskError> {
        self.events.send(event).map_err(|_| TaskError::Cancelled)
    }
}
