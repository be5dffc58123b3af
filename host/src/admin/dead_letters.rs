//! `/v1/pipelines/{name}/dead-letters`: the records that failed, as they came in. Their contents are data of the
//! pipeline, so reading them needs more than the role of a viewer.

use axum::extract::Path;
use axum::{Json, Router, routing};

use super::app::{App, Caller, Deployer};
use super::input::Asked;
use super::later;
use super::pipelines::LimitQuery;
use super::refused::Refused;
use crate::control::api::{DeadLetterView, DeadLetters, Problem};
use crate::control::{Refusal, RefusalKind};

/// A letter is looked for among this many, the newest.
const SEARCHED: usize = 10_000;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/pipelines/{name}/dead-letters", routing::get(list))
        .route("/v1/pipelines/{name}/dead-letters/{id}", routing::get(show))
        .route("/v1/pipelines/{name}/dead-letters/replay", routing::post(replay))
}

/// The newest dead letters of a pipeline
#[utoipa::path(get, path = "/v1/pipelines/{name}/dead-letters", tag = "dead letters",
    params(("name" = String, Path, description = "The pipeline"), LimitQuery),
    responses(
        (status = 200, description = "Newest first", body = DeadLetters),
        (status = 404, description = "No such pipeline", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn list(
    caller: Caller<Deployer>,
    Path(name): Path<String>,
    Asked(query): Asked<LimitQuery>,
) -> Result<Json<DeadLetters>, Refused> {
    let dead_letters = caller.ask(move |host| host.dead_letters(&name, query.limit())).await?;
    Ok(Json(DeadLetters { dead_letters }))
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
    Path((name, id)): Path<(String, String)>,
) -> Result<Json<DeadLetterView>, Refused> {
    let letter = caller.ask(move |host| {
        let found = host.dead_letters(&name, SEARCHED)?.into_iter().find(|letter| letter.id == id);
        found.ok_or_else(|| {
            let reason =
                format!("there is no dead letter `{id}` among the newest {SEARCHED} of pipeline `{name}`");
            Refusal::new(RefusalKind::NotFound, "not found", reason)
        })
    });
    Ok(Json(letter.await?))
}

/// Send dead letters through the pipeline again (not in this release)
#[utoipa::path(post, path = "/v1/pipelines/{name}/dead-letters/replay", tag = "dead letters",
    params(("name" = String, Path, description = "The pipeline")),
    responses((status = 501, description = "Not in this release", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn replay(_caller: Caller<Deployer>, Path(_name): Path<String>) -> Refused {
    later::replay()
}
