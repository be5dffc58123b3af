//! `/healthz` and `/readyz`: for those who start and stop hosts. Open to everybody; beside names of
//! pipelines that could not be started they say nothing else.

use axum::extract::State;
use axum::{Router, routing};

use super::app::App;
use super::refused::Refused;
use crate::control::api::Problem;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/healthz", routing::get(live)).route("/readyz", routing::get(ready))
}

/// The process answers
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "It does", body = String)))]
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// Everything that should run has been started
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses(
        (status = 200, description = "It has", body = String),
        (status = 503, description = "Not yet, or not any more, with the reasons", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn ready(State(app): State<App>) -> Result<&'static str, Refused> {
    app.ready().await.map(|()| "ok\n")
}
