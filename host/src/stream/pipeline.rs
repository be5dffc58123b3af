//! The builder: sources, steps and sinks in the order in which a program says them, each reading what stands before
//! it. Writes a specification, and leaves every check to `spec`.

use std::time::Duration;

use serde_json::{Map, Value};

use super::columns::Columns;
use super::error::StreamError;
use super::format::{Decode, Encode};
use super::item::{self, Item, duration};
use super::policy::OnError;
use super::sink::Sink;
use super::source::Source;
use super::text;
use crate::control;
use crate::operator::native::{FlatMapped, Function, FunctionError, Functions};
use crate::spec::{self, Parsed};
use arrow::array::{BooleanArray, RecordBatch};

/// A pipeline, written as a chain. Each step and sink reads what was said before it; [`from`](Self::from) goes back
/// to anything that has a name, so streams branch and meet. Nothing is checked before
/// [`checked`](Self::checked) or [`Host::start`](super::Host::start), which tell every mistake at once.
///
/// ```
/// use sabot::stream::{Encode, Pipeline, Sink, Source};
///
/// let pipeline = Pipeline::new("fraud")
///     .source(Source::generate([("id", "int64"), ("amount", "float64")]).named("orders"))
///     .filter("amount > 0")
///     .named("valid")
///     .route([("big", "amount > 100"), ("small", "otherwise")])
///     .from("route.big")
///     .to_kafka("alerts", Encode::json())
///     .from(["route.small", "valid.errors", "route.errors"])
///     .sink(Sink::blackhole());
/// assert!(pipeline.checked().is_ok());
/// ```
#[derive(Clone, Debug)]
#[must_use = "a pipeline runs once a host starts it"]
pub struct Pipeline {
    name: String,
    settings: Map<String, Value>,
    sources: Vec<Item>,
    steps: Vec<Item>,
    sinks: Vec<Item>,
    /// What is read next.
    at: Vec<String>,
    last: Option<Section>,
}

/// Where the last item is.
#[derive(Clone, Copy, Debug)]
enum Section {
    Sources,
    Steps,
    Sinks,
}

/// One or several ports: `score`, `score.errors`.
#[derive(Clone, Debug)]
pub struct Ports(Vec<String>);

impl From<&str> for Ports {
    fn from(port: &str) -> Self {
        Ports(vec![port.to_owned()])
    }
}

impl<const N: usize> From<[&str; N]> for Ports {
    fn from(ports: [&str; N]) -> Self {
        Ports(ports.map(ToOwned::to_owned).into())
    }
}

impl From<Vec<String>> for Ports {
    fn from(ports: Vec<String>) -> Self {
        Ports(ports)
    }
}

impl Pipeline {
    /// A pipeline of this name, which is also its consumer group.
    pub fn new(name: &str) -> Self {
        Pipeline {
            name: name.to_owned(),
            settings: Map::new(),
            sources: Vec::new(),
            steps: Vec::new(),
            sinks: Vec::new(),
            at: Vec::new(),
            last: None,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Time between two checkpoints.
    pub fn checkpoint_every(self, time: Duration) -> Self {
        self.setting("checkpoint.every", duration(time))
    }

    /// Any other key at the top of a specification, by its path: `errors.max_share`, `dead_letter.kafka.topic`.
    pub fn setting(mut self, path: &str, value: impl Into<Value>) -> Self {
        item::set(&mut self.settings, path, value.into());
        self
    }

    /// Reads a source.
    pub fn source(mut self, source: Source) -> Self {
        self.add(Section::Sources, source.0);
        self
    }

    /// Reads a Kafka topic from its oldest record on; [`Source::kafka`] says more.
    pub fn from_kafka(self, topic: &str, decode: Decode) -> Self {
        self.source(Source::kafka(topic).decode(decode))
    }

    /// Reads rows that the program pushes under this name.
    pub fn from_memory(self, name: &str, columns: impl Into<Columns>) -> Self {
        self.source(Source::memory(columns).named(name))
    }

    /// Goes on from sources, steps or their ports, in union where they are several.
    pub fn from(mut self, ports: impl Into<Ports>) -> Self {
        self.at = ports.into().0;
        self.last = None;
        self
    }

    /// Keeps the rows for which an SQL expression is true.
    pub fn filter(self, expression: &str) -> Self {
        self.step(Item::with("filter", "filter", expression))
    }

    /// Computes columns: SQL expressions, each `expression as name`, a column, or `*`.
    pub fn select<const N: usize>(self, items: [&str; N]) -> Self {
        self.step(Item::with("select", "select", Vec::from(items)))
    }

    /// Sends each row out of the first port whose SQL expression is true; the last may be `otherwise`. Go on
    /// [`from`](Self::from) its ports.
    pub fn route<const N: usize>(self, branches: [(&str, &str); N]) -> Self {
        let branches = branches.map(|(port, expression)| (port.to_owned(), Value::from(expression)));
        self.step(Item::with("route", "route", branches.into_iter().collect::<Map<_, _>>()))
    }

    /// Runs a component: `name` (the newest that the host has), `name@version`, `sha256:…`, or the path of a file.
    pub fn wasm(self, component: &str) -> Self {
        let file = component.strip_suffix(".wasm").map(|path| path.rsplit('/').next().unwrap_or(path));
        let name = file.or_else(|| component.split(['@', ':']).next()).unwrap_or(component);
        self.step(Item::with(name, "wasm", component))
    }

    /// Makes a row of each row, of the same columns. The function answers the rows in their order; rows on which it
    /// fails are searched for, so it must not matter which rows it is given together, nor that it sees some again.
    pub fn map(
        self,
        map: impl Fn(RecordBatch) -> Result<RecordBatch, FunctionError> + Send + Sync + 'static,
    ) -> Self {
        self.function("map", None, Function::map(map))
    }

    /// The same to other columns.
    pub fn map_to(
        self,
        columns: impl Into<Columns>,
        map: impl Fn(RecordBatch) -> Result<RecordBatch, FunctionError> + Send + Sync + 'static,
    ) -> Self {
        self.function("map", Some(columns.into()), Function::map(map))
    }

    /// Makes any number of rows, of these columns.
    pub fn flat_map_to(
        self,
        columns: impl Into<Columns>,
        map: impl Fn(RecordBatch) -> Result<FlatMapped, FunctionError> + Send + Sync + 'static,
    ) -> Self {
        self.function("flat_map", Some(columns.into()), Function::flat_map(map))
    }

    /// Keeps the rows for which a function answers true.
    pub fn filter_by(
        self,
        keep: impl Fn(&RecordBatch) -> Result<BooleanArray, FunctionError> + Send + Sync + 'static,
    ) -> Self {
        self.function("filter", None, Function::filter(keep))
    }

    /// Writes to a sink. What follows reads on where the sink does.
    pub fn sink(mut self, sink: Sink) -> Self {
        let from = self.written_from();
        let mut item = sink.0;
        item.keys.shift_insert(0, "from".into(), from);
        self.add(Section::Sinks, item);
        self
    }

    /// Writes a Kafka topic; [`Sink::kafka`] says more.
    pub fn to_kafka(self, topic: &str, encode: Encode) -> Self {
        self.sink(Sink::kafka(topic).encode(encode))
    }

    /// Hands rows to the program under this name.
    pub fn to_memory(self, name: &str) -> Self {
        self.sink(Sink::memory().named(name))
    }

    /// Names the source, step or sink that was said last.
    pub fn named(mut self, name: &str) -> Self {
        let is_read = !matches!(self.last, Some(Section::Sinks));
        if let Some(item) = self.last() {
            item.rename(name.to_owned());
            if is_read {
                self.at = vec![name.to_owned()];
            }
        }
        self
    }

    /// What becomes of the records or rows that fail at what was said last.
    pub fn on_error(self, policy: OnError) -> Self {
        self.set("on_error", policy)
    }

    /// Any other key of what was said last, by its path: `config`, `limits.memory`, `grant`.
    pub fn set(mut self, path: &str, value: impl Into<Value>) -> Self {
        if let Some(item) = self.last() {
            item.set(path, value);
        }
        self
    }

    /// The specification as JSON. Where a step is a function of this program the specification only names it, so
    /// another host refuses it.
    pub fn to_json(&self) -> String {
        text::json(&self.name, &self.settings, [&self.sources, &self.steps, &self.sinks])
    }

    /// The same as YAML, for `sabot check` and `sabot pipeline apply`.
    pub fn to_yaml(&self) -> String {
        text::yaml(&self.name, &self.settings, [&self.sources, &self.steps, &self.sinks])
    }

    /// The specification as every host reads it, with what is probably not meant.
    ///
    /// # Errors
    /// Every mistake.
    pub fn checked(&self) -> Result<Parsed, StreamError> {
        let parsed = spec::parse(self.to_json().as_bytes(), spec::Format::Json);
        Ok(parsed.map_err(|mistakes| control::mistaken(&mistakes))?)
    }

    /// The functions of its native steps, by their names.
    pub fn functions(&self) -> Functions {
        let named = |step: &Item| Some((step.name.clone(), step.function.clone()?));
        self.steps.iter().filter_map(named).collect()
    }

    fn function(self, what: &str, columns: Option<Columns>, function: Function) -> Self {
        let mut item = Item::new(what);
        if let Some(columns) = columns {
            item.set("schema", columns);
        }
        item.function = Some(function);
        self.step(item)
    }

    fn step(mut self, mut item: Item) -> Self {
        let from = self.written_from();
        item.keys.shift_insert(0, "from".into(), from);
        self.add(Section::Steps, item);
        self
    }

    fn written_from(&self) -> Value {
        match self.at.as_slice() {
            [one] => one.as_str().into(),
            several => several.into(),
        }
    }

    fn add(&mut self, section: Section, mut item: Item) {
        let all = [&self.sources, &self.steps, &self.sinks];
        item.avoid(|name| all.iter().any(|items| items.iter().any(|other| other.name == name)));
        if !matches!(section, Section::Sinks) {
            self.at = vec![item.name.clone()];
        }
        self.last = Some(section);
        self.items(section).push(item);
    }

    fn items(&mut self, section: Section) -> &mut Vec<Item> {
        match section {
            Section::Sources => &mut self.sources,
            Section::Steps => &mut self.steps,
            Section::Sinks => &mut self.sinks,
        }
    }

    fn last(&mut self) -> Option<&mut Item> {
        let section = self.last?;
        self.items(section).last_mut()
    }
}
