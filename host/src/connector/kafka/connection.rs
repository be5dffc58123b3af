//! Connections by name, from the host's config: librdkafka properties that pass through, checked when the host
//! starts. What a client adds to them is in `settings`. Knows nothing of pipelines; never shows a secret.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use rdkafka::ClientConfig;

use super::EmbeddedBroker;
use super::budget::{Budget, Share};
use super::gap::OnGap;
use super::link::Link;
use super::log::{ClientLog, redact};
use super::native;
use super::settings;
use super::similar::or_meant;
use super::topic::Topics;
use crate::connector::ConnectorError;

/// The connections of a host.
#[derive(Clone, Debug)]
pub struct Connections {
    by_name: Arc<BTreeMap<String, Connection>>,
    peers: u64,
}

/// A Kafka cluster and how to reach it. Cheap to clone.
#[derive(Clone)]
pub struct Connection {
    inner: Arc<Inner>,
    peers: u64,
}

struct Inner {
    name: String,
    properties: BTreeMap<String, String>,
    on_gap: OnGap,
    budget: Arc<Budget>,
    topics: Topics,
    /// Kept alive as long as somebody may use it.
    embedded: Option<Arc<EmbeddedBroker>>,
}

impl Connections {
    /// Checks `properties` (connection name → librdkafka property → value). All their clients together may
    /// queue `queue_bytes`. With `embedded`, the connection `default` is that broker and nothing else.
    ///
    /// Every mistake is returned, each with the connection, the property and the remedy.
    pub fn new(
        properties: &BTreeMap<String, BTreeMap<String, String>>,
        queue_bytes: u64,
        embedded: Option<Arc<EmbeddedBroker>>,
    ) -> Result<Self, Vec<String>> {
        let budget = Budget::new(queue_bytes);
        let (mut by_name, mut mistakes) = (BTreeMap::new(), Vec::new());
        for (name, properties) in properties {
            match check(name, properties) {
                Ok(on_gap) => {
                    let connection = Connection::make(name, properties.clone(), on_gap, &budget, None);
                    by_name.insert(name.clone(), connection);
                }
                Err(more) => mistakes.extend(more),
            }
        }
        if let Some(broker) = embedded {
            let properties = broker.properties();
            let connection = Connection::make("default", properties, OnGap::Stop, &budget, Some(broker));
            by_name.insert("default".to_owned(), connection);
        }
        if mistakes.is_empty() {
            Ok(Connections { by_name: Arc::new(by_name), peers: 1 })
        } else {
            Err(mistakes)
        }
    }

    /// The same for one who opens `writers` of them together: each takes a part of what its host may queue that
    /// leaves as much for the others.
    pub fn among(&self, writers: u64) -> Connections {
        Connections { peers: writers.max(1), ..self.clone() }
    }

    /// The connection of this name.
    pub fn get(&self, name: &str) -> Result<Connection, ConnectorError> {
        let found = self.by_name.get(name).cloned();
        found.map(|found| Connection { peers: self.peers, ..found }).ok_or_else(|| {
            let known: Vec<&str> = self.by_name.keys().map(String::as_str).collect();
            let there = match known.as_slice() {
                [] => "the host's config has none".to_owned(),
                known => format!("the host's config has `{}`", known.join("`, `")),
            };
            let meant = or_meant(name, known.iter().copied());
            ConnectorError::Stop(format!(
                "there is no connection `{name}`{meant}: {there} under `connections`"
            ))
        })
    }
}

impl Connection {
    fn make(
        name: &str,
        properties: BTreeMap<String, String>,
        on_gap: OnGap,
        budget: &Arc<Budget>,
        embedded: Option<Arc<EmbeddedBroker>>,
    ) -> Self {
        let inner = Inner {
            name: name.to_owned(),
            properties,
            on_gap,
            budget: Arc::clone(budget),
            topics: Topics::default(),
            embedded,
        };
        Connection { inner: Arc::new(inner), peers: 1 }
    }

    /// Its name in the host's config.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Whether it is the embedded broker.
    pub fn is_embedded(&self) -> bool {
        self.inner.embedded.is_some()
    }

    pub(super) fn properties(&self) -> &BTreeMap<String, String> {
        &self.inner.properties
    }

    pub(super) fn on_gap(&self) -> OnGap {
        self.inner.on_gap
    }

    /// Bytes to queue for a client: up to `want`, at least `least`.
    pub(super) fn share(&self, whom: &str, want: u64, least: u64) -> Result<Share, ConnectorError> {
        self.inner.budget.take(whom, want, least, self.peers)
    }

    pub(super) fn topics(&self) -> &Topics {
        &self.inner.topics
    }

    /// The link of a new client; `client` says whose it is, for the log.
    pub(super) fn link(&self, client: &str) -> Arc<Link> {
        let log = ClientLog::new(format!("{client} on `{}`", self.name()), self.secrets());
        let servers = self.inner.properties.get("bootstrap.servers").cloned().unwrap_or_default();
        Arc::new(Link::new(self.name().to_owned(), servers, log))
    }

    /// A failure to make a client, without secrets.
    pub(super) fn refused(&self, error: impl fmt::Display) -> ConnectorError {
        let error = redact(&error.to_string(), &self.secrets());
        ConnectorError::Stop(format!("connection `{}`: {error}", self.name()))
    }

    fn secrets(&self) -> Vec<String> {
        let hidden = |(name, value): (&String, &String)| (!is_shown(name)).then(|| value.clone());
        self.inner.properties.iter().filter_map(hidden).filter(|value| value.len() >= 4).collect()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self
            .inner
            .properties
            .iter()
            .map(|(name, value)| (name, if is_shown(name) { value } else { "…" }));
        f.debug_map().entries(shown).finish()
    }
}

/// Whether the value of a property may be shown: everything but what has to do with secrets.
fn is_shown(property: &str) -> bool {
    let secret =
        ["password", "secret", "key", "pem", "token", "oauthbearer", "username", "keystore", "config"];
    !secret.iter().any(|part| property.contains(part))
}

/// All mistakes in a connection's properties, or what it says about gaps.
fn check(connection: &str, properties: &BTreeMap<String, String>) -> Result<OnGap, Vec<String>> {
    let mut mistakes = Vec::new();
    if !properties.contains_key("bootstrap.servers") {
        mistakes.push("`bootstrap.servers` is missing: say where the brokers are, HOST:PORT".to_owned());
    }
    let mut on_gap = OnGap::Stop;
    for (name, value) in properties {
        let reserved = settings::reserved(name, value);
        if name == "auto.offset.reset" {
            match OnGap::parse(value) {
                Some(parsed) => on_gap = parsed,
                None => mistakes.push(format!("`{name}` is `{value}`; it can be error, earliest or latest")),
            }
        } else if let Some(why) = reserved {
            mistakes.push(format!("`{name}` cannot be set here: {why}"));
        } else if let Err(error) = ClientConfig::new().set(name, value).create_native_config() {
            mistakes.push(mistake(name, value, &error));
        }
    }
    if mistakes.is_empty() {
        return Ok(on_gap);
    }
    Err(mistakes.into_iter().map(|mistake| format!("connection `{connection}`: {mistake}")).collect())
}

fn mistake(name: &str, value: &str, error: &rdkafka::error::KafkaError) -> String {
    use rdkafka::types::RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN;
    match error {
        rdkafka::error::KafkaError::ClientConfig(RD_KAFKA_CONF_UNKNOWN, ..) => {
            let known = native::property_names();
            let meant = or_meant(name, known.iter().map(String::as_str));
            format!("librdkafka has no property `{name}`{meant}")
        }
        rdkafka::error::KafkaError::ClientConfig(_, why, ..) if is_shown(name) => {
            format!("`{name}`: {}", redact(why, &[]))
        }
        rdkafka::error::KafkaError::ClientConfig(_, why, ..) => {
            format!("`{name}`: {}", redact(why, &[value.to_owned()]))
        }
        _ => format!("`{name}` cannot be set: a NUL character is in its name or value"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(properties: &[(&str, &str)]) -> Result<Connections, Vec<String>> {
        let properties = properties.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        Connections::new(&BTreeMap::from([("prod".to_owned(), properties)]), 1 << 28, None)
    }

    #[test]
    fn every_mistake_is_told_at_once_with_the_remedy() {
        let mistakes = connections(&[
            ("bootstrap.server", "a:9092"),
            ("security.protocol", "sals_ssl"),
            ("group.id", "mine"),
            ("auto.offset.reset", "sometimes"),
            ("enable.auto.commit", "true"),
            ("linger.ms", "5"),
            ("sasl.password", "hunter22"),
        ])
        .unwrap_err();
        insta::assert_snapshot!(mistakes.join("\n"), @r#"
        connection `prod`: `bootstrap.servers` is missing: say where the brokers are, HOST:PORT
        connection `prod`: `auto.offset.reset` is `sometimes`; it can be error, earliest or latest
        connection `prod`: librdkafka has no property `bootstrap.server`; did you mean `bootstrap.servers`?
        connection `prod`: `enable.auto.commit` cannot be set here: offsets are committed when the sinks have delivered, every `checkpoint.every`
        connection `prod`: `group.id` cannot be set here: the group is the pipeline's name, or `group` of the source
        connection `prod`: `linger.ms` cannot be set here: each sink says it itself: `linger`, `batch`, `compression`, `partitioner`
        connection `prod`: `security.protocol`: Invalid value "sals_ssl" for configuration property "security.protocol"
        "#);
    }

    #[test]
    fn an_unknown_connection_is_named_with_the_nearest() {
        let connections = connections(&[("bootstrap.servers", "a:9092")]).unwrap();
        insta::assert_snapshot!(connections.get("prot").unwrap_err(), @"there is no connection `prot`; did you mean `prod`?: the host's config has `prod` under `connections`");
    }

    #[test]
    fn secrets_are_in_no_debug_text() {
        let connections = connections(&[
            ("bootstrap.servers", "a:9092"),
            ("sasl.username", "bob"),
            ("sasl.password", "hunter22"),
            ("ssl.key.password", "sesame"),
        ])
        .unwrap();
        let text = format!("{connections:?}");
        assert!(text.contains("a:9092") && text.contains("sasl.password"), "{text}");
        assert!(!text.contains("hunter22") && !text.contains("sesame") && !text.contains("bob"), "{text}");
    }
}
