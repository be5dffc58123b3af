//! Which tasks a plan has for a set of partitions, and the channels between them. A fragment has a task for each
//! lane: a partition number that some source above it has. Pure but for making the channels.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::batch::Message;
use crate::plan::{ChannelId, FragmentId, Input, Plan};

/// A task's place: its fragment and its lane.
pub(super) type Place = (FragmentId, i32);

/// The channels of one run: for each task the ends it reads and the ends it writes.
#[derive(Default)]
pub(super) struct Channels {
    receivers: HashMap<Place, Vec<Receiver<Message>>>,
    senders: HashMap<(Place, ChannelId), VecDeque<Sender<Message>>>,
}

/// The lanes of every fragment, given the partitions of each source.
pub(super) fn lanes(plan: &Plan, partitions: &BTreeMap<String, BTreeSet<i32>>) -> Vec<BTreeSet<i32>> {
    let of = |source: &String| partitions.get(source).into_iter().flatten().copied();
    plan.fragments.iter().map(|fragment| fragment.sources.iter().flat_map(of).collect()).collect()
}

impl Channels {
    /// A channel for every writing task and port, to the reading task of the same lane.
    pub fn new(plan: &Plan, lanes: &[BTreeSet<i32>]) -> Self {
        let mut channels = Channels::default();
        for (id, channel) in plan.channels.iter().enumerate() {
            for &writer in &channel.writers {
                for &lane in &lanes[writer] {
                    let (sender, receiver) = bounded(channel.capacity);
                    channels.receivers.entry((channel.reader, lane)).or_default().push(receiver);
                    channels.senders.entry(((writer, lane), id)).or_default().push_back(sender);
                }
            }
        }
        channels
    }

    /// What the task at `place` reads.
    pub fn receivers(&mut self, place: Place) -> Vec<Receiver<Message>> {
        self.receivers.remove(&place).unwrap_or_default()
    }

    /// The next end that the task at `place` writes into `channel`: one for each port that leads there.
    pub fn sender(&mut self, place: Place, channel: ChannelId) -> Option<Sender<Message>> {
        self.senders.get_mut(&(place, channel))?.pop_front()
    }
}

/// Whether a fragment reads a source.
pub(super) fn source_of(input: &Input) -> Option<&str> {
    match input {
        Input::Source(name) => Some(name),
        Input::Channel(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Channel, Fragment};

    fn fragment(input: Input, sources: &[&str]) -> Fragment {
        Fragment { input, nodes: Vec::new(), sources: sources.iter().map(|s| s.to_string()).collect() }
    }

    #[test]
    fn a_merging_fragment_has_the_lanes_of_all_its_sources() {
        let plan = Plan {
            pipeline: "p".into(),
            fragments: vec![
                fragment(Input::Source("a".into()), &["a"]),
                fragment(Input::Source("b".into()), &["b"]),
                fragment(Input::Channel(0), &["a", "b"]),
            ],
            channels: vec![Channel { name: "u".into(), writers: vec![0, 1, 1], reader: 2, capacity: 4 }],
        };
        let partitions =
            BTreeMap::from([("a".to_owned(), BTreeSet::from([0])), ("b".to_owned(), BTreeSet::from([0, 1]))]);
        let lanes = lanes(&plan, &partitions);
        assert_eq!(lanes[2], BTreeSet::from([0, 1]));
        let mut channels = Channels::new(&plan, &lanes);
        assert_eq!(channels.receivers((2, 0)).len(), 3);
        assert_eq!(channels.receivers((2, 1)).len(), 2);
        assert!(channels.sender((1, 1), 0).is_some() && channels.sender((1, 1), 0).is_some());
        assert!(channels.sender((1, 1), 0).is_none() && channels.sender((0, 1), 0).is_none());
    }
}
