//! A component bound to a pipeline: the columns it gets are picked and their types compared, its configuration is
//! checked, and a trial instance agrees on the output schemas. All reasons against it are told at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};

use super::accumulator::Accumulator;
use super::bindings::{
    BindParams, BindResults, CloseParams, CloseResults, OpError, OpenParams, OpenResults, Port,
};
use super::boundary::{Decoder, encode_schema, fits, plain_schema};
use super::context::{Outbox, Phase};
use super::instance::Instance;
use super::limits::{CLOSE_TIMEOUT, MAX_COUNTERS};
use super::log::{LogGate, LogSink};
use super::manifest::Columns;
use super::ports::{self, MAIN_PORT};
use super::sandbox::{Allowance, Sandbox, bounded, refused};
use super::{Component, WasmError, World, config};
use crate::operator::component::{CallError, Guest, Version};
use crate::spec::{WasmLimits, show_type};

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
    /// For the log of all instances: a fresh one after each trap must not begin anew.
    gate: Arc<LogGate>,
}

impl Component {
    /// As [`bind`](Self::bind), for a step of a pipeline, which takes the lines that its instances log: what no step can
    /// run is refused as well.
    pub fn bind_step(
        self: &Arc<Self>,
        input: &SchemaRef,
        config: &serde_json::Value,
        grant: &[String],
        limits: &WasmLimits,
        log: LogSink,
    ) -> Result<Arc<Bound>, WasmError> {
        let no_step = match self.manifest().world {
            World::Filter | World::Map | World::FlatMap | World::Agent => None,
            World::Scalar => Some(
                "a scalar component is for SQL expressions, which call none in this release: as a step, write it as a map",
            ),
            World::Aggregate => Some("an aggregate component is for windows, which are not in this release"),
        };
        if let Some(reason) = no_step {
            return Err(WasmError::new(reason));
        }
        let mut reasons = self.unsupported();
        match self.bind_logged(input, config, grant, limits, Some(log)) {
            Ok(bound) => WasmError::check(reasons).map(|()| bound),
            Err(error) => {
                reasons.extend(error.reasons);
                Err(WasmError::of(reasons))
            }
        }
    }

    /// Binds to an input schema, a configuration and what the pipeline grants, whatever its world. Blocks while a
    /// trial instance runs its `bind`; the error has every reason.
    pub fn bind(
        self: &Arc<Self>,
        input: &SchemaRef,
        config: &serde_json::Value,
        grant: &[String],
        limits: &WasmLimits,
    ) -> Result<Arc<Bound>, WasmError> {
        self.bind_logged(input, config, grant, limits, None)
    }

    fn bind_logged(
        self: &Arc<Self>,
        input: &SchemaRef,
        config: &serde_json::Value,
        grant: &[String],
        limits: &WasmLimits,
        log: Option<LogSink>,
    ) -> Result<Arc<Bound>, WasmError> {
        let mut reasons = self.ungranted(grant);
        let picked = self.pick(input).map_err(|wrong| reasons.extend(wrong)).ok();
        if let Some(schema) = &self.manifest().config_schema {
            reasons.extend(config::check(schema, config));
        }
        let Some(indices) = picked else { return Err(WasmError::of(reasons)) };
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
            // What a trial says is not said by what runs.
            gate: Arc::default(),
        };
        let (_, ports) = binding.start().map_err(|e| WasmError::new(e.with_logs()))?;
        binding.output_ports = ports::leaving(self.manifest(), input, &ports)
            .map_err(|wrong| WasmError::new(format!("what its bind answered is wrong: {wrong}")))?;
        binding.guest_ports = ports;
        binding.gate = Arc::new(LogGate::new(log));
        Ok(Arc::new(Bound { binding: Arc::new(binding) }))
    }

    /// What this release cannot give it.
    pub(super) fn unsupported(&self) -> Vec<String> {
        let manifest = self.manifest();
        let mut reasons = Vec::new();
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

/// Names, as many as somebody reads.
fn listed(names: &[&str]) -> String {
    match names.get(..20) {
        Some(first) if names.len() > 20 => format!("{} and {} more", first.join(", "), names.len() - 20),
        _ => names.join(", "),
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
            format!("the input has {}", listed(&names))
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

    /// An instance of an aggregate.
    pub(super) fn accumulate(&self) -> Result<Accumulator, CallError> {
        Accumulator::start(&self.binding)
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
        let allowance = Allowance {
            memory_bytes: self.limits.memory_bytes,
            // A list that a guest hands over is no longer than its memory; row errors are larger on this side.
            answer_bytes: self.limits.memory_bytes.max(1 << 20),
            setup_limit: engine.setup_limit,
        };
        let mut guest =
            Sandbox::new(engine, &self.component.pre, Arc::clone(&self.label), allowance, &self.gate)?;
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
                let ports = ports::read(ports).map_err(|wrong| guest.invalid(wrong))?;
                Ok((guest, ports))
            }
            Err(error) => Err(bind_refused(error)),
        }
    }

    /// A guest bound as the trial was, with somewhere to emit to, and opened.
    pub(super) fn open(&self) -> Result<Sandbox, CallError> {
        let (mut guest, ports) = self.start()?;
        if ports != self.guest_ports {
            return Err(guest
                .invalid("bind answers other ports than the first time it was called with the same input"));
        }
        let decoders = ports.into_iter().map(|(_, schema)| Decoder::new(schema)).collect();
        let outbox = Outbox::new(decoders, self.limits.emit_bytes);
        guest.context_mut().outbox = Some(Box::new(outbox));
        let open = guest.function::<OpenParams, OpenResults>(&self.component.exports.open)?;
        let (opened,) = guest.call("open", Phase::Open, self.component.engine.setup_limit, &open, ())?;
        opened.map_err(refused)?;
        Ok(guest)
    }

    /// Calls `close`. Its failure is logged and changes nothing any more.
    pub(super) fn close(&self, guest: &mut Sandbox) {
        let limit = self.component.engine.setup_limit.min(CLOSE_TIMEOUT);
        let closed = guest
            .function::<CloseParams, CloseResults>(&self.component.exports.close)
            .and_then(|close| guest.call("close", Phase::Open, limit, &close, ()));
        if let Err(e) = closed {
            tracing::warn!(component = &*self.label, error = %e.with_logs(), "a component failed to close");
        }
        self.take_counts(guest);
    }

    /// Adds what a guest has counted since the last time.
    pub(super) fn take_counts(&self, guest: &mut Sandbox) {
        let counted = &mut guest.context_mut().counters;
        if counted.is_empty() {
            return;
        }
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, add) in counted.drain(..) {
            if let Some(sum) = counters.get_mut(&name) {
                *sum = sum.saturating_add(add);
            } else if counters.len() < MAX_COUNTERS {
                counters.insert(name, add);
            }
        }
    }
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

    fn counters(&self) -> BTreeMap<String, u64> {
        Bound::counters(self)
    }

    fn instantiate(&self) -> Result<Box<dyn Guest>, CallError> {
        Ok(Box::new(self.start()?))
    }
}
