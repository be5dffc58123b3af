//! The messages of a value: prefix, verified metadata, place of the body. Knows nothing of what they say.

use std::ops::Range;

use arrow_ipc::{Message, MetadataVersion, root_as_message_with_opts};

use super::{syntax, unsupported};
use crate::codec::problem::Outcome;

/// What a message starts with since version 0.15 of the format.
pub(super) const CONTINUATION: u32 = 0xffff_ffff;
/// What a file begins with, which is no stream.
const FILE: &[u8] = b"ARROW1";

/// Parts of metadata may be shared, and are gone through once for each that shares them: together no more than so many
/// times the bytes that there are. Writers share what describes a table, which makes less than four times.
const MAX_SHARING: usize = 16;

/// A message.
pub(super) struct Place<'a> {
    /// The flatbuffer: what the message is.
    pub(super) metadata: &'a [u8],
    /// The metadata, verified.
    pub(super) message: Message<'a>,
    /// Its body, as a range of the value.
    pub(super) body: Range<usize>,
}

/// The messages of a value, one after the other.
pub(super) struct Messages<'a> {
    value: &'a [u8],
    at: usize,
}

impl<'a> Messages<'a> {
    pub(super) fn of(value: &'a [u8]) -> Messages<'a> {
        Messages { value, at: 0 }
    }

    /// The next message; none at the end, which a mark of its own may say.
    pub(super) fn next(&mut self) -> Outcome<Option<Place<'a>>> {
        let Some(metadata_len) = self.metadata_len()? else { return Ok(None) };
        let metadata = self.take(metadata_len, "metadata")?;
        let message = verified(metadata)?;
        if !matches!(message.version(), MetadataVersion::V4 | MetadataVersion::V5) {
            let version = message.version().variant_name().unwrap_or("one unknown here");
            return Err(unsupported(format!("expected metadata version V4 or V5, found {version}")));
        }
        let body_len = usize::try_from(message.bodyLength())
            .map_err(|_| syntax(format!("the body of a message has {} bytes", message.bodyLength())))?;
        let begin = self.at;
        self.take(body_len, "body")?;
        Ok(Some(Place { metadata, message, body: begin..self.at }))
    }

    fn metadata_len(&mut self) -> Outcome<Option<usize>> {
        if self.at == self.value.len() {
            return Ok(None);
        }
        if self.at == 0 && self.value.starts_with(FILE) {
            return Err(unsupported(
                "expected a stream, found the Arrow file format: write the stream format",
            ));
        }
        let len = match self.u32()? {
            CONTINUATION => self.u32()?,
            len => len,
        };
        if len != 0 {
            return Ok(Some(len as usize));
        }
        match self.value.len() - self.at {
            0 => Ok(None),
            more => Err(syntax(format!("{more} bytes follow the end of the stream"))),
        }
    }

    fn u32(&mut self) -> Outcome<u32> {
        let bytes = self.take(4, "prefix")?;
        Ok(bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)))
    }

    fn take(&mut self, len: usize, what: &str) -> Outcome<&'a [u8]> {
        let rest = &self.value[self.at..];
        let taken = rest.get(..len).ok_or_else(|| {
            let left = rest.len();
            syntax(format!("at byte {}: expected {len} bytes of {what}, found {left} to the end", self.at))
        })?;
        self.at += len;
        Ok(taken)
    }
}

/// The metadata as a message, when all of it is as it says.
fn verified(metadata: &[u8]) -> Outcome<Message<'_>> {
    let mut options = options_of(root_as_message_with_opts);
    options.max_apparent_size = metadata.len().saturating_mul(MAX_SHARING);
    root_as_message_with_opts(&options, metadata)
        .map_err(|wrong| syntax(format!("the metadata of a message is damaged: {}", first_line(&wrong))))
}

/// The options that a function takes, as they are by default: their type has no name in the library in use.
fn options_of<'a, T: Default, M>(_: fn(&'a T, &'a [u8]) -> M) -> T {
    T::default()
}

/// The library says in the lines after the first one by which way it came there.
fn first_line(wrong: &impl std::fmt::Display) -> String {
    wrong.to_string().lines().next().unwrap_or_default().trim_end_matches('.').to_owned()
}
