//! Making and ending native clients. Knows nothing of what they do.

use std::ffi::{CStr, c_char};
use std::ptr;

use rdkafka::bindings as sys;
use rdkafka::config::NativeClientConfig;
use rdkafka::types::RDKafkaType;

/// A native client.
pub(super) struct Client(*mut sys::rd_kafka_t);

// SAFETY: librdkafka's clients may be used from any thread at any time.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

impl Client {
    /// Makes a client. Its threads start at once.
    pub fn new(kind: RDKafkaType, config: NativeClientConfig) -> Result<Self, String> {
        let mut why = [0 as c_char; 512];
        // SAFETY: `config` is valid and the buffer is as long as said. On success the client owns the config,
        // which is therefore forgotten; on failure it stays ours.
        let client = unsafe { sys::rd_kafka_new(kind, config.ptr(), why.as_mut_ptr(), why.len()) };
        if client.is_null() {
            // SAFETY: librdkafka ends the text with NUL within the buffer, which was zero before.
            return Err(unsafe { CStr::from_ptr(why.as_ptr()) }.to_string_lossy().into_owned());
        }
        std::mem::forget(config);
        Ok(Client(client))
    }

    /// The pointer, valid as long as this lives.
    pub fn ptr(&self) -> *mut sys::rd_kafka_t {
        self.0
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: the only owner; nothing else holds the pointer when it is dropped.
        unsafe { sys::rd_kafka_destroy(self.0) };
    }
}

/// Drops what takes long to end (a client leaves its group, joins its threads) on a thread of its own, so that
/// the caller's goes on.
pub(in crate::connector::kafka) fn retire<T: Send + 'static>(client: T) {
    // Without a thread to be had it is dropped here, with the closure that was not taken.
    let _ = std::thread::Builder::new().name("kafka-close".into()).spawn(move || drop(client));
}

/// The names of all properties that librdkafka knows.
pub(in crate::connector::kafka) fn property_names() -> Vec<String> {
    let (mut text, mut len) = (ptr::null_mut::<c_char>(), 0);
    // SAFETY: the stream writes to memory that it allocates and, once closed, has put into `text` and `len`; the
    // memory is copied and then freed.
    let table = unsafe {
        let stream = libc::open_memstream(&mut text, &mut len);
        if stream.is_null() {
            return Vec::new();
        }
        sys::rd_kafka_conf_properties_show(stream.cast());
        libc::fclose(stream);
        let table = String::from_utf8_lossy(std::slice::from_raw_parts(text.cast::<u8>(), len)).into_owned();
        libc::free(text.cast());
        table
    };
    // A line a property: `name | C/P/* | values | …`.
    let name = |line: &str| Some(line.split_once('|')?.0.trim().to_owned());
    let is_name = |name: &String| name.contains('.') && !name.contains(char::is_whitespace);
    table.lines().filter_map(name).filter(is_name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_properties_are_known() {
        let names = property_names();
        for name in ["bootstrap.servers", "session.timeout.ms", "compression.type", "sasl.password"] {
            assert!(names.iter().any(|known| known == name), "{name} is not among {names:?}");
        }
    }
}
