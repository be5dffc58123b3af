//! A plan as text: what `sabot check` prints. Knows layout and nothing else.

use std::fmt::Write as _;

use super::describe;
use super::model::{Fragment, Input, Node, NodeKind, Plan, Target};
use crate::spec::{Delivery, PORT_MAIN, Pipeline, show_duration};

/// The plan for people: each fragment as a tree with its tasks, then the channels. Ends with a line break.
pub fn render(plan: &Plan, pipeline: &Pipeline) -> String {
    let delivery = match pipeline.delivery {
        Delivery::AtLeastOnce => "at least once",
    };
    let every = show_duration(pipeline.checkpoint.every);
    let dead = describe::dead_letters(&pipeline.dead_letter);
    let mut text = format!("pipeline {}\n", plan.pipeline);
    let _ = writeln!(text, "  delivery      {delivery}, a checkpoint every {every}");
    let _ = writeln!(text, "  dead letters  {dead}");
    for (id, fragment) in plan.fragments.iter().enumerate() {
        let tasks = describe::tasks(pipeline, fragment);
        let reads = match &fragment.input {
            Input::Source(_) => String::new(),
            Input::Channel(channel) => format!(", reads channel {channel}"),
        };
        let _ = writeln!(text, "\nfragment {id}: {tasks}{reads}");
        text += &tree(plan, fragment, pipeline);
    }
    if !plan.channels.is_empty() {
        text += "\nchannels\n";
    }
    for (id, channel) in plan.channels.iter().enumerate() {
        let from = describe::channel_inputs(plan, id, channel).join(", ");
        let (reader, capacity) = (channel.reader, channel.capacity);
        let _ = writeln!(
            text,
            "  {id}: {from} → {} in fragment {reader}, memory, {capacity} messages a task",
            channel.name
        );
    }
    text
}

/// A line of a tree: what stands left, and beside it the kind and the description.
struct Line {
    left: String,
    kind: &'static str,
    right: String,
}

/// Something still to be written: what leads to it, and what stands left of its first line and of those below.
struct Open<'a> {
    port: &'a str,
    target: Target,
    first: String,
    rest: String,
}

fn tree(plan: &Plan, fragment: &Fragment, pipeline: &Pipeline) -> String {
    let mut lines = Vec::new();
    // Depth first with a stack of its own: a chain may be as long as a pipeline has steps.
    let root = Open { port: PORT_MAIN, target: Target::Node(0), first: String::new(), rest: String::new() };
    let mut open = vec![root];
    while let Some(next) = open.pop() {
        let label = if next.port == PORT_MAIN { String::new() } else { format!(".{} → ", next.port) };
        let left = format!("{}{label}", next.first);
        match next.target {
            Target::Channel(id) => {
                let reader = plan.channels.get(id).map(|channel| channel.name.as_str()).unwrap_or_default();
                lines.push(Line {
                    left: format!("{left}channel {id}"),
                    kind: "channel",
                    right: format!("to {reader}"),
                });
            }
            Target::Node(id) => {
                let Some(node) = fragment.nodes.get(id) else { continue };
                lines.push(Line {
                    left: format!("{left}{}", node.name),
                    kind: kind(node.kind),
                    right: describe::node(pipeline, &node.name),
                });
                open.extend(below(node, &next.rest));
            }
        }
    }
    aligned(&lines)
}

/// What a node leads to, the first last.
fn below<'a>(node: &'a Node, left: &str) -> Vec<Open<'a>> {
    let leads = node.ports.iter().flat_map(|port| port.to.iter().map(|to| (port.name.as_str(), *to)));
    let mut below: Vec<Open<'_>> = leads
        .map(|(port, target)| Open {
            port, target, first: format!("{left}├─ "), rest: format!("{left}│  ")
        })
        .collect();
    if let Some(last) = below.last_mut() {
        (last.first, last.rest) = (format!("{left}└─ "), format!("{left}   "));
    }
    below.reverse();
    below
}

fn aligned(lines: &[Line]) -> String {
    let width = |text: &String| text.chars().count();
    let left = lines.iter().map(|line| width(&line.left)).max().unwrap_or_default();
    let kinds = lines.iter().map(|line| line.kind.len()).max().unwrap_or_default();
    let mut text = String::new();
    for line in lines {
        let Line { left: name, kind, right } = line;
        let row = format!("  {name:left$}  {kind:kinds$}  {right}");
        let _ = writeln!(text, "{}", row.trim_end());
    }
    text
}

/// The word for a node's kind.
pub(super) fn kind(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Source => "source",
        NodeKind::Union => "union",
        NodeKind::Filter => "filter",
        NodeKind::Select => "select",
        NodeKind::Route => "route",
        NodeKind::Wasm => "wasm",
        NodeKind::Native => "native",
        NodeKind::Sink => "sink",
    }
}
