//! What the host offers to every operator: logs, counters, and, where the manifest asks for them, the clock and
//! random bytes. Outside of a component (in unit tests) logs go to stderr and the others panic. It knows no rows.

#[cfg(target_arch = "wasm32")]
use crate::bindings::sabot::operator::{clock, entropy, output, telemetry};

/// How much a line of log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For whoever develops the component.
    Debug,
    /// Something worth knowing happened.
    Info,
    /// Something is odd.
    Warn,
    /// Something failed.
    Error,
}

/// Writes a line to the log of the pipeline. The host keeps a bounded number of lines.
pub fn log(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    telemetry::log(
        match level {
            Level::Debug => telemetry::Level::Debug,
            Level::Info => telemetry::Level::Info,
            Level::Warn => telemetry::Level::Warn,
            Level::Error => telemetry::Level::Error,
        },
        message,
    );
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("{level:?}: {message}");
}

/// Adds to a counter of the pipeline's step.
pub fn count(name: &str, add: u64) {
    #[cfg(target_arch = "wasm32")]
    telemetry::counter(name, add);
    #[cfg(not(target_arch = "wasm32"))]
    let _ = (name, add);
}

/// Milliseconds since 1970-01-01 UTC. The manifest must ask for [`Capability::Clock`](crate::Capability::Clock).
pub fn now_ms() -> i64 {
    #[cfg(target_arch = "wasm32")]
    return clock::now_ms();
    #[cfg(not(target_arch = "wasm32"))]
    unimplemented_outside("now_ms")
}

/// Random bytes. The manifest must ask for [`Capability::Entropy`](crate::Capability::Entropy).
pub fn random(bytes: u32) -> Vec<u8> {
    #[cfg(target_arch = "wasm32")]
    return entropy::random(bytes);
    #[cfg(not(target_arch = "wasm32"))]
    unimplemented_outside(&format!("random({bytes})"))
}

/// Sends a message out of a port.
pub(crate) fn emit(port: u32, message: &[u8]) {
    #[cfg(target_arch = "wasm32")]
    output::emit(port, message);
    #[cfg(not(target_arch = "wasm32"))]
    captured::EMITTED.with_borrow_mut(|emitted| emitted.push((port, message.to_vec())));
}

#[cfg(not(target_arch = "wasm32"))]
fn unimplemented_outside<T>(what: &str) -> T {
    panic!("{what} is there only in a component that a host runs")
}

/// What was emitted outside of a component.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod captured {
    use std::cell::RefCell;
    thread_local! {
        pub(crate) static EMITTED: RefCell<Vec<(u32, Vec<u8>)>> = const { RefCell::new(Vec::new()) };
    }
}

/// Sends the text of a panic to the log before the trap, so that the host can say why.
pub(crate) fn log_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let text = panic.payload_as_str().unwrap_or("a panic without text");
            match panic.location() {
                Some(at) => log(Level::Error, &format!("panicked at {}:{}: {text}", at.file(), at.line())),
                None => log(Level::Error, &format!("panicked: {text}")),
            }
        }));
    });
}
