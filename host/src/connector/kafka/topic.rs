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
    /// What it takes.
    pub takes: Takes,
}

/// What a topic takes. One record that it does not take would cost the others of its batch, so writers have to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Takes {
    /// The largest batch, in bytes, and so the largest record.
    pub max_message_bytes: u64,
    /// Records without a key too: a compacted topic does not.
    pub without_key: bool,
    /// How far before and after the broker's clock a record's timestamp may be, in milliseconds; `None`: anywhere.
    pub before_ms: Option<i64>,
    pub after_ms: Option<i64>,
}

impl Default for Takes {
    fn default() -> Self {
        Takes { max_message_bytes: DEFAULT_MESSAGE_BYTES, without_key: true, before_ms: None, after_ms: None }
    }
}

impl Takes {
    /// By the topic's config, of which `setting` gives the values.
    fn by(setting: impl Fn(&str) -> Option<String>) -> Takes {
        let number = |name: &str| setting(name)?.parse::<i64>().ok();
        // Where the broker stamps records itself it does not look at ours.
        let stamped = setting("message.timestamp.type").as_deref() == Some("LogAppendTime");
        let bounded = |name: &str| number(name).filter(|ms| *ms < i64::MAX);
        let bound = |name: &str| {
            // Brokers before 3.6 have one bound for both, and those before 4.0 go by it where it is set.
            let bound = bounded(name).or_else(|| bounded("message.timestamp.difference.max.ms"));
            bound.filter(|_| !stamped)
        };
        let max = number("max.message.bytes").and_then(|bytes| u64::try_from(bytes).ok());
        let policy = setting("cleanup.policy").unwrap_or_default();
        Takes {
            max_message_bytes: max.unwrap_or(DEFAULT_MESSAGE_BYTES),
            without_key: policy.split(',').all(|policy| policy.trim() != "compact"),
            before_ms: bound("message.timestamp.before.max.ms"),
            after_ms: bound("message.timestamp.after.max.ms"),
        }
    }
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
    let takes = takes(connection, topic, patience).unwrap_or_default();
    Ok(TopicInfo { partitions, takes })
}

/// What a topic takes, if the broker tells us: it takes a right that a producer need not have.
fn takes(connection: &Connection, topic: &str, patience: Duration) -> Option<Takes> {
    if connection.is_embedded() {
        return None;
    }
    let client: AdminClient<DefaultClientContext> =
        settings::lookup(connection.properties()).create().ok()?;
    let options = AdminOptions::new().request_timeout(Some(patience.min(CONFIG_PATIENCE)));
    let answer = block_on(client.describe_configs(&[ResourceSpecifier::Topic(topic)], &options)).ok()?;
    let config = answer.into_iter().next()?.ok()?;
    Some(Takes::by(|name| config.get(name)?.value.clone()))
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
    fn what_a_topic_takes_is_in_its_config() {
        let by = |settings: &[(&str, &str)]| {
            Takes::by(|name| {
                settings.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string())
            })
        };
        let (max, after) = (i64::MAX.to_string(), ("message.timestamp.after.max.ms", "3600000"));
        assert_eq!(by(&[("message.timestamp.before.max.ms", &max)]), Takes::default());
        let usual = by(&[("cleanup.policy", "delete"), after, ("max.message.bytes", "5000")]);
        let hour = Some(3_600_000);
        assert_eq!(usual, Takes { max_message_bytes: 5_000, after_ms: hour, ..Takes::default() });
        let compacted = by(&[
            ("cleanup.policy", "delete, compact"),
            ("message.timestamp.difference.max.ms", "5"),
            ("message.timestamp.after.max.ms", &max),
        ]);
        let both = Takes { without_key: false, before_ms: Some(5), after_ms: Some(5), ..Takes::default() };
        assert_eq!(compacted, both);
        assert_eq!(by(&[("message.timestamp.type", "LogAppendTime"), after]), Takes::default());
    }

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
            let info = TopicInfo { partitions: 3, takes: Takes::default() };
            assert_eq!(topics.answer("other", || Ok(info)).unwrap(), info);
            go_on.wait();
            assert!(slow.join().unwrap().is_err() && second.join().unwrap().is_err());
        });
        assert_eq!(asked.load(Relaxed), 0);
    }
}
