//! A source, step or sink while it is being written: a name and keys, as a specification has them. What the keys mean
//! is checked by `spec`, never here.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::operator::native::Function;
use crate::spec::{MAX_NAME_CHARS, PORT_ERRORS, PORT_MAIN};

/// What has a name in a pipeline.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub name: String,
    /// The program chose the name, so it stays as it is also where it is taken.
    pub named: bool,
    pub keys: Map<String, Value>,
    pub function: Option<Function>,
}

impl Item {
    /// Called after `what`, as far as that can be a name.
    pub fn new(what: &str) -> Item {
        Item { name: name_of(what), named: false, keys: Map::new(), function: None }
    }

    /// One key.
    pub fn with(what: &str, key: &str, value: impl Into<Value>) -> Item {
        let mut item = Item::new(what);
        item.set(key, value);
        item
    }

    pub fn set(&mut self, path: &str, value: impl Into<Value>) {
        set(&mut self.keys, path, value.into());
    }

    pub fn rename(&mut self, name: String) {
        self.name = name;
        self.named = true;
    }

    /// Takes another name where this one is taken.
    pub fn avoid(&mut self, is_taken: impl Fn(&str) -> bool) {
        let taken = |name: &str| is_taken(name) || [PORT_MAIN, PORT_ERRORS].contains(&name);
        if self.named || !taken(&self.name) {
            return;
        }
        let base = self.name.clone();
        let free = (2..).map(|number: u32| format!("{base}_{number}")).find(|name| !taken(name));
        self.name = free.unwrap_or(base);
    }
}

/// Sets the key at a path (`limits.memory`); mappings on the way are made.
pub(super) fn set(keys: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((first, rest)) = path.split_once('.') else {
        keys.insert(path.to_owned(), value);
        return;
    };
    let below = keys.entry(first.to_owned()).or_insert_with(|| Value::Object(Map::new()));
    if !below.is_object() {
        *below = Value::Object(Map::new());
    }
    if let Value::Object(below) = below {
        set(below, rest, value);
    }
}

/// A duration as a specification writes it, in the largest unit that says it whole.
pub(super) fn duration(time: Duration) -> Value {
    crate::spec::show_duration(time).into()
}

/// The nearest name: lower-case letters, digits, `_` and `-`, a letter first.
fn name_of(what: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '_' };
    let name: String = what.chars().map(legal).take(MAX_NAME_CHARS - 6).collect();
    if name.starts_with(|c: char| c.is_ascii_lowercase()) { name } else { format!("x{name}") }
}
