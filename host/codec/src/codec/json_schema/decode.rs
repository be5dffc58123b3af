//! Values that are what their schema says, into columns. Knows nothing of how columns follow from a schema.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::tape::Tape;
use super::validate::Validator;
use crate::codec::column::Struct;
use crate::codec::framed::ReadWritten;
use crate::codec::json::JsonReader;
use crate::codec::problem::{Outcome, Problem, code, shortened};
use crate::codec::registered::RegisteredSchema;
use crate::codec::rows::ReadRecord;
use crate::codec::writers::Writers;

/// Schemas of writers that are kept, at most; how large each may be is bounded where it is compiled.
const WRITERS_MAX: usize = 64;

/// Checks JSON objects against a schema and reads them.
pub struct JsonSchemaReader {
    json: JsonReader,
    tape: Tape,
    /// What values are checked against.
    current: Arc<Validator>,
    /// The writer that it is of; `None` for the schema that the reader was made with.
    id: Option<u64>,
    writers: Writers<Arc<Validator>>,
}

impl JsonSchemaReader {
    /// A reader of values of this schema into these columns ([`columns`](super::columns()) of it, or others that
    /// JSON can fill), or what is wrong with either. Until `use_writer` says otherwise, values
    /// are checked against the same schema.
    pub fn new(schema: &RegisteredSchema, columns: &SchemaRef) -> Result<JsonSchemaReader, String> {
        let json = JsonReader::new(columns)?;
        let current = Arc::new(Validator::new(schema)?);
        let writers = Writers::new(WRITERS_MAX, usize::MAX);
        Ok(JsonSchemaReader { json, tape: Tape::default(), current, id: None, writers })
    }
}

impl ReadWritten for JsonSchemaReader {
    /// Values are checked against the writer's schema. When it cannot be used, the schema before stays.
    fn use_writer(&mut self, id: u64, schema: &RegisteredSchema) -> Result<(), String> {
        if self.id == Some(id) {
            return Ok(());
        }
        let validator = self.writers.get(id, || match Validator::new(schema) {
            Ok(validator) => Ok((Arc::new(validator), schema.text.len())),
            // Why is copied each time that records come to this schema, and may quote much of it.
            Err(why) => Err(shortened(why)),
        })?;
        (self.current, self.id) = (validator, Some(id));
        Ok(())
    }
}

impl ReadRecord for JsonSchemaReader {
    fn read(&mut self, text: &[u8], columns: &mut Struct) -> Outcome<()> {
        match self.tape.read(text) {
            Ok(value) => self.current.check(value)?,
            Err(why) => {
                // What is no JSON at all is told as for all JSON.
                self.json.read(text, columns)?;
                let what = format!("the record cannot be checked against its schema: {why}");
                return Err(Problem::new(code::OUT_OF_RANGE, what));
            }
        }
        self.json.read(text, columns)
    }
}
