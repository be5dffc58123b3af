//! `/`: a page for people, made of nothing but itself. It asks the API like everybody else, with the token that
//! is typed into it.

use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use axum::{Router, routing};

use super::app::App;

/// Nothing from elsewhere, nothing inline, and nowhere else to send to.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(
            "/",
            routing::get(|| async { asset("text/html; charset=utf-8", include_str!("page/page.html")) }),
        )
        .route(
            "/page.js",
            routing::get(|| async { asset("text/javascript; charset=utf-8", include_str!("page/page.js")) }),
        )
        .route(
            "/page.css",
            routing::get(|| async { asset("text/css; charset=utf-8", include_str!("page/page.css")) }),
        )
}

fn asset(content_type: &'static str, text: &'static str) -> impl IntoResponse {
    let headers: [(HeaderName, &'static str); 4] = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text)
}
