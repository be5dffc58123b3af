//! The message that records are, found in a schema, and its place in the file as Confluent's framing counts it.
//! Knows nothing of bytes and columns.

use prost::Message as _;
use prost_reflect::{FileDescriptor, MessageDescriptor};

use super::kind::listed;
use super::sources;
use crate::codec::registered::{RegisteredSchema, SchemaKind};

/// The message that records are.
#[derive(Clone, Debug)]
pub(super) struct Descriptor {
    file: FileDescriptor,
    message: MessageDescriptor,
}

impl Descriptor {
    /// Compiles a schema and finds its message ([`RegisteredSchema::message`], or the first of the file). The text
    /// is a `.proto` file, or a serialized `FileDescriptorProto` or `FileDescriptorSet` in base64, whose last file
    /// is then the schema's own. Imports are its references, by path, `google/protobuf/*.proto` and those that are
    /// [`known`](super::known).
    pub(super) fn new(schema: &RegisteredSchema) -> Result<Descriptor, String> {
        let file = compile(schema)?;
        let message = match &schema.message {
            None => file.messages().next().ok_or("the schema has no message")?,
            Some(name) => find(&file, name)?,
        };
        Ok(Descriptor { file, message })
    }

    /// As [`new`](Self::new), the message being that of another descriptor's name.
    pub(super) fn of_same_message(
        schema: &RegisteredSchema,
        other: &Descriptor,
    ) -> Result<Descriptor, String> {
        let file = compile(schema)?;
        let message = find(&file, other.name())?;
        Ok(Descriptor { file, message })
    }

    /// The bytes of all that was compiled, serialized: in memory it takes many times as many.
    pub(super) fn bytes(&self) -> usize {
        let pool = self.file.parent_pool();
        pool.file_descriptor_protos().map(|file| file.encoded_len()).sum()
    }

    /// The message's full name.
    pub(super) fn name(&self) -> &str {
        self.message.full_name()
    }

    pub(super) fn message(&self) -> &MessageDescriptor {
        &self.message
    }

    /// The message's place in the file: its index among the messages, then among those nested in it, and so on.
    /// Entries of maps, which no file declares, do not count.
    pub(super) fn message_indexes(&self) -> Result<Vec<u32>, String> {
        self.indexes(|message| !message.is_map_entry())
    }

    /// As [`message_indexes`](Self::message_indexes), entries of maps counted, as they stand in a descriptor.
    pub(super) fn descriptor_indexes(&self) -> Result<Vec<u32>, String> {
        self.indexes(|_| true)
    }

    fn indexes(&self, counts: impl Fn(&MessageDescriptor) -> bool) -> Result<Vec<u32>, String> {
        if self.message.parent_file() != self.file {
            return Err(format!("{}: the message is not in the schema's own file", self.name()));
        }
        let mut indexes = Vec::new();
        let mut inner = self.message.clone();
        loop {
            let outer = inner.parent_message();
            let siblings: Vec<_> = match &outer {
                Some(outer) => outer.child_messages().filter(&counts).collect(),
                None => self.file.messages().collect(),
            };
            indexes.extend(siblings.iter().position(|sibling| *sibling == inner).map(|index| index as u32));
            match outer {
                Some(outer) => inner = outer,
                None => break,
            }
        }
        indexes.reverse();
        Ok(indexes)
    }

    /// Name of the message at these indexes, if there is one.
    pub(super) fn name_at(&self, indexes: impl Iterator<Item = u64>) -> Option<String> {
        let mut found: Option<MessageDescriptor> = None;
        for index in indexes {
            let index = usize::try_from(index).ok()?;
            found = Some(match found {
                None => self.file.messages().nth(index)?,
                Some(outer) => outer.child_messages().filter(|inner| !inner.is_map_entry()).nth(index)?,
            });
        }
        found.map(|message| message.full_name().to_owned())
    }
}

fn compile(schema: &RegisteredSchema) -> Result<FileDescriptor, String> {
    if schema.kind != SchemaKind::Protobuf {
        return Err(format!("expected a schema in PROTOBUF, found one in {}", schema.kind.name()));
    }
    sources::compile(schema)
}

fn find(file: &FileDescriptor, name: &str) -> Result<MessageDescriptor, String> {
    let pool = file.parent_pool();
    pool.get_message_by_name(name).filter(|message| !message.is_map_entry()).ok_or_else(|| {
        let own = |message: &MessageDescriptor| message.parent_file() == *file && !message.is_map_entry();
        let names = pool.all_messages().filter(own).map(|message| message.full_name().to_owned());
        format!("{name}: the schema has no such message; it has {}", listed(names))
    })
}
