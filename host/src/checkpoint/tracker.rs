//! When a checkpoint is complete: every task has acknowledged its barrier, so everything before it has reached
//! the outside, and the offsets that the sources noted at that barrier may be committed. Checkpoints complete in order.

use std::collections::{BTreeMap, BTreeSet};

/// A checkpoint that is complete, with what its tasks noted at the barrier.
#[derive(Debug, PartialEq, Eq)]
pub struct Completed<N> {
    /// Its number.
    pub id: u64,
    /// The notes, in no particular order.
    pub notes: Vec<N>,
}

/// Checkpoints under way in one run of a pipeline. `N` is what a task notes with its acknowledgement.
#[derive(Debug)]
pub struct Tracker<N> {
    next: u64,
    tasks: BTreeSet<usize>,
    pending: BTreeMap<u64, Pending<N>>,
}

#[derive(Debug)]
struct Pending<N> {
    waiting: BTreeSet<usize>,
    notes: Vec<N>,
}

impl<N> Tracker<N> {
    /// For the tasks of these numbers; the first checkpoint is `first`.
    pub fn new(tasks: impl IntoIterator<Item = usize>, first: u64) -> Self {
        Tracker { next: first, tasks: tasks.into_iter().collect(), pending: BTreeMap::new() }
    }

    /// Begins a checkpoint; its barrier goes to every source task.
    pub fn begin(&mut self) -> u64 {
        let id = self.next;
        self.next += 1;
        self.pending.insert(id, Pending { waiting: self.tasks.clone(), notes: Vec::new() });
        id
    }

    /// Number of checkpoints that are not complete.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The number that the next checkpoint will have.
    pub fn next_id(&self) -> u64 {
        self.next
    }

    /// `task` is done with everything before barrier `id` and notes `note`. Answers the checkpoints that are
    /// complete now, oldest first.
    pub fn acknowledge(&mut self, task: usize, id: u64, note: Option<N>) -> Vec<Completed<N>> {
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.waiting.remove(&task);
            pending.notes.extend(note);
        }
        let mut completed = Vec::new();
        while let Some(entry) = self.pending.first_entry() {
            if !entry.get().waiting.is_empty() {
                break;
            }
            let (id, pending) = entry.remove_entry();
            completed.push(Completed { id, notes: pending.notes });
        }
        completed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_complete_when_every_task_has_acknowledged_and_never_before_an_older_one() {
        let mut t = Tracker::new([0, 1], 1);
        assert_eq!((t.begin(), t.begin()), (1, 2));
        assert_eq!(t.acknowledge(0, 1, Some("a1")), vec![]);
        assert_eq!(t.acknowledge(0, 2, Some("a2")), vec![]);
        assert_eq!(t.acknowledge(1, 2, Some("b2")), vec![]);
        let done = t.acknowledge(1, 1, Some("b1"));
        assert_eq!(done.iter().map(|c| c.id).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(done[1].notes, ["a2", "b2"]);
        assert_eq!(t.pending(), 0);
    }
}
