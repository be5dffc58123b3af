//! The embedded broker of `sabot dev` and `sabot demo`: a Kafka in this process, good for trying things and for
//! nothing that must last. Knows nothing of pipelines.

use std::collections::BTreeMap;
use std::fmt;

use super::native::MockCluster;

/// How long a fetch waits for records: short, as nothing ends the wait early, and not so short that idle consumers
/// would be busy asking.
const FETCH_WAIT_MS: u32 = 10;

/// A Kafka broker in this process, on a free port of the loopback, until it is dropped.
pub struct EmbeddedBroker {
    cluster: MockCluster,
    bootstrap: String,
}

impl EmbeddedBroker {
    /// Starts it.
    pub fn start() -> Result<Self, String> {
        let cluster = MockCluster::new().map_err(|e| format!("the embedded broker did not start: {e}"))?;
        let bootstrap = cluster.bootstrap();
        Ok(EmbeddedBroker { cluster, bootstrap })
    }

    /// Its address, HOST:PORT.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// How clients reach it.
    pub(super) fn properties(&self) -> BTreeMap<String, String> {
        let servers = ("bootstrap.servers".to_owned(), self.bootstrap.clone());
        // It does not answer a fetch when records come but when the fetch has waited long enough: what is asked
        // of a real broker would be the rhythm in which records come.
        let wait = ("fetch.wait.max.ms".to_owned(), FETCH_WAIT_MS.to_string());
        BTreeMap::from([servers, wait])
    }

    /// Makes a topic; one that is there stays as it is.
    pub fn create_topic(&self, name: &str, partitions: u32) -> Result<(), String> {
        let partitions = i32::try_from(partitions).unwrap_or(i32::MAX);
        self.cluster.create_topic(name, partitions).map_err(|e| format!("topic `{name}`: {e}"))
    }

    /// What it cannot do, for those who start it.
    pub fn limits() -> &'static str {
        "The embedded broker is for trying things out: it keeps about 5 MB a partition (compressed) and then \
         drops the oldest records, all in memory, gone with this process. A pipeline that falls behind what is \
         kept stops and names the records. It cannot start a source at a time, and has no transactions, so no \
         exactly-once. Use a real Kafka for anything that matters."
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
