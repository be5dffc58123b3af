//! Whether the items of an array all differ, whatever they are. Knows nothing of schemas.

use jsonschema::json::{Array, Node as _, Object};
use serde_json::Number;

use super::tape::Entry;

/// Whether no two items are equal as JSON values. Items are compared by bytes that only equal ones share, in order: no
/// choice of items makes that slow, as it could with hashes of them.
pub(super) fn all_differ(array: &Entry<'_>) -> bool {
    let mut items: Vec<Vec<u8>> = array
        .elements()
        .map(|item| {
            let mut bytes = Vec::new();
            put(item, &mut bytes);
            bytes
        })
        .collect();
    items.sort_unstable();
    items.windows(2).all(|pair| pair[0] != pair[1])
}

/// The kind, the length of what has one, and what is in it; no two values that differ have the same bytes.
fn put(value: Entry<'_>, out: &mut Vec<u8>) {
    let count = |kind: u8, count: usize, out: &mut Vec<u8>| {
        out.push(kind);
        out.extend_from_slice(&(count as u64).to_be_bytes());
    };
    if let Some(text) = value.as_string() {
        count(b's', text.len(), out);
        out.extend_from_slice(text.as_bytes());
    } else if let Some(number) = value.as_number() {
        put_number(number, out);
    } else if let Some(array) = value.as_array() {
        count(b'a', Array::len(&array), out);
        array.elements().for_each(|item| put(item, out));
    } else if let Some(object) = value.as_object() {
        count(b'o', Object::len(&object), out);
        let mut members: Vec<_> = object.members().collect();
        members.sort_unstable_by_key(|(key, _)| *key);
        for (key, value) in members {
            count(b'k', key.len(), out);
            out.extend_from_slice(key.as_bytes());
            put(value, out);
        }
    } else {
        out.push(match value.as_boolean() {
            Some(true) => b't',
            Some(false) => b'f',
            None => b'n',
        });
    }
}

/// Equal numbers are equal however they are written: 1 and 1.0, 0 and -0.0.
fn put_number(number: &Number, out: &mut Vec<u8>) {
    let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    let float = number.as_f64().unwrap_or_default();
    let whole = whole.or_else(|| (float.fract() == 0.0 && float.abs() < 1e30).then_some(float as i128));
    match whole {
        Some(whole) => {
            out.push(b'w');
            out.extend_from_slice(&whole.to_be_bytes());
        }
        None => {
            out.push(b'd');
            out.extend_from_slice(&float.to_bits().to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tape::Tape;
    use super::*;

    fn differ(text: &str) -> bool {
        let mut tape = Tape::default();
        all_differ(&tape.read(text.as_bytes()).unwrap())
    }

    #[test]
    fn equal_values_are_equal_however_they_are_written() {
        for text in [
            "[1, 1.0]",
            "[0, -0.0]",
            "[-0, 0]",
            "[1e2, 100]",
            "[18446744073709551615, 18446744073709551615]",
            r#"[{"a": 1, "b": [2]}, {"b": [2.0], "a": 1}]"#,
            r#"["\u0061", "a"]"#,
            "[null, true, null]",
        ] {
            assert!(!differ(text), "{text}");
        }
        for text in [
            "[]",
            "[1]",
            "[1, true]",
            "[0, false, null, \"\", [], {}]",
            "[[], [[]], [[], []], [[[]]]]",
            "[0.1, 0.2]",
            r#"[{"a": 1}, {"a": 2}, {"b": 1}]"#,
            "[9007199254740993, 9007199254740992.0]",
            "[1e300, 1e301]",
            r#"["a", ["a"]]"#,
            r#"[["ab", "c"], ["a", "bc"]]"#,
        ] {
            assert!(differ(text), "{text}");
        }
    }

    #[test]
    fn trees_of_arrays_are_told_apart_quickly() {
        // All hash like nothing where an array hashes as its items.
        let mut trees = vec!["[]".to_owned()];
        for depth in 0..11 {
            let more: Vec<String> = trees
                .iter()
                .map(|tree| format!("[{tree}, {}]", "[".repeat(depth) + &"]".repeat(depth)))
                .filter(|tree| !tree.contains(", ]"))
                .collect();
            trees.extend(more);
        }
        trees.sort();
        trees.dedup();
        assert!(trees.len() > 1_000, "{}", trees.len());
        assert!(differ(&format!("[{}]", trees.join(","))));
    }
}
