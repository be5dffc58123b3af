//! The embedded broker of `sabot dev` and `sabot demo`: a Kafka in this process, good for trying things and for
//! nothing that must last. Knows nothing of pipelines.

use std::collections::BTreeMap;
use std::fmt;

use super::forward::forward;
use super::native::MockCluster;

/// How long a fetch waits for records. This broker does not answer when records come but when the wait is over, so
/// what suits a real one would be the rhythm in which records come; much less would keep idle consumers busy.
const FETCH_WAIT_MS: u32 = 10;
/// When a member is missed. A pipeline that is stopped and started again waits for this less a second: the group of
/// this broker does not notice that its only member has left and waits for it.
const SESSION_MS: u32 = 3_000;

/// Partitions of a topic, where nobody says how many.
pub const DEFAULT_PARTITIONS: u32 = 2;

/// A Kafka broker in this process, on a free port of the loopback, until it is dropped.
pub struct EmbeddedBroker {
    cluster: MockCluster,
    bootstrap: String,
    /// The port that leads there, if it was asked for.
    port: Option<u16>,
    partitions: u32,
}

impl EmbeddedBroker {
    /// What it keeps, for those who start it: its limits are librdkafka's and cannot be set.
    pub const KEEPS: &str = "in memory, about 5 MB a partition, older records go";

    /// Starts it.
    pub fn start() -> Result<Self, String> {
        let cluster = MockCluster::new().map_err(|e| format!("the embedded broker did not start: {e}"))?;
        let bootstrap = cluster.bootstrap();
        Ok(EmbeddedBroker { cluster, bootstrap, port: None, partitions: DEFAULT_PARTITIONS })
    }

    /// With this many partitions in topics that are named and not there.
    pub fn with_partitions(self, partitions: u32) -> Self {
        EmbeddedBroker { partitions, ..self }
    }

    /// Also to be found at this port of the loopback.
    pub fn at_port(self, port: u16) -> Result<Self, String> {
        let address = self.bootstrap.parse().map_err(|e| format!("{}: {e}", self.bootstrap))?;
        forward(port, address).map_err(|e| format!("the broker's port {port} cannot be taken: {e}"))?;
        Ok(EmbeddedBroker { port: Some(port), ..self })
    }

    #[cfg(test)]
    pub(super) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Its address for clients, HOST:PORT.
    pub fn address(&self) -> String {
        self.port.map_or_else(|| self.bootstrap.clone(), |port| format!("127.0.0.1:{port}"))
    }

    /// How clients reach it.
    pub(super) fn properties(&self) -> BTreeMap<String, String> {
        let properties = [
            ("bootstrap.servers", self.bootstrap.clone()),
            ("fetch.wait.max.ms", FETCH_WAIT_MS.to_string()),
            ("session.timeout.ms", SESSION_MS.to_string()),
            ("heartbeat.interval.ms", (SESSION_MS / 6).to_string()),
        ];
        properties.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// Makes a topic that somebody named, as [`create_topic`](Self::create_topic) does.
    pub fn create_named_topic(&self, name: &str) -> Result<(), String> {
        self.create_topic(name, self.partitions)
    }

    /// Makes a topic; one that is there stays as it is.
    pub fn create_topic(&self, name: &str, partitions: u32) -> Result<(), String> {
        let partitions = i32::try_from(partitions).unwrap_or(i32::MAX);
        self.cluster.create_topic(name, partitions).map_err(|e| format!("topic `{name}`: {e}"))
    }

    #[cfg(test)]
    pub(super) fn set_down(&self, down: bool) {
        self.cluster.set_down(down);
    }
}

impl fmt::Debug for EmbeddedBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedBroker").field("bootstrap", &self.bootstrap).finish_non_exhaustive()
    }
}
