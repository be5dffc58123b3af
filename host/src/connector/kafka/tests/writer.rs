//! Keys, partitions, headers, limits, barriers, failures of the broker.

use std::ffi::c_void;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use rdkafka::bindings as sys;

use super::*;
use crate::batch::Batch;
use crate::codec::wire::SchemaId;
use crate::codec::{Codec, Encode, Encoder, RecordError};
use crate::connector::{DeadLetter, DeadLetterWriter as _, Header, Writer, Written};

/// The partition that librdkafka's `murmur2_random` and `consistent_random` choose: the ones we use.
fn chosen(key: &str, partitions: i32) -> (i32, i32) {
    let key = key.as_bytes();
    let (key, len, null) = (key.as_ptr().cast::<c_void>(), key.len(), std::ptr::null_mut());
    // SAFETY: neither looks at the topic or the opaque pointers.
    unsafe {
        (
            sys::rd_kafka_msg_partitioner_murmur2(std::ptr::null(), key, len, partitions, null, null),
            sys::rd_kafka_msg_partitioner_consistent(std::ptr::null(), key, len, partitions, null, null),
        )
    }
}

#[test]
fn keys_go_where_the_java_client_sends_them() {
    // The hashes are those of org.apache.kafka.common.utils.UtilsTest, modulo a large number of partitions.
    let java = [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    ];
    for (key, hash) in java {
        let positive = hash & 0x7fff_ffff;
        for partitions in [1, 3, 1_000_003] {
            assert_eq!(chosen(key, partitions).0, positive % partitions, "{key}");
        }
    }
    // CRC-32 of "123456789" is 0xcbf43926.
    assert_eq!(chosen("123456789", 1_000_003).1, (0xcbf4_3926_u32 % 1_000_003) as i32);
}

fn schema_and(columns: Vec<(&str, ArrayRef)>) -> Batch {
    Batch::new(
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap(),
    )
}

fn texts(texts: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

fn open(world: &World, sink: &KafkaSink, batch: &Batch) -> KafkaWriter {
    let encode = Encode { columns: Some(vec!["v".into()]), ..Encode::plain(Codec::Json) };
    let encoder = Encoder::new(&encode, &batch.rows.schema()).unwrap();
    KafkaWriter::open(&world.connection("default"), sink, &batch.rows.schema(), (encoder, None), PATIENCE)
        .unwrap()
}

/// Writes all of a batch and waits until it is delivered; the rows that failed.
fn write(writer: &mut KafkaWriter, batch: &Batch) -> Vec<RecordError> {
    let (mut errors, mut from, until) = (Vec::new(), 0, Instant::now() + PATIENCE);
    while let Written::Full { from: rest } = writer.write(batch, from, &mut errors).unwrap() {
        assert!(rest >= from && Instant::now() < until);
        from = rest;
    }
    writer.barrier(1).unwrap();
    while writer.delivered(TURN).unwrap() != Some(1) {
        assert!(Instant::now() < until, "not delivered");
    }
    errors
}

struct Seen {
    partition: i32,
    key: Option<String>,
    value: String,
    timestamp_ms: i64,
    headers: Vec<(String, Option<String>)>,
}

/// All records of a topic, in order within each partition.
fn seen(world: &World, topic: &str, count: usize) -> Vec<Seen> {
    let mut group = world.group("reader", &[(topic, Start::Earliest)]);
    let mut partitions = assigned(&mut group);
    let (mut seen, until) = (Vec::new(), Instant::now() + PATIENCE);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    while seen.len() < count {
        assert!(Instant::now() < until, "only {} of {count} records", seen.len());
        for partition in &mut partitions {
            let Read::Records(raw) = partition.reader.read(LIMITS).unwrap() else { continue };
            seen.extend((0..raw.len()).map(|i| Seen {
                partition: partition.partition,
                key: raw.key(i).map(text),
                value: raw.value(i).map(text).unwrap_or_default(),
                timestamp_ms: raw.records()[i].timestamp_ms.unwrap_or(-1),
                headers: raw.headers(i).map(|(n, v)| (n.into_owned(), v.map(text))).collect(),
            }));
        }
    }
    assert_eq!(seen.len(), count);
    seen
}

#[test]
fn keys_are_as_their_codec_encodes_them_and_a_row_fails_once() {
    let world = World::with(&[("out", 1)]);
    let batch = schema_and(vec![
        ("k", Arc::new(Float64Array::from(vec![1.5, f64::NAN, f64::NAN, 2.5]))),
        ("v", Arc::new(Float64Array::from(vec![1.0, 2.0, f64::NAN, f64::INFINITY]))),
    ]);
    let encoder = |column: &str| {
        let encode = Encode { columns: Some(vec![column.into()]), ..Encode::plain(Codec::Json) };
        Encoder::new(&encode, &batch.rows.schema()).unwrap()
    };
    let sink = KafkaSink { key: vec!["k".into()], ..sink("out") };
    let encoders = (encoder("v"), Some(encoder("k")));
    let connection = world.connection("default");
    let mut writer = KafkaWriter::open(&connection, &sink, &batch.rows.schema(), encoders, PATIENCE).unwrap();
    let mut errors: Vec<String> =
        write(&mut writer, &batch).iter().map(|e| format!("{} {}", e.index, e.message)).collect();
    errors.sort();
    insta::assert_snapshot!(errors.join("\n"), @r"
    1 key: k: JSON has no number for NaN
    2 v: JSON has no number for NaN
    3 v: JSON has no number for inf
    ");
    let seen = seen(&world, "out", 1);
    assert_eq!(seen[0].key.as_deref(), Some(r#"{"k":1.5}"#));
}

#[test]
fn a_header_names_the_schema_of_what_is_there() {
    let world = World::with(&[("out", 1)]);
    let batch = schema_and(vec![
        ("k", Arc::new(Int64Array::from(vec![1, 2]))),
        ("v", Arc::new(Int64Array::from(vec![10, 20]))),
        ("h", texts(&[Some("x"), None])),
        ("gone", Arc::new(BooleanArray::from(vec![false, true]))),
    ]);
    let encoder = |column: &str, guid: &[u8; 16]| {
        let schema_id = Some(SchemaId::Guid(*guid));
        let encode = Encode { columns: Some(vec![column.into()]), schema_id, ..Encode::plain(Codec::Json) };
        Encoder::new(&encode, &batch.rows.schema()).unwrap()
    };
    let sink = KafkaSink {
        key: vec!["k".into()],
        headers: vec!["h".into()],
        tombstone: Some("gone".into()),
        ..sink("out")
    };
    let encoders = (encoder("v", b"value.schema.id."), Some(encoder("k", b"key.schema.id...")));
    let connection = world.connection("default");
    let mut writer = KafkaWriter::open(&connection, &sink, &batch.rows.schema(), encoders, PATIENCE).unwrap();
    assert!(write(&mut writer, &batch).is_empty());
    let seen = seen(&world, "out", 2);
    let header = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
    let of_key = header("__key_schema_id", Some("\x01key.schema.id..."));
    let of_value = header("__value_schema_id", Some("\x01value.schema.id."));
    assert_eq!(seen[0].headers, [header("h", Some("x")), of_key.clone(), of_value]);
    assert_eq!((seen[0].key.as_deref(), seen[0].value.as_str()), (Some(r#"{"k":1}"#), r#"{"v":10}"#));
    // A tombstone has a key alone.
    assert_eq!((&seen[1].headers[..], seen[1].value.as_str()), (&[header("h", None), of_key][..], ""));
}

#[test]
fn rows_are_written_with_their_keys_to_the_partitions_of_the_keys() {
    let world = World::with(&[("out", 5)]);
    let keys: Vec<String> = (0..200).map(|i| format!("key-{}", i % 20)).collect();
    let batch = schema_and(vec![
        ("k", Arc::new(StringArray::from(keys.clone()))),
        ("v", Arc::new(Int64Array::from_iter_values(0..200))),
    ]);
    for (partitioner, of) in [(Partitioner::Murmur2, 0), (Partitioner::Crc32, 1)] as [(Partitioner, usize); 2]
    {
        let world = if of == 0 { &world } else { &World::with(&[("out", 5)]) };
        let sink = KafkaSink { key: vec!["k".into()], partitioner, ..sink("out") };
        assert!(write(&mut open(world, &sink, &batch), &batch).is_empty());
        let seen = seen(world, "out", 200);
        for record in &seen {
            let key = record.key.as_deref().unwrap();
            let (murmur2, crc32) = chosen(key, 5);
            assert_eq!(record.partition, [murmur2, crc32][of], "{key}");
        }
        // Within a key the order is that of the rows.
        let of_key: Vec<&str> =
            seen.iter().filter(|r| r.key.as_deref() == Some("key-3")).map(|r| r.value.as_str()).collect();
        let expected: Vec<String> = (0..10).map(|i| format!(r#"{{"v":{}}}"#, 3 + 20 * i)).collect();
        assert_eq!(of_key, expected);
    }
}

#[test]
fn in_turn_each_partition_gets_its_part() {
    let world = World::with(&[("out", 3)]);
    let batch = schema_and(vec![("v", Arc::new(Int64Array::from_iter_values(0..99)))]);
    let sink = KafkaSink { partitioner: Partitioner::RoundRobin, ..sink("out") };
    assert!(write(&mut open(&world, &sink, &batch), &batch).is_empty());
    let seen = seen(&world, "out", 99);
    for partition in 0..3 {
        assert_eq!(seen.iter().filter(|r| r.partition == partition).count(), 33);
    }
}

#[test]
fn partition_timestamp_and_headers_come_from_columns_and_bad_ones_are_row_errors() {
    let world = World::with(&[("out", 2)]);
    let batch = schema_and(vec![
        ("v", Arc::new(Int64Array::from(vec![0, 1, 2, 3]))),
        ("p", Arc::new(Int64Array::from(vec![1, 0, 7, 1]))),
        ("at", Arc::new(Int64Array::from(vec![Some(1234), Some(5), Some(5), Some(-2)]))),
        ("h", texts(&[Some("x"), None, None, None])),
    ]);
    let sink = KafkaSink {
        partitioner: Partitioner::Column("p".into()),
        timestamp: Some("at".into()),
        headers: vec!["h".into(), "p".into()],
        ..sink("out")
    };
    let errors = write(&mut open(&world, &sink, &batch), &batch);
    let errors: Vec<String> =
        errors.iter().map(|e| format!("{} {}: {}", e.index, e.code, e.message)).collect();
    insta::assert_snapshot!(errors.join("\n"), @r"
    2 no-such-partition: partition 7: topic `out` has partitions 0 to 1
    3 bad-timestamp: timestamp -2 lies before 1970, which Kafka cannot store
    ");
    let mut seen = seen(&world, "out", 2);
    seen.sort_by_key(|record| record.partition);
    let header = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
    assert_eq!((seen[1].partition, seen[1].timestamp_ms), (1, 1234));
    assert_eq!(seen[1].headers, [header("h", Some("x")), header("p", Some("1"))]);
    assert_eq!((seen[0].partition, seen[0].timestamp_ms), (0, 5));
    assert_eq!(seen[0].headers, [header("h", None), header("p", Some("0"))]);
}

#[test]
fn a_record_that_the_topic_does_not_take_is_a_row_error_and_the_others_go_on() {
    let world = World::with(&[("out", 1)]);
    let long = "x".repeat(1_100_000);
    let batch = schema_and(vec![("v", texts(&[Some("a"), Some(&long), Some("b")]))]);
    let errors = write(&mut open(&world, &sink("out"), &batch), &batch);
    assert_eq!((errors.len(), errors[0].index, errors[0].code), (1, 1, "too-large"));
    insta::assert_snapshot!(errors[0].message, @"the record has 1100072 bytes, topic `out` takes 1048332 (its `max.message.bytes`, or `message.max.bytes` of the connection, less the batch around it)");
    let values: Vec<String> = seen(&world, "out", 2).into_iter().map(|r| r.value).collect();
    assert_eq!(values, [r#"{"v":"a"}"#, r#"{"v":"b"}"#]);
}

#[test]
fn a_full_queue_takes_the_rest_later_and_no_row_twice() {
    let world = World::with(&[("out", 1)]);
    // A queue of a megabyte, and a broker that is away while it fills.
    let small = Connections::new(&BTreeMap::new(), 2 << 20, Some(Arc::clone(&world.broker))).unwrap();
    let rows = 20_000;
    let batch = schema_and(vec![("v", Arc::new(Int64Array::from_iter_values(0..rows)))]);
    let encode = Encode::plain(Codec::Json);
    let encoder = Encoder::new(&encode, &batch.rows.schema()).unwrap();
    let connection = small.get("default").unwrap();
    let mut writer =
        KafkaWriter::open(&connection, &sink("out"), &batch.rows.schema(), (encoder, None), PATIENCE)
            .unwrap();
    world.broker.set_down(true);
    let mut errors = Vec::new();
    let mut from = 0;
    for _ in 0..20 {
        match writer.write(&batch, from, &mut errors).unwrap() {
            Written::Full { from: rest } => from = rest,
            Written::Taken => panic!("a queue without end"),
        }
    }
    assert!(from > 100 && from < rows as usize);
    writer.barrier(1).unwrap();
    let until = Instant::now() + PATIENCE;
    while !matches!(writer.delivered(TURN), Err(ConnectorError::Retry(_))) {
        assert!(Instant::now() < until, "nobody said that the broker is away");
    }
    world.broker.set_down(false);
    while let Written::Full { from: rest } = writer.write(&batch, from, &mut errors).unwrap() {
        assert!(Instant::now() < until && rest >= from);
        from = rest;
        drop(writer.delivered(TURN));
    }
    writer.barrier(2).unwrap();
    while writer.delivered(TURN).ok().flatten() != Some(2) {
        assert!(Instant::now() < until, "not delivered");
    }
    assert!(errors.is_empty());
    let values: Vec<String> = seen(&world, "out", rows as usize).into_iter().map(|r| r.value).collect();
    let expected: Vec<String> = (0..rows).map(|v| format!(r#"{{"v":{v}}}"#)).collect();
    assert!(values == expected, "not the rows in order");
}

#[test]
fn many_writers_start_with_little_and_even_the_last_writes_the_largest_record() {
    let world = World::with(&[("out", 1)]);
    let small = Connections::new(&BTreeMap::new(), 16 << 20, Some(Arc::clone(&world.broker))).unwrap();
    let connection = small.among(10).get("default").unwrap();
    let largest = "v".repeat(1_048_588 - 400);
    let batch = schema_and(vec![("v", texts(&[Some(&largest)]))]);
    let open = || {
        let encoder = Encoder::new(&Encode::plain(Codec::Json), &batch.rows.schema()).unwrap();
        KafkaWriter::open(&connection, &sink("out"), &batch.rows.schema(), (encoder, None), PATIENCE)
    };
    let mut writers: Vec<KafkaWriter> = (0..10).map(|_| open().unwrap()).collect();
    let last = writers.last_mut().unwrap();
    let mut errors = Vec::new();
    assert!(matches!(last.write(&batch, 0, &mut errors).unwrap(), Written::Taken) && errors.is_empty());
    last.barrier(1).unwrap();
    let until = Instant::now() + PATIENCE;
    while last.delivered(TURN).unwrap() != Some(1) {
        assert!(Instant::now() < until, "not delivered");
    }
    let more: Vec<KafkaWriter> = (0..10).map_while(|_| open().ok()).collect();
    assert!((1..10).contains(&more.len()), "{} more, and then no more", more.len());
}

#[test]
fn an_unknown_topic_or_column_is_refused_at_the_start() {
    let world = World::with(&[("out", 1)]);
    let batch = schema_and(vec![("v", texts(&[None]))]);
    let refusal = |sink: &KafkaSink| {
        let encoder = Encoder::new(&Encode::plain(Codec::Json), &batch.rows.schema()).unwrap();
        let connection = world.connection("default");
        match KafkaWriter::open(&connection, sink, &batch.rows.schema(), (encoder, None), PATIENCE) {
            Err(ConnectorError::Stop(reason)) => reason,
            _ => panic!("not refused"),
        }
    };
    insta::assert_snapshot!(refusal(&sink("aut")), @"there is no topic `aut` on connection `default`: create it (kafka-topics --create; `sabot dev` makes what a pipeline applied there names) or correct the name");
    insta::assert_snapshot!(refusal(&KafkaSink { key: vec!["k".into()], ..sink("out") }), @"a key for topic `out` is column `k`, which the rows do not have: they have `v`");
}

#[test]
fn a_dead_letter_keeps_everything_and_says_what_went_wrong() {
    let world = World::with(&[("dead", 1)]);
    let mut letters = KafkaDeadLetters::open(&world.connection("default"), "dead", PATIENCE).unwrap();
    let letter = DeadLetter {
        pipeline: "fraud".into(),
        step: "orders".into(),
        code: "json-syntax".into(),
        message: "what?".into(),
        attempts: 2,
        topic: Some("in".into()),
        partition: Some(3),
        offset: Some(42),
        key: Some(b"k".to_vec()),
        value: Some(b"{".to_vec()),
        headers: vec![Header { name: "trace".into(), value: Some(b"7".to_vec()) }],
        at_ms: 99,
        ..DeadLetter::default()
    };
    letters.put(&letter).unwrap();
    let row = Some(serde_json::json!({"a": 1}));
    letters.put(&DeadLetter { step: "score".into(), row, ..DeadLetter::default() }).unwrap();
    letters.barrier(1).unwrap();
    let until = Instant::now() + PATIENCE;
    while letters.delivered(TURN).unwrap() != Some(1) {
        assert!(Instant::now() < until);
    }
    let seen = seen(&world, "dead", 2);
    assert_eq!((seen[0].key.as_deref(), seen[0].value.as_str()), (Some("k"), "{"));
    assert_eq!((seen[1].key.as_deref(), seen[1].value.as_str()), (None, r#"{"a":1}"#));
    let headers: Vec<String> =
        seen[0].headers.iter().map(|(n, v)| format!("{n}: {}", v.as_deref().unwrap_or("null"))).collect();
    insta::assert_snapshot!(headers.join("\n"), @"
    trace: 7
    sabot.pipeline: fraud
    sabot.step: orders
    sabot.error.code: json-syntax
    sabot.error.message: what?
    sabot.attempts: 2
    sabot.failed_at_ms: 99
    sabot.partition: 3
    sabot.offset: 42
    sabot.topic: in
    ");
}
