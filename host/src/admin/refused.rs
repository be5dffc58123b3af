//! Every refusal as a problem document (RFC 9457): one shape, all reasons, also for what the HTTP layer itself
//! refuses.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::control::api::Problem;
use crate::control::{Reason, Refusal, RefusalKind};

/// A refusal on its way to the caller.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    /// Last part of the problem's type.
    kind: &'static str,
    title: String,
    reasons: Vec<Reason>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refused {
    /// A refusal with one reason.
    pub(super) fn new(
        status: StatusCode,
        kind: &'static str,
        title: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        let reasons = vec![Reason::new(reason)];
        Refused { status, kind, title: title.into(), reasons, headers: Vec::new() }
    }

    /// A request that is not understood.
    pub(super) fn bad_request(title: &str, reason: impl Into<String>) -> Self {
        Refused::new(StatusCode::BAD_REQUEST, "bad-request", title, reason)
    }

    /// Try again in a moment.
    pub(super) fn busy(reason: impl Into<String>) -> Self {
        Refused::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "the host is busy", reason)
            .header(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// Part of the interface that a later release brings.
    pub(super) fn not_in_release(what: &str, reason: &str) -> Self {
        Refused::new(
            StatusCode::NOT_IMPLEMENTED,
            "not-in-release",
            format!("{what} are not in this release"),
            reason,
        )
    }

    /// Adds a header to the response.
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The document.
    fn problem(&self) -> Problem {
        let one = |r: &Reason| match &r.path {
            Some(path) => format!("{path}: {}", r.message),
            None => r.message.clone(),
        };
        Problem {
            kind: format!("urn:sabot:{}", self.kind),
            title: self.title.clone(),
            status: self.status.as_u16(),
            detail: self.reasons.iter().map(one).collect::<Vec<_>>().join("; "),
            reasons: self.reasons.clone(),
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let (status, kind) = match refusal.kind {
            RefusalKind::NotFound => (StatusCode::NOT_FOUND, "not-found"),
            RefusalKind::Conflict => (StatusCode::CONFLICT, "conflict"),
            RefusalKind::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            RefusalKind::BadRequest => (StatusCode::BAD_REQUEST, "bad-request"),
            RefusalKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
            RefusalKind::LimitReached => (StatusCode::CONFLICT, "limit-reached"),
            RefusalKind::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            RefusalKind::NotInRelease => (StatusCode::NOT_IMPLEMENTED, "not-in-release"),
            RefusalKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            RefusalKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!("{refusal}");
        }
        Refused { status, kind, title: refusal.title, reasons: refusal.reasons, headers: Vec::new() }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body =
            serde_json::to_vec(&self.problem()).expect("a problem has string keys and no failing fields");
        let mut response = (self.status, body).into_response();
        let json = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response.headers_mut().extend(self.headers);
        response
    }
}
