//! What the interface names and a later release brings: it answers 501 and says what comes.

use axum::{Router, routing};

use super::app::{Admin, App, Caller, Deployer, Viewer};
use super::input::Named;
use super::refused::Refused;
use crate::control::api::Problem;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/pipelines/{name}/savepoints", routing::get(list_savepoints).post(create_savepoint))
        .route("/v1/pipelines/{name}/savepoints/{id}", routing::delete(remove_savepoint))
        .route("/v1/pipelines/{name}/steps/{step}/state/{state}", routing::get(query_state))
}

/// Shadow swaps.
pub(super) fn shadow() -> Refused {
    Refused::not_in_release(
        "shadow swaps",
        "with mode `shadow` both versions will get live batches and their outputs be compared; use mode `now`, \
         whose probation brings the old version back by itself",
    )
}

/// Canary swaps.
pub(super) fn canary() -> Refused {
    Refused::not_in_release(
        "canary swaps",
        "with mode `canary` the new version will run on some partitions until it is promoted; use mode `now`, \
         whose probation brings the old version back by itself",
    )
}

/// Savepoints.
pub(super) fn savepoints() -> Refused {
    Refused::not_in_release(
        "savepoints",
        "they come with state that is kept in checkpoints; a pipeline goes on from its committed offsets",
    )
}

fn state() -> Refused {
    Refused::not_in_release("queries of state", "they come with keyed state; no step has state yet")
}

/// Take a savepoint (not in this release)
#[utoipa::path(post, path = "/v1/pipelines/{name}/savepoints", tag = "savepoints",
    params(("name" = String, Path, description = "The pipeline")),
    responses((status = 501, description = "Not in this release", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create_savepoint(_caller: Caller<Deployer>, Named(_name): Named<String>) -> Refused {
    savepoints()
}

/// All savepoints of a pipeline (not in this release)
#[utoipa::path(get, path = "/v1/pipelines/{name}/savepoints", tag = "savepoints",
    params(("name" = String, Path, description = "The pipeline")),
    responses((status = 501, description = "Not in this release", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_savepoints(_caller: Caller<Viewer>, Named(_name): Named<String>) -> Refused {
    savepoints()
}

/// Remove a savepoint (not in this release)
#[utoipa::path(delete, path = "/v1/pipelines/{name}/savepoints/{id}", tag = "savepoints",
    params(("name" = String, Path, description = "The pipeline"), ("id" = String, Path, description = "The savepoint")),
    responses((status = 501, description = "Not in this release", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove_savepoint(
    _caller: Caller<Admin>,
    Named((_name, _id)): Named<(String, String)>,
) -> Refused {
    savepoints()
}

/// Query keyed state (not in this release)
#[utoipa::path(get, path = "/v1/pipelines/{name}/steps/{step}/state/{state}", tag = "steps",
    params(
        ("name" = String, Path, description = "The pipeline"),
        ("step" = String, Path, description = "The step"),
        ("state" = String, Path, description = "The state"),
        ("key" = Option<String>, Query, description = "The key, as JSON"),
    ),
    responses((status = 501, description = "Not in this release", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn query_state(
    _caller: Caller<Deployer>,
    Named((_name, _step, _state)): Named<(String, String, String)>,
) -> Refused {
    state()
}
