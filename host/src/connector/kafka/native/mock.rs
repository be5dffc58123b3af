//! librdkafka's mock cluster in this process. Knows nothing of what it is used for.

use std::ffi::{CStr, CString};

use rdkafka::ClientConfig;
use rdkafka::bindings as sys;
use rdkafka::types::{RDKafkaRespErr, RDKafkaType};

use super::client::Client;
use crate::connector::kafka::failure;

/// A cluster of one broker that listens on a free port of the loopback.
pub(in crate::connector::kafka) struct MockCluster {
    cluster: *mut sys::rd_kafka_mock_cluster_t,
    /// The client whose threads run the cluster; dropped after it.
    _client: Client,
}

// SAFETY: every call on a cluster is a message to its own thread.
unsafe impl Send for MockCluster {}
// SAFETY: as above.
unsafe impl Sync for MockCluster {}

impl MockCluster {
    /// Starts it.
    pub fn new() -> Result<Self, String> {
        let config = ClientConfig::new().create_native_config().map_err(|e| e.to_string())?;
        let client = Client::new(RDKafkaType::RD_KAFKA_PRODUCER, config)?;
        // SAFETY: the client is valid and outlives the cluster by the order of the fields.
        let cluster = unsafe { sys::rd_kafka_mock_cluster_new(client.ptr(), 1) };
        if cluster.is_null() {
            return Err("librdkafka's mock cluster did not start".into());
        }
        // SAFETY: the cluster is valid. A lone member need not wait for others to join.
        unsafe { sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0) };
        Ok(MockCluster { cluster, _client: client })
    }

    /// `HOST:PORT`.
    pub fn bootstrap(&self) -> String {
        // SAFETY: the cluster is valid and owns the string.
        let servers = unsafe { CStr::from_ptr(sys::rd_kafka_mock_cluster_bootstraps(self.cluster)) };
        servers.to_string_lossy().into_owned()
    }

    /// Makes a topic; one that is there stays as it is.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), String> {
        let topic = CString::new(name).map_err(|_| format!("`{name}` cannot be a topic's name"))?;
        // SAFETY: the cluster and the name are valid.
        let code = unsafe { sys::rd_kafka_mock_topic_create(self.cluster, topic.as_ptr(), partitions, 1) };
        match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
            | RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS => Ok(()),
            code => Err(failure::describe(code as i32)),
        }
    }

    /// Refuses connections and cuts those there are, or accepts them again.
    #[cfg(test)]
    pub fn set_down(&self, down: bool) {
        // SAFETY: the cluster is valid; -1 is all brokers.
        unsafe {
            if down {
                sys::rd_kafka_mock_broker_set_down(self.cluster, -1);
            } else {
                sys::rd_kafka_mock_broker_set_up(self.cluster, -1);
            }
        }
    }
}

impl Drop for MockCluster {
    fn drop(&mut self) {
        // SAFETY: the only owner; the client lives until the fields are dropped.
        unsafe { sys::rd_kafka_mock_cluster_destroy(self.cluster) };
    }
}
