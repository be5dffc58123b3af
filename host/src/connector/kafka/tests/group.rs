//! Membership, start offsets, commits, failures of the broker.

use super::*;

#[test]
fn reads_all_commits_and_goes_on_there() {
    let world = World::with(&[("in", 1)]);
    world.fill("in", 0..1000);
    let mut group = world.group("g", &[("in", Start::Earliest)]);
    let mut partitions = assigned(&mut group);
    assert_eq!((partitions[0].source.as_str(), partitions[0].partition), ("source-in", 0));
    let records = read(&mut group, &mut partitions[0], 1000);
    assert_eq!(records, (0..1000).map(|n| (n, n.to_string())).collect::<Vec<_>>());
    assert_eq!((partitions[0].reader.position(), partitions[0].reader.lag()), (1000, Some(0)));
    let done = Commit { offset: 700, ..commit_of(&partitions[0]) };
    group.commit(&[done], true).unwrap();
    partitions.clear();
    group.leave();

    world.fill("in", 1000..1001);
    let mut group = world.group("g", &[("in", Start::Latest)]);
    let mut partitions = assigned(&mut group);
    assert_eq!(partitions[0].reader.position(), 700);
    let records = read(&mut group, &mut partitions[0], 301);
    assert_eq!((records[0].0, records[300].0), (700, 1000));
}

#[test]
fn limits_of_a_read_hold_and_an_empty_partition_is_idle() {
    let world = World::with(&[("in", 1)]);
    world.fill("in", 0..100);
    let mut group = world.group("g", &[("in", Start::Earliest)]);
    let mut partitions = assigned(&mut group);
    let mut sizes = Vec::new();
    let mut of = |limits| {
        let until = Instant::now() + PATIENCE;
        loop {
            match partitions[0].reader.read(limits).unwrap() {
                Read::Records(raw) => break sizes.push((raw.len(), raw.next_offset().unwrap())),
                _ => assert!(Instant::now() < until),
            }
        }
    };
    of(ReadLimits { records: 7, ..LIMITS });
    of(ReadLimits { records: 1, ..LIMITS });
    // Key and value of 8 and 9 have one byte each: the record that reaches the limit is the last.
    of(ReadLimits { bytes: 3, ..LIMITS });
    assert_eq!(sizes, [(7, 7), (1, 8), (2, 10)]);
    read(&mut group, &mut partitions[0], 90);
    assert!(matches!(
        partitions[0].reader.read(ReadLimits { wait: Duration::ZERO, ..LIMITS }),
        Ok(Read::Idle)
    ));
}

#[test]
fn latest_is_decided_once_for_all_owners() {
    let world = World::with(&[("in", 1)]);
    world.fill("in", 0..10);
    let mut group = world.group("g", &[("in", Start::Latest)]);
    let partitions = assigned(&mut group);
    assert_eq!(partitions[0].reader.position(), 10);
    // No record was read and nothing committed by the pipeline; still the next owner begins at 10, not at 20.
    group.commit(&[], true).unwrap();
    drop(partitions);
    group.leave();
    world.fill("in", 10..20);
    let mut group = world.group("g", &[("in", Start::Latest)]);
    assert_eq!(assigned(&mut group)[0].reader.position(), 10);
}

#[test]
fn committed_without_a_commit_is_a_refusal() {
    let world = World::with(&[("in", 1)]);
    let mut group = world.group("g", &[("in", Start::Committed)]);
    let Err(error) = event(&mut group) else { panic!("it began somewhere") };
    assert!(matches!(error, ConnectorError::Stop(_)));
    insta::assert_snapshot!(error, @"group `g` has committed no offset of in/0, and the source's `start` is `committed`: commit one (kafka-consumer-groups --reset-offsets) or start at earliest, latest or a time");
}

#[test]
fn an_unknown_topic_is_named_with_the_nearest() {
    let world = World::with(&[("orders", 1), ("users", 1)]);
    let mut group = world.group("g", &[("order", Start::Earliest), ("users", Start::Earliest)]);
    let Err(error) = event(&mut group) else { panic!("it began somewhere") };
    insta::assert_snapshot!(error, @"there is no topic `order` on connection `default`: create it (kafka-topics --create; `sabot dev` makes what a pipeline applied there names) or correct the name; did you mean `orders`?");
    assert!(matches!(group.poll(TURN), Err(ConnectorError::Stop(_))), "it stays so");
}

#[test]
fn one_topic_twice_in_a_group_and_a_time_on_the_embedded_broker_are_refused() {
    let world = World::with(&[("in", 1)]);
    let source = |name: &str, start| GroupSource { source: name.into(), topic: "in".into(), start };
    let new = |sources| match KafkaGroup::new(world.connection("default"), "g", sources) {
        Err(ConnectorError::Stop(reason)) => reason,
        _ => panic!("not refused"),
    };
    insta::assert_snapshot!(new(vec![source("a", Start::Earliest), source("b", Start::Earliest)]), @"sources `a` and `b` both read topic `in` in group `g`, which gives each record to one of them: read it once and use that source twice, or give one of them another `group`");
    insta::assert_snapshot!(new(vec![source("a", Start::Timestamp(5))]), @"source `a` starts at a time, and the embedded broker cannot look times up: start at earliest or latest, or take a real broker (`sabot dev --bootstrap HOST:PORT`)");
}

#[test]
fn a_second_member_takes_half_and_gives_it_back_and_no_record_is_skipped() {
    let world = World::with(&[("in", 2)]);
    world.fill("in", 0..200);
    let mut first = world.group("g", &[("in", Start::Earliest)]);
    let mut ours = assigned(&mut first);
    assert_eq!(ours.len(), 2);
    let done: Vec<Commit> = ours.iter().map(|p| Commit { offset: 5, ..commit_of(p) }).collect();
    // A real Kafka takes commits during a rebalance, the mock cluster does not.
    first.commit(&done, true).unwrap();

    let mut second = world.group("g", &[("in", Start::Earliest)]);
    let until = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < until, "never revoked");
        second.poll(TURN).ok();
        if let Ok(Some(GroupEvent::Revoked)) = first.poll(TURN) {
            break;
        }
    }
    ours.clear();
    first.released().unwrap();
    let (mut of_first, mut of_second) = (None, None);
    while of_first.is_none() || of_second.is_none() {
        assert!(Instant::now() < until, "not assigned again");
        for (group, got) in [(&mut first, &mut of_first), (&mut second, &mut of_second)] {
            match group.poll(TURN) {
                Ok(Some(GroupEvent::Assigned(partitions))) => *got = Some(partitions),
                Ok(Some(GroupEvent::Revoked)) => {
                    *got = None;
                    group.released().unwrap();
                }
                _ => {}
            }
        }
    }
    let (of_first, of_second) = (of_first.unwrap(), of_second.unwrap());
    assert_eq!((of_first.len(), of_second.len()), (1, 1));
    let at: Vec<i64> = of_first.iter().chain(&of_second).map(|p| p.reader.position()).collect();
    assert_eq!(at, [5, 5]);

    drop(of_second);
    second.leave();
    loop {
        assert!(Instant::now() < until, "the first did not get all back");
        match first.poll(TURN) {
            Ok(Some(GroupEvent::Revoked)) => first.released().unwrap(),
            Ok(Some(GroupEvent::Assigned(all))) if all.len() == 2 => break,
            _ => {}
        }
    }
}

#[test]
fn a_broker_that_is_down_is_waited_for_at_the_start_and_later() {
    let world = World::with(&[("in", 1)]);
    world.fill("in", 0..10);
    world.broker.set_down(true);
    let mut group = world.group("g", &[("in", Start::Earliest)]);
    let until = Instant::now() + PATIENCE;
    let reason = loop {
        assert!(Instant::now() < until, "the state was never told");
        if let Err(ConnectorError::Retry(reason)) = group.poll(TURN) {
            break reason.replace(world.broker.bootstrap(), "BROKER");
        }
    };
    insta::assert_snapshot!(reason, @"connection `default`: no broker of BROKER can be reached (Connection refused); trying again, nothing is lost");
    world.broker.set_down(false);
    let mut partitions = assigned(&mut group);
    read(&mut group, &mut partitions[0], 10);

    world.broker.set_down(true);
    while !matches!(group.poll(TURN), Err(ConnectorError::Retry(_))) {
        assert!(Instant::now() < until, "the loss of the broker was never told");
        partitions[0].reader.read(ReadLimits { wait: Duration::ZERO, ..LIMITS }).unwrap();
    }
    world.broker.set_down(false);
    while !matches!(group.poll(TURN), Ok(None)) {
        assert!(Instant::now() < until, "its return was never noticed");
    }
    world.fill("in", 10..20);
    let records = read(&mut group, &mut partitions[0], 10);
    assert_eq!(records[9], (19, "19".to_owned()));
    group.commit(&[commit_of(&partitions[0])], true).unwrap();
}

/// Writes until the broker has dropped the oldest records of `in`.
fn overflow(world: &World) {
    let mut outbox = Outbox::open(&world.connection("default"), &sink("in"), PATIENCE).unwrap();
    let value = vec![b'x'; 100_000];
    for _ in 0..80 {
        let record = Outgoing { row: 0, key: None, value: Some(&value) };
        assert_eq!(outbox.producer.send([record].into_iter(), &mut Vec::new()), Sent::All);
    }
    deliver(&mut outbox);
}

#[test]
fn records_dropped_before_they_were_read_are_named() {
    let world = World::with(&[("in", 1)]);
    world.fill("in", 0..10);
    let mut group = world.group("g", &[("in", Start::Earliest)]);
    let mut partitions = assigned(&mut group);
    group.commit(&[Commit { offset: 3, ..commit_of(&partitions[0]) }], true).unwrap();
    read(&mut group, &mut partitions[0], 10);
    partitions.clear();
    group.leave();
    overflow(&world);

    let mut group = world.group("g", &[("in", Start::Earliest)]);
    let Err(ConnectorError::Stop(error)) = event(&mut group) else { panic!("a gap went unnoticed") };
    assert!(error.starts_with("in/0: offset 3 is gone; the oldest is "), "{error}");
    assert!(error.contains("records (offsets 3 to ") && error.contains("about 5 MB a partition"), "{error}");

    // The connection can say to go on. The broker waits for members that do not answer.
    group.leave();
    let mut group = group_on(&world.connection("lenient"), "g", &[("in", Start::Earliest)]);
    let partitions = assigned(&mut group);
    assert!(partitions[0].reader.position() > 3);
}

#[test]
fn records_dropped_while_reading_stop_the_reader() {
    let world = World::with(&[("in", 1)]);
    world.fill("in", 0..10);
    let mut group = world.group("g", &[("in", Start::Earliest)]);
    let mut partitions = assigned(&mut group);
    read(&mut group, &mut partitions[0], 10);
    overflow(&world);
    overflow(&world);
    let until = Instant::now() + PATIENCE;
    let mut seen = 10;
    // Either all came in time, in order and without a hole, or the hole is an error.
    loop {
        assert!(Instant::now() < until, "neither all records nor an error, only {seen}");
        match partitions[0].reader.read(LIMITS) {
            Ok(Read::Records(raw)) => {
                assert_eq!(raw.records()[0].offset, seen, "a silent hole");
                seen = raw.next_offset().unwrap();
                if seen == 170 {
                    break;
                }
            }
            Ok(_) => {}
            Err(ConnectorError::Stop(error)) => {
                assert!(
                    error.starts_with(&format!("in/0: offset {seen} is gone; the oldest is ")),
                    "{error}"
                );
                break;
            }
            Err(ConnectorError::Retry(_)) => {}
        }
    }
}

#[test]
fn leaving_is_quick_whatever_it_is_doing() {
    let world = World::with(&[("in", 1)]);
    for polls in [0, 1, 5, 200] {
        let mut group = world.group("quick", &[("in", Start::Earliest)]);
        for _ in 0..polls {
            drop(group.poll(Duration::from_millis(1)));
        }
        group.leave();
        assert!(matches!(group.poll(Duration::ZERO), Ok(None)));
    }
}
