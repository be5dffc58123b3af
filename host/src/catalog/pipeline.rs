//! Storing pipelines: the specification, its revision, whether it should run, and the exact component of every
//! Wasm step. Each change is one file written whole.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::reference::did_you_mean;
use super::{
    Catalog, CatalogError, Cause, GaveUp, Pin, Pinned, PinnedSchema, PipelineRecord, State, Wanted, files,
};
use crate::spec::name_problem;

/// A specification to store.
#[derive(Clone, Debug)]
pub struct Proposal<'a> {
    /// The pipeline.
    pub name: &'a str,
    /// Its specification, as written.
    pub spec: &'a str,
    /// The component of each Wasm step.
    pub pins: BTreeMap<String, Pinned>,
    /// What registries and samples said.
    pub schemas: BTreeMap<String, PinnedSchema>,
    /// Whether it should run, when it is new.
    pub wanted: Wanted,
    /// The revision that it changes; 0: it must be new; `None`: whatever is there.
    pub expect: Option<u64>,
}

/// What storing a specification did.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The pipeline now.
    pub record: Arc<PipelineRecord>,
    /// Whether it is new.
    pub created: bool,
    /// Whether it differs from before.
    pub changed: bool,
}

impl Catalog {
    /// Creates or changes a pipeline. The same specification with the same components changes nothing.
    pub fn apply(&self, proposal: Proposal<'_>, now_ms: u64) -> Result<Stored, CatalogError> {
        let _writer = self.writer();
        let (record, created, changed) = self.propose(proposal, now_ms)?;
        if !changed {
            return Ok(Stored { record, created, changed });
        }
        self.keep(&record)?;
        Ok(Stored { record, created, changed })
    }

    /// What [`apply`](Self::apply) would store, without storing it: the same checks and the same answer.
    pub fn rehearse(&self, proposal: Proposal<'_>, now_ms: u64) -> Result<Stored, CatalogError> {
        let (record, created, changed) = self.propose(proposal, now_ms)?;
        Ok(Stored { record, created, changed })
    }

    fn propose(
        &self,
        proposal: Proposal<'_>,
        now_ms: u64,
    ) -> Result<(Arc<PipelineRecord>, bool, bool), CatalogError> {
        let Proposal { name, spec, pins, schemas, wanted, expect } = proposal;
        if let Some(problem) = name_problem(name) {
            return Err(CatalogError::BadName { kind: "pipeline", problem });
        }
        self.check_spec_size(spec)?;
        let state = self.state();
        if let Some(reason) = state.damaged_pipelines.get(name) {
            return Err(self.damaged_pipeline(name, reason));
        }
        for (step, pinned) in &pins {
            check_stored(&state, step, pinned)?;
        }
        let Some(before) = state.pipelines.get(name) else {
            check_revision(name, expect, 0)?;
            if state.pipelines.len() >= self.limits.pipelines {
                let (would, allowed) = (state.pipelines.len() as u64 + 1, self.limits.pipelines as u64);
                return Err(CatalogError::Full { what: "pipelines", limit: "pipelines", would, allowed });
            }
            let pins = pins.into_iter().map(|(s, current)| (s, Pin { current, previous: None })).collect();
            let mut record = PipelineRecord {
                name: name.to_owned(),
                revision: 0,
                wanted,
                spec: spec.to_owned(),
                pins,
                schemas,
                gave_up: None,
                history: Default::default(),
            };
            record.advance(Cause::Apply, "created".into(), now_ms);
            return Ok((Arc::new(record), true, true));
        };
        check_revision(name, expect, before.revision)?;
        let pins: BTreeMap<String, Pin> = pins
            .into_iter()
            .map(|(step, current)| {
                let pin = repin(before.pins.get(&step), current);
                (step, pin)
            })
            .collect();
        if before.spec == spec && before.pins == pins && before.schemas == schemas {
            return Ok((Arc::clone(before), false, false));
        }
        let detail = match before.spec == spec && before.pins == pins {
            true => "other schemas than before",
            false => "specification applied",
        };
        let mut record = PipelineRecord { spec: spec.to_owned(), pins, schemas, ..(**before).clone() };
        record.advance(Cause::Apply, detail.into(), now_ms);
        Ok((Arc::new(record), false, true))
    }

    fn check_spec_size(&self, spec: &str) -> Result<(), CatalogError> {
        let (found, allowed) = (spec.len() as u64, self.limits.pipeline_bytes);
        if found <= allowed {
            return Ok(());
        }
        Err(CatalogError::TooLarge { what: "the specification", limit: "pipeline_bytes", found, allowed })
    }

    /// Writes a changed record; the caller holds the writer's lock.
    fn keep(&self, record: &Arc<PipelineRecord>) -> Result<(), CatalogError> {
        files::write(&self.pipeline_path(&record.name), &super::to_json(&**record))?;
        self.state_mut().pipelines.insert(record.name.clone(), Arc::clone(record));
        Ok(())
    }

    fn change(
        &self,
        name: &str,
        expect: Option<u64>,
        edit: impl FnOnce(&mut PipelineRecord) -> Result<bool, CatalogError>,
    ) -> Result<Arc<PipelineRecord>, CatalogError> {
        let _writer = self.writer();
        let before = self.pipeline(name)?;
        check_revision(name, expect, before.revision)?;
        let mut record = (*before).clone();
        if !edit(&mut record)? {
            return Ok(before);
        }
        let record = Arc::new(record);
        self.keep(&record)?;
        Ok(record)
    }

    /// Another component for a step. What it ran before becomes what it goes back to; the same component with
    /// the same configuration changes nothing.
    pub fn swap(
        &self,
        name: &str,
        step: &str,
        to: Pinned,
        expect: Option<u64>,
        now_ms: u64,
    ) -> Result<Arc<PipelineRecord>, CatalogError> {
        self.change(name, expect, |record| {
            let pin = pin_of(&mut record.pins, step)?;
            if pin.current.digest == to.digest && pin.current.config == to.config {
                return Ok(false);
            }
            let detail = format!("step {step}: {} in place of {}", to.digest, pin.current.digest);
            check_stored(&self.state(), step, &to)?;
            *pin = repin(Some(pin), to);
            record.advance(Cause::Swap, detail, now_ms);
            Ok(true)
        })
    }

    /// A step goes back to the component it ran before. `why` is remembered. Whoever goes back again does not want what
    /// was just left, so nothing is before; a swap brings it again.
    pub fn roll_back(
        &self,
        name: &str,
        step: &str,
        expect: Option<u64>,
        why: &str,
        now_ms: u64,
    ) -> Result<Arc<PipelineRecord>, CatalogError> {
        self.change(name, expect, |record| {
            let pin = pin_of(&mut record.pins, step)?;
            let Some(previous) = pin.previous.take() else {
                let (pipeline, step) = (name.to_owned(), step.to_owned());
                return Err(CatalogError::NothingBefore {
                    pipeline,
                    step,
                    current: pin.current.digest.clone(),
                });
            };
            let detail = format!("step {step}: back to {} ({why})", previous.digest);
            pin.current = previous;
            record.advance(Cause::Rollback, detail, now_ms);
            Ok(true)
        })
    }

    /// A step goes back from `failed` by itself, if that is what it runs: an exchange that was taken back before it
    /// was written down, or by hand, is none any more. Nobody wants to come back to `failed`, so nothing is before.
    pub fn take_back(
        &self,
        name: &str,
        step: &str,
        failed: &Pinned,
        why: &str,
        now_ms: u64,
    ) -> Result<Arc<PipelineRecord>, CatalogError> {
        self.change(name, None, |record| {
            let pin = pin_of(&mut record.pins, step)?;
            let runs = pin.current.digest == failed.digest && pin.current.config == failed.config;
            let Some(previous) = pin.previous.take_if(|_| runs) else { return Ok(false) };
            let detail = format!("step {step}: back to {} ({why})", previous.digest);
            pin.current = previous;
            record.advance(Cause::Rollback, detail, now_ms);
            Ok(true)
        })
    }

    /// Whether a pipeline should run from now on; that it gave up is forgotten. Not a new revision: nobody's change is
    /// overtaken by it.
    pub fn want(&self, name: &str, wanted: Wanted) -> Result<Arc<PipelineRecord>, CatalogError> {
        self.change(name, None, |record| {
            let differs = record.wanted != wanted || record.gave_up.is_some();
            record.wanted = wanted;
            record.gave_up = None;
            Ok(differs)
        })
    }

    /// A pipeline gave up: it stays as it is, also when the host starts again, until [`want`](Self::want) says anew what
    /// it should do. Not a new revision either.
    pub fn give_up(&self, name: &str, reason: &str, at_ms: u64) -> Result<Arc<PipelineRecord>, CatalogError> {
        self.change(name, None, |record| {
            record.gave_up = Some(GaveUp { reason: reason.to_owned(), at_ms });
            Ok(true)
        })
    }

    /// All pipelines, by name.
    pub fn pipelines(&self) -> Vec<Arc<PipelineRecord>> {
        self.state().pipelines.values().cloned().collect()
    }

    /// A pipeline.
    pub fn pipeline(&self, name: &str) -> Result<Arc<PipelineRecord>, CatalogError> {
        let state = self.state();
        if let Some(reason) = state.damaged_pipelines.get(name) {
            return Err(self.damaged_pipeline(name, reason));
        }
        state.pipelines.get(name).cloned().ok_or_else(|| CatalogError::Unknown {
            kind: "pipeline",
            name: name.to_owned(),
            nearest: did_you_mean(name, state.pipelines.keys().map(String::as_str)),
        })
    }

    /// Forgets a pipeline, also one whose record is damaged. Its components stay.
    pub fn remove_pipeline(&self, name: &str) -> Result<(), CatalogError> {
        let _writer = self.writer();
        match self.pipeline(name) {
            Ok(_) | Err(CatalogError::Damaged { .. }) => {}
            Err(unknown) => return Err(unknown),
        }
        files::remove(&self.pipeline_path(name))?;
        let mut state = self.state_mut();
        state.damaged_pipelines.remove(name);
        state.pipelines.remove(name);
        Ok(())
    }

    fn pipeline_path(&self, name: &str) -> PathBuf {
        self.folder.join("pipelines").join(format!("{name}.json"))
    }

    fn damaged_pipeline(&self, name: &str, reason: &str) -> CatalogError {
        CatalogError::Damaged {
            file: self.pipeline_path(name),
            reason: reason.to_owned(),
            remedy: format!(
                "put the file back from a backup and start the host again, or remove the pipeline (`sabot pipeline \
                 rm {name}`) and apply it anew; its committed offsets are kept by its consumer group"
            ),
        }
    }

    /// Reads all records; what cannot be read is remembered with the reason.
    pub(super) fn load_pipelines(&self, state: &mut State) -> Result<(), CatalogError> {
        for (name, path) in files::list(&self.folder.join("pipelines"), "json")? {
            match super::from_json::<PipelineRecord>(&path) {
                Ok(record) if record.name == name => drop(state.pipelines.insert(name, Arc::new(record))),
                Ok(record) => {
                    let reason = format!("its record is that of `{}`", record.name);
                    state.damaged_pipelines.insert(name, reason);
                }
                Err(reason) => drop(state.damaged_pipelines.insert(name, reason)),
            }
        }
        Ok(())
    }

    pub(super) fn pipeline_damages(&self, state: &State) -> Vec<CatalogError> {
        state.damaged_pipelines.iter().map(|(name, reason)| self.damaged_pipeline(name, reason)).collect()
    }
}

/// The pin that follows `before` when `current` comes.
fn repin(before: Option<&Pin>, current: Pinned) -> Pin {
    match before {
        None => Pin { current, previous: None },
        Some(pin) if pin.current.digest == current.digest && pin.current.config == current.config => {
            Pin { current, previous: pin.previous.clone() }
        }
        Some(pin) => Pin { current, previous: Some(pin.current.clone()) },
    }
}

/// A pinned component was found before the writer's lock was taken; it may be gone since.
fn check_stored(state: &State, step: &str, pinned: &Pinned) -> Result<(), CatalogError> {
    let digest = &pinned.digest;
    if state.components.contains_key(digest) || state.damaged_components.contains_key(digest) {
        return Ok(());
    }
    let nearest = format!(" any more, which step `{step}` should run; upload it again");
    Err(CatalogError::Unknown { kind: "component", name: digest.clone(), nearest })
}

fn pin_of<'a>(pins: &'a mut BTreeMap<String, Pin>, step: &str) -> Result<&'a mut Pin, CatalogError> {
    let nearest = did_you_mean(step, pins.keys().map(String::as_str));
    pins.get_mut(step).ok_or_else(|| CatalogError::Unknown {
        kind: "step with a component",
        name: step.to_owned(),
        nearest,
    })
}

fn check_revision(name: &str, expect: Option<u64>, found: u64) -> Result<(), CatalogError> {
    match expect {
        Some(expected) if expected != found => {
            Err(CatalogError::Revision { pipeline: name.to_owned(), expected, found })
        }
        _ => Ok(()),
    }
}
