//! Watches how much fails in a run, at each source, step and sink. Where it is too much, a component on trial is
//! taken back; otherwise the pipeline has to stop. The decision is `supervise`'s; here the figures are gathered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::assembly::Job;
use super::log::Level;
use super::metrics::NodeMetrics;
use super::refused::STAYS_STOPPED;
use crate::supervise::{ErrorGuard, Seen};

/// Looks within one window.
const LOOKS: u32 = 100;

/// The watch over one run.
pub(super) struct Watch {
    start: Instant,
    next: Instant,
    every: Duration,
    places: Vec<Place>,
}

struct Place {
    /// `source`, `step` or `sink`.
    noun: &'static str,
    name: String,
    metrics: Arc<NodeMetrics>,
    taken: u64,
    generation: u64,
    guard: ErrorGuard,
}

impl Watch {
    /// Of a run that begins now; what failed before does not count.
    pub fn new(job: &Job, now: Instant) -> Self {
        let (spec, every) = (job.spec(), job.spec().errors.within / LOOKS);
        let sources = spec.sources.iter().map(|source| ("source", &source.name));
        let steps = spec.steps.iter().map(|step| ("step", &step.name));
        let sinks = spec.sinks.iter().map(|sink| ("sink", &sink.name));
        let place = |(noun, name): (&'static str, &String)| {
            let metrics = job.metrics().node(name);
            metrics.take_failed();
            Place {
                noun,
                name: name.clone(),
                taken: metrics.totals().rows_in,
                metrics,
                generation: generation(job, name),
                guard: ErrorGuard::new(spec.errors),
            }
        };
        let places = sources.chain(steps).chain(sinks).map(place).collect();
        Watch { start: now, next: now + every, every, places }
    }

    /// Looks, if it is time. Answers why the pipeline has to stop, if it has to.
    pub fn look(&mut self, job: &Job, now: Instant) -> Option<String> {
        if now < self.next {
            return None;
        }
        self.next = now + self.every;
        let now = now.saturating_duration_since(self.start);
        self.places.iter_mut().find_map(|place| place.look(job, now))
    }
}

impl Place {
    fn look(&mut self, job: &Job, now: Duration) -> Option<String> {
        let taken = self.metrics.totals().rows_in;
        let seen = Seen { taken: taken - self.taken, failed: self.metrics.take_failed() };
        self.taken = taken;
        let generation = generation(job, &self.name);
        if generation != self.generation {
            // What the version before did is not held against the new one.
            self.generation = generation;
            self.guard.forget();
            return None;
        }
        let excess = self.guard.observe(now, seen)?;
        let control = job.component(&self.name);
        if let Some(label) = control.and_then(|control| control.refuse_trial(&excess.to_string())) {
            job.log(Level::Warn, format!("step `{}`: {label} is taken back: {excess}", self.name));
            self.guard.forget();
            return None;
        }
        Some(format!(
            "{} `{}`: {excess}. {STAYS_STOPPED}; `errors` in the specification sets the limit",
            self.noun, self.name
        ))
    }
}

fn generation(job: &Job, name: &str) -> u64 {
    job.component(name).map_or(0, |control| control.generation())
}
