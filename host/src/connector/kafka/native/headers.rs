//! Headers of a record to send, and reading those of a record received. Knows nothing of what is in them.

use std::ffi::{CStr, c_void};
use std::ptr;

use rdkafka::bindings as sys;
use rdkafka::types::RDKafkaRespErr;

/// Headers of one record to send.
pub(in crate::connector::kafka) struct Headers(*mut sys::rd_kafka_headers_t);

impl Headers {
    /// None yet, room for `count`.
    pub fn with_capacity(count: usize) -> Self {
        // SAFETY: has no preconditions; never null, librdkafka aborts when memory is out.
        Headers(unsafe { sys::rd_kafka_headers_new(count) })
    }

    /// Appends a header; name and value are copied.
    pub fn push(&mut self, name: &str, value: Option<&[u8]>) {
        let (value, len) = match value {
            Some(value) => (value.as_ptr().cast::<c_void>(), value.len()),
            None => (ptr::null(), 0),
        };
        // SAFETY: both pointers are valid for the lengths given; the only failure is a read-only list, which
        // a list of ours is not.
        unsafe {
            sys::rd_kafka_header_add(self.0, name.as_ptr().cast(), name.len() as isize, value, len as isize);
        }
    }

    /// The list, whose owner is the caller from now on.
    pub(super) fn into_raw(self) -> *mut sys::rd_kafka_headers_t {
        let list = self.0;
        std::mem::forget(self);
        list
    }

    /// Takes a list back.
    ///
    /// # Safety
    /// `list` comes from [`into_raw`](Self::into_raw) and nobody else owns it.
    pub(super) unsafe fn from_raw(list: *mut sys::rd_kafka_headers_t) -> Self {
        Headers(list)
    }
}

impl Drop for Headers {
    fn drop(&mut self) {
        // SAFETY: the only owner.
        unsafe { sys::rd_kafka_headers_destroy(self.0) };
    }
}

/// Calls `each` with every header of `message`, in order.
///
/// # Safety
/// `message` is a message that librdkafka gave and that is not destroyed yet.
pub(super) unsafe fn for_each_header(
    message: *const sys::rd_kafka_message_t,
    mut each: impl FnMut(&str, Option<&[u8]>),
) {
    let mut list = ptr::null_mut();
    // SAFETY: as promised by the caller; a list that is there lives as long as the message.
    unsafe {
        if sys::rd_kafka_message_headers(message, &mut list) != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return;
        }
        let (mut name, mut value, mut len) = (ptr::null(), ptr::null(), 0);
        let mut index = 0;
        while sys::rd_kafka_header_get_all(list, index, &mut name, &mut value, &mut len)
            == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
        {
            let value = (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), len));
            each(&CStr::from_ptr(name).to_string_lossy(), value);
            index += 1;
        }
    }
}
