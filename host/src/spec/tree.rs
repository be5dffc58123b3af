//! The tree that YAML and JSON become before anything is checked: scalars as written, lists and maps with lines.
//! Duplicate keys are still there. Knows nothing of pipelines.

use super::error::{Findings, SpecError, below, quoted};

/// A node and the line it starts in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) line: Option<usize>,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Text as written. `plain`: without quotes, so that it may be a number, a boolean or null.
    Scalar { text: String, plain: bool },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order written.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) line: Option<usize>,
    pub(super) node: Node,
}

/// What a scalar means by YAML's core schema, in which `yes` and `no` are text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    /// A whole number.
    Int(i128),
    Float(f64),
    Text(&'a str),
}

impl Node {
    /// The scalar here, if it is one.
    pub(super) fn scalar(&self) -> Option<Scalar<'_>> {
        match &self.value {
            Value::Scalar { text, plain: true } => Some(resolve(text)),
            Value::Scalar { text, plain: false } => Some(Scalar::Text(text)),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Nothing is written here: `key:` alone, `~` or `null`.
    pub(super) fn is_null(&self) -> bool {
        self.scalar() == Some(Scalar::Null)
    }

    /// What this is, for a message: `a list`, `the number 5`.
    pub(super) fn describe(&self) -> String {
        match (&self.value, self.scalar()) {
            (Value::List(_), _) => "a list".to_owned(),
            (Value::Map(_), _) => "a mapping".to_owned(),
            (Value::Scalar { text, .. }, Some(scalar)) => match scalar {
                Scalar::Null => "nothing".to_owned(),
                Scalar::Bool(_) => format!("the boolean {}", quoted(text)),
                Scalar::Int(_) | Scalar::Float(_) => format!("the number {}", quoted(text)),
                Scalar::Text(_) => format!("the text {}", quoted(text)),
            },
            (Value::Scalar { text, .. }, None) => quoted(text),
        }
    }

    /// The same as JSON, for values that are handed on unread. Numbers that JSON has no place for are mistakes.
    pub(super) fn to_json(&self, path: &str, findings: &mut Findings) -> serde_json::Value {
        match &self.value {
            Value::List(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| item.to_json(&format!("{path}[{index}]"), findings))
                .collect(),
            Value::Map(entries) => serde_json::Value::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.node.to_json(&below(path, &entry.key), findings)))
                    .collect(),
            ),
            Value::Scalar { .. } => self.scalar_to_json(path, findings),
        }
    }

    fn scalar_to_json(&self, path: &str, findings: &mut Findings) -> serde_json::Value {
        let number = match self.scalar() {
            None | Some(Scalar::Null) => return serde_json::Value::Null,
            Some(Scalar::Bool(value)) => return value.into(),
            Some(Scalar::Text(text)) => return text.into(),
            Some(Scalar::Int(value)) => match i64::try_from(value) {
                Ok(value) => Some(value.into()),
                Err(_) => u64::try_from(value).ok().map(Into::into),
            },
            Some(Scalar::Float(value)) => serde_json::Number::from_f64(value),
        };
        match number {
            Some(number) => serde_json::Value::Number(number),
            None => {
                findings.add(
                    SpecError::new(path, format!("{} is not a number of JSON", self.describe()))
                        .expected("a finite number, whole ones of at most 64 bits; or text in quotes")
                        .line(self.line),
                );
                serde_json::Value::Null
            }
        }
    }

    /// Adds a mistake for every key that is written twice in one mapping, here and below.
    pub(super) fn find_duplicates(&self, path: &str, findings: &mut Findings) {
        match &self.value {
            Value::Scalar { .. } => {}
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.find_duplicates(&format!("{path}[{index}]"), findings);
                }
            }
            Value::Map(entries) => {
                let mut first = std::collections::HashMap::new();
                for entry in entries {
                    let path = below(path, &entry.key);
                    if let Some(line) = first.get(entry.key.as_str()) {
                        findings.add(twice(&path, entry, *line));
                    } else {
                        first.insert(entry.key.as_str(), entry.line);
                        entry.node.find_duplicates(&path, findings);
                    }
                }
            }
        }
    }

    /// Calls `visit` with the path and line of every key and list item.
    pub(super) fn visit_lines(&self, path: &str, visit: &mut impl FnMut(String, usize)) {
        match &self.value {
            Value::Scalar { .. } => {}
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    item.visit_lines(&path, visit);
                    if let Some(line) = item.line {
                        visit(path, line);
                    }
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    let path = below(path, &entry.key);
                    entry.node.visit_lines(&path, visit);
                    if let Some(line) = entry.line {
                        visit(path, line);
                    }
                }
            }
        }
    }
}

fn twice(path: &str, entry: &Entry, first: Option<usize>) -> SpecError {
    let before = first.map(|line| format!(", first in line {line}")).unwrap_or_default();
    SpecError::new(path, format!("the key {} is written twice{before}", quoted(&entry.key))).line(entry.line)
}

/// Source: YAML 1.2.2, 10.3.2 (core schema).
fn resolve(text: &str) -> Scalar<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "true" | "True" | "TRUE" => Scalar::Bool(true),
        "false" | "False" | "FALSE" => Scalar::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Scalar::Float(f64::NEG_INFINITY),
        _ => number(text).unwrap_or(Scalar::Text(text)),
    }
}

fn number(text: &str) -> Option<Scalar<'_>> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(octal) = text.strip_prefix("0o") {
        let plain = octal.bytes().all(|b| b.is_ascii_digit());
        return i128::from_str_radix(octal, 8).ok().filter(|_| plain).map(Scalar::Int);
    }
    if let Some(hex) = text.strip_prefix("0x") {
        let plain = hex.bytes().all(|b| b.is_ascii_hexdigit());
        return i128::from_str_radix(hex, 16).ok().filter(|_| plain).map(Scalar::Int);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits(unsigned) {
        // Too long for i128: still a number, and too large for whatever reads it.
        return text.parse().ok().map(Scalar::Int).or_else(|| text.parse().ok().map(Scalar::Float));
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let exponent_fits = exponent.is_none_or(|e| digits(e.strip_prefix(['-', '+']).unwrap_or(e)));
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", after)) => digits(after),
        Some((before, after)) => digits(before) && (after.is_empty() || digits(after)),
        None => digits(mantissa),
    };
    (mantissa_fits && exponent_fits).then(|| text.parse().ok().map(Scalar::Float))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_follow_the_core_schema() {
        for (text, scalar) in [
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("true", Scalar::Bool(true)),
            ("no", Scalar::Text("no")),
            ("NO", Scalar::Text("NO")),
            ("0", Scalar::Int(0)),
            ("-12", Scalar::Int(-12)),
            ("+12", Scalar::Int(12)),
            ("0o17", Scalar::Int(15)),
            ("0xfF", Scalar::Int(255)),
            ("0x", Scalar::Text("0x")),
            ("0x-1", Scalar::Text("0x-1")),
            ("1.5", Scalar::Float(1.5)),
            ("1.", Scalar::Float(1.0)),
            (".5", Scalar::Float(0.5)),
            ("-1e3", Scalar::Float(-1000.0)),
            ("1e", Scalar::Text("1e")),
            (".", Scalar::Text(".")),
            ("-", Scalar::Text("-")),
            ("1_000", Scalar::Text("1_000")),
            ("1s", Scalar::Text("1s")),
            ("inf", Scalar::Text("inf")),
            ("nan", Scalar::Text("nan")),
            (".inf", Scalar::Float(f64::INFINITY)),
        ] {
            assert_eq!(resolve(text), scalar, "{text}");
        }
        assert!(matches!(resolve(&"9".repeat(50)), Scalar::Float(_)));
    }
}
