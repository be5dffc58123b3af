//! A plan: fragments of operators joined by channels.
//!
//! A fragment is a tree of nodes that one thread walks for each batch: the source or the channel it reads is
//! the root, a port read by several nodes branches, sinks are leaves. It is cut where streams merge (a node
//! that reads several ports), because there rows of several tasks come together: that edge is a channel.
//! One task runs one fragment for one partition number: a fragment that merges has a task for each number that
//! some source above it has, and partition 3 of one source meets partition 3 of the other.

/// Index of a fragment in [`Plan::fragments`].
pub type FragmentId = usize;
/// Index of a channel in [`Plan::channels`].
pub type ChannelId = usize;
/// Index of a node in [`Fragment::nodes`].
pub type NodeId = usize;

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The pipeline's name.
    pub pipeline: String,
    /// The fragments, sources first, in the order written.
    pub fragments: Vec<Fragment>,
    /// The channels between them.
    pub channels: Vec<Channel>,
}

/// An edge between fragments: many writers, one reading fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// `step` or `sink` that reads it.
    pub name: String,
    /// Fragments that write it, each once for each port that leads here.
    pub writers: Vec<FragmentId>,
    /// The fragment that reads it.
    pub reader: FragmentId,
    /// Messages it holds before a writer waits.
    pub capacity: usize,
}

/// A tree of nodes that one task runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// What feeds node 0.
    pub input: Input,
    /// The nodes; parents before children.
    pub nodes: Vec<Node>,
    /// Names of the sources whose rows can come here: one task for each partition number that one
    /// of them has.
    pub sources: Vec<String>,
}

/// What feeds a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The source of this name.
    Source(String),
    /// A channel.
    Channel(ChannelId),
}

/// An operator or sink in a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Name in the spec.
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
    /// Its output ports by index, `main` first for steps that have one; `errors` last. Sinks have none.
    pub ports: Vec<Port>,
}

/// What a node is; the details are in the spec under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// Decoded rows of a source. Only ever node 0.
    Source,
    /// Passes on.
    Union,
    /// SQL filter.
    Filter,
    /// SQL projection.
    Select,
    /// SQL route.
    Route,
    /// A component.
    Wasm,
    /// A function of the embedding program.
    Native,
    /// A sink.
    Sink,
}

/// An output port and who reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name: `main`, a route's branch, a component's port, `errors`.
    pub name: String,
    /// Where its batches go: to all of these.
    pub to: Vec<Target>,
}

/// Where a port leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A node of the same fragment.
    Node(NodeId),
    /// A channel.
    Channel(ChannelId),
}
