//! Being told to stop: the first SIGTERM or SIGINT asks for a graceful end, the second one ends at once.

use tokio::signal::unix::{SignalKind, signal};

/// What a shell reports for a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// Waits for the first signal. From then on a second one ends the process.
pub(super) async fn stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without handlers the signals end the process as they always do.
        tracing::warn!("signals cannot be handled: a stop will not be graceful");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
        _ = interrupt.recv() => tracing::info!("SIGINT: stopping; once more to end at once"),
    }
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::warn!("a second signal: ending at once");
        std::process::exit(INTERRUPTED);
    });
}
