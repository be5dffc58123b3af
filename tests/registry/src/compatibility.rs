//! Naive rules of compatibility, enough to have schemas that are refused. Avro, records only: fields that come or go need
//! a default, and fields that stay keep their type. Protobuf: a field's number keeps its type. JSON Schema: properties that
//! stay keep their type, and one that comes, or goes, is not required. What is nested in an Avro or JSON Schema is not
//! looked at.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use protox::file::File;
use protox::prost_reflect::prost_types::{DescriptorProto, FileDescriptorProto};
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
    if old.kind == "PROTOBUF" {
        return of_protobuf(&old.text, &new.text);
    }
    let parse = |schema: &Schema| serde_json::from_str::<Value>(&schema.text).ok();
    let of_kind = if old.kind == "AVRO" { of_avro } else { of_json };
    match (parse(old), parse(new)) {
        (Some(old), Some(new)) => of_kind(&old, &new, level),
        _ => Vec::new(),
    }
}

fn of_avro(old: &Value, new: &Value, level: &str) -> Vec<String> {
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

fn of_json(old: &Value, new: &Value, level: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !level.starts_with("FORWARD") {
        found.extend(only_required_here(new, old, "REQUIRED_PROPERTY_ADDED"));
    }
    if !level.starts_with("BACKWARD") {
        found.extend(only_required_here(old, new, "REQUIRED_PROPERTY_REMOVED"));
    }
    for (name, property) in new["properties"].as_object().into_iter().flatten() {
        let before = &old["properties"][name];
        if !before.is_null() && before["type"] != property["type"] {
            found.push(format!("TYPE_CHANGED: {name}"));
        }
    }
    found
}

/// The required properties of a schema that the other does not know.
fn only_required_here<'a>(
    schema: &'a Value,
    other: &'a Value,
    what: &'a str,
) -> impl Iterator<Item = String> + 'a {
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    required.filter(|name| other["properties"].get(name).is_none()).map(move |name| format!("{what}: {name}"))
}

fn of_protobuf(old: &str, new: &str) -> Vec<String> {
    let (Some(old), Some(new)) = (types(old), types(new)) else { return Vec::new() };
    let changed = old.iter().filter_map(|(place, before)| {
        let now = new.get(place).filter(|now| *now != before)?;
        let (message, number) = place;
        Some(format!("FIELD_TYPE_CHANGED: field {number} of {message}: {before} is {now} now"))
    });
    changed.collect()
}

/// The type of each field, by its message and number; `None` where it is no schema.
fn types(text: &str) -> Option<BTreeMap<(String, i32), String>> {
    let bytes = STANDARD.decode(text).ok();
    let file = match bytes.and_then(|bytes| FileDescriptorProto::decode(bytes.as_slice()).ok()) {
        Some(file) => file,
        None => File::from_source("default.proto", text).ok()?.file_descriptor_proto().clone(),
    };
    let mut types = BTreeMap::new();
    file.message_type.iter().for_each(|message| add_types(message, "", &mut types));
    Some(types)
}

fn add_types(message: &DescriptorProto, outer: &str, types: &mut BTreeMap<(String, i32), String>) {
    let name = format!("{outer}{}", message.name());
    for field in &message.field {
        // Names are whole in a descriptor, and as somebody wrote them in a text.
        let of = match field.type_name().rsplit('.').next() {
            None | Some("") => format!("{:?}", field.r#type()).to_lowercase(),
            Some(name) => name.to_owned(),
        };
        types.insert((name.clone(), field.number()), of);
    }
    let inner = format!("{name}.");
    message.nested_type.iter().for_each(|message| add_types(message, &inner, types));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &str, old: &str, new: &str, level: &str) -> Vec<String> {
        let schema = |text: &str| Schema { kind: kind.into(), text: text.into(), references: Vec::new() };
        objections(&schema(old), &schema(new), level)
    }

    #[test]
    fn a_field_number_of_protobuf_keeps_its_type() {
        let of = |old: &str, new: &str, level| {
            let file =
                |fields: &str| format!("syntax = \"proto3\"; package shop; message Order {{ {fields} }}");
            of("PROTOBUF", &file(old), &file(new), level)
        };
        let order = "int64 id = 1; Money price = 2; message Money { int64 cents = 1; }";
        let more = "int64 number = 1; shop.Order.Money price = 2; string user = 3; message Money { int64 cents = 1; }";
        for level in ["BACKWARD", "FULL", "FORWARD_TRANSITIVE"] {
            assert_eq!(of(order, more, level), [""; 0]);
            assert_eq!(of(order, "", level), [""; 0]);
            assert_eq!(
                of(order, "string id = 1; Money price = 2; message Money { double cents = 1; }", level),
                [
                    "FIELD_TYPE_CHANGED: field 1 of Order: int64 is string now",
                    "FIELD_TYPE_CHANGED: field 1 of Order.Money: int64 is double now",
                ]
            );
        }
        assert_eq!(of(order, "string id = 1;", "NONE"), [""; 0]);
        assert_eq!(
            of(order, "int64 id = 1; int64 price = 2;", "BACKWARD"),
            ["FIELD_TYPE_CHANGED: field 2 of Order: Money is int64 now"]
        );
    }

    #[test]
    fn a_descriptor_of_protobuf_is_compared_with_a_text() {
        let text = "syntax = \"proto3\"; message Order { int64 id = 1; Kind kind = 2; enum Kind { A = 0; } }";
        let file = |text| File::from_source("order.proto", text).unwrap().file_descriptor_proto().clone();
        let mut whole = file(text);
        whole.message_type[0].field[1].type_name = Some(".Order.Kind".into());
        let whole = STANDARD.encode(whole.encode_to_vec());
        assert_eq!(of("PROTOBUF", &whole, text, "BACKWARD"), [""; 0]);
        let other = text.replace("int64", "sint64");
        let found = of("PROTOBUF", &whole, &other, "BACKWARD");
        assert_eq!(found, ["FIELD_TYPE_CHANGED: field 1 of Order: int64 is sint64 now"]);
    }

    #[test]
    fn a_property_of_json_schema_keeps_its_type_and_none_comes_that_is_required() {
        let of = |old: &str, new: &str, level| of("JSON", old, new, level);
        let order = r#"{"properties":{"id":{"type":"integer"}},"required":["id"]}"#;
        let wider = r#"{"properties":{"id":{"type":"integer"},"user":{"type":"string"}},"required":["id"]}"#;
        let needs =
            r#"{"properties":{"id":{"type":"integer"},"user":{"type":"string"}},"required":["id","user"]}"#;
        let other = r#"{"properties":{"id":{"type":"string"}},"required":["id"]}"#;
        for level in ["BACKWARD", "BACKWARD_TRANSITIVE", "FULL", "FORWARD"] {
            assert_eq!(of(order, wider, level), [""; 0]);
            assert_eq!(of(order, other, level), ["TYPE_CHANGED: id"]);
        }
        assert_eq!(of(order, needs, "BACKWARD"), ["REQUIRED_PROPERTY_ADDED: user"]);
        assert_eq!(of(order, needs, "FORWARD"), [""; 0]);
        assert_eq!(of(needs, order, "BACKWARD"), [""; 0]);
        assert_eq!(of(needs, order, "FULL"), ["REQUIRED_PROPERTY_REMOVED: user"]);
        assert_eq!(of(order, needs, "NONE"), [""; 0]);
        // What says nothing of properties is against nothing.
        assert_eq!(of("true", "{}", "BACKWARD"), [""; 0]);
    }

    #[test]
    fn no_language_follows_another() {
        let schema = |kind: &str| Schema { kind: kind.into(), text: "{}".into(), references: Vec::new() };
        let why = objections(&schema("JSON"), &schema("AVRO"), "BACKWARD");
        assert_eq!(why, ["a schema of type AVRO cannot follow one of type JSON"]);
    }
}
