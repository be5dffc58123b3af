//! Commits and their answers. (The crate's asynchronous commit has no answer, and its synchronous one waits
//! without end.) Knows nothing of why offsets are committed.

use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use crate::connector::kafka::consumer::Consumer;

/// Sends a consumer's commits and takes the answers.
pub(in crate::connector::kafka) struct Commits {
    queue: *mut sys::rd_kafka_queue_t,
    outstanding: usize,
    consumer: Arc<Consumer>,
}

// SAFETY: librdkafka's queues are bound to no thread, and this has only one owner.
unsafe impl Send for Commits {}

impl Commits {
    pub fn new(consumer: Arc<Consumer>) -> Self {
        // SAFETY: the client is valid; a new queue is never null.
        let queue = unsafe { sys::rd_kafka_queue_new(consumer.client().native_ptr()) };
        Commits { queue, outstanding: 0, consumer }
    }

    /// Sends a commit. librdkafka's code when it cannot even be sent.
    pub fn send(&mut self, offsets: &TopicPartitionList) -> Result<(), i32> {
        // SAFETY: client, list and queue are valid; the list is copied. Without a callback the answer is an
        // event in the queue.
        let code = unsafe {
            let client = self.consumer.client().native_ptr();
            sys::rd_kafka_commit_queue(client, offsets.ptr(), self.queue, None, ptr::null_mut())
        };
        if code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(code as i32);
        }
        self.outstanding += 1;
        Ok(())
    }

    /// Commits that are not answered.
    pub fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// The answer to the oldest commit, if it comes within `wait`: librdkafka's code, 0 for done.
    pub fn answer(&mut self, wait: Duration) -> Option<i32> {
        if self.outstanding == 0 {
            return None;
        }
        let wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is valid; the event is checked, owned by us and destroyed after its parts are read.
        let code = unsafe {
            let event = sys::rd_kafka_queue_poll(self.queue, wait_ms);
            if event.is_null() {
                return None;
            }
            let mut code = sys::rd_kafka_event_error(event) as i32;
            let list = sys::rd_kafka_event_topic_partition_list(event);
            if code == 0 && !list.is_null() {
                let places = std::slice::from_raw_parts((*list).elems, (*list).cnt.max(0) as usize);
                code = places.iter().map(|place| place.err as i32).find(|code| *code != 0).unwrap_or(0);
            }
            sys::rd_kafka_event_destroy(event);
            code
        };
        self.outstanding -= 1;
        Some(code)
    }
}

impl Drop for Commits {
    fn drop(&mut self) {
        // SAFETY: the only owner; the client still lives.
        unsafe { sys::rd_kafka_queue_destroy(self.queue) };
    }
}
