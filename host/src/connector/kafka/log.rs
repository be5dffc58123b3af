//! Lines from librdkafka on their way to the host's log: at its level, without secrets, and not in floods.
//! Knows nothing of clients.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The same kind of line from one client is logged once in this time; the rest is counted.
const QUIET: Duration = Duration::from_secs(30);
/// Kinds of lines remembered at most.
const KINDS: usize = 64;

/// Lets the first line of a kind through and then one every [`QUIET`], with the number held back.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    kinds: HashMap<String, (Instant, u64)>,
}

impl Throttle {
    /// `Some(held back since the last)` when a line of this kind should be logged.
    pub fn pass(&mut self, kind: &str, now: Instant) -> Option<u64> {
        if let Some((last, held)) = self.kinds.get_mut(kind) {
            if now.saturating_duration_since(*last) < QUIET {
                *held += 1;
                return None;
            }
            *last = now;
            return Some(std::mem::take(held));
        }
        if self.kinds.len() >= KINDS {
            self.kinds.clear();
        }
        self.kinds.insert(kind.to_owned(), (now, 0));
        Some(0)
    }
}

/// The log of one client.
#[derive(Debug)]
pub(super) struct ClientLog {
    /// Whose lines these are.
    client: String,
    /// Values that must not appear.
    secrets: Vec<String>,
    throttle: Mutex<Throttle>,
}

impl ClientLog {
    pub fn new(client: String, secrets: Vec<String>) -> Self {
        ClientLog { client, secrets, throttle: Mutex::default() }
    }

    /// `text` without the secrets of the connection.
    pub fn clean(&self, text: &str) -> String {
        redact(text, &self.secrets)
    }

    /// Logs a line; `level` is syslog's, as librdkafka uses it.
    pub fn line(&self, level: i32, kind: &str, text: &str) {
        // A connection's properties are for consumers and producers alike: what one ignores is no news.
        if kind == "CONFWARN" {
            return;
        }
        let held = {
            let mut throttle = self.throttle.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            match throttle.pass(kind, Instant::now()) {
                Some(held) => held,
                None => return,
            }
        };
        let (client, text) = (&self.client, self.clean(text));
        // Reconnecting is librdkafka's daily work; what needs attention is in the pipeline's state.
        match level {
            0..=2 => tracing::error!(target: "kafka", client, kind, held, "{text}"),
            3..=4 => tracing::warn!(target: "kafka", client, kind, held, "{text}"),
            5..=6 => tracing::info!(target: "kafka", client, kind, held, "{text}"),
            _ => tracing::debug!(target: "kafka", client, kind, held, "{text}"),
        }
    }
}

/// `text` with each of `secrets` replaced.
pub(super) fn redact(text: &str, secrets: &[String]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret.as_str(), "…");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_a_kind_and_then_silence_for_a_while() {
        let mut throttle = Throttle::default();
        let start = Instant::now();
        assert_eq!(throttle.pass("FAIL", start), Some(0));
        assert_eq!(throttle.pass("FAIL", start + Duration::from_secs(1)), None);
        assert_eq!(throttle.pass("FAIL", start + Duration::from_secs(29)), None);
        assert_eq!(throttle.pass("OTHER", start + Duration::from_secs(29)), Some(0));
        assert_eq!(throttle.pass("FAIL", start + Duration::from_secs(30)), Some(2));
        assert_eq!(throttle.pass("FAIL", start + Duration::from_secs(61)), Some(0));
    }

    #[test]
    fn secrets_do_not_get_through() {
        let log = ClientLog::new("c".into(), vec!["hunter22".into(), String::new()]);
        assert_eq!(log.clean("password hunter22 is wrong"), "password … is wrong");
    }
}
