//! One message into the columns, by the schema of whoever wrote it. Knows nothing of where schemas come from.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};

use arrow::datatypes::SchemaRef;

use super::Descriptor;
use super::frame::Frame;
use super::plan::Message;
use super::wire::Wire;
use crate::codec::column::Struct;
use crate::codec::framed::ReadWritten;
use crate::codec::problem::Outcome;
use crate::codec::registered::RegisteredSchema;
use crate::codec::rows::ReadRecord;
use crate::codec::wire::Framed;

/// Bytes of the schemas and plans of writers that are kept, as they are counted; in memory they are many times as many.
const MAX_KEPT: usize = 4 << 20;

/// What each of them counts at least: one that cannot be used has a text that says why.
const WRITER: usize = 1024;

/// Reads messages.
pub struct ProtobufReader {
    columns: SchemaRef,
    reader: Descriptor,
    /// How messages of the reader's own schema are read.
    own: Message,
    /// Other schemas that are kept compiled, by their ids, but for the one in use.
    writers: HashMap<u64, Result<Box<Writer>, String>>,
    /// All of them, the ones compiled longest ago first, with the bytes that they count.
    order: VecDeque<(u64, usize)>,
    /// What all of them count.
    bytes: usize,
    /// What they may count.
    pub(super) max_kept: usize,
    /// The one in use; none: the reader's own schema.
    current: Option<(u64, Box<Writer>)>,
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
            writers: HashMap::new(),
            order: VecDeque::new(),
            bytes: 0,
            max_kept: MAX_KEPT,
            current: None,
        })
    }

    /// Compiles a schema; where it cannot be, that is kept too.
    fn add_writer(&mut self, id: u64, schema: &RegisteredSchema) {
        let compile = || {
            let writer = Descriptor::of_same_message(schema, &self.reader)?;
            let message = Message::new(self.reader.message(), writer.message(), self.columns.fields())?;
            let bytes = writer.bytes() + message.bytes();
            Ok((Box::new(Writer { message, frame: Frame::new(writer)? }), bytes))
        };
        let compiled: Result<_, String> = compile();
        let bytes = WRITER + compiled.as_ref().map_or(0, |(_, bytes)| *bytes);
        self.writers.insert(id, compiled.map(|(writer, _)| writer));
        self.order.push_back((id, bytes));
        self.bytes += bytes;
        self.forget();
    }

    /// What was compiled longest ago is kept no more where there is too much; the one in use and the newest one are.
    fn forget(&mut self) {
        let current = self.current.as_ref().map(|(id, _)| *id);
        let mut place = 0;
        while self.bytes > self.max_kept && place + 1 < self.order.len() {
            let (id, bytes) = self.order[place];
            if current == Some(id) {
                place += 1;
                continue;
            }
            self.order.remove(place);
            self.writers.remove(&id);
            self.bytes -= bytes;
        }
    }
}

impl ReadWritten for ProtobufReader {
    /// Fields are matched to those of the reader's schema by number. When the schema cannot be used, the one before
    /// stays.
    fn use_writer(&mut self, id: u64, schema: &RegisteredSchema) -> Result<(), String> {
        if matches!(&self.current, Some((current, _)) if *current == id) {
            return Ok(());
        }
        if !self.writers.contains_key(&id) {
            self.add_writer(id, schema);
        }
        if let Some(Err(why)) = self.writers.get(&id) {
            return Err(why.clone());
        }
        if let Some(Ok(writer)) = self.writers.remove(&id)
            && let Some((before, writer)) = self.current.replace((id, writer))
        {
            self.writers.insert(before, Ok(writer));
        }
        Ok(())
    }

    /// The message, which must be the expected one of its schema.
    fn body<'a>(&mut self, framed: Framed<'a>) -> Outcome<&'a [u8]> {
        let (indexes, body) = framed.message()?;
        if let Some((_, writer)) = &self.current {
            writer.frame.check(indexes)?;
        }
        Ok(body)
    }
}

impl ReadRecord for ProtobufReader {
    fn read(&mut self, value: &[u8], columns: &mut Struct) -> Outcome<()> {
        let message = match &mut self.current {
            Some((_, writer)) => &mut writer.message,
            None => &mut self.own,
        };
        let allowance = Cell::new(columns.allowance());
        let outcome = message.record(columns, Wire::new(value, &allowance));
        columns.took(&allowance.get());
        outcome
    }
}
