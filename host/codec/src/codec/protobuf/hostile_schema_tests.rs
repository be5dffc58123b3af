//! Schemas that are made to cost much, or to be what the compiler would not come back from. Each is refused, and says why.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::uninterpreted_option::NamePart;
use prost_reflect::prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, MessageOptions,
    UninterpretedOption,
};

use super::tests::{derive, proto};
use super::{Descriptor, ProtobufEncoder, ProtobufReader, columns};
use crate::codec::RegisteredSchema;

fn message_of(name: &str, fields: Vec<FieldDescriptorProto>) -> DescriptorProto {
    DescriptorProto { name: Some(name.to_owned()), field: fields, ..Default::default() }
}

fn field(name: &str, number: i32, kind: Type) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        r#type: Some(kind as i32),
        label: Some(Label::Optional as i32),
        ..Default::default()
    }
}

fn file_of(messages: Vec<DescriptorProto>) -> FileDescriptorProto {
    FileDescriptorProto { name: Some("a.proto".into()), message_type: messages, ..Default::default() }
}

fn serialized(file: &FileDescriptorProto) -> RegisteredSchema {
    proto(&STANDARD.encode(file.encode_to_vec()))
}

/// Why it is refused, on half the stack that a task has.
fn refused(schema: &RegisteredSchema) -> String {
    let schema = schema.clone();
    let run = move || columns(&schema).err().unwrap_or_else(|| "taken".to_owned());
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap()
}

fn all_refused(schemas: impl IntoIterator<Item = RegisteredSchema>) -> String {
    let short = |why: String| why.chars().take(170).collect::<String>();
    schemas.into_iter().map(|schema| short(refused(&schema))).collect::<Vec<_>>().join("\n")
}

#[test]
fn brackets_cannot_be_hidden_from_the_count() {
    let deep = "message A{".repeat(20_000);
    let schemas = [
        format!("option a = \"\\\n{deep}\";"),
        format!("option a = \"x\n{deep}\";"),
        format!("option a = \"\\q{deep}\";"),
        format!("option a = \"{deep}"),
        format!("#/*\n{deep} #*/\nmessage M {{}}"),
        format!("message M {{}} # \" \n {deep} # \""),
        format!("message M {{}} /* /* */ ' */ {deep} '"),
        format!("message M {{}} /* {deep}"),
        "message A{>;".repeat(20_000),
        "message A{) message A{".repeat(20_000),
        format!("message M {{ option (x) = {{ {} }}; }}", "r{".repeat(20_000)),
    ];
    insta::assert_snapshot!(all_refused(schemas.map(|text| proto(&text))), @r#"
    line 1: a string has an escape that does not exist
    line 1: the string does not end where its line does
    line 1: a string has an escape that does not exist
    line 1: the string does not end where its line does
    line 2: brackets are nested deeper than 50 levels
    line 2: brackets are nested deeper than 50 levels
    schema.proto:1:23: expected 'enum', 'extend', 'import', 'message', 'option', 'service', 'package' or ';', but found '" */ message A{message A{message A{message A{message 
    line 1: the comment does not end: close it with */
    line 1: '>' closes no bracket that is open
    line 1: ')' closes no bracket that is open
    line 1: brackets are nested deeper than 50 levels
    "#);
    // What is as deep as may be is compiled.
    let nested = (0..49).map(|n| format!("message A{n} {{ ")).collect::<String>();
    assert_eq!(refused(&proto(&format!("{nested} message M {{}} {}", "}".repeat(49)))), "taken");
    let escaped = r#"message M { optional string a = 1 [default = "\"{\x7b\u007b\U0000007b\173'"]; }"#;
    assert_eq!(refused(&proto(escaped)), "taken");
}

#[test]
fn options_are_not_looked_at_but_for_those_that_mean_something() {
    let option = UninterpretedOption {
        name: vec![NamePart { name_part: "google.protobuf.FileOptions".into(), is_extension: true }],
        aggregate_value: Some("r{".repeat(100_000)),
        ..Default::default()
    };
    let mut deep = message_of("M", vec![field("a", 1, Type::Int32)]);
    deep.options = Some(MessageOptions { uninterpreted_option: vec![option], ..Default::default() });
    assert_eq!(refused(&serialized(&file_of(vec![deep]))), "taken");
    let many: String = (1..=18_000).map(|n| format!("optional int32 f{n}={n}[deprecated=true];")).collect();
    assert_eq!(
        refused(&proto(&format!("message M {{ {many} }}"))),
        "f10001: the message has more than 10000 columns"
    );
    let ranges = "1000,".repeat(50_000);
    let cloned = format!(
        "message M {{ extensions {ranges} 1000 [x = \"{}\", (y) = {{ z: [1] }}]; }}",
        "x".repeat(500_000)
    );
    assert_eq!(refused(&proto(&cloned)), "taken");
    let kept = "message M { repeated int32 a = 1 [packed = true, deprecated = true]; enum E { option allow_alias = true;
        A = 0; B = 0; } optional E e = 2 [default = B]; extensions 5 to 9 [declaration = { number: 5 }]; }";
    assert_eq!(refused(&proto(kept)), "taken");
}

#[test]
fn schemas_that_would_take_too_much_memory_are_refused() {
    let long = "x".repeat(500_000);
    let fields = |count: usize| (1..=count).map(|n| format!("optional int32 f{n}={n};")).collect::<String>();
    let nested: String = (0..40).map(|n| format!("message {}{n} {{", "n".repeat(500))).collect();
    let mut reserved =
        message_of("M", (1..=5_000).map(|n| field(&format!("f{n}"), n, Type::Int32)).collect());
    reserved.reserved_name = (0..5_000).map(|n| n.to_string()).collect();
    let mut long_package = file_of(vec![message_of("M", vec![])]);
    long_package.package = Some("a.".repeat(100_000));
    let schemas = [
        proto(&format!("message M {{}} // {long}{long}{long}")),
        proto(&format!("package {long}; message M {{ {} }}", fields(10_000))),
        proto(&format!("package {}a; message M {{}}", "a.".repeat(100_000))),
        proto(&format!("{nested} {} {}", fields(5_000), "}".repeat(40))),
        proto(&format!(
            "message M {{ enum E {{ {} }} }}",
            (0..30_000).map(|n| format!("A{n}={n};")).collect::<String>()
        )),
        proto("message M { reserved 3 to 5; optional int32 a = 4; }"),
        serialized(&file_of(vec![reserved])),
        serialized(&long_package),
        serialized(&file_of(vec![message_of(&long, vec![])])),
    ];
    insta::assert_snapshot!(all_refused(schemas), @r"
    the schema and what it refers to have more than 1048576 bytes: split it
    line 1: a name has 500000 bytes; it may have 512: shorten it
    line 1: a name has 200001 bytes; it may have 512: shorten it
    schema.proto: the full names of all messages, fields and values have more than 16777216 bytes: shorten them
    schema.proto: M.E: an enum has at most 20000 values
    schema.proto: M.a: the name or its number 4 is reserved
    schema.proto: members times what is reserved are more than 10000000: reserve ranges of numbers
    schema.proto: a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.: a name has 200000 bytes; it may have 512: shorten it
    schema.proto: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: a name has 500000 bytes; it may have 512: shorten it
    ");
}

#[test]
fn descriptors_that_contradict_themselves_are_refused() {
    let editions =
        FileDescriptorProto { syntax: Some("editions".into()), ..file_of(vec![message_of("M", vec![])]) };
    let entry = |fields: Vec<FieldDescriptorProto>| {
        let options = Some(MessageOptions { map_entry: Some(true), ..Default::default() });
        let entry = DescriptorProto { options, ..message_of("E", fields) };
        let many = FieldDescriptorProto {
            type_name: Some(".E".into()),
            label: Some(Label::Repeated as i32),
            ..field("m", 1, Type::Message)
        };
        serialized(&file_of(vec![message_of("M", vec![many]), entry]))
    };
    let text = FieldDescriptorProto { default_value: Some("\\x1é".into()), ..field("a", 1, Type::Bytes) };
    let oneof = FieldDescriptorProto { oneof_index: Some(7), ..field("a", 1, Type::Int32) };
    let schemas = [
        serialized(&editions),
        proto(
            "package google.protobuf; message FieldOptions { optional string packed = 2; } message M { repeated int32 a = 1 [packed = true]; }",
        ),
        proto("package google; message protobuf { message FieldOptions {} }"),
        proto("message E { option map_entry = true; } message M { repeated E m = 1; }"),
        entry(vec![]),
        entry(vec![field("key", 1, Type::Double), field("value", 2, Type::Int32)]),
        entry(vec![field("key", 1, Type::String), field("value", 3, Type::Int32)]),
        entry(vec![field("key", 1, Type::String), field("value", 2, Type::Int32)]),
        serialized(&file_of(vec![message_of("M", vec![text])])),
        serialized(&file_of(vec![message_of("M", vec![oneof])])),
    ];
    insta::assert_snapshot!(all_refused(schemas), @r#"
    schema.proto: syntax "editions" is not read: write the file in proto2 or proto3
    schema.proto: google.protobuf.FieldOptions: only google/protobuf/descriptor.proto declares it: rename the message
    schema.proto: google.protobuf.FieldOptions: only google/protobuf/descriptor.proto declares it: rename the message
    schema.proto: E: map_entry is not for files: write map<key, value>
    schema.proto: E: the entry of a map has a key, which is field 1, and a value, which is field 2, and no more
    schema.proto: E: the entry of a map has a key, which is field 1, and a value, which is field 2, and no more
    schema.proto: E: the entry of a map has a key, which is field 1, and a value, which is field 2, and no more
    taken
    schema.proto: M.a: the default of bytes is written with escapes
    invalid oneof index
    "#);
}

/// Files that each import others, publicly where it says so.
fn importing(files: &[(&str, &str)]) -> RegisteredSchema {
    let (main, others) = files.split_last().unwrap();
    let reference = |(path, text): &(&str, &str)| (path.to_string(), Arc::new(proto(text)));
    RegisteredSchema { references: others.iter().map(reference).collect(), ..proto(main.1) }
}

#[test]
fn public_imports_are_followed_as_far_as_they_lead_and_no_way_twice() {
    let chain = [
        ("a", "message A { optional int32 x = 1; }"),
        ("b", "import public \"a\";"),
        ("c", "import public \"b\";"),
        ("d", "import \"c\"; message D { optional A a = 1; }"),
        ("", "import \"d\"; message M { optional D d = 1; }"),
    ];
    assert_eq!(derive(&importing(&chain)).field(0).name(), "d");
    let private =
        [chain[0], chain[1], ("", "import \"d\"; message M { optional A a = 1; }"), ("d", "import \"b\";")];
    let hidden = importing(&[private[0], private[1], private[3], private[2]]);
    assert_eq!(refused(&hidden), "schema.proto:1:34: name 'A' is not defined");
    let file = (0..60).map(|n| FileDescriptorProto {
        name: Some(n.to_string()),
        dependency: (0..n).map(|n| n.to_string()).collect(),
        public_dependency: (0..n).collect(),
        message_type: vec![message_of(&format!("M{n}"), vec![])],
        ..Default::default()
    });
    let set = FileDescriptorSet { file: file.collect() };
    assert_eq!(refused(&proto(&STANDARD.encode(set.encode_to_vec()))), "taken");
    let long: Vec<(String, String)> =
        (0..450).map(|n| (n.to_string(), format!("import \"{}\"; message M{n} {{}}", n + 1))).collect();
    let mut long: Vec<(&str, &str)> = long.iter().map(|(path, text)| (&path[..], &text[..])).collect();
    long.push(("450", "message Last {}"));
    long.push(("", "import \"0\"; message M {}"));
    assert_eq!(refused(&importing(&long)), "taken");
}

#[test]
fn a_damaged_descriptor_is_read_or_refused() {
    let text = "syntax = \"proto3\"; package p; import \"google/protobuf/struct.proto\"; message M { map<string, E> m = 1;
        oneof o { int32 a = 2; In in = 3; } repeated int32 r = 4 [packed = false]; google.protobuf.Value v = 5; optional bytes b = 6;
        message In { repeated In2 x = 1; } message In2 { sint64 y = 1; } } enum E { Z = 0; ONE = 1; }";
    let descriptor = Descriptor::new(&proto(text)).unwrap();
    let file = descriptor.message().parent_file().file_descriptor_proto().clone();
    let whole = FileDescriptorProto { source_code_info: None, ..file }.encode_to_vec();
    let mut read = 0;
    for place in 0..whole.len() {
        for change in [1, 2, 4, 8, 16, 64, 128] {
            let mut damaged = whole.clone();
            damaged[place] ^= change;
            let schema = proto(&STANDARD.encode(damaged));
            if let Ok(columns) = columns(&schema) {
                read += 1;
                let decoder = ProtobufReader::new(&schema, &columns);
                let encoder = ProtobufEncoder::new(None, &columns, Some(&schema), false);
                assert!(decoder.is_ok() && encoder.is_ok(), "{place} {change}");
            }
        }
    }
    assert!(read > 100, "{read}");
}
