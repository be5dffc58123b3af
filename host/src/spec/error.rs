//! Mistakes in a specification and where they are gathered. Knows nothing of what the specification means.

use std::fmt;

/// Mistakes that are told at once; what is beyond is only counted, so that a hostile file has a small answer.
pub const MAX_ERRORS: usize = 100;
/// Characters of a user's text that a message quotes.
const MAX_QUOTED_CHARS: usize = 80;

/// A mistake, with where it is, what was expected and what was probably meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SpecError {
    /// Path in the file: `steps.score.limits.memory`, `sinks.alerts.from[1]`; empty for the file as a whole.
    pub path: String,
    /// What is wrong, in words.
    pub message: String,
    /// What belongs there, where that helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// The right name that is nearest to what was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
    /// Line in the file, from 1; `None` where the text does not say (JSON).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

impl SpecError {
    /// A mistake at `path`.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), ..Self::default() }
    }

    /// Says what belongs there.
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Says what was probably meant.
    pub fn nearest(mut self, nearest: Option<impl Into<String>>) -> Self {
        self.nearest = nearest.map(Into::into);
        self
    }

    /// Says in which line.
    pub fn line(mut self, line: Option<usize>) -> Self {
        self.line = line;
        self
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if let Some(expected) = &self.expected {
            write!(f, "; expected {expected}")?;
        }
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        Ok(())
    }
}

impl std::error::Error for SpecError {}

/// Something that is allowed and probably not meant.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Warning {
    /// Path in the file.
    pub path: String,
    /// What is odd, in words.
    pub message: String,
    /// Line in the file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Gathers mistakes while a tree is walked.
#[derive(Debug, Default)]
pub(super) struct Findings {
    errors: Vec<SpecError>,
    more: usize,
}

impl Findings {
    /// Adds one.
    pub(super) fn add(&mut self, error: SpecError) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(error);
        } else {
            self.more += 1;
        }
    }

    /// More are only counted: no use in finding out what was meant.
    pub(super) fn is_full(&self) -> bool {
        self.errors.len() >= MAX_ERRORS
    }

    /// Nothing wrong so far.
    pub(super) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// All of them in the order of the file, and how many more there are.
    pub(super) fn into_errors(mut self) -> Vec<SpecError> {
        self.errors.sort_by_key(|error| error.line.unwrap_or(0));
        if self.more > 0 {
            self.errors.push(SpecError::new("", format!("and {} more mistakes", self.more)));
        }
        self.errors
    }
}

/// A user's text inside a message: control characters escaped, long ones cut.
pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_QUOTED_CHARS).flat_map(shown_char).collect();
    if text.chars().nth(MAX_QUOTED_CHARS).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

fn shown_char(c: char) -> Vec<char> {
    if c.is_control() { c.escape_default().collect() } else { vec![c] }
}

/// `key` below `path`; keys that are not plain words are quoted.
pub(super) fn below(path: &str, key: &str) -> String {
    let plain = !key.is_empty()
        && key.len() <= MAX_QUOTED_CHARS
        && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'));
    let key = if plain { key.to_owned() } else { quoted(key).replace('`', "\"") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// `a`, `a or b`, `a, b or c`.
pub(super) fn either<S: AsRef<str>>(words: &[S]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} or {}", first.join(", "), last.as_ref())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_reads_as_a_sentence() {
        let error = SpecError::new("steps.score.limits.memory", "`64 XB` is not a size")
            .expected("a whole number with a unit, as 64MiB")
            .nearest(Some("64MB"))
            .line(Some(12));
        insta::assert_snapshot!(error, @"line 12: steps.score.limits.memory: `64 XB` is not a size; expected a whole number with a unit, as 64MiB; did you mean `64MB`?");
    }

    #[test]
    fn a_hostile_file_has_a_small_answer() {
        let mut findings = Findings::default();
        for _ in 0..1000 {
            findings.add(SpecError::new("x", "y"));
        }
        let errors = findings.into_errors();
        assert_eq!(errors.len(), MAX_ERRORS + 1);
        assert_eq!(errors[MAX_ERRORS].message, "and 900 more mistakes");
        assert_eq!(quoted(&"x".repeat(1000)).chars().count(), MAX_QUOTED_CHARS + 3);
        assert_eq!(quoted("a\u{1b}[31m"), "`a\\u{1b}[31m`");
    }

    #[test]
    fn odd_keys_are_quoted_in_a_path() {
        assert_eq!(below("", "steps"), "steps");
        assert_eq!(below("steps.a", "limits"), "steps.a.limits");
        assert_eq!(below("schema", "a.b c"), "schema.\"a.b c\"");
    }
}
