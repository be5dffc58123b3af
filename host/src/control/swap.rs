//! Exchanging the component of a step while its pipeline runs: everything that can be checked is checked beside
//! the running one first; what does not fit is a conflict with every reason and changes nothing.

use std::sync::Arc;
use std::time::Duration;

use super::api::*;
use super::bookkeeper::full_name;
use super::host::{Answer, Entry, Host, now_ms};
use super::{Reason, Refusal, RefusalKind};
use crate::catalog::{Pinned, PipelineRecord, Wanted};
use crate::operator::component::{
    ExchangeError, ExchangeState, Exchanged, StepControl, Version, differences,
};
use crate::spec::{self, Format, StepKind, nearest};

/// How long the tasks of a step may take to come between two batches.
const EXCHANGE_PATIENCE: Duration = Duration::from_secs(30);

impl Host {
    /// Exchanges the component of a step.
    pub fn swap(&self, pipeline: &str, step: &str, request: &SwapRequest) -> Answer<Swapped> {
        if request.mode != SwapMode::Now {
            return Err(Refusal::new(
                RefusalKind::NotInRelease,
                "this mode is not in this release",
                "`shadow` and `canary` come later; `now` exchanges between two batches and rolls back by itself",
            ));
        }
        let entry = self.known(pipeline)?;
        let _change = entry.changing();
        let record = self.shared.catalog.pipeline(pipeline)?;
        let wasm = wasm_step(&record, step)?;
        check_revision(&record, request.expect)?;
        let found = self.shared.catalog.component(&request.reference)?;
        let running = &record.pins[step].current;
        let config = request.config.clone().or_else(|| running.config.clone());
        let pinned = Pinned { digest: found.digest.clone(), reference: request.reference.clone(), config };
        let same_config =
            pinned.config.as_ref().unwrap_or(&wasm.config) == running.config.as_ref().unwrap_or(&wasm.config);
        if running.digest == found.digest && same_config {
            let label = found.label();
            return Ok(Swapped {
                revision: record.revision,
                from: label.clone(),
                to: label,
                checkpoint: None,
                pause_ms: 0.0,
                noop: true,
            });
        }
        let before = self.shared.catalog.component(&running.digest)?;
        let fits = self.fitting(&record, step, &pinned);
        let control = at_work(&entry, step);
        // Where nothing runs, what is stored is bound once more; what cannot be has nobody who reads it.
        let old = match &control {
            Some(control) => Some(control.running()),
            None => self.shared.fitting(&record, step, running).ok(),
        };
        if before.world != found.world {
            let reason =
                format!("step `{step}` runs a {}, {} is a {}", before.world, found.label(), found.world);
            let others = match &fits {
                Ok(version) => old.map_or_else(Vec::new, |old| {
                    differences(&*old, &**version).into_iter().map(Reason::new).collect()
                }),
                Err(refusal) => refusal.reasons.clone(),
            };
            return Err(another_world(reason, others));
        }
        let version = fits?;
        let checkpoint = last_checkpoint(&entry);
        let exchanged = match control {
            Some(control) => Some(control.exchange(version, EXCHANGE_PATIENCE).map_err(refused)?),
            None => {
                let reasons = old.map(|old| differences(&*old, &*version)).unwrap_or_default();
                if !reasons.is_empty() {
                    let (step, label) = (full_name(pipeline, step), found.label());
                    return Err(refused(ExchangeError::Ports { step, label, reasons }));
                }
                None
            }
        };
        let kept = self.shared.catalog.swap(pipeline, step, pinned, request.expect, now_ms());
        let kept = kept.map_err(Refusal::from);
        if kept.is_err()
            && let Some(control) = at_work(&entry, step)
        {
            // What is not durable must not run. A failure here leaves the new one until the next start.
            let _ = control.rollback(EXCHANGE_PATIENCE);
        }
        let kept = kept?;
        self.start_with_another_component(&entry, &kept)?;
        Ok(answer(&kept, before.label(), found.label(), checkpoint, exchanged))
    }

    /// Goes back to the component before.
    pub fn rollback(&self, pipeline: &str, step: &str, request: &RollbackRequest) -> Answer<Swapped> {
        let entry = self.known(pipeline)?;
        let _change = entry.changing();
        let record = self.shared.catalog.pipeline(pipeline)?;
        wasm_step(&record, step)?;
        check_revision(&record, request.expect)?;
        let pin = &record.pins[step];
        let Some(previous) = &pin.previous else {
            // Says so in the catalog's words.
            self.shared.catalog.roll_back(pipeline, step, request.expect, "by hand", now_ms())?;
            return Err(Refusal::new(RefusalKind::Conflict, "nothing to roll back to", "no version before"));
        };
        let (from, to) = (
            self.shared.catalog.component(&pin.current.digest)?.label(),
            self.shared.catalog.component(&previous.digest)?.label(),
        );
        let checkpoint = last_checkpoint(&entry);
        let exchanged = match at_work(&entry, step) {
            Some(control) => {
                let version = self.fitting(&record, step, previous)?;
                let direct = control.status().before.is_some_and(|before| before.is(&*version));
                let result = if direct {
                    control.rollback(EXCHANGE_PATIENCE)
                } else {
                    control.exchange(version, EXCHANGE_PATIENCE)
                };
                Some(result.map_err(refused)?)
            }
            None => None,
        };
        let kept = self.shared.catalog.roll_back(pipeline, step, request.expect, "by hand", now_ms())?;
        self.start_with_another_component(&entry, &kept)?;
        Ok(answer(&kept, from, to, checkpoint, exchanged))
    }

    /// A pipeline that gave up because too much failed begins again with what was put in its place.
    fn start_with_another_component(&self, entry: &Entry, record: &PipelineRecord) -> Answer<()> {
        if record.wanted == Wanted::Running && (entry.gave_up() || record.gave_up.is_some()) {
            self.start_record(entry, record)
        } else {
            Ok(())
        }
    }

    /// The component bound to what the step reads, or every reason why it does not fit.
    fn fitting(&self, record: &PipelineRecord, step: &str, pinned: &Pinned) -> Answer<Arc<dyn Version>> {
        self.shared.fitting(record, step, pinned).map_err(|reasons| {
            let title = format!("{} does not fit step `{step}`", pinned.reference);
            Refusal::with_reasons(RefusalKind::Conflict, title, reasons)
        })
    }
}

fn answer(
    record: &PipelineRecord,
    from: String,
    to: String,
    checkpoint: Option<u64>,
    exchanged: Option<Exchanged>,
) -> Swapped {
    Swapped {
        revision: record.revision,
        from,
        to,
        checkpoint,
        pause_ms: exchanged.map_or(0.0, |e| e.pause.as_secs_f64() * 1e3),
        noop: false,
    }
}

/// The last complete checkpoint of a pipeline that is not at rest, if it has had one.
fn last_checkpoint(entry: &Entry) -> Option<u64> {
    Some(entry.at_work()?.job().metrics().last_checkpoint()).filter(|number| *number > 0)
}

/// The control of a step whose pipeline is not at rest.
fn at_work(entry: &Entry, step: &str) -> Option<Arc<StepControl>> {
    entry.at_work()?.job().component(step).cloned()
}

fn wasm_step(record: &PipelineRecord, step: &str) -> Answer<spec::Wasm> {
    let pipeline =
        spec::parse(record.spec.as_bytes(), Format::Auto).map_err(|e| super::apply::mistaken(&e))?.pipeline;
    match pipeline.step(step).map(|s| &s.kind) {
        Some(StepKind::Wasm(wasm)) if record.pins.contains_key(step) => Ok(wasm.clone()),
        Some(_) => Err(Refusal::new(
            RefusalKind::Conflict,
            "not a component's step",
            format!("step `{step}` of `{}` runs no component: there is nothing to exchange", record.name),
        )),
        None => {
            let names = pipeline.steps.iter().map(|s| s.name.as_str());
            let meant = nearest(step, names).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            let reason = format!("pipeline `{}` has no step `{step}`{meant}", record.name);
            Err(Refusal::new(RefusalKind::NotFound, "not found", reason))
        }
    }
}

fn check_revision(record: &PipelineRecord, expect: Option<u64>) -> Answer<()> {
    match expect {
        Some(expected) if expected != record.revision => Err(Refusal::new(
            RefusalKind::Conflict,
            "changed meanwhile",
            format!(
                "`{}` is at revision {}, you expect {expected}: look at it again (`sabot pipeline show {}`)",
                record.name, record.revision, record.name
            ),
        )),
        _ => Ok(()),
    }
}

/// A component of another world, and what else speaks against it.
fn another_world(reason: String, others: Vec<Reason>) -> Refusal {
    let reasons = std::iter::once(Reason::new(reason)).chain(others).collect();
    Refusal::with_reasons(RefusalKind::Conflict, "another world", reasons)
}

fn refused(error: ExchangeError) -> Refusal {
    let title = "the exchange did not come about; the old version goes on";
    match error {
        ExchangeError::Ports { reasons, .. } => {
            let reasons = reasons.into_iter().map(Reason::new).collect();
            Refusal::with_reasons(RefusalKind::Conflict, title, reasons)
        }
        other => Refusal::new(RefusalKind::Conflict, title, other.to_string()),
    }
}

/// Adds the component and its versions to a step's status.
pub(super) fn describe(control: &StepControl, status: &mut StepStatus) {
    let found = control.status();
    let (name, version) = found.running.label.rsplit_once('@').unwrap_or((&found.running.label, ""));
    let last_swap = found.history.last().map(|last| LastSwap {
        from: last.from.label.clone(),
        to: last.to.label.clone(),
        outcome: match last.state {
            ExchangeState::Probation => SwapOutcome::OnProbation,
            ExchangeState::Kept | ExchangeState::Superseded => SwapOutcome::Kept,
            ExchangeState::RolledBack { .. } => SwapOutcome::RolledBack,
        },
        reason: match &last.state {
            ExchangeState::RolledBack { reason } => Some(reason.clone()),
            _ => None,
        },
        at_ms: last.at_ms,
    });
    status.component = Some(StepComponent {
        digest: found.running.digest.clone(),
        name: name.to_owned(),
        version: version.to_owned(),
        generation: found.generation,
        probation: found.probation.is_some(),
        counters: found.counters,
        last_swap,
    });
    status.versions = found
        .versions
        .iter()
        .map(|v| VersionStatus {
            label: v.version.label.clone(),
            rows_in: v.rows_in,
            rows_out: v.rows_out,
            errors: v.errors,
            traps: v.traps + v.timeouts + v.invalid,
        })
        .collect();
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::How;
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_last_checkpoint_is_that_of_a_pipeline_at_work() {
        const PIPELINE: &str = "
name: p
sources: { made: { generate: { schema: { id: int64 }, columns: { id: sequence }, rate: 1000 } } }
sinks: { gone: { from: made, blackhole: {} } }
checkpoint: { every: 10ms }
";
        let folder = tempfile::tempdir().unwrap();
        let config = Config { data_dir: folder.path().join("data"), insecure: true, ..Config::default() };
        let host = Host::open(&config).unwrap();
        host.apply(None, PIPELINE.as_bytes(), How::default()).unwrap();
        let entry = host.shared.entry("p");
        let started = Instant::now();
        while last_checkpoint(&entry).is_none_or(|number| number < 2) {
            assert!(started.elapsed() < Duration::from_secs(60), "there is no checkpoint");
            std::thread::sleep(Duration::from_millis(5));
        }
        host.stop_pipeline("p").unwrap();
        assert_eq!(last_checkpoint(&entry), None);
        host.shutdown();
    }

    #[test]
    fn a_component_of_another_world_is_told_everything_that_speaks_against_it() {
        let others = vec![Reason::new("it needs a column `amount`; the input has id")];
        let refusal = another_world("step `score` runs a map, filter@1.0.0 is a filter".into(), others);
        insta::assert_snapshot!(refusal, @r"
        another world
          step `score` runs a map, filter@1.0.0 is a filter
          it needs a column `amount`; the input has id
        ");
    }
}
