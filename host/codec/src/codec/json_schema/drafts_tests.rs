//! The drafts that the suite's cases do not go through: 4, 6 and 2019-09, by what each has and the others have not.

use std::sync::Arc;

use super::columns;
use crate::codec::registered::{RegisteredSchema, SchemaKind};
use crate::codec::trip::records;
use crate::codec::{Codec, Decode, Decoder};

const DRAFT_4: &str = "http://json-schema.org/draft-04/schema#";
const DRAFT_6: &str = "http://json-schema.org/draft-06/schema#";
const DRAFT_7: &str = "http://json-schema.org/draft-07/schema#";
const DRAFT_2019: &str = "https://json-schema.org/draft/2019-09/schema";
const DRAFT_2020: &str = "https://json-schema.org/draft/2020-12/schema";

/// Which of the values a schema of this draft takes, by their indexes; or why it is none.
fn taken(draft: &str, rest: &str, values: &[&str]) -> Result<Vec<usize>, String> {
    let text = format!(r#"{{"$schema":"{draft}","type":"object",{rest}}}"#);
    let schema = RegisteredSchema::new(SchemaKind::Json, text);
    let columns = columns(&schema)?;
    let decode = Decode { reader: Some(Arc::new(schema)), ..Decode::plain(Codec::JsonSchema, columns) };
    let decoded = Decoder::new(&decode, &Default::default())?.decode(&records(values)).unwrap();
    assert!(decoded.errors.iter().all(|error| error.code == "schema-violation"), "{:?}", decoded.errors);
    let refused: Vec<usize> = decoded.errors.iter().map(|error| error.index as usize).collect();
    Ok((0..values.len()).filter(|index| !refused.contains(index)).collect())
}

fn columns_of(draft: &str, rest: &str) -> String {
    let text = format!(r#"{{"$schema":"{draft}","type":"object",{rest}}}"#);
    let columns = columns(&RegisteredSchema::new(SchemaKind::Json, text)).unwrap();
    let shown = columns.fields().iter().map(|field| {
        let null = if field.is_nullable() { "" } else { "!" };
        format!("{}: {}{null}", field.name(), field.data_type())
    });
    shown.collect::<Vec<_>>().join(", ")
}

#[test]
fn in_draft_4_a_limit_is_made_exclusive_by_a_boolean() {
    let limit = r#""properties":{"n":{"type":"integer","maximum":10,"exclusiveMaximum":true}}"#;
    assert_eq!(taken(DRAFT_4, limit, &[r#"{"n":9}"#, r#"{"n":10}"#]), Ok(vec![0]));
    insta::assert_snapshot!(taken(DRAFT_6, limit, &[]).unwrap_err(), @r#"the schema cannot be used: at /properties/n/exclusiveMaximum: true is not of type "number""#);
    // What came later says nothing.
    let later = r#""properties":{"n":{"type":"integer","const":1}},"propertyNames":{"maxLength":1}"#;
    assert_eq!(taken(DRAFT_4, later, &[r#"{"n":2,"long":1}"#]), Ok(vec![0]));
    let of_id = r##""id":"http://shop/order","properties":{"n":{"$ref":"#/definitions/n"}},"definitions":{"n":{"type":"integer"}}"##;
    assert_eq!(columns_of(DRAFT_4, of_id), "n: Int64");
    assert_eq!(taken(DRAFT_4, of_id, &[r#"{"n":2}"#, r#"{"n":"x"}"#]), Ok(vec![0]));
}

#[test]
fn draft_6_has_const_contains_and_limits_that_are_numbers() {
    let rest = r#""properties":{"kind":{"const":"order"},"tags":{"type":"array","items":{"type":"string"},"contains":{"const":"new"}},
        "n":{"type":"integer","exclusiveMaximum":10}},"propertyNames":{"maxLength":4}"#;
    let values = [
        r#"{"kind":"order","tags":["old","new"],"n":9}"#,
        r#"{"kind":"bill"}"#,
        r#"{"tags":["old"]}"#,
        r#"{"n":10}"#,
        r#"{"longer":1}"#,
    ];
    assert_eq!(taken(DRAFT_6, rest, &values), Ok(vec![0]));
    assert_eq!(columns_of(DRAFT_6, rest), "kind: Utf8, tags: List(non-null Utf8), n: Int64");
    // Draft-07 brought `if`.
    let choice = r#""properties":{"n":{"type":"integer"}},"if":{"required":["n"]},"then":{"required":["m"]}"#;
    assert_eq!(taken(DRAFT_6, choice, &[r#"{"n":1}"#]), Ok(vec![0]));
    assert_eq!(taken(DRAFT_7, choice, &[r#"{"n":1}"#]), Ok(vec![]));
}

#[test]
fn draft_2019_09_has_what_is_required_together_and_what_nobody_looked_at() {
    let rest = r##""properties":{"card":{"type":"string"},"n":{"$ref":"#count"}},"dependentRequired":{"card":["n"]},
        "anyOf":[{"properties":{"more":{"type":"string"}}},true],"unevaluatedProperties":false,
        "$defs":{"n":{"$anchor":"count","type":"integer"}}"##;
    let values =
        [r#"{"card":"x","n":1,"more":"y"}"#, r#"{"card":"x"}"#, r#"{"n":1,"other":2}"#, r#"{"n":"x"}"#];
    assert_eq!(taken(DRAFT_2019, rest, &values), Ok(vec![0]));
    insta::assert_snapshot!(columns_of(DRAFT_2019, rest), @"card: Utf8, n: Int64, more: Utf8");
    let both =
        r#""properties":{"a":{"type":"string"},"b":{"type":"string"}},"dependentRequired":{"a":["b"]}"#;
    assert_eq!(taken(DRAFT_7, both, &[r#"{"a":"x"}"#]), Ok(vec![0]));
    // 2020-12 brought tuples by `prefixItems`; here they are a list of `items`.
    let pair =
        |key: &str| format!(r#""properties":{{"p":{{"type":"array","{key}":[{{"type":"integer"}}]}}}}"#);
    let value = [r#"{"p":["x"]}"#];
    assert_eq!(taken(DRAFT_2019, &pair("prefixItems"), &value), Ok(vec![0]));
    assert_eq!(taken(DRAFT_2019, &pair("items"), &value), Ok(vec![]));
    assert_eq!(taken(DRAFT_2020, &pair("prefixItems"), &value), Ok(vec![]));
}

#[test]
fn from_2019_09_on_a_format_is_a_remark() {
    let mail = r#""properties":{"mail":{"type":"string","format":"email"}}"#;
    let of = |draft| taken(draft, mail, &[r#"{"mail":"nobody"}"#]);
    for draft in [DRAFT_4, DRAFT_6, DRAFT_7] {
        assert_eq!(of(draft), Ok(vec![]), "{draft}");
    }
    for draft in [DRAFT_2019, DRAFT_2020] {
        assert_eq!(of(draft), Ok(vec![0]), "{draft}");
    }
}
