//! What a host keeps: uploaded components and pipelines with their revisions, in a folder that only one host
//! uses. What it has confirmed survives a kill or a loss of power; what it has not confirmed is as if never
//! asked. Must not import `runtime`, `control` or anything above.
//!
//! ```text
//! data_dir/LOCK                        held while a host runs
//!          FORMAT                      version of this layout
//!          components/HEX.wasm         bytes, named by their SHA-256
//!          components/HEX.json         record; the component is there when this is
//!          pipelines/NAME.json         record
//! ```

mod component;
mod error;
mod files;
mod pipeline;
mod record;
mod reference;
mod version;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub use component::digest_of;
pub use error::CatalogError;
pub use pipeline::{Proposal, Stored};
pub use record::{
    Cause, Change, ComponentRecord, Described, GaveUp, Pin, Pinned, PinnedSchema, PipelineRecord, Wanted,
};
pub use version::Version;

use crate::config::Limits;

/// A step that needs a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The pipeline.
    pub pipeline: String,
    /// The step.
    pub step: String,
    /// It does not run it now, and would go back to it.
    pub previous: bool,
}

/// How a catalog is kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Takes other bytes under a name and version that is stored: the last upload is then meant. For
    /// development; else a version means one component for ever.
    pub reuse_versions: bool,
}

/// The components and pipelines of a host. Calls block on the disk; several threads may call at once.
pub struct Catalog {
    folder: PathBuf,
    limits: Limits,
    options: Options,
    /// Held over a whole change, disk included. Readers do not wait for it.
    writer: Mutex<()>,
    state: RwLock<State>,
    /// Dropped last: after it another host may open the folder.
    _lock: File,
}

/// What is on disk, in memory.
#[derive(Default)]
struct State {
    components: BTreeMap<String, ComponentRecord>,
    pipelines: BTreeMap<String, Arc<PipelineRecord>>,
    damaged_components: BTreeMap<String, String>,
    damaged_pipelines: BTreeMap<String, String>,
}

impl Catalog {
    /// Opens the folder, making it where there is none. A record that cannot be read does not stop the others:
    /// see [`damages`](Self::damages).
    pub fn open(folder: &Path, limits: Limits, options: Options) -> Result<Catalog, CatalogError> {
        files::make_folder(&folder.join("components"))?;
        files::make_folder(&folder.join("pipelines"))?;
        let lock = files::claim(folder)?;
        let catalog = Catalog {
            folder: folder.to_owned(),
            limits,
            options,
            writer: Mutex::default(),
            state: RwLock::default(),
            _lock: lock,
        };
        let mut state = State::default();
        catalog.load_components(&mut state)?;
        catalog.load_pipelines(&mut state)?;
        *catalog.state_mut() = state;
        Ok(catalog)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What was found damaged, each with its file and what to do.
    pub fn damages(&self) -> Vec<CatalogError> {
        let state = self.state();
        let mut damages = self.component_damages(&state);
        damages.extend(self.pipeline_damages(&state));
        damages
    }

    fn writer(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn to_json(record: &impl serde::Serialize) -> Vec<u8> {
    let mut json = serde_json::to_vec_pretty(record).expect("records have string keys and no failing fields");
    json.push(b'\n');
    json
}

fn from_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, String> {
    let bytes = files::read(path).map_err(|e| e.to_string())?;
    serde_json::from_slice(&bytes).map_err(|e| e.to_string())
}
