//! Keeps the catalog true to what the running pipelines did by themselves: a component that was rolled back while
//! its probation ran is rolled back on disk as well, so that a restart does not bring it again.

use std::sync::{Arc, Weak};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::host::{Shared, now_ms};
use super::schemas::pipeline_of;
use crate::catalog::{Pinned, PipelineRecord};
use crate::operator::component::{BY_HAND, Event, ExchangeState, VersionRef};
use crate::runtime::Level;
use crate::spec::StepKind;
use crate::wasm;

/// Exchanges that may be waiting to be written down.
const WAITING: usize = 1024;

/// A thread that hears of every exchange. It ends when nobody can tell it anything any more.
pub(super) struct Bookkeeper {
    events: Sender<Event>,
}

impl Bookkeeper {
    /// Starts it.
    pub fn start(shared: &Arc<Shared>) -> std::io::Result<Bookkeeper> {
        let (events, heard) = bounded(WAITING);
        let shared = Arc::downgrade(shared);
        std::thread::Builder::new().name("bookkeeper".into()).spawn(move || listen(&shared, &heard))?;
        Ok(Bookkeeper { events })
    }

    /// Where a step's control tells it.
    pub fn events(&self) -> Sender<Event> {
        self.events.clone()
    }
}

/// What a step's control is called: unlike steps, it is one of its kind in the host.
pub(super) fn full_name(pipeline: &str, step: &str) -> String {
    format!("{pipeline}/{step}")
}

fn listen(shared: &Weak<Shared>, heard: &Receiver<Event>) {
    for event in heard {
        let Some(shared) = shared.upgrade() else { return };
        let ExchangeState::RolledBack { reason } = &event.exchange.state else { continue };
        let Some((pipeline, step)) = event.step.split_once('/') else { continue };
        let level = if reason == BY_HAND { Level::Info } else { Level::Warn };
        let entry = shared.entry(pipeline);
        let _change = entry.changing();
        if let Some(handle) = entry.started() {
            let (to, from) = (&event.exchange.to.label, &event.exchange.from.label);
            let line = format!("step `{step}`: {to} was rolled back to {from}: {reason}");
            handle.job().log(level, line);
        }
        let Ok(record) = shared.catalog.pipeline(pipeline) else { continue };
        let Some(failed) = pinned_as(&record, step, &event.exchange.to) else { continue };
        if let Err(e) = shared.catalog.take_back(pipeline, step, failed, reason, now_ms()) {
            tracing::error!(pipeline, step, "the catalog could not be told of a rollback: {e}");
        }
    }
}

/// What is stored of a step, if it is this version with this configuration.
fn pinned_as<'a>(record: &'a PipelineRecord, step: &str, version: &VersionRef) -> Option<&'a Pinned> {
    let pinned = &record.pins.get(step)?.current;
    let written = pipeline_of(record).ok()?;
    let StepKind::Wasm(wasm) = &written.step(step)?.kind else { return None };
    let config = wasm::config_text(pinned.config.as_ref().unwrap_or(&wasm.config));
    (pinned.digest == version.digest && config == version.config).then_some(pinned)
}
