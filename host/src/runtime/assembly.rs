//! From a job to tasks: the groups, and for each task its input, operators and writers. With `native` and
//! `connectors` the only place in the runtime that knows which operators and connectors there are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};

use super::connectors::{self, NamedGroup};
use super::dead_letters::DeadLetters;
use super::input::{ChannelInput, SourceInput};
use super::lanes::{Channels, Place, lanes, source_of};
use super::log::{Level, PipelineLog};
use super::metrics::PipelineMetrics;
use super::native;
use super::run::{COMMANDS_AT_ONCE, Made, Signals};
use super::task::{Event, Feed, Task};
use super::walker::{Edge, Role, Waiting, Walker, WalkerNode};
use crate::codec::Decoder;
use crate::codec::registry::Registries;
use crate::connector::Partition;
use crate::connector::kafka::Connections;
use crate::operator::component::{ComponentOperator, StepControl};
use crate::operator::native::Functions;
use crate::plan::{Fragment, Node, NodeKind, Plan, Port, Schemas, errors_schema};
use crate::spec::{self, PORT_ERRORS, PORT_MAIN};
use crate::time::BoundedOutOfOrder;

/// What a job needs of its host.
pub struct Resources {
    /// Brokers by name.
    pub connections: Connections,
    /// Schema registries by name.
    pub registries: Registries,
    /// What is said of the pipeline.
    pub log: Arc<PipelineLog>,
    /// Folder of this pipeline's own files: progress of local sources, dead letters.
    pub folder: PathBuf,
    /// Functions of the embedding program that its steps use.
    pub functions: Functions,
}

/// A pipeline ready to run: everything is checked, nothing is started.
pub struct Job {
    spec: spec::Pipeline,
    plan: Plan,
    schemas: Schemas,
    components: BTreeMap<String, Arc<StepControl>>,
    resources: Resources,
    metrics: Arc<PipelineMetrics>,
    tasks: AtomicUsize,
}

/// What the tasks of one run share.
struct Making<'a> {
    channels: Channels,
    /// The host's, shared among all writers of the run.
    connections: Connections,
    events: &'a Sender<Event>,
    signals: &'a Signals,
}

impl Job {
    /// Of a pipeline whose plan, columns and components are known.
    pub fn new(
        spec: spec::Pipeline,
        plan: Plan,
        schemas: Schemas,
        components: BTreeMap<String, Arc<StepControl>>,
        resources: Resources,
    ) -> Job {
        Job {
            spec,
            plan,
            schemas,
            components,
            resources,
            metrics: Arc::default(),
            tasks: AtomicUsize::new(0),
        }
    }

    /// The pipeline's name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Its specification.
    pub fn spec(&self) -> &spec::Pipeline {
        &self.spec
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The columns of every port.
    pub fn schemas(&self) -> &Schemas {
        &self.schemas
    }

    /// Its counters.
    pub fn metrics(&self) -> &Arc<PipelineMetrics> {
        &self.metrics
    }

    /// The component of a step.
    pub fn component(&self, step: &str) -> Option<&Arc<StepControl>> {
        self.components.get(step)
    }

    pub(super) fn checkpoint_every(&self) -> Duration {
        self.spec.checkpoint.every
    }

    pub(super) fn set_tasks(&self, tasks: usize) {
        self.tasks.store(tasks, Relaxed);
    }

    /// Tasks of the last run.
    pub fn task_count(&self) -> usize {
        self.tasks.load(Relaxed)
    }

    /// Adds a line to the pipeline's log and to the host's.
    pub fn log(&self, level: Level, line: String) {
        match level {
            Level::Info => tracing::info!(pipeline = self.name(), "{line}"),
            Level::Warn => tracing::warn!(pipeline = self.name(), "{line}"),
            Level::Error => tracing::error!(pipeline = self.name(), "{line}"),
        }
        self.resources.log.host(level, line);
    }

    /// The groups that give the pipeline its partitions, with the names of their sources.
    pub(super) fn groups(&self) -> Result<Vec<NamedGroup>, String> {
        connectors::groups(&self.spec, &self.resources)
    }

    /// The tasks for `partitions`, not started.
    pub(super) fn tasks(
        &self,
        partitions: Vec<Partition>,
        events: &Sender<Event>,
        signals: &Signals,
    ) -> Result<Vec<Made>, String> {
        let mut by_place: BTreeMap<(String, i32), Partition> = BTreeMap::new();
        let mut numbers: BTreeMap<String, BTreeSet<i32>> = BTreeMap::new();
        for partition in partitions {
            numbers.entry(partition.source.clone()).or_default().insert(partition.partition);
            by_place.insert((partition.source.clone(), partition.partition), partition);
        }
        let lanes = lanes(&self.plan, &numbers);
        let mut making = Making {
            channels: Channels::new(&self.plan, &lanes),
            connections: self.resources.connections.among(self.kafka_writers(&lanes) as u64),
            events,
            signals,
        };
        let mut made = Vec::new();
        for (id, fragment) in self.plan.fragments.iter().enumerate() {
            for &lane in &lanes[id] {
                let source = source_of(&fragment.input);
                let feed = match source {
                    Some(source) => {
                        let partition = by_place
                            .remove(&(source.to_owned(), lane))
                            .ok_or_else(|| format!("partition {lane} of `{source}` was given twice"))?;
                        Feed::Source(Box::new(self.source_input(partition)?))
                    }
                    None => Feed::Channels(ChannelInput::new(making.channels.receivers((id, lane)))),
                };
                let (number, place) = (made.len(), (id, lane));
                let walker = self.walker(fragment, place, number, &mut making)?;
                let (tell, commands) = bounded(COMMANDS_AT_ONCE);
                let (events, draining) = (events.clone(), Arc::clone(&signals.draining));
                let task = Task { number, feed, commands, walker, events, draining };
                made.push(Made { task, commands: tell, place, reads_source: source.is_some() });
            }
        }
        Ok(made)
    }

    fn kafka_writers(&self, lanes: &[BTreeSet<i32>]) -> usize {
        let fragments = self.plan.fragments.iter().zip(lanes);
        fragments.map(|(of, lanes)| connectors::kafka_writers(&self.spec, of) * lanes.len()).sum()
    }

    fn source_input(&self, partition: Partition) -> Result<SourceInput, String> {
        let name = &partition.source;
        let source = self.spec.source(name).ok_or_else(|| format!("no source `{name}`"))?;
        let decoder = source
            .decoder
            .as_ref()
            .map(|decode| Decoder::new(decode, &self.resources.registries))
            .transpose();
        let decoder = decoder.map_err(|e| format!("source `{name}`: decode: {e}"))?;
        let event_time = source
            .event_time
            .as_ref()
            .map(|time| (time.column.clone(), BoundedOutOfOrder::new(time.out_of_order.as_millis() as i64)));
        let metrics = Arc::clone(&self.metrics);
        Ok(SourceInput::new(partition, decoder, event_time, source.batch_rows, metrics))
    }

    fn walker(
        &self,
        fragment: &Fragment,
        place: Place,
        task: usize,
        making: &mut Making<'_>,
    ) -> Result<Walker, String> {
        let nodes = fragment
            .nodes
            .iter()
            .map(|node| self.node(node, place, making))
            .collect::<Result<Vec<_>, _>>()?;
        let writer = match connectors::needs_dead_letters(&self.spec, fragment) {
            true => {
                let folder = &self.resources.folder;
                Some(connectors::dead_letter_writer(&self.spec, folder, &making.connections)?)
            }
            false => None,
        };
        let events = making.events.clone();
        // Only the coordinator's own end makes this fail, and then nobody asks.
        let waiting: Waiting = Arc::new(move |reason| drop(events.send(Event::Waiting { task, reason })));
        let dead_letters = DeadLetters::new(
            self.name().into(),
            writer,
            Arc::clone(&self.metrics),
            Arc::clone(&making.signals.halt),
            Arc::clone(&waiting),
        );
        let Signals { halt, replays, .. } = making.signals;
        Ok(Walker::new(nodes, dead_letters, Arc::clone(replays), Arc::clone(halt), waiting))
    }

    fn node(&self, node: &Node, place: Place, making: &mut Making<'_>) -> Result<WalkerNode, String> {
        let name = &node.name;
        let input = self.schemas.input(name);
        let known = || input.ok_or_else(|| format!("the columns of `{name}` are not known"));
        let mut port_names = Vec::new();
        let role = match node.kind {
            NodeKind::Source => Role::Pass,
            NodeKind::Union => Role::Union(Arc::clone(known()?)),
            NodeKind::Sink => {
                let sink = self.spec.sink(name).ok_or_else(|| format!("no sink `{name}`"))?;
                Role::Sink(connectors::writer(sink, known()?, place, &making.connections)?)
            }
            NodeKind::Wasm => {
                let control = self.component(name).ok_or_else(|| format!("no component for `{name}`"))?;
                port_names = control.running().output_ports().iter().map(|(name, _)| name.clone()).collect();
                let operator = ComponentOperator::new(Arc::clone(control), Arc::clone(&making.signals.halt));
                Role::Operator(Box::new(operator.map_err(|e| format!("step `{name}`: {e}"))?))
            }
            NodeKind::Filter | NodeKind::Select | NodeKind::Route | NodeKind::Native => {
                let step = self.spec.step(name).ok_or_else(|| format!("no step `{name}`"))?;
                let operator = native::operator(step, known()?, &self.resources.functions);
                operator.map_err(|e| format!("step `{name}`: {e}"))?.map_or(Role::Pass, Role::Operator)
            }
        };
        let mut edges = |port: &Port| -> Vec<Edge> {
            port.to.iter().filter_map(|to| Edge::new(*to, |id| making.channels.sender(place, id))).collect()
        };
        let (mut ports, mut errors) = (BTreeMap::new(), None);
        for port in &node.ports {
            let edges = edges(port);
            if port.name == PORT_ERRORS {
                errors =
                    input.filter(|_| !edges.is_empty()).map(|input| (errors_schema(input), edges.into()));
            } else {
                ports.insert(port.name.as_str(), edges);
            }
        }
        let ports: Vec<Arc<[Edge]>> = if node.kind == NodeKind::Wasm {
            by_component(&port_names, &mut ports)
        } else {
            let named = node.ports.iter().filter(|p| p.name != PORT_ERRORS);
            named.map(|p| ports.remove(p.name.as_str()).unwrap_or_default().into()).collect()
        };
        Ok(WalkerNode {
            name: name.clone(),
            role,
            ports,
            errors,
            on_error: self.on_error(name),
            metrics: self.metrics.node(name),
        })
    }

    fn on_error(&self, name: &str) -> spec::ErrorPolicy {
        let source = self.spec.source(name).map(|s| s.on_error);
        let step = self.spec.step(name).map(|s| s.on_error);
        source.or(step).or(self.spec.sink(name).map(|s| s.on_error)).unwrap_or_default()
    }
}

/// The edges of a component's ports in the component's order. Its first port is also called `main`.
fn by_component(names: &[String], ports: &mut BTreeMap<&str, Vec<Edge>>) -> Vec<Arc<[Edge]>> {
    // A filter answers with what it was given: one port, whatever it is called.
    let count = names.len().max(1);
    (0..count)
        .map(|index| {
            let mut edges = names.get(index).and_then(|name| ports.remove(name.as_str())).unwrap_or_default();
            if index == 0 {
                edges.extend(ports.remove(PORT_MAIN).unwrap_or_default());
            }
            edges.into()
        })
        .collect()
}
