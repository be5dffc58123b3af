//! Schemas: where their files come from, the columns of a message, the message of columns, and messages of other
//! writers' schemas.

use std::sync::Arc;

use arrow::datatypes::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use prost_reflect::prost_types::FileDescriptorSet;

use super::tests::{decode_into, derive, errors, l, lines, message, proto, schema, v, with_fields};
use super::{Descriptor, ProtobufReader, columns, full_name, schema_of};
use crate::batch::RawRecords;
use crate::codec::framed::ReadWritten;
use crate::codec::rows::Rows;
use crate::codec::trip::records;
use crate::codec::wire::{self, Part, SchemaId};
use crate::codec::{RegisteredSchema, SchemaKind};

pub(super) fn list(fields: &Fields) -> String {
    let lines = fields.iter().map(|field| {
        let null = if field.is_nullable() { "?" } else { "" };
        let json = if field.metadata().is_empty() { "" } else { " (JSON)" };
        format!("{}{null}: {}{json}", field.name(), field.data_type())
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_columns_of_a_message_are_its_fields_as_declared() {
    let schema = with_fields(
        "message In { int32 a = 1; optional string b = 2; } enum E { Z = 0; } oneof pick { int32 one = 30; In two = 31; }
         double c01 = 20; float c02 = 2; int32 c03 = 3; int64 c04 = 4; uint32 c05 = 5; uint64 c06 = 6; sint32 c07 = 7;
         sint64 c08 = 8; fixed32 c09 = 9; fixed64 c10 = 10; sfixed32 c11 = 11; sfixed64 c12 = 12; bool c13 = 13;
         string c14 = 14; bytes c15 = 15; E c16 = 16; In c17 = 17; repeated E c18 = 18; repeated In c19 = 19;
         map<int32, In> c20 = 1; optional bool c21 = 21; google.protobuf.Timestamp c22 = 22;
         google.protobuf.Duration c23 = 23; google.protobuf.BytesValue c24 = 24; repeated google.protobuf.BoolValue c25 = 25;
         google.protobuf.Struct c26 = 26; repeated google.protobuf.Value c27 = 27; google.protobuf.Any c28 = 28;
         map<string, google.protobuf.ListValue> c29 = 29; google.protobuf.Empty c32 = 32;
         google.protobuf.FieldMask c33 = 33;",
    );
    insta::assert_snapshot!(list(derive(&schema).fields()), @r#"
    one?: Int32
    two?: Struct("a": non-null Int32, "b": Utf8)
    c01: Float64
    c02: Float32
    c03: Int32
    c04: Int64
    c05: UInt32
    c06: UInt64
    c07: Int32
    c08: Int64
    c09: UInt32
    c10: UInt64
    c11: Int32
    c12: Int64
    c13: Boolean
    c14: Utf8
    c15: Binary
    c16: Utf8
    c17?: Struct("a": non-null Int32, "b": Utf8)
    c18: List(non-null Utf8)
    c19: List(non-null Struct("a": non-null Int32, "b": Utf8))
    c20: Map("entries": non-null Struct("keys": non-null Int32, "values": non-null Struct("a": non-null Int32, "b": Utf8)), unsorted)
    c21?: Boolean
    c22?: Timestamp(ns, "UTC")
    c23?: Duration(ns)
    c24?: Binary
    c25: List(non-null Boolean)
    c26?: Utf8 (JSON)
    c27: List(non-null Utf8, metadata: {"ARROW:extension:name": "arrow.json"})
    c28?: Struct("type_url": non-null Utf8, "value": non-null Binary)
    c29: Map("entries": non-null Struct("keys": non-null Utf8, "values": non-null Utf8, metadata: {"ARROW:extension:name": "arrow.json"}), unsorted)
    c32?: Struct()
    c33?: Struct("paths": non-null List(non-null Utf8))
    "#);
    let old = proto(
        "syntax = \"proto2\"; message M { required int32 a = 1; optional int32 b = 2; optional int32 c = 3 [default = 1];
         repeated group G = 4 { required string d = 1; } required N e = 5; } message N {}",
    );
    insta::assert_snapshot!(list(derive(&old).fields()), @r#"
    a: Int32
    b?: Int32
    c?: Int32
    g: List(non-null Struct("d": non-null Utf8))
    e: Struct()
    "#);
}

#[test]
fn messages_that_cannot_be_columns_are_named() {
    let chain: String = (0..70).map(|i| format!("message M{i} {{ M{} m = 1; }} ", i + 1)).collect();
    let wide: String =
        (0..20).map(|i| format!("message M{i} {{ M{0} a = 1; M{0} b = 2; }} ", i + 1)).collect();
    let texts = [
        with_fields("int32 a = 1; Tree tree = 2; message Tree { string x = 1; repeated Tree children = 2; }"),
        with_fields("message A { map<string, B> b = 1; } message B { A a = 1; } A a = 1;"),
        proto(&format!("syntax = \"proto3\"; {chain} message M70 {{}}")),
        proto(&format!("syntax = \"proto3\"; {wide} message M20 {{ int32 x = 1; }}")),
    ]
    .map(|schema| {
        let why = columns(&schema).unwrap_err();
        why.chars().rev().take(120).collect::<String>().chars().rev().collect::<String>()
    });
    insta::assert_snapshot!(texts.join("\n"), @r"
    tree: children: M.Tree contains itself, and columns are only as deep as their schema
    a: b: a: M.A contains itself, and columns are only as deep as their schema
     m: m: m: m: m: m: m: m: m: m: m: m: m: m: m: m: m: m: m: m: m: m: m: m: m: m: messages are nested deeper than 64 levels
    a: a: a: a: a: a: a: a: b: b: a: b: a: a: a: a: a: a: a: a: the message has more than 10000 columns
    ");
    // What is declared without the field that leads back can be read.
    let tree = with_fields("string x = 1; repeated M children = 2;");
    let item = DataType::Struct(vec![Field::new("x", DataType::Utf8, false)].into());
    let columns =
        schema(vec![Field::new("children", DataType::List(Arc::new(Field::new("item", item, true))), true)]);
    let value = l(2, &[&l(1, &[b"a"]), &l(2, &[&l(1, &[b"deeper"])])]);
    assert_eq!(lines(&decode_into(&tree, &columns, &[value]).rows), r#"{"children":[{"x":"a"}]}"#);
}

const SHOP: &str = "syntax = \"proto3\"; package shop; import \"base/money.proto\"; import \"google/protobuf/duration.proto\";
    message Order { int64 id = 1; base.Money price = 2; google.protobuf.Duration age = 3; message Line { int32 n = 1; } }
    message Other { Order.Line line = 1; }";
const MONEY: &str = "syntax = \"proto3\"; package base; import \"unit.proto\"; message Money { Unit unit = 1; int64 units = 2; }";
const UNIT: &str = "syntax = \"proto3\"; package base; enum Unit { NONE = 0; CHF = 1; }";

fn with(text: &str, references: &[(&str, RegisteredSchema)]) -> RegisteredSchema {
    let references = references.iter().map(|(path, schema)| (path.to_string(), Arc::new(schema.clone())));
    RegisteredSchema { references: references.collect(), ..proto(text) }
}

fn shop() -> RegisteredSchema {
    with(SHOP, &[("base/money.proto", with(MONEY, &[("unit.proto", proto(UNIT))]))])
}

/// A file and what it imports, serialized, its own file last; all of them, or only that.
fn serialized(schema: &RegisteredSchema, all: bool) -> String {
    let descriptor = Descriptor::new(schema).unwrap();
    let pool = descriptor.message().parent_pool();
    let mut file: Vec<_> = pool.file_descriptor_protos().cloned().collect();
    file.iter_mut().for_each(|file| file.source_code_info = None);
    let own = file.pop().unwrap();
    STANDARD.encode(match all {
        true => FileDescriptorSet { file: [file, vec![own]].concat() }.encode_to_vec(),
        false => own.encode_to_vec(),
    })
}

#[test]
fn a_schema_is_text_or_a_descriptor_and_so_is_what_it_imports() {
    let shop = shop();
    let own = derive(&shop);
    insta::assert_snapshot!(list(own.fields()), @r#"
    id: Int64
    price?: Struct("unit": non-null Utf8, "units": non-null Int64)
    age?: Duration(ns)
    "#);
    let references = |money: RegisteredSchema| vec![("base/money.proto", money)];
    let money = with(MONEY, &[("unit.proto", proto(UNIT))]);
    let wrapped = serialized(&shop, false)
        .as_bytes()
        .chunks(60)
        .map(String::from_utf8_lossy)
        .collect::<Vec<_>>()
        .join("\n");
    for other in [
        with(&serialized(&shop, true), &[]),
        with(&serialized(&shop, false), &references(money.clone())),
        with(&wrapped, &references(money.clone())),
        with(SHOP, &references(with(&serialized(&money, false), &[("unit.proto", proto(UNIT))]))),
        with(SHOP, &references(with(&serialized(&money, true), &[]))),
    ] {
        assert_eq!(derive(&other), own);
        assert_eq!(full_name(&other).as_deref(), Some("shop.Order"));
    }
    let line = RegisteredSchema { message: Some("shop.Order.Line".into()), ..shop.clone() };
    assert_eq!(
        (list(derive(&line).fields()), full_name(&line).unwrap()),
        ("n: Int32".into(), "shop.Order.Line".into())
    );
    let money = RegisteredSchema { message: Some("base.Money".into()), ..shop };
    assert_eq!(list(derive(&money).fields()), "unit: Utf8\nunits: Int64");
    assert_eq!(
        Descriptor::new(&money).unwrap().message_indexes().unwrap_err(),
        "base.Money: the message is not in the schema's own file"
    );
}

#[test]
fn what_is_no_schema_says_why() {
    let deep = format!("syntax = \"proto3\"; {} {}", "message A {".repeat(10_000), "}".repeat(10_000));
    let quoted = format!("syntax = \"proto3\"; {} message A {{}}", "// { [ \"\n /* { */ ".repeat(200));
    assert!(columns(&proto(&quoted)).is_ok());
    let avro = RegisteredSchema::new(SchemaKind::Avro, "{}");
    let many: Vec<(String, Arc<RegisteredSchema>)> =
        (0..600).map(|i| (format!("{i}.proto"), Arc::new(proto(UNIT)))).collect();
    let texts = [
        avro,
        proto("syntax = \"proto3\"; message M { int32 a = 1 }"),
        proto("syntax = \"proto3\";\n\nmessage M {\n  Missing a = 1;\n}"),
        proto(SHOP),
        with("syntax = \"proto3\"; import \"a\"; message M {}", &[("a", proto("import \"a\";"))]),
        proto("syntax = \"proto3\";"),
        proto("edition = \"2023\"; message M {}"),
        message("syntax = \"proto3\"; package p; message M { map<string, int32> m = 1; message N {} }", "N"),
        message("syntax = \"proto3\"; message M { map<string, int32> m = 1; }", "M.MEntry"),
        proto(&deep),
        proto(""),
        proto("not a schema"),
        proto(&STANDARD.encode("not a schema")),
        RegisteredSchema { references: many, ..proto("message M {}") },
    ]
    .map(|schema| columns(&schema).unwrap_err());
    insta::assert_snapshot!(texts.join("\n"), @r"
    expected a schema in PROTOBUF, found one in AVRO
    schema.proto:1:44: expected ';' or '[', but found '}'
    schema.proto:4:3: name 'Missing' is not defined
    schema.proto:1:34: import 'base/money.proto' not found
    import cycle detected: schema.proto -> a -> a
    the schema has no message
    schema.proto:1:1: expected 'enum', 'extend', 'import', 'message', 'option', 'service', 'package' or ';', but found 'edition'
    N: the schema has no such message; it has p.M, p.M.N
    M.MEntry: the schema has no such message; it has M
    line 1: brackets are nested deeper than 50 levels
    expected a .proto file, or a serialized FileDescriptorProto or FileDescriptorSet in base64; it is empty
    expected a .proto file, or a serialized FileDescriptorProto or FileDescriptorSet in base64
    expected a .proto file, or a serialized FileDescriptorProto or FileDescriptorSet in base64; found base64 of something else: failed to decode Protobuf message: invalid wire type value: 6
    99.proto: the schema refers to more than 500 files
    ");
}

#[test]
fn a_schema_follows_from_columns() {
    let item = |t| Arc::new(Field::new("item", t, true));
    let inner = DataType::Struct(
        vec![Field::new("x", DataType::Int8, false), Field::new("Inner", DataType::Utf8, true)].into(),
    );
    let map = |key, value| {
        let entries = vec![Field::new("keys", key, false), Field::new("values", value, true)];
        DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries.into()), false)), false)
    };
    let json = [("ARROW:extension:name".to_owned(), "arrow.json".to_owned())].into();
    let fields = vec![
        Field::new("id", DataType::Int64, false),
        Field::new("user_name", DataType::Utf8, true),
        Field::new("price", DataType::Decimal128(10, 2), false),
        Field::new("day", DataType::Date32, true),
        Field::new("at", DataType::Timestamp(TimeUnit::Millisecond, None), false),
        Field::new("took", DataType::Duration(TimeUnit::Second), true),
        Field::new("raw", DataType::Utf8, true).with_metadata(json),
        Field::new("digest", DataType::FixedSizeBinary(4), true),
        Field::new("inner", inner.clone(), true),
        Field::new("inners", DataType::List(item(inner)), true),
        Field::new("tags", DataType::LargeList(item(DataType::LargeUtf8)), true),
        Field::new("counts", map(DataType::Int32, DataType::UInt64), false),
        Field::new("kind", DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8)), true),
    ];
    insta::assert_snapshot!(schema_of(&Schema::new(fields), "orders").unwrap().text, @r#"
    syntax = "proto3";

    import "google/protobuf/duration.proto";
    import "google/protobuf/struct.proto";
    import "google/protobuf/timestamp.proto";

    message orders {
      int64 id = 1;
      optional string user_name = 2;
      optional string price = 3;
      optional int32 day = 4;
      .google.protobuf.Timestamp at = 5;
      .google.protobuf.Duration took = 6;
      .google.protobuf.Value raw = 7;
      optional bytes digest = 8;
      message Inner {
        int32 x = 1;
        optional string Inner = 2;
      }
      Inner inner = 9;
      message Inners {
        int32 x = 1;
        optional string Inner = 2;
      }
      repeated Inners inners = 10;
      repeated string tags = 11;
      map<int32, uint64> counts = 12;
      optional string kind = 13;
    }
    "#);
    let many = (0..19_005).map(|i| Field::new(format!("c{i}"), DataType::Int8, false)).collect::<Vec<_>>();
    let many = schema_of(&Schema::new(many), "wide").unwrap();
    assert!(many.text.contains(" c18998 = 18999;") && many.text.contains(" c18999 = 20000;"));
    assert!(Descriptor::new(&many).is_ok());
}

#[test]
fn columns_that_no_schema_can_hold_are_named() {
    let list = |t| DataType::List(Arc::new(Field::new("item", t, true)));
    let map = |key, value| {
        let entries = vec![Field::new("keys", key, false), Field::new("values", value, true)];
        DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries.into()), false)), false)
    };
    let texts = [
        ("a b", DataType::Int8),
        ("1", DataType::Int8),
        ("", DataType::Int8),
        ("a", DataType::Null),
        ("a", list(list(DataType::Int8))),
        ("a", map(DataType::Utf8, list(DataType::Int8))),
        ("a", map(DataType::Float64, DataType::Int8)),
        ("a", list(DataType::Struct(vec![Field::new("é", DataType::Int8, false)].into()))),
        ("a", DataType::Interval(IntervalUnit::DayTime)),
    ]
    .map(|(name, data_type)| {
        schema_of(&Schema::new(vec![Field::new(name, data_type, true)]), "M").unwrap_err()
    });
    insta::assert_snapshot!(texts.join("\n"), @r"
    a b: not a name in protobuf, which has letters, digits and _: rename the column
    1: not a name in protobuf, which has letters, digits and _: rename the column
    : not a name in protobuf, which has letters, digits and _: rename the column
    a: protobuf cannot hold Null: choose another type
    a: protobuf has no lists of lists and no maps of lists: put it into an object
    a: map value: protobuf has no lists of lists and no maps of lists: put it into an object
    a: map key: double cannot be a key in protobuf
    a: é: not a name in protobuf, which has letters, digits and _: rename the column
    a: protobuf cannot hold Interval(DayTime): choose another type
    ");
    assert_eq!(
        schema_of(&Schema::empty(), "a-b").unwrap_err(),
        "a-b: not a name in protobuf, which has letters, digits and _"
    );
}

/// Reads values by turns with the schemas of their writers.
fn read_written(
    reader: ProtobufReader,
    columns: &SchemaRef,
    values: &[(&RegisteredSchema, Vec<u8>)],
) -> (String, String) {
    let mut schemas: Vec<&RegisteredSchema> = Vec::new();
    let ids: Vec<u64> = values
        .iter()
        .map(|(schema, _)| {
            let known = schemas.iter().position(|known| known == schema);
            known.unwrap_or_else(|| {
                schemas.push(schema);
                schemas.len() - 1
            }) as u64
        })
        .collect();
    let raw = records(&values.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>());
    let mut rows = Rows::new(Arc::clone(columns), reader).unwrap();
    let decoded = rows.decode_with(&raw, |reader, record, bytes| {
        let used = reader.use_writer(ids[record], values[record].0);
        used.map_err(|why| crate::codec::problem::Problem::new("schema-mismatch", why))?;
        Ok(bytes)
    });
    (lines(&decoded.rows), errors(&decoded.errors))
}

#[test]
fn messages_of_other_versions_are_read_by_number() {
    let reader = proto(
        "syntax = \"proto3\"; message M { int64 id = 1; string name = 2; optional int32 n = 3; E e = 4; In in = 5;
         repeated string tags = 6; enum E { Z = 0; ONE = 1; } message In { int32 a = 1; } Status status = 7;
         enum Status { UNKNOWN = 0; }}",
    );
    let columns = derive(&reader);
    let writer = proto(
        "syntax = \"proto3\"; message M { sint32 number = 1; In inner = 5; E e = 4; string tag = 6; bool added = 9;
         enum E { Z = 0; ONE = 1; TWO = 2; } message In { int64 b = 2; sint64 a = 1; } enum Other { OPEN = 0; DONE = 5; }
         Other state = 7; string name = 8; }",
    );
    let old = proto(
        "syntax = \"proto2\"; message M { optional int64 id = 1; optional string name = 2 [default = \"x\"]; }",
    );
    let unlike = proto("syntax = \"proto3\"; message M { string id = 1; }");
    let repeated = proto("syntax = \"proto3\"; message M { repeated int64 id = 1; }");
    let other = proto("syntax = \"proto3\"; package p; message M {}");
    let value =
        [v(1, 3), l(5, &[&v(1, 3), &v(2, 9)]), v(4, 2), l(6, &[b"t"]), v(7, 5), l(8, &[b"?"]), v(9, 1)]
            .concat();
    let (rows, refused) = read_written(
        ProtobufReader::new(&reader, &columns).unwrap(),
        &columns,
        &[
            (&reader, [v(1, 3), l(2, &[b"n"]), v(3, 0)].concat()),
            (&writer, value.clone()),
            (&unlike, value.clone()),
            (&writer, value),
            (&old, v(1, 4)),
            (&repeated, v(1, 4)),
            (&other, v(1, 5)),
            (&reader, v(1, 6)),
        ],
    );
    insta::assert_snapshot!(rows, @r#"
    {"id":3,"name":"n","n":0,"e":"Z","in":null,"tags":[],"status":"UNKNOWN"}
    {"id":-2,"name":"","n":null,"e":"TWO","in":{"a":-2},"tags":["t"],"status":"DONE"}
    {"id":-2,"name":"","n":null,"e":"TWO","in":{"a":-2},"tags":["t"],"status":"DONE"}
    {"id":4,"name":"","n":null,"e":"Z","in":null,"tags":[],"status":"UNKNOWN"}
    {"id":6,"name":"","n":null,"e":"Z","in":null,"tags":[],"status":"UNKNOWN"}
    "#);
    insta::assert_snapshot!(refused, @r"
    2 schema-mismatch: id: string in M cannot be read into a column of int64
    5 schema-mismatch: id: repeated int64 in M cannot be read into a column of int64
    6 schema-mismatch: M: the schema has no such message; it has p.M
    ");
}

#[test]
fn more_writers_than_are_kept_take_turns() {
    let reader = with_fields("int32 a = 1;");
    let columns = derive(&reader);
    let writers: Vec<RegisteredSchema> = (0..150)
        .map(|i| match i % 3 {
            0 => with_fields(&format!("sint32 a{i} = 1;")),
            1 => with_fields(&format!("int32 a{i} = 1;")),
            _ => with_fields(&format!("string a{i} = 1;")),
        })
        .collect();
    let values: Vec<(&RegisteredSchema, Vec<u8>)> =
        writers.iter().chain(&writers).map(|writer| (writer, v(1, 2))).collect();
    for max_kept in [0, 2_000, 20_000, 4 << 20] {
        let mut reader = ProtobufReader::new(&reader, &columns).unwrap();
        reader.max_kept = max_kept;
        let (rows, refused) = read_written(reader, &columns, &values);
        assert_eq!(rows, ["{\"a\":1}\n{\"a\":2}"; 100].join("\n"));
        assert_eq!(refused.lines().count(), 100);
    }
}

#[test]
fn a_framed_value_is_of_the_expected_message_or_refused() {
    let text = "syntax = \"proto3\"; message A { map<string, int32> m = 1; message B { int32 x = 1; } message C {} } message D {}";
    let schema = message(text, "A.B");
    let columns = derive(&schema);
    let body = |indexes: &[u8], in_header: bool| {
        let mut raw = RawRecords::with_capacity("t".into(), 0, 1, 0);
        let value =
            if in_header { v(1, 7) } else { [&wire::naming(SchemaId::Id(3)), indexes, &v(1, 7)].concat() };
        raw.push(0, None, None, Some(&value));
        if in_header {
            raw.push_header(Part::Value.header(), Some(&[&wire::naming(SchemaId::Id(3)), indexes].concat()));
        }
        let mut reader = ProtobufReader::new(&schema, &columns).unwrap();
        reader.use_writer(0, &schema).unwrap();
        let mut rows = Rows::new(Arc::clone(&columns), reader).unwrap();
        let decoded = rows.decode_with(&raw, |reader, record, bytes| {
            let framed = wire::frame(&raw, record, Part::Value, bytes)?;
            reader.body(framed)
        });
        if decoded.errors.is_empty() { lines(&decoded.rows) } else { errors(&decoded.errors) }
    };
    // With and without the entries of the map counted; too long a varint; without zigzag.
    for good in [&[4, 0, 0][..], &[4, 0, 2], &[4, 0x80, 0, 0]] {
        assert_eq!((body(good, false), body(good, true)), ("{\"x\":7}".into(), "{\"x\":7}".into()));
    }
    let refused: Vec<String> = [&[0][..], &[2, 0], &[2, 2], &[4, 0, 4], &[4, 0, 6], &[6, 0, 0, 0], &[4, 0]]
        .iter()
        .map(|indexes| body(indexes, false))
        .collect();
    insta::assert_snapshot!(refused.join("\n"), @r"
    0 unknown-message: expected A.B, found A (message 0 of the schema)
    0 unknown-message: expected A.B, found A (message 0 of the schema)
    0 unknown-message: expected A.B, found D (message 1 of the schema)
    0 unknown-message: expected A.B, found message 0, 2, which the schema has not
    0 unknown-message: expected A.B, found message 0, 3, which the schema has not
    0 unknown-message: expected A.B, found message 0, 0, 0, which the schema has not
    0 unknown-message: expected A.B, found message 0, 4, which the schema has not
    ");
    assert_eq!(body(&[0], true), refused[0]);
}
