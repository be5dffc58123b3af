//! A record of Kafka with all that belongs to it, as tests write and compare it.
//!
//! Knows nothing of topics and connections.

use rdkafka::message::{BorrowedMessage, Header, Headers, Message};

/// A record as it lies in a topic.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Where it lies; `-1` lets the client choose by key when it is produced.
    pub partition: i32,
    /// Where in the partition; ignored when it is produced.
    pub offset: i64,
    /// Milliseconds since 1970; the time of producing where it is `None`.
    pub timestamp_ms: Option<i64>,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// In order; a name may come twice.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Record {
    /// A record with a value and nothing else.
    pub fn new(partition: i32, value: impl Into<Vec<u8>>) -> Self {
        Self { partition, value: Some(value.into()), ..Self::default() }
    }

    /// The value as text; empty where there is none.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.value.as_deref().unwrap_or_default()).into_owned()
    }

    pub(crate) fn read(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().map(|headers| headers.iter().collect()).unwrap_or_default();
        let headers: Vec<Header<'_, &[u8]>> = headers;
        Self {
            partition: message.partition(),
            offset: message.offset(),
            timestamp_ms: message.timestamp().to_millis(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers
                .into_iter()
                .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
                .collect(),
        }
    }
}
