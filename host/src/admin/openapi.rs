//! `/openapi.json`: the description of the API, made from the handlers themselves.

use axum::{Json, Router, routing};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::app::App;
use super::{components, dead_letters, health, later, metrics, pipelines, steps};

pub(super) fn routes() -> Router<App> {
    Router::new().route("/openapi.json", routing::get(|| async { Json(Description::openapi()) }))
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sabot",
        description = "A host for streaming pipelines whose user logic ships as WebAssembly components. Every \
                       refusal is a problem document (RFC 9457) with all reasons in `reasons`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        components::push, components::list, components::show, components::download, components::remove,
        pipelines::apply, pipelines::list, pipelines::show, pipelines::remove, pipelines::start,
        pipelines::stop, pipelines::logs,
        steps::swap, steps::rollback,
        dead_letters::list, dead_letters::show, dead_letters::replay,
        later::create_savepoint, later::list_savepoints, later::remove_savepoint, later::query_state,
        health::live, health::ready, metrics::metrics,
    ),
    modifiers(&Bearer),
    security(("bearer" = [])),
)]
struct Description;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        for item in api.paths.paths.values_mut() {
            let all = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
            for operation in all.into_iter().flatten() {
                operation.responses.responses.insert("default".into(), any_refusal().into());
            }
        }
    }
}

/// What every call may answer besides: no token, not with this role, too large, busy.
fn any_refusal() -> Response {
    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new()
        .description("Any other refusal, with every reason")
        .content("application/problem+json", problem)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_described_with_its_words_and_statuses() {
        let description = serde_json::to_value(Description::openapi()).unwrap();
        let mut lines = Vec::new();
        for (path, methods) in description["paths"].as_object().unwrap() {
            for (method, call) in methods.as_object().unwrap() {
                assert!(call["summary"].is_string(), "{method} {path}");
                let statuses: Vec<_> = call["responses"].as_object().unwrap().keys().cloned().collect();
                lines.push(format!("{method} {path}: {}", statuses.join(" ")));
            }
        }
        lines.sort();
        insta::assert_snapshot!(lines.join("\n"), @r"
        delete /v1/components/{ref}: 204 404 409 default
        delete /v1/pipelines/{name}/savepoints/{id}: 501 default
        delete /v1/pipelines/{name}: 204 404 default
        get /healthz: 200 default
        get /metrics: 200 default
        get /readyz: 200 503 default
        get /v1/components/{ref}/wasm: 200 404 default
        get /v1/components/{ref}: 200 404 default
        get /v1/components: 200 default
        get /v1/pipelines/{name}/dead-letters/{id}: 200 404 default
        get /v1/pipelines/{name}/dead-letters: 200 404 default
        get /v1/pipelines/{name}/logs: 200 404 default
        get /v1/pipelines/{name}/savepoints: 501 default
        get /v1/pipelines/{name}/steps/{step}/state/{state}: 501 default
        get /v1/pipelines/{name}: 200 404 default
        get /v1/pipelines: 200 default
        post /v1/components: 200 201 409 413 422 default
        post /v1/pipelines/{name}/dead-letters/replay: 200 404 409 503 default
        post /v1/pipelines/{name}/savepoints: 501 default
        post /v1/pipelines/{name}/start: 200 404 default
        post /v1/pipelines/{name}/steps/{step}/rollback: 200 404 409 default
        post /v1/pipelines/{name}/stop: 200 404 501 default
        put /v1/pipelines/{name}/steps/{step}/component: 200 404 409 501 default
        put /v1/pipelines/{name}: 200 201 409 413 422 default
        ");
    }
}
