//! From a stored pipeline to a job: every component found, compiled and bound to what its step reads, every
//! expression typed, every column looked up. All that is wrong is told at once. Starts nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use serde_json::Value;

use super::Reason;
use super::bookkeeper::{Bookkeeper, full_name};
use super::host::Shared;
use super::schemas::pipeline_of;
use crate::catalog::{Pinned, PipelineRecord};
use crate::operator::component::{StepControl, Version};
use crate::operator::native::Functions;
use crate::plan::{self, BindError, Binder, Bound, Node};
use crate::runtime::{Job, Resources, bind_native};
use crate::spec::{self, DeadLetterTarget, SinkConnector, SourceConnector, Step, StepKind};
use crate::wasm;

/// What is wrong with steps and sinks as far as it can be told without a host: where the columns are known, every
/// expression is typed; what hangs below a component or a function is not looked at.
pub fn mistakes_of_steps(pipeline: &spec::Pipeline) -> Vec<spec::SpecError> {
    struct Native;
    impl Binder for Native {
        fn output(&mut self, _: &Node, step: &Step, input: &SchemaRef) -> Result<Bound, Vec<BindError>> {
            match &step.kind {
                StepKind::Native(_) => Ok(Bound::Unknown("its function is not at hand".into())),
                _ => bind_native(step, input, &Functions::new()),
            }
        }
    }
    plan::resolve(&plan::plan(pipeline), pipeline, &mut Native).err().unwrap_or_default()
}

impl Shared {
    /// The job of a stored (or proposed) pipeline whose native steps are `functions`.
    pub fn job(
        &self,
        record: &PipelineRecord,
        functions: Functions,
        bookkeeper: &Bookkeeper,
    ) -> Result<Job, Vec<Reason>> {
        let pipeline = pipeline_of(record)?;
        self.check_connections(&pipeline)?;
        self.make_topics(&pipeline);
        let plan = plan::plan(&pipeline);
        let mut binder =
            Components { shared: self, record, functions: &functions, versions: BTreeMap::new() };
        let schemas = plan::resolve(&plan, &pipeline, &mut binder)
            .map_err(|errors| errors.iter().map(super::apply::reason).collect::<Vec<_>>())?;
        let controls = binder
            .versions
            .into_iter()
            .map(|(step, (version, probation))| {
                let control = StepControl::new(full_name(&record.name, &step), version, probation)
                    .with_events(bookkeeper.events());
                (step, Arc::new(control))
            })
            .collect();
        let resources = Resources {
            log: Arc::clone(&self.entry(&record.name).log),
            connections: self.connections.clone(),
            registries: self.registries.clone(),
            folder: self.folder(&record.name),
            functions,
        };
        Ok(Job::new(pipeline, plan, schemas, controls, resources))
    }

    /// Every connection that the pipeline names has to be in the host's config.
    pub fn check_connections(&self, pipeline: &spec::Pipeline) -> Result<(), Vec<Reason>> {
        let sources = pipeline.sources.iter().filter_map(|source| match &source.connector {
            SourceConnector::Kafka(kafka) => {
                Some((format!("sources.{}.kafka", source.name), &kafka.connection))
            }
            _ => None,
        });
        let sinks = pipeline.sinks.iter().filter_map(|sink| match &sink.connector {
            SinkConnector::Kafka(kafka) => Some((format!("sinks.{}.kafka", sink.name), &kafka.connection)),
            _ => None,
        });
        let dead = match &pipeline.dead_letter {
            DeadLetterTarget::Kafka { connection, .. } => Some(("dead_letter.kafka".to_owned(), connection)),
            DeadLetterTarget::HostFile | DeadLetterTarget::File(_) => None,
        };
        let named = sources.chain(sinks).chain(dead);
        let wrong: Vec<Reason> = named
            .filter_map(|(at, name)| {
                let unknown = self.connections.get(name).err()?;
                Some(Reason::at(format!("{at}.connection"), unknown.to_string()))
            })
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// On the embedded broker topics are there once a pipeline names them.
    pub fn make_topics(&self, pipeline: &spec::Pipeline) {
        let Some(broker) = &self.embedded else { return };
        let read = pipeline.sources.iter().filter_map(|source| match &source.connector {
            SourceConnector::Kafka(kafka) => Some((&kafka.connection, &kafka.topic)),
            _ => None,
        });
        let written = pipeline.sinks.iter().filter_map(|sink| match &sink.connector {
            SinkConnector::Kafka(kafka) => Some((&kafka.connection, &kafka.topic)),
            _ => None,
        });
        let dead = match &pipeline.dead_letter {
            DeadLetterTarget::Kafka { connection, topic } => Some((connection, topic)),
            DeadLetterTarget::HostFile | DeadLetterTarget::File(_) => None,
        };
        for (_, topic) in read.chain(written).chain(dead).filter(|(connection, _)| *connection == "default") {
            if let Err(e) = broker.create_named_topic(topic) {
                // The pipeline will say that the topic is not there.
                tracing::warn!("{e}");
            }
        }
    }

    /// The component that `pinned` names, bound to what `step` of a stored pipeline reads.
    pub fn fitting(
        &self,
        record: &PipelineRecord,
        step: &str,
        pinned: &Pinned,
    ) -> Result<Arc<dyn Version>, Vec<Reason>> {
        let pipeline = pipeline_of(record)?;
        let functions = self.entry(&record.name).functions();
        let mut binder =
            Components { shared: self, record, functions: &functions, versions: BTreeMap::new() };
        let schemas = plan::resolve(&plan::plan(&pipeline), &pipeline, &mut binder)
            .map_err(|errors| errors.iter().map(super::apply::reason).collect::<Vec<_>>())?;
        let (Some(input), Some(StepKind::Wasm(wasm))) =
            (schemas.input(step), pipeline.step(step).map(|s| &s.kind))
        else {
            return Err(vec![Reason::new(format!("step `{step}` runs no component"))]);
        };
        let reasons = |reasons: Vec<String>| reasons.into_iter().map(Reason::new).collect::<Vec<_>>();
        Ok(self.bind(&record.name, step, pinned, wasm, input).map_err(reasons)?)
    }

    fn bind(
        &self,
        pipeline: &str,
        step: &str,
        pinned: &Pinned,
        wasm: &spec::Wasm,
        input: &SchemaRef,
    ) -> Result<Arc<wasm::Bound>, Vec<String>> {
        let largest = self.config.limits.memory_bytes;
        if wasm.limits.memory_bytes as u64 > largest {
            let asked = wasm.limits.memory_bytes;
            return Err(vec![format!(
                "limits.memory asks for {asked} bytes, the host allows {largest} (limits.memory_bytes)"
            )]);
        }
        let bytes = self.catalog.component_bytes(&pinned.digest).map_err(|e| vec![e.to_string()])?;
        let component = self.engine.compile(&bytes).map_err(|e| e.reasons)?;
        let config: &Value = pinned.config.as_ref().unwrap_or(&wasm.config);
        let (log, name) = (Arc::clone(&self.entry(pipeline).log), step.to_owned());
        let said: wasm::LogSink = Arc::new(move |level, text| log.component(&name, level, text));
        component.bind_step(input, config, &wasm.grant, &wasm.limits, said).map_err(|e| e.reasons)
    }
}

/// Binds steps with the components that the record pins and the functions that the pipeline was given.
struct Components<'a> {
    shared: &'a Shared,
    record: &'a PipelineRecord,
    functions: &'a Functions,
    versions: BTreeMap<String, (Arc<dyn Version>, spec::Probation)>,
}

impl Binder for Components<'_> {
    fn output(&mut self, _: &Node, step: &Step, input: &SchemaRef) -> Result<Bound, Vec<BindError>> {
        let StepKind::Wasm(wasm) = &step.kind else { return bind_native(step, input, self.functions) };
        let Some(pin) = self.record.pins.get(&step.name) else {
            return Err(vec![BindError::from(format!("no component is stored for `{}`", wasm.component))]);
        };
        let bound = self
            .shared
            .bind(&self.record.name, &step.name, &pin.current, wasm, input)
            .map_err(|reasons| reasons.into_iter().map(BindError::from).collect::<Vec<_>>())?;
        let ports = bound.output_ports().to_vec();
        self.versions.insert(step.name.clone(), (bound, wasm.probation));
        Ok(Bound::Ports(ports))
    }
}
