//! `/metrics`: what Prometheus scrapes, in the OpenMetrics text format. All figures are read from the pipelines'
//! statuses at the time of the scrape; nothing is kept here.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::app::{App, Caller, Viewer};
use super::process::{Process, process};
use super::refused::Refused;
use crate::control::api::{PipelineState, PipelineStatus, SourceStatus, StepStatus};
use crate::control::{Refusal, RefusalKind};

pub(super) fn routes() -> Router<App> {
    Router::new().route("/metrics", routing::get(metrics))
}

/// Figures for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text")))]
pub(super) async fn metrics(
    State(app): State<App>,
    caller: Caller<Viewer>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let answered: Vec<_> = app.answered.classes().collect();
    let text = caller.ask(move |host| {
        let mut figures = Figures::default();
        figures.host(host.components().len(), answered, process());
        for pipeline in host.pipelines() {
            figures.pipeline(&pipeline);
        }
        figures.text().map_err(|e| Refusal::new(RefusalKind::Internal, "no metrics", e.to_string()))
    });
    let accepts = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let content_type = match accepts.contains("application/openmetrics-text") {
        true => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        // The older format reads the same lines; what it does not know are comments to it.
        false => "text/plain; version=0.0.4; charset=utf-8",
    };
    Ok(([(header::CONTENT_TYPE, content_type)], text.await?).into_response())
}

type Labels = Vec<(&'static str, String)>;

/// A metric with all its samples.
#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    counter: bool,
    samples: Vec<(Labels, f64)>,
}

/// All metrics of a scrape, in the order they were first given.
#[derive(Debug, Default)]
struct Figures(Vec<Family>);

impl Figures {
    fn add(&mut self, name: &'static str, help: &'static str, counter: bool, labels: &Labels, value: f64) {
        let sample = (labels.clone(), value);
        match self.0.iter_mut().find(|f| f.name == name) {
            Some(family) => family.samples.push(sample),
            None => self.0.push(Family { name, help, counter, samples: vec![sample] }),
        }
    }

    fn count(&mut self, name: &'static str, help: &'static str, labels: &Labels, value: u64) {
        self.add(name, help, true, labels, value as f64);
    }

    fn gauge(&mut self, name: &'static str, help: &'static str, labels: &Labels, value: f64) {
        self.add(name, help, false, labels, value);
    }

    fn host(&mut self, components: usize, answered: Vec<(String, u64)>, process: Process) {
        let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
        self.gauge("sabot_build", "1, with the release", &version, 1.0);
        self.gauge("sabot_components", "Stored components", &Labels::new(), components as f64);
        for (class, count) in answered {
            self.count(
                "sabot_http_responses",
                "Responses by class of status",
                &vec![("class", class)],
                count,
            );
        }
        let none = Labels::new();
        let Process { cpu_seconds, resident_bytes, threads, open_files, started_seconds } = process;
        let gauges = [
            ("process_resident_memory_bytes", "Resident memory", resident_bytes),
            ("process_threads", "Threads", threads),
            ("process_open_fds", "Open file descriptors", open_files),
            ("process_start_time_seconds", "Start of the process since 1970", started_seconds),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                self.gauge(name, help, &none, value);
            }
        }
        if let Some(seconds) = cpu_seconds {
            self.add("process_cpu_seconds", "User and system time", true, &none, seconds);
        }
    }

    fn pipeline(&mut self, pipeline: &PipelineStatus) {
        let of = vec![("pipeline", pipeline.name.clone())];
        let states = [
            PipelineState::Starting,
            PipelineState::Running,
            PipelineState::Paused,
            PipelineState::Failed,
            PipelineState::Stopped,
        ];
        for state in states {
            let labels = with(&of, [("state", state.as_str().to_owned())]);
            let value = f64::from(u8::from(pipeline.state == state));
            self.gauge("sabot_pipeline_state", "1 for the state that it is in", &labels, value);
        }
        self.gauge("sabot_pipeline_revision", "Revision", &of, pipeline.revision as f64);
        self.gauge("sabot_pipeline_tasks", "Tasks that run", &of, f64::from(pipeline.tasks));
        self.count("sabot_pipeline_restarts", "Restarts after a failure", &of, pipeline.restarts);
        self.count(
            "sabot_pipeline_dead_letters",
            "Records written to the dead letters",
            &of,
            pipeline.dead_letters,
        );
        for source in &pipeline.sources {
            self.source(&of, source);
        }
        for step in &pipeline.steps {
            self.step(&of, step);
        }
        for sink in &pipeline.sinks {
            let of = with(&of, [("sink", sink.name.clone()), ("topic", sink.topic.clone())]);
            self.count("sabot_sink_rows", "Rows written", &of, sink.rows);
            self.count("sabot_sink_bytes", "Bytes of values written", &of, sink.bytes);
            self.count("sabot_sink_errors", "Rows that did not encode", &of, sink.errors);
        }
    }

    fn source(&mut self, pipeline: &Labels, source: &SourceStatus) {
        let of = with(pipeline, [("source", source.name.clone()), ("topic", source.topic.clone())]);
        self.count("sabot_source_records", "Records read", &of, source.records);
        self.count("sabot_source_bytes", "Bytes read", &of, source.bytes);
        self.count("sabot_source_decode_errors", "Records that did not decode", &of, source.decode_errors);
        if let Some(lag) = source.lag {
            self.gauge("sabot_source_lag_records", "Records between here and the end", &of, lag as f64);
        }
        if let Some(watermark_ms) = source.watermark_ms {
            let seconds = watermark_ms as f64 / 1000.0;
            self.gauge(
                "sabot_source_watermark_seconds",
                "Event time that was reached, since 1970",
                &of,
                seconds,
            );
        }
        for partition in &source.partitions {
            let of = with(&of, [("partition", partition.partition.to_string())]);
            self.gauge("sabot_partition_position", "The next offset to read", &of, partition.position as f64);
            if let Some(lag) = partition.lag {
                self.gauge(
                    "sabot_partition_lag_records",
                    "Records between here and the end",
                    &of,
                    lag as f64,
                );
            }
        }
    }

    fn step(&mut self, pipeline: &Labels, step: &StepStatus) {
        let of = with(pipeline, [("step", step.name.clone())]);
        self.count("sabot_step_rows_in", "Rows taken", &of, step.rows_in);
        self.count("sabot_step_rows_out", "Rows given, over all ports but errors", &of, step.rows_out);
        self.count("sabot_step_errors", "Rows refused", &of, step.errors);
        let seconds = step.busy_ms as f64 / 1000.0;
        self.add("sabot_step_busy_seconds", "Time spent in it, over all tasks", true, &of, seconds);
        let counters = step.component.iter().flat_map(|component| &component.counters);
        for (name, count) in counters {
            let of = with(&of, [("name", name.clone())]);
            self.count("sabot_component_counter", "What the component that runs counted itself", &of, *count);
        }
        for version in &step.versions {
            let of = with(&of, [("version", version.label.clone())]);
            self.count("sabot_step_version_rows_in", "Rows taken by a version", &of, version.rows_in);
            self.count("sabot_step_version_rows_out", "Rows given by a version", &of, version.rows_out);
            self.count("sabot_step_version_errors", "Rows refused by a version", &of, version.errors);
            self.count("sabot_step_version_traps", "Calls of a version that trapped", &of, version.traps);
        }
    }

    fn text(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Arc::new(self)));
        let mut text = String::new();
        text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

fn with<const N: usize>(labels: &Labels, more: [(&'static str, String); N]) -> Labels {
    labels.iter().cloned().chain(more).collect()
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for family in &self.0 {
            let kind = if family.counter { MetricType::Counter } else { MetricType::Gauge };
            let mut family_encoder = encoder.encode_descriptor(family.name, family.help, None, kind)?;
            for (labels, value) in &family.samples {
                let mut sample = family_encoder.encode_family(labels)?;
                match family.counter {
                    true => sample.encode_counter::<NoLabelSet, _, f64>(value, None)?,
                    false => sample.encode_gauge(value)?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::control::api::{Desired, PartitionStatus, SinkStatus, StepComponent, VersionStatus};

    #[test]
    fn every_figure_has_its_labels() {
        let version = |label: &str, traps| VersionStatus {
            label: label.into(),
            rows_in: 5,
            rows_out: 4,
            errors: 1,
            traps,
        };
        let pipeline = PipelineStatus {
            name: "fraud".into(),
            revision: 3,
            desired: Desired::Running,
            state: PipelineState::Running,
            reason: None,
            restarts: 2,
            since_ms: 0,
            tasks: 4,
            sources: vec![SourceStatus {
                name: "orders".into(),
                topic: "or\"ders\n".into(),
                partitions: vec![PartitionStatus {
                    partition: 0,
                    position: 10,
                    committed: Some(8),
                    lag: Some(2),
                }],
                lag: Some(2),
                records: 10,
                bytes: 1000,
                decode_errors: 1,
                watermark_ms: Some(1_500),
                columns: Vec::new(),
            }],
            steps: vec![StepStatus {
                name: "score".into(),
                kind: "wasm".into(),
                versions: vec![version("scorer@1.0.0", 0), version("scorer@2.0.0", 1)],
                rows_in: 10,
                rows_out: 8,
                errors: 2,
                busy_ms: 250,
                component: Some(StepComponent {
                    counters: BTreeMap::from([("hits".into(), 7), ("odd \"one\"\n".into(), 1)]),
                    ..StepComponent::default()
                }),
            }],
            sinks: vec![SinkStatus { name: "out".into(), topic: "t".into(), rows: 8, bytes: 80, errors: 0 }],
            dead_letters: 3,
            spec: None,
        };
        let mut figures = Figures::default();
        let process = Process { cpu_seconds: Some(1.5), resident_bytes: Some(1e6), ..Process::default() };
        figures.host(2, vec![("2xx".into(), 7)], process);
        figures.pipeline(&pipeline);
        insta::assert_snapshot!(figures.text().unwrap(), @r#"
        # HELP sabot_build 1, with the release
        # TYPE sabot_build gauge
        sabot_build{version="0.1.0"} 1.0
        # HELP sabot_components Stored components
        # TYPE sabot_components gauge
        sabot_components{} 2.0
        # HELP sabot_http_responses Responses by class of status
        # TYPE sabot_http_responses counter
        sabot_http_responses_total{class="2xx"} 7.0
        # HELP process_resident_memory_bytes Resident memory
        # TYPE process_resident_memory_bytes gauge
        process_resident_memory_bytes{} 1000000.0
        # HELP process_cpu_seconds User and system time
        # TYPE process_cpu_seconds counter
        process_cpu_seconds_total{} 1.5
        # HELP sabot_pipeline_state 1 for the state that it is in
        # TYPE sabot_pipeline_state gauge
        sabot_pipeline_state{pipeline="fraud",state="starting"} 0.0
        sabot_pipeline_state{pipeline="fraud",state="running"} 1.0
        sabot_pipeline_state{pipeline="fraud",state="paused"} 0.0
        sabot_pipeline_state{pipeline="fraud",state="failed"} 0.0
        sabot_pipeline_state{pipeline="fraud",state="stopped"} 0.0
        # HELP sabot_pipeline_revision Revision
        # TYPE sabot_pipeline_revision gauge
        sabot_pipeline_revision{pipeline="fraud"} 3.0
        # HELP sabot_pipeline_tasks Tasks that run
        # TYPE sabot_pipeline_tasks gauge
        sabot_pipeline_tasks{pipeline="fraud"} 4.0
        # HELP sabot_pipeline_restarts Restarts after a failure
        # TYPE sabot_pipeline_restarts counter
        sabot_pipeline_restarts_total{pipeline="fraud"} 2.0
        # HELP sabot_pipeline_dead_letters Records written to the dead letters
        # TYPE sabot_pipeline_dead_letters counter
        sabot_pipeline_dead_letters_total{pipeline="fraud"} 3.0
        # HELP sabot_source_records Records read
        # TYPE sabot_source_records counter
        sabot_source_records_total{pipeline="fraud",source="orders",topic="or\"ders\n"} 10.0
        # HELP sabot_source_bytes Bytes read
        # TYPE sabot_source_bytes counter
        sabot_source_bytes_total{pipeline="fraud",source="orders",topic="or\"ders\n"} 1000.0
        # HELP sabot_source_decode_errors Records that did not decode
        # TYPE sabot_source_decode_errors counter
        sabot_source_decode_errors_total{pipeline="fraud",source="orders",topic="or\"ders\n"} 1.0
        # HELP sabot_source_lag_records Records between here and the end
        # TYPE sabot_source_lag_records gauge
        sabot_source_lag_records{pipeline="fraud",source="orders",topic="or\"ders\n"} 2.0
        # HELP sabot_source_watermark_seconds Event time that was reached, since 1970
        # TYPE sabot_source_watermark_seconds gauge
        sabot_source_watermark_seconds{pipeline="fraud",source="orders",topic="or\"ders\n"} 1.5
        # HELP sabot_partition_position The next offset to read
        # TYPE sabot_partition_position gauge
        sabot_partition_position{pipeline="fraud",source="orders",topic="or\"ders\n",partition="0"} 10.0
        # HELP sabot_partition_lag_records Records between here and the end
        # TYPE sabot_partition_lag_records gauge
        sabot_partition_lag_records{pipeline="fraud",source="orders",topic="or\"ders\n",partition="0"} 2.0
        # HELP sabot_step_rows_in Rows taken
        # TYPE sabot_step_rows_in counter
        sabot_step_rows_in_total{pipeline="fraud",step="score"} 10.0
        # HELP sabot_step_rows_out Rows given, over all ports but errors
        # TYPE sabot_step_rows_out counter
        sabot_step_rows_out_total{pipeline="fraud",step="score"} 8.0
        # HELP sabot_step_errors Rows refused
        # TYPE sabot_step_errors counter
        sabot_step_errors_total{pipeline="fraud",step="score"} 2.0
        # HELP sabot_step_busy_seconds Time spent in it, over all tasks
        # TYPE sabot_step_busy_seconds counter
        sabot_step_busy_seconds_total{pipeline="fraud",step="score"} 0.25
        # HELP sabot_component_counter What the component that runs counted itself
        # TYPE sabot_component_counter counter
        sabot_component_counter_total{pipeline="fraud",step="score",name="hits"} 7.0
        sabot_component_counter_total{pipeline="fraud",step="score",name="odd \"one\"\n"} 1.0
        # HELP sabot_step_version_rows_in Rows taken by a version
        # TYPE sabot_step_version_rows_in counter
        sabot_step_version_rows_in_total{pipeline="fraud",step="score",version="scorer@1.0.0"} 5.0
        sabot_step_version_rows_in_total{pipeline="fraud",step="score",version="scorer@2.0.0"} 5.0
        # HELP sabot_step_version_rows_out Rows given by a version
        # TYPE sabot_step_version_rows_out counter
        sabot_step_version_rows_out_total{pipeline="fraud",step="score",version="scorer@1.0.0"} 4.0
        sabot_step_version_rows_out_total{pipeline="fraud",step="score",version="scorer@2.0.0"} 4.0
        # HELP sabot_step_version_errors Rows refused by a version
        # TYPE sabot_step_version_errors counter
        sabot_step_version_errors_total{pipeline="fraud",step="score",version="scorer@1.0.0"} 1.0
        sabot_step_version_errors_total{pipeline="fraud",step="score",version="scorer@2.0.0"} 1.0
        # HELP sabot_step_version_traps Calls of a version that trapped
        # TYPE sabot_step_version_traps counter
        sabot_step_version_traps_total{pipeline="fraud",step="score",version="scorer@1.0.0"} 0.0
        sabot_step_version_traps_total{pipeline="fraud",step="score",version="scorer@2.0.0"} 1.0
        # HELP sabot_sink_rows Rows written
        # TYPE sabot_sink_rows counter
        sabot_sink_rows_total{pipeline="fraud",sink="out",topic="t"} 8.0
        # HELP sabot_sink_bytes Bytes of values written
        # TYPE sabot_sink_bytes counter
        sabot_sink_bytes_total{pipeline="fraud",sink="out",topic="t"} 80.0
        # HELP sabot_sink_errors Rows that did not encode
        # TYPE sabot_sink_errors counter
        sabot_sink_errors_total{pipeline="fraud",sink="out",topic="t"} 0.0
        # EOF
        "#);
    }
}
