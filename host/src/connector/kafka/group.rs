//! A member of a consumer group: which partitions of a pipeline's topics are ours, and how far they are done.
//!
//! Everything that happens to the membership is noted by the consumer and acted on here, in `poll`, on the thread
//! that drives the group. Partitions move all at once (the eager protocol): after a revocation nothing is assigned
//! until the pipeline has finished what it read, committed and said so. Every partition begins at an explicit
//! offset, looked up before it is assigned.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::ask::Ask;
use super::connection::Connection;
use super::consumer::{Consumer, Rebalance};
use super::failure::{self, Meaning};
use super::lookup::{Lookup, PATIENCE};
use super::native::{Commits, PartitionQueue};
use super::reader::PartitionReader;
use super::settings;
use super::start::{Begin, begin};
use crate::connector::{Commit, ConnectorError, Group, GroupEvent, Partition};
use crate::spec::Start;

/// Between two tries at a question that failed.
const AGAIN: Duration = Duration::from_millis(500);
/// How long leaving waits for the broker to hear of it.
const FAREWELL: Duration = Duration::from_secs(3);
/// How long to wait for the answer to a commit before looking after the group.
const TURN: Duration = Duration::from_millis(50);
const COMMITTING: &str = "committing offsets";
/// What a partition's queue would like to have, and the least that works.
const WANT: u64 = 48 << 20;
const LEAST: u64 = 256 << 10;

/// A topic that a group reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSource {
    /// Name of the source in the spec.
    pub source: String,
    /// Its topic.
    pub topic: String,
    /// Where to start a partition that has no committed offset.
    pub start: Start,
}

/// A member of a consumer group.
pub struct KafkaGroup {
    connection: Connection,
    group: String,
    sources: BTreeMap<String, GroupSource>,
    consumer: Option<Arc<Consumer>>,
    commits: Option<Commits>,
    phase: Phase,
    /// What it waits for, as long as it does.
    trouble: Option<String>,
    /// Why it cannot go on at all.
    stopped: Option<String>,
    /// Asked while no broker answers, to hear when one does.
    probe: Option<(Instant, Ask<()>)>,
    owned: BTreeSet<(String, i32)>,
}

enum Phase {
    /// Are the topics there, and how many partitions do they have?
    Checking(Ask<usize>),
    /// A question failed; ask again then: where these partitions begin, or whether the topics are there.
    Resting(Instant, Option<Vec<(String, i32)>>),
    /// Waiting for the group to give us partitions.
    Joining,
    /// Where do the partitions begin?
    Finding(Vec<(String, i32)>, Ask<Vec<Found>>),
    /// The partitions are with the pipeline.
    Reading,
    /// The pipeline finishes.
    Releasing,
    /// No member any more.
    Left,
}

/// Where a partition begins.
struct Found {
    topic: String,
    partition: i32,
    offset: i64,
    remember: bool,
}

impl KafkaGroup {
    /// A member of `group` that reads `sources`. Asks nobody yet: that happens in `poll`.
    ///
    /// # Errors
    /// `Stop` where two sources read the same topic, or the embedded broker would have to find a time.
    pub fn new(
        connection: Connection,
        group: &str,
        sources: Vec<GroupSource>,
    ) -> Result<Self, ConnectorError> {
        let mut by_topic = BTreeMap::new();
        for source in sources {
            if connection.is_embedded() && matches!(source.start, Start::Timestamp(_)) {
                return Err(ConnectorError::Stop(format!(
                    "source `{}` starts at a time, and the embedded broker cannot look times up: start at earliest \
                     or latest, or take a real broker (`sabot dev --bootstrap HOST:PORT`)",
                    source.source
                )));
            }
            if let Some(other) = by_topic.insert(source.topic.clone(), source.clone()) {
                return Err(ConnectorError::Stop(format!(
                    "sources `{}` and `{}` both read topic `{}` in group `{group}`, which gives each record to one \
                     of them: read it once and use that source twice, or give one of them another `group`",
                    other.source, source.source, source.topic
                )));
            }
        }
        let phase = Phase::Checking(check(&connection, &by_topic));
        Ok(KafkaGroup {
            connection,
            group: group.to_owned(),
            sources: by_topic,
            consumer: None,
            commits: None,
            phase,
            trouble: None,
            stopped: None,
            probe: None,
            owned: BTreeSet::new(),
        })
    }

    /// Serves the consumer's callbacks, waiting at most `wait` for one.
    fn drive(&self, wait: Duration) {
        if let Some(consumer) = &self.consumer {
            // Errors reach the link by the callback; messages come through the partitions' own queues.
            let _ = consumer.poll(wait);
        }
    }

    /// One step of the present phase.
    fn step(&mut self, wait: Duration) -> Result<Option<GroupEvent>, ConnectorError> {
        match &self.phase {
            Phase::Checking(ask) => {
                if let Some(answer) = ask.wait(wait) {
                    match answer {
                        Ok(partitions) => self.join(partitions)?,
                        Err(error) => self.rest(error, None)?,
                    }
                }
            }
            Phase::Resting(until, _) if Instant::now() < *until => {
                std::thread::sleep(wait.min(until.saturating_duration_since(Instant::now())));
            }
            Phase::Resting(..) => self.ask_again(),
            Phase::Finding(partitions, ask) => {
                if let Some(answer) = ask.wait(wait) {
                    match answer {
                        Ok(found) => return self.assign(found).map(Some),
                        Err(error) => {
                            let partitions = partitions.clone();
                            self.rest(error, Some(partitions))?;
                        }
                    }
                }
            }
            Phase::Joining | Phase::Reading | Phase::Releasing | Phase::Left => {}
        }
        Ok(None)
    }

    /// After a failed question: stop, or ask again in a while.
    fn rest(
        &mut self,
        error: ConnectorError,
        then: Option<Vec<(String, i32)>>,
    ) -> Result<(), ConnectorError> {
        match error {
            ConnectorError::Retry(reason) => {
                self.trouble = Some(reason);
                self.phase = Phase::Resting(Instant::now() + AGAIN, then);
                Ok(())
            }
            ConnectorError::Stop(reason) => {
                self.stopped = Some(reason.clone());
                Err(ConnectorError::Stop(reason))
            }
        }
    }

    fn ask_again(&mut self) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Joining) {
            Phase::Resting(_, None) => Phase::Checking(check(&self.connection, &self.sources)),
            Phase::Resting(_, Some(partitions)) => self.find(partitions),
            other => other,
        };
    }

    /// The topics are there: becomes a member.
    fn join(&mut self, partitions: usize) -> Result<(), ConnectorError> {
        let count = partitions.max(1) as u64;
        let whom = format!("the consumer of group `{}`", self.group);
        let share = self.connection.share(&whom, WANT * count, LEAST * count)?;
        let config = settings::consumer(
            self.connection.properties(),
            &self.group,
            self.connection.on_gap(),
            share.bytes(),
            partitions,
        );
        let link = self.connection.link(&format!("group `{}`", self.group));
        let consumer = Consumer::new(&config, link, Some(share)).map_err(|e| self.connection.refused(e))?;
        let topics: Vec<&str> = self.sources.keys().map(String::as_str).collect();
        consumer.subscribe(&topics).map_err(|e| self.connection.refused(e))?;
        let consumer = Arc::new(consumer);
        self.commits = Some(Commits::new(Arc::clone(&consumer)));
        self.consumer = Some(consumer);
        self.trouble = None;
        self.phase = Phase::Joining;
        Ok(())
    }

    /// Something happened to the membership.
    fn rebalanced(&mut self, event: Rebalance) -> Result<Option<GroupEvent>, ConnectorError> {
        match event {
            Rebalance::Assign(partitions) => {
                self.phase = self.find(partitions);
                Ok(None)
            }
            Rebalance::Revoke { lost } => {
                let was_reading = matches!(self.phase, Phase::Reading);
                self.trouble = None;
                if lost {
                    self.log(4, "LOST", "the group went on without us; records not committed are read again");
                    self.owned.clear();
                }
                self.phase = Phase::Releasing;
                if was_reading {
                    return Ok(Some(GroupEvent::Revoked));
                }
                // The pipeline never got them.
                self.released()?;
                Ok(None)
            }
        }
    }

    /// Asks where `partitions` begin.
    fn find(&self, partitions: Vec<(String, i32)>) -> Phase {
        let Some(consumer) = &self.consumer else { return Phase::Joining };
        let lookup = Lookup::by(consumer);
        let wanted: Vec<(String, i32, Start)> = partitions
            .iter()
            .filter_map(|(topic, partition)| {
                Some((topic.clone(), *partition, self.sources.get(topic)?.start))
            })
            .collect();
        let connection = self.connection.clone();
        let group = self.group.clone();
        let ask = Ask::start(move || {
            let facts = lookup.facts(&wanted)?;
            wanted
                .into_iter()
                .zip(facts)
                .map(|((topic, partition, start), facts)| {
                    let begin = begin(start, connection.on_gap(), &facts);
                    found(&connection, &group, topic, partition, begin)
                })
                .collect()
        });
        Phase::Finding(partitions, ask)
    }

    /// Takes the partitions and hands them to the pipeline.
    fn assign(&mut self, found: Vec<Found>) -> Result<GroupEvent, ConnectorError> {
        let Some(consumer) = self.consumer.clone() else { return Ok(GroupEvent::Assigned(Vec::new())) };
        let mut list = TopicPartitionList::with_capacity(found.len());
        let mut remember = Vec::new();
        let mut partitions = Vec::with_capacity(found.len());
        self.owned.clear();
        for Found { topic, partition, offset, remember: keep } in found {
            let Some(source) = self.sources.get(&topic) else { continue };
            let Some(queue) = PartitionQueue::split(&consumer, &topic, partition) else { continue };
            list.add_partition_offset(&topic, partition, Offset::Offset(offset))
                .map_err(|e| self.connection.refused(e))?;
            let embedded = self.connection.is_embedded();
            let reader = PartitionReader::new(queue, topic.as_str().into(), partition, offset, embedded);
            let source = source.source.clone();
            if keep {
                remember.push(Commit { source: source.clone(), topic: topic.clone(), partition, offset });
            }
            self.owned.insert((topic.clone(), partition));
            partitions.push(Partition { source, topic, partition, reader: Box::new(reader) });
        }
        consumer.assign(&list).map_err(|e| self.connection.refused(e))?;
        self.phase = Phase::Reading;
        self.trouble = None;
        if !remember.is_empty() {
            self.send(&remember)?;
        }
        Ok(GroupEvent::Assigned(partitions))
    }

    /// Sends a commit of what is ours; its answer comes later.
    fn send(&mut self, offsets: &[Commit]) -> Result<(), ConnectorError> {
        let (Some(consumer), Some(commits)) = (&self.consumer, &mut self.commits) else { return Ok(()) };
        let mut list = TopicPartitionList::new();
        for commit in offsets {
            // After a loss somebody else reads them and commits.
            if self.owned.contains(&(commit.topic.clone(), commit.partition)) {
                list.add_partition_offset(&commit.topic, commit.partition, Offset::Offset(commit.offset))
                    .map_err(|e| self.connection.refused(e))?;
            }
        }
        if list.count() == 0 {
            return Ok(());
        }
        commits.send(&list).map_err(|code| consumer.context().link.failed(COMMITTING, code))
    }

    /// Takes the answers to commits that are there within `wait`; whether all are answered.
    fn take_answers(&mut self, wait: Duration) -> Result<bool, ConnectorError> {
        let (Some(consumer), Some(commits)) = (&self.consumer, &mut self.commits) else { return Ok(true) };
        let link = &consumer.context().link;
        let mut wait = wait;
        while let Some(number) = commits.answer(wait) {
            wait = Duration::ZERO;
            match failure::code(number) {
                _ if number == 0 => link.works(),
                // The group has moved on: a revocation follows, and what is not committed is read again.
                Some(
                    Code::IllegalGeneration
                    | Code::UnknownMemberId
                    | Code::RebalanceInProgress
                    | Code::AssignmentLost,
                ) => link.log(5, "COMMIT", &format!("not committed: {}", failure::describe(number))),
                _ => return Err(link.failed(COMMITTING, number)),
            }
        }
        Ok(commits.outstanding() == 0)
    }

    /// While no broker answers, asks now and then whether one does.
    fn probe(&mut self) {
        let Some(consumer) = &self.consumer else { return };
        if !consumer.context().link.is_down() {
            self.probe = None;
            return;
        }
        if let Some((at, ask)) = &self.probe
            && (ask.wait(Duration::ZERO).is_none() || at.elapsed() < AGAIN * 2)
        {
            return;
        }
        let lookup = Lookup::by(consumer);
        let Some(topic) = self.sources.keys().next().cloned() else { return };
        let ask = Ask::start(move || lookup.partitions(&topic, PATIENCE).map(drop));
        self.probe = Some((Instant::now(), ask));
    }

    fn log(&self, level: i32, kind: &str, text: &str) {
        if let Some(consumer) = &self.consumer {
            consumer.context().link.log(level, kind, text);
        }
    }

    /// What stands in the way now.
    fn trouble(&self) -> Result<(), ConnectorError> {
        if let Some(reason) = &self.stopped {
            return Err(ConnectorError::Stop(reason.clone()));
        }
        if let Some(consumer) = &self.consumer {
            consumer.context().link.check()?;
            if let Some((code, why)) = consumer.client().fatal_error()
                && failure::meaning(code) == Meaning::Stop
            {
                return Err(self.connection.refused(format!("{why}: {}", failure::remedy(code))));
            }
        }
        match &self.trouble {
            Some(reason) => Err(ConnectorError::Retry(reason.clone())),
            None => Ok(()),
        }
    }
}

impl Group for KafkaGroup {
    fn poll(&mut self, wait: Duration) -> Result<Option<GroupEvent>, ConnectorError> {
        if matches!(self.phase, Phase::Left) {
            return Ok(None);
        }
        if self.stopped.is_some() {
            self.trouble()?;
        }
        let asks = matches!(self.phase, Phase::Checking(_) | Phase::Resting(..) | Phase::Finding(..));
        self.drive(if asks { Duration::ZERO } else { wait });
        let event = self.consumer.as_ref().and_then(|consumer| consumer.context().next_rebalance());
        let event = match event {
            Some(event) => self.rebalanced(event)?,
            None => self.step(if asks { wait } else { Duration::ZERO })?,
        };
        if event.is_some() {
            return Ok(event);
        }
        self.take_answers(Duration::ZERO)?;
        self.probe();
        self.trouble()?;
        Ok(None)
    }

    fn released(&mut self) -> Result<(), ConnectorError> {
        self.owned.clear();
        if let Some(consumer) = &self.consumer
            && matches!(self.phase, Phase::Releasing)
        {
            consumer.unassign().map_err(|e| self.connection.refused(e))?;
            self.phase = Phase::Joining;
        }
        Ok(())
    }

    fn commit(&mut self, offsets: &[Commit], wait: bool) -> Result<(), ConnectorError> {
        self.send(offsets)?;
        if !wait {
            return Ok(());
        }
        let until = Instant::now() + PATIENCE;
        while !self.take_answers(TURN)? {
            if Instant::now() >= until {
                self.trouble()?;
                return Err(ConnectorError::Retry(format!(
                    "the broker did not confirm a commit within {} s",
                    PATIENCE.as_secs()
                )));
            }
            self.drive(Duration::ZERO);
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.phase = Phase::Left;
        self.owned.clear();
        self.commits = None;
        if let Some(consumer) = self.consumer.take() {
            if let Err(error) = consumer.unassign() {
                consumer.context().link.log(4, "CLOSE", &error.to_string());
            }
            let closed = consumer.closed();
            drop(consumer);
            // Ends with an error, in time or not; readers or a question may still hold the consumer.
            let _ = closed.recv_timeout(FAREWELL);
        }
    }
}

impl Drop for KafkaGroup {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Asks for the partitions of all topics.
fn check(connection: &Connection, sources: &BTreeMap<String, GroupSource>) -> Ask<usize> {
    let (connection, topics) = (connection.clone(), sources.keys().cloned().collect::<Vec<_>>());
    Ask::start(move || {
        let lookup = Lookup::new(&connection)?;
        let mut partitions = 0;
        for topic in &topics {
            partitions += lookup.partitions(topic, PATIENCE)? as usize;
        }
        Ok(partitions)
    })
}

fn found(
    connection: &Connection,
    group: &str,
    topic: String,
    partition: i32,
    begin: Begin,
) -> Result<Found, ConnectorError> {
    match begin {
        Begin::At { offset, remember } => Ok(Found { topic, partition, offset, remember }),
        Begin::After { gap, offset } => {
            let lost = gap.lost(offset);
            tracing::warn!(target: "kafka", lost, "{}; goes on at {offset}", gap.what(&topic, partition));
            Ok(Found { topic, partition, offset, remember: true })
        }
        Begin::Gap(gap) => {
            Err(ConnectorError::Stop(gap.explain(&topic, partition, connection.is_embedded())))
        }
        Begin::NothingCommitted => Err(ConnectorError::Stop(format!(
            "group `{group}` has committed no offset of {topic}/{partition}, and the source's `start` is \
             `committed`: commit one (kafka-consumer-groups --reset-offsets) or start at earliest, latest or a time"
        ))),
    }
}
