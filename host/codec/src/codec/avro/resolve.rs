//! From a writer's schema, a reader's and columns to a plan: which field goes where, what is promoted, what has a
//! default. Everything that does not fit is said here, once, and not for each record. Knows nothing of bytes.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};

use super::columns::DURATION;
use super::compatible::promotes;
use super::default::default_of;
use super::derive::is_text;
use super::meaning::{Meaning, Ratio};
use super::plan::{Compiled, Default, Items, Plan, Step};
use super::reasons::Reasons;
use super::types::{self, Enum, Id, Kind, Logical, Record, Type, Types};
use crate::codec::arrow_ipc::size_of_null;
use crate::codec::column::type_name;

/// The plan of a writer's schema into these columns, by the rules of the reader's schema. Without one the columns
/// are all that counts: fields are found by the names of the columns, and whatever fits a column goes into it.
pub(super) fn compile(
    writer: &Arc<Types>,
    reader: Option<&Arc<Types>>,
    columns: &Fields,
) -> Result<Compiled, Reasons> {
    let row = Field::new("", DataType::Struct(columns.clone()), false);
    let plan =
        Resolver { writer }.value(writer.root(), reader.map(|reader| (reader, reader.root())), &row)?;
    Ok(Compiled { plan, types: Arc::clone(writer) })
}

/// A type of the reader's schema.
type At<'a> = (&'a Arc<Types>, Id);

struct Resolver<'a> {
    writer: &'a Arc<Types>,
}

impl<'a> Resolver<'a> {
    /// How a value of the writer's type `w` is read as the reader's `r` and put into a column. Depth is that of
    /// the columns.
    fn value(&self, w: Id, r: Option<At<'a>>, column: &Field) -> Result<Plan, Reasons> {
        let Kind::Union(branches) = self.writer.kind(w) else { return self.branch(w, r, column) };
        let alone = r.is_none() && self.writer.optional(w).is_none();
        let members = if alone { members(self.writer, branches, column) } else { None };
        let plans = branches.iter().enumerate().map(|(index, &branch)| match &members {
            Some(members) => match members[index] {
                Some((field, column)) => {
                    self.branch(branch, None, column).map(|plan| Plan::Branch(field, Box::new(plan)))
                }
                None => self.branch(branch, None, column),
            },
            None => self.branch(branch, r, column),
        });
        let plans: Vec<Result<Plan, Reasons>> = plans.collect();
        if !plans.is_empty() && plans.iter().all(Result::is_err) {
            let mut refused = Reasons::default();
            plans.into_iter().filter_map(Result::err).for_each(|why| refused.add(why));
            return Err(refused);
        }
        // A branch that does not fit is no reason to refuse those that do: its records are, as they come.
        let refuse = |why: Reasons| Plan::Refuse(why.to_string().into());
        Ok(Plan::Union(plans.into_iter().map(|plan| plan.unwrap_or_else(refuse)).collect()))
    }

    /// As [`value`](Self::value), of a type that is no union.
    fn branch(&self, w: Id, r: Option<At<'a>>, column: &Field) -> Result<Plan, Reasons> {
        if matches!(self.writer.kind(w), Kind::Null) {
            return null(r, column);
        }
        let Some((reader, id)) = r else { return self.concrete(w, None, column) };
        let (None, Kind::Union(branches)) = (reader.optional(id), reader.kind(id)) else {
            let of = reader.optional(id).map_or(id, |(_, of)| of);
            return self.concrete(w, Some((reader, of)), column);
        };
        let of = self.writer.get(w);
        let picked = pick(of, reader, branches);
        let picked = picked.ok_or_else(|| format!("no branch of the reader's union takes {}", of.label()))?;
        let at = Some((reader, branches[picked]));
        match members(reader, branches, column).and_then(|members| members[picked]) {
            Some((field, column)) => Ok(Plan::Branch(field, Box::new(self.concrete(w, at, column)?))),
            None => self.concrete(w, at, column),
        }
    }

    /// As [`branch`](Self::branch), where the reader's type is no union either.
    fn concrete(&self, w: Id, r: Option<At<'a>>, column: &Field) -> Result<Plan, Reasons> {
        let of = self.writer.get(w);
        let reader = r.map(|(types, id)| types.get(id));
        if let Some(reader) = reader
            && !promotes(&of.kind, &reader.kind)
        {
            return Err(format!("{} cannot be read as {}", of.label(), reader.label()).into());
        }
        let inner =
            |inner: fn(&Kind) -> Option<Id>| r.and_then(|(types, id)| Some((types, inner(types.kind(id))?)));
        match (&of.kind, column.data_type()) {
            (
                Kind::Array(items),
                DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _),
            ) => {
                let r = inner(|kind| if let Kind::Array(items) = kind { Some(*items) } else { None });
                let plan = self.value(*items, r, item).map_err(|why| why.within("[]"))?;
                let width = match column.data_type() {
                    // A list of a fixed length has its items also where it is null.
                    DataType::FixedSizeList(..) => 0,
                    _ => size_of_null(item.data_type()),
                };
                Ok(Plan::List(Box::new(Items { plan, least: self.writer.size(*items).least, width })))
            }
            (Kind::Map(values), DataType::Map(entries, _)) => {
                let r = inner(|kind| if let Kind::Map(values) = kind { Some(*values) } else { None });
                let (column, width) = (map_value(entries)?, size_of_null(entries.data_type()));
                let plan = self.value(*values, r, column).map_err(|why| why.within("{}"))?;
                // A key takes a byte.
                let least = self.writer.size(*values).least.saturating_add(1);
                Ok(Plan::Map(Box::new(Items { plan, least, width })))
            }
            (Kind::Record(record), DataType::Struct(columns)) => {
                let r = r.and_then(|(types, id)| match types.kind(id) {
                    Kind::Record(record) => Some((types, record)),
                    _ => None,
                });
                self.record(record, r, columns)
            }
            (Kind::Enum(writer), data_type) if is_text(data_type) => Ok(symbols(writer, reader)),
            (_, data_type) => leaf(of, reader, data_type).ok_or_else(|| {
                format!("{} does not go into a column of {}", of.label(), shown(data_type)).into()
            }),
        }
    }

    fn record(
        &self,
        writer: &Record,
        reader: Option<(&'a Arc<Types>, &'a Record)>,
        columns: &Fields,
    ) -> Result<Plan, Reasons> {
        let mut taken: Vec<Option<Step>> = writer.fields.iter().map(|_| None).collect();
        let (mut missing, mut refused) = (Vec::new(), Reasons::default());
        for (index, column) in columns.iter().enumerate() {
            match self.column(writer, reader, column) {
                Ok((Some(source), _)) if taken[source].is_some() => {
                    let why =
                        format!("the field {} is read by another column too", writer.fields[source].name);
                    refused.add(Reasons::from(why).within(column.name()));
                }
                Ok((Some(source), plan)) => taken[source] = Some(Step::Read(index, plan)),
                Ok((None, plan)) => missing.push(Step::Read(index, plan)),
                Err(why) => refused.add(why.within(column.name())),
            }
        }
        let skip = |field: &types::Field| Step::Skip(field.of, field.name.as_str().into());
        let taken = writer.fields.iter().zip(taken).map(|(field, step)| step.unwrap_or_else(|| skip(field)));
        refused.or(Plan::Record(taken.chain(missing).collect()))
    }

    /// The writer's field that a column reads, if there is one, and how.
    fn column(
        &self,
        writer: &Record,
        reader: Option<(&'a Arc<Types>, &'a Record)>,
        column: &Field,
    ) -> Result<(Option<usize>, Plan), Reasons> {
        let Some((types, record)) = reader else {
            return match writer.position(column.name()) {
                Some(source) => Ok((Some(source), self.value(writer.fields[source].of, None, column)?)),
                None if column.is_nullable() => Ok((None, Plan::Null)),
                None => Err("the writer's schema has no such field, and the column cannot be null".into()),
            };
        };
        let field = record.position(column.name()).ok_or("the reader's schema has no such field")?;
        let field = &record.fields[field];
        let at = Some((types, field.of));
        if let Some(source) = field.source(writer) {
            return Ok((Some(source), self.value(writer.fields[source].of, at, column)?));
        }
        let bytes = default_of(types, field)?;
        let bytes =
            bytes.ok_or("the writer's schema has no such field, and the reader's no default for it")?;
        let plan = Resolver { writer: types }.value(field.of, at, column)?;
        Ok((None, Plan::Default(Box::new(Default { bytes, plan, types: Arc::clone(types) }))))
    }
}

fn null(r: Option<At>, column: &Field) -> Result<Plan, Reasons> {
    let is_null = |types: &Types, id: Id| matches!(types.kind(id), Kind::Null);
    let taken = r.is_none_or(|(types, id)| match types.kind(id) {
        Kind::Union(branches) => branches.iter().any(|&branch| is_null(types, branch)),
        _ => is_null(types, id),
    });
    if !taken {
        return Err("null, which the reader's schema does not have here".into());
    }
    if !column.is_nullable() && *column.data_type() != DataType::Null {
        return Err("null, and the column cannot be null".into());
    }
    Ok(Plan::Null)
}

/// The fields of an object for the branches of a union (none for null), where it has one for each.
fn members<'c>(types: &Types, branches: &[Id], column: &'c Field) -> Option<Vec<Option<(usize, &'c Field)>>> {
    let DataType::Struct(fields) = column.data_type() else { return None };
    let member = |&branch: &Id| match types.kind(branch) {
        Kind::Null => Some(None),
        _ => {
            let (index, field) = fields.find(types.branch_name(branches, branch))?;
            field.is_nullable().then_some(Some((index, field.as_ref())))
        }
    };
    branches.iter().map(member).collect()
}

/// The reader's branch for a writer's type: the one of the same type and name, or else the first that it can be
/// promoted to.
fn pick(of: &Type, reader: &Types, branches: &[Id]) -> Option<usize> {
    let find = |fits: &dyn Fn(&Type) -> bool| branches.iter().position(|&branch| fits(reader.get(branch)));
    let same = |other: &Type| std::mem::discriminant(&of.kind) == std::mem::discriminant(&other.kind);
    let takes = |other: &Type| match (other.named(), of.named()) {
        (Some(other), Some(name)) => other.takes(name),
        (other, name) => other.is_none() && name.is_none(),
    };
    find(&|other| same(other) && other.name() == of.name())
        .or_else(|| find(&|other| same(other) && takes(other)))
        .or_else(|| find(&|other| other.named().is_none() && promotes(&of.kind, &other.kind)))
}

fn map_value(entries: &Field) -> Result<&Field, Reasons> {
    match entries.data_type() {
        DataType::Struct(fields) if fields.len() == 2 && is_text(fields[0].data_type()) => Ok(&fields[1]),
        _ => Err("the keys of a map in Avro are strings: declare the key as string".into()),
    }
}

fn symbols(writer: &Enum, reader: Option<&Type>) -> Plan {
    let reader = reader.and_then(|reader| if let Kind::Enum(of) = &reader.kind { Some(of) } else { None });
    let text = |symbol: &String| -> Result<Box<str>, Box<str>> {
        let Some(reader) = reader else { return Ok(symbol.as_str().into()) };
        let known = reader.symbols.iter().position(|known| known == symbol).or(reader.default);
        known.map(|known| reader.symbols[known].as_str().into()).ok_or_else(|| symbol.as_str().into())
    };
    Plan::Enum(writer.symbols.iter().map(text).collect())
}

/// How a type that is not made of others goes into a column; `None` where it does not.
fn leaf(of: &Type, reader: Option<&Type>, column: &DataType) -> Option<Plan> {
    use DataType::{Binary, FixedSizeBinary, Float32, Float64, LargeBinary, LargeUtf8, Utf8};
    // A writer that gives no meaning leaves it to the reader.
    let logical = of.logical.or(reader.and_then(|reader| reader.logical));
    Some(match (&of.kind, logical, column) {
        (Kind::Boolean, _, DataType::Boolean) => Plan::Boolean,
        (Kind::Int | Kind::Long, _, Float32 | Float64) => Plan::Rounded { int: matches!(of.kind, Kind::Int) },
        (Kind::Int | Kind::Long, _, _) => number(matches!(of.kind, Kind::Int), logical, column)?,
        (Kind::Float, _, Float32 | Float64) => Plan::Float,
        (Kind::Double, _, Float64) => Plan::Double,
        (Kind::Bytes | Kind::String, _, Binary | LargeBinary) => Plan::Bytes,
        (Kind::Fixed(_, size), _, Binary | LargeBinary) => Plan::Fixed(*size),
        (Kind::Fixed(_, size), _, FixedSizeBinary(width)) if usize::try_from(*width) == Ok(*size) => {
            Plan::Fixed(*size)
        }
        (Kind::Bytes, Some(Logical::Decimal { scale, .. }), _) => decimal(None, scale, column)?,
        (Kind::Fixed(_, size), Some(Logical::Decimal { scale, .. }), _) => {
            decimal(Some(*size), scale, column)?
        }
        (Kind::Bytes | Kind::String, _, Utf8 | LargeUtf8) => Plan::Text,
        (Kind::Fixed(_, 16), Some(Logical::Uuid), Utf8 | LargeUtf8) => Plan::Uuid,
        (Kind::Fixed(_, 12), Some(Logical::Duration), DataType::Struct(fields)) => {
            let same = |(field, name): (&Arc<Field>, &str)| {
                field.name() == name && *field.data_type() == DataType::UInt32
            };
            let fits = fields.len() == DURATION.len() && fields.iter().zip(DURATION).all(same);
            fits.then_some(Plan::Duration)?
        }
        _ => return None,
    })
}

fn number(int: bool, logical: Option<Logical>, column: &DataType) -> Option<Plan> {
    let ratio = Meaning::of_type(logical).to(Meaning::of_column(column)?)?;
    let plain = ratio == Ratio::ONE && (column.is_temporal() || column.is_signed_integer());
    Some(match column.primitive_width() {
        Some(4) if plain && int => Plan::Int,
        Some(8) if plain && !int => Plan::Long,
        _ => Plan::Number { int, ratio },
    })
}

fn decimal(size: Option<usize>, scale: u32, column: &DataType) -> Option<Plan> {
    let wanted = match column {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => i32::from(*scale),
        other if other.is_integer() => 0,
        _ => return None,
    };
    Some(Plan::Decimal { size, exponent: wanted.checked_sub_unsigned(scale)? })
}

/// A column's type in a text.
fn shown(data_type: &DataType) -> String {
    match data_type {
        DataType::Binary | DataType::LargeBinary => "bytes".to_owned(),
        DataType::FixedSizeBinary(width) => format!("{width} bytes"),
        other => type_name(other),
    }
}
