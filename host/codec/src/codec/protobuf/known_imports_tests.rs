//! Imports that nobody sends, because clients have them built in. What the well-known types of `google/protobuf` mean is
//! not tested here.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use prost_reflect::prost_types::{FileDescriptorProto, FileDescriptorSet};

use super::schema_tests::list;
use super::tests::{decode, derive, encode, l, lines, proto, through, v};
use super::{Descriptor, columns, known};
use crate::codec::RegisteredSchema;

/// As a serializer registers it.
const ORDER: &str = r#"
    syntax = "proto3";
    package shop;
    import "confluent/meta.proto";
    import "confluent/type/decimal.proto";
    import "google/type/date.proto";
    import "google/type/dayofweek.proto";
    import "google/type/money.proto";
    option (confluent.file_meta).doc = "orders";
    message Order {
      option (confluent.message_meta) = { doc: "an order", tags: ["PII", "x"] };
      int64 id = 1 [(confluent.field_meta).doc = "x"];
      google.type.Money price = 2 [(confluent.field_meta) = {
        doc: "what is paid",
        params: [{ key: "a", value: "b" }],
        rules: [{ name: "positive", expr: "this > 0" }]
      }];
      google.type.Date day = 3;
      confluent.type.Decimal weight = 4 [(confluent.field_meta).params = { key: "precision", value: "9" }, deprecated = true];
      google.type.DayOfWeek weekday = 5;
      Kind kind = 6;
    }
    enum Kind {
      option (confluent.enum_meta).doc = "kinds";
      NONE = 0 [(confluent.enum_value_meta).doc = "none"];
    }
"#;

fn with_references<'a>(text: &str, files: impl IntoIterator<Item = (&'a str, &'a str)>) -> RegisteredSchema {
    let reference = |(path, text): (&str, &str)| (path.to_owned(), Arc::new(proto(text)));
    RegisteredSchema { references: files.into_iter().map(reference).collect(), ..proto(text) }
}

/// A record of the order: 12.75 EUR, and 1.234 in the bytes of a big-endian integer.
fn order() -> Vec<u8> {
    [
        v(1, 7),
        l(2, &[&l(1, &[b"EUR"]), &v(2, 12), &v(3, 750_000_000)]),
        l(3, &[&v(1, 2024), &v(2, 2), &v(3, 29)]),
        l(4, &[&l(1, &[b"\x04\xd2"]), &v(2, 4), &v(3, 3)]),
        v(5, 4),
    ]
    .concat()
}

#[test]
fn what_clients_have_built_in_needs_no_reference() {
    let schema = proto(ORDER);
    insta::assert_snapshot!(list(derive(&schema).fields()), @r#"
    id: Int64
    price?: Struct("currency_code": non-null Utf8, "units": non-null Int64, "nanos": non-null Int32)
    day?: Struct("year": non-null Int32, "month": non-null Int32, "day": non-null Int32)
    weight?: Struct("value": non-null Binary, "precision": non-null UInt32, "scale": non-null Int32)
    weekday: Utf8
    kind: Utf8
    "#);
    insta::assert_snapshot!(through(&schema, &order()), @r#"{"id":7,"price":{"currency_code":"EUR","units":12,"nanos":750000000},"day":{"year":2024,"month":2,"day":29},"weight":{"value":"BNI=","precision":4,"scale":3},"weekday":"THURSDAY","kind":"NONE"}"#);
    let rows = decode(&schema, &[order()]).rows;
    assert_eq!(encode(&schema, &rows, false).row(0), order());
}

#[test]
fn a_serialized_schema_imports_them_too() {
    // A message O of a Python client: its options are not text any more, but extensions with values.
    let schema = proto(
        "CgdvLnByb3RvGhRjb25mbHVlbnQvbWV0YS5wcm90bxocY29uZmx1ZW50L3R5cGUvZGVjaW1hbC5wcm90bxoXZ29vZ2xlL3R5cGUvbW9uZXkucHJv
         dG8ibQoBTxISCgJpZBgBIAEoA0IGgkQDCgF4EiEKBXByaWNlGAIgASgLMhIuZ29vZ2xlLnR5cGUuTW9uZXkSJwoGd2VpZ2h0GAMgASgLMhcuY29u
         Zmx1ZW50LnR5cGUuRGVjaW1hbDoIgkQFGgNQSUliBnByb3RvMw==",
    );
    let value = [v(1, 7), l(2, &[&l(1, &[b"EUR"]), &v(2, 12)]), l(3, &[&l(1, &[b"\x04\xd2"]), &v(3, 3)])];
    insta::assert_snapshot!(through(&schema, &value.concat()), @r#"{"id":7,"price":{"currency_code":"EUR","units":12,"nanos":0},"weight":{"value":"BNI=","precision":0,"scale":3}}"#);
}

#[test]
fn a_file_of_the_same_name_wins() {
    let text =
        "syntax = \"proto3\"; import \"google/type/money.proto\"; message M { google.type.Money m = 1; }";
    let own = "syntax = \"proto3\"; package google.type; message Money { string amount = 9; }";
    let given = with_references(text, [("google/type/money.proto", own)]);
    insta::assert_snapshot!(list(derive(&given).fields()), @r#"m?: Struct("amount": non-null Utf8)"#);
    assert_eq!(lines(&decode(&given, &[l(1, &[&l(9, &[b"1"])])]).rows), r#"{"m":{"amount":"1"}}"#);

    // Also in a set, and where a built-in file is the one that imports it.
    let descriptor = |name: &str, schema: &RegisteredSchema| FileDescriptorProto {
        name: Some(name.to_owned()),
        ..Descriptor::new(schema).unwrap().message().parent_file().file_descriptor_proto().clone()
    };
    let file = vec![descriptor("google/type/money.proto", &proto(own)), descriptor("schema.proto", &given)];
    let set = FileDescriptorSet { file };
    assert_eq!(derive(&proto(&STANDARD.encode(set.encode_to_vec()))), derive(&given));
    let text = "syntax = \"proto3\"; import \"confluent/types/decimal.proto\"; message M { confluent.type.Decimal d = 1; }";
    let own = "syntax = \"proto3\"; package confluent.type; message Decimal { string own = 1; }";
    let given = with_references(text, [("confluent/type/decimal.proto", own)]);
    insta::assert_snapshot!(list(derive(&given).fields()), @r#"d?: Struct("own": non-null Utf8)"#);
    insta::assert_snapshot!(list(derive(&proto(text)).fields()), @r#"d?: Struct("value": non-null Binary, "precision": non-null UInt32, "scale": non-null Int32)"#);
}

#[test]
fn references_import_them_and_only_what_is_imported_is_compiled() {
    let text = "syntax = \"proto3\"; import \"shop/price.proto\"; message M { shop.Price p = 1; }";
    let price = "syntax = \"proto3\"; package shop; import \"google/type/interval.proto\"; import \"google/type/money.proto\";
        message Price { google.type.Money money = 1; google.type.Interval valid = 2; }";
    let schema = with_references(text, [("shop/price.proto", price)]);
    insta::assert_snapshot!(list(derive(&schema).fields()), @r#"p?: Struct("money": Struct("currency_code": non-null Utf8, "units": non-null Int64, "nanos": non-null Int32), "valid": Struct("start_time": Timestamp(ns, "UTC"), "end_time": Timestamp(ns, "UTC")))"#);
    let files = |schema: &RegisteredSchema| {
        let pool = Descriptor::new(schema).unwrap().message().parent_pool().clone();
        pool.files().map(|file| file.name().to_owned()).collect::<Vec<_>>().join(" ")
    };
    insta::assert_snapshot!(files(&schema), @"google/protobuf/timestamp.proto google/type/interval.proto google/type/money.proto shop/price.proto schema.proto");
    assert_eq!(files(&proto("message M {}")), "schema.proto");
    let hidden = proto("import \"google/type/none.proto\"; message M {}");
    insta::assert_snapshot!(columns(&hidden).unwrap_err(), @"schema.proto:1:1: import 'google/type/none.proto' not found");
    let hidden = proto("import \"confluent/type/none.proto\"; message M {}");
    insta::assert_snapshot!(columns(&hidden).unwrap_err(), @"schema.proto:1:1: import 'confluent/type/none.proto' not found");
}

#[test]
fn they_count_as_files_of_the_schema() {
    let schema = |files: usize| {
        let paths: Vec<String> = (0..files).map(|n| format!("{n}.proto")).collect();
        let others = paths.iter().map(|path| (&path[..], "message Other {}")).collect::<Vec<_>>();
        with_references("import \"google/type/money.proto\"; message M { optional int32 a = 1; }", others)
    };
    assert!(columns(&schema(498)).is_ok());
    insta::assert_snapshot!(columns(&schema(499)).unwrap_err(), @"the schema refers to more than 500 files");
    let text = format!(
        "import \"google/type/money.proto\"; message M {{ optional int32 a = 1; }} // {}",
        "x".repeat(1 << 20)
    );
    assert!(columns(&proto(&text[..(1 << 20) - 1_000])).is_ok());
    insta::assert_snapshot!(columns(&proto(&text[..(1 << 20) - 10])).unwrap_err(), @"the schema and what it refers to have more than 1048576 bytes: split it");
}

/// Names, numbers and types are what others write: this says when one of them is changed.
#[test]
fn they_declare_what_others_do() {
    let imports: String = known::FILES.iter().map(|(path, _)| format!("import \"{path}\";")).collect();
    let descriptor = Descriptor::new(&proto(&format!("{imports} message M {{}}"))).unwrap();
    let pool = descriptor.message().parent_pool();
    let ours = |name: &str| name.starts_with("google.type.") || name.starts_with("confluent.");
    let messages = pool.all_messages().filter(|of| ours(of.full_name()) && !of.is_map_entry()).map(|of| {
        let fields = of.fields().map(|field| {
            let repeated = if field.is_list() { "repeated " } else { "" };
            format!("{}={} {repeated}{:?}", field.name(), field.number(), field.kind())
        });
        format!("{}: {}", of.full_name(), fields.collect::<Vec<_>>().join(", "))
    });
    let enums = pool.all_enums().filter(|of| ours(of.full_name())).map(|of| {
        let values = of.values().map(|value| format!("{}={}", value.name(), value.number()));
        format!("{}: {}", of.full_name(), values.collect::<Vec<_>>().join(", "))
    });
    let mut declared: Vec<String> = messages.chain(enums).collect();
    declared.sort();
    insta::assert_snapshot!(declared.join("\n"), @r"
    confluent.Meta: doc=1 string, params=2 confluent.Meta.ParamsEntry, tags=3 repeated string, rules=4 repeated confluent.Rule
    confluent.Rule: name=1 string, doc=2 string, expr=3 string, sql=4 string
    confluent.type.Decimal: value=1 bytes, precision=2 uint32, scale=3 int32
    confluent.type.Variant: metadata=1 bytes, value=2 bytes
    google.type.CalendarPeriod: CALENDAR_PERIOD_UNSPECIFIED=0, DAY=1, WEEK=2, FORTNIGHT=3, MONTH=4, QUARTER=5, HALF=6, YEAR=7
    google.type.Color: red=1 float, green=2 float, blue=3 float, alpha=4 google.protobuf.FloatValue
    google.type.Date: year=1 int32, month=2 int32, day=3 int32
    google.type.DateTime: year=1 int32, month=2 int32, day=3 int32, hours=4 int32, minutes=5 int32, seconds=6 int32, nanos=7 int32, utc_offset=8 google.protobuf.Duration, time_zone=9 google.type.TimeZone
    google.type.DayOfWeek: DAY_OF_WEEK_UNSPECIFIED=0, MONDAY=1, TUESDAY=2, WEDNESDAY=3, THURSDAY=4, FRIDAY=5, SATURDAY=6, SUNDAY=7
    google.type.Decimal: value=1 string
    google.type.Expr: expression=1 string, title=2 string, description=3 string, location=4 string
    google.type.Fraction: numerator=1 int64, denominator=2 int64
    google.type.Interval: start_time=1 google.protobuf.Timestamp, end_time=2 google.protobuf.Timestamp
    google.type.LatLng: latitude=1 double, longitude=2 double
    google.type.LocalizedText: text=1 string, language_code=2 string
    google.type.Money: currency_code=1 string, units=2 int64, nanos=3 int32
    google.type.Month: MONTH_UNSPECIFIED=0, JANUARY=1, FEBRUARY=2, MARCH=3, APRIL=4, MAY=5, JUNE=6, JULY=7, AUGUST=8, SEPTEMBER=9, OCTOBER=10, NOVEMBER=11, DECEMBER=12
    google.type.PhoneNumber.ShortCode: region_code=1 string, number=2 string
    google.type.PhoneNumber: e164_number=1 string, short_code=2 google.type.PhoneNumber.ShortCode, extension=3 string
    google.type.PostalAddress: revision=1 int32, region_code=2 string, language_code=3 string, postal_code=4 string, sorting_code=5 string, administrative_area=6 string, locality=7 string, sublocality=8 string, address_lines=9 repeated string, recipients=10 repeated string, organization=11 string
    google.type.Quaternion: x=1 double, y=2 double, z=3 double, w=4 double
    google.type.TimeOfDay: hours=1 int32, minutes=2 int32, seconds=3 int32, nanos=4 int32
    google.type.TimeZone: id=1 string, version=2 string
    ");
}
