//! What calls take: names in the path, queries, JSON bodies, revisions. A mistake is a problem document that says what was expected.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use super::app::App;
use super::refused::Refused;
use super::request::{BodyLimit, Trail, check_content_type, read_body};

/// Largest JSON body, bytes.
const JSON_BYTES: u64 = 1024 * 1024;

/// The query of a request; unknown keys are refused by the type's own rules.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Asked<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Refused> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        query.map(|q| Asked(q.0)).map_err(|e| {
            // The rejection's own text only says that it failed; the cause says why.
            let cause = std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string);
            Refused::bad_request("the query is not understood", cause)
        })
    }
}

/// The names in the path of a request.
pub(super) struct Named<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Named<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let names = Path::<T>::from_request_parts(parts, app).await;
        names
            .map(|names| Named(names.0))
            .map_err(|e| Refused::bad_request("the path is not understood", e.body_text()))
    }
}

/// The body of a request, not read yet.
pub(super) struct Pending {
    app: App,
    trail: Arc<Trail>,
    headers: HeaderMap,
}

/// A body with the room it was given.
pub(super) struct Held {
    /// The bytes.
    pub(super) bytes: Bytes,
    /// Given back when the bytes are dropped.
    _room: OwnedSemaphorePermit,
}

impl FromRequestParts<App> for Pending {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let trail = parts.extensions.get::<Arc<Trail>>().cloned().unwrap_or_default();
        Ok(Pending { app: app.clone(), trail, headers: parts.headers.clone() })
    }
}

impl Pending {
    /// Headers of the request.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Settings that limit it.
    pub(super) fn limits(&self) -> crate::config::Limits {
        self.app.limits
    }

    /// Reads it whole, when it is of one of these content types and within the limit.
    pub(super) async fn read(self, types: &[&str], limit: BodyLimit) -> Result<Held, Refused> {
        check_content_type(&self.headers, types)?;
        let room = self.app.upload().await?;
        let bytes = read_body(&self.trail, &self.headers, limit).await?;
        Ok(Held { bytes, _room: room })
    }

    /// Reads it as JSON. `None` where there is no body at all.
    pub(super) async fn json<T: DeserializeOwned>(self) -> Result<Option<T>, Refused> {
        let limit = BodyLimit { what: "the request", limit: "of JSON bodies", bytes: JSON_BYTES };
        let bytes = read_body(&self.trail, &self.headers, limit).await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        check_content_type(&self.headers, &["application/json"])?;
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| Refused::bad_request("the body is not what this call takes", e.to_string()))
    }
}

/// The revision that a change expects, from `If-Match` and `If-None-Match: *` (0: there must be none).
/// `If-Match: *` is answered with [`Expected::Any`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// Whatever is there, or nothing.
    Anything,
    /// Whatever is there, but something.
    Any,
    /// This revision; 0: nothing.
    Revision(u64),
}

impl Expected {
    pub(super) fn read(headers: &HeaderMap) -> Result<Expected, Refused> {
        let text =
            |name: header::HeaderName| headers.get(name).map(|v| v.to_str().unwrap_or_default().trim());
        match (text(header::IF_MATCH), text(header::IF_NONE_MATCH)) {
            (None, None) => Ok(Expected::Anything),
            (Some("*"), None) => Ok(Expected::Any),
            (None, Some("*")) => Ok(Expected::Revision(0)),
            (Some(tag), None) => {
                let number = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"').parse();
                number.map(Expected::Revision).map_err(|_| {
                    let reason = format!("expected a revision such as `\"3\"` in If-Match, found `{tag}`");
                    Refused::bad_request("the revision is not understood", reason)
                })
            }
            _ => {
                let reason = "expected `If-Match: \"REVISION\"`, `If-Match: *` or `If-None-Match: *`";
                Err(Refused::bad_request("the revision is not understood", reason))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    #[test]
    fn revisions_come_as_entity_tags() {
        let read = |headers: &[(HeaderName, &str)]| {
            let map = headers.iter().map(|(n, v)| (n.clone(), v.parse().unwrap())).collect();
            Expected::read(&map).map_err(|_| ())
        };
        assert_eq!(read(&[]), Ok(Expected::Anything));
        for tag in ["3", "\"3\"", "W/\"3\""] {
            assert_eq!(read(&[(header::IF_MATCH, tag)]), Ok(Expected::Revision(3)));
        }
        assert_eq!(read(&[(header::IF_MATCH, "*")]), Ok(Expected::Any));
        assert_eq!(read(&[(header::IF_NONE_MATCH, "*")]), Ok(Expected::Revision(0)));
        assert_eq!(read(&[(header::IF_NONE_MATCH, "\"3\"")]), Err(()));
        assert_eq!(read(&[(header::IF_MATCH, "three")]), Err(()));
        assert_eq!(read(&[(header::IF_MATCH, "3"), (header::IF_NONE_MATCH, "*")]), Err(()));
    }
}
