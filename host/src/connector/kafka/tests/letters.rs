//! Dead letters written to a topic and read back.

use super::*;
use crate::connector::dead_letter::{Kept, Wanted};
use crate::connector::{DeadLetter, DeadLetterReader as _, DeadLetterWriter as _, Header};

fn letter(pipeline: &str, n: i64) -> DeadLetter {
    DeadLetter {
        pipeline: pipeline.into(),
        step: "score".into(),
        code: "trap".into(),
        attempts: 3,
        topic: Some("orders".into()),
        partition: Some(7),
        offset: Some(n),
        key: Some(n.to_string().into_bytes()),
        value: Some(vec![0xff, n as u8]),
        headers: vec![Header { name: "trace".into(), value: None }],
        row_ipc: Some(vec![1, 2, 3]),
        at_ms: 1_000 + n,
        ..DeadLetter::default()
    }
}

#[test]
fn letters_come_back_as_they_were_and_other_records_are_passed_over() {
    let world = World::with(&[("dead", 2), ("empty", 1)]);
    world.fill("dead", 0..3);
    let connection = world.connection("default");
    let mut letters = KafkaDeadLetters::open(&connection, "dead", PATIENCE).unwrap();
    for n in 0..6 {
        let pipeline = if n == 4 { "other" } else { "fraud" };
        letters.put(&letter(pipeline, n)).unwrap();
    }
    letters.barrier(1).unwrap();
    let until = Instant::now() + PATIENCE;
    while letters.delivered(TURN).unwrap() != Some(1) {
        assert!(Instant::now() < until);
    }
    let read = |topic: &str, wanted: Wanted<'_>| -> Vec<Kept> {
        let mut reader = KafkaLetters::open(&connection, topic, "fraud", wanted).unwrap();
        std::iter::from_fn(|| reader.next().unwrap()).collect()
    };
    let all = read("dead", Wanted::All);
    let mut found: Vec<DeadLetter> = all.iter().map(|kept| kept.letter.clone()).collect();
    found.sort_by_key(|letter| letter.offset);
    assert_eq!(found, [0, 1, 2, 3, 5].map(|n| letter("fraud", n)));
    let one = &all[3];
    let ids = [one.id.clone(), "1-4711".into(), "9-0".into(), "17".into()];
    assert_eq!(read("dead", Wanted::These(&ids)), std::slice::from_ref(one));
    assert_eq!(read("dead", Wanted::Newest(1_000)), all);
    assert!(read("dead", Wanted::Newest(1)).len() <= 2);
    assert_eq!(read("empty", Wanted::All), []);
    let unknown = KafkaLetters::open(&connection, "nowhere", "fraud", Wanted::All).err().unwrap();
    insta::assert_snapshot!(unknown, @"there is no topic `nowhere` on connection `default`: create it (kafka-topics --create; `sabot dev` makes what a pipeline applied there names) or correct the name");
}
