//! `/v1/pipelines`: create and change, list, describe, start, stop, remove, log.

#![allow(unused_qualifications, reason = "utoipa's macros make them")]

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use serde::Deserialize;
use utoipa::IntoParams;

use super::app::{Admin, App, Caller, Deployer, Viewer};
use super::input::{Asked, Expected, Named, Pending};
use super::refused::Refused;
use super::request::BodyLimit;
use crate::control::How;
use crate::control::api::{Applied, Logs, PipelineStatus, Pipelines, Problem};

/// Content types of a specification.
const SPEC_TYPES: [&str; 5] =
    ["application/yaml", "application/json", "application/x-yaml", "text/yaml", "text/x-yaml"];
/// Lines of a log that are given when the caller does not say.
const USUAL_LINES: usize = 100;
const MOST_LINES: usize = 10_000;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/pipelines", routing::get(list))
        .route("/v1/pipelines/{name}", routing::get(show).put(apply).delete(remove))
        .route("/v1/pipelines/{name}/start", routing::post(start))
        .route("/v1/pipelines/{name}/stop", routing::post(stop))
        .route("/v1/pipelines/{name}/logs", routing::get(logs))
}

/// How to apply.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ApplyQuery {
    /// Check and plan only; nothing is changed.
    #[serde(default)]
    dry_run: bool,
    /// Ask schema registries and samples again also where the specification is as before; other answers are a new
    /// revision. Components stay as they are.
    #[serde(default)]
    refresh_schemas: bool,
}

/// How to stop.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StopQuery {
    /// Take a savepoint first.
    #[serde(default)]
    savepoint: bool,
}

/// How many.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LimitQuery {
    /// At most this many, the newest. 100 when not given, at most 10000.
    limit: Option<usize>,
}

impl LimitQuery {
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(USUAL_LINES).min(MOST_LINES)
    }
}

/// A status with its revision as entity tag, for `If-Match`.
fn tagged<T: IntoResponse>(status: StatusCode, revision: u64, body: T) -> Response {
    let mut response = (status, body).into_response();
    if let Ok(tag) = HeaderValue::try_from(format!("\"{revision}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Create or change a pipeline
///
/// The body is the specification in YAML or JSON. `If-Match` guards against a second writer, `If-None-Match: *`
/// against changing one that is there.
#[utoipa::path(put, path = "/v1/pipelines/{name}", tag = "pipelines",
    params(
        ("name" = String, Path, description = "The pipeline"), ApplyQuery,
        ("If-Match" = Option<String>, Header, description = "The revision that is changed, `\"3\"`, or `*`"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: it must be new"),
    ),
    request_body(content = String, content_type = "application/yaml"),
    responses(
        (status = 201, description = "Created", body = Applied),
        (status = 200, description = "Changed, unchanged, or a dry run", body = Applied),
        (status = 409, description = "It is at another revision, or a limit is reached", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Larger than limits.pipeline_bytes", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Mistakes in the specification, every one with its path", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn apply(
    caller: Caller<Deployer>,
    Named(name): Named<String>,
    Asked(query): Asked<ApplyQuery>,
    body: Pending,
) -> Result<Response, Refused> {
    let expected = Expected::read(body.headers())?;
    let bytes = body.limits().pipeline_bytes;
    let limit = BodyLimit { what: "the specification", limit: "`limits.pipeline_bytes`", bytes };
    let held = body.read(&SPEC_TYPES, limit).await?;
    let applied = caller
        .change(move |host| {
            let expect = match expected {
                Expected::Anything => None,
                Expected::Any => Some(host.pipeline(&name)?.revision),
                Expected::Revision(revision) => Some(revision),
            };
            let ApplyQuery { dry_run, refresh_schemas } = query;
            let applied = host.apply(Some(&name), &held.bytes, How { expect, dry_run, refresh_schemas });
            drop(held);
            applied
        })
        .await?;
    let created = applied.created && !applied.dry_run;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok(tagged(status, applied.revision, Json(applied)))
}

/// All pipelines, without their specifications
#[utoipa::path(get, path = "/v1/pipelines", tag = "pipelines",
    responses((status = 200, description = "By name", body = Pipelines)))]
pub(super) async fn list(caller: Caller<Viewer>) -> Result<Json<Pipelines>, Refused> {
    let pipelines = caller.ask(|host| Ok(host.pipelines())).await?;
    Ok(Json(Pipelines { pipelines }))
}

/// A pipeline: specification, revision, state and figures
#[utoipa::path(get, path = "/v1/pipelines/{name}", tag = "pipelines",
    params(("name" = String, Path, description = "The pipeline")),
    responses(
        (status = 200, description = "The pipeline", body = PipelineStatus),
        (status = 404, description = "No such pipeline", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn show(caller: Caller<Viewer>, Named(name): Named<String>) -> Result<Response, Refused> {
    let status = caller.ask(move |host| host.pipeline(&name)).await?;
    Ok(tagged(StatusCode::OK, status.revision, Json(status)))
}

/// Stop and forget a pipeline
///
/// Its components and its consumer group's offsets stay.
#[utoipa::path(delete, path = "/v1/pipelines/{name}", tag = "pipelines",
    params(("name" = String, Path, description = "The pipeline")),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, description = "No such pipeline", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn remove(caller: Caller<Admin>, Named(name): Named<String>) -> Result<StatusCode, Refused> {
    caller.change(move |host| host.remove_pipeline(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Start a pipeline, now and whenever the host starts
#[utoipa::path(post, path = "/v1/pipelines/{name}/start", tag = "pipelines",
    params(("name" = String, Path, description = "The pipeline")),
    responses(
        (status = 200, description = "It starts, or ran already", body = PipelineStatus),
        (status = 404, description = "No such pipeline", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn start(
    caller: Caller<Deployer>,
    Named(name): Named<String>,
) -> Result<Json<PipelineStatus>, Refused> {
    Ok(Json(caller.change(move |host| host.start_pipeline(&name)).await?))
}

/// Stop a pipeline once everything it has read is delivered
#[utoipa::path(post, path = "/v1/pipelines/{name}/stop", tag = "pipelines",
    params(("name" = String, Path, description = "The pipeline"), StopQuery),
    responses(
        (status = 200, description = "Stopped", body = PipelineStatus),
        (status = 404, description = "No such pipeline", body = Problem, content_type = "application/problem+json"),
        (status = 501, description = "Savepoints are not in this release", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn stop(
    caller: Caller<Deployer>,
    Named(name): Named<String>,
    Asked(query): Asked<StopQuery>,
) -> Result<Json<PipelineStatus>, Refused> {
    if query.savepoint {
        return Err(super::later::savepoints());
    }
    Ok(Json(caller.change(move |host| host.stop_pipeline(&name)).await?))
}

/// The newest lines that a pipeline and its components logged
#[utoipa::path(get, path = "/v1/pipelines/{name}/logs", tag = "pipelines",
    params(("name" = String, Path, description = "The pipeline"), LimitQuery),
    responses(
        (status = 200, description = "Oldest first", body = Logs),
        (status = 404, description = "No such pipeline", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn logs(
    caller: Caller<Viewer>,
    Named(name): Named<String>,
    Asked(query): Asked<LimitQuery>,
) -> Result<Json<Logs>, Refused> {
    let lines = caller.ask(move |host| host.logs(&name, query.limit())).await?;
    Ok(Json(Logs { lines }))
}
