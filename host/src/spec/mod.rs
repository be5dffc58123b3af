//! What the user wrote: a pipeline as data, with defaults filled in, and every mistake in it at once, each with
//! its path, what was expected and the nearest right name. Knows nothing of how a pipeline runs.
//!
//! ```text
//! bytes → yaml | json → tree → pipeline → source, step, sink → model
//!                                         (decode, encode: formats)
//!                                       → links: who reads what
//! ```

mod decode;
mod error;
mod formats;
mod generate;
mod imports;
mod json;
mod links;
mod model;
mod nearest;
mod pipeline;
mod policy;
mod read;
mod reference;
mod sink;
mod source;
mod step;
mod table;
#[cfg(test)]
mod tests;
mod tree;
mod types;
mod units;
mod yaml;

use std::collections::HashMap;

use error::Findings;
pub use error::{MAX_ERRORS, SpecError, Warning};
pub use model::*;
pub use nearest::nearest;
pub use policy::{ErrorLimit, ErrorPolicy, Fate, MOST_BACKOFF, Retry};
pub use read::{MAX_NAME_CHARS, name_problem};
pub use reference::ComponentRef;
pub use types::{MAX_COLUMNS, MAX_TYPE_DEPTH, show_type};
pub use units::{NotAQuantity, parse_duration, parse_size, show_duration, show_size};

/// Bytes of a specification.
pub const MAX_BYTES: usize = 1 << 20;
/// Values within values.
const MAX_DEPTH: usize = 64;
/// Values in a specification, aliases written out.
const MAX_NODES: usize = 50_000;

/// What a text is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// YAML 1.2.
    Yaml,
    /// JSON.
    Json,
    /// JSON where the text is JSON, YAML otherwise.
    Auto,
}

/// A specification that is right.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// What is allowed and probably not meant.
    pub warnings: Vec<Warning>,
    /// Where in the text each part is.
    pub lines: Lines,
}

/// Line of each path of a specification: for mistakes that are found after parsing.
#[derive(Clone, Debug, Default)]
pub struct Lines(HashMap<String, usize>);

impl Lines {
    /// The line of a path, or of the nearest part around it.
    pub fn line(&self, path: &str) -> Option<usize> {
        let mut path = path;
        loop {
            if let Some(line) = self.0.get(path) {
                return Some(*line);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }

    /// Fills in the lines of mistakes that have none.
    pub fn fill(&self, errors: &mut [SpecError]) {
        for error in errors {
            error.line = error.line.or_else(|| self.line(&error.path));
        }
    }
}

/// Reads a specification. Never panics, whatever the text; a text that is not read at all is one mistake.
///
/// # Errors
/// Every mistake, in the order of the text, at most [`MAX_ERRORS`] and a count of the others.
pub fn parse(text: &[u8], format: Format) -> Result<Parsed, Vec<SpecError>> {
    let mut findings = Findings::default();
    let tree = tree(text, format, &mut findings);
    let checked = tree.as_ref().and_then(|tree| {
        tree.find_duplicates("", &mut findings);
        pipeline::read(tree, &mut findings)
    });
    match (checked, tree) {
        (Some((pipeline, warnings)), Some(tree)) if findings.is_empty() => {
            let mut lines = HashMap::new();
            tree.visit_lines("", &mut |path, line| {
                lines.insert(path, line);
            });
            Ok(Parsed { pipeline, warnings, lines: Lines(lines) })
        }
        _ => Err(findings.into_errors()),
    }
}

fn tree(bytes: &[u8], format: Format, findings: &mut Findings) -> Option<tree::Node> {
    match decode(bytes) {
        Err(error) => {
            findings.add(error);
            None
        }
        Ok(text) => match format {
            Format::Json => json::parse(text).map_err(|error| findings.add(error)).ok(),
            Format::Yaml => yaml::parse(text, findings),
            // A YAML flow mapping may start like JSON, so JSON's complaint says nothing yet.
            Format::Auto if text.trim_start().starts_with('{') => match json::parse(text) {
                Ok(tree) => Some(tree),
                Err(_) => yaml::parse(text, findings),
            },
            Format::Auto => yaml::parse(text, findings),
        },
    }
}

fn decode(bytes: &[u8]) -> Result<&str, SpecError> {
    if bytes.len() > MAX_BYTES {
        let (bytes, most) = (bytes.len(), show_size(MAX_BYTES as u64));
        return Err(SpecError::new("", format!("the file has {bytes} bytes; the limit is {most}")));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        SpecError::new("", format!("byte {} is not UTF-8", error.valid_up_to()))
            .expected("text in UTF-8")
            .line(Some(line))
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}
