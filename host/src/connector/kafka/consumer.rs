//! A consumer that only notes what happens to its membership: what to do about it is decided later, on the
//! thread that drives the group. Knows nothing of sources or tasks.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, Sender, bounded};
use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use super::budget::Share;
use super::link::Link;
use super::native;

/// Something that happened to the membership. librdkafka waits for `assign` or `unassign` after each.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rebalance {
    /// These partitions (topic, number) are ours.
    Assign(Vec<(String, i32)>),
    /// None is ours any more.
    Revoke {
        /// Others may read them already.
        lost: bool,
    },
}

/// Notes what librdkafka calls back with.
pub(super) struct Context {
    pub link: Arc<Link>,
    rebalances: Mutex<VecDeque<Rebalance>>,
    closing: AtomicBool,
}

impl Context {
    pub fn new(link: Arc<Link>) -> Self {
        Context { link, rebalances: Mutex::default(), closing: AtomicBool::new(false) }
    }

    /// The oldest event not asked for yet.
    pub fn next_rebalance(&self) -> Option<Rebalance> {
        self.rebalances.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop_front()
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, kind: &str, text: &str) {
        self.link.log(level as i32, kind, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.link.error(error.rdkafka_error_code().map_or(0, |code| code as i32), reason);
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        Err("set `sasl.oauthbearer.method: oidc` and its properties: librdkafka then gets tokens by itself"
            .into())
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        if self.closing.load(Relaxed) {
            // Nobody will ask any more, and closing waits for this.
            if let Err(error) = consumer.unassign() {
                self.link.log(4, "CLOSE", &error.to_string());
            }
            return;
        }
        let event = match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                let partitions = partitions.elements();
                Rebalance::Assign(partitions.iter().map(|p| (p.topic().to_owned(), p.partition())).collect())
            }
            _ => Rebalance::Revoke { lost: consumer.assignment_lost() },
        };
        self.rebalances.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push_back(event);
    }
}

/// A consumer, closed on a thread of its own when the last user drops it.
pub(super) struct Consumer {
    base: Option<Closing>,
    closed: Receiver<()>,
}

/// What takes time to end.
struct Closing {
    base: BaseConsumer<Context>,
    /// Given back once the queues are gone.
    _share: Option<Share>,
    /// Its drop says that all is done.
    _done: Sender<()>,
}

impl Consumer {
    /// Makes a consumer that may queue `share`.
    pub fn new(config: &ClientConfig, link: Arc<Link>, share: Option<Share>) -> KafkaResult<Self> {
        let base: BaseConsumer<Context> = config.create_with_context(Context::new(link))?;
        let (done, closed) = bounded(0);
        Ok(Consumer { base: Some(Closing { base, _share: share, _done: done }), closed })
    }

    /// Gets a message when the consumer is closed: an error, as nothing is ever sent.
    pub fn closed(&self) -> Receiver<()> {
        self.closed.clone()
    }
}

impl Deref for Consumer {
    type Target = BaseConsumer<Context>;

    fn deref(&self) -> &Self::Target {
        &self.base.as_ref().expect("taken only by drop").base
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        if let Some(closing) = self.base.take() {
            closing.base.context().closing.store(true, Relaxed);
            native::retire(closing);
        }
    }
}
