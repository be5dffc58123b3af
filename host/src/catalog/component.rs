//! Storing components: bytes under their digest, and a record beside them. A component is there when its record
//! is; the bytes are written first and removed last.

use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::{Catalog, CatalogError, ComponentRecord, Described, State, Usage, Version, files, reference};
use crate::spec::name_problem;

/// Characters of a version: as many as a reference may have.
const LONGEST: usize = 64;

/// The name of bytes: `sha256:` and 64 hex digits.
pub fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

impl Catalog {
    /// Stores a component, unless its bytes are stored already. Answers its record and whether it is new.
    pub fn put_component(
        &self,
        described: Described,
        bytes: &[u8],
        now_ms: u64,
    ) -> Result<(ComponentRecord, bool), CatalogError> {
        let digest = digest_of(bytes);
        if let Some(problem) = name_problem(&described.name) {
            return Err(CatalogError::BadName { kind: "component", problem });
        }
        check_version(&described)?;
        let Described { name, version, world, manifest } = described;
        let size_bytes = bytes.len() as u64;
        let record =
            ComponentRecord { digest, name, version, world, size_bytes, uploaded_ms: now_ms, manifest };

        let _writer = self.writer();
        let there = self.state().components.get(&record.digest).cloned();
        if let Some(there) = there {
            if self.component_bytes(&there.digest).is_err() {
                files::write(&self.component_path(&there.digest), bytes)?;
            }
            return Ok((there, false));
        }
        self.check_room(&record)?;
        files::write(&self.component_path(&record.digest), bytes)?;
        files::write(&self.component_record_path(&record.digest), &super::to_json(&record))?;
        let mut state = self.state_mut();
        state.damaged_components.remove(&record.digest);
        state.components.insert(record.digest.clone(), record.clone());
        Ok((record, true))
    }

    fn check_room(&self, record: &ComponentRecord) -> Result<(), CatalogError> {
        let (state, limits) = (self.state(), &self.limits);
        if !self.options.reuse_versions
            && let Some(other) =
                state.components.values().find(|c| c.name == record.name && c.version == record.version)
        {
            let (name, version) = (record.name.clone(), record.version.clone());
            return Err(CatalogError::VersionTaken { name, version, stored: other.digest.clone() });
        }
        if record.size_bytes > limits.component_bytes {
            return Err(CatalogError::TooLarge {
                what: "the component",
                limit: "component_bytes",
                found: record.size_bytes,
                allowed: limits.component_bytes,
            });
        }
        if state.components.len() >= limits.components {
            let (would, allowed) = (state.components.len() as u64 + 1, limits.components as u64);
            return Err(CatalogError::Full { what: "components", limit: "components", would, allowed });
        }
        let would = state.components.values().map(|c| c.size_bytes).sum::<u64>() + record.size_bytes;
        if would > limits.components_bytes {
            return Err(CatalogError::Full {
                what: "bytes of components",
                limit: "components_bytes",
                would,
                allowed: limits.components_bytes,
            });
        }
        Ok(())
    }

    /// All components, by name, then oldest version first.
    pub fn components(&self) -> Vec<ComponentRecord> {
        let mut all: Vec<_> = self.state().components.values().cloned().collect();
        all.sort_by_cached_key(|c| (c.name.clone(), Version::parse(&c.version), c.uploaded_ms));
        all
    }

    /// The component that a reference means.
    pub fn component(&self, reference: &str) -> Result<ComponentRecord, CatalogError> {
        let state = self.state();
        if let Some(reason) = state.damaged_components.get(reference) {
            return Err(self.damaged_component(reference, reason));
        }
        reference::resolve(reference, state.components.values()).cloned()
    }

    /// The bytes of the component of this digest, as they were uploaded.
    pub fn component_bytes(&self, digest: &str) -> Result<Vec<u8>, CatalogError> {
        let record = self.component(digest)?;
        let bytes = files::read(&self.component_path(&record.digest))?;
        if digest_of(&bytes) != record.digest {
            return Err(self.damaged_component(&record.digest, "its bytes have another digest"));
        }
        Ok(bytes)
    }

    /// Forgets a component that no pipeline runs or would go back to.
    pub fn remove_component(&self, reference: &str) -> Result<ComponentRecord, CatalogError> {
        let _writer = self.writer();
        let record = self.component(reference)?;
        let used_by = self.used_by(&record.digest);
        if !used_by.is_empty() {
            return Err(CatalogError::InUse { component: record.label(), used_by });
        }
        files::remove(&self.component_record_path(&record.digest))?;
        self.state_mut().components.remove(&record.digest);
        files::remove(&self.component_path(&record.digest))?;
        Ok(record)
    }

    /// The steps that run a component or would go back to it.
    pub fn used_by(&self, digest: &str) -> Vec<Usage> {
        let state = self.state();
        let all = state.pipelines.values().flat_map(|p| {
            let of = p.digests().filter(|(used, _, _)| *used == digest);
            of.map(|(_, step, previous)| Usage { pipeline: p.name.clone(), step: step.to_owned(), previous })
        });
        all.collect()
    }

    fn component_path(&self, digest: &str) -> PathBuf {
        self.folder.join("components").join(format!("{}.wasm", hex_of(digest)))
    }

    fn component_record_path(&self, digest: &str) -> PathBuf {
        self.folder.join("components").join(format!("{}.json", hex_of(digest)))
    }

    fn damaged_component(&self, digest: &str, reason: &str) -> CatalogError {
        CatalogError::Damaged {
            file: self.component_path(digest),
            reason: reason.to_owned(),
            remedy: "upload the same component again, which replaces it".into(),
        }
    }

    /// Reads all records; what cannot be read is remembered with the reason.
    pub(super) fn load_components(&self, state: &mut State) -> Result<(), CatalogError> {
        let folder = self.folder.join("components");
        let bytes = files::list(&folder, "wasm")?;
        for (hex, path) in files::list(&folder, "json")? {
            let digest = format!("sha256:{hex}");
            match self.load_component(&digest, &path) {
                Ok(record) => drop(state.components.insert(digest, record)),
                Err(reason) => drop(state.damaged_components.insert(digest, reason)),
            }
        }
        for (hex, path) in bytes {
            let digest = format!("sha256:{hex}");
            if !state.components.contains_key(&digest) && !state.damaged_components.contains_key(&digest) {
                // An upload that was never confirmed, or a removal that was.
                files::remove(&path)?;
            }
        }
        Ok(())
    }

    fn load_component(&self, digest: &str, path: &std::path::Path) -> Result<ComponentRecord, String> {
        let record: ComponentRecord = super::from_json(path)?;
        if record.digest != digest {
            return Err(format!("its record is that of {}", record.digest));
        }
        let size =
            std::fs::metadata(self.component_path(digest)).map_err(|e| format!("no bytes: {e}"))?.len();
        if size != record.size_bytes {
            return Err(format!("it has {size} bytes and should have {}", record.size_bytes));
        }
        Ok(record)
    }

    pub(super) fn component_damages(&self, state: &State) -> Vec<CatalogError> {
        state
            .damaged_components
            .iter()
            .map(|(digest, reason)| self.damaged_component(digest, reason))
            .collect()
    }
}

fn hex_of(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

fn check_version(described: &Described) -> Result<(), CatalogError> {
    let version = &described.version;
    if version.len() <= LONGEST && Version::parse(version).is_some() {
        return Ok(());
    }
    let version = version.chars().take(LONGEST).collect();
    Err(CatalogError::BadVersion { name: described.name.clone(), version })
}
