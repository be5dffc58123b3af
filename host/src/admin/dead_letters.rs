//! `/v1/pipelines/{name}/dead-letters`: the records that failed, as they came in, and running them again. Their
//! contents are data of the pipeline, so reading them needs more than the role of a viewer.

#![allow(unused_qualifications, reason = "utoipa's macros make them")]

use axum::{Json, Router, routing};
use serde::Deserialize;
use utoipa::IntoParams;

use super::app::{App, Caller, Deployer};
use super::input::{Asked, Named, Pending};
use super::refused::Refused;
use crate::control::LetterQuery;
use crate::control::api::{DeadLetterView, DeadLetters, Problem, ReplayRequest, Replayed};

/// Letters that are given when the caller does not say, and at most.
const USUAL: usize = 100;
const MOST: usize = 10_000;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/pipelines/{name}/dead-letters", routing::get(list))
        .route("/v1/pipelines/{name}/dead-letters/{id}", routing::get(show))
        .route("/v1/pipelines/{name}/dead-letters/replay", routing::post(replay))
}

/// Which letters.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// At most this many, the newest. 100 when not given, at most 10000.
    limit: Option<usize>,
    /// Only those of this source, step or sink.
    step: Option<String>,
    /// Only those with this code.
    code: Option<String>,
    /// Those that were run again, in place of those that were not.
    #[serde(default)]
    replayed: bool,
}

/// The newest dead letters of a pipeline
#[utoipa::path(get, path = "/v1/pipelines/{name}/dead-letters", tag = "dead letters",
    params(("name" = String, Path, description = "The pipeline"), ListQuery),
    responses(
        (status = 200, description = "Newest first; fewer than the limit where they have more than 16 MiB", body = DeadLetters),
        (status = 404, description = "No such pipeline", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn list(
    caller: Caller<Deployer>,
    Named(name): Named<String>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<DeadLetters>, Refused> {
    let ListQuery { limit, step, code, replayed } = query;
    let query = LetterQuery { limit: limit.unwrap_or(USUAL).min(MOST), step, code, replayed };
    Ok(Json(caller.ask(move |host| host.dead_letters(&name, &query)).await?))
}

/// A dead letter
#[utoipa::path(get, path = "/v1/pipelines/{name}/dead-letters/{id}", tag = "dead letters",
    params(("name" = String, Path, description = "The pipeline"), ("id" = String, Path, description = "The letter")),
    responses(
        (status = 200, description = "The letter", body = DeadLetterView),
        (status = 404, description = "No such pipeline or letter", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn show(
    caller: Caller<Deployer>,
    Named((name, id)): Named<(String, String)>,
) -> Result<Json<DeadLetterView>, Refused> {
    Ok(Json(caller.ask(move |host| host.dead_letter(&name, &id)).await?))
}

/// Run dead letters through the pipeline again
///
/// A record that did not decode is decoded anew and goes from its source; a row that a step or sink refused goes in
/// there, as it was. Answers once everything made of them is delivered.
#[utoipa::path(post, path = "/v1/pipelines/{name}/dead-letters/replay", tag = "dead letters",
    params(("name" = String, Path, description = "The pipeline")),
    request_body(content = ReplayRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "What became of them", body = Replayed),
        (status = 404, description = "No such pipeline", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The pipeline does not run, or letters of it are being run already", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The pipeline stopped or failed meanwhile; those that are not marked can be run again", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn replay(
    caller: Caller<Deployer>,
    Named(name): Named<String>,
    body: Pending,
) -> Result<Json<Replayed>, Refused> {
    let request = body.json::<ReplayRequest>().await?.unwrap_or_default();
    Ok(Json(caller.change(move |host| host.replay(&name, &request)).await?))
}
