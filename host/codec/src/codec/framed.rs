//! Values that name the schema they were written with: finds out which there are in a run, asks the registry for
//! those that are new, and switches the reader from one to the next. Several schemas may alternate in a run. Knows
//! nothing of any format.

use std::collections::HashMap;
use std::sync::Arc;

use super::decoder::Unavailable;
use super::problem::{Outcome, Problem, shortened};
use super::registered::RegisteredSchema;
use super::registry::{Registries, Registry};
use super::rows::{ReadRecord, Rows};
use super::wire::{self, Part, SchemaId};
use super::{Decoded, problem::code};
use crate::batch::RawRecords;

/// Schemas that are remembered, at most.
const WRITERS_MAX: usize = 1_000;

/// Schemas that are asked for in one run: it ends before a record with another one, which is of the next run. So nobody
/// waits long for a run, whatever its records name.
const ASKED_MAX: usize = 16;

/// Reads values by the schema that they were written with.
pub(crate) trait ReadWritten: ReadRecord {
    /// Values from here on were written with `schema`; `id` tells schemas apart.
    ///
    /// # Errors
    /// Why values of it cannot become the rows that are asked for.
    fn use_writer(&mut self, id: u64, schema: &RegisteredSchema) -> Result<(), String>;

    /// The encoded value of a record taken apart.
    fn body<'a>(&mut self, framed: wire::Framed<'a>) -> Outcome<&'a [u8]> {
        Ok(framed.body())
    }
}

/// Why values of a schema are not read: a code and a text.
type Refusal = (&'static str, String);

/// A refusal, with as much of its text as an error shows: it is copied for every record of the schema, and may quote
/// a large schema.
fn refusal(code: &'static str, why: String) -> Refusal {
    (code, shortened(why))
}

/// A schema that values named.
struct Writer {
    /// Tells it apart from the others.
    number: u64,
    /// The schema, or why there is none.
    schema: Result<Arc<RegisteredSchema>, Refusal>,
}

/// The schemas of a task's values or keys.
pub(crate) struct Framed {
    registry: Arc<Registry>,
    name: String,
    part: Part,
    writers: HashMap<SchemaId, Writer>,
    /// The number of the next writer.
    next: u64,
    /// What the reader reads by now, or why it does not.
    current: Option<(SchemaId, Result<(), Refusal>)>,
}

impl Framed {
    pub(crate) fn new(name: &str, registries: &Registries, part: Part) -> Result<Framed, String> {
        let registry = Arc::clone(registries.get(name)?);
        Ok(Framed { registry, name: name.to_owned(), part, writers: HashMap::new(), next: 0, current: None })
    }

    /// Decodes a run of values, each by its own schema.
    pub(crate) fn decode<R: ReadWritten>(
        &mut self,
        rows: &mut Rows<R>,
        raw: &RawRecords,
    ) -> Result<Decoded, Unavailable> {
        // What is known stays known until the run has gone through: a registry that lets few ask would never answer all.
        let end = self.ask(raw)?;
        let decoded = rows.decode_with(raw, |reader, record, bytes| {
            if record >= end {
                return Err(Problem::run_is_full());
            }
            let framed = wire::frame(raw, record, self.part, bytes)?;
            self.turn_to(reader, framed.id)?;
            reader.body(framed)
        });
        self.forget();
        Ok(decoded)
    }

    /// Asks the registry for the schemas of a run that are not known yet, before anything is decoded. Answers where the run
    /// ends: all, or before the first record whose schema would be one too many.
    fn ask(&mut self, raw: &RawRecords) -> Result<usize, Unavailable> {
        let (mut last, mut asked) = (None, 0);
        for record in 0..raw.len() {
            let Some(bytes) = raw.value(record) else { continue };
            let Ok(framed) = wire::frame(raw, record, self.part, bytes) else { continue };
            if last.replace(framed.id) == Some(framed.id) || self.writers.contains_key(&framed.id) {
                continue;
            }
            if asked == ASKED_MAX {
                return Ok(record);
            }
            asked += 1;
            let schema = match self.registry.schema(framed.id) {
                Ok(schema) => Ok(schema),
                // Also one that lets nobody in: the records are not what is wrong.
                Err(error) if !error.is_of_the_schema() => {
                    return Err(Unavailable(format!("registry `{}`: {error}", self.name)));
                }
                Err(error) => Err(refusal(error.code(), format!("registry `{}`: {error}", self.name))),
            };
            let number = self.next;
            self.next += 1;
            self.writers.insert(framed.id, Writer { number, schema });
        }
        Ok(raw.len())
    }

    #[inline]
    fn turn_to<R: ReadWritten>(&mut self, reader: &mut R, id: SchemaId) -> Outcome<()> {
        if !matches!(&self.current, Some((current, _)) if *current == id) {
            self.switch(reader, id);
        }
        match &self.current {
            Some((_, Err((code, why)))) => Err(Problem::new(code, why.as_str())),
            _ => Ok(()),
        }
    }

    #[cold]
    fn switch<R: ReadWritten>(&mut self, reader: &mut R, id: SchemaId) {
        let turned = match self.writers.get(&id) {
            Some(Writer { number, schema: Ok(schema) }) => {
                reader.use_writer(*number, schema).map_err(|why| {
                    refusal(code::SCHEMA_MISMATCH, format!("schema {id} of registry `{}`: {why}", self.name))
                })
            }
            Some(Writer { schema: Err(why), .. }) => Err(why.clone()),
            None => Err((code::SCHEMA_MISMATCH, format!("schema {id} was not asked for"))),
        };
        self.current = Some((id, turned));
    }

    /// A schema that was not there may be there by the next run; and what is remembered is bounded.
    fn forget(&mut self) {
        self.writers.retain(|_, writer| writer.schema.is_ok());
        self.current = self.current.take().filter(|(_, turned)| turned.is_ok());
        if self.writers.len() > WRITERS_MAX {
            self.writers.clear();
            self.current = None;
        }
    }
}
