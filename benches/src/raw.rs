//! Hand-written programs over librdkafka to compare with: one copies records, one parses orders with serde_json,
//! keeps those above 500 and adds a fee. A consumer, a producer and a thread for each partition, tuned.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::Producer;
use rdkafka::{Message, Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};

use crate::kafka::{Failed, PARTITIONS, config, producer, send};

/// What a baseline does with each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Copies key and value.
    Forward,
    /// Keeps `amount > 500`, adds `fee`, keyed by user.
    Fee,
}

#[derive(Deserialize, Serialize)]
struct Order<'a> {
    id: u64,
    #[serde(borrow)]
    user: Cow<'a, str>,
    amount: f64,
    #[serde(borrow)]
    merchant: Cow<'a, str>,
    #[serde(borrow)]
    country: Cow<'a, str>,
    #[serde(borrow)]
    channel: Cow<'a, str>,
    ts: i64,
    #[serde(borrow)]
    note: Cow<'a, str>,
    #[serde(default)]
    fee: f64,
}

/// Runs `job` over `n` records of `input` into `output`; answers when the first record was in hand.
pub fn run(bootstrap: &str, job: Job, input: &str, output: &str, n: u64) -> Result<Instant, Failed> {
    let seen = AtomicU64::new(0);
    let seen = &seen;
    let firsts: Vec<Result<Option<Instant>, String>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..PARTITIONS)
            .map(|partition| {
                scope.spawn(move || {
                    work(bootstrap, job, input, output, partition, n, seen).map_err(|e| e.to_string())
                })
            })
            .collect();
        workers.into_iter().map(|w| w.join().map_err(|_| "a worker panicked".to_owned())?).collect()
    });
    let firsts = firsts.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(firsts.into_iter().flatten().min().ok_or("no record came")?)
}

fn work(
    bootstrap: &str,
    job: Job,
    input: &str,
    output: &str,
    partition: i32,
    n: u64,
    seen: &AtomicU64,
) -> Result<Option<Instant>, Failed> {
    let consumer: BaseConsumer = config(bootstrap)
        .set("group.id", format!("raw-{output}"))
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("fetch.message.max.bytes", "4000000")
        .set("queued.max.messages.kbytes", "65536")
        .set("fetch.queue.backoff.ms", "20")
        .create()?;
    let producer = producer(bootstrap)?;
    let mut mine = TopicPartitionList::new();
    mine.add_partition_offset(input, partition, Offset::Beginning)?;
    consumer.assign(&mine)?;
    let (mut first, mut json) = (None, Vec::with_capacity(512));
    let mut flush_at = Instant::now() + Duration::from_secs(1);
    while seen.load(Relaxed) < n {
        if let Some(message) = consumer.poll(Duration::from_millis(20)) {
            let message = message?;
            first.get_or_insert_with(Instant::now);
            let value = message.payload().unwrap_or_default();
            match job {
                Job::Forward => send(&producer, output, message.key(), value),
                Job::Fee => {
                    let mut order: Order = serde_json::from_slice(value)?;
                    if order.amount > 500.0 {
                        order.fee = order.amount * 0.015;
                        json.clear();
                        serde_json::to_writer(&mut json, &order)?;
                        send(&producer, output, Some(order.user.as_bytes()), &json);
                    }
                }
            }
            seen.fetch_add(1, Relaxed);
        }
        if Instant::now() > flush_at {
            producer.flush(Duration::from_secs(60))?;
            flush_at = Instant::now() + Duration::from_secs(1);
        }
    }
    producer.flush(Duration::from_secs(60))?;
    Ok(first)
}
