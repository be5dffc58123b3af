//! Which columns each port has: walks a plan from the sources down, asks a binder what steps make of their input,
//! and checks what only shows here: unions, ports of components, columns that sinks name. Knows nothing of SQL or
//! components: that is the binder's.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::model::{Fragment, Input, Node, NodeKind, Plan};
use super::sinks;
use super::unions::union;
use crate::spec::{PORT_ERRORS, PORT_MAIN, Pipeline, PortRef, SpecError, Step, StepKind, nearest};

/// Ports with their columns.
type Ports = Vec<(String, SchemaRef)>;

/// What a binder says of a step.
#[derive(Clone, Debug)]
pub enum Bound {
    /// Its output ports with their columns, without `errors`: `main` for a filter, select or union, the branches
    /// for a route, those of the component.
    Ports(Vec<(String, SchemaRef)>),
    /// It cannot be known here, and why: the component is not at hand.
    Unknown(String),
}

/// Why a step does not fit its input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindError {
    /// Where in the step: `select[1]`, `route.big`, `config`; empty for what the step does as a whole.
    pub at: String,
    /// What is wrong.
    pub message: String,
    /// What belongs there.
    pub expected: Option<String>,
    /// What was probably meant.
    pub nearest: Option<String>,
}

impl From<String> for BindError {
    fn from(message: String) -> Self {
        Self { message, ..Self::default() }
    }
}

/// Knows what steps make of their input: SQL by planning it, components by `bind`, functions by what they say.
pub trait Binder {
    /// The output ports of `step` for rows of `input`. Never asked about unions. The node has the ports that the
    /// pipeline reads.
    fn output(&mut self, node: &Node, step: &Step, input: &SchemaRef) -> Result<Bound, Vec<BindError>>;
}

/// A part that could not be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unchecked {
    /// Path in the specification.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// The columns of a plan.
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    inputs: HashMap<String, SchemaRef>,
    outputs: HashMap<String, Ports>,
    /// What could not be checked, and what hangs below it.
    pub unchecked: Vec<Unchecked>,
}

impl Schemas {
    /// Columns of the rows that come to a step or sink. Rows of a union may come from inputs that differ in which
    /// columns are never null; here those may be null.
    pub fn input(&self, node: &str) -> Option<&SchemaRef> {
        self.inputs.get(node)
    }

    /// Columns of the rows that leave a source or step by a port.
    pub fn output(&self, node: &str, port: &str) -> Option<&SchemaRef> {
        let ports = self.outputs.get(node)?;
        ports.iter().find(|(name, _)| name == port).map(|(_, schema)| schema)
    }
}

/// Columns of a step's `errors` port: those of its input, then `error_code`, `error_message` and
/// `error_retryable`, which take the place of columns of the same name that an earlier step's errors brought.
pub fn errors_schema(input: &Schema) -> SchemaRef {
    let added = [
        Field::new("error_code", DataType::Utf8, false),
        Field::new("error_message", DataType::Utf8, false),
        Field::new("error_retryable", DataType::Boolean, false),
    ];
    let kept = input.fields().iter().filter(|field| added.iter().all(|new| new.name() != field.name()));
    let fields: Vec<Arc<Field>> = kept.cloned().chain(added.clone().map(Arc::new)).collect();
    Arc::new(Schema::new(fields))
}

/// Columns of every port, or every mistake. A step that does not bind is one mistake: what hangs below it is not
/// looked at.
pub fn resolve(plan: &Plan, pipeline: &Pipeline, binder: &mut dyn Binder) -> Result<Schemas, Vec<SpecError>> {
    let mut walk =
        Walk { pipeline, binder, ports: HashMap::new(), schemas: Schemas::default(), errors: Vec::new() };
    // Fragments come after what writes to them and nodes after their parents, so inputs are known first.
    for fragment in &plan.fragments {
        for (id, node) in fragment.nodes.iter().enumerate() {
            walk.node(fragment, id, node);
        }
    }
    match walk.errors.is_empty() {
        true => Ok(walk.schemas),
        false => Err(walk.errors),
    }
}

/// What is known of a port's columns.
#[derive(Clone, Debug)]
enum Known {
    Columns(SchemaRef),
    /// The step above could not be checked; why nothing below it can.
    Unchecked(String),
    /// A mistake above has been told.
    Mistaken,
}

struct Walk<'a> {
    pipeline: &'a Pipeline,
    binder: &'a mut dyn Binder,
    /// By node, its ports; a node that is not here has only ports of this state.
    ports: HashMap<&'a str, Result<Ports, Known>>,
    schemas: Schemas,
    errors: Vec<SpecError>,
}

impl<'a> Walk<'a> {
    fn node(&mut self, fragment: &Fragment, id: usize, node: &Node) {
        if let (0, Input::Source(name)) = (id, &fragment.input) {
            if let Some(source) = self.pipeline.source(name) {
                let known = match &source.schema {
                    Some(columns) => Ok(vec![(PORT_MAIN.to_owned(), Arc::clone(columns))]),
                    None => {
                        let reason = "its columns are known once its registry or a sample has been asked";
                        self.unchecked(format!("sources.{name}.decode"), reason.to_owned());
                        Err(Known::Unchecked(format!("the columns of `{name}` are not known")))
                    }
                };
                self.know(&source.name, known);
            }
            return;
        }
        if let Some(step) = self.pipeline.step(&node.name) {
            self.step(node, step);
        } else if let Some(sink) = self.pipeline.sink(&node.name) {
            match self.input(&format!("sinks.{}", sink.name), &sink.from) {
                Known::Columns(input) => {
                    self.errors.extend(sinks::check(sink, &input));
                    self.schemas.inputs.insert(sink.name.clone(), input);
                }
                Known::Unchecked(reason) => self.unchecked(format!("sinks.{}", sink.name), reason),
                Known::Mistaken => {}
            }
        }
    }

    fn step(&mut self, node: &Node, step: &'a Step) {
        let path = format!("steps.{}", step.name);
        let input = match self.input(&path, &step.from) {
            Known::Columns(input) => input,
            known => {
                let known = match known {
                    Known::Unchecked(reason) => {
                        self.unchecked(path, reason);
                        below(step)
                    }
                    known => known,
                };
                self.know(&step.name, Err(known));
                return;
            }
        };
        self.schemas.inputs.insert(step.name.clone(), input.clone());
        let bound = match node.kind {
            NodeKind::Union => Ok(Bound::Ports(vec![(PORT_MAIN.to_owned(), input.clone())])),
            _ => self.binder.output(node, step, &input),
        };
        let known = match bound {
            Ok(Bound::Ports(ports)) => self.ports(step, ports, &input),
            Ok(Bound::Unknown(reason)) => {
                self.unchecked(does_path(step), reason);
                // Its refused rows are known all the same.
                let errors = vec![(PORT_ERRORS.to_owned(), errors_schema(&input))];
                self.schemas.outputs.insert(step.name.clone(), errors);
                Err(below(step))
            }
            Err(errors) => {
                self.errors.extend(errors.into_iter().map(|error| at_step(step, error)));
                Err(Known::Mistaken)
            }
        };
        self.know(&step.name, known);
    }

    /// Ports as they were bound and `errors`; a name that is there twice is a mistake.
    fn ports(&mut self, step: &Step, mut ports: Ports, input: &SchemaRef) -> Result<Ports, Known> {
        let before = self.errors.len();
        for (port, schema) in &ports {
            for (at, field) in schema.fields().iter().enumerate() {
                if schema.fields()[..at].iter().any(|other| other.name() == field.name()) {
                    let message = format!("two columns named `{}` leave by the port `{port}`", field.name());
                    self.errors
                        .push(SpecError::new(does_path(step), message).expected("`as` with another name"));
                }
            }
        }
        ports.retain(|(port, _)| port != PORT_ERRORS);
        ports.push((PORT_ERRORS.to_owned(), errors_schema(input)));
        if self.errors.len() > before { Err(Known::Mistaken) } else { Ok(ports) }
    }

    fn know(&mut self, name: &'a str, known: Result<Ports, Known>) {
        if let Ok(ports) = &known {
            self.schemas.outputs.insert(name.to_owned(), ports.clone());
        }
        self.ports.insert(name, known);
    }

    fn unchecked(&mut self, path: String, reason: String) {
        self.schemas.unchecked.push(Unchecked { path, reason });
    }

    /// Columns of what a step or sink reads; several inputs have to agree.
    fn input(&mut self, path: &str, from: &[PortRef]) -> Known {
        let single = from.len() == 1;
        let inputs: Vec<Known> = from
            .iter()
            .enumerate()
            .map(|(at, port)| {
                let path = if single { format!("{path}.from") } else { format!("{path}.from[{at}]") };
                self.port(&path, port)
            })
            .collect();
        let mut merged: Option<(&PortRef, SchemaRef)> = None;
        let mut worst = None;
        for (at, (port, known)) in from.iter().zip(inputs).enumerate() {
            match (known, &merged) {
                (Known::Columns(schema), None) => merged = Some((port, schema)),
                (Known::Columns(schema), Some((first, columns))) => {
                    match union(columns, &schema, &first.to_string(), &port.to_string()) {
                        Ok(union) => merged = Some((first, union)),
                        Err(message) => {
                            self.errors.push(
                                SpecError::new(format!("{path}.from[{at}]"), message)
                                    .expected("inputs with the same columns; a `select` makes them alike"),
                            );
                            worst = Some(Known::Mistaken);
                        }
                    }
                }
                (Known::Mistaken, _) => worst = Some(Known::Mistaken),
                (unchecked @ Known::Unchecked(_), _) => worst = worst.or(Some(unchecked)),
            }
        }
        match (worst, merged) {
            (Some(worst), _) => worst,
            (None, Some((_, columns))) => Known::Columns(columns),
            (None, None) => Known::Mistaken,
        }
    }

    fn port(&mut self, path: &str, port: &PortRef) -> Known {
        if let Some(known) = self.schemas.output(&port.node, port.port_name()) {
            return Known::Columns(known.clone());
        }
        let ports = match self.ports.get(port.node.as_str()) {
            Some(Ok(ports)) => ports,
            Some(Err(known)) => return known.clone(),
            None => return Known::Mistaken,
        };
        let names: Vec<String> = ports.iter().map(|(name, _)| written(&port.node, name)).collect();
        let near = nearest(&port.to_string(), names.iter().map(String::as_str)).map(ToOwned::to_owned);
        let message = format!("`{}` has no port `{}`", port.node, port.port_name());
        self.errors.push(
            SpecError::new(path, message).expected(format!("one of {}", names.join(", "))).nearest(near),
        );
        Known::Mistaken
    }
}

/// A port as a specification writes it.
fn written(node: &str, port: &str) -> String {
    if port == PORT_MAIN { node.to_owned() } else { format!("{node}.{port}") }
}

/// What is known below a step that could not be checked.
fn below(step: &Step) -> Known {
    Known::Unchecked(format!("the columns of `{}` are not known", step.name))
}

/// Path of what a step does.
fn does_path(step: &Step) -> String {
    let does = match &step.kind {
        StepKind::Union => "from",
        StepKind::Filter { .. } => "filter",
        StepKind::Select { .. } => "select",
        StepKind::Route { .. } => "route",
        StepKind::Wasm(_) => "wasm",
        StepKind::Native(_) => "native",
    };
    format!("steps.{}.{does}", step.name)
}

fn at_step(step: &Step, error: BindError) -> SpecError {
    let path = match error.at.is_empty() {
        true => does_path(step),
        false => format!("steps.{}.{}", step.name, error.at),
    };
    SpecError { path, message: error.message, expected: error.expected, nearest: error.nearest, line: None }
}
