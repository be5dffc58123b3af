//! A host within the program: the one that `sabot serve` runs, without its API. It keeps components, pipelines,
//! progress and dead letters in a folder, which is gone with the host unless the program names one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::TempDir;

use super::error::StreamError;
use super::pipeline::Pipeline;
use super::running::Running;
use crate::config::{Config, Connection};
use crate::connector::kafka::EmbeddedBroker;
use crate::connector::memory;
use crate::control::{self, api::ComponentInfo};
use crate::operator::native::Functions;
use crate::spec::{self, SinkConnector, SourceConnector};

/// How a host within the program is opened.
///
/// ```no_run
/// # fn main() -> Result<(), sabot::stream::StreamError> {
/// use sabot::stream::Host;
///
/// let host = Host::builder().bootstrap("localhost:9092").data_dir("state").open()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "`open` opens the host"]
pub struct HostBuilder {
    config: Config,
    data_dir: Option<PathBuf>,
    embedded_broker: bool,
}

impl HostBuilder {
    /// All settings, as a file has them: connections, registries, limits. Its data folder is not used, see
    /// [`data_dir`](Self::data_dir).
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// The broker of the connection `default`: `host:port`.
    pub fn bootstrap(mut self, bootstrap: &str) -> Self {
        self.config.connections.insert("default".into(), Connection::of_broker(bootstrap));
        self
    }

    /// A connection with librdkafka's properties.
    pub fn connection<K: Into<String>, V: Into<String>>(
        mut self,
        name: &str,
        properties: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let properties = properties.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        self.config.connections.insert(name.to_owned(), Connection { properties });
        self
    }

    /// A broker within the program as the connection `default`, for trying out: it keeps little, and nothing for long.
    pub fn embedded_broker(mut self) -> Self {
        self.embedded_broker = true;
        self
    }

    /// Keeps everything in this folder. What ran when the program ended goes on when the host is opened again; a
    /// pipeline with functions once the program starts it.
    pub fn data_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(folder.into());
        self
    }

    /// Opens the host.
    ///
    /// # Errors
    /// The folder or a setting cannot be used.
    pub fn open(self) -> Result<Host, StreamError> {
        let HostBuilder { mut config, data_dir, embedded_broker } = self;
        let passing = match data_dir {
            Some(_) => None,
            None => Some(tempfile::tempdir().map_err(|source| file(&std::env::temp_dir(), source))?),
        };
        config.data_dir = data_dir.or_else(|| Some(passing.as_ref()?.path().to_owned())).unwrap_or_default();
        config.local_components = true;
        let broker = match embedded_broker {
            true => Some(Arc::new(EmbeddedBroker::start().map_err(StreamError::Settings)?)),
            false => None,
        };
        let control = Arc::new(control::Host::open_with(&config, broker)?);
        Ok(Host { control, channels: Mutex::default(), _passing: passing })
    }
}

fn file(path: &Path, source: std::io::Error) -> StreamError {
    StreamError::File { path: path.to_owned(), source }
}

/// A host within the program. When it is dropped every pipeline stops, once all that it has read is delivered.
pub struct Host {
    control: Arc<control::Host>,
    /// Names of the `memory` channels of what was started here.
    channels: Mutex<BTreeSet<String>>,
    _passing: Option<TempDir>,
}

impl Host {
    /// A host that keeps nothing and knows no broker.
    ///
    /// # Errors
    /// There is no room for its files.
    pub fn new() -> Result<Host, StreamError> {
        Host::builder().open()
    }

    /// A host with settings.
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    /// Stores the component in a file; answers its name, version and digest.
    ///
    /// # Errors
    /// The file cannot be read, or is no component that can run here.
    pub fn push(&self, path: impl AsRef<Path>) -> Result<ComponentInfo, StreamError> {
        let path = path.as_ref();
        self.push_bytes(&std::fs::read(path).map_err(|source| file(path, source))?)
    }

    /// Stores a component.
    ///
    /// # Errors
    /// It is no component that can run here.
    pub fn push_bytes(&self, component: &[u8]) -> Result<ComponentInfo, StreamError> {
        Ok(self.control.push_component(component)?.component)
    }

    /// Runs a pipeline. One of the same name that runs already finishes what it has read, and this one goes on from
    /// there.
    ///
    /// # Errors
    /// Every mistake in it; then nothing has changed.
    pub fn start(&self, pipeline: &Pipeline) -> Result<Running, StreamError> {
        self.start_spec(pipeline.to_json().as_bytes(), pipeline.functions())
    }

    /// Runs a specification in YAML or JSON; its steps with `native` are these functions.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_spec(&self, text: &[u8], functions: Functions) -> Result<Running, StreamError> {
        let parsed =
            spec::parse(text, spec::Format::Auto).map_err(|mistakes| control::mistaken(&mistakes))?;
        let pipeline = Arc::new(parsed.pipeline);
        self.open_channels(&pipeline);
        let applied = self.control.run(text, functions)?;
        Ok(Running { host: Arc::clone(&self.control), pipeline, warnings: applied.warnings })
    }

    /// Everything else that a host can do: swap, roll back, dead letters, logs.
    pub fn control(&self) -> &Arc<control::Host> {
        &self.control
    }

    /// Sources whose input was ended take rows again.
    fn open_channels(&self, pipeline: &spec::Pipeline) {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        for source in &pipeline.sources {
            if let SourceConnector::Memory { name } = &source.connector {
                memory::input(name);
                channels.insert(name.clone());
            }
        }
        channels.extend(pipeline.sinks.iter().filter_map(|sink| match &sink.connector {
            SinkConnector::Memory { name } => Some(name.clone()),
            _ => None,
        }));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.control.shutdown();
        let channels = self.channels.get_mut().unwrap_or_else(PoisonError::into_inner);
        channels.iter().for_each(|name| memory::forget(name));
    }
}
