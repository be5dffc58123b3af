//! A JSON Schema and the documents that it refers to, parsed. Nothing is ever fetched: what is not among them is
//! not there. Knows nothing of values and columns.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jsonschema::{Draft, Registry, Retrieve, Uri};
use serde_json::Value;

use crate::codec::registered::{RegisteredSchema, SchemaKind};

/// The base of references of a schema that has none of its own.
const BASE: &str = "registry:///";
/// How often a schema may be asked for under one name or another, for each that is referred to. One with a relative
/// `$id` that refers to itself has another name each time.
const NAMES: usize = 8;

/// A schema with what it refers to.
pub(super) struct Document {
    /// The schema.
    pub(super) root: Value,
    /// The draft it is written in: draft-07 where it does not say, as schema registries take it.
    pub(super) draft: Draft,
    others: Arc<Vec<Other>>,
}

impl Document {
    /// Parses a schema, or says what is no JSON in it.
    pub(super) fn new(schema: &RegisteredSchema) -> Result<Document, String> {
        if schema.kind != SchemaKind::Json {
            return Err(format!("expected a JSON Schema, found a schema of type {}", schema.kind.name()));
        }
        let root = parse(&schema.text).map_err(|why| format!("the schema is no JSON: {why}"))?;
        let draft = match root.get("$schema") {
            Some(_) => Draft::default().detect(&root),
            None => Draft::Draft7,
        };
        let mut others = Vec::new();
        collect(schema, &mut others)?;
        Ok(Document { root, draft, others: Arc::new(others) })
    }

    /// What the schema refers to.
    pub(super) fn others(&self) -> Others {
        Others {
            known: Arc::clone(&self.others),
            left: Arc::new(AtomicUsize::new(NAMES * self.others.len())),
        }
    }

    /// What references at the root are relative to.
    pub(super) fn base(&self) -> &str {
        let keyword = if self.draft == Draft::Draft4 { "id" } else { "$id" };
        let id = self.root.get(keyword).and_then(Value::as_str);
        id.filter(|id| id.contains(':')).unwrap_or(BASE).trim_end_matches('#')
    }

    /// Where references are looked up, and the base of those at the root.
    pub(super) fn registry(&self) -> Result<(Registry<'_>, Uri<String>), String> {
        let base = self.base();
        let prepared = Registry::new()
            .retriever(self.others())
            .draft(self.draft)
            .add(base, self.draft.create_resource_ref(&self.root))
            .and_then(|registry| registry.prepare())
            .and_then(|registry| jsonschema::uri::from_str(base).map(|base| (registry, base)));
        prepared.map_err(|why| format!("the schema cannot be used: {why}"))
    }
}

fn parse(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text)
}

/// The schemas that one refers to, and those that they refer to: one namespace.
fn collect(schema: &RegisteredSchema, others: &mut Vec<Other>) -> Result<(), String> {
    for (name, referred) in &schema.references {
        let value = parse(&referred.text).map_err(|why| format!("the schema {name} is no JSON: {why}"))?;
        match others.iter().find(|other| other.name == *name) {
            Some(other) if other.value == value => continue,
            Some(_) => return Err(format!("the name {name} stands for two schemas")),
            None => others.push(Other { name: name.clone(), value }),
        }
        collect(referred, others)?;
    }
    Ok(())
}

/// A schema that is referred to.
struct Other {
    name: String,
    value: Value,
}

impl Other {
    fn id(&self) -> Option<&str> {
        self.value.get("$id").and_then(Value::as_str).map(|id| id.trim_end_matches('#'))
    }

    /// Whether the URI ends with the name: a relative reference has been resolved against some base by now.
    fn ends(&self, uri: &str) -> bool {
        uri.strip_suffix(self.name.as_str()).is_some_and(|base| base.ends_with('/'))
    }
}

/// Gives the documents that a schema refers to, by name, by `$id`, or by the name at the end of a URI.
#[derive(Clone)]
pub(super) struct Others {
    known: Arc<Vec<Other>>,
    /// How often they may still be asked for.
    left: Arc<AtomicUsize>,
}

impl Others {
    fn take_one(&self) -> bool {
        let one_less = |left: usize| left.checked_sub(1);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }
}

impl Retrieve for Others {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let uri = uri.as_str().trim_end_matches('#');
        let exact = self.known.iter().find(|other| other.name == uri || other.id() == Some(uri));
        let longest =
            || self.known.iter().filter(|other| other.ends(uri)).max_by_key(|other| other.name.len());
        match exact.or_else(longest) {
            Some(other) if self.take_one() => Ok(other.value.clone()),
            Some(other) => Err(format!(
                "{} is referred to under ever new names: make its `$id`, or that of who refers to it, absolute",
                other.name
            )
            .into()),
            None => Err(format!("there is no reference {}", uri.strip_prefix(BASE).unwrap_or(uri)).into()),
        }
    }
}
