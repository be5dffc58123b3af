//! One message into the columns, by the schema of whoever wrote it. Knows nothing of where schemas come from.

use std::cell::Cell;

use arrow::datatypes::SchemaRef;

use super::Descriptor;
use super::frame::Frame;
use super::plan::Message;
use super::read::FREE;
use super::wire::Wire;
use crate::codec::arrow_ipc::MAX_RUN;
use crate::codec::column::Struct;
use crate::codec::framed::ReadWritten;
use crate::codec::problem::Outcome;
use crate::codec::registered::RegisteredSchema;
use crate::codec::rows::{MAX_RECORD_BYTES, ReadRecord};
use crate::codec::wire::Framed;

/// Writers whose schemas are kept compiled.
const MAX_WRITERS: usize = 64;

/// Reads messages.
pub struct ProtobufReader {
    columns: SchemaRef,
    reader: Descriptor,
    /// How messages of the reader's own schema are read.
    own: Message,
    /// Other schemas, by their ids, the ones compiled longest ago first.
    writers: Vec<(u64, Result<Writer, String>)>,
    /// Which of the writers is in use; none: the reader's own schema.
    current: Option<usize>,
    /// What the records of this run may still stand for beyond their own bytes, in bytes.
    left: usize,
    /// As much for all of them.
    pub(super) max_run: usize,
}

/// A schema that messages were written with.
struct Writer {
    message: Message,
    frame: Frame,
}

impl ProtobufReader {
    /// A reader of the message of `schema` into these columns, which are fields of it by name, all or some of them;
    /// or which column cannot be filled. Until `use_writer` says otherwise, values are of the same schema.
    pub fn new(schema: &RegisteredSchema, columns: &SchemaRef) -> Result<ProtobufReader, String> {
        let reader = Descriptor::new(schema)?;
        let own = Message::new(reader.message(), reader.message(), columns.fields())?;
        let columns = SchemaRef::clone(columns);
        Ok(ProtobufReader {
            columns,
            reader,
            own,
            writers: Vec::new(),
            current: None,
            left: MAX_RUN,
            max_run: MAX_RUN,
        })
    }

    fn writer(&self) -> Option<&Writer> {
        self.current.and_then(|current| self.writers[current].1.as_ref().ok())
    }

    /// Compiles a schema; where it cannot be, that is kept too.
    fn add_writer(&mut self, id: u64, schema: &RegisteredSchema) -> usize {
        let compile = || {
            let writer = Descriptor::of_same_message(schema, &self.reader)?;
            let message = Message::new(self.reader.message(), writer.message(), self.columns.fields())?;
            Ok(Writer { message, frame: Frame::new(writer)? })
        };
        let compiled = compile();
        if self.writers.len() == MAX_WRITERS {
            let oldest = usize::from(self.current == Some(0));
            drop(self.writers.remove(oldest));
            self.current = self.current.map(|current| current.saturating_sub(1));
        }
        self.writers.push((id, compiled));
        self.writers.len() - 1
    }
}

impl ReadWritten for ProtobufReader {
    /// Fields are matched to those of the reader's schema by number. When the schema cannot be used, the one before
    /// stays.
    fn use_writer(&mut self, id: u64, schema: &RegisteredSchema) -> Result<(), String> {
        let known = self.writers.iter().position(|(known, _)| *known == id);
        let index = known.unwrap_or_else(|| self.add_writer(id, schema));
        self.writers[index].1.as_ref().map_err(String::clone)?;
        self.current = Some(index);
        Ok(())
    }

    /// The message, which must be the expected one of its schema.
    fn body<'a>(&mut self, framed: Framed<'a>) -> Outcome<&'a [u8]> {
        let (indexes, body) = framed.message()?;
        if let Some(writer) = self.writer() {
            writer.frame.check(indexes)?;
        }
        Ok(body)
    }
}

impl ReadRecord for ProtobufReader {
    fn read(&mut self, value: &[u8], columns: &mut Struct) -> Outcome<()> {
        let message = match self.current.map(|current| &mut self.writers[current].1) {
            Some(Ok(writer)) => &mut writer.message,
            _ => &mut self.own,
        };
        if columns.len() == 0 {
            self.left = self.max_run;
        }
        let most = self.left.min(MAX_RECORD_BYTES);
        let allowance = Cell::new(most);
        let mut wire = Wire::new(value, &allowance);
        wire.spend(message.cost.defaults.saturating_sub(FREE * value.len()))?;
        columns.begin();
        message.read(columns, &mut wire, 0)?;
        message.finish(columns)?;
        self.left -= most - allowance.get();
        Ok(())
    }
}
