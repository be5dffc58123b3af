//! What splits, what is refused and with which words; the third-party cases; that any bytes are survived.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::codec::problem::Outcome;

fn error<T: std::fmt::Debug>(outcome: Outcome<T>) -> String {
    let error = outcome.unwrap_err().of_record(0);
    format!("{}: {}", error.code, error.message)
}

fn indexes(bytes: &[u8]) -> Vec<u64> {
    let (indexes, rest) = Indexes::split(bytes).unwrap();
    assert_eq!((indexes.bytes(), rest.len()), (bytes, 0));
    indexes.iter().collect()
}

fn written(indexes: &[u32]) -> Vec<u8> {
    let mut out = Vec::new();
    write_indexes(indexes, &mut out);
    out
}

fn record(header: Option<(&str, &[u8])>, value: &[u8]) -> RawRecords {
    let mut raw = RawRecords::with_capacity("t".into(), 0, 1, 0);
    raw.push(0, None, None, Some(value));
    raw.push_header("other", Some(b"\x00"));
    if let Some((name, value)) = header {
        raw.push_header(name, Some(value));
    }
    raw
}

#[test]
fn a_value_begins_with_its_schema() {
    assert_eq!(split(b"\x00\x00\x00\x01\x02rest").unwrap(), (SchemaId::Id(258), b"rest".as_slice()));
    assert_eq!(split(b"\x00\xff\xff\xff\xff").unwrap(), (SchemaId::Id(u32::MAX), b"".as_slice()));
    let (guid, rest) = split(b"\x010123456789abcdefrest").unwrap();
    assert_eq!((guid, rest), (SchemaId::Guid(*b"0123456789abcdef"), b"rest".as_slice()));
    assert_eq!(naming(SchemaId::Id(258)), *b"\x00\x00\x00\x01\x02");
}

#[test]
fn the_header_of_the_record_counts_before_the_value() {
    let guid = b"\x010123456789abcdef";
    let raw = record(Some(("__value_schema_id", guid)), b"{}");
    let framed = frame(&raw, 0, Part::Value, b"{}").unwrap();
    assert_eq!((framed.id, framed.body()), (SchemaId::Guid(*b"0123456789abcdef"), b"{}".as_slice()));
    // The header of the other half is none.
    insta::assert_snapshot!(error(frame(&raw, 0, Part::Key, b"{}")), @"wrong-magic: the key begins with 0x7b, not with the magic byte 0 or 1: it is probably plain JSON; remove `registry`");
    let raw = record(None, &[]);
    assert_eq!(frame(&raw, 0, Part::Value, &naming(SchemaId::Id(7))).unwrap().id, SchemaId::Id(7));
    let raw = record(Some(("__value_schema_id", b"\x02")), &[]);
    insta::assert_snapshot!(error(frame(&raw, 0, Part::Value, &naming(SchemaId::Id(7)))), @"wrong-magic: __value_schema_id begins with 0x02, not with the magic byte 0 or 1: it was probably not written with a schema registry; remove `registry`");
}

#[test]
fn message_indexes_follow_the_id_where_it_is() {
    let raw = record(Some(("__value_schema_id", b"\x010123456789abcdef\x02\x02")), &[]);
    let (indexes, body) = frame(&raw, 0, Part::Value, b"body").unwrap().message().unwrap();
    assert_eq!((indexes.iter().collect::<Vec<_>>(), body), (vec![1], b"body".as_slice()));
    let value = [naming(SchemaId::Id(1)).as_slice(), b"\x00body"].concat();
    let raw = record(None, &[]);
    let (indexes, body) = frame(&raw, 0, Part::Value, &value).unwrap().message().unwrap();
    assert_eq!((indexes.iter().collect::<Vec<_>>(), body), (vec![0], b"body".as_slice()));
}

#[test]
fn what_is_no_header_is_said() {
    let refused = [
        error(split(b"")),
        error(split(b"\x00\x01\x02")),
        error(split(b"\x01\x01\x02")),
        error(split(b"[1]")),
        error(split(b"\xc3\x01\x00")),
        error(split(b"Obj\x01")),
        error(split(b"\x05\x00\x00\x00\x01")),
        error(Indexes::split(b"")),
        error(Indexes::split(b"\x02")),
        error(Indexes::split(b"\x02\x01")),
        error(Indexes::split(b"\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")),
    ];
    insta::assert_snapshot!(refused.join("\n"), @r"
    truncated: the value is empty: expected the magic byte 0 and a schema id of 4 bytes
    truncated: the value ends after 3 bytes: expected a magic byte and a schema id of 4 bytes
    truncated: the value ends after 3 bytes: expected a magic byte and a schema GUID of 16 bytes
    wrong-magic: the value begins with 0x5b, not with the magic byte 0 or 1: it is probably plain JSON; remove `registry`
    wrong-magic: the value begins with 0xc3, not with the magic byte 0 or 1: it is probably a single Avro object with the fingerprint of its schema; remove `registry`
    wrong-magic: the value begins with 0x4f, not with the magic byte 0 or 1: it is probably an Avro file; remove `registry`
    wrong-magic: the value begins with 0x05, not with the magic byte 0 or 1: it was probably not written with a schema registry; remove `registry`
    truncated: the record ends within Protobuf's message indexes, which follow the schema id
    truncated: the record ends within Protobuf's message indexes, which follow the schema id
    out-of-range: Protobuf's message indexes: expected an index, found -1
    out-of-range: Protobuf's message indexes: a number has more than 64 bits
    ");
}

#[test]
fn a_guid_is_written_as_a_uuid() {
    let (guid, _) = split(b"\x01\x89\x79\x17\x62\x23\x36\x41\x86\x96\x74\x29\x9b\x90\xa8\x02\xe2").unwrap();
    assert_eq!(guid.to_string(), "89791762-2336-4186-9674-299b90a802e2");
}

fn cases() -> Option<Value> {
    let text = crate::codec::cases::read("codec-registry-wire", "cases.json")?;
    Some(serde_json::from_slice(&text).unwrap())
}

fn hex(case: &Value) -> Vec<u8> {
    let text = case["hex"].as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn numbers(case: &Value) -> Vec<u64> {
    case.as_array().unwrap().iter().map(|index| index.as_u64().unwrap()).collect()
}

#[test]
fn message_indexes_are_read_and_written_as_others_do() {
    let Some(cases) = cases() else { return };
    let encodings = cases["message_index_encoding"].as_array().unwrap();
    assert_eq!(encodings.len(), 10);
    for case in encodings {
        let wanted = numbers(&case["indexes"]);
        assert_eq!(indexes(&hex(case)), wanted, "{case}");
        // Only the present form is written, of numbers that a file can have.
        let narrow: Result<Vec<u32>, _> = wanted.iter().map(|&index| u32::try_from(index)).collect();
        if let (Ok(narrow), true) = (narrow, case["zigzag"].as_bool().unwrap()) {
            assert_eq!(written(&narrow), hex(case), "{case}");
        }
    }
    let paths = cases["message_index_paths"].as_array().unwrap();
    assert_eq!(paths.len(), 3);
    for case in paths {
        let wanted = numbers(&case["indexes"]);
        let narrow: Vec<u32> = wanted.iter().map(|&index| index as u32).collect();
        assert_eq!(indexes(&written(&narrow)), wanted, "{case}");
    }
}

#[test]
fn headers_are_read_as_others_write_them() {
    let Some(cases) = cases() else { return };
    let headers = cases["headers"].as_array().unwrap();
    assert_eq!(headers.len(), 4);
    for case in headers {
        let bytes = hex(case);
        let (id, mut rest) = split(&bytes).unwrap();
        let wanted = case["schema_id"].as_u64().map(|id| id.to_string());
        assert_eq!(id.to_string(), wanted.or(case["schema_guid"].as_str().map(str::to_owned)).unwrap());
        if case["format"] == "PROTOBUF" {
            let (indexes, after) = Indexes::split(rest).unwrap();
            assert_eq!(indexes.iter().collect::<Vec<_>>(), numbers(&case["message_indexes"]), "{case}");
            rest = after;
        }
        assert_eq!(rest.len(), 0, "{case}");
    }
    let rejected = cases["reject"].as_array().unwrap();
    assert_eq!(rejected.len(), 7);
    for case in rejected {
        let bytes = hex(case);
        let outcome = match split(&bytes) {
            Ok((_, rest)) if case["why"].as_str().unwrap().starts_with("PROTOBUF") => {
                Indexes::split(rest).map(|_| ())
            }
            outcome => outcome.map(|_| ()),
        };
        let code = outcome.expect_err("it is refused").of_record(0).code;
        assert!(matches!(code, "truncated" | "wrong-magic"), "{case}: {code}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(id: u32, message in vec(any::<u32>(), 1..6), body in vec(any::<u8>(), 0..20)) {
        let mut value = naming(SchemaId::Id(id));
        write_indexes(&message, &mut value);
        value.extend(&body);
        let raw = record(None, &[]);
        let framed = frame(&raw, 0, Part::Value, &value).unwrap();
        let (indexes, rest) = framed.message().unwrap();
        prop_assert_eq!((framed.id, rest), (SchemaId::Id(id), body.as_slice()));
        let wanted: Vec<u64> = message.iter().copied().map(u64::from).collect();
        prop_assert_eq!(indexes.iter().collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..40)) {
        if let Ok((_, rest)) = split(&bytes)
            && let Ok((indexes, _)) = Indexes::split(rest)
        {
            prop_assert!(indexes.iter().count() >= 1);
        }
        if let Ok((indexes, rest)) = Indexes::split(&bytes) {
            prop_assert_eq!([indexes.bytes(), rest].concat(), bytes);
        }
    }
}
