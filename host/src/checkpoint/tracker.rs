//! When a checkpoint is complete: every task has acknowledged its barrier, so everything before it has reached
//! the outside, and the offsets that the sources noted at that barrier may be committed. Checkpoints complete in
//! order. Rows that wait in a task for another attempt do not stop barriers: the task says since which barrier it
//! holds some, and what came after that one is committed only once they are through.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Checkpoints that every task has acknowledged and that rows held back keep from being complete. With more, the
/// newest are let go: a later one stands for them.
const MOST_HELD: usize = 64;

/// A checkpoint that is complete, with what its tasks noted at the barrier.
#[derive(Debug, PartialEq, Eq)]
pub struct Completed<N> {
    /// Its number.
    pub id: u64,
    /// The notes, in no particular order.
    pub notes: Vec<N>,
}

/// What a task says of a barrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement<N> {
    /// The barrier: everything before it is done, but for what is held.
    pub id: u64,
    /// What it noted when it passed the barrier.
    pub note: Option<N>,
    /// When it passed the barrier it held rows that had come after this earlier one (0: the start).
    pub held_since: Option<u64>,
}

/// Checkpoints under way in one run of a pipeline. `N` is what a task notes with its acknowledgement.
#[derive(Debug)]
pub struct Tracker<N> {
    next: u64,
    tasks: BTreeSet<usize>,
    pending: BTreeMap<u64, Pending<N>>,
    /// Acknowledged by all and not complete, oldest first.
    held: VecDeque<Completed<N>>,
}

#[derive(Debug)]
struct Pending<N> {
    waiting: BTreeSet<usize>,
    notes: Vec<N>,
    /// Everything up to this barrier is through.
    through: u64,
}

impl<N> Tracker<N> {
    /// For the tasks of these numbers; the first checkpoint is `first`.
    pub fn new(tasks: impl IntoIterator<Item = usize>, first: u64) -> Self {
        let tasks = tasks.into_iter().collect();
        Tracker { next: first, tasks, pending: BTreeMap::new(), held: VecDeque::new() }
    }

    /// Begins a checkpoint; its barrier goes to every source task.
    pub fn begin(&mut self) -> u64 {
        let id = self.next;
        self.next += 1;
        let waiting = self.tasks.clone();
        self.pending.insert(id, Pending { waiting, notes: Vec::new(), through: id });
        id
    }

    /// Number of checkpoints that some task has not acknowledged.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The number that the next checkpoint will have.
    pub fn next_id(&self) -> u64 {
        self.next
    }

    /// `task` acknowledges a barrier. Answers the checkpoints that are complete now, oldest first.
    pub fn acknowledge(&mut self, task: usize, of: Acknowledgement<N>) -> Vec<Completed<N>> {
        if let Some(pending) = self.pending.get_mut(&of.id) {
            pending.waiting.remove(&task);
            pending.notes.extend(of.note);
            pending.through = pending.through.min(of.held_since.unwrap_or(of.id));
        }
        let mut completed = Vec::new();
        while let Some(entry) = self.pending.first_entry() {
            if !entry.get().waiting.is_empty() {
                break;
            }
            let (id, Pending { notes, through, .. }) = entry.remove_entry();
            self.held.push_back(Completed { id, notes });
            while self.held.front().is_some_and(|held| held.id <= through) {
                completed.extend(self.held.pop_front());
            }
            self.held.truncate(MOST_HELD);
        }
        completed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn done(id: u64, note: &'static str) -> Acknowledgement<&'static str> {
        Acknowledgement { id, note: Some(note), held_since: None }
    }

    fn ids<N>(completed: &[Completed<N>]) -> Vec<u64> {
        completed.iter().map(|c| c.id).collect()
    }

    #[test]
    fn a_checkpoint_is_complete_when_every_task_has_acknowledged_and_never_before_an_older_one() {
        let mut t = Tracker::new([0, 1], 1);
        assert_eq!((t.begin(), t.begin()), (1, 2));
        assert_eq!(t.acknowledge(0, done(1, "a1")), vec![]);
        assert_eq!(t.acknowledge(0, done(2, "a2")), vec![]);
        assert_eq!(t.acknowledge(1, done(2, "b2")), vec![]);
        let done = t.acknowledge(1, done(1, "b1"));
        assert_eq!(ids(&done), [1, 2]);
        assert_eq!(done[1].notes, ["a2", "b2"]);
        assert_eq!(t.pending(), 0);
    }

    #[test]
    fn rows_that_are_held_keep_what_came_after_them_from_being_committed() {
        let mut t = Tracker::new([0], 1);
        let mut pass = |held_since| {
            let id = t.begin();
            ids(&t.acknowledge(0, Acknowledgement { id, note: Some(id), held_since }))
        };
        assert_eq!(pass(None), [1]);
        // A row came after barrier 1, another after barrier 2; the first went through before barrier 4.
        assert_eq!(pass(Some(1)), [0u64; 0]);
        assert_eq!(pass(Some(1)), [0u64; 0]);
        assert_eq!(pass(Some(2)), [2]);
        assert_eq!(pass(None), [3, 4, 5]);
        assert_eq!(t.pending(), 0);
    }

    #[test]
    fn what_is_kept_while_rows_are_held_is_bounded() {
        let mut t = Tracker::new([0], 1);
        for _ in 0..1000 {
            let id = t.begin();
            assert_eq!(t.acknowledge(0, Acknowledgement { id, note: Some(id), held_since: Some(0) }), []);
        }
        assert_eq!(t.held.len(), MOST_HELD);
        let id = t.begin();
        let completed = t.acknowledge(0, Acknowledgement { id, note: Some(id), held_since: None });
        assert_eq!((completed.len(), completed.last().map(|c| c.id)), (MOST_HELD + 1, Some(1001)));
    }

    proptest! {
        /// Whatever two tasks hold and in whatever order they answer, nothing is complete that is beyond a held row.
        #[test]
        fn nothing_is_complete_beyond_what_is_held(
            holds in prop::collection::vec((0u64..6, 0u64..6), 1..60), late in any::<bool>(),
        ) {
            let mut t = Tracker::new([0, 1], 1);
            let mut highest = 0;
            let mut oldest = [0u64, 0u64];
            for (a, b) in holds {
                let id = t.begin();
                // What is held gets younger, never older: rows go through, later ones come.
                oldest[0] = oldest[0].max(id.saturating_sub(a));
                oldest[1] = oldest[1].max(id.saturating_sub(b));
                let held = |of: u64| (of < id).then_some(of);
                let order = if late { [0, 1] } else { [1, 0] };
                for task in order {
                    let of = Acknowledgement { id, note: Some(id), held_since: held(oldest[task]) };
                    for completed in t.acknowledge(task, of) {
                        prop_assert!(completed.id > highest, "in order");
                        prop_assert_eq!(&completed.notes, &vec![completed.id, completed.id]);
                        highest = completed.id;
                    }
                }
                prop_assert_eq!(highest, oldest[0].min(oldest[1]));
            }
        }
    }
}
