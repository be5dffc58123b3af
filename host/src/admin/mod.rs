//! The admin API: HTTP under `/v1`, one file a resource, and what monitoring and people look at. It only asks
//! [`Host`]; it decides nothing about components or pipelines. All of axum is here.

mod app;
mod components;
mod connection;
mod dead_letters;
mod health;
mod input;
mod later;
mod metrics;
mod openapi;
mod page;
mod pipelines;
mod process;
mod refused;
mod request;
mod steps;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};

use crate::config::Config;
use crate::control::Host;
use app::App;
use connection::{Door, Patience, Peer};
use refused::Refused;

/// How long requests may take to end once the host stops.
const GRACE: Duration = Duration::from_secs(10);

/// Opens the address of the admin API, so that a mistake in it is told before anything else starts.
///
/// # Errors
/// Where the address is taken or not ours; the text says which and what to do.
pub fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    let failed = |e: io::Error| {
        let remedy = match e.kind() {
            io::ErrorKind::AddrInUse => ": another program has it; stop that one or set another `listen`",
            io::ErrorKind::PermissionDenied => ": ports below 1024 need rights; set another `listen`",
            io::ErrorKind::AddrNotAvailable => {
                ": this machine does not have that address; set another `listen`"
            }
            _ => "",
        };
        format!("cannot listen on {address}: {e}{remedy}")
    };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

/// Serves the admin API until `stop`, and then until the requests that are under way have ended.
///
/// # Errors
/// Where the listener cannot be used.
pub async fn serve(
    listener: TcpListener,
    host: Arc<Host>,
    config: &Config,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_patiently(listener, host, config, Patience::default(), stop).await
}

async fn serve_patiently(
    listener: TcpListener,
    host: Arc<Host>,
    config: &Config,
    patience: Patience,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let door = Door::new(tokio::net::TcpListener::from_std(listener)?, patience);
    let app = App::new(Arc::clone(&host), config);
    let service = router(app).into_make_service_with_connect_info::<Peer>();
    let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
    let signal = async move {
        stop.await;
        // Requests that are under way hear it; those who would connect anew are refused.
        host.announce_end();
        // Nobody listens any more when serving has ended by itself.
        let _ = stopping.send(());
    };
    let late = async move {
        match stopped.await {
            Ok(()) => tokio::time::sleep(GRACE).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = axum::serve(door, service).with_graceful_shutdown(signal) => ended,
        () = late => Ok(()),
    }
}

fn router(app: App) -> Router {
    Router::new()
        .merge(components::routes())
        .merge(pipelines::routes())
        .merge(steps::routes())
        .merge(dead_letters::routes())
        .merge(later::routes())
        .merge(health::routes())
        .merge(metrics::routes())
        .merge(openapi::routes())
        .merge(page::routes())
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(axum::middleware::from_fn_with_state(app.clone(), request::follow))
        .with_state(app)
}

async fn no_such_path(uri: Uri) -> Refused {
    let reason = format!("there is no `{}`; /openapi.json describes what there is", uri.path());
    Refused::new(StatusCode::NOT_FOUND, "not-found", "no such path", reason)
}

async fn no_such_method(method: Method, uri: Uri) -> Refused {
    let reason = format!("`{}` does not take {method}; the header Allow says what it takes", uri.path());
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, "method", "method not taken here", reason)
}
