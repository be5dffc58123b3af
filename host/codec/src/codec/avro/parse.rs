//! The schema language: JSON to types. Names and namespaces are resolved here, what is wrong with a schema is
//! said here. Knows nothing of bytes or columns.

use std::collections::{HashMap, HashSet};

use arrow::datatypes::TimeUnit;
use serde_json::{Map, Value};

use super::reasons::{clip, clip_json};
use super::types::{Enum, Field, Id, Kind, Logical, Name, Record, Type, Types};
use crate::codec::registered::{RegisteredSchema, SchemaKind};

/// Schemas that refer to schemas, at most so deep.
const MAX_REFERENCE_DEPTH: usize = 64;
/// Types, fields, symbols and aliases of a schema, with those that it refers to, at most.
const PARTS_MAX: usize = 50_000;
/// Bytes of a name with its namespace, and of a symbol, at most: a namespace counts for each name in it.
const NAME_MAX: usize = 1024;

/// The types of a schema, or what is wrong with it.
pub(super) fn parse(schema: &RegisteredSchema) -> Result<Types, String> {
    let mut parser = Parser { all: Vec::new(), names: HashMap::new(), parts: 0 };
    let root = parser.schema(schema, 0)?;
    Ok(Types::new(parser.all, root))
}

struct Parser {
    all: Vec<Type>,
    /// Types by their full names.
    names: HashMap<String, Id>,
    parts: usize,
}

impl Parser {
    /// What a schema refers to comes first, so that its names are known.
    fn schema(&mut self, schema: &RegisteredSchema, depth: usize) -> Result<Id, String> {
        if schema.kind != SchemaKind::Avro {
            return Err(format!("the schema is of the kind {}, not AVRO", schema.kind.name()));
        }
        if depth > MAX_REFERENCE_DEPTH {
            return Err(format!("schemas refer to each other more than {MAX_REFERENCE_DEPTH} deep"));
        }
        self.count(1 + schema.references.len())?;
        for (name, reference) in &schema.references {
            if !self.names.contains_key(name) {
                self.schema(reference, depth + 1).map_err(|why| format!("reference {name}: {why}"))?;
            }
        }
        let json = serde_json::from_str(&schema.text).map_err(|why| format!("not JSON: {why}"))?;
        self.of(&json, "")
    }

    /// The type that `json` means within a namespace. As deep as the JSON, which its parser has bounded.
    fn of(&mut self, json: &Value, space: &str) -> Result<Id, String> {
        match json {
            Value::String(name) => self.known(name, space),
            Value::Array(branches) => self.union(branches, space),
            Value::Object(object) => self.object(object, space),
            other => Err(format!("expected a type (a name, an object or a list), found {other}")),
        }
    }

    /// The schema has so many parts more.
    fn count(&mut self, parts: usize) -> Result<(), String> {
        self.parts += parts;
        if self.parts > PARTS_MAX {
            return Err(format!(
                "the schema has more than {PARTS_MAX} types, fields, symbols and aliases: split it"
            ));
        }
        Ok(())
    }

    fn add(&mut self, kind: Kind, logical: Option<Logical>) -> Result<Id, String> {
        self.count(1)?;
        self.all.push(Type { kind, logical });
        Ok(self.all.len() - 1)
    }

    fn known(&mut self, name: &str, space: &str) -> Result<Id, String> {
        if let Some(kind) = primitive(name) {
            return self.add(kind, None);
        }
        let full = qualified(name, space);
        match self.names.get(&full).or_else(|| self.names.get(name)) {
            Some(id) => Ok(*id),
            None => Err(format!("there is no type {}", clip(&full))),
        }
    }

    fn union(&mut self, branches: &[Value], space: &str) -> Result<Id, String> {
        let mut ids: Vec<Id> = Vec::with_capacity(branches.len());
        for branch in branches {
            let id = self.of(branch, space)?;
            if matches!(self.all[id].kind, Kind::Union(_)) {
                return Err("a union directly in a union: write one list".to_owned());
            }
            ids.push(id);
        }
        if let Some(name) = twice(ids.iter().map(|&id| self.all[id].name())) {
            return Err(format!("a union has {} twice", clip(name)));
        }
        self.add(Kind::Union(ids), None)
    }

    fn object(&mut self, object: &Map<String, Value>, space: &str) -> Result<Id, String> {
        let of = object.get("type").ok_or("an object without \"type\"")?;
        let kind = match of.as_str() {
            Some("record" | "error") => return self.record(object, space),
            Some("enum") => return self.enumeration(object, space),
            Some("fixed") => return self.fixed(object, space),
            Some("array") => {
                Kind::Array(self.of(object.get("items").ok_or("an array without \"items\"")?, space)?)
            }
            Some("map") => {
                Kind::Map(self.of(object.get("values").ok_or("a map without \"values\"")?, space)?)
            }
            _ => {
                let id = self.of(of, space)?;
                // Only a type of its own can be given a meaning: a name stands for what it stands for elsewhere.
                match self.all[id].named() {
                    None => {
                        self.all[id].logical = logical(object, &self.all[id].kind).or(self.all[id].logical);
                        return Ok(id);
                    }
                    Some(_) => return Ok(id),
                }
            }
        };
        self.add(kind, None)
    }

    fn record(&mut self, object: &Map<String, Value>, space: &str) -> Result<Id, String> {
        let (name, space) = self.name_of(object, space)?;
        // Known before its fields are read, which may be of this type.
        let unread = Record::new(name.clone(), Vec::new());
        let id = self.define(Kind::Record(unread), None, &name)?;
        let json = object.get("fields").and_then(Value::as_array);
        let json = json.ok_or_else(|| format!("record {}: no list of \"fields\"", clip(&name.full)))?;
        self.count(json.len())?;
        let field = |field| self.field(field, &space).map_err(|why| format!("{}: {why}", clip(&name.full)));
        let fields: Vec<Field> = json.iter().map(field).collect::<Result<_, String>>()?;
        if let Some(field) = twice(fields.iter().map(|field| field.name.as_str())) {
            return Err(format!("{}: two fields are named {}", clip(&name.full), clip(field)));
        }
        self.all[id].kind = Kind::Record(Record::new(name, fields));
        Ok(id)
    }

    fn field(&mut self, json: &Value, space: &str) -> Result<Field, String> {
        let name = json.get("name").and_then(Value::as_str).ok_or("a field without a name")?;
        check_name(name)?;
        let of = json.get("type").ok_or_else(|| format!("{}: no \"type\"", clip(name)))?;
        let of = self.of(of, space).map_err(|why| format!("{}: {why}", clip(name)))?;
        let aliases = strings(json.get("aliases"));
        self.count(aliases.len())?;
        Ok(Field { name: name.to_owned(), aliases, default: json.get("default").cloned(), of })
    }

    fn enumeration(&mut self, object: &Map<String, Value>, space: &str) -> Result<Id, String> {
        let (name, _) = self.name_of(object, space)?;
        let symbols = strings(object.get("symbols"));
        if object.get("symbols").and_then(Value::as_array).is_none_or(|all| all.len() != symbols.len()) {
            return Err(format!("enum {}: \"symbols\" is no list of texts", clip(&name.full)));
        }
        self.count(symbols.len())?;
        for symbol in &symbols {
            check_name(symbol).map_err(|why| format!("enum {}: {why}", clip(&name.full)))?;
        }
        if let Some(symbol) = twice(symbols.iter().map(String::as_str)) {
            return Err(format!("enum {}: the symbol {} is there twice", clip(&name.full), clip(symbol)));
        }
        let default = match object.get("default") {
            None => None,
            Some(json) => {
                let found = symbols.iter().position(|symbol| Some(symbol.as_str()) == json.as_str());
                let unknown =
                    || format!("enum {}: the default {} is no symbol", clip(&name.full), clip_json(json));
                Some(found.ok_or_else(unknown)?)
            }
        };
        self.define(Kind::Enum(Enum { name: name.clone(), symbols, default }), None, &name)
    }

    fn fixed(&mut self, object: &Map<String, Value>, space: &str) -> Result<Id, String> {
        let (name, _) = self.name_of(object, space)?;
        let size = object.get("size").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
        let size =
            size.ok_or_else(|| format!("fixed {}: \"size\" is no number of bytes", clip(&name.full)))?;
        let kind = Kind::Fixed(name.clone(), size);
        let logical = logical(object, &kind);
        self.define(kind, logical, &name)
    }

    fn define(&mut self, kind: Kind, logical: Option<Logical>, name: &Name) -> Result<Id, String> {
        let id = self.add(kind, logical)?;
        match self.names.insert(name.full.clone(), id) {
            None => Ok(id),
            Some(_) => Err(format!("the type {} is defined twice", clip(&name.full))),
        }
    }

    /// The name that an object defines, and the namespace for what is in it.
    fn name_of(&mut self, object: &Map<String, Value>, space: &str) -> Result<(Name, String), String> {
        let name =
            object.get("name").and_then(Value::as_str).ok_or("a record, enum or fixed without a name")?;
        let given = object.get("namespace").and_then(Value::as_str);
        let full = named(name, given.unwrap_or(space))?;
        full.split('.').try_for_each(check_name)?;
        if primitive(&full).is_some() {
            return Err(format!("{full} is the name of a type that there is already"));
        }
        let space = full.rsplit_once('.').map_or("", |(space, _)| space).to_owned();
        let aliases = strings(object.get("aliases"));
        self.count(aliases.len())?;
        let aliases = aliases.iter().map(|alias| named(alias, &space)).collect::<Result<_, String>>()?;
        Ok((Name { full, aliases }, space))
    }
}

fn primitive(name: &str) -> Option<Kind> {
    Some(match name {
        "null" => Kind::Null,
        "boolean" => Kind::Boolean,
        "int" => Kind::Int,
        "long" => Kind::Long,
        "float" => Kind::Float,
        "double" => Kind::Double,
        "bytes" => Kind::Bytes,
        "string" => Kind::String,
        _ => return None,
    })
}

/// A logical type that is unknown, or invalid for its kind, is none: the specification says to read the kind.
fn logical(object: &Map<String, Value>, kind: &Kind) -> Option<Logical> {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond};
    Some(match (object.get("logicalType")?.as_str()?, kind) {
        ("decimal", Kind::Bytes) => decimal(object, usize::MAX)?,
        ("decimal", Kind::Fixed(_, size)) => decimal(object, *size)?,
        ("uuid", Kind::String | Kind::Fixed(_, 16)) => Logical::Uuid,
        ("date", Kind::Int) => Logical::Date,
        ("time-millis", Kind::Int) => Logical::Time(Millisecond),
        ("time-micros", Kind::Long) => Logical::Time(Microsecond),
        ("timestamp-millis", Kind::Long) => Logical::Timestamp(Millisecond, true),
        ("timestamp-micros", Kind::Long) => Logical::Timestamp(Microsecond, true),
        ("timestamp-nanos", Kind::Long) => Logical::Timestamp(Nanosecond, true),
        ("local-timestamp-millis", Kind::Long) => Logical::Timestamp(Millisecond, false),
        ("local-timestamp-micros", Kind::Long) => Logical::Timestamp(Microsecond, false),
        ("local-timestamp-nanos", Kind::Long) => Logical::Timestamp(Nanosecond, false),
        ("duration", Kind::Fixed(_, 12)) => Logical::Duration,
        _ => return None,
    })
}

fn decimal(object: &Map<String, Value>, bytes: usize) -> Option<Logical> {
    let number = |key| object.get(key).map(|json| json.as_u64().and_then(|n| u32::try_from(n).ok()));
    let precision = number("precision")??;
    let scale = number("scale").unwrap_or(Some(0))?;
    // Digits that so many bytes always hold.
    let digits = (bytes.saturating_mul(8).saturating_sub(1) as f64 * std::f64::consts::LOG10_2).floor();
    let valid = precision > 0 && scale <= precision && f64::from(precision) <= digits;
    valid.then_some(Logical::Decimal { precision, scale })
}

/// A name with its namespace, where that is not too long.
fn named(name: &str, space: &str) -> Result<String, String> {
    match name.len().max(space.len()) {
        0..=NAME_MAX => {}
        len => return Err(too_long(len)),
    }
    let full = qualified(name, space);
    if full.len() > NAME_MAX { Err(too_long(full.len())) } else { Ok(full) }
}

fn too_long(len: usize) -> String {
    format!("a name of {len} bytes, with its namespace: it may have {NAME_MAX}, choose a shorter one")
}

/// A name that is there twice.
fn twice<'n>(names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let mut seen = HashSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

fn qualified(name: &str, space: &str) -> String {
    if space.is_empty() || name.contains('.') { name.to_owned() } else { format!("{space}.{name}") }
}

/// What names of Avro are made of.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    if name.len() > NAME_MAX {
        return Err(too_long(name.len()));
    }
    let begins = name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
    if begins && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(());
    }
    Err(format!("`{}` is no name of Avro (letters, digits and _, not beginning with a digit)", clip(name)))
}

fn strings(json: Option<&Value>) -> Vec<String> {
    let all = json.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    all.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
