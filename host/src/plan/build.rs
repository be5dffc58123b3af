//! Cuts a pipeline into fragments: a node that reads one port joins the fragment of that port, a node that reads
//! several starts one of its own behind a channel. Knows nothing of columns.

use std::collections::{HashMap, HashSet};

use super::model::{Channel, Fragment, FragmentId, Input, Node, NodeId, NodeKind, Plan, Port, Target};
use crate::spec::{PORT_ERRORS, PORT_MAIN, Pipeline, PortRef, Step, StepKind};

/// Messages that a channel between fragments holds before a writer waits: enough to ride out a hiccup of the
/// reader, few enough that a barrier is not stuck behind seconds of data.
const CHANNEL_CAPACITY: usize = 16;

/// The plan of a pipeline. Total: the parser has seen to it that every `from` leads somewhere and nothing reads
/// itself; in a pipeline built by hand, nodes that break this are left out.
pub fn plan(pipeline: &Pipeline) -> Plan {
    let mut builder = Builder {
        pipeline,
        plan: Plan { pipeline: pipeline.name.clone(), fragments: Vec::new(), channels: Vec::new() },
        placed: HashMap::new(),
    };
    for source in &pipeline.sources {
        builder.source(&source.name);
    }
    for step in in_order(pipeline) {
        builder.reader(&step.name, node_kind(&step.kind), &step.from, step_ports(pipeline, step));
    }
    for sink in &pipeline.sinks {
        builder.reader(&sink.name, NodeKind::Sink, &sink.from, Vec::new());
    }
    builder.plan
}

struct Builder<'a> {
    pipeline: &'a Pipeline,
    plan: Plan,
    /// Where each source and step is.
    placed: HashMap<&'a str, (FragmentId, NodeId)>,
}

impl<'a> Builder<'a> {
    fn source(&mut self, name: &'a str) {
        let node = Node {
            name: name.to_owned(),
            kind: NodeKind::Source,
            ports: vec![Port { name: PORT_MAIN.to_owned(), to: Vec::new() }],
        };
        self.placed.insert(name, (self.plan.fragments.len(), 0));
        self.plan.fragments.push(Fragment {
            input: Input::Source(name.to_owned()),
            nodes: vec![node],
            sources: vec![name.to_owned()],
        });
    }

    fn reader(&mut self, name: &'a str, kind: NodeKind, from: &[PortRef], ports: Vec<Port>) {
        if from.is_empty() || from.iter().any(|port| self.port(port).is_none()) {
            return;
        }
        let node = Node { name: name.to_owned(), kind, ports };
        let place = match from {
            [port] => self.fuse(port, node),
            _ => self.merge(from, node),
        };
        self.placed.insert(name, place);
    }

    /// Puts a node into the fragment of the only port it reads.
    fn fuse(&mut self, port: &PortRef, node: Node) -> (FragmentId, NodeId) {
        let fragment = self.placed[port.node.as_str()].0;
        let id = self.plan.fragments[fragment].nodes.len();
        self.connect(port, Target::Node(id));
        self.plan.fragments[fragment].nodes.push(node);
        (fragment, id)
    }

    /// Starts a fragment with a node that reads several ports.
    fn merge(&mut self, from: &[PortRef], node: Node) -> (FragmentId, NodeId) {
        let (channel, reader) = (self.plan.channels.len(), self.plan.fragments.len());
        let writers: Vec<FragmentId> = from.iter().map(|port| self.placed[port.node.as_str()].0).collect();
        for port in from {
            self.connect(port, Target::Channel(channel));
        }
        let above: HashSet<&String> =
            writers.iter().flat_map(|writer| &self.plan.fragments[*writer].sources).collect();
        let sources = self.pipeline.sources.iter().map(|source| &source.name);
        let sources: Vec<String> = sources.filter(|name| above.contains(name)).cloned().collect();
        self.plan.channels.push(Channel {
            name: node.name.clone(),
            writers,
            reader,
            capacity: CHANNEL_CAPACITY,
        });
        self.plan.fragments.push(Fragment { input: Input::Channel(channel), nodes: vec![node], sources });
        (reader, 0)
    }

    fn port(&mut self, port: &PortRef) -> Option<&mut Port> {
        let (fragment, node) = *self.placed.get(port.node.as_str())?;
        let ports = &mut self.plan.fragments[fragment].nodes[node].ports;
        ports.iter_mut().find(|found| found.name == port.port_name())
    }

    fn connect(&mut self, port: &PortRef, target: Target) {
        if let Some(port) = self.port(port) {
            port.to.push(target);
        }
    }
}

/// Steps so that each comes after what it reads, otherwise as written.
fn in_order(pipeline: &Pipeline) -> Vec<&Step> {
    let mut ready: HashSet<&str> = pipeline.sources.iter().map(|source| source.name.as_str()).collect();
    let mut left: Vec<&Step> = pipeline.steps.iter().collect();
    let mut ordered = Vec::new();
    while let Some(next) =
        left.iter().position(|step| step.from.iter().all(|port| ready.contains(port.node.as_str())))
    {
        let step = left.remove(next);
        ready.insert(&step.name);
        ordered.push(step);
    }
    ordered
}

fn node_kind(kind: &StepKind) -> NodeKind {
    match kind {
        StepKind::Union => NodeKind::Union,
        StepKind::Filter { .. } => NodeKind::Filter,
        StepKind::Select { .. } => NodeKind::Select,
        StepKind::Route { .. } => NodeKind::Route,
        StepKind::Wasm(_) => NodeKind::Wasm,
        StepKind::Native(_) => NodeKind::Native,
    }
}

/// A step's output ports; of a component those besides `main` and `errors` that somebody reads.
fn step_ports(pipeline: &Pipeline, step: &Step) -> Vec<Port> {
    let mut names: Vec<&str> = match &step.kind {
        StepKind::Route { branches } => branches.iter().map(|(port, _)| port.as_str()).collect(),
        StepKind::Union
        | StepKind::Filter { .. }
        | StepKind::Select { .. }
        | StepKind::Wasm(_)
        | StepKind::Native(_) => vec![PORT_MAIN],
    };
    if matches!(step.kind, StepKind::Wasm(_)) {
        let steps = pipeline.steps.iter().flat_map(|step| &step.from);
        let sinks = pipeline.sinks.iter().flat_map(|sink| &sink.from);
        for port in steps.chain(sinks).filter(|port| port.node == step.name) {
            let name = port.port_name();
            if name != PORT_ERRORS && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names.push(PORT_ERRORS);
    names.into_iter().map(|name| Port { name: name.to_owned(), to: Vec::new() }).collect()
}
