//! librdkafka's mock cluster in this process. Knows nothing of what it is used for.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::Arc;

use rdkafka::ClientConfig;
use rdkafka::bindings as sys;
use rdkafka::types::{RDKafkaRespErr, RDKafkaType};

use super::client::Client;
use crate::connector::kafka::failure;
use crate::connector::kafka::log::ClientLog;

/// A cluster of one broker that listens on a free port of the loopback.
pub(in crate::connector::kafka) struct MockCluster {
    cluster: *mut sys::rd_kafka_mock_cluster_t,
    /// The client whose threads run the cluster; dropped after it.
    _client: Client,
    /// What the client logs to; dropped after it.
    _log: Arc<ClientLog>,
}

// SAFETY: every call on a cluster is a message to its own thread.
unsafe impl Send for MockCluster {}
// SAFETY: as above.
unsafe impl Sync for MockCluster {}

impl MockCluster {
    /// Starts it.
    pub fn new() -> Result<Self, String> {
        let config = ClientConfig::new().create_native_config().map_err(|e| e.to_string())?;
        let log = Arc::new(ClientLog::new("the embedded broker".into(), Vec::new()));
        // SAFETY: the config is valid; the callback has the type that librdkafka calls it by, and its opaque
        // pointer outlives the client by the order of the fields.
        unsafe {
            sys::rd_kafka_conf_set_opaque(config.ptr(), Arc::as_ptr(&log).cast_mut().cast::<c_void>());
            sys::rd_kafka_conf_set_log_cb(config.ptr(), Some(on_log));
        }
        let client = Client::new(RDKafkaType::RD_KAFKA_PRODUCER, config)?;
        // SAFETY: the client is valid and outlives the cluster by the order of the fields.
        let cluster = unsafe { sys::rd_kafka_mock_cluster_new(client.ptr(), 1) };
        if cluster.is_null() {
            return Err("librdkafka's mock cluster did not start".into());
        }
        // SAFETY: the cluster is valid. A lone member need not wait for others to join.
        unsafe { sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0) };
        Ok(MockCluster { cluster, _client: client, _log: log })
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

/// Without it librdkafka writes to the standard error, and begins with a warning that this client, which never
/// talks to anybody, has no `bootstrap.servers`.
unsafe extern "C" fn on_log(
    client: *const sys::rd_kafka_t,
    level: c_int,
    kind: *const c_char,
    text: *const c_char,
) {
    // SAFETY: the opaque is the log that outlives the client; kind and text are C strings.
    unsafe {
        let log = sys::rd_kafka_opaque(client).cast::<ClientLog>();
        if !log.is_null() {
            let (kind, text) =
                (CStr::from_ptr(kind).to_string_lossy(), CStr::from_ptr(text).to_string_lossy());
            (*log).line(level, &kind, &text);
        }
    }
}
