//! `cargo xtask bench [NAME]`: builds and runs the programs of benches/src/bin, and `codecs`, which is a package of
//! its own because it needs no host.
//!
//! What a bench measures and prints is its own; this command provides the build, the guests and a broker.

use crate::kafka::Broker;
use crate::process::{self, Failure, Result, doing};
use crate::setup::{self, Need};
use crate::step::Steps;
use crate::{guests, paths};
use std::process::Command;

/// The bench that needs neither the host nor guests.
const CODECS: &str = "codecs";

/// The benches that measure against a real Kafka.
const ON_KAFKA: [&str; 3] = ["pipeline", "swap", "latency"];

/// Runs one bench with arguments, or all of them.
pub fn run(name: Option<&str>, arguments: &[&str]) -> Result {
    let known = names()?;
    let chosen = match name {
        Some(name) if known.iter().any(|bench| bench == name) => vec![name.to_owned()],
        Some(name) => {
            return Err(Failure::Usage(format!(
                "there is no bench `{name}`; there are: {}",
                known.join(", ")
            )));
        }
        None => known,
    };
    let kafka = chosen.iter().any(|name| ON_KAFKA.contains(&&**name));
    let mut steps = Steps::new();
    if chosen.iter().any(|name| name != CODECS) {
        build_with_host(&mut steps, kafka)?;
    }
    for name in &chosen {
        if name == CODECS {
            // Last thing before it runs: the workspace's build has the same program with slower libraries.
            steps.run("build the codecs' bench", build_codecs)?;
        }
        // A broker a bench: one bench's load must not be another's background.
        let broker =
            if ON_KAFKA.contains(&&**name) { Some(steps.run("start Kafka", Broker::start)?) } else { None };
        steps.run(&format!("bench {name}"), || {
            let mut command = Command::new(paths::target().join("release").join(name));
            command.args(arguments).env("SABOT_BIN", paths::sabot()).current_dir(paths::root());
            if let Some(broker) = &broker {
                command.env("SABOT_TEST_BOOTSTRAP", &broker.bootstrap);
            }
            process::run(&mut command)
        })?;
    }
    Ok(())
}

fn build_with_host(steps: &mut Steps, kafka: bool) -> Result {
    steps.run("setup", || {
        setup::run(Need::guests())?;
        if kafka {
            setup::run(Need::kafka())?;
        }
        Ok(())
    })?;
    steps.run("build the host and the benches", || {
        let words = ["build", "--release", "--workspace", "--bins"];
        process::run(process::cargo().args(words).current_dir(paths::root()))
    })?;
    steps.run("build the guests", guests::build_all)
}

fn build_codecs() -> Result {
    let words = ["build", "--profile", "bench", "--package", "sabot-bench-codecs"];
    process::run(process::cargo().args(words).current_dir(paths::root()))
}

/// The programs that there are.
fn names() -> Result<Vec<String>> {
    let folder = paths::root().join("benches/src/bin");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = doing("list the benches", folder.read_dir())?;
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() || path.extension().is_some_and(|kind| kind == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .chain([CODECS.to_owned()])
        .collect();
    names.sort();
    Ok(names)
}
