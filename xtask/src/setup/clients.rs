//! The Python environment of the interop tests, in the cache: clients of Kafka and of schema registries from PyPI.
//!
//! What is in it says tests/interop/requirements.txt; what the tests do with it is theirs.

use super::{announce, python};
use crate::paths;
use crate::process::{self, Result, doing};
use std::path::PathBuf;
use std::process::Command;

/// The environment's interpreter.
pub fn interpreter() -> Result<PathBuf> {
    Ok(folder()?.join("bin/python"))
}

/// Whether the environment has just what is wanted. A copy of the list marks it, because asking pip takes a second.
pub fn is_there() -> bool {
    let installed = mark().ok().and_then(|mark| std::fs::read(mark).ok());
    let wanted = std::fs::read(list()).ok();
    wanted.is_some() && installed == wanted && interpreter().is_ok_and(|python| python.is_file())
}

/// Makes the environment anew where the list is another.
pub fn provide() -> Result<String> {
    if is_there() {
        return Ok("are there".into());
    }
    announce("making a Python environment with clients of Kafka in the cache");
    process::quiet(Command::new(python::python()?).args(["-m", "venv", "--clear"]).arg(folder()?))?;
    let words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    process::quiet(Command::new(interpreter()?).args(words).arg(list()))?;
    doing("mark the environment of the clients", std::fs::copy(list(), mark()?))?;
    Ok("installed".into())
}

fn list() -> PathBuf {
    paths::root().join("tests/interop/requirements.txt")
}

fn folder() -> Result<PathBuf> {
    Ok(paths::cache()?.join("clients"))
}

fn mark() -> Result<PathBuf> {
    Ok(folder()?.join("requirements.txt"))
}
