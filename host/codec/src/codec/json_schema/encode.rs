//! Rows to JSON objects that are what a schema says: what it leaves open is decided once by the schema, and each
//! row is checked. Knows nothing of how JSON is written.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, SchemaRef};

use super::document::Document;
use super::shape::{Items, Kinds, Others, Shape};
use super::tape::Tape;
use super::validate::Validator;
use super::walk;
use crate::codec::chosen::Chosen;
use crate::codec::json::{JsonEncoder, Manner};
use crate::codec::problem::{Outcome, Problem, code};
use crate::codec::registered::RegisteredSchema;
use crate::codec::{Encoded, RecordError};

/// Rows to JSON objects.
pub struct JsonSchemaEncoder {
    json: JsonEncoder,
    writer: Option<Validator>,
    tape: Tape,
}

impl JsonSchemaEncoder {
    /// An encoder of these columns (`None`: all) of rows of `schema`; or which of them JSON cannot hold, what the
    /// writer's schema does not take or what it misses. Without a writer's schema rows are as
    /// [`schema_of`](super::schema_of()) says.
    pub fn new(
        columns: Option<&[String]>,
        schema: &SchemaRef,
        writer: Option<&RegisteredSchema>,
    ) -> Result<JsonSchemaEncoder, String> {
        let chosen = Chosen::new(columns, schema)?;
        let document = writer.map(Document::new).transpose()?;
        let shape = document.as_ref().map(walk::shape).transpose()?.unwrap_or_else(Shape::any);
        check_columns(&chosen, &shape)?;
        let inner = chosen.fields().map(|field| manner(field, &of_key(&shape, field.name()))).collect();
        let writer = document.as_ref().map(Validator::of).transpose()?;
        let json = JsonEncoder::of(chosen, Manner { inner, ..Manner::default() })?;
        Ok(JsonSchemaEncoder { json, writer, tape: Tape::default() })
    }

    /// Encodes all rows of a batch of the schema given, in place of what `out` held. A row that fails, or is not
    /// what the schema says, has no bytes.
    pub fn encode(&mut self, rows: &RecordBatch, out: &mut Encoded) {
        self.json.encode(rows, out);
        let Some(writer) = &self.writer else { return };
        let mut refused = Vec::new();
        for row in 0..rows.num_rows() {
            // A row that has failed already has not even what every row begins with.
            if let Some(text @ [_, ..]) = out.row(row).get(out.prefix.len()..)
                && let Err(problem) = check_row(writer, text, &mut self.tape)
            {
                refused.push(problem.of_record(row as u32));
            }
        }
        if !refused.is_empty() {
            take_back(refused, out);
        }
    }
}

/// Whether rows of these columns can be what the schema says, as far as names tell.
fn check_columns(chosen: &Chosen, shape: &Shape) -> Result<(), String> {
    if let Some(missing) = shape.required.iter().find(|name| !chosen.fields().any(|f| f.name() == *name)) {
        return Err(format!("{missing}: the schema requires it, and there is no such column"));
    }
    let unknown = |field: &&Field| shape.others == Others::None && shape.property(field.name()).is_none();
    match chosen.fields().find(unknown) {
        Some(field) => Err(format!("{}: the schema has no such property and takes no others", field.name())),
        None => Ok(()),
    }
}

fn check_row(writer: &Validator, text: &[u8], tape: &mut Tape) -> Outcome<()> {
    let value = tape.read(text).map_err(|why| {
        Problem::new(code::OUT_OF_RANGE, format!("the row cannot be checked against its schema: {why}"))
    })?;
    writer.check(value)
}

/// Takes the bytes of refused rows, which rise, out of what was encoded.
#[cold]
fn take_back(refused: Vec<RecordError>, out: &mut Encoded) {
    let (mut begin, mut kept) = (0, 0);
    let mut next = refused.iter().map(|error| error.index).peekable();
    for (row, end) in out.ends.iter_mut().enumerate() {
        let bytes = begin..*end as usize;
        begin = bytes.end;
        if next.next_if_eq(&(row as u32)).is_none() {
            let len = bytes.len();
            out.bytes.copy_within(bytes, kept);
            kept += len;
        }
        *end = kept as u32;
    }
    out.bytes.truncate(kept);
    out.errors.extend(refused);
    out.errors.sort_by_key(|error| error.index);
}

/// How the values of a field are written so that they fit.
fn manner(field: &Field, shape: &Shape) -> Manner {
    let inner = match field.data_type() {
        DataType::Struct(fields) => {
            fields.iter().map(|field| manner(field, &of_key(shape, field.name()))).collect()
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            vec![manner(item, &of_item(shape))]
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => vec![manner(&fields[1], &of_others(shape))],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let text = shape.kinds.has(Kinds::STRING) || !shape.kinds.has(Kinds::INTEGER);
    Manner { leave_out_nulls: !shape.kinds.has(Kinds::NULL), text, inner }
}

fn of_key(shape: &Shape, name: &str) -> Shape {
    shape.property(name).cloned().unwrap_or_else(|| of_others(shape))
}

fn of_others(shape: &Shape) -> Shape {
    match &shape.others {
        Others::Of(shape) => (**shape).clone(),
        Others::Any | Others::None => Shape::any(),
    }
}

fn of_item(shape: &Shape) -> Shape {
    match &shape.items {
        Items::Of(shape) => (**shape).clone(),
        Items::Any | Items::Tuple => Shape::any(),
    }
}
