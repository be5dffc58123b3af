//! Applying a specification: everything is checked first, with all reasons at once; what runs goes on until the
//! new revision is stored, then finishes what it read, and the new one goes on from there.

use std::collections::BTreeMap;

use super::api::*;
use super::host::{Answer, Entry, Host, now_ms};
use super::schemas::{self, Asking, pipeline_of};
use super::{Reason, Refusal, RefusalKind};
use crate::catalog::{Pinned, PipelineRecord, Proposal, Wanted};
use crate::operator::native::Functions;
use crate::plan;
use crate::spec::{self, Format, Parsed, SpecError, StepKind};

/// How a specification is applied.
#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    /// The revision that the caller knows; 0: there must be none.
    pub expect: Option<u64>,
    /// Check and plan only.
    pub dry_run: bool,
    /// Ask registries and samples again also where nothing is written differently.
    pub refresh_schemas: bool,
}

impl Host {
    /// Creates or changes a pipeline. `name` comes from the address and must be the one in `text`. A step whose
    /// component and configuration are written as before keeps the component it runs, also one that was swapped in; a
    /// source that is written as before keeps its columns, unless they are to be asked for again.
    pub fn apply(&self, name: Option<&str>, text: &[u8], how: How) -> Answer<Applied> {
        self.applied(text, name, how, None)
    }

    /// Creates or changes a pipeline and sees to it that it runs. Its native steps are `functions` of the calling
    /// program; whether one of them is what it was before cannot be seen, so a pipeline that has some begins again.
    pub fn run(&self, text: &[u8], functions: Functions) -> Answer<Applied> {
        self.applied(text, None, How::default(), Some(functions))
    }

    /// `run`: it runs after that, also where it was stopped, and its native steps are these from now on.
    fn applied(&self, text: &[u8], name: Option<&str>, how: How, run: Option<Functions>) -> Answer<Applied> {
        let limit = self.shared.config.limits.pipeline_bytes;
        if text.len() as u64 > limit {
            return Err(Refusal::new(
                RefusalKind::TooLarge,
                "the specification is too large",
                format!("it has {} bytes, the host takes {limit} (limits.pipeline_bytes)", text.len()),
            ));
        }
        let parsed = spec::parse(text, Format::Auto).map_err(|e| mistaken(&e))?;
        let pipeline = &parsed.pipeline;
        if let Some(name) = name.filter(|n| *n != pipeline.name) {
            let reason = format!("the address says `{name}`, the specification says `{}`", pipeline.name);
            return Err(Refusal::with_reasons(
                RefusalKind::Invalid,
                "two names",
                vec![Reason::at("name", reason)],
            ));
        }
        let name = pipeline.name.clone();
        let entry = self.shared.entry(&name);
        let applied = self.apply_checked(&entry, parsed, &String::from_utf8_lossy(text), how, run);
        // Where it was refused, or only tried, there may be no such pipeline.
        self.shared.forget_unused(&name, &entry);
        applied
    }

    fn apply_checked(
        &self,
        entry: &Entry,
        parsed: Parsed,
        text: &str,
        how: How,
        run: Option<Functions>,
    ) -> Answer<Applied> {
        let How { expect, dry_run, refresh_schemas } = how;
        let mut pipeline = parsed.pipeline;
        let name_there = pipeline.name.clone();
        let _change = entry.changing();
        let functions = run.clone().unwrap_or_else(|| entry.functions());
        let before = self.shared.catalog.pipeline(&pipeline.name).ok();
        let pins = self.pins(&pipeline, before.as_deref())?;
        let does_not_fit = |reasons| {
            let title = format!("pipeline `{}` does not fit together", name_there);
            Refusal::with_reasons(RefusalKind::Invalid, title, reasons)
        };
        let written = before.as_deref().and_then(|record| pipeline_of(record).ok());
        let asking = Asking {
            connections: &self.shared.connections,
            registries: &self.shared.registries,
            before: written.as_ref().zip(before.as_deref().map(|record| &record.schemas)),
            refresh: refresh_schemas,
        };
        self.shared.check_connections(&pipeline).map_err(does_not_fit)?;
        self.shared.make_topics(&pipeline);
        let schemas = asking.sources(&mut pipeline).map_err(does_not_fit)?;
        let mut proposal =
            Proposal { name: &name_there, spec: text, pins, schemas, wanted: Wanted::Running, expect };
        let rehearsed = self.shared.catalog.rehearse(proposal.clone(), now_ms())?;
        // Binds every component and types every expression: nothing is stored that could not start.
        let job = self.shared.job(&rehearsed.record, functions.clone(), self.bookkeeper());
        let job = job.map_err(does_not_fit)?;
        // Before anything is registered: a registry keeps what it was given.
        let refused = schemas::check_codecs(&pipeline, job.schemas(), &self.shared.registries);
        if !refused.is_empty() {
            return Err(does_not_fit(refused));
        }
        let registered = asking.sinks(&mut pipeline, job.schemas(), dry_run).map_err(does_not_fit)?;
        schemas::fill_in(&mut pipeline, &registered).map_err(does_not_fit)?;
        drop(job);
        proposal.schemas.extend(registered);
        let rehearsed = self.shared.catalog.rehearse(proposal.clone(), now_ms())?;
        let stored = if dry_run { rehearsed } else { self.shared.catalog.apply(proposal, now_ms())? };
        let mut record = stored.record;
        let mut idle = entry.started().is_none() || entry.gave_up();
        if let Some(functions) = run {
            record = self.shared.catalog.want(&name_there, Wanted::Running)?;
            idle = !functions.is_empty() || entry.at_work().is_none();
            entry.give(functions);
        }
        if !dry_run && record.wanted == Wanted::Running && (stored.changed || idle) {
            if let Some(handle) = entry.started() {
                handle.stop();
            }
            self.start_record(entry, &record)?;
        }
        let plan = plan::plan(&pipeline);
        Ok(Applied {
            name: pipeline.name.clone(),
            revision: record.revision,
            created: stored.created,
            changed: stored.changed,
            dry_run,
            plan: plan::to_json(&plan, &pipeline),
            plan_text: plan::render(&plan, &pipeline),
            warnings: parsed.warnings.iter().map(ToString::to_string).collect(),
        })
    }

    /// Stores a component of this machine; answers its digest.
    fn push_file(&self, path: &str) -> Answer<String> {
        let bytes = std::fs::read(path).map_err(|e| {
            Refusal::new(RefusalKind::Invalid, "a component cannot be read", format!("{path}: {e}"))
        })?;
        Ok(self.push_component(&bytes)?.component.digest)
    }

    /// The exact component of each Wasm step.
    fn pins(
        &self,
        pipeline: &spec::Pipeline,
        before: Option<&PipelineRecord>,
    ) -> Answer<BTreeMap<String, Pinned>> {
        let written = before
            .and_then(|b| spec::parse(b.spec.as_bytes(), Format::Auto).ok())
            .map(|parsed| parsed.pipeline);
        let (mut pins, mut reasons) = (BTreeMap::new(), Vec::new());
        for step in &pipeline.steps {
            let StepKind::Wasm(wasm) = &step.kind else { continue };
            let path = format!("steps.{}.wasm", step.name);
            let as_before =
                written.as_ref().and_then(|w| w.step(&step.name)).is_some_and(|old| match &old.kind {
                    StepKind::Wasm(old) => old.component == wasm.component && old.config == wasm.config,
                    _ => false,
                });
            let kept = before.and_then(|b| b.pins.get(&step.name)).filter(|_| as_before);
            if let Some(pin) = kept {
                pins.insert(step.name.clone(), pin.current.clone());
            } else if wasm.is_path() && self.shared.config.local_components {
                match self.push_file(&wasm.component) {
                    Ok(digest) => {
                        let pinned = Pinned { digest, reference: wasm.component.clone(), config: None };
                        pins.insert(step.name.clone(), pinned);
                    }
                    Err(refusal) => {
                        reasons.extend(refusal.reasons.into_iter().map(|r| Reason::at(&path, r.message)))
                    }
                }
            } else if wasm.is_path() {
                let advice = "upload it (`sabot component push FILE.wasm`) and name it here";
                reasons
                    .push(Reason::at(path, format!("`{}` is a path on your side; {advice}", wasm.component)));
            } else {
                match self.shared.catalog.component(&wasm.component) {
                    Ok(found) => {
                        let pinned =
                            Pinned { digest: found.digest, reference: wasm.component.clone(), config: None };
                        pins.insert(step.name.clone(), pinned);
                    }
                    Err(e) => reasons.push(Reason::at(path, e.to_string())),
                }
            }
        }
        if reasons.is_empty() {
            return Ok(pins);
        }
        Err(Refusal::with_reasons(RefusalKind::Invalid, "components that are not there", reasons))
    }
}

/// A specification that is not right, with every mistake.
pub fn mistaken(errors: &[SpecError]) -> Refusal {
    let reasons = errors.iter().map(reason).collect();
    Refusal::with_reasons(RefusalKind::Invalid, "the specification has mistakes", reasons)
}

pub(super) fn reason(error: &SpecError) -> Reason {
    let text = SpecError { path: String::new(), ..error.clone() }.to_string();
    Reason { path: Some(error.path.clone()).filter(|p| !p.is_empty()), message: text }
}
