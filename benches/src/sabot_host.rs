//! A host inside the benchmark's process: its control plane without HTTP.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sabot::config::{Config, Connection, Limits};
use sabot::control::api::{PipelineState, PipelineStatus};
use sabot::control::{Host, How};

use crate::kafka::Failed;

/// A host over a broker, with a folder that goes when it does.
pub struct BenchHost {
    /// The host.
    pub host: Host,
    _folder: tempfile::TempDir,
}

impl BenchHost {
    /// A host whose connection `default` is `bootstrap`.
    pub fn open(bootstrap: &str) -> Result<BenchHost, Failed> {
        let folder = tempfile::tempdir()?;
        let properties = BTreeMap::from([("bootstrap.servers".to_owned(), bootstrap.to_owned())]);
        let config = Config {
            data_dir: folder.path().to_owned(),
            connections: BTreeMap::from([("default".to_owned(), Connection { properties })]),
            // `many` asks how many there can be.
            limits: Limits { pipelines: 10_000, ..Limits::default() },
            ..Config::default()
        };
        Ok(BenchHost { host: Host::open(&config)?, _folder: folder })
    }

    /// Uploads a component of this repository's guests by its file name.
    pub fn push(&self, name: &str) -> Result<String, Failed> {
        let path = guest(name)?;
        Ok(self.host.push_component(&std::fs::read(&path)?)?.component.digest)
    }

    /// Applies a pipeline and waits until it runs.
    pub fn apply(&self, spec: &str) -> Result<(), Failed> {
        let applied = self.host.apply(None, spec.as_bytes(), How::default())?;
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let status = self.host.pipeline(&applied.name)?;
            match status.state {
                PipelineState::Running => return Ok(()),
                PipelineState::Failed => return Err(status.reason.unwrap_or_default().into()),
                _ if Instant::now() > until => return Err(format!("{} does not start", applied.name).into()),
                _ => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// Waits until the pipeline's sources have handed out a record; answers when.
    pub fn first_record(&self, name: &str) -> Result<Instant, Failed> {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let status: PipelineStatus = self.host.pipeline(name)?;
            let now = Instant::now();
            if status.sources.iter().any(|s| s.records > 0) {
                return Ok(now);
            }
            if now > until {
                return Err(format!("{name}: no record after a minute: {:?}", status.reason).into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Where `cargo xtask guests` left a component.
pub fn guest(name: &str) -> Result<PathBuf, Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for under in ["examples", "tests/guests", "guests"] {
        if let Some(path) = find(&root.join(under), &format!("{name}.wasm"), 5) {
            return Ok(path);
        }
    }
    Err(format!("no {name}.wasm: run `cargo xtask guests` first").into())
}

fn find(folder: &Path, name: &str, depth: u32) -> Option<PathBuf> {
    let mut below = Vec::new();
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            below.push(path);
        } else if path.file_name().is_some_and(|f| f == name)
            && folder.file_name().is_some_and(|f| f == "build")
        {
            return Some(path);
        }
    }
    if depth == 0 {
        return None;
    }
    below
        .iter()
        .filter(|p| p.file_name().is_some_and(|f| f != "target"))
        .find_map(|p| find(p, name, depth - 1))
}
