//! The layout rules of ARCHITECTURE.md, checked on the sources as text.
//!
//! `source` takes a Rust file apart, `rules` has what holds for every file, `imports` what the host's modules
//! may use. Knows nothing of cargo or of a compiler: a rule must be visible in the text.

mod imports;
mod rules;
mod source;

use source::Source;
use std::fmt;
use std::path::{Path, PathBuf};

/// The folders whose Rust files are checked.
const FOLDERS: [&str; 6] = ["host", "guests", "tests", "benches", "xtask", "examples"];

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The file, relative to the root of the checkout, with `/`.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub rule: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, rule, remedy } = self;
        write!(out, "{file}:{line}: {rule}\n    {remedy}")
    }
}

/// Checks every Rust file of a checkout.
///
/// # Errors
/// Where a file cannot be read, or where there is none at all.
pub fn check(root: &Path) -> std::io::Result<Vec<Violation>> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(&root.join(folder), &mut files)?;
    }
    if files.is_empty() {
        let reason = format!("no Rust file below {}", root.display());
        return Err(std::io::Error::new(std::io::ErrorKind::NotFound, reason));
    }
    files.sort();
    let mut found = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path)?;
        let name = path.strip_prefix(root).unwrap_or(&path);
        let name = name.to_string_lossy().replace('\\', "/");
        found.extend(check_file(&name, &text));
    }
    Ok(found)
}

/// Checks one file; `name` is relative to the root of the checkout.
pub fn check_file(name: &str, text: &str) -> Vec<Violation> {
    let source = Source::parse(text);
    let mut found = rules::check(name, text, &source);
    let inside = name.strip_prefix("host/src/").or_else(|| name.strip_prefix("host/codec/src/"));
    if let Some(inside) = inside {
        found.extend(imports::check(name, inside, &source));
    }
    found.sort_by_key(|violation| violation.line);
    found
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in folder.read_dir()? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            let made_by_tools = ["target", "build", "node_modules"].contains(&&*name);
            if !made_by_tools && !name.starts_with('.') {
                collect(&path, files)?;
            }
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
    Ok(())
}
