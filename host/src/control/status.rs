//! What a pipeline does, read off its record, its life and its counters at one moment.

use std::collections::BTreeMap;

use super::api::*;
use super::host::{Place, Shared, ms};
use super::schemas::columns;
use crate::catalog::{GaveUp, PipelineRecord, Wanted};
use crate::runtime::{Handle, LogEntry, PipelineLog, State};
use crate::spec::{self, SinkConnector, SourceConnector, StepKind};

/// Stands before the time after which a failed pipeline starts by itself.
pub const STARTS_AGAIN: &str = " (starts again in";

impl Shared {
    /// What the pipeline of `record` does now.
    pub fn status(&self, record: &PipelineRecord) -> PipelineStatus {
        let mut status = PipelineStatus {
            name: record.name.clone(),
            revision: record.revision,
            desired: match record.wanted {
                Wanted::Running => Desired::Running,
                Wanted::Stopped => Desired::Stopped,
            },
            state: PipelineState::Stopped,
            reason: None,
            restarts: 0,
            since_ms: record.history.back().map_or(0, |change| change.at_ms),
            tasks: 0,
            sources: Vec::new(),
            steps: Vec::new(),
            sinks: Vec::new(),
            dead_letters: 0,
            spec: Some(record.spec.clone()),
        };
        let entry = self.entry(&record.name);
        let place = entry.place();
        match &*place {
            Place::Idle => {
                if let Some(GaveUp { reason, at_ms }) = &record.gave_up {
                    status.state = PipelineState::Failed;
                    status.reason = Some(reason.clone());
                    status.since_ms = *at_ms;
                }
            }
            Place::Broken { reasons, at, .. } => {
                status.state = PipelineState::Failed;
                status.since_ms = ms(*at);
                let texts: Vec<String> = reasons
                    .iter()
                    .map(|r| r.path.as_ref().map_or(r.message.clone(), |p| format!("{p}: {}", r.message)))
                    .collect();
                status.reason = Some(format!("cannot start: {}", texts.join("; ")));
            }
            Place::Started(handle) => started(handle, &mut status),
        }
        status
    }
}

fn started(handle: &Handle, status: &mut PipelineStatus) {
    let life = handle.life().snapshot();
    let job = handle.job();
    status.state = match life.state {
        State::Starting => PipelineState::Starting,
        State::Running => PipelineState::Running,
        State::Paused => PipelineState::Paused,
        State::Failed => PipelineState::Failed,
        State::Stopped => PipelineState::Stopped,
    };
    status.reason = life.reason;
    if let (Some(wait), Some(reason)) = (life.retry_in, &mut status.reason) {
        reason.push_str(&format!("{STARTS_AGAIN} {:.1} s)", wait.as_secs_f64()));
    }
    status.restarts = life.restarts;
    status.since_ms = ms(life.since);
    let running = matches!(life.state, State::Running | State::Paused);
    status.tasks = if running { job.task_count() as u32 } else { 0 };
    status.dead_letters = job.metrics().dead_letters();
    let spec = job.spec();
    status.sources = sources(handle);
    status.steps = spec.steps.iter().map(|step| step_status(handle, step)).collect();
    status.sinks = spec
        .sinks
        .iter()
        .map(|sink| {
            let totals = job.metrics().node(&sink.name).totals();
            SinkStatus {
                name: sink.name.clone(),
                topic: sink_place(&sink.connector),
                rows: totals.rows_out,
                bytes: totals.bytes,
                errors: totals.errors,
            }
        })
        .collect();
}

fn sources(handle: &Handle) -> Vec<SourceStatus> {
    let job = handle.job();
    let mut partitions: BTreeMap<String, Vec<PartitionStatus>> = BTreeMap::new();
    // The slowest partition's, of those that have had a row.
    let mut watermarks_ms: BTreeMap<String, i64> = BTreeMap::new();
    for ((source, partition), place) in job.metrics().positions() {
        if let Some(ms) = place.watermark_ms {
            let slowest = watermarks_ms.entry(source.clone()).or_insert(ms);
            *slowest = ms.min(*slowest);
        }
        partitions.entry(source).or_default().push(PartitionStatus {
            partition,
            position: place.position,
            committed: place.committed,
            lag: place.lag.map(|l| l.max(0) as u64),
        });
    }
    job.spec()
        .sources
        .iter()
        .map(|source| {
            let totals = job.metrics().node(&source.name).totals();
            let partitions = partitions.remove(&source.name).unwrap_or_default();
            let lag =
                partitions.iter().map(|p| p.lag).sum::<Option<u64>>().filter(|_| !partitions.is_empty());
            SourceStatus {
                name: source.name.clone(),
                topic: source_place(&source.connector),
                lag,
                partitions,
                records: totals.rows_in,
                bytes: totals.bytes,
                decode_errors: totals.errors,
                watermark_ms: watermarks_ms.get(&source.name).copied(),
                columns: source.schema.as_deref().map(columns).unwrap_or_default(),
            }
        })
        .collect()
}

fn source_place(connector: &SourceConnector) -> String {
    match connector {
        SourceConnector::Kafka(kafka) => kafka.topic.clone(),
        SourceConnector::File(file) => file.path.display().to_string(),
        SourceConnector::Generate(_) => "generate".into(),
        SourceConnector::Memory { name } => format!("memory:{name}"),
    }
}

fn sink_place(connector: &SinkConnector) -> String {
    match connector {
        SinkConnector::Kafka(kafka) => kafka.topic.clone(),
        SinkConnector::File { path, .. } => path.display().to_string(),
        SinkConnector::Stdout => "stdout".into(),
        SinkConnector::Blackhole => "blackhole".into(),
        SinkConnector::Memory { name } => format!("memory:{name}"),
    }
}

fn step_status(handle: &Handle, step: &spec::Step) -> StepStatus {
    let job = handle.job();
    let totals = job.metrics().node(&step.name).totals();
    let kind = match step.kind {
        StepKind::Union => "union",
        StepKind::Filter { .. } => "filter",
        StepKind::Select { .. } => "select",
        StepKind::Route { .. } => "route",
        StepKind::Wasm(_) => "wasm",
        StepKind::Native(_) => "native",
    };
    let mut status = StepStatus {
        name: step.name.clone(),
        kind: kind.into(),
        rows_in: totals.rows_in,
        rows_out: totals.rows_out,
        errors: totals.errors,
        busy_ms: totals.busy.as_millis() as u64,
        ..StepStatus::default()
    };
    if let Some(control) = job.component(&step.name) {
        super::swap::describe(control, &mut status);
    }
    status
}

/// The newest lines of a pipeline's log, oldest first.
pub(super) fn logs(log: &PipelineLog, limit: usize) -> Vec<LogLine> {
    let line = |LogEntry { seq, at, level, step, message }| LogLine {
        seq,
        at_ms: ms(at),
        level: level.to_owned(),
        step,
        message,
    };
    log.newest(limit).into_iter().map(line).collect()
}
