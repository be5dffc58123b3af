//! From the parts of a pipeline to the text of its specification. Keys that a program said twice stay twice, so that
//! whoever reads the text tells the mistake.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::item::Item;

/// Sources, steps and sinks.
type Sections<'a> = [&'a Vec<Item>; 3];

pub(super) fn json(name: &str, settings: &Map<String, Value>, sections: Sections<'_>) -> String {
    // Serializing maps with text keys into memory cannot fail.
    serde_json::to_string_pretty(&Document { name, settings, sections }).unwrap_or_default()
}

pub(super) fn yaml(name: &str, settings: &Map<String, Value>, sections: Sections<'_>) -> String {
    // As above.
    serde_saphyr::to_string(&Document { name, settings, sections }).unwrap_or_default()
}

struct Document<'a> {
    name: &'a str,
    settings: &'a Map<String, Value>,
    sections: Sections<'a>,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", self.name)?;
        for (key, value) in self.settings {
            map.serialize_entry(key, value)?;
        }
        for (key, items) in ["sources", "steps", "sinks"].into_iter().zip(self.sections) {
            if !items.is_empty() {
                map.serialize_entry(key, &Section { pipeline: self.name, items })?;
            }
        }
        map.end()
    }
}

struct Section<'a> {
    pipeline: &'a str,
    items: &'a [Item],
}

impl Serialize for Section<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.items.len()))?;
        for item in self.items {
            map.serialize_entry(&item.name, &keys(self.pipeline, item))?;
        }
        map.end()
    }
}

/// The keys of an item with those that follow from its name: the function of a native step, and the channel of
/// rows from and to the program, which the whole process shares.
fn keys(pipeline: &str, item: &Item) -> Map<String, Value> {
    let mut keys = item.keys.clone();
    if item.function.is_some() {
        keys.shift_insert(keys.len().min(1), "native".into(), item.name.as_str().into());
    }
    if let Some(Value::Object(memory)) = keys.get_mut("memory")
        && !memory.contains_key("name")
    {
        memory.shift_insert(0, "name".into(), format!("{pipeline}/{}", item.name).into());
    }
    keys
}
