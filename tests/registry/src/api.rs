//! The API: which path asks what of the store, and the answers and error codes as Confluent's registry has them.

use serde_json::{Value, json};

use crate::compatibility::objections;
use crate::http::{Answer, Request};
use crate::serialized::serialized;
use crate::store::{Reference, Schema, Store, Version};

const LEVELS: [&str; 7] =
    ["NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"];

/// The answer to a request.
pub(crate) fn answer(store: &mut Store, request: &Request) -> Answer {
    let path = request.path();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let outcome = match (request.method.as_str(), path.as_slice()) {
        ("GET", ["schemas", rest @ ..]) => schemas(store, rest, request.wants("format", "serialized")),
        ("GET", ["subjects"]) => Ok(store.subjects.keys().map(String::as_str).collect()),
        ("POST", ["subjects", subject]) => lookup(store, subject, request),
        ("DELETE", ["subjects", subject]) => delete(store, subject, None),
        ("GET", ["subjects", subject, "versions"]) => versions(store, subject),
        ("POST", ["subjects", subject, "versions"]) => register(store, subject, request),
        ("GET", ["subjects", subject, "versions", version]) => {
            version_of(store, subject, version, request.asks("deleted"))
                .map(|version| described(store, subject, version))
        }
        ("DELETE", ["subjects", subject, "versions", version]) => delete(store, subject, Some(version)),
        ("POST", ["compatibility", "subjects", subject, "versions", rest @ ..]) => {
            compatibility(store, subject, rest.first().copied(), request)
        }
        ("GET" | "PUT", ["config", subject @ ..]) => config(store, subject.first().copied(), request),
        ("GET", ["mode", ..]) => Ok(json!({"mode": "READWRITE"})),
        _ => Err(error(404, "HTTP 404 Not Found")),
    };
    match outcome {
        Ok(value) => Answer { status: 200, body: value.to_string() },
        Err(answer) => answer,
    }
}

/// An error: the code begins with the status.
pub(crate) fn error(code: u32, message: &str) -> Answer {
    let status = if code < 1000 { code } else { code / 100 };
    let body = json!({"error_code": code, "message": message}).to_string();
    Answer { status: status as u16, body }
}

type Outcome = Result<Value, Answer>;

/// `descriptors`: those of Protobuf as descriptors.
fn schemas(store: &Store, path: &[&str], descriptors: bool) -> Outcome {
    let by_id = |text: &str| {
        let found = text.parse().ok().and_then(|id| store.by_id(id).map(|schema| (id, schema)));
        found.ok_or_else(|| error(40403, &format!("Schema {text} not found")))
    };
    let body = |schema: &Schema| {
        let mut body = body(schema);
        if descriptors && schema.kind == "PROTOBUF" {
            let text =
                serialized(store, schema).map_err(|why| error(500, &format!("Invalid schema: {why}")))?;
            body["schema"] = text.into();
        }
        Ok(body)
    };
    match path {
        ["types"] => Ok(json!(["JSON", "PROTOBUF", "AVRO"])),
        ["ids", id] => by_id(id).and_then(|(_, schema)| body(schema)),
        ["ids", id, "schema"] => by_id(id).map(|(_, schema)| Value::String(schema.text.clone())),
        ["ids", id, "versions"] => by_id(id).map(|(id, _)| users(store, id)),
        ["guids", guid] => match store.by_guid(guid).and_then(|id| store.by_id(id)) {
            Some(schema) => body(schema),
            None => Err(error(40403, &format!("Schema {guid} not found"))),
        },
        ["guids", guid, "ids"] => {
            Ok(store.by_guid(guid).iter().map(|id| json!({"context": ".", "id": id})).collect())
        }
        _ => Err(error(404, "HTTP 404 Not Found")),
    }
}

/// The versions that are the schema `id`.
fn users(store: &Store, id: u32) -> Value {
    let all = store.subjects.iter().flat_map(|(subject, all)| all.iter().map(move |v| (subject, v)));
    let those = all.filter(|(_, version)| version.id == id && !version.deleted);
    those.map(|(subject, version)| json!({"subject": subject, "version": version.version})).collect()
}

/// What is said of a schema wherever it is.
fn body(schema: &Schema) -> Value {
    let mut body = json!({"schema": schema.text, "guid": schema.guid()});
    // The default is left out, as real registries do.
    if schema.kind != "AVRO" {
        body["schemaType"] = schema.kind.as_str().into();
    }
    if !schema.references.is_empty() {
        let reference = |r: &Reference| json!({"name": r.name, "subject": r.subject, "version": r.version});
        body["references"] = schema.references.iter().map(reference).collect();
    }
    body
}

fn described(store: &Store, subject: &str, version: Version) -> Value {
    let mut described = store.by_id(version.id).map_or(Value::Null, body);
    described["subject"] = subject.into();
    described["id"] = version.id.into();
    described["version"] = version.version.into();
    described
}

fn known(store: &Store, subject: &str) -> Result<(), Answer> {
    match store.version(subject, "latest", false) {
        Some(_) => Ok(()),
        None => Err(error(40401, &format!("Subject '{subject}' not found."))),
    }
}

fn version_of(store: &Store, subject: &str, version: &str, deleted: bool) -> Result<Version, Answer> {
    let number = version.parse::<i64>().is_ok_and(|n| n > 0 || n == -1);
    if !number && version != "latest" {
        return Err(error(42202, &format!("The specified version '{version}' is not a valid version id.")));
    }
    let found = store.version(subject, version, deleted);
    found.ok_or_else(|| match known(store, subject) {
        Ok(()) => error(40402, &format!("Version {version} not found.")),
        Err(answer) => answer,
    })
}

fn versions(store: &Store, subject: &str) -> Outcome {
    known(store, subject)?;
    let all = store.subjects.get(subject).into_iter().flatten().filter(|v| !v.deleted);
    Ok(all.map(|v| v.version).collect())
}

/// The schema that the body of a request is.
fn sent(store: &Store, request: &Request) -> Result<Schema, Answer> {
    let invalid = |why: &str| error(42201, &format!("Invalid schema: {why}"));
    let sent: Value = serde_json::from_slice(&request.body).map_err(|why| invalid(&why.to_string()))?;
    let text = sent["schema"].as_str().filter(|text| !text.is_empty()).ok_or_else(|| invalid("none"))?;
    let kind = sent["schemaType"].as_str().unwrap_or("AVRO");
    if kind != "PROTOBUF" {
        serde_json::from_str::<Value>(text).map_err(|why| invalid(&why.to_string()))?;
    }
    let mut references = Vec::new();
    for reference in sent["references"].as_array().into_iter().flatten() {
        let text = |key: &str| reference[key].as_str().unwrap_or_default().to_owned();
        let version = reference["version"].as_u64().unwrap_or_default() as u32;
        let reference = Reference { name: text("name"), subject: text("subject"), version };
        if store.version(&reference.subject, &version.to_string(), true).is_none() {
            return Err(invalid(&format!("no reference {}, version {version}", reference.subject)));
        }
        references.push(reference);
    }
    Ok(Schema { kind: kind.to_owned(), text: text.to_owned(), references })
}

fn lookup(store: &Store, subject: &str, request: &Request) -> Outcome {
    known(store, subject)?;
    let found = store.lookup(subject, &sent(store, request)?);
    found.map(|version| described(store, subject, version)).ok_or_else(|| error(40403, "Schema not found"))
}

fn register(store: &mut Store, subject: &str, request: &Request) -> Outcome {
    let schema = sent(store, request)?;
    if store.lookup(subject, &schema).is_none() {
        let why = objections_of(store, subject, None, &schema);
        if !why.is_empty() {
            let why = format!(
                "Schema being registered is incompatible with an earlier schema for subject \"{subject}\", details: {why:?}"
            );
            return Err(error(409, &why));
        }
    }
    let version = store.register(subject, schema);
    Ok(described(store, subject, version))
}

/// Why a schema cannot follow the versions of a subject: one of them, the newest, or all.
fn objections_of(store: &Store, subject: &str, version: Option<&str>, schema: &Schema) -> Vec<String> {
    let level = store.level(subject);
    let against: Vec<Version> = match version {
        None if level.ends_with("_TRANSITIVE") => {
            store.subjects.get(subject).into_iter().flatten().filter(|v| !v.deleted).copied().collect()
        }
        version => store.version(subject, version.unwrap_or("latest"), false).into_iter().collect(),
    };
    let old = against.iter().filter_map(|version| store.by_id(version.id));
    old.flat_map(|old| objections(old, schema, level)).collect()
}

fn compatibility(store: &Store, subject: &str, version: Option<&str>, request: &Request) -> Outcome {
    let schema = sent(store, request)?;
    if let Some(version) = version {
        version_of(store, subject, version, false)?;
    }
    let messages = objections_of(store, subject, version, &schema);
    let mut answer = json!({"is_compatible": messages.is_empty()});
    if request.asks("verbose") {
        answer["messages"] = messages.into();
    }
    Ok(answer)
}

fn delete(store: &mut Store, subject: &str, version: Option<&str>) -> Outcome {
    known(store, subject)?;
    let only = version.map(|version| version_of(store, subject, version, false)).transpose()?;
    let mut gone = Vec::new();
    for version in store.subjects.get_mut(subject).into_iter().flatten() {
        if !version.deleted && only.is_none_or(|only| only.version == version.version) {
            version.deleted = true;
            gone.push(version.version);
        }
    }
    Ok(only.map_or_else(|| gone.into(), |only| only.version.into()))
}

fn config(store: &mut Store, subject: Option<&str>, request: &Request) -> Outcome {
    if request.method == "GET" {
        let level = subject.map_or(store.level(""), |subject| store.level(subject));
        return Ok(json!({"compatibilityLevel": level}));
    }
    let sent: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let level = sent["compatibility"].as_str().filter(|level| LEVELS.contains(level));
    let Some(level) = level else { return Err(error(42203, "Invalid compatibility level")) };
    match subject {
        Some(subject) => _ = store.levels.insert(subject.to_owned(), level.to_owned()),
        None => store.level = Some(level.to_owned()),
    }
    Ok(json!({"compatibility": level}))
}
