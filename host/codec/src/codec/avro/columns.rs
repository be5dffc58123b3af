//! The columns of an Avro schema. Knows nothing of bytes.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

use super::parse::parse;
use super::reasons::clip;
use super::types::{Id, Kind, Logical, ONLY, Type, Types};
use crate::codec::column::MAX_SCHEMA_DEPTH;
use crate::codec::registered::RegisteredSchema;

/// Columns of a schema, with all that is in them: a few types that hold each other twice make any number.
const COLUMNS_MAX: usize = 10_000;

/// Bytes of a fixed in a column, at most: one that is null takes them too.
pub(super) const FIXED_BYTES_MAX: usize = 64 << 10;

/// The fields of the column that a duration becomes.
pub(super) const DURATION: [&str; 3] = ["months", "days", "millis"];

/// The columns of a schema, or why it has none: it holds itself, or what no column can hold. One that is no record is
/// one column. The module's documentation has the table of types.
pub fn columns(schema: &RegisteredSchema) -> Result<SchemaRef, String> {
    columns_of(&parse(schema)?)
}

/// Whether values of a schema are one column and no row of columns.
pub(in crate::codec) fn is_one_value(schema: &RegisteredSchema) -> bool {
    parse(schema).is_ok_and(|types| types.is_one_value())
}

/// The columns of these types.
pub(super) fn columns_of(types: &Types) -> Result<SchemaRef, String> {
    let mut columns = Columns { types, open: Vec::new(), path: Vec::new(), count: 0, depth: 0 };
    if types.is_one_value() {
        // As deep as the field of a record.
        columns.depth = 1;
        return Ok(Arc::new(Schema::new(vec![columns.within(ONLY, types.root())?])));
    }
    match columns.column("", types.root())?.data_type() {
        DataType::Struct(fields) => Ok(Arc::new(Schema::new(fields.clone()))),
        _ => Err(format!("a row is a record, and the schema is {}", types.get(types.root()).label())),
    }
}

struct Columns<'a> {
    types: &'a Types,
    /// The records around.
    open: Vec<Id>,
    path: Vec<&'a str>,
    count: usize,
    depth: usize,
}

impl<'a> Columns<'a> {
    /// The column of a type.
    fn column(&mut self, name: &str, id: Id) -> Result<Field, String> {
        self.count += 1;
        if self.count > COLUMNS_MAX {
            return Err(format!("the schema has more than {COLUMNS_MAX} columns, with those in them"));
        }
        self.depth += 1;
        // The row itself is no column.
        if self.depth > MAX_SCHEMA_DEPTH + 1 {
            return Err(self.refuse(&format!("nested deeper than {MAX_SCHEMA_DEPTH} levels")));
        }
        let (nullable, data_type) = match (self.types.optional(id), self.types.kind(id)) {
            (Some((nullable, of)), _) => (nullable, self.data_type(of)?),
            (None, Kind::Union(branches)) => self.union(branches)?,
            (None, _) => return Err(self.refuse("a type that is not known")),
        };
        self.depth -= 1;
        Ok(Field::new(name, data_type, nullable))
    }

    fn data_type(&mut self, id: Id) -> Result<DataType, String> {
        let types = self.types;
        Ok(match types.kind(id) {
            Kind::Array(items) => {
                DataType::List(Arc::new(self.column(Field::LIST_FIELD_DEFAULT_NAME, *items)?))
            }
            Kind::Map(values) => {
                // The names that arrow's own map builder gives.
                let entries =
                    vec![Field::new("keys", DataType::Utf8, false), self.column("values", *values)?];
                DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries.into()), false)), false)
            }
            Kind::Record(record) => {
                if self.open.contains(&id) {
                    let what =
                        format!("the record {} holds itself, which a column cannot", clip(&record.name.full));
                    return Err(self.refuse(&format!("{what}: leave the field out of the reader's schema")));
                }
                self.open.push(id);
                let mut fields = Vec::with_capacity(record.fields.len());
                for field in &record.fields {
                    fields.push(self.within(&field.name, field.of)?);
                }
                self.open.pop();
                DataType::Struct(fields.into())
            }
            Kind::Union(_) => return Err(self.refuse("a union without branches has no values")),
            _ => leaf(types.get(id)).map_err(|why| self.refuse(&why))?,
        })
    }

    /// A union of several types is an object with a field for each, of which one is not null.
    fn union(&mut self, branches: &'a [Id]) -> Result<(bool, DataType), String> {
        if branches.is_empty() {
            return Err(self.refuse("a union without branches has no values"));
        }
        let (mut nullable, mut fields) = (false, Vec::with_capacity(branches.len()));
        for (&branch, name) in branches.iter().zip(self.types.branch_names(branches)) {
            match self.types.kind(branch) {
                Kind::Null => nullable = true,
                _ => {
                    fields.push(self.within(name, branch)?.with_nullable(true));
                }
            }
        }
        Ok((nullable, DataType::Struct(Fields::from(fields))))
    }

    fn within(&mut self, name: &'a str, id: Id) -> Result<Field, String> {
        self.path.push(name);
        let field = self.column(name, id);
        self.path.pop();
        field
    }

    fn refuse(&self, why: &str) -> String {
        if self.path.is_empty() { why.to_owned() } else { format!("{}: {why}", self.path.join(".")) }
    }
}

fn leaf(of: &Type) -> Result<DataType, String> {
    Ok(match (&of.kind, of.logical) {
        (_, Some(Logical::Decimal { precision, scale })) => decimal(precision, scale)?,
        (_, Some(Logical::Uuid)) => DataType::Utf8,
        (_, Some(Logical::Date)) => DataType::Date32,
        (_, Some(Logical::Time(TimeUnit::Millisecond))) => DataType::Time32(TimeUnit::Millisecond),
        (_, Some(Logical::Time(unit))) => DataType::Time64(unit),
        (_, Some(Logical::Timestamp(unit, utc))) => DataType::Timestamp(unit, utc.then(|| "UTC".into())),
        (_, Some(Logical::Duration)) => {
            DataType::Struct(DURATION.map(|name| Field::new(name, DataType::UInt32, false)).to_vec().into())
        }
        (Kind::Null, None) => DataType::Null,
        (Kind::Boolean, None) => DataType::Boolean,
        (Kind::Int, None) => DataType::Int32,
        (Kind::Long, None) => DataType::Int64,
        (Kind::Float, None) => DataType::Float32,
        (Kind::Double, None) => DataType::Float64,
        (Kind::String | Kind::Enum(_), None) => DataType::Utf8,
        (Kind::Fixed(name, size), None) => {
            if *size > FIXED_BYTES_MAX {
                return Err(format!(
                    "fixed {} of {size} bytes: a column takes {FIXED_BYTES_MAX}",
                    clip(&name.full)
                ));
            }
            DataType::FixedSizeBinary(*size as i32)
        }
        (Kind::Bytes | Kind::Array(_) | Kind::Map(_) | Kind::Union(_) | Kind::Record(_), None) => {
            DataType::Binary
        }
    })
}

fn decimal(precision: u32, scale: u32) -> Result<DataType, String> {
    match precision {
        0..=38 => Ok(DataType::Decimal128(precision as u8, scale as i8)),
        39..=76 => Ok(DataType::Decimal256(precision as u8, scale as i8)),
        _ => Err(format!("decimal({precision}, {scale}): a column has 76 digits at most")),
    }
}
