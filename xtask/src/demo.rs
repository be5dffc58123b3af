//! `cargo xtask demo`: from a fresh machine to the running main job.
//!
//! Builds what `sabot demo` shows and becomes it, so that its exit code is ours. What the demo does and
//! claims is the host's own.

use crate::process::{self, Failure, Result};
use crate::setup::{self, Need};
use crate::step::Steps;
use crate::{guests, paths};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The command; does not come back where the demo starts.
pub fn run(arguments: &[&str]) -> Result {
    let mut steps = Steps::new();
    steps.run("setup", || setup::run(Need::host()))?;
    steps.run("build the host", build_host)?;
    steps.run("build the example components", || guests::build(&["examples/fraud"]))?;
    let error = Command::new(paths::sabot()).arg("demo").args(arguments).current_dir(paths::root()).exec();
    Err(Failure::Failed(format!("cannot run the demo: {error}")))
}

/// Builds the `sabot` program. `--workspace` makes cargo unify features over all members, as `cargo test
/// --workspace` does; with `-p sabot` it would compile dependencies a second time.
pub fn build_host() -> Result {
    process::run(
        process::cargo()
            .args(["build", "--release", "--workspace", "--bin", "sabot"])
            .current_dir(paths::root()),
    )
}
