//! A real Apache Kafka for tests: one node, KRaft, on free ports of the loopback interface.
//!
//! A broker lives in an instance folder in the cache: its properties, its data, its log and a state file
//! with pid and address. `kafka start` leaves an instance running until `kafka stop`; `test` and `bench` run
//! instances of their own that end with them. Where the jars come from is in `install`, what the broker is
//! told in `config`, how it is started in `launch`, what is known of a running one in `state`.

mod config;
mod install;
mod launch;
mod state;

pub use install::{VERSION, install};

use crate::process::{Failure, Result, doing, failed};
use crate::{paths, process, setup};
use launch::{Life, launch, tool};
use state::{State, is_running, signal};
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A broker that ends with this value.
pub struct Broker {
    /// `HOST:PORT`.
    pub bootstrap: String,
    running: Option<(Child, PathBuf)>,
}

impl Broker {
    /// The user's broker (`SABOT_TEST_BOOTSTRAP`), or one of our own.
    pub fn start() -> Result<Self> {
        if let Some(bootstrap) = users_broker() {
            eprintln!("    using SABOT_TEST_BOOTSTRAP={bootstrap}; none is started");
            return Ok(Self { bootstrap, running: None });
        }
        let jars = install()?;
        sweep()?;
        let folder = instances()?.join(format!("run-{}", std::process::id()));
        let (child, bootstrap) = launch(&jars, &folder, Life::Ours)?;
        Ok(Self { bootstrap, running: Some((child, folder)) })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let Some((mut child, folder)) = self.running.take() else {
            return;
        };
        signal(child.id(), "TERM");
        let deadline = Instant::now() + STOP_LIMIT;
        while Instant::now() < deadline {
            if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        // Both are harmless for a broker that has ended.
        let _ = child.kill();
        let _ = child.wait();
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// `kafka start [NAME]`: prints `SABOT_TEST_BOOTSTRAP=HOST:PORT` on the standard output. An instance that was
/// killed comes back with its data, on its old port.
pub fn start_command(name: &str) -> Result {
    let folder = instance(name)?;
    if let Some(state) = State::read(&folder).filter(State::is_alive) {
        eprintln!("a broker is running already (pid {})", state.pid);
        println!("SABOT_TEST_BOOTSTRAP={}", state.bootstrap);
        return Ok(());
    }
    setup::run(setup::Need::kafka())?;
    let jars = install()?;
    sweep()?;
    let (child, bootstrap) = launch(&jars, &folder, Life::Detached)?;
    eprintln!(
        "a broker runs as pid {} in {}; end it with `cargo xtask kafka stop`",
        child.id(),
        folder.display()
    );
    println!("SABOT_TEST_BOOTSTRAP={bootstrap}");
    Ok(())
}

/// `kafka stop [NAME]`: ends a broker of `kafka start` and removes its data.
pub fn stop_command(name: &str) -> Result {
    let folder = instance(name)?;
    let Some(state) = State::read(&folder) else {
        eprintln!("no broker of `cargo xtask kafka start` is running");
        return Ok(());
    };
    state.stop(STOP_LIMIT)?;
    doing(&format!("remove {}", folder.display()), std::fs::remove_dir_all(&folder))?;
    eprintln!("stopped the broker (pid {})", state.pid);
    Ok(())
}

/// `kafka kill NAME`: ends a broker without warning and keeps its data; for tests of just that.
pub fn kill_command(name: &str) -> Result {
    match State::read(&instance(name)?) {
        Some(state) => state.kill(),
        None => failed(format!("there is no broker `{name}`")),
    }
}

/// `kafka tool CLASS [...]`: a program of Kafka's own command line, as `org.apache.kafka.tools.ConsoleProducer`; for
/// tests with the Java client.
pub fn tool_command(class: &str, arguments: &[&str]) -> Result {
    process::run(tool(&install()?, class).args(arguments))
}

/// Whether the user has a broker for us.
pub fn is_users() -> bool {
    users_broker().is_some()
}

fn users_broker() -> Option<String> {
    std::env::var("SABOT_TEST_BOOTSTRAP").ok().filter(|value| !value.is_empty())
}

fn instances() -> Result<PathBuf> {
    Ok(paths::cache()?.join("kafka/instances"))
}

fn instance(name: &str) -> Result<PathBuf> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if name.is_empty() || name.starts_with('-') || !name.chars().all(plain) {
        return Err(Failure::Usage(format!(
            "`{name}` is no name of a broker: letters, digits and `-` may be in it"
        )));
    }
    Ok(instances()?.join(name))
}

/// Ends and removes what is left of instances whose starter is gone: `run-PID` of this program, `test-PID-N` of a
/// test program.
fn sweep() -> Result {
    let Ok(entries) = std::fs::read_dir(instances()?) else {
        return Ok(());
    };
    for folder in entries.flatten().map(|entry| entry.path()) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if starter(&name).is_some_and(|pid| !is_running(pid)) {
            if let Some(state) = State::read(&folder) {
                state.stop(STOP_LIMIT)?;
            }
            let _ = std::fs::remove_dir_all(&folder);
        }
    }
    Ok(())
}

/// The process that an instance belongs to, from its name.
fn starter(name: &str) -> Option<u32> {
    let mut words = name.split('-');
    match words.next()? {
        "run" | "test" => words.next()?.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_belongs_to_its_starter() {
        assert_eq!(starter("run-17"), Some(17));
        assert_eq!(starter("test-18-2"), Some(18));
        assert_eq!(starter("main"), None);
    }

    #[test]
    fn a_name_is_no_path() {
        for name in ["", "../x", "a/b", "--help"] {
            assert!(matches!(instance(name), Err(Failure::Usage(_))), "{name}");
        }
    }
}
