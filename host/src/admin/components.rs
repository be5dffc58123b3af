//! `/v1/components`: upload, list, describe, download, remove.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};

use super::app::{Admin, App, Caller, Deployer, Viewer};
use super::input::{Named, Pending};
use super::refused::Refused;
use super::request::BodyLimit;
use crate::control::api::{ComponentInfo, Components, Problem, Pushed};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/components", routing::get(list).post(push))
        .route("/v1/components/{ref}", routing::get(show).delete(remove))
        .route("/v1/components/{ref}/wasm", routing::get(download))
}

/// Upload a component
///
/// Stores, compiles and describes it. The same bytes again change nothing.
#[utoipa::path(post, path = "/v1/components", tag = "components",
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses(
        (status = 201, description = "Stored", body = Pushed),
        (status = 200, description = "It was there", body = Pushed),
        (status = 409, description = "The version is taken, or a limit reached", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Larger than limits.component_bytes", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not a component that can run here, with every reason", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn push(caller: Caller<Deployer>, body: Pending) -> Result<Response, Refused> {
    let bytes = body.limits().component_bytes;
    let limit = BodyLimit { what: "the component", limit: "`limits.component_bytes`", bytes };
    let held = body.read(&["application/wasm", "application/octet-stream"], limit).await?;
    let pushed = caller
        .change(move |host| {
            let pushed = host.push_component(&held.bytes);
            drop(held);
            pushed
        })
        .await?;
    let status = if pushed.created { StatusCode::CREATED } else { StatusCode::OK };
    let location = format!("/v1/components/{}", pushed.component.digest);
    let location = HeaderValue::try_from(location).map(|l| [(header::LOCATION, l)]);
    Ok((status, location.ok(), Json(pushed)).into_response())
}

/// All components
#[utoipa::path(get, path = "/v1/components", tag = "components",
    responses((status = 200, description = "By name, then oldest version first", body = Components)))]
pub(super) async fn list(caller: Caller<Viewer>) -> Result<Json<Components>, Refused> {
    let components = caller.ask(|host| Ok(host.components())).await?;
    Ok(Json(Components { components }))
}

/// A component, its manifest and who uses it
#[utoipa::path(get, path = "/v1/components/{ref}", tag = "components",
    params(("ref" = String, Path, description = "`name` (the newest), `name@version` or `sha256:…`")),
    responses(
        (status = 200, description = "The component", body = ComponentInfo),
        (status = 404, description = "No such component", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn show(
    caller: Caller<Viewer>,
    Named(reference): Named<String>,
) -> Result<Json<ComponentInfo>, Refused> {
    Ok(Json(caller.ask(move |host| host.component(&reference)).await?))
}

/// The bytes of a component, as uploaded
#[utoipa::path(get, path = "/v1/components/{ref}/wasm", tag = "components",
    params(("ref" = String, Path, description = "`name` (the newest), `name@version` or `sha256:…`")),
    responses(
        (status = 200, description = "The bytes", body = Vec<u8>, content_type = "application/wasm"),
        (status = 404, description = "No such component", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn download(
    caller: Caller<Viewer>,
    Named(reference): Named<String>,
) -> Result<Response, Refused> {
    let bytes = caller.ask(move |host| host.component_bytes(&reference)).await?;
    Ok(([(header::CONTENT_TYPE, "application/wasm")], bytes).into_response())
}

/// Remove a component that no pipeline uses
#[utoipa::path(delete, path = "/v1/components/{ref}", tag = "components",
    params(("ref" = String, Path, description = "`name` (the newest), `name@version` or `sha256:…`")),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, description = "No such component", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "In use, with the users", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn remove(
    caller: Caller<Admin>,
    Named(reference): Named<String>,
) -> Result<StatusCode, Refused> {
    caller.change(move |host| host.remove_component(&reference)).await?;
    Ok(StatusCode::NO_CONTENT)
}
