//! What a component says of itself, as plain data that can be stored and shown, and the check that it says it
//! properly. Knows nothing of wasmtime.

use std::collections::HashSet;

use arrow::datatypes::{Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use super::bindings;
use super::boundary::decode_schema;
use super::limits::{MAX_COLUMNS, MAX_CONFIG_SCHEMA_BYTES, MAX_DECLARED, MAX_NAME_BYTES};
use crate::spec::show_type;

/// What kind of operator a component is: told by what it exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum World {
    /// Keeps or drops each row.
    Filter,
    /// One row out for each row in.
    Map,
    /// Any number of rows out for each row in.
    FlatMap,
    /// One value for each row, inside SQL expressions.
    Scalar,
    /// Groups with partial states.
    Aggregate,
    /// Sees a stream, may keep state and emit to several ports.
    Agent,
}

impl World {
    /// All of them.
    pub const ALL: [World; 6] =
        [World::Filter, World::Map, World::FlatMap, World::Scalar, World::Aggregate, World::Agent];

    /// Its name in WIT.
    pub fn name(self) -> &'static str {
        match self {
            World::Filter => "filter",
            World::Map => "map",
            World::FlatMap => "flat-map",
            World::Scalar => "scalar",
            World::Aggregate => "aggregate",
            World::Agent => "agent",
        }
    }

    /// The interface that tells it.
    pub(super) fn interface(self) -> &'static str {
        match self {
            World::Filter => "selector",
            World::Map => "mapper",
            World::FlatMap => "flat-mapper",
            World::Scalar => "evaluator",
            World::Aggregate => "accumulator",
            World::Agent => "actor",
        }
    }
}

impl std::fmt::Display for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A column by name and type, the type as a specification writes it (`int64`, `string`, `timestamp_ms`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnDecl {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub data_type: String,
}

/// The input columns a component wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Columns {
    /// All that the pipeline has.
    All,
    /// These, of any type.
    Named(Vec<String>),
    /// These, of these types.
    Typed(Vec<ColumnDecl>),
}

/// Keyed state that an agent wants kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateDecl {
    /// Its name.
    pub name: String,
    /// The key.
    pub key: Vec<ColumnDecl>,
    /// The value.
    pub value: Vec<ColumnDecl>,
    /// Of its schema.
    pub version: u32,
    /// How long an entry stays after its last write, milliseconds.
    pub ttl_ms: Option<u64>,
}

/// What a component says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its name: `[a-z][a-z0-9_-]*`.
    pub name: String,
    /// Its own version, semantic.
    pub version: String,
    /// What kind of operator it is.
    pub world: World,
    /// The input columns it wants.
    pub columns: Columns,
    /// Its output columns are added to those of the input row.
    pub extends: bool,
    /// A batch may be run again.
    pub deterministic: bool,
    /// Keyed state it wants.
    pub states: Vec<StateDecl>,
    /// State versions it can migrate.
    pub upgrades_from: Vec<u32>,
    /// JSON Schema of its configuration; `None`: any will do.
    pub config_schema: Option<serde_json::Value>,
    /// Of `clock`, `entropy`, `state`, `timers`.
    pub capabilities: Vec<String>,
}

impl Manifest {
    /// `name@version`.
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// The capabilities there are.
const CAPABILITIES: [&str; 4] = ["clock", "entropy", "state", "timers"];

/// Checks what `describe` answered; also gives the schema of typed columns.
pub(super) fn check(
    said: bindings::Manifest,
    world: World,
) -> Result<(Manifest, Option<SchemaRef>), Vec<String>> {
    let mut wrong = Vec::new();
    if !is_name(&said.name) {
        wrong.push(format!(
            "its manifest's name {:?} must be 1 to 64 of a-z, 0-9, - and _, starting with a letter",
            short(&said.name)
        ));
    }
    if !is_semver(&said.version) {
        wrong.push(format!("its manifest's version {:?} must be MAJOR.MINOR.PATCH", short(&said.version)));
    }
    let (columns, typed) = check_columns(said.columns, &mut wrong);
    let config_schema = check_config_schema(&said.config_schema, &mut wrong);
    let declared = [
        (said.capabilities.len(), "capabilities"),
        (said.states.len(), "states"),
        (said.upgrades_from.len(), "versions to upgrade from"),
    ];
    let many = declared.into_iter().filter(|(count, _)| *count > MAX_DECLARED);
    let many: Vec<String> = many
        .map(|(count, of)| format!("its manifest declares {count} {of}; at most {MAX_DECLARED} are allowed"))
        .collect();
    if !many.is_empty() {
        wrong.extend(many);
        return Err(wrong);
    }
    check_capabilities(&said.capabilities, world, &mut wrong);
    if world != World::Agent && !said.states.is_empty() {
        wrong.push(format!("its manifest declares state, which only an agent may have; it is a {world}"));
    }
    if said.extends && !matches!(world, World::Map | World::FlatMap) {
        wrong.push(format!("its manifest says `extends`, which is for map and flat-map; it is a {world}"));
    }
    let states = said.states.into_iter().filter_map(|state| check_state(state, &mut wrong)).collect();
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let manifest = Manifest {
        name: said.name,
        version: said.version,
        world,
        columns,
        extends: said.extends,
        deterministic: said.deterministic,
        states,
        upgrades_from: said.upgrades_from,
        config_schema,
        capabilities: said.capabilities,
    };
    Ok((manifest, typed))
}

/// Enough of a text that may be anything.
fn short(text: &str) -> &str {
    super::limits::cut(text, 80)
}

fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
}

/// <https://semver.org/>, version 2.
fn is_semver(version: &str) -> bool {
    let identifiers = |text: &str, leading_zero: bool| {
        text.split('.').all(|part| {
            let digits = part.chars().all(|c| c.is_ascii_digit());
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                && (leading_zero || !digits || part.len() == 1 || !part.starts_with('0'))
        })
    };
    let (rest, build) = version.split_once('+').map_or((version, None), |(rest, build)| (rest, Some(build)));
    let (core, pre) = rest.split_once('-').map_or((rest, None), |(core, pre)| (core, Some(pre)));
    version.len() <= 128
        && core.split('.').count() == 3
        && core.chars().all(|c| c.is_ascii_digit() || c == '.')
        && identifiers(core, false)
        && pre.is_none_or(|pre| identifiers(pre, false))
        && build.is_none_or(|build| identifiers(build, true))
}

fn check_columns(said: bindings::Columns, wrong: &mut Vec<String>) -> (Columns, Option<SchemaRef>) {
    match said {
        bindings::Columns::All => (Columns::All, None),
        bindings::Columns::Named(names) if names.len() > MAX_COLUMNS => {
            let columns = names.len();
            wrong.push(format!("its manifest names {columns} columns; at most {MAX_COLUMNS} are allowed"));
            (Columns::All, None)
        }
        bindings::Columns::Named(names) => {
            let mut seen = HashSet::new();
            for (i, name) in names.iter().enumerate() {
                if name.is_empty() || name.len() > MAX_NAME_BYTES {
                    wrong.push(format!(
                        "its manifest's column {i} must have a name of 1 to {MAX_NAME_BYTES} bytes"
                    ));
                } else if !seen.insert(name) {
                    wrong.push(format!("its manifest names the column `{name}` twice"));
                }
            }
            (Columns::Named(names), None)
        }
        bindings::Columns::Typed(message) => match decode_schema(&message) {
            Ok(schema) => (Columns::Typed(declared(&schema)), Some(schema)),
            Err(e) => {
                wrong.push(format!("its manifest's columns are no Schema message: {e}"));
                (Columns::All, None)
            }
        },
    }
}

/// A schema in plain words.
fn declared(schema: &Schema) -> Vec<ColumnDecl> {
    let declare = |field: &arrow::datatypes::FieldRef| ColumnDecl {
        name: field.name().clone(),
        data_type: show_type(field.data_type()),
    };
    schema.fields().iter().map(declare).collect()
}

fn check_config_schema(text: &str, wrong: &mut Vec<String>) -> Option<serde_json::Value> {
    if text.is_empty() {
        return None;
    }
    if text.len() > MAX_CONFIG_SCHEMA_BYTES {
        wrong.push(format!(
            "its manifest's config-schema has {} bytes; at most {MAX_CONFIG_SCHEMA_BYTES} are allowed",
            text.len()
        ));
        return None;
    }
    match serde_json::from_str(text) {
        Ok(schema @ (serde_json::Value::Object(_) | serde_json::Value::Bool(_))) => Some(schema),
        Ok(_) => {
            wrong.push("its manifest's config-schema must be a JSON object or a boolean".into());
            None
        }
        Err(e) => {
            wrong.push(format!("its manifest's config-schema is no JSON: {e}"));
            None
        }
    }
}

fn check_capabilities(said: &[String], world: World, wrong: &mut Vec<String>) {
    for capability in said {
        if !CAPABILITIES.contains(&capability.as_str()) {
            let known = CAPABILITIES.join(", ");
            wrong.push(format!(
                "its manifest asks for the capability {:?}; there are {known}",
                short(capability)
            ));
        } else if matches!(capability.as_str(), "state" | "timers") && world != World::Agent {
            wrong.push(format!(
                "its manifest asks for `{capability}`, which only an agent may have; it is a {world}"
            ));
        }
    }
}

fn check_state(said: bindings::StateDecl, wrong: &mut Vec<String>) -> Option<StateDecl> {
    if !is_name(&said.name) {
        wrong.push(format!(
            "its manifest's state {:?} must be 1 to 64 of a-z, 0-9, - and _, starting with a letter",
            short(&said.name)
        ));
        return None;
    }
    let mut columns = |message: &[u8], what: &str| match decode_schema(message) {
        Ok(schema) => Some(declared(&schema)),
        Err(e) => {
            wrong.push(format!("the {what} of its state `{}` is no Schema message: {e}", said.name));
            None
        }
    };
    let (key, value) = (columns(&said.key, "key"), columns(&said.value, "value"));
    Some(StateDecl { name: said.name, key: key?, value: value?, version: said.version, ttl_ms: said.ttl_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> bindings::Manifest {
        bindings::Manifest {
            name: "scorer".into(),
            version: "1.2.0".into(),
            columns: bindings::Columns::Named(vec!["amount".into()]),
            extends: true,
            deterministic: true,
            states: vec![],
            upgrades_from: vec![],
            config_schema: String::new(),
            capabilities: vec!["clock".into()],
        }
    }

    #[test]
    fn a_good_one_survives_json() {
        let (manifest, typed) = check(said(), World::Map).unwrap();
        assert!(typed.is_none());
        assert_eq!(manifest.label(), "scorer@1.2.0");
        let json = serde_json::to_string(&manifest).unwrap();
        assert_eq!(serde_json::from_str::<Manifest>(&json).unwrap(), manifest);
    }

    #[test]
    fn a_bad_one_gives_every_reason() {
        let mut said = said();
        said.name = "Scorer!".into();
        said.version = "1.02.0".into();
        said.columns = bindings::Columns::Named(vec!["a".into(), "a".into(), String::new()]);
        said.config_schema = "{".into();
        said.capabilities = vec!["files".into(), "state".into()];
        let reasons = check(said, World::Filter).unwrap_err().join("\n");
        insta::assert_snapshot!(reasons, @r#"
        its manifest's name "Scorer!" must be 1 to 64 of a-z, 0-9, - and _, starting with a letter
        its manifest's version "1.02.0" must be MAJOR.MINOR.PATCH
        its manifest names the column `a` twice
        its manifest's column 2 must have a name of 1 to 256 bytes
        its manifest's config-schema is no JSON: EOF while parsing an object at line 1 column 1
        its manifest asks for the capability "files"; there are clock, entropy, state, timers
        its manifest asks for `state`, which only an agent may have; it is a filter
        its manifest says `extends`, which is for map and flat-map; it is a filter
        "#);
    }

    #[test]
    fn versions() {
        for good in ["0.0.0", "1.2.3", "1.2.3-rc.1", "1.2.3+build.007", "1.2.3-a-b+c"] {
            assert!(is_semver(good), "{good}");
        }
        for bad in ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.x", "v1.2.3", "1.2.3+"] {
            assert!(!is_semver(bad), "{bad}");
        }
    }
}
