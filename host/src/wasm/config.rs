//! The cheap part of checking a configuration against a component's JSON Schema: types, required and unknown
//! keys, enumerations. What is not understood is let pass; the guest's `bind` has the last word. Pure.

use serde_json::Value;

use super::error::MAX_REASONS;
use super::limits::cut;

/// Bytes of a path, a name or a value that are shown.
const SHOWN_BYTES: usize = 200;
/// Values or names that are listed.
const LISTED: usize = 20;

/// What is wrong with `config`, each with its path.
pub(super) fn check(schema: &Value, config: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    walk(schema, config, "config", &mut wrong);
    wrong
}

fn walk(schema: &Value, value: &Value, path: &str, wrong: &mut Vec<String>) {
    let Some(schema) = schema.as_object().filter(|_| wrong.len() <= MAX_REASONS) else { return };
    if let Some(types) = schema.get("type")
        && !is_of(types, value)
    {
        wrong.push(format!(
            "{} is {} and must be of type {}",
            short(path),
            json(value),
            short(&in_words(types))
        ));
        return;
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        let allowed: Vec<String> = allowed.iter().take(LISTED).map(json).collect();
        wrong.push(format!("{} is {} and must be one of [{}]", short(path), json(value), allowed.join(",")));
    }
    if let Some(keys) = value.as_object() {
        walk_keys(schema, keys, path, wrong);
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for (i, value) in values.iter().enumerate() {
            if wrong.len() > MAX_REASONS {
                return;
            }
            walk(items, value, &format!("{path}[{i}]"), wrong);
        }
    }
}

fn walk_keys(
    schema: &serde_json::Map<String, Value>,
    keys: &serde_json::Map<String, Value>,
    path: &str,
    wrong: &mut Vec<String>,
) {
    let none = serde_json::Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let missing = required.filter_map(Value::as_str).filter(|name| !keys.contains_key(*name));
    for name in missing.take(MAX_REASONS + 1) {
        wrong.push(format!("{}.{} is missing", short(path), short(name)));
    }
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    for (name, value) in keys {
        if wrong.len() > MAX_REASONS {
            return;
        }
        match properties.get(name) {
            Some(property) => walk(property, value, &format!("{path}.{name}"), wrong),
            None if closed => {
                let known: Vec<&str> = properties.keys().take(LISTED).map(|name| short(name)).collect();
                let known = known.join(", ");
                wrong.push(format!("{}.{} is not known; there are: {known}", short(path), short(name)));
            }
            None => {}
        }
    }
}

/// A value as JSON, as much as somebody reads.
fn json(value: &Value) -> String {
    let text = value.to_string();
    short(&text).to_owned()
}

fn short(text: &str) -> &str {
    cut(text, SHOWN_BYTES)
}

fn is_of(types: &Value, value: &Value) -> bool {
    match types {
        Value::Array(any) => any.iter().any(|one| is_of(one, value)),
        Value::String(name) => match name.as_str() {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "number" => value.is_number(),
            "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => true,
        },
        _ => true,
    }
}

fn in_words(types: &Value) -> String {
    match types {
        Value::Array(any) => any.iter().map(in_words).collect::<Vec<_>>().join(" or "),
        Value::String(name) => name.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_mistake_has_its_path() {
        let schema = json!({
            "type": "object", "required": ["threshold", "mode"], "additionalProperties": false,
            "properties": {
                "threshold": {"type": "number", "minimum": 0},
                "mode": {"enum": ["fast", "slow"]},
                "tags": {"type": "array", "items": {"type": ["string", "null"]}},
                "n": {"type": "integer"}
            }
        });
        let config = json!({"treshold": 1, "mode": "warp", "tags": ["a", null, 3], "n": 1.5});
        insta::assert_snapshot!(check(&schema, &config).join("\n"), @r#"
        config.threshold is missing
        config.treshold is not known; there are: threshold, mode, tags, n
        config.mode is "warp" and must be one of ["fast","slow"]
        config.tags[2] is 3 and must be of type string or null
        config.n is 1.5 and must be of type integer
        "#);
        assert_eq!(check(&schema, &json!({"threshold": 0.5, "mode": "fast", "n": 2})), Vec::<String>::new());
    }

    #[test]
    fn many_mistakes_and_long_ones_are_told_as_far_as_somebody_reads() {
        let many: Vec<String> = (0..100_000).map(|n| format!("value-{n}")).collect();
        let schema = json!({ "items": { "enum": many } });
        let wrong = check(&schema, &json!(vec!["x".repeat(10_000); 50_000]));
        assert!(
            wrong.len() <= MAX_REASONS + 1 && wrong[0].len() < 1_000,
            "{} {}",
            wrong.len(),
            wrong[0].len()
        );
        let missing = check(&json!({ "required": many }), &json!({}));
        assert!(missing.len() <= MAX_REASONS + 1);
    }

    #[test]
    fn what_is_not_understood_passes() {
        for schema in [json!(true), json!({"type": "tuple"}), json!({"$ref": "#/x"}), json!({"type": 3})] {
            assert!(check(&schema, &json!({"a": 1})).is_empty());
        }
    }
}
