//! Dead letters that go through the pipeline again: where each goes in and as what, and when a chunk of them is
//! through: once a checkpoint is complete whose barrier came after the last of them in every task.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::Schema;
use crossbeam_channel::Sender;

use super::assembly::Job;
use super::under_replay::{Fared, UnderReplay};
use crate::batch::{Batch, NO_RECORD, Parents, RawRecords};
use crate::connector::DeadLetter;
use crate::connector::dead_letter::row_from_ipc;
use crate::plan::{FragmentId, NodeId, NodeKind};
use crate::spec::show_type;

/// What became of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything made of it is delivered.
    Replayed,
    /// It failed again; a new letter, which is durable, stands for it.
    FailedAnew,
    /// It failed again, and its place has no dead letters: it has to stay one.
    FailedAndStays,
    /// It cannot be run, and why.
    Skipped(String),
}

/// A letter ready to go.
pub(super) struct Again {
    pub fragment: FragmentId,
    pub node: NodeId,
    /// Name of the node, for people.
    name: String,
    /// The partition it came from, whose task it goes to if that is here.
    lane: Option<i32>,
    attempts: u32,
    /// The original record, or none; no other letter has the same.
    pub records: Arc<RawRecords>,
    /// The row to give to the node; `None` for a source, which decodes the record.
    pub rows: Option<RecordBatch>,
}

impl Again {
    /// Of a letter, if the pipeline still has a place for it.
    pub fn of(job: &Job, letter: &DeadLetter) -> Result<Again, String> {
        let name = &letter.step;
        let (fragment, node, kind) = place_of(job, name)
            .ok_or_else(|| format!("the pipeline has no source, step or sink `{name}` any more"))?;
        let rows = match kind {
            NodeKind::Source => decodable(job, letter).map(|()| None)?,
            _ => Some(row(job, letter)?),
        };
        Ok(Again {
            fragment,
            node,
            name: name.clone(),
            lane: letter.partition,
            attempts: letter.attempts,
            records: Arc::new(records(letter)),
            rows,
        })
    }

    /// The row as a batch that knows its record.
    pub fn batch(&self, rows: RecordBatch) -> Batch {
        let parents = match self.records.is_empty() {
            false => Parents::Run { first: 0 },
            true => Parents::Each([NO_RECORD].into()),
        };
        Batch::decoded(rows, Arc::clone(&self.records), parents)
    }
}

fn place_of(job: &Job, name: &str) -> Option<(FragmentId, NodeId, NodeKind)> {
    job.plan().fragments.iter().enumerate().find_map(|(fragment, found)| {
        let node = found.nodes.iter().position(|node| node.name == name)?;
        Some((fragment, node, found.nodes[node].kind))
    })
}

fn decodable(job: &Job, letter: &DeadLetter) -> Result<(), String> {
    let name = &letter.step;
    if letter.topic.is_none() {
        return Err("its original record is not known".into());
    }
    match job.spec().source(name).is_some_and(|source| source.decoder.is_some()) {
        true => Ok(()),
        false => Err(format!("source `{name}` makes rows itself and decodes no records any more")),
    }
}

/// The row of a letter with the columns that its place reads now.
fn row(job: &Job, letter: &DeadLetter) -> Result<RecordBatch, String> {
    let name = &letter.step;
    let ipc = letter.row_ipc.as_deref().ok_or(
        "its row was not kept: with it the letter was too large for the topic of the dead letters, or it is one of an \
         earlier release",
    )?;
    let row = row_from_ipc(ipc).map_err(|e| format!("its row cannot be read: {e}"))?;
    let input = job.schemas().input(name).ok_or_else(|| format!("the columns of `{name}` are not known"))?;
    let columns = columns(&row, input, name)?;
    RecordBatch::try_new(Arc::clone(input), columns)
        .map_err(|e| format!("`{name}` reads other rows now: {e}"))
}

fn columns(row: &RecordBatch, input: &Schema, name: &str) -> Result<Vec<Arc<dyn Array>>, String> {
    let column = |field: &Arc<arrow::datatypes::Field>| {
        let (wanted, of) = (field.name(), show_type(field.data_type()));
        match row.column_by_name(wanted) {
            Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
            Some(column) => {
                let has = show_type(column.data_type());
                Err(format!("`{name}` now reads the column `{wanted}` as {of}; in the row it is {has}"))
            }
            None => Err(format!(
                "`{name}` now reads a column `{wanted}` of type {of}, which the row does not have"
            )),
        }
    };
    input.fields().iter().map(column).collect()
}

/// The original record.
fn records(letter: &DeadLetter) -> RawRecords {
    let topic = letter.topic.clone().unwrap_or_default();
    let mut records = RawRecords::with_capacity(topic.into(), letter.partition.unwrap_or(0), 1, 0);
    if letter.topic.is_some() {
        let offset = letter.offset.unwrap_or(0);
        records.push(offset, letter.timestamp_ms, letter.key.as_deref(), letter.value.as_deref());
        for header in &letter.headers {
            records.push_header(&header.name, header.value.as_deref());
        }
    }
    records
}

/// Letters to run, and who wants to know what became of them, in their order.
pub(super) struct Order {
    pub letters: Vec<Again>,
    pub answer: Sender<Result<Vec<Outcome>, String>>,
}

/// A task that letters can be given to.
pub(super) struct Door {
    pub task: usize,
    pub fragment: FragmentId,
    pub lane: i32,
}

/// A chunk of letters on its way.
pub(super) struct UnderWay {
    answer: Sender<Result<Vec<Outcome>, String>>,
    replays: Arc<UnderReplay>,
    /// By letter: its records, or why it did not go.
    letters: Vec<Result<Arc<RawRecords>, String>>,
    /// Tasks that have not put all of theirs in.
    tasks: BTreeSet<usize>,
    /// The first checkpoint that covers those put in.
    covered_by: u64,
}

impl UnderWay {
    /// Deals the letters of an order out to tasks: each to the task of its partition if that is here, or else to the
    /// first that has its place. Answers what to give to whom.
    pub fn deal(
        order: Order,
        doors: &[Door],
        replays: &Arc<UnderReplay>,
    ) -> (Self, BTreeMap<usize, Vec<Again>>) {
        let mut dealt: BTreeMap<usize, Vec<Again>> = BTreeMap::new();
        let mut letters = Vec::with_capacity(order.letters.len());
        for letter in order.letters {
            let mut fitting = doors.iter().filter(|door| door.fragment == letter.fragment);
            let first = fitting.clone().next();
            let door = fitting.find(|door| Some(door.lane) == letter.lane).or(first);
            letters.push(match door {
                None => Err(format!(
                    "this host runs no task of `{}` at the moment: it has none of its partitions",
                    letter.name
                )),
                Some(door) => {
                    let records = Arc::clone(&letter.records);
                    replays.add(&records, letter.attempts);
                    dealt.entry(door.task).or_default().push(letter);
                    Ok(records)
                }
            });
        }
        let (tasks, replays) = (dealt.keys().copied().collect(), Arc::clone(replays));
        (UnderWay { answer: order.answer, replays, letters, tasks, covered_by: 0 }, dealt)
    }

    /// A task has put all of its letters in, and the last barrier that it passed before is `passed`.
    pub fn put_in(&mut self, task: usize, passed: u64) {
        self.tasks.remove(&task);
        self.covered_by = self.covered_by.max(passed + 1);
    }

    /// Whether nothing is missing but a barrier, and the next one would have the number `next`.
    pub fn wants_barrier(&self, next: u64) -> bool {
        self.tasks.is_empty() && self.covered_by >= next
    }

    /// Whether all of them are delivered once this checkpoint is complete.
    pub fn is_through(&self, checkpoint: u64) -> bool {
        self.tasks.is_empty() && checkpoint >= self.covered_by
    }

    /// They are through.
    pub fn finish(self) {
        let outcome = |letter: &Result<Arc<RawRecords>, String>| match letter {
            Err(reason) => Outcome::Skipped(reason.clone()),
            Ok(records) => match self.replays.remove(records) {
                Fared::Through => Outcome::Replayed,
                Fared::FailedAnew => Outcome::FailedAnew,
                Fared::FailedAndStays => Outcome::FailedAndStays,
            },
        };
        // Nobody waits for it any more: they are through all the same.
        let _ = self.answer.send(Ok(self.letters.iter().map(outcome).collect()));
    }

    /// The run ended before they were known to be through.
    pub fn give_up(self, reason: &str) {
        for records in self.letters.iter().flatten() {
            self.replays.remove(records);
        }
        let _ = self.answer.send(Err(reason.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field};
    use crossbeam_channel::bounded;

    use super::*;

    fn again(fragment: FragmentId, lane: Option<i32>) -> Again {
        let records = Arc::new(RawRecords::with_capacity("orders".into(), 0, 0, 0));
        Again { fragment, node: 1, name: "score".into(), lane, attempts: 1, records, rows: None }
    }

    #[test]
    fn a_letter_goes_to_the_task_of_its_partition_or_to_one_that_has_its_place() {
        let doors: Vec<Door> = [(0, 0), (0, 1), (1, 0)]
            .into_iter()
            .enumerate()
            .map(|(task, (fragment, lane))| Door { task, fragment, lane })
            .collect();
        let letters = vec![again(0, Some(1)), again(0, Some(9)), again(1, None), again(7, None)];
        let (answer, answered) = bounded(1);
        let replays = Arc::default();
        let (mut under_way, dealt) = UnderWay::deal(Order { letters, answer }, &doors, &replays);
        assert_eq!(
            dealt.iter().map(|(task, l)| (*task, l.len())).collect::<Vec<_>>(),
            [(0, 1), (1, 1), (2, 1)]
        );
        replays.failed(&dealt[&2][0].records, Fared::FailedAnew);
        under_way.put_in(0, 4);
        under_way.put_in(1, 6);
        assert!(!under_way.wants_barrier(7) && !under_way.is_through(100), "a task is missing");
        under_way.put_in(2, 5);
        assert!(under_way.wants_barrier(7) && !under_way.wants_barrier(8));
        assert!(!under_way.is_through(6) && under_way.is_through(7));
        under_way.finish();
        let reason = "this host runs no task of `score` at the moment: it has none of its partitions";
        assert_eq!(
            answered.recv().unwrap().unwrap(),
            [Outcome::Replayed, Outcome::Replayed, Outcome::FailedAnew, Outcome::Skipped(reason.into())]
        );
    }

    #[test]
    fn a_row_takes_the_columns_that_are_read_now_or_says_which_it_has_not() {
        let id: ArrayRef = Arc::new(Int64Array::from(vec![7]));
        let user: ArrayRef = Arc::new(StringArray::from(vec!["ann"]));
        let row = RecordBatch::try_from_iter([
            ("user", user),
            ("id", id),
            ("gone", Arc::new(Int64Array::from(vec![1]))),
        ]);
        let fit = |fields: &[(&str, DataType)]| {
            let fields: Vec<Field> = fields.iter().map(|(n, t)| Field::new(*n, t.clone(), true)).collect();
            columns(row.as_ref().unwrap(), &Schema::new(fields), "score").map(|columns| columns.len())
        };
        assert_eq!(fit(&[("id", DataType::Int64), ("user", DataType::Utf8)]), Ok(2));
        insta::assert_snapshot!(fit(&[("id", DataType::Utf8)]).unwrap_err(), @"`score` now reads the column `id` as string; in the row it is int64");
        insta::assert_snapshot!(fit(&[("shop", DataType::Utf8)]).unwrap_err(), @"`score` now reads a column `shop` of type string, which the row does not have");
    }
}
