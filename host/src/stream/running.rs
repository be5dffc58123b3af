//! A pipeline that a program has started: its state, its rows, its end.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;

use super::error::StreamError;
use super::memory::{Asked, Input, Output};
use super::watch::{End, Until, Watch};
use crate::connector::memory;
use crate::control::Host;
use crate::control::api::PipelineStatus;
use crate::spec::{self, SinkConnector, SourceConnector};

/// Between two looks at the pipeline.
const LOOK: Duration = Duration::from_millis(50);

/// A pipeline that runs. Dropping this changes nothing: it runs until it ends, is stopped, or its host is dropped.
#[derive(Clone)]
pub struct Running {
    pub(super) host: Arc<Host>,
    pub(super) pipeline: Arc<spec::Pipeline>,
    pub(super) warnings: Vec<String>,
}

impl Running {
    /// The pipeline's name.
    pub fn name(&self) -> &str {
        &self.pipeline.name
    }

    /// What is probably not meant in its specification.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Its state and its figures.
    ///
    /// # Errors
    /// It was removed from the host.
    pub fn status(&self) -> Result<PipelineStatus, StreamError> {
        Ok(self.host.pipeline(self.name())?)
    }

    /// Where to put rows for a `memory` source of it.
    ///
    /// # Errors
    /// There is no such source.
    pub fn input(&self, source: &str) -> Result<Input, StreamError> {
        let sources =
            self.pipeline.sources.iter().filter_map(|found| match (&found.connector, &found.schema) {
                (SourceConnector::Memory { name }, Some(columns)) => Some((&found.name, (name, columns))),
                _ => None,
            });
        let all: Vec<(&String, (&String, &SchemaRef))> = sources.collect();
        let Some((_, (channel, columns))) = all.iter().find(|(name, _)| *name == source) else {
            return Err(self.no_memory("source", source, all.iter().map(|(name, _)| *name).collect()));
        };
        Ok(Input {
            asked: self.asked(),
            source: source.to_owned(),
            channel: (*channel).clone(),
            columns: Arc::clone(columns),
            sender: memory::input(channel),
        })
    }

    /// Where to get the rows of a `memory` sink of it. Several outputs of one sink share its rows.
    ///
    /// # Errors
    /// There is no such sink.
    pub fn output(&self, sink: &str) -> Result<Output, StreamError> {
        let sinks = self.pipeline.sinks.iter().filter_map(|found| match &found.connector {
            SinkConnector::Memory { name } => Some((&found.name, name)),
            _ => None,
        });
        let all: Vec<(&String, &String)> = sinks.collect();
        let Some((_, channel)) = all.iter().find(|(name, _)| *name == sink) else {
            return Err(self.no_memory("sink", sink, all.iter().map(|(name, _)| *name).collect()));
        };
        Ok(Output { asked: self.asked(), receiver: memory::output(channel), over: false })
    }

    /// Waits until it has ended, and stops it. Rows of a `memory` sink must be taken meanwhile, or before: while many
    /// wait there, the pipeline waits for them.
    ///
    /// # Errors
    /// It failed.
    pub fn wait(&self, until: Until) -> Result<PipelineStatus, StreamError> {
        let mut watch = Watch::new(until);
        let end = loop {
            if let Some(end) = watch.look(&self.status()?) {
                break end;
            }
            std::thread::sleep(LOOK);
        };
        let stopped = self.stop();
        match end {
            End::Failed(reason) => Err(StreamError::Failed { pipeline: self.name().to_owned(), reason }),
            End::Stopped | End::Read => stopped,
        }
    }

    /// Stops it once everything that it has read is delivered; answers what it did.
    ///
    /// # Errors
    /// It was removed from the host.
    pub fn stop(&self) -> Result<PipelineStatus, StreamError> {
        Ok(self.host.stop_pipeline(self.name())?)
    }

    fn asked(&self) -> Asked {
        Asked { host: Arc::clone(&self.host), pipeline: self.name().to_owned() }
    }

    fn no_memory(&self, kind: &'static str, name: &str, there: Vec<&String>) -> StreamError {
        let remedy = match (there.as_slice(), kind) {
            ([], "source") => "`Source::memory` makes one".to_owned(),
            ([], _) => "`Sink::memory` makes one".to_owned(),
            (names, _) => {
                let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
                format!("there is `{}`", names.join("`, `"))
            }
        };
        StreamError::NoMemory { pipeline: self.name().to_owned(), kind, name: name.to_owned(), remedy }
    }
}
