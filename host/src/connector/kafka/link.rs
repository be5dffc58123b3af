//! What a client knows about its link to the brokers: whether it is down, and whether something happened that
//! needs a person. librdkafka tells it from any thread; groups, readers and writers ask. Knows nothing of them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rdkafka::types::RDKafkaErrorCode as Code;

use super::failure::{self, Meaning};
use super::log::ClientLog;
use crate::connector::ConnectorError;

/// State of one client's link.
#[derive(Debug)]
pub(super) struct Link {
    /// `connection `default``, for people.
    connection: String,
    /// `bootstrap.servers`, for people.
    servers: String,
    log: ClientLog,
    down: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The last reason a broker gave, or the network.
    reason: String,
    /// What needs a person.
    stop: Option<String>,
}

impl Link {
    pub fn new(connection: String, servers: String, log: ClientLog) -> Self {
        Link { connection, servers, log, down: AtomicBool::new(false), state: Mutex::default() }
    }

    /// The connection's name.
    pub fn connection(&self) -> &str {
        &self.connection
    }

    /// An error event of the client: `number` is librdkafka's code, `reason` its text.
    pub fn error(&self, number: i32, reason: &str) {
        let reason = self.log.clean(reason);
        let code = failure::code(number);
        match code.map_or(Meaning::Passing, failure::meaning) {
            Meaning::Down => self.down.store(true, Relaxed),
            Meaning::Passing => self.lock().reason = plain(&reason).to_owned(),
            Meaning::Stop => {
                let remedy = code.map_or("see the broker's log", failure::remedy);
                self.stop(format!("connection `{}`: {}: {remedy}", self.connection, plain(&reason)));
            }
        }
        self.log.line(4, "ERROR", &reason);
    }

    /// The client cannot go on; the first reason stays.
    pub fn stop(&self, reason: String) {
        self.lock().stop.get_or_insert(reason);
    }

    /// A line of the client's log.
    pub fn log(&self, level: i32, kind: &str, text: &str) {
        self.log.line(level, kind, text);
    }

    /// A broker answered.
    pub fn works(&self) {
        if self.down.load(Relaxed) {
            self.down.store(false, Relaxed);
            self.log.line(6, "UP", "a broker answers again");
        }
    }

    /// Whether no broker could be reached when last heard of.
    pub fn is_down(&self) -> bool {
        self.down.load(Relaxed)
    }

    /// What stands in the way, if anything.
    pub fn check(&self) -> Result<(), ConnectorError> {
        if let Some(stop) = &self.lock().stop {
            return Err(ConnectorError::Stop(stop.clone()));
        }
        if self.is_down() { Err(self.unreachable()) } else { Ok(()) }
    }

    /// The state text while no broker can be reached: the same words as long as the reason is the same.
    pub fn unreachable(&self) -> ConnectorError {
        let state = self.lock();
        let reason = if state.reason.is_empty() { "no answer" } else { &state.reason };
        ConnectorError::Retry(format!(
            "connection `{}`: no broker of {} can be reached ({reason}); trying again, nothing is lost",
            self.connection, self.servers,
        ))
    }

    /// What a failed request means: `what` it was for.
    pub fn failed(&self, what: &str, number: i32) -> ConnectorError {
        let text = format!("connection `{}`: {what}: {}", self.connection, failure::describe(number));
        match failure::code(number) {
            Some(code) if failure::meaning(code) == Meaning::Stop => {
                ConnectorError::Stop(format!("{text}: {}", failure::remedy(code)))
            }
            Some(
                Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::OperationTimedOut
                | Code::RequestTimedOut,
            ) => self.unreachable(),
            // Without brokers every request fails in its own way; the cause is more useful.
            _ => self.check().err().unwrap_or(ConnectorError::Retry(text)),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// librdkafka's reason without the parts that change from one try to the next, so that the state text stays.
fn plain(reason: &str) -> &str {
    let reason = reason.split(" (after ").next().unwrap_or(reason);
    // `127.0.0.1:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: …`: the broker is named twice.
    match reason.split_once(": Connect to ") {
        Some((_, rest)) => rest.rsplit_once(" failed: ").map_or(rest, |(_, cause)| cause),
        None => reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        let log = ClientLog::new("test".into(), vec!["s3cret".into()]);
        Link::new("prod".into(), "a:9092,b:9092".into(), log)
    }

    #[test]
    fn a_lost_broker_is_said_in_the_same_words_each_time_and_forgotten_when_one_answers() {
        let link = link();
        let refused = |ms| {
            format!(
                "a:9092/bootstrap: Connect to ipv4#10.0.0.1:9092 failed: Connection refused (after {ms}ms in state CONNECT)"
            )
        };
        link.error(-195, &refused(0));
        assert!(link.check().is_ok(), "one broker of several is no news");
        link.error(-187, "2/2 brokers are down");
        let first = link.check().unwrap_err().to_string();
        insta::assert_snapshot!(first, @"connection `prod`: no broker of a:9092,b:9092 can be reached (Connection refused); trying again, nothing is lost");
        link.error(-195, &refused(3));
        assert_eq!(link.check().unwrap_err().to_string(), first);
        link.works();
        assert!(link.check().is_ok());
    }

    #[test]
    fn a_wrong_password_stops_without_showing_it() {
        let link = link();
        link.error(-169, "sasl_plaintext://a:9092/bootstrap: SASL authentication error: s3cret is wrong (after 5ms in state AUTH_REQ)");
        let error = link.check().unwrap_err();
        assert!(matches!(error, ConnectorError::Stop(_)));
        insta::assert_snapshot!(error, @"connection `prod`: sasl_plaintext://a:9092/bootstrap: SASL authentication error: … is wrong: check `sasl.mechanism`, `sasl.username` and `sasl.password` of the connection");
    }
}
