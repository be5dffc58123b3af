//! The shape of a schema: its keywords read, its references followed, its parts put together. Keywords that only
//! restrict values (`pattern`, `if`, `not`, …) are the validator's business. Knows nothing of columns.

use jsonschema::Draft;
use referencing::Resolver;
use serde_json::{Map, Value};

use super::document::Document;
use super::shape::{Items, Kinds, Meaning, Others, Shape};
use crate::codec::column::MAX_SCHEMA_DEPTH;
use crate::codec::problem::quote;

/// Schemas that one consists of, at most; one that is referred to twice counts twice.
const NODES_MAX: usize = 10_000;

/// The shape of a document, or what cannot be followed in it.
pub(super) fn shape(document: &Document) -> Result<Shape, String> {
    let (registry, base) = document.registry()?;
    let mut walk = Walk { nodes: 0, above: Vec::new() };
    walk.shape(&document.root, &registry.resolver(base), document.draft)
}

struct Walk<'r> {
    nodes: usize,
    /// The schemas that are being read, from the outside in.
    above: Vec<&'r Value>,
}

impl<'r> Walk<'r> {
    fn shape(&mut self, node: &'r Value, resolver: &Resolver<'r>, draft: Draft) -> Result<Shape, String> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(format!(
                "the schema has more than {NODES_MAX} parts when its references are written out"
            ));
        }
        let keywords = match node {
            Value::Bool(true) => return Ok(Shape::any()),
            Value::Bool(false) => return Ok(Shape::of(Kinds::NONE)),
            Value::Object(keywords) => keywords,
            Value::Array(_) => return Err("a schema is an object, true or false, not a list".into()),
            other => {
                let other = quote(other.to_string().as_bytes());
                return Err(format!("a schema is an object, true or false, not {other}"));
            }
        };
        // What contains itself has no end as columns.
        let again = self.above.iter().any(|above| std::ptr::eq(*above, node));
        if again || self.above.len() > MAX_SCHEMA_DEPTH {
            return Ok(Shape::any());
        }
        self.above.push(node);
        let shape = self.keywords(node, keywords, resolver, draft);
        self.above.pop();
        shape
    }

    fn keywords(
        &mut self,
        node: &'r Value,
        keywords: &'r Map<String, Value>,
        resolver: &Resolver<'r>,
        draft: Draft,
    ) -> Result<Shape, String> {
        let resolver = &resolver
            .in_subresource(draft.create_resource_ref(node))
            .map_err(|why| format!("the schema cannot be used: {why}"))?;
        let mut shape = Shape::any();
        if let Some(reference) = keywords.get("$ref").and_then(Value::as_str) {
            let found = resolver.lookup(reference).map_err(|why| format!("$ref {reference}: {why}"))?;
            let (target, resolver, draft_of_target) = found.into_inner();
            shape = self.shape(target, &resolver, draft_of_target)?;
            if draft <= Draft::Draft7 {
                return Ok(shape);
            }
        }
        shape = shape.both(self.own(keywords, resolver, draft)?);
        for part in list(keywords.get("allOf")) {
            shape = shape.both(self.shape(part, resolver, draft)?);
        }
        for keyword in ["oneOf", "anyOf"] {
            let mut alternatives = None;
            for part in list(keywords.get(keyword)) {
                let part = self.shape(part, resolver, draft)?;
                alternatives = Some(match alternatives {
                    Some(before) => Shape::either(before, part),
                    None => part,
                });
            }
            shape = shape.both(alternatives.unwrap_or_else(Shape::any));
        }
        Ok(shape)
    }

    /// What a schema says itself.
    fn own(
        &mut self,
        keywords: &'r Map<String, Value>,
        resolver: &Resolver<'r>,
        draft: Draft,
    ) -> Result<Shape, String> {
        let mut shape = Shape::of(kinds(keywords));
        shape.meaning = meaning(keywords);
        let number = |keyword: &str| keywords.get(keyword).filter(|value| value.is_number());
        let minimum = [number("minimum"), number("exclusiveMinimum")];
        shape.unsigned = minimum.into_iter().flatten().any(|n| n.as_f64().is_some_and(|n| n >= 0.0));
        shape.large = number("maximum").and_then(Value::as_u64).is_some_and(|n| i64::try_from(n).is_err());
        for (name, property) in keywords.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let property = self.shape(property, resolver, draft)?;
            shape.properties.push((name.clone(), property));
        }
        let required = list(keywords.get("required")).iter().filter_map(Value::as_str);
        shape.required = required.map(str::to_owned).collect();
        shape.others = self.others(keywords, resolver, draft)?;
        shape.items = self.items(keywords, resolver, draft)?;
        Ok(shape)
    }

    /// Keys by pattern and all others are alike as far as columns can tell.
    fn others(
        &mut self,
        keywords: &'r Map<String, Value>,
        resolver: &Resolver<'r>,
        draft: Draft,
    ) -> Result<Others, String> {
        let mut others = match keywords.get("additionalProperties") {
            None | Some(Value::Bool(true)) => Others::Any,
            Some(Value::Bool(false)) => Others::None,
            Some(schema) => Others::Of(Box::new(self.shape(schema, resolver, draft)?)),
        };
        let patterns = keywords.get("patternProperties").and_then(Value::as_object);
        for pattern in patterns.into_iter().flat_map(Map::values) {
            let shape = self.shape(pattern, resolver, draft)?;
            others = match others {
                Others::Any => Others::Any,
                Others::None => Others::Of(Box::new(shape)),
                Others::Of(before) => Others::Of(Box::new(before.either(shape))),
            };
        }
        Ok(others)
    }

    fn items(
        &mut self,
        keywords: &'r Map<String, Value>,
        resolver: &Resolver<'r>,
        draft: Draft,
    ) -> Result<Items, String> {
        if keywords.contains_key("prefixItems") {
            return Ok(Items::Tuple);
        }
        Ok(match keywords.get("items") {
            None | Some(Value::Bool(_)) => Items::Any,
            Some(Value::Array(_)) => Items::Tuple,
            Some(schema) => Items::Of(Box::new(self.shape(schema, resolver, draft)?)),
        })
    }
}

/// The kinds that a schema names, or that its values or keywords are of.
fn kinds(keywords: &Map<String, Value>) -> Kinds {
    let named = match keywords.get("type") {
        Some(Value::String(name)) => Kinds::named(name),
        Some(Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str);
            names.map(Kinds::named).fold(Kinds::NONE, Kinds::either)
        }
        // Without a type these keywords let all other kinds through; nobody who writes them means that.
        _ if ["properties", "additionalProperties"].iter().any(|word| keywords.contains_key(*word)) => {
            Kinds::OBJECT
        }
        _ if ["items", "prefixItems"].iter().any(|word| keywords.contains_key(*word)) => Kinds::ARRAY,
        _ => Kinds::ALL,
    };
    let values = match (keywords.get("const"), keywords.get("enum")) {
        (Some(value), _) => kind_of(value),
        (None, Some(Value::Array(values))) => values.iter().map(kind_of).fold(Kinds::NONE, Kinds::either),
        _ => Kinds::ALL,
    };
    named.both(values)
}

fn kind_of(value: &Value) -> Kinds {
    match value {
        Value::Null => Kinds::NULL,
        Value::Bool(_) => Kinds::BOOLEAN,
        Value::Number(number) if number.as_f64().is_some_and(|n| n.fract() == 0.0) => Kinds::INTEGER,
        Value::Number(_) => Kinds::NUMBER,
        Value::String(_) => Kinds::STRING,
        Value::Array(_) => Kinds::ARRAY,
        Value::Object(_) => Kinds::OBJECT,
    }
}

/// Of `format` (also OpenAPI's), `contentEncoding`, and the hint that Kafka Connect leaves.
fn meaning(keywords: &Map<String, Value>) -> Option<Meaning> {
    let text = |keyword: &str| keywords.get(keyword).and_then(Value::as_str);
    match (text("connect.type"), text("format"), text("contentEncoding")) {
        (Some("int8"), ..) => Some(Meaning::Int8),
        (Some("int16"), ..) => Some(Meaning::Int16),
        (Some("int32"), ..) | (_, Some("int32"), _) => Some(Meaning::Int32),
        (Some("float32"), ..) | (_, Some("float"), _) => Some(Meaning::Float32),
        (Some("bytes"), ..) | (_, _, Some("base64")) => Some(Meaning::Base64),
        (_, Some("date-time"), _) => Some(Meaning::DateTime),
        (_, Some("date"), _) => Some(Meaning::Date),
        (_, Some("time"), _) => Some(Meaning::Time),
        _ => None,
    }
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
