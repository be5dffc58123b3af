//! A plan as JSON: what the API answers. Knows layout and nothing else.

use serde_json::{Value, json};

use super::describe;
use super::model::{Fragment, Input, Node, Plan, Target};
use super::render::kind;
use crate::spec::Pipeline;

/// The plan for programs: nodes by name, fragments and channels by index.
pub fn to_json(plan: &Plan, pipeline: &Pipeline) -> Value {
    let fragments: Vec<Value> =
        plan.fragments.iter().enumerate().map(|(id, part)| fragment(id, part, pipeline)).collect();
    let channels: Vec<Value> = plan
        .channels
        .iter()
        .enumerate()
        .map(|(id, channel)| {
            json!({
                "id": id,
                "name": channel.name,
                "from": describe::channel_inputs(plan, id, channel),
                "reader": channel.reader,
                "transport": "memory",
                "capacity": channel.capacity,
            })
        })
        .collect();
    json!({ "pipeline": plan.pipeline, "fragments": fragments, "channels": channels })
}

fn fragment(id: usize, fragment: &Fragment, pipeline: &Pipeline) -> Value {
    let input = match &fragment.input {
        Input::Source(name) => json!({ "source": name }),
        Input::Channel(channel) => json!({ "channel": channel }),
    };
    let nodes: Vec<Value> = fragment.nodes.iter().map(|found| node(found, fragment, pipeline)).collect();
    json!({
        "id": id,
        "input": input,
        "sources": fragment.sources,
        "tasks": describe::tasks(pipeline, fragment),
        "nodes": nodes,
    })
}

fn node(node: &Node, fragment: &Fragment, pipeline: &Pipeline) -> Value {
    let target = |to: &Target| match to {
        Target::Node(id) => json!({ "node": fragment.nodes.get(*id).map(|node| &node.name) }),
        Target::Channel(id) => json!({ "channel": id }),
    };
    let ports: Vec<Value> = node
        .ports
        .iter()
        .map(|port| json!({ "name": port.name, "to": port.to.iter().map(target).collect::<Vec<_>>() }))
        .collect();
    json!({
        "name": node.name,
        "kind": kind(node.kind),
        "description": describe::node(pipeline, &node.name),
        "ports": ports,
    })
}
