//! The output ports that a guest answers in `bind`: read, and held against what its world promises. Decisions alone:
//! it knows no store and calls nothing.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Fields, Schema, SchemaRef};

use super::bindings::Port;
use super::boundary::decode_schema;
use super::limits::{MAX_NAME_BYTES, MAX_PORTS};
use super::{Manifest, World};

/// The output column that says which input row a row of a flat-map came from.
pub(super) const ROW_COLUMN: &str = "$row";
/// The name of the one output port of what is no agent, and of the input port.
pub(super) const MAIN_PORT: &str = "main";
/// The ports of an aggregate, in this order: `take-state` emits on the first, `finish` on the second.
const AGGREGATE_PORTS: [&str; 2] = ["state", "result"];

/// Ports by name, in the guest's order.
pub(super) type Ports = Vec<(String, SchemaRef)>;

/// Reads what crossed the boundary.
pub(super) fn read(ports: Vec<Port>) -> Result<Ports, String> {
    if ports.len() > MAX_PORTS {
        return Err(format!("it announced {} output ports; at most {MAX_PORTS} are allowed", ports.len()));
    }
    let read = |port: Port| {
        if port.name.len() > MAX_NAME_BYTES {
            return Err(format!(
                "a port's name has {} bytes; at most {MAX_NAME_BYTES} are allowed",
                port.name.len()
            ));
        }
        let schema = decode_schema(&port.schema)
            .map_err(|wrong| format!("the schema of its output port `{}` is wrong: {wrong}", port.name))?;
        Ok((port.name, schema))
    };
    ports.into_iter().map(read).collect()
}

/// What leaves a component that is given `input`, when these are the ports that it announced.
pub(super) fn leaving(
    manifest: &Manifest,
    input: &SchemaRef,
    ports: &[(String, SchemaRef)],
) -> Result<Ports, String> {
    match (manifest.world, ports) {
        (World::Filter, []) => Ok(vec![(MAIN_PORT.into(), Arc::clone(input))]),
        (World::Filter, _) => Err(format!("a filter has no output port, and it announced {}", ports.len())),
        (World::Map | World::FlatMap, [(_, schema)]) => {
            Ok(vec![(MAIN_PORT.into(), output_schema(manifest, input, schema)?)])
        }
        (World::Scalar, [(_, schema)]) => match schema.fields().len() {
            1 => check_names(schema).map(|()| vec![(MAIN_PORT.into(), Arc::clone(schema))]),
            columns => Err(format!("a scalar has one output column, and its port has {columns}")),
        },
        (World::Aggregate, _) => aggregate(ports),
        (World::Agent, [_, ..]) => agent(ports),
        (World::Agent, []) => Err("an agent has one output port or more, and it announced none".into()),
        (world @ (World::Map | World::FlatMap | World::Scalar), _) => {
            Err(format!("a {world} has one output port, and it announced {}", ports.len()))
        }
    }
}

fn aggregate(ports: &[(String, SchemaRef)]) -> Result<Ports, String> {
    let names: Vec<&str> = ports.iter().map(|(name, _)| name.as_str()).collect();
    if names != AGGREGATE_PORTS {
        let found = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(format!(
            "an aggregate has the output ports {}, and it announced {found}",
            AGGREGATE_PORTS.join(", ")
        ));
    }
    ports.iter().try_for_each(check_columns)?;
    Ok(ports.to_vec())
}

fn agent(ports: &[(String, SchemaRef)]) -> Result<Ports, String> {
    for (i, port) in ports.iter().enumerate() {
        let name = &port.0;
        let good = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-');
        if !good {
            return Err(format!(
                "a port's name must be of a-z, 0-9, - and _, starting with a letter; it has {name:?}"
            ));
        }
        if matches!(name.as_str(), "errors" | "late") {
            return Err(format!("the port name `{name}` is taken: every step has one"));
        }
        if ports[..i].iter().any(|(before, _)| before == name) {
            return Err(format!("there are two ports `{name}`"));
        }
        check_columns(port)?;
    }
    Ok(ports.to_vec())
}

fn check_columns((name, schema): &(String, SchemaRef)) -> Result<(), String> {
    if schema.fields().is_empty() {
        return Err(format!("the port `{name}` has no columns"));
    }
    check_names(schema).map_err(|wrong| format!("port `{name}`: {wrong}"))
}

/// The columns that leave a map or flat-map.
fn output_schema(manifest: &Manifest, input: &Schema, guest: &Schema) -> Result<SchemaRef, String> {
    let mut fields: Vec<FieldRef> = guest.fields().iter().cloned().collect();
    check_names(guest)?;
    if manifest.world == World::FlatMap {
        let last = fields.last().is_some_and(|field| field.name() == ROW_COLUMN);
        if last {
            let row = fields.pop();
            if row.is_some_and(|row| *row.data_type() != DataType::UInt32 || row.is_nullable()) {
                return Err(format!("the column `{ROW_COLUMN}` must be UInt32 and never null"));
            }
        } else if manifest.extends {
            return Err(format!("it extends its input, so the last column must be `{ROW_COLUMN}`"));
        }
    }
    if fields.iter().any(|field| field.name() == ROW_COLUMN) {
        return Err(format!("`{ROW_COLUMN}` may only be the last column of a flat-map"));
    }
    if manifest.extends {
        fields = extended(input, &fields);
    } else if fields.is_empty() {
        return Err("there are no output columns".into());
    }
    Ok(Arc::new(Schema::new(Fields::from(fields))))
}

/// The input's columns with the emitted ones: in place of those of the same name, or after them.
fn extended(input: &Schema, emitted: &[FieldRef]) -> Vec<FieldRef> {
    let mut fields: Vec<FieldRef> = input.fields().iter().cloned().collect();
    for field in emitted {
        match fields.iter_mut().find(|old| old.name() == field.name()) {
            Some(old) => *old = Arc::clone(field),
            None => fields.push(Arc::clone(field)),
        }
    }
    fields
}

fn check_names(schema: &Schema) -> Result<(), String> {
    for (i, field) in schema.fields().iter().enumerate() {
        let name = field.name();
        if name.is_empty() {
            return Err(format!("the output column {i} has no name"));
        }
        if schema.fields()[..i].iter().any(|before| before.name() == name) {
            return Err(format!("there are two output columns `{name}`"));
        }
    }
    Ok(())
}
