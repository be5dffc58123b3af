//! `/v1/pipelines/{name}/steps/{step}`: exchanging the component of a step and going back.

use axum::{Json, Router, routing};

use super::app::{App, Caller, Deployer};
use super::input::{Named, Pending};
use super::later;
use super::refused::Refused;
use crate::control::api::{Problem, RollbackRequest, SwapMode, SwapRequest, Swapped};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/pipelines/{name}/steps/{step}/component", routing::put(swap))
        .route("/v1/pipelines/{name}/steps/{step}/rollback", routing::post(rollback))
}

/// Exchange the component of a step while the pipeline runs
///
/// The new one is compiled and checked beside the running one. Whatever does not fit is a refusal, and the old
/// one goes on. The same component with the same configuration changes nothing.
#[utoipa::path(put, path = "/v1/pipelines/{name}/steps/{step}/component", tag = "steps",
    params(("name" = String, Path, description = "The pipeline"), ("step" = String, Path, description = "The step")),
    request_body = SwapRequest,
    responses(
        (status = 200, description = "Exchanged, or the same already", body = Swapped),
        (status = 404, description = "No such pipeline, step or component", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It does not fit, with every reason; the old one goes on", body = Problem, content_type = "application/problem+json"),
        (status = 501, description = "Shadow and canary are not in this release", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn swap(
    caller: Caller<Deployer>,
    Named((name, step)): Named<(String, String)>,
    body: Pending,
) -> Result<Json<Swapped>, Refused> {
    let Some(request) = body.json::<SwapRequest>().await? else {
        let reason = "expected a JSON object such as {\"ref\": \"scorer@1.3.0\"}, found no body";
        return Err(Refused::bad_request("the body is not what this call takes", reason));
    };
    match request.mode {
        SwapMode::Now => {}
        SwapMode::Shadow => return Err(later::shadow()),
        SwapMode::Canary => return Err(later::canary()),
    }
    Ok(Json(caller.change(move |host| host.swap(&name, &step, &request)).await?))
}

/// Go back to the component that the step ran before
#[utoipa::path(post, path = "/v1/pipelines/{name}/steps/{step}/rollback", tag = "steps",
    params(("name" = String, Path, description = "The pipeline"), ("step" = String, Path, description = "The step")),
    request_body(content = Option<RollbackRequest>),
    responses(
        (status = 200, description = "The one before runs again", body = Swapped),
        (status = 404, description = "No such pipeline or step", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There is none before, or another revision", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn rollback(
    caller: Caller<Deployer>,
    Named((name, step)): Named<(String, String)>,
    body: Pending,
) -> Result<Json<Swapped>, Refused> {
    let request = body.json::<RollbackRequest>().await?.unwrap_or_default();
    Ok(Json(caller.change(move |host| host.rollback(&name, &step, &request)).await?))
}
