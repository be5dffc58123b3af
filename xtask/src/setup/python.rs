//! A Python environment of our own in the cache, for tools that come from PyPI.
//!
//! Knows which tools and versions; nothing of what they build.

use super::{announce, system};
use crate::paths;
use crate::process::{self, Result, failed};
use std::path::PathBuf;
use std::process::Command;

const COMPONENTIZE_PY: &str = "componentize-py==0.25.1";

/// The folder of the environment's programs.
pub fn programs() -> Result<PathBuf> {
    Ok(paths::cache()?.join("python/bin"))
}

/// Whether guests in Python can be built.
pub fn is_there() -> bool {
    has(COMPONENTIZE_PY)
}

/// Installs what guests in Python need.
pub fn provide() -> Result<String> {
    if is_there() {
        return Ok(format!("{COMPONENTIZE_PY} is there"));
    }
    install(COMPONENTIZE_PY)?;
    Ok(format!("installed {COMPONENTIZE_PY}"))
}

/// Whether the environment has this very version. A file marks it, because asking pip takes a second.
pub fn has(requirement: &str) -> bool {
    has_interpreter() && mark(requirement).is_ok_and(|file| file.is_file())
}

/// An environment's interpreter is a link: it dangles where the Python that made it has gone.
fn has_interpreter() -> bool {
    programs().is_ok_and(|folder| folder.join("python").is_file())
}

/// Installs `NAME==VERSION` into the environment, which is made where it is missing.
pub fn install(requirement: &str) -> Result {
    let programs = programs()?;
    let pip = programs.join("pip");
    if !has_interpreter() || !pip.is_file() {
        let python = python()?;
        announce("making a Python environment in the cache");
        let folder = programs.parent().unwrap_or(&programs);
        process::quiet(Command::new(python).args(["-m", "venv", "--clear"]).arg(folder))?;
    }
    announce(&format!("pip install {requirement}"));
    process::quiet(Command::new(pip).args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        requirement,
    ]))?;
    process::write(&mark(requirement)?, "")
}

fn mark(requirement: &str) -> Result<PathBuf> {
    Ok(paths::cache()?.join("python").join(format!("{requirement}.installed")))
}

/// A Python that can make environments.
pub(super) fn python() -> Result<&'static str> {
    const CAN: [&str; 2] = ["-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))"];
    let find = || ["python3", "/usr/bin/python3"].into_iter().find(|python| process::succeeds(python, &CAN));
    if let Some(python) = find() {
        return Ok(python);
    }
    match system::can_apt() {
        Ok(()) => system::apt(&["python3", "python3-venv"])?,
        Err(obstacle) => {
            return failed(format!(
                "Python 3.10 or newer with venv is missing, and {obstacle}: install python3 and python3-venv"
            ));
        }
    }
    match find() {
        Some(python) => Ok(python),
        None => failed("python3 is too old: 3.10 or newer with venv is needed"),
    }
}
