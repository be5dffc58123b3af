//! A tape holds what the tree of the same text holds.

use std::collections::BTreeMap;

use jsonschema::json::{Array, Json as _, Node as _, Object};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::tape::{Entry, Tape};

/// Members of an object whose keys all differ.
fn members(members: Vec<(String, String)>) -> String {
    let members: BTreeMap<String, String> = members.into_iter().collect();
    let texts: Vec<String> = members.iter().rev().map(|(key, value)| format!("\"{key}\": {value}")).collect();
    format!("{{{}}}", texts.join(", "))
}

/// Texts of values, some with many keys.
fn text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<u64>().prop_map(|value| value.to_string()),
        (-1e300..1e300).prop_map(|value: f64| format!("{value:e}")),
        "[a-c]{0,3}".prop_map(|text| format!("\"{text}\"")),
        Just(r#""\u00e4\n\ud83d\ude00""#.to_owned()),
    ];
    leaf.prop_recursive(4, 200, 60, |inner| {
        let member = ("[a-h]{1,2}", inner.clone());
        prop_oneof![
            vec(inner, 0..6).prop_map(|items| format!("[{}]", items.join(", "))),
            vec(member.clone(), 0..6).prop_map(members),
            vec(member, 20..60).prop_map(members),
        ]
    })
}

fn agree(entry: Entry, value: &Value) {
    assert_eq!(*entry.to_value(), *value);
    assert!(entry.equals_value(value));
    match value {
        Value::Object(members) => {
            let object = entry.as_object().unwrap();
            assert_eq!((Object::len(&object), object.members().count()), (members.len(), members.len()));
            for (key, value) in members {
                agree(object.get(&Tape::prepare_key(key)).unwrap(), value);
            }
            assert!(object.get(&Tape::prepare_key("zz")).is_none());
        }
        Value::Array(items) => {
            let array = entry.as_array().unwrap();
            assert_eq!(Array::len(&array), items.len());
            array.elements().zip(items).for_each(|(entry, item)| agree(entry, item));
        }
        Value::String(text) => assert_eq!(entry.as_string().unwrap(), *text),
        Value::Number(number) => assert_eq!(entry.as_number().unwrap(), number),
        Value::Bool(value) => assert_eq!(entry.as_boolean(), Some(*value)),
        Value::Null => assert!(entry.is_null()),
    }
}

proptest! {
    #[test]
    fn it_holds_what_a_tree_holds(texts in vec(text(), 1..3)) {
        let mut tape = Tape::default();
        for text in texts {
            agree(tape.read(text.as_bytes()).unwrap(), &serde_json::from_str(&text).unwrap());
        }
    }

    #[test]
    fn it_refuses_what_has_no_tree(text in "[\\[\\]{}\",:0-9eE.\\-a]{0,24}") {
        let tree = serde_json::from_str::<Value>(&text);
        let read = Tape::default().read(text.as_bytes()).map(|entry| entry.to_value().into_owned());
        prop_assert_eq!(read.map_err(|e| e.to_string()), tree.map_err(|e| e.to_string()));
    }
}
