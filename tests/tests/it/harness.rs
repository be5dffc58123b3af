//! The harness itself: what goes into a topic comes out of it.
//!
//! Not the place for tests of the host.

use sabot_tests::broker::{Broker, PrivateBroker};
use sabot_tests::record::Record;
use std::time::Duration;

#[test]
fn a_topic_gives_back_what_it_got() {
    let Some(broker) = Broker::for_test("a_topic_gives_back_what_it_got") else { return };
    let topic = broker.topic("harness", 3);
    assert_eq!(topic.partitions(), [0, 1, 2]);
    assert!(topic.is_empty());
    topic.produce((0..20_000).map(|n| n.to_string()));
    assert_eq!(topic.len(), 20_000);
    let mut numbers: Vec<u32> =
        topic.read_all().iter().map(|record| record.text().parse().unwrap()).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..20_000));

    let record = Record {
        partition: 1,
        timestamp_ms: Some(1_700_000_000_000),
        key: Some(b"k".to_vec()),
        headers: vec![("h".into(), Some(b"1".to_vec())), ("h".into(), None)],
        ..Record::default()
    };
    topic.produce_records([record.clone()]);
    let records = topic.wait_for(20_001, Duration::from_secs(120));
    let tombstone = records.iter().find(|record| record.value.is_none()).unwrap();
    assert_eq!(*tombstone, Record { offset: tombstone.offset, ..record });
}

#[test]
fn a_killed_broker_comes_back_with_its_data() {
    let Some(mut private) = PrivateBroker::for_test("a_killed_broker_comes_back_with_its_data") else {
        return;
    };
    let address = private.bootstrap().to_owned();
    let topic = private.connect().topic("harness", 1);
    topic.produce(["before"]);
    private.kill();
    private.start();
    assert_eq!(private.bootstrap(), address);
    topic.produce(["after"]);
    let texts: Vec<String> = topic.read_all().iter().map(Record::text).collect();
    assert_eq!(texts, ["before", "after"]);
}
