//! From a writer's schema, a reader's and columns to a plan: which field goes where, what is promoted, what has a
//! default. Everything that does not fit is said here, once, and not for each record. Knows nothing of bytes.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};

use super::branches::{Union, members};
use super::budget::{Budget, PART};
use super::compatible::promotes;
use super::default::default_of;
use super::derive::is_text;
use super::leaf::{leaf, shown};
use super::plan::{Compiled, Default, Items, Plan, Step};
use super::reasons::{Reasons, clip};
use super::sizes::Size;
use super::types::{Enum, Id, Kind, ONLY, Record, Type, Types};
use crate::codec::column::size_of_null;

/// The plan of a writer's schema into these columns, by the rules of the reader's schema. Without one the columns
/// are all that counts: fields are found by the names of the columns, and whatever fits a column goes into it.
pub(super) fn compile(
    writer: &Arc<Types>,
    reader: Option<&Arc<Types>>,
    columns: &Fields,
) -> Result<Compiled, Reasons> {
    let row = Field::new("", DataType::Struct(columns.clone()), false);
    let budget = Budget::new();
    let resolver = Resolver { writer, budget: &budget };
    let plan = match reader.unwrap_or(writer).is_one_value() {
        true => resolver.only(reader, columns),
        false => resolver.value(writer.root(), reader.map(|reader| (reader, reader.root())), &row),
    };
    // What was given up for its size is not taken for what does not fit.
    let weight = budget.spent()? + writer.weight();
    Ok(Compiled { plan: plan?, types: Arc::clone(writer), weight })
}

/// A type of the reader's schema.
type At<'a> = (&'a Arc<Types>, Id);

struct Resolver<'a, 'b> {
    writer: &'a Arc<Types>,
    budget: &'b Budget,
}

impl<'a> Resolver<'a, '_> {
    /// How a value of the writer's type `w` is read as the reader's `r` and put into a column. Depth is that of
    /// the columns.
    fn value(&self, w: Id, r: Option<At<'a>>, column: &Field) -> Result<Plan, Reasons> {
        self.budget.spend(PART)?;
        let into = r.and_then(|(types, id)| Union::of(types, id, column));
        let Kind::Union(branches) = self.writer.kind(w) else {
            return self.branch(w, r, into.as_ref(), column);
        };
        self.budget.spend(PART * branches.len())?;
        let alone = r.is_none() && self.writer.optional(w).is_none();
        let members = if alone { members(self.writer, branches, column) } else { None };
        let (mut plans, mut refused) = (Vec::with_capacity(branches.len()), Reasons::default());
        let mut fits = branches.is_empty();
        for (index, &branch) in branches.iter().enumerate() {
            let plan = match members.as_ref().and_then(|members| members[index]) {
                Some((field, column)) => {
                    self.branch(branch, None, None, column).map(|plan| Plan::Branch(field, Box::new(plan)))
                }
                None => self.branch(branch, r, into.as_ref(), column),
            };
            fits |= plan.is_ok();
            // A branch that does not fit is no reason to refuse those that do: its records are, as they come.
            plans.push(plan.or_else(|why| self.refuse(why, &mut refused))?);
        }
        if fits { Ok(Plan::Union(plans.into())) } else { Err(refused) }
    }

    /// How a value that is no row is read into the column that is called so.
    fn only(&self, reader: Option<&'a Arc<Types>>, columns: &Fields) -> Result<Plan, Reasons> {
        self.budget.spend(PART * columns.len())?;
        let root = self.writer.root();
        let (mut steps, mut missing, mut refused) = (Vec::new(), Vec::new(), Reasons::default());
        for (index, column) in columns.iter().enumerate() {
            let nothing =
                |whose: &str| format!("the {whose}'s schema is one value, which is the column `{ONLY}`");
            let plan = match (column.name() == ONLY, reader) {
                (true, _) => self.value(root, reader.map(|reader| (reader, reader.root())), column),
                (false, Some(_)) => Err(nothing("reader").into()),
                (false, None) if column.is_nullable() => Ok(Plan::Null),
                (false, None) => Err((nothing("writer") + ", and this one cannot be null").into()),
            };
            match plan {
                Ok(plan) if column.name() == ONLY => steps.push(Step::Read(index, plan)),
                Ok(plan) => missing.push(Step::Read(index, plan)),
                Err(why) => refused.add(why.within(column.name())),
            }
        }
        if steps.is_empty() {
            steps.push(Step::Skip(root, ONLY.into()));
        }
        steps.extend(missing);
        refused.or(Plan::Record(steps.into()))
    }

    /// The plan of a branch that does not fit, of which `all` is told.
    fn refuse(&self, why: Reasons, all: &mut Reasons) -> Result<Plan, Reasons> {
        let text = why.to_string();
        all.add(why);
        self.budget.spend(text.len())?;
        Ok(Plan::Refuse(text.into()))
    }

    /// As [`value`](Self::value), of a type that is no union; the reader's may be one.
    fn branch(
        &self,
        w: Id,
        r: Option<At<'a>>,
        into: Option<&Union>,
        column: &Field,
    ) -> Result<Plan, Reasons> {
        if matches!(self.writer.kind(w), Kind::Null) {
            return null(r, column);
        }
        let Some((reader, id)) = r else { return self.concrete(w, None, column) };
        let Some(union) = into else {
            let of = reader.optional(id).map_or(id, |(_, of)| of);
            return self.concrete(w, Some((reader, of)), column);
        };
        // Each of its branches may have to be looked at.
        self.budget.spend(union.branches.len())?;
        let of = self.writer.get(w);
        let picked = union.pick(of);
        let picked = picked.ok_or_else(|| format!("no branch of the reader's union takes {}", of.label()))?;
        let at = Some((reader, union.branches[picked]));
        match union.members.as_ref().and_then(|members| members[picked]) {
            Some((field, column)) => Ok(Plan::Branch(field, Box::new(self.concrete(w, at, column)?))),
            None => self.concrete(w, at, column),
        }
    }

    /// As [`branch`](Self::branch), where the reader's type is no union either.
    fn concrete(&self, w: Id, r: Option<At<'a>>, column: &Field) -> Result<Plan, Reasons> {
        self.budget.spend(PART)?;
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
            (Kind::Enum(writer), data_type) if is_text(data_type) => {
                let text = |symbol: &String| PART + symbol.len();
                self.budget.spend(writer.symbols.iter().map(text).sum())?;
                Ok(symbols(writer, reader))
            }
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
        let names: usize = writer.fields.iter().map(|field| field.name.len()).sum();
        self.budget.spend(PART * (writer.fields.len() + columns.len()) + names)?;
        let mut taken: Vec<Option<Step>> = writer.fields.iter().map(|_| None).collect();
        let (mut missing, mut refused) = (Vec::new(), Reasons::default());
        for (index, column) in columns.iter().enumerate() {
            match self.column(writer, reader, column) {
                Ok((Some(source), _)) if taken[source].is_some() => {
                    let why = format!(
                        "the field {} is read by another column too",
                        clip(&writer.fields[source].name)
                    );
                    refused.add(Reasons::from(why).within(column.name()));
                }
                Ok((Some(source), plan)) => taken[source] = Some(Step::Read(index, plan)),
                Ok((None, plan)) => missing.push(Step::Read(index, plan)),
                Err(why) => refused.add(why.within(column.name())),
            }
        }
        refused.or(Plan::Record(self.steps(writer, taken).chain(missing).collect()))
    }

    /// The steps through the writer's fields. Those that no column takes are passed together as far as they are of an
    /// exact size: of no bytes there may be any number.
    fn steps(&self, writer: &Record, taken: Vec<Option<Step>>) -> impl Iterator<Item = Step> {
        let mut steps: Vec<Step> = Vec::new();
        for (field, step) in writer.fields.iter().zip(taken) {
            let name = || field.name.as_str().into();
            match (step, self.writer.size(field.of), steps.last_mut()) {
                (Some(step), ..) => steps.push(step),
                (None, Size { least: 0, exact: true }, _) => {}
                (None, Size { least, exact: true }, Some(Step::Pass(bytes, _))) => {
                    *bytes = bytes.saturating_add(least);
                }
                (None, Size { least, exact: true }, _) => steps.push(Step::Pass(least, name())),
                (None, ..) => steps.push(Step::Skip(field.of, name())),
            }
        }
        steps.into_iter()
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
        let bytes = default_of(types, field, self.budget)?;
        let bytes =
            bytes.ok_or("the writer's schema has no such field, and the reader's no default for it")?;
        let plan = Resolver { writer: types, budget: self.budget }.value(field.of, at, column)?;
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

fn map_value(entries: &Field) -> Result<&Field, Reasons> {
    match entries.data_type() {
        DataType::Struct(fields) if fields.len() == 2 && is_text(fields[0].data_type()) => Ok(&fields[1]),
        _ => Err("the keys of a map in Avro are strings: declare the key as string".into()),
    }
}

fn symbols(writer: &Enum, reader: Option<&Type>) -> Plan {
    let reader = reader.and_then(|reader| if let Kind::Enum(of) = &reader.kind { Some(of) } else { None });
    let known: HashSet<&str> = reader.iter().flat_map(|reader| &reader.symbols).map(String::as_str).collect();
    let text = |symbol: &String| -> Result<Box<str>, Box<str>> {
        let symbol = symbol.as_str();
        match reader {
            Some(reader) if !known.contains(symbol) => match reader.default {
                Some(default) => Ok(reader.symbols[default].as_str().into()),
                None => Err(clip(symbol).into()),
            },
            _ => Ok(symbol.into()),
        }
    };
    Plan::Enum(writer.symbols.iter().map(text).collect())
}
