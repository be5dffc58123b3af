//! `cargo xtask guests`: builds every guest component with `sabot build`.
//!
//! Also what `cargo xtask test` does with the templates of `sabot new`. A guest is a folder under examples, guests or tests with a `component.toml`. How a guest of a language is
//! built is known to `sabot build` alone; this command finds the guests, provides the toolchains and says
//! which guests were skipped.

use crate::process::{self, Result, doing, failed};
use crate::setup::{self, Need, clang, python, wasm};
use crate::step::{Steps, seconds};
use crate::{demo, paths};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const ROOTS: [&str; 3] = ["examples", "guests", "tests"];
const MANIFEST: &str = "component.toml";

/// A folder that `sabot build` turns into a component.
#[derive(Debug, PartialEq)]
pub struct Guest {
    folder: PathBuf,
    language: String,
}

/// The command.
pub fn run() -> Result {
    let mut steps = Steps::new();
    steps.run("setup", || setup::run(Need::guests()))?;
    steps.run("build the host", demo::build_host)?;
    steps.run("build the guests", || build(&ROOTS))?;
    eprint!("{}", steps.summary());
    Ok(())
}

/// Builds all guests, needs the host's program.
pub fn build_all() -> Result {
    build(&ROOTS)
}

/// Builds the guests below some folders of the checkout.
pub fn build(roots: &[&str]) -> Result {
    let mut guests = Vec::new();
    for root in roots {
        find(&paths::root().join(root), &mut guests)?;
    }
    guests.sort_by(|a, b| a.folder.cmp(&b.folder));
    let mut built = 0;
    for guest in &guests {
        let name = guest.folder.strip_prefix(paths::root());
        let name = name.unwrap_or(&guest.folder).display();
        if let Some(missing) = missing_toolchain(&guest.language) {
            if process::is_ci() {
                return failed(format!("{name} ({}) cannot be built: {missing}", guest.language));
            }
            eprintln!("    {name} ({}): skipped, {missing}", guest.language);
            continue;
        }
        let started = Instant::now();
        process::run(sabot()?.arg("build").arg(&guest.folder))?;
        eprintln!("    {name} ({}): {}", guest.language, seconds(started.elapsed()));
        built += 1;
    }
    eprintln!("    {built} of {} guests built", guests.len());
    Ok(())
}

/// Worlds of the templates, by language.
const TEMPLATES: [(&str, &[&str]); 3] = [
    ("rust", &["filter", "map", "flat-map", "scalar", "aggregate", "agent"]),
    ("c", &["filter", "map"]),
    ("python", &["filter", "map"]),
];

/// Makes a component of every template, builds it and runs its fixtures, as its user would: needs the host's program.
pub fn try_templates() -> Result {
    let place = paths::target().join("templates");
    if place.exists() {
        doing("remove the last run's components", std::fs::remove_dir_all(&place))?;
    }
    doing("make a folder for new components", std::fs::create_dir_all(&place))?;
    for (language, worlds) in TEMPLATES {
        if missing_toolchain(language).is_some() {
            eprintln!("    {language}: skipped, as its guests were");
            continue;
        }
        for world in worlds {
            let started = Instant::now();
            let name = format!("new-{language}-{world}");
            let new = ["new", &name, "--lang", language, "--world", world];
            process::run(sabot()?.args(new).current_dir(&place))?;
            if language == "rust" {
                // The versions that are there already, and compiled for the guests.
                let lock = "Cargo.lock";
                let copied = std::fs::copy(paths::root().join(lock), place.join(&name).join(lock));
                doing("copy Cargo.lock", copied)?;
            }
            process::run(sabot()?.args(["test", &name]).current_dir(&place))?;
            eprintln!("    {name}: {}", seconds(started.elapsed()));
        }
    }
    Ok(())
}

/// `sabot` with the toolchains that setup provides.
fn sabot() -> Result<Command> {
    let mut path = vec![python::programs()?];
    path.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    let path = std::env::join_paths(path)
        .map_err(|error| process::Failure::Failed(format!("PATH cannot be extended: {error}")))?;
    let mut command = Command::new(paths::sabot());
    command
        .env("PATH", path)
        .env("CARGO_TARGET_DIR", paths::wasm_target())
        .env("SABOT_WASM_TOOLCHAIN", wasm::provide()?.name());
    Ok(command)
}

fn missing_toolchain(language: &str) -> Option<&'static str> {
    let (there, otherwise) = match language {
        "c" => (clang::is_there(), "no C compiler for WebAssembly: see `cargo xtask setup`"),
        "python" => (python::is_there(), "no componentize-py: see `cargo xtask setup`"),
        _ => (true, ""),
    };
    (!there).then_some(otherwise)
}

fn find(folder: &Path, guests: &mut Vec<Guest>) -> Result {
    if !folder.is_dir() {
        return Ok(());
    }
    let manifest = folder.join(MANIFEST);
    if manifest.is_file() {
        let text = doing("read a component.toml", std::fs::read_to_string(&manifest))?;
        let Some(language) = language(&text) else {
            return failed(format!("{} has no line `lang = \"…\"`", manifest.display()));
        };
        guests.push(Guest { folder: folder.to_owned(), language });
    }
    let entries = doing(&format!("list {}", folder.display()), folder.read_dir())?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // What tools leave behind, and the sources of `sabot new`, which are no guests yet.
        let other = ["build", "target", "node_modules", "templates"].contains(&&*name);
        if entry.path().is_dir() && !other && !name.starts_with('.') {
            find(&entry.path(), guests)?;
        }
    }
    Ok(())
}

/// The value of the line `lang = "…"`.
fn language(toml: &str) -> Option<String> {
    toml.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        let value = value.split('#').next()?.trim();
        let value = value.strip_prefix('"')?.strip_suffix('"')?;
        (key.trim() == "lang").then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_read() {
        assert_eq!(language("name = \"x\"\nlang = \"rust\" # typed"), Some("rust".into()));
        assert_eq!(language("name = \"x\""), None);
    }
}
