//! What a sink must know of its topic: that it is there, its partitions, and what it takes at most. Answers are
//! kept for a moment, as all tasks of a sink ask at once. Knows nothing of writers.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

use super::connection::Connection;
use super::lookup::Lookup;
use super::settings;
use crate::connector::ConnectorError;

/// How long an answer is good.
const FRESH: Duration = Duration::from_secs(5);
/// How long to wait for a topic's config: without it the default is assumed.
const CONFIG_PATIENCE: Duration = Duration::from_secs(3);
/// `max.message.bytes` of a topic that does not say: Kafka's default.
const DEFAULT_MESSAGE_BYTES: u64 = 1_048_588;

/// What a topic is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TopicInfo {
    /// Its partitions.
    pub partitions: i32,
    /// The largest batch that it takes, in bytes, and so the largest record.
    pub max_message_bytes: u64,
}

/// The answers of one connection.
#[derive(Default)]
pub(super) struct Topics(Mutex<HashMap<String, (Instant, TopicInfo)>>);

impl Topics {
    /// Asks about `topic`, which must be there, waiting at most about `patience`.
    pub fn info(
        &self,
        connection: &Connection,
        topic: &str,
        patience: Duration,
    ) -> Result<TopicInfo, ConnectorError> {
        let mut known = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let now = Instant::now();
        known.retain(|_, (at, _)| now.saturating_duration_since(*at) < FRESH);
        if let Some((_, info)) = known.get(topic) {
            return Ok(*info);
        }
        let partitions = Lookup::new(connection)?.partitions(topic, patience)?;
        let max_message_bytes =
            max_message_bytes(connection, topic, patience).unwrap_or(DEFAULT_MESSAGE_BYTES);
        let info = TopicInfo { partitions, max_message_bytes };
        known.insert(topic.to_owned(), (Instant::now(), info));
        Ok(info)
    }
}

/// `max.message.bytes` of a topic, if the broker tells us: it takes a right that a producer need not have.
fn max_message_bytes(connection: &Connection, topic: &str, patience: Duration) -> Option<u64> {
    if connection.is_embedded() {
        return None;
    }
    let client: AdminClient<DefaultClientContext> =
        settings::lookup(connection.properties()).create().ok()?;
    let options = AdminOptions::new().request_timeout(Some(patience.min(CONFIG_PATIENCE)));
    let answer = block_on(client.describe_configs(&[ResourceSpecifier::Topic(topic)], &options)).ok()?;
    let value = answer.into_iter().next()?.ok()?.get("max.message.bytes")?.value.clone()?;
    value.parse().ok()
}

/// Waits for a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
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
