//! A component bound to a pipeline: the columns it gets are picked and their types compared, its configuration is
//! checked, and a trial instance agrees on the output schemas. All reasons against it are told at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::datatypes::{DataType, FieldRef, Fields, Schema, SchemaRef};

use super::bindings::{BindParams, BindResults, OpError, Port};
use super::boundary::{decode_schema, encode_schema, fits, plain_schema};
use super::context::Phase;
use super::instance::Instance;
use super::limits::{MAX_COUNTERS, MAX_NAME_BYTES, MAX_PORTS};
use super::manifest::Columns;
use super::sandbox::{Allowance, Sandbox, bounded};
use super::{Component, WasmError, World, config};
use crate::operator::component::{CallError, Guest, Version};
use crate::spec::{WasmLimits, show_type};

/// The output column that says which input row a row of a flat-map came from.
pub(super) const ROW_COLUMN: &str = "$row";
/// The name of the one output port of what is no agent, and of the input port.
const MAIN_PORT: &str = "main";

/// A component with schema, configuration, grants and limits: makes instances. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bound {
    binding: Arc<Binding>,
}

/// A configuration as `bind` is given it: by this text two of them are compared.
pub fn config_text(config: &serde_json::Value) -> String {
    if config.is_null() { "{}".into() } else { config.to_string() }
}

/// What was agreed, shared by the instances.
#[derive(Debug)]
pub(super) struct Binding {
    pub(super) component: Arc<Component>,
    pub(super) label: Arc<str>,
    config: String,
    grant: Vec<String>,
    pub(super) limits: WasmLimits,
    pub(super) input: SchemaRef,
    /// Columns of the input that are sent, in the order sent.
    pub(super) indices: Vec<usize>,
    /// As what they are sent.
    pub(super) plain: SchemaRef,
    input_columns: Vec<String>,
    /// What the guest answered in `bind`: what each port's messages hold.
    pub(super) guest_ports: Vec<(String, SchemaRef)>,
    /// What leaves the step.
    pub(super) output_ports: Vec<(String, SchemaRef)>,
    counters: Mutex<BTreeMap<String, u64>>,
}

impl Component {
    /// Binds to an input schema, a configuration and what the pipeline grants. Blocks while a trial instance runs
    /// its `bind`; the error has every reason.
    pub fn bind(
        self: &Arc<Self>,
        input: &SchemaRef,
        config: &serde_json::Value,
        grant: &[String],
        limits: &WasmLimits,
    ) -> Result<Arc<Bound>, WasmError> {
        let mut reasons = self.unsupported();
        reasons.extend(self.ungranted(grant));
        let picked = self.pick(input).map_err(|wrong| reasons.extend(wrong)).ok();
        if let Some(schema) = &self.manifest().config_schema {
            reasons.extend(config::check(schema, config));
        }
        let Some(indices) = picked else { return Err(WasmError { reasons }) };
        WasmError::check(reasons)?;
        let asked = input.project(&indices).map_err(|e| WasmError::new(e.to_string()))?;
        let plain = Arc::new(plain_schema(&asked).map_err(WasmError::new)?);
        let mut binding = Binding {
            label: self.manifest().label().into(),
            component: Arc::clone(self),
            config: config_text(config),
            grant: grant.to_vec(),
            limits: *limits,
            input: Arc::clone(input),
            input_columns: plain.fields().iter().map(|field| field.name().clone()).collect(),
            indices,
            plain,
            guest_ports: Vec::new(),
            output_ports: Vec::new(),
            counters: Mutex::default(),
        };
        let (_, ports) = binding.start().map_err(|e| WasmError::new(e.with_logs()))?;
        binding.output_ports = binding.check_ports(&ports)?;
        binding.guest_ports = ports;
        Ok(Arc::new(Bound { binding: Arc::new(binding) }))
    }

    /// What this release cannot run.
    fn unsupported(&self) -> Vec<String> {
        let manifest = self.manifest();
        let mut reasons = Vec::new();
        match manifest.world {
            World::Filter | World::Map | World::FlatMap | World::Agent => {}
            World::Scalar => reasons.push("a scalar component is for SQL expressions, not for a step".into()),
            World::Aggregate => {
                reasons.push("an aggregate component is for windows, which are not in this release".into())
            }
        }
        if !manifest.states.is_empty() || manifest.capabilities.iter().any(|c| c == "state") {
            reasons.push("it declares keyed state, and keyed state is not in this release".into());
        }
        if manifest.capabilities.iter().any(|c| c == "timers") {
            reasons.push("it asks for `timers`, and timers are not in this release".into());
        }
        reasons
    }

    fn ungranted(&self, grant: &[String]) -> Vec<String> {
        let wanted = self.manifest().capabilities.iter();
        wanted
            .filter(|capability| {
                matches!(capability.as_str(), "clock" | "entropy") && !grant.contains(capability)
            })
            .map(|capability| {
                format!("it wants `{capability}` and the step does not grant it (`grant: [{capability}]`)")
            })
            .collect()
    }

    /// The input columns that the manifest asks for.
    fn pick(&self, input: &Schema) -> Result<Vec<usize>, Vec<String>> {
        let wanted: Vec<(&str, Option<&DataType>)> = match (&self.manifest().columns, &self.typed) {
            (_, Some(typed)) => {
                typed.fields().iter().map(|field| (field.name().as_str(), Some(field.data_type()))).collect()
            }
            (Columns::Named(names), None) => names.iter().map(|name| (name.as_str(), None)).collect(),
            (_, None) => return Ok((0..input.fields().len()).collect()),
        };
        let (mut indices, mut wrong) = (Vec::new(), Vec::new());
        for (name, data_type) in wanted {
            match pick_one(input, name, data_type) {
                Ok(index) => indices.push(index),
                Err(reason) => wrong.push(reason),
            }
        }
        if wrong.is_empty() { Ok(indices) } else { Err(wrong) }
    }
}

fn pick_one(input: &Schema, name: &str, wanted: Option<&DataType>) -> Result<usize, String> {
    let typed = wanted.map_or_else(String::new, |data_type| format!(" of type {}", show_type(data_type)));
    let Some((index, field)) = input.column_with_name(name) else {
        return Err(format!("it needs a column `{name}`{typed}; {}", nearest(input, name)));
    };
    let single = Schema::new(vec![field.clone()]);
    let plain = plain_schema(&single)?;
    match wanted {
        Some(data_type) if !fits(data_type, plain.field(0).data_type()) => Err(format!(
            "it needs the column `{name}`{typed}, and the input has {}; change it with a select before this step, \
             such as `cast({name} as …)`",
            show_type(field.data_type())
        )),
        _ => Ok(index),
    }
}

/// What there is instead of a column.
fn nearest(input: &Schema, name: &str) -> String {
    let similar = |field: &&FieldRef| strsim::jaro_winkler(field.name(), name) > 0.8;
    let closeness = |field: &FieldRef| (strsim::jaro_winkler(field.name(), name) * 1e6) as u64;
    match input.fields().iter().filter(similar).max_by_key(|field| closeness(field)) {
        Some(field) => format!("did you mean `{}`, which is {}?", field.name(), show_type(field.data_type())),
        None if input.fields().is_empty() => "the input has no columns".into(),
        None => {
            let names: Vec<&str> = input.fields().iter().map(|field| field.name().as_str()).collect();
            format!("the input has {}", names.join(", "))
        }
    }
}

impl Bound {
    /// The component.
    pub fn component(&self) -> &Arc<Component> {
        &self.binding.component
    }

    /// Names of the input columns that are sent to it, in order.
    pub fn input_columns(&self) -> &[String] {
        &self.binding.input_columns
    }

    /// An instance, not yet behind the seam.
    pub(super) fn start(&self) -> Result<Instance, CallError> {
        Instance::start(&self.binding)
    }

    /// What its instances have counted through `telemetry.counter`, by name.
    pub fn counters(&self) -> BTreeMap<String, u64> {
        self.binding.counters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Binding {
    /// A guest after its `bind`, and the ports it answered.
    pub(super) fn start(&self) -> Result<(Sandbox, Vec<(String, SchemaRef)>), CallError> {
        let engine = &self.component.engine;
        let allowance = Allowance { memory_bytes: self.limits.memory_bytes, setup_limit: engine.setup_limit };
        let mut guest = Sandbox::new(engine, &self.component.pre, Arc::clone(&self.label), allowance)?;
        let asks = |capability: &str| {
            let has = |list: &[String]| list.iter().any(|one| one == capability);
            has(&self.component.manifest().capabilities) && has(&self.grant)
        };
        guest.context_mut().clock = asks("clock");
        guest.context_mut().entropy = asks("entropy");
        let bind = guest.function::<BindParams, BindResults>(&self.component.exports.bind)?;
        let schema = encode_schema(&self.plain).map_err(CallError::Fatal)?;
        let params = (vec![Port { name: MAIN_PORT.into(), schema }], self.config.clone());
        let (answer,) = guest.call("bind", Phase::Bind, engine.setup_limit, &bind, params)?;
        match answer {
            Ok(ports) => {
                let ports = read_ports(ports).map_err(|wrong| guest.invalid(wrong))?;
                Ok((guest, ports))
            }
            Err(error) => Err(bind_refused(error)),
        }
    }

    /// Adds what an instance has counted.
    pub(super) fn add_counts(&self, counted: impl Iterator<Item = (String, u64)>) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, add) in counted {
            if let Some(sum) = counters.get_mut(&name) {
                *sum = sum.saturating_add(add);
            } else if counters.len() < MAX_COUNTERS {
                counters.insert(name, add);
            }
        }
    }

    /// What leaves the step, given what the guest answered.
    fn check_ports(&self, ports: &[(String, SchemaRef)]) -> Result<Vec<(String, SchemaRef)>, WasmError> {
        let refuse =
            |reason: String| Err(WasmError::new(format!("what its bind answered is wrong: {reason}")));
        let world = self.component.manifest().world;
        match (world, ports) {
            (World::Filter, []) => Ok(vec![(MAIN_PORT.into(), Arc::clone(&self.input))]),
            (World::Filter, _) => {
                refuse(format!("a filter has no output port, and it announced {}", ports.len()))
            }
            (World::Map | World::FlatMap, [(_, schema)]) => match self.output_schema(schema) {
                Ok(schema) => Ok(vec![(MAIN_PORT.into(), schema)]),
                Err(reason) => refuse(reason),
            },
            (World::Agent, [_, ..]) => match check_agent_ports(ports) {
                Ok(()) => Ok(ports.to_vec()),
                Err(reason) => refuse(reason),
            },
            (World::Agent, []) => {
                refuse("an agent has one output port or more, and it announced none".into())
            }
            _ => refuse(format!("a {world} has one output port, and it announced {}", ports.len())),
        }
    }

    /// The columns that leave a map or flat-map.
    fn output_schema(&self, guest: &Schema) -> Result<SchemaRef, String> {
        let manifest = self.component.manifest();
        let mut fields: Vec<FieldRef> = guest.fields().iter().cloned().collect();
        check_names(guest)?;
        if manifest.world == World::FlatMap {
            let last = fields.last().is_some_and(|field| field.name() == ROW_COLUMN);
            if last {
                let row = fields.pop();
                if row.is_some_and(|row| *row.data_type() != DataType::UInt32 || row.is_nullable()) {
                    return Err(format!("the column `{ROW_COLUMN}` must be UInt32 and never null"));
                }
            } else if manifest.extends {
                return Err(format!("it extends its input, so the last column must be `{ROW_COLUMN}`"));
            }
        }
        if fields.iter().any(|field| field.name() == ROW_COLUMN) {
            return Err(format!("`{ROW_COLUMN}` may only be the last column of a flat-map"));
        }
        if manifest.extends {
            fields = extended(&self.input, &fields);
        } else if fields.is_empty() {
            return Err("there are no output columns".into());
        }
        Ok(Arc::new(Schema::new(Fields::from(fields))))
    }
}

/// The input's columns with the emitted ones: in place of those of the same name, or after them.
fn extended(input: &Schema, emitted: &[FieldRef]) -> Vec<FieldRef> {
    let mut fields: Vec<FieldRef> = input.fields().iter().cloned().collect();
    for field in emitted {
        match fields.iter_mut().find(|old| old.name() == field.name()) {
            Some(old) => *old = Arc::clone(field),
            None => fields.push(Arc::clone(field)),
        }
    }
    fields
}

fn check_names(schema: &Schema) -> Result<(), String> {
    for (i, field) in schema.fields().iter().enumerate() {
        let name = field.name();
        if name.is_empty() {
            return Err(format!("the output column {i} has no name"));
        }
        if schema.fields()[..i].iter().any(|before| before.name() == name) {
            return Err(format!("there are two output columns `{name}`"));
        }
    }
    Ok(())
}

fn check_agent_ports(ports: &[(String, SchemaRef)]) -> Result<(), String> {
    for (i, (name, schema)) in ports.iter().enumerate() {
        let good = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-');
        if !good {
            return Err(format!(
                "a port's name must be of a-z, 0-9, - and _, starting with a letter; it has {name:?}"
            ));
        }
        if matches!(name.as_str(), "errors" | "late") {
            return Err(format!("the port name `{name}` is taken: every step has one"));
        }
        if ports[..i].iter().any(|(before, _)| before == name) {
            return Err(format!("there are two ports `{name}`"));
        }
        if schema.fields().is_empty() {
            return Err(format!("the port `{name}` has no columns"));
        }
        check_names(schema).map_err(|wrong| format!("port `{name}`: {wrong}"))?;
    }
    Ok(())
}

fn read_ports(ports: Vec<Port>) -> Result<Vec<(String, SchemaRef)>, String> {
    if ports.len() > MAX_PORTS {
        return Err(format!("it announced {} output ports; at most {MAX_PORTS} are allowed", ports.len()));
    }
    let read = |port: Port| {
        if port.name.len() > MAX_NAME_BYTES {
            return Err(format!(
                "a port's name has {} bytes; at most {MAX_NAME_BYTES} are allowed",
                port.name.len()
            ));
        }
        let schema = decode_schema(&port.schema)
            .map_err(|wrong| format!("the schema of its output port `{}` is wrong: {wrong}", port.name))?;
        Ok((port.name, schema))
    };
    ports.into_iter().map(read).collect()
}

fn bind_refused(error: OpError) -> CallError {
    CallError::Fatal(match error {
        OpError::Config(text) => format!("bind refuses the configuration: {}", bounded(text)),
        OpError::Schema(text) => format!("bind refuses the input schema: {}", bounded(text)),
        OpError::Transient(text) | OpError::Fatal(text) => format!("bind fails: {}", bounded(text)),
    })
}

impl Version for Bound {
    fn digest(&self) -> &str {
        self.binding.component.digest()
    }

    fn label(&self) -> &str {
        &self.binding.label
    }

    fn config(&self) -> &str {
        &self.binding.config
    }

    fn output_ports(&self) -> &[(String, SchemaRef)] {
        &self.binding.output_ports
    }

    fn call_limit(&self) -> Duration {
        self.binding.limits.batch_timeout
    }

    fn instantiate(&self) -> Result<Box<dyn Guest>, CallError> {
        Ok(Box::new(self.start()?))
    }
}
