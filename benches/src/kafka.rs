//! Topics of a benchmark: made, filled, watched and dropped through librdkafka directly, beside the host.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use crate::orders::Orders;

/// Partitions of every topic here.
pub const PARTITIONS: i32 = 2;
const PATIENCE: Duration = Duration::from_secs(30);

/// Whatever went wrong, in words.
pub type Failed = Box<dyn std::error::Error>;

/// A broker.
pub struct Kafka {
    /// `host:port`.
    pub bootstrap: String,
    run: String,
    made: std::cell::RefCell<Vec<String>>,
}

impl Kafka {
    /// The broker that `SABOT_TEST_BOOTSTRAP` names.
    pub fn from_env() -> Result<Kafka, Failed> {
        let bootstrap = std::env::var("SABOT_TEST_BOOTSTRAP").map_err(
            |_| "this benchmark needs a Kafka: `cargo xtask bench` starts one, or set SABOT_TEST_BOOTSTRAP=host:port",
        )?;
        let run = format!("bench-{:08x}", fastrand::u32(..));
        Ok(Kafka { bootstrap, run, made: Default::default() })
    }

    fn config(&self) -> ClientConfig {
        config(&self.bootstrap)
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>, Failed> {
        Ok(self.config().create()?)
    }

    /// A new topic whose name ends in `name`.
    pub fn topic(&self, name: &str) -> Result<String, Failed> {
        let topic = format!("{}-{name}-{:06x}", self.run, fastrand::u32(..1 << 24));
        let wanted = NewTopic::new(&topic, PARTITIONS, TopicReplication::Fixed(1)).set("retention.ms", "-1");
        for made in wait(self.admin()?.create_topics(&[wanted], &AdminOptions::new()))? {
            made.map_err(|(name, e)| format!("topic {name}: {e}"))?;
        }
        self.made.borrow_mut().push(topic.clone());
        Ok(topic)
    }

    /// Fills `topic` with `n` orders; answers how many are above 500.
    pub fn fill(&self, topic: &str, n: u64) -> Result<u64, Failed> {
        let producer = producer(&self.bootstrap)?;
        let mut large = 0;
        for order in Orders::new(7, 1_700_000_000_000).take(n as usize) {
            large += u64::from(order.cents > 50_000);
            send(&producer, topic, Some(order.user.as_bytes()), order.json.as_bytes());
        }
        producer.flush(PATIENCE)?;
        Ok(large)
    }

    /// A consumer that belongs to no group.
    pub fn consumer(&self) -> Result<BaseConsumer, Failed> {
        Ok(self
            .config()
            .set("group.id", format!("{}-watch", self.run))
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .set("fetch.wait.max.ms", "5")
            .create()?)
    }

    /// Records that a reader can see in `topic`.
    pub fn visible(&self, consumer: &BaseConsumer, topic: &str) -> Result<u64, Failed> {
        let mut sum = 0;
        for partition in 0..PARTITIONS {
            sum += consumer.fetch_watermarks(topic, partition, PATIENCE)?.1 as u64;
        }
        Ok(sum)
    }

    /// Waits until `topic` shows `want` records; answers when.
    pub fn wait_for(&self, topic: &str, want: u64, patience: Duration) -> Result<Instant, Failed> {
        let consumer = self.consumer()?;
        let until = Instant::now() + patience;
        loop {
            let seen = self.visible(&consumer, topic)?;
            let now = Instant::now();
            if seen >= want {
                return Ok(now);
            }
            if now > until {
                return Err(format!("{topic} shows {seen} of {want} records after {patience:?}").into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Every record of `topic`, given to `each` as (key, value).
    pub fn read_all(&self, topic: &str, mut each: impl FnMut(Option<&[u8]>, &[u8])) -> Result<(), Failed> {
        let consumer = self.consumer()?;
        let mut left = self.visible(&consumer, topic)?;
        let mut all = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            all.add_partition_offset(topic, partition, Offset::Beginning)?;
        }
        consumer.assign(&all)?;
        while left > 0 {
            let message = consumer.poll(PATIENCE).ok_or("the topic went silent")??;
            each(message.key(), message.payload().unwrap_or_default());
            left -= 1;
        }
        Ok(())
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        let made = self.made.borrow();
        let names: Vec<&str> = made.iter().map(String::as_str).collect();
        if let Ok(admin) = self.admin() {
            // The broker is a test's: what is left goes with it.
            let _ = wait(admin.delete_topics(&names, &AdminOptions::new()));
        }
    }
}

/// Client settings.
pub fn config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config
}

/// A producer with the settings of every baseline.
pub fn producer(bootstrap: &str) -> Result<ThreadedProducer<DefaultProducerContext>, KafkaError> {
    config(bootstrap)
        .set("linger.ms", "20")
        .set("batch.size", "1000000")
        .set("compression.type", "lz4")
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set("queue.buffering.max.messages", "1000000")
        .create()
}

/// Sends one record, waiting while the queue is full.
pub fn send(
    producer: &ThreadedProducer<DefaultProducerContext>,
    topic: &str,
    key: Option<&[u8]>,
    value: &[u8],
) {
    let mut record = BaseRecord::<[u8], [u8]>::to(topic).payload(value);
    if let Some(key) = key {
        record = record.key(key);
    }
    loop {
        match producer.send(record) {
            Ok(()) => return,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                std::thread::sleep(Duration::from_millis(1));
                record = back;
            }
            Err((e, _)) => panic!("the benchmark's producer: {e}"),
        }
    }
}

/// Runs a future of librdkafka's admin client, whose answers come from a thread of its own.
fn wait<T>(future: impl Future<Output = T>) -> T {
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake, Waker};
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => std::thread::park(),
        }
    }
}
