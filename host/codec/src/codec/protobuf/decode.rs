//! One message into the columns, by the schema of whoever wrote it. Knows nothing of where schemas come from.

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

/// Writers whose schemas are kept compiled.
const MAX_WRITERS: usize = 64;

/// Reads messages.
pub struct ProtobufReader {
    columns: SchemaRef,
    reader: Descriptor,
    framed: bool,
    /// The schema of the reader itself, for values that name no other.
    own: Compiled,
    /// Other schemas, by their ids, the ones compiled longest ago first.
    writers: Vec<(u64, Result<Compiled, String>)>,
    /// Which of the writers is in use; none: the reader's own schema.
    current: Option<usize>,
    /// The message indexes of the value to come are in its record's header.
    indexes_in_header: bool,
}

/// A schema that messages are written with.
struct Compiled {
    message: Message,
    frame: Option<Frame>,
}

impl ProtobufReader {
    /// A reader of the message of `schema` into these columns, which are fields of it by name, all of them or
    /// some; or which column cannot be filled. `framed`: values begin with Confluent's message indexes.
    pub fn new(
        schema: &RegisteredSchema,
        columns: &SchemaRef,
        framed: bool,
    ) -> Result<ProtobufReader, String> {
        let reader = Descriptor::new(schema)?;
        let own = Compiled::new(&reader, &reader, columns, framed)?;
        Ok(ProtobufReader {
            columns: SchemaRef::clone(columns),
            reader,
            framed,
            own,
            writers: Vec::new(),
            current: None,
            indexes_in_header: false,
        })
    }

    /// The schema in use.
    fn compiled(&mut self) -> &mut Compiled {
        match self.current.and_then(|current| self.writers.get_mut(current)) {
            Some((_, Ok(compiled))) => compiled,
            _ => &mut self.own,
        }
    }

    /// Compiles a schema; where it cannot be, that is kept too.
    fn add_writer(&mut self, id: u64, schema: &RegisteredSchema) -> usize {
        let writer = Descriptor::of_same_message(schema, &self.reader);
        let compiled =
            writer.and_then(|writer| Compiled::new(&self.reader, &writer, &self.columns, self.framed));
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
    /// Fields are matched to those of the reader by number. Where such values cannot be read nothing changes.
    fn use_writer(&mut self, id: u64, schema: &RegisteredSchema) -> Result<(), String> {
        if let Some(current) = self.current
            && self.writers[current].0 == id
        {
            return Ok(());
        }
        let known = self.writers.iter().position(|(known, _)| *known == id);
        let index = known.unwrap_or_else(|| self.add_writer(id, schema));
        self.writers[index].1.as_ref().map_err(String::clone)?;
        self.current = Some(index);
        Ok(())
    }

    fn body<'a>(&mut self, framed: Framed<'a>) -> Outcome<&'a [u8]> {
        // The indexes are where the id is: in the header, or before the message, where `read` takes them off.
        self.indexes_in_header = framed.header().is_some();
        if let (Some(header), Some(frame)) = (framed.header(), &self.compiled().frame) {
            frame.strip(header)?;
        }
        Ok(framed.body())
    }
}

impl Compiled {
    fn new(
        reader: &Descriptor,
        writer: &Descriptor,
        columns: &SchemaRef,
        framed: bool,
    ) -> Result<Compiled, String> {
        let message = Message::new(reader.message(), writer.message(), columns.fields(), 0)?;
        let frame = framed.then(|| Frame::new(writer.clone())).transpose()?;
        Ok(Compiled { message, frame })
    }
}

impl ReadRecord for ProtobufReader {
    fn read(&mut self, value: &[u8], columns: &mut Struct) -> Outcome<()> {
        let indexed = !self.indexes_in_header;
        let compiled = self.compiled();
        let begin = match &compiled.frame {
            Some(frame) if indexed => frame.strip(value)?,
            _ => 0,
        };
        columns.begin();
        compiled.message.read(columns, &mut Wire::new(value, begin), 0)?;
        compiled.message.finish(columns)
    }
}
