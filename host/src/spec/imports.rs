//! Schemas in the text of a specification, and which of them refer to which. Knows no language of schemas, but that they
//! name what they refer to.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::Findings;
use super::read;
use super::table::Field;
use super::tree::Value;
use crate::codec::{RegisteredSchema, SchemaKind};

/// Schemas that one refers to, at most.
const MAX_IMPORTS: usize = 100;
/// And what they refer to in turn, each counted wherever it is referred to.
const MAX_REFERENCES: usize = 10_000;

/// Text, or for schemas that are JSON also a mapping.
pub(super) fn definition_text(
    field: &Field<'_>,
    kind: SchemaKind,
    findings: &mut Findings,
) -> Option<String> {
    match (&field.node.value, kind) {
        (Value::Map(_) | Value::List(_), SchemaKind::Avro | SchemaKind::Json) => {
            Some(field.node.to_json(&field.path, findings).to_string())
        }
        _ => read::text(field, "the schema's text", findings),
    }
}

/// Under `imports`.
pub(super) fn imports(
    field: &Field<'_>,
    kind: SchemaKind,
    findings: &mut Findings,
) -> Option<Vec<(String, Arc<RegisteredSchema>)>> {
    let Some(entries) = field.entries() else {
        findings.add(field.wrong("names with their schemas"));
        return None;
    };
    if entries.len() > MAX_IMPORTS {
        findings.add(field.error(format!("{} imports; the limit is {MAX_IMPORTS}", entries.len())));
        return None;
    }
    let one = |entry| {
        let at = field.child(entry);
        let text = definition_text(&at, kind, findings)?;
        Some((entry.key.clone(), text))
    };
    let texts: Option<Vec<(String, String)>> = entries.iter().map(one).collect();
    let imported = imported(texts?, kind);
    if imported.is_none() {
        let message =
            format!("the imports refer to each other, and again, in more than {MAX_REFERENCES} ways");
        findings.add(field.error(message).expected("fewer imports of imports"));
    }
    imported
}

/// Each with those before it that it names: with all of them, what they refer to would double from one to the next.
/// `None`: it does nearly so.
fn imported(texts: Vec<(String, String)>, kind: SchemaKind) -> Option<Vec<(String, Arc<RegisteredSchema>)>> {
    let mut imported: Vec<(String, Arc<RegisteredSchema>)> = Vec::with_capacity(texts.len());
    let mut sizes: Vec<usize> = Vec::with_capacity(texts.len());
    for (name, text) in texts {
        let before: Vec<usize> =
            (0..imported.len()).filter(|&at| names(&text, &imported[at].0, kind)).collect();
        let size = before.iter().fold(1, |size: usize, &at| size.saturating_add(sizes[at]));
        let references = before.iter().map(|&at| imported[at].clone()).collect();
        sizes.push(size);
        imported.push((name, Arc::new(RegisteredSchema { references, ..RegisteredSchema::new(kind, text) })));
    }
    let all = sizes.iter().fold(0, |all: usize, &size| all.saturating_add(size));
    (all <= MAX_REFERENCES).then_some(imported)
}

/// Whether a schema may refer to this name: by its last part, as a namespace or an address may be left out.
fn names(text: &str, name: &str, kind: SchemaKind) -> bool {
    let of_avro = kind == SchemaKind::Avro;
    let last = name.rsplit(if of_avro { '.' } else { '/' }).next().unwrap_or(name);
    let in_descriptor = || {
        let bytes = STANDARD.decode(text.trim_ascii()).unwrap_or_default();
        bytes.windows(last.len()).any(|window| window == last.as_bytes())
    };
    last.is_empty() || text.contains(last) || (kind == SchemaKind::Protobuf && in_descriptor())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[(&str, &str)]) -> Vec<(String, String)> {
        texts.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
    }

    fn referred(of: &[(&str, &str)], kind: SchemaKind) -> Vec<Vec<String>> {
        let imported = imported(texts(of), kind).unwrap();
        imported
            .iter()
            .map(|(_, schema)| schema.references.iter().map(|(name, _)| name.clone()).collect())
            .collect()
    }

    #[test]
    fn a_schema_has_those_before_it_that_it_names() {
        let avro =
            [("shop.Price", "\"long\""), ("shop.User", "\"string\""), ("shop.Order", "{\"type\":\"Price\"}")];
        assert_eq!(referred(&avro, SchemaKind::Avro), [vec![], vec![], vec!["shop.Price".to_owned()]]);
        let json =
            [("https://x/a.json", "{}"), ("https://x/b.json", "{\"$ref\":\"a.json#/x\"}"), ("c", "{}")];
        assert_eq!(referred(&json, SchemaKind::Json), [vec![], vec!["https://x/a.json".to_owned()], vec![]]);
        let descriptor = STANDARD.encode("\n\u{7}b.proto\u{1a}\u{a}dir/a.proto");
        let protobuf = [
            ("dir/a.proto", "message A {}"),
            ("b.proto", descriptor.as_str()),
            ("c.proto", "import \"b.proto\";"),
        ];
        let expected = [vec![], vec!["dir/a.proto".to_owned()], vec!["b.proto".to_owned()]];
        assert_eq!(referred(&protobuf, SchemaKind::Protobuf), expected);
    }

    #[test]
    fn what_doubles_from_one_to_the_next_is_refused() {
        let all = |count: usize| {
            let names: Vec<String> = (0..count).map(|n| format!("n{n}.json")).collect();
            imported(names.iter().map(|name| (name.clone(), names.join(" "))).collect(), SchemaKind::Json)
        };
        assert!(all(13).is_some() && all(14).is_none() && all(100).is_none());
        let alone = (0..100).map(|n| (format!("file-{n:03}"), String::new())).collect();
        assert_eq!(imported(alone, SchemaKind::Json).unwrap().len(), 100);
    }
}
