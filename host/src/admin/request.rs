//! What goes with every request: its body, which is read only by who asks for it and within limits, the name
//! of the caller for the log, and figures.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::app::App;
use super::connection::Peer;
use super::refused::Refused;

/// A body must have come within this time.
const BODY_WAIT: Duration = Duration::from_secs(120);
/// Room made for a body on its announcement alone.
const FIRST_BYTES: u64 = 1024 * 1024;
/// Of a body that nobody asked for, so much is taken before the answer is sent: a client that is still sending
/// would not see an answer.
const DRAIN_BYTES: usize = 256 * 1024 * 1024;
const DRAIN_WAIT: Duration = Duration::from_secs(15);

/// What goes with a request.
#[derive(Default)]
pub(super) struct Trail {
    /// Name of the caller, once it is known.
    pub(super) caller: OnceLock<String>,
    /// The body, until somebody reads it.
    body: Mutex<Option<Body>>,
}

impl Trail {
    fn take_body(&self) -> Option<Body> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Responses by class of status: 1xx to 5xx.
#[derive(Default)]
pub(super) struct Answered([AtomicU64; 5]);

impl Answered {
    fn count(&self, status: StatusCode) {
        if let Some(class) = self.0.get(usize::from(status.as_u16() / 100) - 1) {
            class.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// `2xx` and how many.
    pub(super) fn classes(&self) -> impl Iterator<Item = (String, u64)> {
        let all = self.0.iter().enumerate();
        all.map(|(i, count)| (format!("{}xx", i + 1), count.load(Ordering::Relaxed)))
    }
}

/// Around every request: keeps its connection patient, its body for who asks, and notes what was changed by whom.
pub(super) async fn follow(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let _busy = peer.busy();
    let started = Instant::now();
    let trail = Arc::new(Trail::default());
    let body = std::mem::take(request.body_mut());
    *trail.body.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
    request.extensions_mut().insert(Arc::clone(&trail));
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let expects = request.headers().contains_key(header::EXPECT);

    let response = next.run(request).await;

    // Reading the body would tell a client that asked first to send it.
    if !expects && let Some(body) = trail.take_body() {
        drain(body).await;
    }
    app.answered.count(response.status());
    let caller = trail.caller.get().map_or("-", String::as_str);
    let status = response.status().as_u16();
    let took_ms = started.elapsed().as_millis() as u64;
    if method == Method::GET {
        tracing::debug!(%method, path, status, caller, address = %peer.address, took_ms, "request");
    } else {
        tracing::info!(%method, path, status, caller, address = %peer.address, took_ms, "request");
    }
    response
}

async fn next_piece(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
        match frame {
            Err(error) => return Some(Err(error)),
            // Trailers have no data and are not asked for.
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Some(Ok(data));
                }
            }
        }
    }
}

async fn drain(mut body: Body) {
    let taking = async {
        let mut taken = 0;
        while let Some(Ok(piece)) = next_piece(&mut body).await {
            taken += piece.len();
            if taken > DRAIN_BYTES {
                return;
            }
        }
    };
    // Whoever sends for longer does not read the answer either.
    let _ = tokio::time::timeout(DRAIN_WAIT, taking).await;
}

/// The size limit of a body.
#[derive(Clone, Copy)]
pub(super) struct BodyLimit {
    /// What the body is, for messages: `the component`.
    pub(super) what: &'static str,
    /// Key below `limits` in the host's settings, or a fixed limit.
    pub(super) limit: &'static str,
    /// Bytes.
    pub(super) bytes: u64,
}

/// Reads the body of a request. Refuses one that is larger than the limit before all of it has come.
pub(super) async fn read_body(
    trail: &Trail,
    headers: &HeaderMap,
    limit: BodyLimit,
) -> Result<Bytes, Refused> {
    let BodyLimit { what, limit: name, bytes: allowed } = limit;
    let too_large = |size: &str| {
        let reason = format!("{what} has {size} bytes; the limit {name} is {allowed}");
        Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", format!("{what} is too large"), reason)
    };
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if let Some(announced) = announced.filter(|a| *a > allowed) {
        return Err(too_large(&announced.to_string()));
    }
    let Some(mut body) = trail.take_body() else { return Ok(Bytes::new()) };
    let reading = async {
        let mut all = Vec::with_capacity(announced.unwrap_or(0).min(FIRST_BYTES) as usize);
        while let Some(piece) = next_piece(&mut body).await {
            let piece = piece.map_err(|e| Refused::bad_request("the body broke off", e.to_string()))?;
            if (all.len() + piece.len()) as u64 > allowed {
                return Err(too_large(&format!("more than {allowed}")));
            }
            all.extend_from_slice(&piece);
        }
        Ok(Bytes::from(all))
    };
    let read = tokio::time::timeout(BODY_WAIT, reading).await.unwrap_or_else(|_| {
        let reason = format!("{what} did not come within {} seconds", BODY_WAIT.as_secs());
        Err(Refused::new(StatusCode::REQUEST_TIMEOUT, "timeout", "the body came too slowly", reason))
    });
    if read.is_err() {
        drain(body).await;
    }
    read
}

/// Checks the content type of a request against those that a call takes.
pub(super) fn check_content_type(headers: &HeaderMap, allowed: &[&str]) -> Result<(), Refused> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let media = given.split(';').next().unwrap_or_default().trim();
    if allowed.iter().any(|a| a.eq_ignore_ascii_case(media)) {
        return Ok(());
    }
    let found = if media.is_empty() { "no content type".to_owned() } else { format!("`{media}`") };
    let reason = format!("expected {}, found {found}", allowed.join(" or "));
    Err(Refused::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "content-type",
        "content type not taken here",
        reason,
    ))
}
