//! JSON text to a tree, through serde_json: duplicate keys are kept so that they can be told. Knows nothing of
//! pipelines.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::error::SpecError;
use super::tree::{Entry, Node, Value};

/// The value in `text`. serde_json bounds the depth at 128.
pub(super) fn parse(text: &str) -> Result<Node, SpecError> {
    serde_json::from_str(text)
        .map_err(|error| SpecError::new("", format!("this is not JSON: {error}")).line(Some(error.line())))
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

fn node(value: Value) -> Node {
    Node { value, line: None }
}

fn plain(text: impl fmt::Display) -> Node {
    node(Value::Scalar { text: text.to_string(), plain: true })
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(plain("null"))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(plain(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(plain(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(plain(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        // `{:?}` keeps the point of 1.0, so that it stays a float.
        Ok(plain(format_args!("{value:?}")))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(node(Value::Scalar { text: value.to_owned(), plain: false }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(node(Value::List(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some((key, node)) = entries.next_entry()? {
            map.push(Entry { key, line: None, node });
        }
        Ok(node(Value::Map(map)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::error::Findings;

    #[test]
    fn a_value_comes_back_as_it_was() {
        let text =
            r#"{"a":[1,-2,1.5,1.0,1e300,true,null,"5","\ud83d\ude00"],"b":{"c":18446744073709551615}}"#;
        let tree = parse(text).unwrap();
        let back = tree.to_json("", &mut Findings::default());
        assert_eq!(back, serde_json::from_str::<serde_json::Value>(text).unwrap());
    }

    #[test]
    fn duplicates_and_depth_are_told() {
        let mut findings = Findings::default();
        parse(r#"{"a": {"b": 1, "b": 2}}"#).unwrap().find_duplicates("", &mut findings);
        insta::assert_snapshot!(findings.into_errors()[0], @"a.b: the key `b` is written twice");
        insta::assert_snapshot!(parse(&"[".repeat(100_000)).unwrap_err(), @"line 1: this is not JSON: recursion limit exceeded at line 1 column 128");
        insta::assert_snapshot!(parse("{\n\"a\": }").unwrap_err(), @"line 2: this is not JSON: expected value at line 2 column 6");
    }
}
