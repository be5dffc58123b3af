//! Defaults: JSON of a schema to the bytes that a record would hold in its place, so that a default is read and
//! written like any other value. Knows nothing of columns.

use serde_json::Value;

use super::budget::Budget;
use super::reasons::{Reasons, clip, clip_json};
use super::types::{Field, Id, Kind, Types};
use super::write::{write_bytes, write_long};

/// Values in a default, at most, with those of branches that do not fit: records that default to records can make
/// any number.
const VALUES_MAX: usize = 10_000;
/// Defaults within defaults, at most so deep.
const MAX_DEPTH: usize = 64;

/// The bytes of a field's default; `None` where it has none. What it takes to find them is taken off the budget: it may
/// be asked for once for each branch of a union.
pub(super) fn default_of(types: &Types, field: &Field, budget: &Budget) -> Result<Option<Vec<u8>>, Reasons> {
    let Some(json) = &field.default else { return Ok(None) };
    let mut default = Default { types, out: Vec::new(), values: 0 };
    let written = default.value(field.of, json, 0);
    budget.spend(default.out.len() + default.values)?;
    written.map_err(|why| format!("the default of {}: {why}", clip(&field.name)))?;
    Ok(Some(default.out))
}

struct Default<'a> {
    types: &'a Types,
    out: Vec<u8>,
    values: usize,
}

impl Default<'_> {
    fn value(&mut self, id: Id, json: &Value, depth: usize) -> Result<(), String> {
        self.values += 1;
        if depth > MAX_DEPTH || self.values > VALUES_MAX {
            return Err(format!("deeper than {MAX_DEPTH} levels or more than {VALUES_MAX} values"));
        }
        let types = self.types;
        let unfit = || format!("{} is no {}", clip_json(json), types.get(id).label());
        match types.kind(id) {
            Kind::Null => json.as_null().ok_or_else(unfit)?,
            Kind::Boolean => self.out.push(u8::from(json.as_bool().ok_or_else(unfit)?)),
            Kind::Int => {
                let value = json.as_i64().and_then(|value| i32::try_from(value).ok());
                write_long(i64::from(value.ok_or_else(unfit)?), &mut self.out);
            }
            Kind::Long => write_long(json.as_i64().ok_or_else(unfit)?, &mut self.out),
            Kind::Float => self.out.extend((float(json).ok_or_else(unfit)? as f32).to_le_bytes()),
            Kind::Double => self.out.extend(float(json).ok_or_else(unfit)?.to_le_bytes()),
            Kind::String => write_bytes(json.as_str().ok_or_else(unfit)?.as_bytes(), &mut self.out),
            Kind::Bytes => write_bytes(&latin1(json).ok_or_else(unfit)?, &mut self.out),
            Kind::Fixed(_, size) => {
                let bytes = latin1(json).filter(|bytes| bytes.len() == *size);
                self.out.extend(bytes.ok_or_else(unfit)?);
            }
            Kind::Enum(of) => {
                let symbol = of.symbols.iter().position(|symbol| Some(symbol.as_str()) == json.as_str());
                write_long(symbol.ok_or_else(unfit)? as i64, &mut self.out);
            }
            Kind::Union(branches) => return self.union(branches, json, depth).ok_or_else(unfit),
            _ => return self.nested(id, json, depth),
        }
        Ok(())
    }

    fn nested(&mut self, id: Id, json: &Value, depth: usize) -> Result<(), String> {
        let types = self.types;
        let unfit = || format!("{} is no {}", clip_json(json), types.get(id).label());
        match types.kind(id) {
            Kind::Array(items) => {
                let all = json.as_array().ok_or_else(unfit)?;
                self.begin_block(all.len());
                all.iter().try_for_each(|item| self.value(*items, item, depth + 1))?;
                self.out.push(0);
            }
            Kind::Map(values) => {
                let all = json.as_object().ok_or_else(unfit)?;
                self.begin_block(all.len());
                for (key, value) in all {
                    write_bytes(key.as_bytes(), &mut self.out);
                    self.value(*values, value, depth + 1)?;
                }
                self.out.push(0);
            }
            Kind::Record(record) => {
                let members = json.as_object().ok_or_else(unfit)?;
                for field in &record.fields {
                    let value = members.get(&field.name).or(field.default.as_ref());
                    let value = value.ok_or_else(|| {
                        format!("{} lacks the field {}", clip_json(json), clip(&field.name))
                    })?;
                    self.value(field.of, value, depth + 1)?;
                }
            }
            _ => return Err(unfit()),
        }
        Ok(())
    }

    fn begin_block(&mut self, items: usize) {
        if items > 0 {
            write_long(items as i64, &mut self.out);
        }
    }

    /// The first branch that takes the value; before version 1.12 the specification has but the first of all,
    /// which is the same for schemas written by it.
    fn union(&mut self, branches: &[Id], json: &Value, depth: usize) -> Option<()> {
        let begin = self.out.len();
        for (index, &branch) in branches.iter().enumerate() {
            write_long(index as i64, &mut self.out);
            if self.value(branch, json, depth + 1).is_ok() {
                return Some(());
            }
            self.out.truncate(begin);
        }
        None
    }
}

/// JSON has no number for these, and schemas write them so.
fn float(json: &Value) -> Option<f64> {
    match json.as_str() {
        Some("NaN") => Some(f64::NAN),
        Some("INF" | "Infinity") => Some(f64::INFINITY),
        Some("-INF" | "-Infinity") => Some(f64::NEG_INFINITY),
        _ => json.as_f64(),
    }
}

/// Bytes are written as text, a character for each.
fn latin1(json: &Value) -> Option<Vec<u8>> {
    json.as_str()?.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}
