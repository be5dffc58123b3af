//! A topic of a test: filled fast, read whole, removed at the end.
//!
//! Everything here panics where it fails: a test has nothing better to do.

use crate::broker::Broker;
use crate::record::Record;
use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// A topic.
pub struct Topic {
    broker: Broker,
    name: String,
    ours: bool,
    /// For questions, made with the first: a test that waits for records asks all the time.
    asking: OnceLock<BaseConsumer>,
}

impl Topic {
    pub(crate) fn create(broker: Broker, name: String, partitions: i32, settings: &[(&str, &str)]) -> Self {
        let mut topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let made = wait_for(broker.admin().create_topics([&topic], &options()));
        for result in made.expect("the broker answers") {
            result.expect("the topic can be made");
        }
        let topic = Self { broker, name, ours: true, asking: OnceLock::new() };
        // It exists before its partitions have a leader: wait for these too.
        topic.ends();
        topic
    }

    pub(crate) fn existing(broker: Broker, name: String) -> Self {
        Self { broker, name, ours: false, asking: OnceLock::new() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes values round robin over all partitions; back once the broker has all.
    pub fn produce<V: Into<Vec<u8>>>(&self, values: impl IntoIterator<Item = V>) {
        let partitions = self.partitions().len() as i32;
        let spread = (0..partitions).cycle();
        self.produce_records(values.into_iter().zip(spread).map(|(value, at)| Record::new(at, value)));
    }

    /// Writes records, each partition in order; back once the broker has all.
    pub fn produce_records(&self, records: impl IntoIterator<Item = Record>) {
        let producer: ThreadedProducer<Deliveries> = self
            .client()
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            .set("batch.size", "1000000")
            // What is too large is the topic's to say.
            .set("message.max.bytes", "100000000")
            .set("queue.buffering.max.messages", "200000")
            .create_with_context(Deliveries::default())
            .expect("a producer can be made");
        for record in records {
            self.send(&producer, &record);
        }
        producer.flush(ANSWER_LIMIT).expect("the broker takes all records");
        let refused = producer.context().refused.load(Ordering::Relaxed);
        assert_eq!(refused, 0, "the broker refused records for {}", self.name);
    }

    /// Every record of every partition up to its end at this moment, by partition and offset. Of transactions only
    /// what was committed.
    pub fn read_all(&self) -> Vec<Record> {
        let mut records = Vec::new();
        self.for_each(|message| records.push(Record::read(message)));
        records.sort_by_key(|record| (record.partition, record.offset));
        records
    }

    /// The same without keeping the records.
    pub fn for_each(&self, mut visit: impl FnMut(&BorrowedMessage<'_>)) {
        let consumer: BaseConsumer = self.consumer();
        let mut open = self.assign(&consumer);
        let mut deadline = Instant::now() + ANSWER_LIMIT;
        while open > 0 {
            match consumer.poll(Duration::from_millis(200)) {
                Some(Ok(message)) => visit(&message),
                Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
                Some(Err(error)) => panic!("reading {}: {error}", self.name),
                None => {
                    assert!(Instant::now() < deadline, "reading {} takes too long", self.name);
                    continue;
                }
            }
            deadline = Instant::now() + ANSWER_LIMIT;
        }
    }

    /// Reads from the start, and waits until `count` records have come.
    ///
    /// # Panics
    /// With how many came, where it takes longer than `limit`.
    pub fn wait_for(&self, count: usize, limit: Duration) -> Vec<Record> {
        let consumer: BaseConsumer = self.consumer();
        self.assign(&consumer);
        let deadline = Instant::now() + limit;
        let mut records = Vec::new();
        while records.len() < count {
            match consumer.poll(Duration::from_millis(50)) {
                Some(Ok(message)) => records.push(Record::read(&message)),
                Some(Err(KafkaError::PartitionEOF(_))) | None => {}
                Some(Err(error)) => panic!("reading {}: {error}", self.name),
            }
            let came = records.len();
            assert!(Instant::now() < deadline, "{came} of {count} records came to {}", self.name);
        }
        records
    }

    /// How many records a reader of everything would see, at most: the sum over all partitions of end less start.
    pub fn len(&self) -> i64 {
        self.ends().into_iter().map(|(start, end)| end - start).sum()
    }

    /// The first and the next offset of each partition. Waits where a partition has no leader for a moment.
    pub fn ends(&self) -> Vec<(i64, i64)> {
        let consumer = self.asking.get_or_init(|| self.consumer());
        let deadline = Instant::now() + ANSWER_LIMIT;
        let ends = self.partitions().into_iter().map(|partition| {
            loop {
                let ask =
                    |consumer: &BaseConsumer| consumer.fetch_watermarks(&self.name, partition, ANSWER_LIMIT);
                // One that has asked too early may hold on to what it was told.
                match ask(consumer).or_else(|_| ask(&self.consumer())) {
                    Ok(ends) => return ends,
                    Err(error) => assert!(Instant::now() < deadline, "the end of {}: {error}", self.name),
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        ends.collect()
    }

    /// Whether nothing has been written to it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its partitions.
    pub fn partitions(&self) -> Vec<i32> {
        let client = self.broker.admin().inner();
        let metadata = client.fetch_metadata(Some(&self.name), ANSWER_LIMIT);
        let metadata = metadata.expect("the broker describes the topic");
        let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
        let mut partitions: Vec<i32> = partitions.map(|partition| partition.id()).collect();
        partitions.sort_unstable();
        partitions
    }

    fn send(&self, producer: &ThreadedProducer<Deliveries>, record: &Record) {
        let mut message = BaseRecord::<[u8], [u8]>::to(&self.name);
        message.partition = (record.partition >= 0).then_some(record.partition);
        message.timestamp = record.timestamp_ms;
        message.key = record.key.as_deref();
        message.payload = record.value.as_deref();
        if !record.headers.is_empty() {
            let mut headers = OwnedHeaders::new();
            for (key, value) in &record.headers {
                headers = headers.insert(Header { key, value: value.as_deref() });
            }
            message = message.headers(headers);
        }
        let mut next = Some(message);
        while let Some(message) = next.take() {
            match producer.send(message) {
                Ok(()) => {}
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    std::thread::sleep(Duration::from_millis(1));
                    next = Some(back);
                }
                Err((error, _)) => panic!("writing to {}: {error}", self.name),
            }
        }
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.broker.bootstrap());
        config
    }

    fn consumer(&self) -> BaseConsumer {
        self.client()
            .set("group.id", "sabot-tests-reader")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed")
            .set("fetch.queue.backoff.ms", "10")
            .create()
            .expect("a consumer can be made")
    }

    /// Assigns all partitions from their start; gives their number.
    fn assign(&self, consumer: &BaseConsumer) -> usize {
        let mut list = TopicPartitionList::new();
        for partition in self.partitions() {
            list.add_partition_offset(&self.name, partition, Offset::Beginning)
                .expect("the start is a valid offset");
        }
        consumer.assign(&list).expect("the partitions can be assigned");
        list.count()
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        if self.ours {
            // What cannot be removed goes with the broker.
            let _ = wait_for(self.broker.admin().delete_topics(&[&self.name], &options()));
        }
    }
}

/// Counts what the broker refused.
#[derive(Default)]
struct Deliveries {
    refused: AtomicU64,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(ANSWER_LIMIT)).request_timeout(Some(ANSWER_LIMIT))
}

/// Waits for one of the admin client's answers: these tests have no async runtime.
fn wait_for<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
