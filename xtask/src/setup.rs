//! `cargo xtask setup`: detects what is missing and installs it.
//!
//! Every requirement has a check that touches no network and starts no package manager; only what fails its
//! check is installed. Which packages bring what is in `system`; `wasm`, `clang` and `python` know the guest
//! toolchains, `clients` what the interop tests talk with. Nothing here builds the project.

pub mod clang;
pub mod clients;
pub mod python;
mod system;
pub mod wasm;

use crate::kafka;
use crate::process::{self, Failure, Result};
use crate::step::seconds;
use std::time::Instant;

/// What a command needs to be there.
#[derive(Clone, Copy)]
pub struct Need {
    build: bool,
    wasm: bool,
    lints: bool,
    kafka: bool,
    clients: bool,
    guests: bool,
}

impl Need {
    const NOTHING: Self =
        Self { build: false, wasm: false, lints: false, kafka: false, clients: false, guests: false };

    /// Everything that any command needs.
    pub const fn everything() -> Self {
        Self { build: true, wasm: true, lints: true, kafka: true, clients: true, guests: true }
    }

    /// The host and components in Rust.
    pub const fn host() -> Self {
        Self { build: true, wasm: true, ..Self::NOTHING }
    }

    /// The host and components in every language.
    pub const fn guests() -> Self {
        Self { guests: true, ..Self::host() }
    }

    /// Everything but a server.
    pub const fn quick_test() -> Self {
        Self { kafka: false, clients: false, ..Self::everything() }
    }

    /// A test broker.
    pub const fn kafka() -> Self {
        Self { kafka: true, ..Self::NOTHING }
    }
}

/// Checks everything that is needed, and installs what is missing. One line a step, with its time.
pub fn run(need: Need) -> Result {
    // Java is looked for only where a broker of ours will be started.
    let broker = need.kafka && !kafka::is_users();
    let required = system::required(need.build, broker);
    step("system packages", || system::provide(&required))?;
    if need.lints {
        step("rustfmt and clippy", rust_components)?;
    }
    if need.wasm {
        step("Rust for wasm32-unknown-unknown", || wasm::provide().map(|toolchain| toolchain.describe()))?;
    }
    if need.guests {
        step("C for WebAssembly", || optional("guests in C", clang::provide()))?;
        step("componentize-py", || optional("guests in Python", python::provide()))?;
    }
    if need.clients {
        step("clients of Kafka", || optional("tests with clients of others", clients::provide()))?;
    }
    if broker {
        step("Apache Kafka", || kafka::install().map(|_| format!("{} is there", kafka::VERSION)))?;
    }
    Ok(())
}

/// What cannot be had skips what needs it locally, and fails in CI.
fn optional(users: &str, provided: Result<String>) -> Result<String> {
    match provided {
        Err(Failure::Failed(reason)) if !process::is_ci() => {
            Ok(format!("not to be had, {users} will be skipped: {reason}"))
        }
        other => other,
    }
}

fn step(name: &str, work: impl FnOnce() -> Result<String>) -> Result {
    let started = Instant::now();
    let outcome = work();
    let took = seconds(started.elapsed());
    match &outcome {
        Ok(note) => eprintln!("setup: {name}: {note} ({took})"),
        Err(_) => eprintln!("setup: {name}: FAILED ({took})"),
    }
    outcome.map(|_| ())
}

/// Says that something slow begins, since the step's own line comes at its end.
fn announce(what: &str) {
    eprintln!("setup: {what} …");
}

fn rust_components() -> Result<String> {
    let missing: Vec<&str> = [("rustfmt", "fmt"), ("clippy", "clippy")]
        .into_iter()
        .filter(|(_, command)| {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            !process::succeeds(cargo, &[command, "--version"])
        })
        .map(|(component, _)| component)
        .collect();
    if missing.is_empty() {
        return Ok("are there".into());
    }
    let names = missing.join(" ");
    if process::find("rustup").is_none() {
        return process::failed(format!(
            "missing: {names}. There is no rustup to add them, so install them the way Rust was installed"
        ));
    }
    announce(&format!("adding {names}"));
    process::quiet(std::process::Command::new("rustup").args(["component", "add"]).args(&missing))?;
    Ok(format!("added {names}"))
}
