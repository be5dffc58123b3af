//! Dead letters written to a topic and read back.

use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;
use crate::connector::dead_letter::{ChoosyLetterWriter as _, Kept, Offered, Wanted};
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
    deliver(&mut letters);
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

/// Waits until everything that was written is delivered.
fn deliver(letters: &mut KafkaDeadLetters) {
    letters.barrier(1).unwrap();
    let until = Instant::now() + PATIENCE;
    while letters.delivered(TURN).unwrap() != Some(1) {
        assert!(Instant::now() < until, "not delivered");
    }
}

#[test]
fn what_is_too_large_by_itself_is_handed_back_and_whatever_is_taken_is_delivered() {
    let world = World::with(&[("dead", 1)]);
    let connection = world.connection("default");
    let mut letters = KafkaDeadLetters::open(&connection, "dead", PATIENCE).unwrap();
    let of = |n: i64, bytes: usize, row: usize| DeadLetter {
        value: Some(vec![n as u8; bytes]),
        row_ipc: Some(vec![0; row]),
        // Many small headers cost more than their bytes.
        headers: (0..1_000).map(|i| Header { name: i.to_string(), value: None }).collect(),
        ..letter("fraud", n)
    };
    let Offered::NotTaken(why) = letters.offer(&of(0, 2_000_000, 1)).unwrap() else { panic!("it is taken") };
    insta::assert_snapshot!(why, @"as a record it would have 2013201 bytes, and topic `dead` takes 1048332: raise its `max.message.bytes`, and start the pipeline again");
    let Err(ConnectorError::Stop(_)) = letters.put(&of(0, 2_000_000, 1)) else { panic!("it is taken") };
    // Around the limit each is taken whole or without its row, or handed back; none is lost on the way.
    let mut taken = Vec::new();
    for (n, bytes) in (1..).zip((1_030_000..1_050_000).step_by(500)) {
        match letters.offer(&of(n, bytes, 300)).unwrap() {
            Offered::Taken => taken.push((n, bytes)),
            Offered::NotTaken(_) => assert!(bytes > 1_035_000, "{bytes}"),
        }
    }
    assert!((5..35).contains(&taken.len()), "{}", taken.len());
    assert_eq!(letters.offer(&of(100, 10, 2_000_000)).unwrap(), Offered::Taken);
    taken.push((100, 10));
    deliver(&mut letters);
    let mut reader = KafkaLetters::open(&connection, "dead", "fraud", Wanted::All).unwrap();
    let mut rows = 0;
    // The broker of the tests keeps the newest 5 MB.
    let found: Vec<DeadLetter> =
        std::iter::from_fn(|| reader.next().unwrap()).map(|kept| kept.letter).collect();
    for (found, (n, bytes)) in found.iter().rev().zip(taken.iter().rev()) {
        rows += usize::from(found.row_ipc.is_some());
        let row = found.row_ipc.as_ref().map_or(0, Vec::len);
        let expected = of(*n, *bytes, row);
        assert!(*found == DeadLetter { row_ipc: found.row_ipc.clone(), ..expected }, "letter {n}");
    }
    assert!(found.len() > 2 && rows < found.len(), "{rows} of {}", found.len());
}

#[test]
fn a_refusal_that_comes_afterwards_makes_the_next_run_send_less() {
    let broker = MockCluster::new(1).unwrap();
    broker.create_topic("dead", 1, 1).unwrap();
    let properties = BTreeMap::from([("bootstrap.servers".to_owned(), broker.bootstrap_servers())]);
    let by_name = BTreeMap::from([("default".to_owned(), properties)]);
    let connection = Connections::new(&by_name, 256 << 20, None).unwrap().get("default").unwrap();
    let open = || KafkaDeadLetters::open(&connection, "dead", PATIENCE).unwrap();
    let large = |bytes| DeadLetter { value: Some(vec![0; bytes]), ..letter("fraud", 1) };

    let mut letters = open();
    deliver(&mut letters);
    broker.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);
    assert_eq!(letters.offer(&large(500_000)).unwrap(), Offered::Taken);
    letters.barrier(2).unwrap();
    let until = Instant::now() + PATIENCE;
    let stopped = loop {
        assert!(Instant::now() < until, "it is not refused");
        match letters.delivered(TURN) {
            Ok(delivered) => assert_eq!(delivered, Some(1)),
            Err(stopped) => break stopped,
        }
    };
    assert!(matches!(stopped, ConnectorError::Stop(_)), "{stopped}");
    assert!(letters.barrier(3).is_err(), "it stays so");

    let mut letters = open();
    let Offered::NotTaken(why) = letters.offer(&large(500_000)).unwrap() else { panic!("it is tried again") };
    insta::assert_snapshot!(why, @"as a record it would have 500326 bytes, and topic `dead` takes 262083: it has refused larger ones: raise its `max.message.bytes`, let the connection's user read its settings (DESCRIBE_CONFIGS), and start the host again");
    assert_eq!(letters.offer(&large(200_000)).unwrap(), Offered::Taken);
    deliver(&mut letters);
}
