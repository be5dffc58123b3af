//! What a sink must know of its topic: that it is there, its partitions, and what it takes at most. Answers are
//! kept for a moment, as all tasks of a sink ask at once. Knows nothing of writers.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
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
/// And that no broker gives one: those who waited for it need not ask, one after another.
const FRESH_FAILURE: Duration = Duration::from_secs(1);
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

/// The answers of one connection. Whoever asks about a topic waits only for others who ask about it too.
#[derive(Default)]
pub(super) struct Topics(Mutex<HashMap<String, Answer>>);

type Answer = Arc<Mutex<Option<(Instant, Result<TopicInfo, ConnectorError>)>>>;

impl Topics {
    /// Asks about `topic`, which must be there, waiting at most about `patience`.
    pub fn info(
        &self,
        connection: &Connection,
        topic: &str,
        patience: Duration,
    ) -> Result<TopicInfo, ConnectorError> {
        self.answer(topic, || ask(connection, topic, patience))
    }

    fn answer(
        &self,
        topic: &str,
        ask: impl FnOnce() -> Result<TopicInfo, ConnectorError>,
    ) -> Result<TopicInfo, ConnectorError> {
        let answer = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody asks about at the moment and whose answer is old.
            known.retain(|_, answer| {
                Arc::strong_count(answer) > 1
                    || fresh(&answer.lock().unwrap_or_else(PoisonError::into_inner)).is_some()
            });
            Arc::clone(known.entry(topic.to_owned()).or_default())
        };
        let mut answer = answer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = fresh(&answer) {
            return known;
        }
        let found = ask();
        *answer = Some((Instant::now(), found.clone()));
        found
    }
}

/// An answer that still holds.
fn fresh(
    answer: &Option<(Instant, Result<TopicInfo, ConnectorError>)>,
) -> Option<Result<TopicInfo, ConnectorError>> {
    let (at, found) = answer.as_ref()?;
    let holds = match found {
        Ok(_) => FRESH,
        Err(ConnectorError::Retry(_)) => FRESH_FAILURE,
        // Somebody may have made the topic meanwhile.
        Err(ConnectorError::Stop(_)) => return None,
    };
    (at.elapsed() < holds).then(|| found.clone())
}

fn ask(connection: &Connection, topic: &str, patience: Duration) -> Result<TopicInfo, ConnectorError> {
    let partitions = Lookup::new(connection)?.partitions(topic, patience)?;
    let max_message_bytes = max_message_bytes(connection, topic, patience).unwrap_or(DEFAULT_MESSAGE_BYTES);
    Ok(TopicInfo { partitions, max_message_bytes })
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

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    #[test]
    fn those_who_wait_for_one_topic_share_its_failure_and_others_do_not_wait() {
        let (topics, asked) = (Topics::default(), AtomicUsize::new(0));
        let (begun, go_on) = (Barrier::new(2), Barrier::new(2));
        let away = || ConnectorError::Retry("no broker answers".into());
        std::thread::scope(|scope| {
            let slow = scope.spawn(|| {
                topics.answer("orders", || {
                    begun.wait();
                    go_on.wait();
                    Err(away())
                })
            });
            begun.wait();
            let second = scope.spawn(|| {
                topics.answer("orders", || {
                    asked.fetch_add(1, Relaxed);
                    Err(away())
                })
            });
            let info = TopicInfo { partitions: 3, max_message_bytes: 1 };
            assert_eq!(topics.answer("other", || Ok(info)).unwrap(), info);
            go_on.wait();
            assert!(slow.join().unwrap().is_err() && second.join().unwrap().is_err());
        });
        assert_eq!(asked.load(Relaxed), 0);
    }
}
