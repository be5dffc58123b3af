//! The cheap part of checking a configuration against a component's JSON Schema: types, required and unknown
//! keys, enumerations. What is not understood is let pass; the guest's `bind` has the last word. Pure.

use serde_json::Value;

/// What is wrong with `config`, each with its path.
pub(super) fn check(schema: &Value, config: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    walk(schema, config, "config", &mut wrong);
    wrong
}

fn walk(schema: &Value, value: &Value, path: &str, wrong: &mut Vec<String>) {
    let Some(schema) = schema.as_object() else { return };
    if let Some(types) = schema.get("type")
        && !is_of(types, value)
    {
        wrong.push(format!("{path} is {value} and must be of type {}", in_words(types)));
        return;
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        wrong.push(format!("{path} is {value} and must be one of {}", Value::Array(allowed.clone())));
    }
    if let Some(keys) = value.as_object() {
        walk_keys(schema, keys, path, wrong);
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for (i, value) in values.iter().enumerate() {
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
    for name in required.filter_map(Value::as_str).filter(|name| !keys.contains_key(*name)) {
        wrong.push(format!("{path}.{name} is missing"));
    }
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    for (name, value) in keys {
        match properties.get(name) {
            Some(property) => walk(property, value, &format!("{path}.{name}"), wrong),
            None if closed => {
                let known: Vec<&str> = properties.keys().map(String::as_str).collect();
                wrong.push(format!("{path}.{name} is not known; there are: {}", known.join(", ")));
            }
            None => {}
        }
    }
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
    fn what_is_not_understood_passes() {
        for schema in [json!(true), json!({"type": "tuple"}), json!({"$ref": "#/x"}), json!({"type": 3})] {
            assert!(check(&schema, &json!({"a": 1})).is_empty());
        }
    }
}
