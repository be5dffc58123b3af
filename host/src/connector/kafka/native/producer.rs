//! A producer for one topic that makes no object a record: runs of records go in by one call, and an
//! acknowledgement only counts. Knows nothing of rows, codecs or barriers.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::bindings::{rd_kafka_vtype_t as Field, rd_kafka_vu_s__bindgen_ty_1 as Value};
use rdkafka::types::{RDKafkaErrorCode as Code, RDKafkaRespErr, RDKafkaType};

use super::client::Client;
use super::headers::Headers;
use crate::connector::kafka::acks::Acks;
use crate::connector::kafka::link::Link;

/// Records handed over in one call.
const RUN: usize = 512;

/// A record to send.
pub(in crate::connector::kafka) struct Outgoing<'a> {
    /// The caller's number for it.
    pub row: usize,
    /// Key.
    pub key: Option<&'a [u8]>,
    /// Value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

/// How far a send got.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::connector::kafka) enum Sent {
    /// All were taken or refused.
    All,
    /// The queue is full: this row and those after it were not taken.
    Full(usize),
}

/// A producer for one topic.
pub(in crate::connector::kafka) struct Producer {
    topic: *mut sys::rd_kafka_topic_t,
    run: Vec<sys::rd_kafka_message_t>,
    rows: Vec<usize>,
    parts: Option<Parts>,
}

/// What takes time to end: given to [`super::retire`].
struct Parts {
    client: Client,
    /// The callbacks point to it; dropped after the client.
    shared: Arc<Shared>,
}

/// What librdkafka's threads call back into.
struct Shared {
    link: Arc<Link>,
    acks: Arc<Acks>,
    turn: AtomicU32,
}

// SAFETY: topics are bound to no thread; the messages in `run` hold pointers only within a call.
unsafe impl Send for Producer {}

impl Producer {
    /// A producer for `topic`. `in_turn`: records without a partition go to one after the other.
    pub fn new(
        config: &rdkafka::ClientConfig,
        topic: &str,
        in_turn: bool,
        link: Arc<Link>,
        acks: Arc<Acks>,
    ) -> Result<Self, String> {
        let topic = CString::new(topic).map_err(|_| format!("`{topic}` cannot be a topic's name"))?;
        let config = config.create_native_config().map_err(|e| e.to_string())?;
        let shared = Arc::new(Shared { link, acks, turn: AtomicU32::new(0) });
        let opaque = Arc::as_ptr(&shared).cast_mut().cast::<c_void>();
        // SAFETY: the config is valid. The callbacks have the types that librdkafka calls them by, and their
        // opaque pointer outlives the client: `Parts` drops the client first.
        unsafe {
            sys::rd_kafka_conf_set_opaque(config.ptr(), opaque);
            sys::rd_kafka_conf_set_error_cb(config.ptr(), Some(on_error));
            sys::rd_kafka_conf_set_log_cb(config.ptr(), Some(on_log));
            sys::rd_kafka_conf_interceptor_add_on_new(config.ptr(), NAME.as_ptr(), Some(on_new), opaque);
        }
        let client = Client::new(RDKafkaType::RD_KAFKA_PRODUCER, config)?;
        // SAFETY: the client is valid; the topic takes over the config of its own.
        let topic = unsafe {
            let config = sys::rd_kafka_default_topic_conf_dup(client.ptr());
            if in_turn {
                sys::rd_kafka_topic_conf_set_opaque(config, opaque);
                sys::rd_kafka_topic_conf_set_partitioner_cb(config, Some(next_in_turn));
            }
            sys::rd_kafka_topic_new(client.ptr(), topic.as_ptr(), config)
        };
        if topic.is_null() {
            return Err("the topic's settings were refused".into());
        }
        let parts = Some(Parts { client, shared });
        Ok(Producer { topic, run: Vec::with_capacity(RUN), rows: Vec::with_capacity(RUN), parts })
    }

    /// Serves errors and logs, waiting at most `wait` for some.
    pub fn poll(&self, wait: Duration) {
        let wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the client is valid.
        unsafe { sys::rd_kafka_poll(self.client(), wait_ms) };
    }

    /// Why the client cannot go on, if so.
    pub fn fatal(&self) -> Option<String> {
        let mut why = [0 as c_char; 512];
        // SAFETY: the client is valid and the buffer as long as said; the text ends within it.
        unsafe {
            let code = sys::rd_kafka_fatal_error(self.client(), why.as_mut_ptr(), why.len());
            (code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR)
                .then(|| CStr::from_ptr(why.as_ptr()).to_string_lossy().into_owned())
        }
    }

    /// Sends records, in order, with the partitioner's partition, no headers and the time of now. Rows that
    /// cannot be sent are appended to `refused` with librdkafka's code and passed over.
    pub fn send<'a>(
        &mut self,
        mut records: impl Iterator<Item = Outgoing<'a>>,
        refused: &mut Vec<(usize, i32)>,
    ) -> Sent {
        let acks = Arc::clone(self.acks());
        let opaque = opaque_of(&acks);
        loop {
            self.run.clear();
            self.rows.clear();
            for record in records.by_ref().take(RUN) {
                self.rows.push(record.row);
                self.run.push(message(&record, opaque));
            }
            if self.run.is_empty() {
                return Sent::All;
            }
            acks.add(self.run.len());
            // SAFETY: the topic is valid; the records' bytes are borrowed for 'a, longer than this call, which
            // copies them. Nothing reads the pointers later: the run is cleared before it is used again.
            unsafe {
                sys::rd_kafka_produce_batch(
                    self.topic,
                    BY_PARTITIONER,
                    sys::RD_KAFKA_MSG_F_COPY as c_int,
                    self.run.as_mut_ptr(),
                    self.run.len() as c_int,
                )
            };
            if let Some(row) = self.look_at_failures(&acks, refused) {
                return Sent::Full(row);
            }
        }
    }

    /// What became of the run: the first row that found the queue full, after which all did.
    fn look_at_failures(&self, acks: &Acks, refused: &mut Vec<(usize, i32)>) -> Option<usize> {
        let (mut never_made, mut full) = (0, None);
        for (message, row) in self.run.iter().zip(&self.rows) {
            match number(&message.err) {
                0 => {}
                code if code == Code::QueueFull as i32 => {
                    never_made += 1;
                    full.get_or_insert(*row);
                }
                code => {
                    never_made += usize::from(is_never_made(code));
                    refused.push((*row, code));
                }
            }
        }
        if never_made > 0 {
            acks.remove(never_made);
        }
        full
    }

    /// Sends one record to `partition` (`None`: the partitioner's), with headers and a time (`None`: now).
    /// Otherwise as [`send`](Self::send).
    pub fn send_one(
        &mut self,
        record: &Outgoing<'_>,
        partition: Option<i32>,
        timestamp_ms: Option<i64>,
        headers: Option<Headers>,
        refused: &mut Vec<(usize, i32)>,
    ) -> Sent {
        let message = message(record, opaque_of(self.acks()));
        let memory = |ptr, size| Value { mem: sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr, size } };
        let field = |vtype, u| sys::rd_kafka_vu_t { vtype, u };
        let headers = headers.map_or(ptr::null_mut(), Headers::into_raw);
        let fields = [
            field(Field::RD_KAFKA_VTYPE_RKT, Value { rkt: self.topic }),
            field(Field::RD_KAFKA_VTYPE_PARTITION, Value { i32_: partition.unwrap_or(BY_PARTITIONER) }),
            field(Field::RD_KAFKA_VTYPE_MSGFLAGS, Value { i: sys::RD_KAFKA_MSG_F_COPY as c_int }),
            field(Field::RD_KAFKA_VTYPE_VALUE, memory(message.payload, message.len)),
            field(Field::RD_KAFKA_VTYPE_KEY, memory(message.key, message.key_len)),
            field(Field::RD_KAFKA_VTYPE_OPAQUE, Value { ptr: message._private }),
            field(Field::RD_KAFKA_VTYPE_TIMESTAMP, Value { i64_: timestamp_ms.unwrap_or(0) }),
            field(Field::RD_KAFKA_VTYPE_HEADERS, Value { headers }),
        ];
        let count = if headers.is_null() { fields.len() - 1 } else { fields.len() };
        self.acks().add(1);
        // SAFETY: the client, the topic and the bytes are valid during the call, which copies the bytes. Headers
        // belong to the message when it succeeds and to us when it fails.
        let code = unsafe {
            let error = sys::rd_kafka_produceva(self.client(), fields.as_ptr(), count);
            if error.is_null() {
                return Sent::All;
            }
            let code = sys::rd_kafka_error_code(error) as i32;
            sys::rd_kafka_error_destroy(error);
            if !headers.is_null() {
                drop(Headers::from_raw(headers));
            }
            code
        };
        if is_never_made(code) {
            self.acks().remove(1);
        }
        if code == Code::QueueFull as i32 {
            return Sent::Full(record.row);
        }
        refused.push((record.row, code));
        Sent::All
    }

    fn client(&self) -> *mut sys::rd_kafka_t {
        self.parts().client.ptr()
    }

    fn acks(&self) -> &Arc<Acks> {
        &self.parts().shared.acks
    }

    fn parts(&self) -> &Parts {
        self.parts.as_ref().expect("the parts are taken only by drop")
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        // SAFETY: the only owner of this reference to the topic; the client still lives.
        unsafe { sys::rd_kafka_topic_destroy(self.topic) };
        if let Some(parts) = self.parts.take() {
            super::retire(parts);
        }
    }
}

/// In place of a partition: let the partitioner choose (`RD_KAFKA_PARTITION_UA`).
const BY_PARTITIONER: i32 = -1;

const NAME: &CStr = c"acknowledgements";

/// Whether librdkafka refuses with this code before it makes a message, so that no acknowledgement will come.
fn is_never_made(code: i32) -> bool {
    [Code::QueueFull, Code::MessageSizeTooLarge, Code::Fatal, Code::State].iter().any(|c| *c as i32 == code)
}

fn opaque_of(acks: &Acks) -> *mut c_void {
    ptr::without_provenance_mut(acks.epoch())
}

fn message(record: &Outgoing<'_>, opaque: *mut c_void) -> sys::rd_kafka_message_t {
    let part = |bytes: Option<&[u8]>| match bytes {
        Some(bytes) => (bytes.as_ptr().cast_mut().cast::<c_void>(), bytes.len()),
        None => (ptr::null_mut(), 0),
    };
    let ((payload, len), (key, key_len)) = (part(record.value), part(record.key));
    sys::rd_kafka_message_t {
        err: RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR,
        rkt: ptr::null_mut(),
        partition: BY_PARTITIONER,
        payload,
        len,
        key,
        key_len,
        offset: 0,
        _private: opaque,
    }
}

/// An error field as the int that it is in C: a broker may send a code that the Rust enum has no name for.
fn number(code: &RDKafkaRespErr) -> i32 {
    // SAFETY: the enum has the size and alignment of an i32, and every bit pattern is one.
    unsafe { ptr::from_ref(code).cast::<i32>().read() }
}

unsafe extern "C" fn on_new(
    client: *mut sys::rd_kafka_t,
    _config: *const sys::rd_kafka_conf_t,
    opaque: *mut c_void,
    _why: *mut c_char,
    _len: usize,
) -> RDKafkaRespErr {
    // SAFETY: librdkafka calls this while it makes the client, the one time when interceptors may be added.
    unsafe { sys::rd_kafka_interceptor_add_on_acknowledgement(client, NAME.as_ptr(), Some(on_ack), opaque) }
}

unsafe extern "C" fn on_ack(
    _client: *mut sys::rd_kafka_t,
    message: *mut sys::rd_kafka_message_t,
    opaque: *mut c_void,
) -> RDKafkaRespErr {
    // SAFETY: the opaque is the `Shared` that outlives the client; the message lives during the call.
    unsafe {
        let shared = &*opaque.cast::<Shared>();
        match number(&(*message).err) {
            0 => {
                shared.acks.delivered((*message)._private.addr());
                shared.link.works();
            }
            code => shared.acks.failed((*message)._private.addr(), code),
        }
    }
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
}

unsafe extern "C" fn on_error(
    _client: *mut sys::rd_kafka_t,
    code: c_int,
    reason: *const c_char,
    opaque: *mut c_void,
) {
    // SAFETY: as for `on_ack`; the reason is a C string.
    unsafe { (*opaque.cast::<Shared>()).link.error(code, &CStr::from_ptr(reason).to_string_lossy()) };
}

unsafe extern "C" fn on_log(
    client: *const sys::rd_kafka_t,
    level: c_int,
    kind: *const c_char,
    text: *const c_char,
) {
    // SAFETY: as for `on_error`; the client gives back the opaque that it was made with.
    unsafe {
        let shared = sys::rd_kafka_opaque(client).cast::<Shared>();
        if !shared.is_null() {
            let (kind, text) =
                (CStr::from_ptr(kind).to_string_lossy(), CStr::from_ptr(text).to_string_lossy());
            (*shared).link.log(level, &kind, &text);
        }
    }
}

unsafe extern "C" fn next_in_turn(
    _topic: *const sys::rd_kafka_topic_t,
    _key: *const c_void,
    _key_len: usize,
    partitions: i32,
    opaque: *mut c_void,
    _message: *mut c_void,
) -> i32 {
    // SAFETY: as for `on_ack`.
    let turn = unsafe { (*opaque.cast::<Shared>()).turn.fetch_add(1, Relaxed) };
    (turn % partitions.max(1) as u32) as i32
}
