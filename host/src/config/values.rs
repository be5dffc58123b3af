//! Reading single values of the settings: text, sizes, one of several words, secrets. A value that is not what
//! it should be is a mistake; a value that may be a secret is never repeated.

use std::path::Path;

use serde_json::{Map, Value};

use super::Mistake;
use crate::spec::{nearest, parse_size};

/// Largest file that is read as settings or as a secret.
const LARGEST_BYTES: u64 = 1024 * 1024;

/// Where secrets and paths that the file names come from.
pub struct Surroundings<'a> {
    /// Folder that relative paths start from: that of the file.
    pub folder: &'a Path,
    /// A variable of the environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

/// Walks the settings and gathers mistakes.
pub(super) struct Walk<'a> {
    pub(super) around: &'a Surroundings<'a>,
    pub(super) mistakes: Vec<Mistake>,
}

impl Walk<'_> {
    pub(super) fn wrong(&mut self, path: &str, message: impl Into<String>) {
        self.mistakes.push(mistake(path, message));
    }

    /// The mapping at `path`, with a mistake for every key that is not among `known`.
    pub(super) fn mapping<'v>(
        &mut self,
        value: &'v Value,
        path: &str,
        known: &[&str],
    ) -> Option<&'v Map<String, Value>> {
        let Some(map) = value.as_object() else {
            self.wrong(path, format!("expected a mapping, found {}", kind(value)));
            return None;
        };
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            let nearest = did_you_mean(key, known.iter().copied());
            self.wrong(&below(path, key), format!("there is no such setting{nearest}"));
        }
        Some(map)
    }

    pub(super) fn text(&mut self, value: &Value, path: &str) -> Option<String> {
        let text = value.as_str().filter(|t| !t.trim().is_empty()).map(str::to_owned);
        if text.is_none() {
            self.wrong(path, format!("expected text, found {}", kind(value)));
        }
        text
    }

    pub(super) fn one_of<T: Copy>(&mut self, value: &Value, path: &str, all: &[(&str, T)]) -> Option<T> {
        let text = self.text(value, path)?;
        let found = all.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
            let nearest = did_you_mean(&text, names.iter().copied());
            self.wrong(path, format!("expected one of {}, found `{text}`{nearest}", names.join(", ")));
        }
        found
    }

    pub(super) fn property(&mut self, value: &Value, path: &str) -> Option<String> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Object(map) => self.secret(map, path),
            Value::Null | Value::Array(_) => {
                let expected = "expected text, a number, `{ env: NAME }` or `{ file: PATH }`";
                self.wrong(path, format!("{expected}, found {}", kind(value)));
                None
            }
        }
    }

    pub(super) fn secret(&mut self, map: &Map<String, Value>, path: &str) -> Option<String> {
        let only = map.iter().next().filter(|_| map.len() == 1);
        let found = match only.map(|(key, value)| (key.as_str(), value.as_str())) {
            Some(("env", Some(name))) => (self.around.variable)(name)
                .ok_or_else(|| format!("the environment has no variable `{name}`")),
            Some(("file", Some(file))) => read_small(&self.around.folder.join(file))
                .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
                .map_err(|e| format!("the file {file} {e}")),
            _ => Err("expected `{ env: NAME }` or `{ file: PATH }`".to_owned()),
        };
        found.map_err(|message| self.wrong(path, message)).ok()
    }

    pub(super) fn size(&mut self, value: &Value, path: &str) -> Option<u64> {
        let bytes = value
            .as_u64()
            .or_else(|| value.as_str().and_then(|text| parse_size(text).ok()))
            .filter(|bytes| *bytes > 0);
        if bytes.is_none() {
            self.wrong(path, format!("expected a size such as 64MiB, found {}", shown(value)));
        }
        bytes
    }

    pub(super) fn count(&mut self, value: &Value, path: &str) -> Option<usize> {
        let count = value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
        if count.is_none() {
            self.wrong(path, format!("expected a number above 0, found {}", shown(value)));
        }
        count
    }
}

pub(super) fn mistake(path: &str, message: impl Into<String>) -> Mistake {
    Mistake { path: path.to_owned(), message: message.into() }
}

pub(super) fn read_small(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|e| format!("cannot be read: {e}"))?.len();
    if size > LARGEST_BYTES {
        return Err(format!("has {size} bytes; at most {LARGEST_BYTES} are read"));
    }
    std::fs::read_to_string(path).map_err(|e| format!("cannot be read: {e}"))
}

pub(super) fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(text) if text.trim().is_empty() => "empty text",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(_) | Value::Number(_) => {
            format!("`{}`", value.as_str().map_or(value.to_string(), Into::into))
        }
        other => kind(other).to_owned(),
    }
}

/// `; did you mean `name`?`, or nothing.
pub(super) fn did_you_mean<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    nearest(wrong, names).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}
