//! The queue of one assigned partition, read in runs: one call takes many messages, each is lent out once and
//! given back at once. Knows nothing of what becomes of the bytes.

use std::ffi::CString;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::consumer::Consumer as _;

use super::headers::for_each_header;
use crate::connector::kafka::consumer::Consumer;

/// Messages taken from librdkafka's queue in one call, and so at most held here.
const RUN: usize = 512;

/// The queue of a partition.
pub(in crate::connector::kafka) struct PartitionQueue {
    queue: *mut sys::rd_kafka_queue_t,
    run: Vec<*mut sys::rd_kafka_message_t>,
    next: usize,
    /// The client that the queue and the messages belong to; dropped after them.
    consumer: Arc<Consumer>,
}

// SAFETY: librdkafka's queues and messages are bound to no thread, and this has only one owner.
unsafe impl Send for PartitionQueue {}

/// A message on loan.
pub(in crate::connector::kafka) struct Message<'a> {
    native: &'a sys::rd_kafka_message_t,
}

impl PartitionQueue {
    /// Parts the partition's messages from the consumer's own queue. Call it before assigning the partition:
    /// so no message goes the other way. `None` when the name cannot be a topic's.
    pub fn split(consumer: &Arc<Consumer>, topic: &str, partition: i32) -> Option<Self> {
        let topic = CString::new(topic).ok()?;
        // SAFETY: the client and the name are valid; the queue is checked and owned by us; forwarding to
        // nowhere is how the documentation says to part it.
        let queue = unsafe {
            let queue =
                sys::rd_kafka_queue_get_partition(consumer.client().native_ptr(), topic.as_ptr(), partition);
            if queue.is_null() {
                return None;
            }
            sys::rd_kafka_queue_forward(queue, ptr::null_mut());
            queue
        };
        Some(PartitionQueue { queue, run: Vec::with_capacity(RUN), next: 0, consumer: Arc::clone(consumer) })
    }

    /// The consumer that the partition is assigned to.
    pub fn consumer(&self) -> &Arc<Consumer> {
        &self.consumer
    }

    /// Whether there is a message, after waiting at most `wait` for one.
    pub fn ready(&mut self, wait: Duration) -> bool {
        if self.next < self.run.len() {
            return true;
        }
        // A call waits until it has as many as it asked for: so never wait for more than the first.
        self.take(RUN, Duration::ZERO) || (!wait.is_zero() && self.take(1, wait))
    }

    fn take(&mut self, count: usize, wait: Duration) -> bool {
        self.run.clear();
        self.next = 0;
        let wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is valid, the vector has room for `count` ≤ RUN pointers, and its length is set to
        // the number that was written.
        unsafe {
            let taken = sys::rd_kafka_consume_batch_queue(self.queue, wait_ms, self.run.as_mut_ptr(), count);
            self.run.set_len(usize::try_from(taken).unwrap_or(0));
        }
        !self.run.is_empty()
    }

    /// The next message, if [`ready`](Self::ready); it stays the next.
    pub fn peek(&self) -> Option<Message<'_>> {
        // SAFETY: messages from `next` on are alive; the loan keeps `self` from destroying them.
        self.run.get(self.next).map(|message| Message { native: unsafe { &**message } })
    }

    /// Gives the next message back.
    pub fn advance(&mut self) {
        if let Some(message) = self.run.get(self.next) {
            // SAFETY: alive, and passed over for good by moving on.
            unsafe { sys::rd_kafka_message_destroy(*message) };
            self.next += 1;
        }
    }
}

impl Drop for PartitionQueue {
    fn drop(&mut self) {
        while self.next < self.run.len() {
            self.advance();
        }
        // SAFETY: the only owner of this reference to the queue.
        unsafe { sys::rd_kafka_queue_destroy(self.queue) };
    }
}

impl<'a> Message<'a> {
    /// librdkafka's error code; 0 for a record.
    pub fn error(&self) -> i32 {
        // SAFETY: the field is an int in C. A broker may send codes that the Rust enum has no name for, so it
        // is read as the number that it is.
        unsafe { ptr::addr_of!(self.native.err).cast::<i32>().read() }
    }

    /// The offset.
    pub fn offset(&self) -> i64 {
        self.native.offset
    }

    /// The key.
    pub fn key(&self) -> Option<&'a [u8]> {
        // SAFETY: the key lives as long as the message and is as long as said.
        unsafe { bytes(self.native.key.cast(), self.native.key_len) }
    }

    /// The value; of an error its text.
    pub fn value(&self) -> Option<&'a [u8]> {
        // SAFETY: as for the key.
        unsafe { bytes(self.native.payload.cast(), self.native.len) }
    }

    /// The timestamp, milliseconds since 1970.
    pub fn timestamp_ms(&self) -> Option<i64> {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive.
        let ms = unsafe { sys::rd_kafka_message_timestamp(self.native, &mut kind) };
        (ms >= 0).then_some(ms)
    }

    /// Calls `each` with every header, in order.
    pub fn headers(&self, each: impl FnMut(&str, Option<&[u8]>)) {
        // SAFETY: the message is alive.
        unsafe { for_each_header(self.native, each) };
    }
}

/// # Safety
/// `start` is null or valid for `len` bytes as long as `'a`.
unsafe fn bytes<'a>(start: *const u8, len: usize) -> Option<&'a [u8]> {
    // SAFETY: as promised.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start, len) })
}
