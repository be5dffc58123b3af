//! A naive rule of compatibility, enough to have schemas that are refused: fields that come or go need a default,
//! and fields that stay keep their type. Records of Avro only; of other languages everything is compatible.

use serde_json::Value;

use crate::store::Schema;

/// Why `new` cannot follow `old` at this level; nothing where it can.
pub(crate) fn objections(old: &Schema, new: &Schema, level: &str) -> Vec<String> {
    if level == "NONE" {
        return Vec::new();
    }
    if old.kind != new.kind {
        return vec![format!("a schema of type {} cannot follow one of type {}", new.kind, old.kind)];
    }
    let parse = |schema: &Schema| serde_json::from_str::<Value>(&schema.text).ok();
    let (Some(old), Some(new), "AVRO") = (parse(old), parse(new), old.kind.as_str()) else {
        return Vec::new();
    };
    let (Some(old_fields), Some(new_fields)) = (old["fields"].as_array(), new["fields"].as_array()) else {
        return if old == new { Vec::new() } else { vec!["TYPE_MISMATCH".to_owned()] };
    };
    let mut found = Vec::new();
    if !level.starts_with("FORWARD") {
        found.extend(without_default(new_fields, old_fields, "READER_FIELD_MISSING_DEFAULT_VALUE"));
    }
    if !level.starts_with("BACKWARD") {
        found.extend(without_default(old_fields, new_fields, "WRITER_FIELD_MISSING_DEFAULT_VALUE"));
    }
    for field in new_fields {
        let before = old_fields.iter().find(|other| other["name"] == field["name"]);
        if before.is_some_and(|before| before["type"] != field["type"]) {
            found.push(format!("TYPE_MISMATCH: {}", field["name"]));
        }
    }
    found
}

fn without_default<'a>(
    fields: &'a [Value],
    others: &'a [Value],
    what: &'a str,
) -> impl Iterator<Item = String> + 'a {
    let alone = fields.iter().filter(|field| !others.iter().any(|other| other["name"] == field["name"]));
    alone
        .filter(|field| field.get("default").is_none())
        .map(move |field| format!("{what}: {}", field["name"]))
}
