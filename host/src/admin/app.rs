//! The way from a request to the host: who calls, whether the role allows it, whether there is room to work on
//! it, and the work itself on a thread that may block. There is no other way, so no route forgets a check.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refused::Refused;
use super::request::{Answered, Trail};
use crate::config::{Config, Limits, Role, Token};
use crate::control::{Host, Refusal};

/// Bodies of more than a few bytes that are held at once.
const UPLOADS: usize = 4;
/// How long an upload waits for others to be read and compiled.
const UPLOAD_WAIT: Duration = Duration::from_secs(60);
/// How long a request waits for the host to answer a question, and to change something. The work goes on after
/// that, unobserved.
const READ_WAIT: Duration = Duration::from_secs(30);
const CHANGE_WAIT: Duration = Duration::from_secs(300);

/// What all requests share.
#[derive(Clone)]
pub(super) struct App(Arc<Shared>);

/// See [`App`].
pub(super) struct Shared {
    host: Arc<Host>,
    tokens: Vec<Token>,
    insecure: bool,
    loopback: bool,
    pub(super) limits: Limits,
    pub(super) answered: Answered,
    requests: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
}

impl Deref for App {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    pub(super) fn new(host: Arc<Host>, config: &Config) -> App {
        App(Arc::new(Shared {
            host,
            tokens: config.tokens.clone(),
            insecure: config.insecure,
            loopback: config.listen.ip().is_loopback(),
            limits: config.limits,
            answered: Answered::default(),
            requests: Arc::new(Semaphore::new(config.limits.requests)),
            uploads: Arc::new(Semaphore::new(UPLOADS)),
        }))
    }

    /// Whether the host says it is ready. Open to everybody, and takes no room.
    pub(super) async fn ready(&self) -> Result<(), Refused> {
        let host = Arc::clone(&self.host);
        block(READ_WAIT, move || host.ready()).await
    }

    /// Waits for room to hold a large body.
    pub(super) async fn upload(&self) -> Result<OwnedSemaphorePermit, Refused> {
        let room = Arc::clone(&self.uploads).acquire_owned();
        match tokio::time::timeout(UPLOAD_WAIT, room).await {
            Ok(Ok(room)) => Ok(room),
            Ok(Err(_)) | Err(_) => Err(Refused::busy("other uploads take all of their time")),
        }
    }

    /// The role of a request, by its token.
    fn identify(&self, headers: &HeaderMap) -> Result<(String, Role), Refused> {
        if self.insecure {
            check_browser(headers, self.loopback)?;
            return Ok(("anybody".into(), Role::Admin));
        }
        let given = headers.get(header::AUTHORIZATION).map(|v| v.to_str().unwrap_or_default());
        let Some(given) = given else {
            return Err(unauthorized("no token was sent; send `Authorization: Bearer TOKEN`"));
        };
        let token = given.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = token else {
            return Err(unauthorized("the authorization is not of the form `Bearer TOKEN`"));
        };
        let hash: [u8; 32] = Sha256::digest(token.trim()).into();
        // All are compared, so that the time says nothing about which one was near.
        let mut found = None;
        for token in &self.tokens {
            if bool::from(token.sha256.ct_eq(&hash)) {
                found = Some((token.name.clone(), token.role));
            }
        }
        found.ok_or_else(|| unauthorized("the token is not one of this host's"))
    }
}

fn unauthorized(reason: &str) -> Refused {
    Refused::new(StatusCode::UNAUTHORIZED, "unauthorized", "no valid token", reason)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"sabot\""))
}

/// Without tokens a page from elsewhere that is open in a browser must still not reach the host: such a request
/// names its origin, or comes by a name that somebody else's DNS made ours. The name only says so on the
/// loopback address, which nobody else's name should mean.
fn check_browser(headers: &HeaderMap, loopback: bool) -> Result<(), Refused> {
    let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let foreign = |reason: String| {
        Err(Refused::new(StatusCode::FORBIDDEN, "forbidden", "not from a page of another site", reason))
    };
    // `null` is what a page says that has no address of its own: in a frame, from a file.
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or("null"));
    let page = origin.map(|origin| origin.split_once("://").map_or(origin, |(_, page)| page));
    if let Some(page) = page.filter(|page| *page != host) {
        return foreign(format!("the request comes from a page of {page}, the host is {host}"));
    }
    if !loopback {
        return Ok(());
    }
    let name = host.rsplit_once(':').map_or(host, |(name, port)| match port.parse::<u16>() {
        Ok(_) => name,
        Err(_) => host,
    });
    let address = name.trim_matches(['[', ']']);
    if name == "localhost" || name.is_empty() || address.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    foreign(format!("without tokens the host is reached by `localhost` or an address, not as `{name}`"))
}

/// Runs `work` on a thread that may block.
async fn block<T: Send + 'static>(
    wait: Duration,
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refused> {
    match tokio::time::timeout(wait, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(answer)) => answer.map_err(Refused::from),
        Ok(Err(panic)) => {
            tracing::error!("a request made the host panic: {panic}");
            let reason = "this is a mistake of the host; its log says more";
            Err(Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the host failed", reason))
        }
        Err(_) => Err(Refused::busy(format!(
            "no answer within {} seconds; the work goes on, ask for the state later",
            wait.as_secs()
        ))),
    }
}

/// A role that a call needs.
pub(super) trait Needs {
    /// The weakest role that may.
    const ROLE: Role;
}

/// Reading.
pub(super) struct Viewer;
/// Changing what can be changed back.
pub(super) struct Deployer;
/// Removing.
pub(super) struct Admin;

impl Needs for Viewer {
    const ROLE: Role = Role::Viewer;
}
impl Needs for Deployer {
    const ROLE: Role = Role::Deployer;
}
impl Needs for Admin {
    const ROLE: Role = Role::Admin;
}

/// A request of somebody who may make it, with room to work on it.
pub(super) struct Caller<R> {
    app: App,
    room: OwnedSemaphorePermit,
    role: PhantomData<R>,
}

impl<R> Caller<R> {
    /// Asks the host.
    pub(super) async fn ask<T: Send + 'static>(
        self,
        question: impl FnOnce(&Host) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refused> {
        self.run(READ_WAIT, question).await
    }

    /// Changes something in the host.
    pub(super) async fn change<T: Send + 'static>(
        self,
        work: impl FnOnce(&Host) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refused> {
        self.run(CHANGE_WAIT, work).await
    }

    async fn run<T: Send + 'static>(
        self,
        wait: Duration,
        work: impl FnOnce(&Host) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refused> {
        let host = Arc::clone(&self.app.host);
        let room = self.room;
        block(wait, move || {
            let answer = work(&host);
            // Held until the work is done, also when nobody waits for it any more.
            drop(room);
            answer
        })
        .await
    }
}

impl<R: Needs> FromRequestParts<App> for Caller<R> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let (name, role) = app.identify(&parts.headers)?;
        if let Some(trail) = parts.extensions.get::<Arc<Trail>>() {
            // Nobody else sets it: one caller a request.
            let _ = trail.caller.set(name.clone());
        }
        if role < R::ROLE {
            let (has, needs) = (role.as_str(), R::ROLE.as_str());
            let reason = format!("this needs the role {needs}; the token `{name}` has the role {has}");
            return Err(Refused::new(StatusCode::FORBIDDEN, "forbidden", "not with this role", reason));
        }
        let room = Arc::clone(&app.requests).try_acquire_owned().map_err(|_| {
            let limit = app.limits.requests;
            Refused::busy(format!(
                "{limit} requests are being worked on, as many as `limits.requests` allows"
            ))
        })?;
        Ok(Caller { app: app.clone(), room, role: PhantomData })
    }
}
