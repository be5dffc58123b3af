//! The components of the examples and tests, as `cargo xtask guests` builds them.
//!
//! Knows where they lie, not what they do.

use crate::broker::skip;
use std::path::{Path, PathBuf};

/// The bytes of the component of that name; see [`path`].
pub fn component(test: &str, name: &str) -> Option<Vec<u8>> {
    path(test, name).and_then(|path| std::fs::read(path).ok())
}

/// The file of the component of that name: in the folder `SABOT_GUESTS_DIR`, or in the `build` folder of a guest in
/// the checkout. Where it has not been built the test is skipped, which fails in CI.
pub fn path(test: &str, name: &str) -> Option<PathBuf> {
    let file = format!("{name}.wasm");
    let given = std::env::var_os("SABOT_GUESTS_DIR").map(|folder| Path::new(&folder).join(&file));
    let found = given.filter(|path| path.is_file()).or_else(|| find(&file));
    if found.is_none() {
        skip(test, &format!("the component {name} is not built: `cargo xtask guests`"));
    }
    found
}

/// The files of all built components that have fixtures.
pub fn with_fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let mut found = Vec::new();
    ["tests", "examples", "guests"].iter().for_each(|folder| built_below(&root.join(folder), 4, &mut found));
    found.sort();
    found
}

fn built_below(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    if folder.join("component.toml").is_file() && folder.join("tests").is_dir() {
        let built = entries(&folder.join("build"));
        found.extend(built.into_iter().filter(|path| path.extension().is_some_and(|end| end == "wasm")));
    } else if depth > 0 {
        let folders = entries(folder).into_iter().filter(|path| path.is_dir());
        folders.for_each(|path| built_below(&path, depth - 1, found));
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn find(file: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    ["tests", "examples", "guests", "benches"].iter().find_map(|folder| below(&root.join(folder), file, 4))
}

/// `*/build/FILE`, at most so many folders down.
fn below(folder: &Path, file: &str, depth: usize) -> Option<PathBuf> {
    let built = folder.join("build").join(file);
    if built.is_file() {
        return Some(built);
    }
    if depth == 0 {
        return None;
    }
    let folders = entries(folder).into_iter().filter(|path| path.is_dir());
    folders.filter_map(|path| below(&path, file, depth - 1)).next()
}
