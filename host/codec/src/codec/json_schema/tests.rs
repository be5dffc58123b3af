//! Which columns a schema gives, what is refused and with which words, and what rows become under a schema.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::*;

use super::{columns, schema_of, title};
use crate::codec::framed::ReadWritten as _;
use crate::codec::registered::{RegisteredSchema, SchemaKind};
use crate::codec::trip::{self, records};
use crate::codec::wire::SchemaId;
use crate::codec::{Codec, Decode, Decoded, Decoder, Encode, Encoded, Encoder, RecordError};

fn registered(text: &str) -> RegisteredSchema {
    RegisteredSchema::new(SchemaKind::Json, text)
}

/// A schema with these properties.
fn object(properties: &str) -> RegisteredSchema {
    registered(&format!(r#"{{"type":"object","properties":{{{properties}}}}}"#))
}

fn described(field: &Field) -> String {
    let null = if field.is_nullable() { "" } else { "!" };
    let json = crate::codec::column::is_json(field);
    let of = match field.data_type() {
        _ if json => "json".to_owned(),
        DataType::Struct(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|f| format!("{}: {}", f.name(), described(f))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        DataType::List(item) => format!("list<{}>", described(item)),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => format!("map<{}>", described(&fields[1])),
            other => other.to_string(),
        },
        other => other.to_string(),
    };
    of + null
}

/// The columns of a schema, a line each, or why it has none.
fn columns_of(schema: &RegisteredSchema) -> String {
    match columns(schema) {
        Ok(columns) => {
            let lines =
                columns.fields().iter().map(|field| format!("{}: {}", field.name(), described(field)));
            lines.collect::<Vec<_>>().join("\n")
        }
        Err(why) => why,
    }
}

fn decoder(schema: &RegisteredSchema) -> Decoder {
    let own = Some(Arc::new(schema.clone()));
    Decoder::new(
        &Decode { reader: own, ..Decode::plain(Codec::JsonSchema, columns(schema).unwrap()) },
        &Default::default(),
    )
    .unwrap()
}

fn decode(schema: &RegisteredSchema, values: &[&str]) -> Decoded {
    decoder(schema).decode(&records(values)).unwrap()
}

fn errors(errors: &[RecordError]) -> String {
    errors.iter().map(|e| format!("{} {}: {}", e.index, e.code, e.message)).collect::<Vec<_>>().join("\n")
}

fn encoder(columns: &SchemaRef, writer: Option<&RegisteredSchema>) -> Result<Encoder, String> {
    let writer = writer.cloned().map(Arc::new);
    Encoder::new(&Encode { writer, ..Encode::plain(Codec::JsonSchema) }, columns)
}

fn encode(rows: &RecordBatch, writer: Option<&RegisteredSchema>) -> Encoded {
    let mut encoded = Encoded::default();
    encoder(&rows.schema(), writer).unwrap().encode(rows, &mut encoded);
    encoded
}

fn lines(encoded: &Encoded) -> String {
    let row = |i| String::from_utf8(encoded.row(i).to_vec()).unwrap();
    (0..encoded.ends.len()).map(row).collect::<Vec<_>>().join("\n")
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let rows = columns.into_iter().map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(rows).unwrap()
}

#[test]
fn single_values_have_the_types_that_hold_them() {
    let schema = object(
        r#""b": {"type":"boolean"}, "i": {"type":"integer"}, "n": {"type":"number"}, "s": {"type":"string"},
        "at": {"type":"string","format":"date-time"}, "day": {"type":"string","format":"date"},
        "time": {"type":"string","format":"time"}, "mail": {"type":"string","format":"email"},
        "bytes": {"type":"string","contentEncoding":"base64"}, "blob": {"type":"string","connect.type":"bytes"},
        "i8": {"type":"integer","connect.type":"int8"}, "i16": {"type":"integer","connect.type":"int16"},
        "i32": {"type":"integer","format":"int32"}, "f32": {"type":"number","format":"float"},
        "small": {"type":"integer","minimum":0,"maximum":255}, "signed": {"type":"integer","minimum":-5},
        "large": {"type":"integer","minimum":0,"maximum":18446744073709551615},
        "word": {"enum":["a","b"]}, "one": {"const":1}, "half": {"const":0.5}, "mixed": {"enum":["a",1]},
        "nothing": {"type":"null"}, "any": {}, "true": true, "never": false, "odd": {"type":"integer","format":"date"}"#,
    );
    insta::assert_snapshot!(columns_of(&schema), @r#"
    b: Boolean
    i: Int64
    n: Float64
    s: Utf8
    at: Timestamp(µs, "UTC")
    day: Date32
    time: Time64(µs)
    mail: Utf8
    bytes: Binary
    blob: Binary
    i8: Int8
    i16: Int16
    i32: Int32
    f32: Float32
    small: Int64
    signed: Int64
    large: UInt64
    word: Utf8
    one: Int64
    half: Float64
    mixed: json
    nothing: json
    any: json
    true: json
    odd: Int64
    "#);
}

#[test]
fn a_column_is_null_where_the_schema_lets_it() {
    let schema = registered(
        r#"{"type":"object","required":["a","b","c","d","e","f","g","h","gone"],"properties":{
        "a": {"type":"integer"}, "b": {"type":["integer","null"]}, "c": {"type":"integer","nullable":true},
        "d": {"oneOf":[{"type":"null"},{"type":"integer"}]}, "e": {"anyOf":[{"type":"integer"},{"type":"null"}]},
        "f": {"enum":[1,null]}, "g": {}, "h": {"type":"array","items":{"type":["string","null"]}},
        "optional": {"type":"integer"}}}"#,
    );
    insta::assert_snapshot!(columns_of(&schema), @r"
    a: Int64!
    b: Int64
    c: Int64!
    d: Int64
    e: Int64
    f: Int64
    g: json
    h: list<Utf8>!
    optional: Int64
    ");
}

#[test]
fn objects_arrays_and_maps_nest() {
    let schema = object(
        r#""o": {"type":"object","properties":{"x":{"type":"number"},"y":{"properties":{"z":{"type":"string"}},"required":["z"]}},"required":["x"]},
        "l": {"type":"array","items":{"type":"object","properties":{"sku":{"type":"string"}}}},
        "ll": {"items":{"items":{"type":"integer"}}},
        "m": {"type":"object","additionalProperties":{"type":"integer"}},
        "p": {"type":"object","patternProperties":{"^a":{"type":"integer"},"^b":{"type":"number"}},"additionalProperties":false},
        "both": {"type":"object","properties":{"x":{"type":"number"}},"additionalProperties":{"type":"integer"}},
        "open": {"type":"object"}, "closed": {"type":"object","additionalProperties":false},
        "many": {"type":"array"}, "tuple": {"type":"array","items":[{"type":"integer"}]},
        "prefix": {"type":"array","prefixItems":[{"type":"integer"}],"items":{"type":"integer"}}"#,
    );
    insta::assert_snapshot!(columns_of(&schema), @r"
    o: {x: Float64!, y: {z: Utf8!}}
    l: list<{sku: Utf8}!>
    ll: list<list<Int64!>!>
    m: map<Int64!>
    p: map<Float64!>
    both: {x: Float64}
    open: json
    closed: json
    many: json
    tuple: json
    prefix: json
    ");
}

#[test]
fn alternatives_give_what_holds_all_of_them() {
    let schema = registered(
        r#"{"allOf":[{"properties":{"id":{"type":"integer"}},"required":["id"]},{"properties":{"user":{"type":"string"}}}],
        "oneOf":[{"required":["user"]},{"required":["paid"]}],
        "properties":{
        "paid": {"oneOf":[{"type":"integer"},{"type":"number"}]},
        "when": {"anyOf":[{"type":"string","format":"date-time"},{"type":"null"}]},
        "whenever": {"anyOf":[{"type":"string","format":"date-time"},{"type":"string"}]},
        "mixed": {"anyOf":[{"type":"string"},{"type":"integer"}]},
        "narrowed": {"allOf":[{"type":["integer","string"]},{"type":"integer","minimum":1}]},
        "shape": {"oneOf":[
            {"type":"object","properties":{"kind":{"const":"circle"},"r":{"type":"number"}},"required":["kind","r"]},
            {"type":"object","properties":{"kind":{"const":"square"},"a":{"type":"integer"}},"required":["kind","a"]},
            {"type":"null"}]},
        "lists": {"oneOf":[{"type":"array","items":{"type":"integer"}},{"type":"array","items":{"type":"number"}}]},
        "maps": {"oneOf":[{"type":"object","additionalProperties":{"type":"integer"}},{"type":"object","additionalProperties":{"type":"null"}}]}
        }}"#,
    );
    insta::assert_snapshot!(columns_of(&schema), @r#"
    paid: Float64
    when: Timestamp(µs, "UTC")
    whenever: Utf8
    mixed: json
    narrowed: Int64
    shape: {kind: Utf8!, r: Float64, a: Int64}
    lists: list<Float64!>
    maps: map<Int64>
    id: Int64!
    user: Utf8
    "#);
}

#[test]
fn references_are_followed_within_and_to_other_schemas() {
    let mut schema = registered(
        r##"{"$id":"http://example.com/order.json","title":"Order","$ref":"#/definitions/order","definitions":{
        "order":{"type":"object","properties":{
            "customer":{"$ref":"customer.json"}, "town":{"$ref":"customer.json#/definitions/town"},
            "money":{"$ref":"http://elsewhere.org/money#/definitions/amount"}, "urn":{"$ref":"urn:example:unit"},
            "parent":{"$ref":"#/definitions/order"}, "node":{"$ref":"#/definitions/node"}, "own":{"$ref":"#own"}}},
        "named":{"$id":"#own","type":"boolean"},
        "node":{"type":"object","properties":{"children":{"type":"array","items":{"$ref":"#/definitions/node"}}}}}}"##,
    );
    let mut customer = registered(
        r##"{"type":"object","properties":{"name":{"type":"string"},"town":{"$ref":"#/definitions/town"},"zip":{"$ref":"zip.json"}},
        "definitions":{"town":{"type":"string"}}}"##,
    );
    customer.references.push(("zip.json".into(), Arc::new(registered(r#"{"type":"integer"}"#))));
    let money = r#"{"$id":"http://elsewhere.org/money","definitions":{"amount":{"type":"number"}}}"#;
    schema.references = vec![
        ("customer.json".into(), Arc::new(customer)),
        ("money".into(), Arc::new(registered(money))),
        ("urn:example:unit".into(), Arc::new(registered(r#"{"type":"string"}"#))),
    ];
    insta::assert_snapshot!(columns_of(&schema), @r"
    customer: {name: Utf8, town: Utf8, zip: Int64}
    town: Utf8
    money: Float64
    urn: Utf8
    parent: json
    node: {children: list<json>}
    own: Boolean
    ");
    assert_eq!(title(&schema).as_deref(), Some("Order"));
    // They are followed when values are checked, too.
    let decoded = decode(
        &schema,
        &[
            r#"{"customer":{"name":"ann","zip":8000},"parent":{"parent":{"urn":"m"}}}"#,
            r#"{"customer":{"name":"ann","zip":"8000"}}"#,
            r#"{"parent":{"parent":{"urn":5}}}"#,
        ],
    );
    insta::assert_snapshot!(errors(&decoded.errors), @r#"
    1 schema-violation: customer.zip: "8000" is not of type "integer"
    2 schema-violation: parent.parent.urn: 5 is not of type "string"
    "#);
}

#[test]
fn a_reference_has_the_name_that_the_schema_uses_whatever_its_base() {
    for id in
        ["", r##""$id":"orders","##, r##""$id":"http://example.com/a/orders","##, r##""$id":"urn:x:y","##]
    {
        let text = format!(r##"{{{id}"properties":{{"a":{{"$ref":"b.json#/definitions/c"}}}}}}"##);
        let mut schema = registered(&text);
        let inner = r##"{"definitions":{"c":{"$ref":"c.json"}}}"##;
        let mut inner = registered(inner);
        inner.references.push(("c.json".into(), Arc::new(registered(r#"{"type":"integer"}"#))));
        schema.references.push(("b.json".into(), Arc::new(inner)));
        let relative = !id.contains("urn:");
        assert_eq!(columns_of(&schema) == "a: Int64", relative, "{id} {}", columns_of(&schema));
        if relative {
            assert_eq!(decode(&schema, &[r#"{"a":1}"#, r#"{"a":"1"}"#]).errors.len(), 1);
        }
    }
}

#[test]
fn a_schema_that_leads_to_itself_under_ever_new_names_is_refused() {
    // Each time the base is a longer one: registry:///x/a, registry:///x/x/a, …
    let text = r#"{"$id":"x/y","type":"object","properties":{"a":{"$ref":"a"}}}"#;
    let mut schema = registered(text);
    schema.references.push(("a".into(), Arc::new(registered(text))));
    insta::assert_snapshot!(columns(&schema).unwrap_err(), @"the schema cannot be used: Resource 'registry:///x/x/x/x/x/x/x/x/x/a' is not present in a registry and retrieving it failed: a is referred to under ever new names: make its `$id`, or that of who refers to it, absolute");
    let columns = Arc::new(Schema::new(vec![Field::new("a", DataType::Utf8, true)]));
    let decode = Decode { reader: Some(Arc::new(schema)), ..Decode::plain(Codec::JsonSchema, columns) };
    insta::assert_snapshot!(Decoder::new(&decode, &Default::default()).err().unwrap(), @"the schema cannot be used: Resource 'registry:///x/x/x/x/x/x/x/x/x/a' is not present in a registry and retrieving it failed: a is referred to under ever new names: make its `$id`, or that of who refers to it, absolute");
}

#[test]
fn what_gives_no_columns_is_said() {
    let mut twice = registered("{}");
    for text in ["true", "false"] {
        twice.references.push(("a.json".into(), Arc::new(registered(text))));
    }
    let mut broken = registered("{}");
    broken.references.push(("a.json".into(), Arc::new(registered("{"))));
    let doubling: Vec<String> = (1..20)
        .map(|n| {
            format!(
                r##""d{n}":{{"allOf":[{{"$ref":"#/definitions/d{0}"}},{{"$ref":"#/definitions/d{0}"}}]}}"##,
                n - 1
            )
        })
        .collect();
    let doubling = format!(
        r##"{{"$ref":"#/definitions/d19","definitions":{{"d0":{{"type":"object"}},{}}}}}"##,
        doubling.join(",")
    );
    let told = [
        registered("no schema"),
        registered("5"),
        registered("true"),
        registered(r#"{"type":"string"}"#),
        registered(r#"{"type":"object"}"#),
        registered(r##"{"$ref":"#"}"##),
        registered(r##"{"properties":{"a":{"$ref":"#/definitions/none"}}}"##),
        registered(r#"{"properties":{"a":{"$ref":"http://example.com/a.json"}}}"#),
        registered(r#"{"properties":{"a":{"$ref":"file:///etc/passwd"}}}"#),
        registered(r#"{"properties":{"a":{"$ref":"other.json"}}}"#),
        registered(r#"{"$schema":"http://example.com/no-draft","properties":{"a":{}}}"#),
        RegisteredSchema::new(SchemaKind::Avro, "{}"),
        twice,
        broken,
        registered(&doubling),
    ];
    insta::assert_snapshot!(told.map(|schema| columns_of(&schema)).join("\n"), @r"
    the schema is no JSON: expected ident at line 1 column 2
    a schema is an object, true or false, not 5
    the schema names no properties: declare the columns
    a record is an object, and the schema lets no objects through
    the schema names no properties: declare the columns
    the schema names no properties: declare the columns
    $ref #/definitions/none: Pointer '/definitions/none' does not exist
    the schema cannot be used: Resource 'http://example.com/a.json' is not present in a registry and retrieving it failed: there is no reference http://example.com/a.json
    the schema cannot be used: Resource 'file:///etc/passwd' is not present in a registry and retrieving it failed: there is no reference file:///etc/passwd
    the schema cannot be used: Resource 'registry:///other.json' is not present in a registry and retrieving it failed: there is no reference other.json
    the schema cannot be used: Unknown meta-schema: 'http://example.com/no-draft'. Custom meta-schemas must be registered in the registry before use
    expected a JSON Schema, found a schema of type AVRO
    the name a.json stands for two schemas
    the schema a.json is no JSON: EOF while parsing an object at line 1 column 1
    the schema has more than 10000 parts when its references are written out
    ");
}

fn orders() -> RegisteredSchema {
    registered(
        r#"{"$schema":"http://json-schema.org/draft-07/schema#","title":"Order","type":"object","properties":{
        "id":{"type":"integer","minimum":1},"user":{"type":"string","minLength":1},"at":{"type":"string","format":"date-time"},
        "items":{"type":"array","items":{"type":"object","properties":{"sku":{"type":"string","pattern":"^[A-Z]+$"},"price":{"type":["number","null"]}},"required":["sku"]}}},
        "required":["id"],"additionalProperties":false}"#,
    )
}

#[test]
fn a_value_that_is_not_what_its_schema_says_costs_its_neighbours_nothing() {
    let long = format!(r#"{{"id":1,"user":5,"more":"{}"}}"#, "x".repeat(10_000));
    let decoded = decode(
        &orders(),
        &[
            r#"{"id":1,"user":"ann","at":"2024-05-01T12:30:45.123456+02:00","items":[{"sku":"A","price":1.5},{"sku":"B"}]}"#,
            r#"{"id":0}"#,
            r#"{"user":"bob"}"#,
            r#"{"id":1,"items":[{"sku":"A"},{"sku":"b","price":"x"}],"user":""}"#,
            r#"{"id":1,"color":"red"}"#,
            r#"{"id":1.5}"#,
            &long,
            r#"{"id":1,"at":"yesterday"}"#,
            r#"{"id":1"#,
            r#"[1]"#,
            "",
            r#"{"id":1e400}"#,
            r#"{"id":12345678901234567890}"#,
            r#"{"id":1,"at":"2024-05-01T12:30:45.1234567Z"}"#,
            r#"{"id":2.0}"#,
        ],
    );
    insta::assert_snapshot!(errors(&decoded.errors), @r#"
    1 schema-violation: id: 0 is less than the minimum of 1
    2 schema-violation: "id" is a required property
    3 schema-violation: items[1].sku: "b" does not match "^[A-Z]+$"; items[1].price: "x" is not of types "null", "number"; user: "" is shorter than 1 character
    4 schema-violation: Additional properties are not allowed ('color' was unexpected)
    5 schema-violation: id: 1.5 is not of type "integer"
    6 schema-violation: user: 5 is not of type "string"; Additional properties are not allowed ('more' was unexpected)
    7 schema-violation: at: "yesterday" is not a "date-time"
    8 json-syntax: at byte 7: expected ',' or '}', found the end of the record
    9 schema-violation: [1] is not of type "object"
    10 json-syntax: at byte 0: expected a value, found an empty record
    11 out-of-range: id: expected int64, which cannot hold 1e400
    12 out-of-range: id: expected int64, which cannot hold 12345678901234567890
    13 out-of-range: at: "2024-05-01T12:30:45.1234567Z" has digits below the unit of timestamp_us
    "#);
    assert_eq!(decoded.records, Some(vec![0, 14]));
    let at = decoded.rows.column(2).as_primitive::<TimestampMicrosecondType>();
    assert_eq!(at.value(0), 1_714_559_445_123_456);
}

#[test]
fn what_cannot_be_checked_is_refused() {
    let deep = |levels: usize| format!(r#"{{"id":1,"more":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    let decoded = decode(
        &object(r#""id":{"type":"integer"}"#),
        &[r#"{"id":1,"more":1e400}"#, &deep(126), &deep(127), &deep(200)],
    );
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    0 out-of-range: the record cannot be checked against its schema: number out of range at line 1 column 20
    2 out-of-range: the record cannot be checked against its schema: recursion limit exceeded at line 1 column 142
    3 too-large: at byte 144: nested deeper than 128 levels
    ");
}

#[test]
fn a_pattern_has_no_endless_time() {
    let schema = object(r#""a":{"pattern":"^(?=(a+)+$)(a|a)*\\1b$"}"#);
    let decoded = decode(&schema, &[&format!(r#"{{"a":"{}"}}"#, "a".repeat(100))]);
    insta::assert_snapshot!(errors(&decoded.errors), @"0 schema-violation: a: Error executing regex: Max limit for backtracking count exceeded");
}

#[test]
fn deep_values_and_schemas_fit_the_stack_of_a_thread() {
    let recursive = object(r##""a":{"$ref":"#"},"b":{"anyOf":[{"$ref":"#"},{"type":"integer"}]}"##);
    let value = format!("{}7{}", r#"{"b":"#.repeat(127), "}".repeat(127));
    assert_eq!(errors(&decode(&recursive, &[&value]).errors), "");
    let bad = format!("{}true{}", r#"{"b":"#.repeat(127), "}".repeat(127));
    assert_eq!(decode(&recursive, &[&bad]).errors[0].code, "schema-violation");
    let deep = format!("{}{{}}{}", r#"{"properties":{"a":"#.repeat(63), "}}".repeat(63));
    let value = format!("{}7{}", r#"{"a":"#.repeat(63), "}".repeat(63));
    assert_eq!(errors(&decode(&registered(&deep), &[&value]).errors), "");
}

#[test]
fn a_value_is_checked_by_the_schema_of_its_writer() {
    let mut reader = super::JsonSchemaReader::new(&orders(), &columns(&orders()).unwrap()).unwrap();
    let wide =
        registered(r#"{"type":"object","properties":{"id":{"type":"integer","maximum":5},"color":{}}}"#);
    let rows = |reader, value: &str| {
        let columns = columns(&orders()).unwrap();
        let mut rows = crate::codec::rows::Rows::new(columns, reader).unwrap();
        let decoded = rows.decode(&records(&[value]));
        if decoded.errors.is_empty() { "taken".to_owned() } else { errors(&decoded.errors) }
    };
    reader.use_writer(7, &wide).unwrap();
    assert_eq!(rows(reader, r#"{"id":0,"color":"red"}"#), "taken");
    let mut reader = super::JsonSchemaReader::new(&orders(), &columns(&orders()).unwrap()).unwrap();
    for id in 0..100 {
        reader.use_writer(id, &wide).unwrap();
    }
    let unusable = reader.use_writer(200, &registered(r#"{"type":"thing"}"#)).unwrap_err();
    insta::assert_snapshot!(unusable, @r#"the schema cannot be used: at /type: "thing" is not valid under any of the schemas listed in the 'anyOf' keyword"#);
    assert_eq!(reader.use_writer(200, &wide).unwrap_err(), unusable, "an id always stands for the same");
    insta::assert_snapshot!(rows(reader, r#"{"id":6}"#), @"0 schema-violation: id: 6 is greater than the maximum of 5");
}

#[test]
fn what_is_no_schema_is_refused_before_the_first_record() {
    let columns = columns(&orders()).unwrap();
    let new = |schema: RegisteredSchema| super::JsonSchemaReader::new(&schema, &columns).err().unwrap();
    let mut contradictory = registered(
        r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","allOf":[{"$defs":{"a":{"$ref":"a.json"}},"allOf":[{"$anchor":"a","$dynamicAnchor":"a"}]}],
        "items":{"properties":{"a":{"$schema":"https://json-schema.org/draft/2020-12/schema","$dynamicRef":"#a"}}}}"##,
    );
    let other = r#"{"allOf":[{"allOf":[{"$id":"registry:///","allOf":[{"$id":"registry:///"}]}]}]}"#;
    contradictory.references.push(("a.json".into(), Arc::new(registered(other))));
    let told = [
        new(contradictory),
        new(registered("{")),
        new(registered("7")),
        new(registered(r#"{"properties":{"a":{"type":"thing"}}}"#)),
        new(registered(r#"{"properties":{"a":{"pattern":"("}}}"#)),
        new(registered(r#"{"$ref":"http://example.com/a.json"}"#)),
        new(registered(r##"{"$ref":"#/definitions/none"}"##)),
        new(registered(r#"{"$schema":"http://example.com/no-draft"}"#)),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    the schema cannot be used: its identifiers and references contradict each other
    the schema is no JSON: EOF while parsing an object at line 1 column 1
    the schema cannot be used: 7 is not of types "boolean", "object"
    the schema cannot be used: at /properties/a/type: "thing" is not valid under any of the schemas listed in the 'anyOf' keyword
    the schema cannot be used: at /properties/a/pattern: "(" is not a "regex"
    the schema cannot be used: Resource 'http://example.com/a.json' is not present in a registry and retrieving it failed: there is no reference http://example.com/a.json
    the schema cannot be used: Pointer '/definitions/none' does not exist
    the schema cannot be used: Unknown meta-schema: 'http://example.com/no-draft'. Custom meta-schemas must be registered in the registry before use
    "#);
    let none = Decoder::new(&Decode::plain(Codec::JsonSchema, columns), &Default::default()).err().unwrap();
    assert_eq!(none, "the codec json_schema needs a schema of its own");
}

fn rows() -> RecordBatch {
    batch(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 0, 3]))),
        ("user", Arc::new(StringArray::from(vec![None, Some("bob"), Some("")]))),
        ("at", Arc::new(TimestampMillisecondArray::from(vec![Some(1_714_566_645_123), None, Some(0)]))),
    ])
}

#[test]
fn rows_are_written_as_the_schema_wants_them_and_checked() {
    // Nulls are left out where they are not allowed, and timestamps are text.
    let encoded = encode(&rows(), Some(&orders()));
    insta::assert_snapshot!(lines(&encoded), @r#"{"id":1,"at":"2024-05-01T12:30:45.123Z"}"#);
    insta::assert_snapshot!(errors(&encoded.errors), @r#"
    1 schema-violation: id: 0 is less than the minimum of 1
    2 schema-violation: user: "" is shorter than 1 character
    "#);
    // Here they are allowed, and timestamps are numbers.
    let other = object(r#""id":{}, "user":{"type":["string","null"]}, "at":{"type":"integer"}"#);
    insta::assert_snapshot!(lines(&encode(&rows(), Some(&other))), @r#"
    {"id":1,"user":null,"at":1714566645123}
    {"id":0,"user":"bob"}
    {"id":3,"user":"","at":0}
    "#);
    insta::assert_snapshot!(lines(&encode(&rows(), None)), @r#"
    {"id":1,"user":null,"at":"2024-05-01T12:30:45.123Z"}
    {"id":0,"user":"bob","at":null}
    {"id":3,"user":"","at":"1970-01-01T00:00:00Z"}
    "#);
}

#[test]
fn rows_that_begin_with_an_id_are_checked_without_it() {
    let writer = Some(Arc::new(object(r#""n": {"type":["integer","null"],"minimum":1}"#)));
    let rows = batch(vec![("n", Arc::new(Int64Array::from(vec![1, 0, 2])))]);
    let encode = Encode { writer, schema_id: Some(SchemaId::Id(7)), ..Encode::plain(Codec::JsonSchema) };
    let encoded = trip::encode(&encode, &rows);
    assert_eq!(encoded.row(0), b"\0\0\0\0\x07{\"n\":1}");
    assert_eq!((encoded.row(1), encoded.row(2)), (&b""[..], &b"\0\0\0\0\x07{\"n\":2}"[..]));
    insta::assert_snapshot!(errors(&encoded.errors), @"1 schema-violation: n: 0 is less than the minimum of 1");
}

#[test]
fn columns_that_cannot_fit_the_schema_are_said_at_once() {
    let columns = rows().schema();
    let refused = |writer: &RegisteredSchema| encoder(&columns, Some(writer)).err().unwrap();
    let closed = r#"{"type":"object","properties":{"id":{},"user":{}},"additionalProperties":false}"#;
    let told = [
        refused(&registered(closed)),
        refused(&registered(r#"{"type":"object","required":["id","price"]}"#)),
        refused(&registered("{")),
        refused(&registered(r#"{"type":"thing"}"#)),
        encoder(
            &Arc::new(Schema::new(vec![Field::new("i", DataType::Interval(IntervalUnit::DayTime), true)])),
            None,
        )
        .err()
        .unwrap(),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    at: the schema has no such property and takes no others
    price: the schema requires it, and there is no such column
    the schema is no JSON: EOF while parsing an object at line 1 column 1
    the schema cannot be used: at /type: "thing" is not valid under any of the schemas listed in the 'anyOf' keyword
    i: JSON cannot hold Interval(DayTime): choose another type
    "#);
    // In parts that are put together none knows the properties of the others.
    let parts =
        r#"{"allOf":[{"properties":{"id":{}}},{"properties":{"user":{}},"additionalProperties":false}]}"#;
    assert!(encoder(&columns, Some(&registered(parts))).is_ok());
}

#[test]
fn nulls_and_timestamps_within_nested_columns() {
    let text = r#"{"list":[{"a":null,"t":1000},{"a":1,"t":null},{"a":null,"t":null}]}"#;
    let fields = vec![
        Field::new("a", DataType::Int32, true),
        Field::new("t", DataType::Time32(TimeUnit::Millisecond), true),
    ];
    let item = Arc::new(Field::new("item", DataType::Struct(fields.into()), true));
    let schema = Arc::new(Schema::new(vec![Field::new("list", DataType::List(item), true)]));
    let rows = trip::decode(&Decode::plain(Codec::Json, schema), &[text]).rows;
    let writer = object(
        r#""list":{"type":"array","items":{"type":"object","properties":{"a":{"type":"integer"},"t":{"type":"string"}}}}"#,
    );
    let encoded = encode(&rows, Some(&writer));
    insta::assert_snapshot!(lines(&encoded), @r#"{"list":[{"t":"00:00:01Z"},{"a":1},{}]}"#);
    insta::assert_snapshot!(errors(&encoded.errors), @"");
}

#[test]
fn the_schema_of_columns() {
    let list = |of| DataType::List(Arc::new(Field::new("item", of, true)));
    let json = [("ARROW:extension:name".to_owned(), "arrow.json".to_owned())].into();
    let columns = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("small", DataType::UInt8, true),
        Field::new("price", DataType::Decimal128(10, 2), false),
        Field::new("at", DataType::Timestamp(TimeUnit::Millisecond, None), true),
        Field::new("took", DataType::Duration(TimeUnit::Millisecond), true),
        Field::new("tags", list(DataType::Utf8), false),
        Field::new("any", DataType::Utf8, true).with_metadata(json),
        Field::new("none", DataType::Null, true),
    ]));
    insta::assert_snapshot!(schema_of(&columns, "Order"), @r#"{"$schema":"http://json-schema.org/draft-07/schema#","title":"Order","type":"object","properties":{"id":{"type":"integer"},"small":{"type":["integer","null"],"minimum":0,"maximum":255},"price":{"type":"number"},"at":{"type":["string","null"],"format":"date-time"},"took":{"type":["integer","null"]},"tags":{"type":"array","items":{"type":["string","null"]}},"any":{},"none":{"type":"null"}},"additionalProperties":false,"required":["id","price","tags"]}"#);
}

#[test]
fn a_time_that_is_none_is_refused() {
    let times = arrow::array::Time32SecondArray::from(vec![86_399, 86_400, -1]);
    let encoded = encode(&batch(vec![("t", Arc::new(times))]), None);
    insta::assert_snapshot!(lines(&encoded), @r#"{"t":"23:59:59Z"}"#);
    insta::assert_snapshot!(errors(&encoded.errors), @r"
    1 out-of-range: t: 86400 is no time of a day
    2 out-of-range: t: -1 is no time of a day
    ");
}

#[test]
fn a_row_that_json_cannot_hold_is_told_before_the_schema() {
    let numbers = arrow::array::Float64Array::from(vec![f64::NAN, -1.0, 2.0]);
    let rows = batch(vec![("n", Arc::new(numbers)), ("m", Arc::new(Int32Array::from(vec![1, 2, 3])))]);
    let encoded = encode(&rows, Some(&object(r#""n":{"type":"number","minimum":0}"#)));
    insta::assert_snapshot!(lines(&encoded), @r#"{"n":2.0,"m":3}"#);
    insta::assert_snapshot!(errors(&encoded.errors), @r"
    0 out-of-range: n: JSON has no number for NaN
    1 schema-violation: n: -1.0 is less than the minimum of 0
    ");
}
