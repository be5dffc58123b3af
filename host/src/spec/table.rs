//! Reading a mapping key by key: what is asked for becomes a known key, and at the end everything else is a
//! mistake with the nearest known key. Knows nothing of what the keys mean.

use super::error::{Findings, SpecError, below, either, quoted};
use super::nearest::nearest;
use super::tree::{Entry, Node, Value};

/// A value with its path.
#[derive(Clone, Debug)]
pub(super) struct Field<'a> {
    pub(super) path: String,
    pub(super) node: &'a Node,
    /// Line of the key, or of the value where there is no key.
    pub(super) line: Option<usize>,
}

impl<'a> Field<'a> {
    /// The file as a whole.
    pub(super) fn root(node: &'a Node) -> Self {
        Self { path: String::new(), node, line: node.line }
    }

    /// A mistake here.
    pub(super) fn error(&self, message: impl Into<String>) -> SpecError {
        SpecError::new(self.path.clone(), message).line(self.line)
    }

    /// The mistake that this is not what belongs here.
    pub(super) fn wrong(&self, expected: impl Into<String>) -> SpecError {
        let message = match self.node.is_null() {
            true => "nothing is written here".to_owned(),
            false => format!("{} does not belong here", self.node.describe()),
        };
        self.error(message).expected(expected)
    }

    /// The entries, if this is a mapping. `key:` with nothing after it is an empty one.
    pub(super) fn entries(&self) -> Option<&'a [Entry]> {
        match &self.node.value {
            Value::Map(entries) => Some(entries),
            _ if self.node.is_null() => Some(&[]),
            _ => None,
        }
    }

    /// The value of an entry of this mapping.
    pub(super) fn child(&self, entry: &'a Entry) -> Self {
        Self { path: below(&self.path, &entry.key), node: &entry.node, line: entry.line }
    }

    /// The items, if this is a list.
    pub(super) fn items(&self) -> Option<Vec<Self>> {
        let Value::List(items) = &self.node.value else { return None };
        let item = |(index, node): (usize, &'a Node)| Self {
            path: format!("{}[{index}]", self.path),
            node,
            line: node.line,
        };
        Some(items.iter().enumerate().map(item).collect())
    }
}

/// A mapping whose keys are being read.
pub(super) struct Table<'a> {
    field: Field<'a>,
    entries: &'a [Entry],
    known: Vec<&'static str>,
    later: Vec<&'static str>,
}

impl<'a> Table<'a> {
    /// Opens the mapping at `field`; what is not one is a mistake.
    pub(super) fn open(field: &Field<'a>, expected: &str, findings: &mut Findings) -> Option<Self> {
        let Some(entries) = field.entries() else {
            findings.add(field.wrong(expected));
            return None;
        };
        Some(Self { field: field.clone(), entries, known: Vec::new(), later: Vec::new() })
    }

    /// Its path and line.
    pub(super) fn field(&self) -> &Field<'a> {
        &self.field
    }

    /// The value of a key that may be left out.
    pub(super) fn get(&mut self, key: &'static str) -> Option<Field<'a>> {
        self.known.push(key);
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(self.field.child(entry))
    }

    /// The value of a key that must be there.
    pub(super) fn require(
        &mut self,
        key: &'static str,
        expected: &str,
        findings: &mut Findings,
    ) -> Option<Field<'a>> {
        let found = self.get(key);
        if found.is_none() {
            let missing = below(&self.field.path, key);
            findings.add(SpecError::new(missing, "this is missing").expected(expected).line(self.field.line));
        }
        found
    }

    /// Keys that come in a later release: said plainly, and never suggested.
    pub(super) fn later(&mut self, keys: &[&'static str], findings: &mut Findings) {
        for key in keys {
            if let Some(entry) = self.entries.iter().find(|entry| entry.key == *key) {
                findings.add(not_yet(&self.field.child(entry), key));
            }
        }
        self.later.extend(keys);
    }

    /// Keys that people try and that belong elsewhere.
    pub(super) fn misplaced(&mut self, keys: &[&'static str], message: &str, findings: &mut Findings) {
        for key in keys {
            if let Some(entry) = self.entries.iter().find(|entry| entry.key == *key) {
                findings.add(self.field.child(entry).error(message));
            }
        }
        self.later.extend(keys);
    }

    /// Which of these keys are there, in the order written.
    pub(super) fn present(&self, keys: &[&'static str]) -> Vec<&'static str> {
        let key = |entry: &Entry| keys.iter().find(|key| **key == entry.key).copied();
        self.entries.iter().filter_map(key).collect()
    }

    /// No other keys.
    pub(super) fn close(self, findings: &mut Findings) {
        for entry in self.entries {
            let key = entry.key.as_str();
            if self.known.contains(&key) || self.later.contains(&key) {
                continue;
            }
            let field = self.field.child(entry);
            let near = match findings.is_full() {
                true => None,
                false => nearest(&entry.key, self.known.iter().copied()),
            };
            let mut error = field.error(format!("unknown key {}", quoted(&entry.key))).nearest(near);
            if near.is_none() {
                let known = if self.known.is_empty() { "no keys".to_owned() } else { either(&self.known) };
                error = error.expected(known);
            }
            findings.add(error);
        }
    }
}

/// The mistake that `word` comes in a later release.
pub(super) fn not_yet(field: &Field<'_>, word: &str) -> SpecError {
    field.error(format!("`{word}` is not in this release"))
}
