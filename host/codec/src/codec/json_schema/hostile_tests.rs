//! Records that would take hours or gigabytes to check, and schemas that make any record do so.

use std::time::{Duration, Instant};

use super::tape::Tape;
use super::validate::Validator;
use crate::codec::registered::{RegisteredSchema, SchemaKind};

fn validator(text: &str) -> Result<Validator, String> {
    Validator::new(&RegisteredSchema::new(SchemaKind::Json, text))
}

/// What is said of a record, which is soon.
fn said(schema: &str, record: &str) -> String {
    let validator = validator(schema).unwrap();
    let started = Instant::now();
    let mut tape = Tape::default();
    let said = match tape.read(record.as_bytes()) {
        Err(why) => why.to_string(),
        Ok(value) => match validator.check(value) {
            Ok(()) => "taken".to_owned(),
            Err(problem) => problem.of_record(0).message,
        },
    };
    // A millionth of what it was, and still enough for a machine that does other things beside.
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    said
}

#[test]
fn a_key_that_is_there_twice_is_refused_at_once() {
    insta::assert_snapshot!(said("{}", &format!("{{{}\"b\":0}}", "\"a\":1,".repeat(300_000))), @"the key a is there twice at line 1 column 10");
    let many: Vec<String> = (0..300_000).map(|n| format!("\"k{n}\":0")).collect();
    insta::assert_snapshot!(said("{}", &format!("{{{},\"k7\":1}}", many.join(","))), @"the key k7 is there twice at line 1 column 3488898");
    assert_eq!(said("{}", &format!("{{{}}}", many.join(","))), "taken");
}

#[test]
fn what_is_wrong_within_alternatives_within_alternatives_is_told_or_left() {
    let schema = r##"{"properties":{"f":{"$ref":"#/definitions/e"}},"definitions":{"e":{"oneOf":[{"type":"integer"},
        {"type":"object","properties":{"op":{"const":"and"},"arg":{"$ref":"#/definitions/e"}}},
        {"type":"object","properties":{"op":{"const":"not"},"arg":{"$ref":"#/definitions/e"}}}]}}}"##;
    let nested = |depth: usize| {
        let begin = r#"{"op":"and","arg":"#.repeat(depth);
        format!("{{\"f\":{begin}\"x\"{}}}", "}".repeat(depth))
    };
    assert_eq!(said(schema, &nested(30)), "the record is not what its schema says");
    assert!(said(schema, &nested(1)).starts_with("f: "), "{}", said(schema, &nested(1)));
}

#[test]
fn many_bad_names_and_many_missing_keys_copy_nothing_for_each() {
    let names: Vec<String> = (0..20_000).map(|n| format!("\"A{n}\":0")).collect();
    let record = format!("{{{}}}", names.join(","));
    insta::assert_snapshot!(said(r#"{"propertyNames":{"pattern":"^[a-z]+$"}}"#, &record), @"the record is not what its schema says");
    let keys: Vec<String> = (0..5_000).map(|n| format!("\"k{n}\"")).collect();
    let required = format!("{{\"required\":[{}]}}", keys.join(","));
    insta::assert_snapshot!(said(&required, &record), @"the record is not what its schema says");
}

#[test]
fn items_that_look_alike_are_told_apart() {
    let mut items = vec!["[]".to_owned(), "[[]]".to_owned()];
    while items.len() < 30_000 {
        let last = items[items.len() / 2].clone();
        items.push(format!("[{last},{}]", items[items.len() % 97 % items.len()]));
    }
    items.sort();
    items.dedup();
    let schema = r#"{"properties":{"tags":{"uniqueItems":true,"items":{"type":"array"}}}}"#;
    assert_eq!(said(schema, &format!("{{\"tags\":[{}]}}", items.join(","))), "taken");
}

/// `length` schemas of which each says `keyword` of the next.
fn chain(length: usize, keyword: &str) -> String {
    let reference = |n: usize| match keyword {
        "not" => format!(r##""not":{{"$ref":"#/definitions/d{n}"}}"##),
        _ => format!(r##""allOf":[{{"$ref":"#/definitions/d{n}"}},{{"$ref":"#/definitions/d{n}"}}]"##),
    };
    let links: Vec<String> = (0..length).map(|n| format!("\"d{n}\":{{{}}}", reference(n + 1))).collect();
    format!(
        r##"{{"definitions":{{{},"d{length}":{{"type":"string"}}}},"properties":{{"s":{{"$ref":"#/definitions/d0"}}}}}}"##,
        links.join(",")
    )
}

#[test]
fn schemas_that_lead_to_each_other_without_end_are_refused() {
    let refused = |schema: &str| validator(schema).err().unwrap();
    insta::assert_snapshot!(refused(&chain(20_000, "not")), @"the schema cannot be used: 40002 of its parts lead to each other on one value, by $ref, allOf, not, …; at most 100 may");
    assert!(validator(&chain(40, "not")).is_ok());
    insta::assert_snapshot!(said(&chain(40, "allOf"), r#"{"s":"x"}"#), @"the schema takes more than 1049344 looks at the record to check it: alternatives within alternatives are to blame");
    let patterns: Vec<String> = (0..300).map(|n| format!(r#"{{"pattern":"{n}"}}"#)).collect();
    insta::assert_snapshot!(refused(&format!(r#"{{"allOf":[{}]}}"#, patterns.join(","))), @"the schema cannot be used: it has more than 256 patterns");
    let large = refused(r#"{"pattern":"^((\\p{L}{100}){100}){100}$"}"#);
    assert!(large.contains("{100}"), "{large}");
}

/// On a stack as a task has it.
fn on_a_small_stack(run: impl FnOnce() -> String + Send + 'static) -> String {
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap()
}

#[test]
fn the_deepest_that_is_checked_fits_on_half_a_task_s_stack() {
    for (length, depth, taken) in
        [(2, 120, true), (15, 31, true), (15, 127, false), (45, 20, true), (45, 60, false)]
    {
        // Each level leads through `length` times two schemas to the next.
        let links: Vec<String> = (0..length)
            .map(|n| format!(r##""d{n}":{{"allOf":[{{"$ref":"#/definitions/d{}"}}]}}"##, n + 1))
            .collect();
        let schema = format!(
            r##"{{"$ref":"#/definitions/d0","definitions":{{{},"d{length}":{{"properties":{{"a":{{"$ref":"#/definitions/d0"}}}}}}}}}}"##,
            links.join(",")
        );
        let record = "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
        let said = on_a_small_stack(move || said(&schema, &record));
        if taken {
            assert_eq!(said, "taken", "{length} {depth}");
        } else {
            assert!(said.starts_with("the record is nested "), "{length} {depth}: {said}");
        }
    }
}
