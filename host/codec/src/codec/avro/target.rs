//! From columns and a schema to how each is written, or every column that does not fit. Knows nothing of rows.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};

use super::budget::{Budget, PART};
use super::columns::{DURATION, FIXED_BYTES_MAX};
use super::default::default_of;
use super::derive::is_text;
use super::fitness::Fitness;
use super::meaning::{Meaning, Ratio};
use super::reasons::{Reasons, clip};
use super::types::{Enum, Id, Kind, Logical, Record, Type, Types};
use crate::codec::column::type_name;

/// How a column's values are written.
#[derive(Debug)]
pub(super) struct Target {
    /// The index of the branch that a null is; `None` where it cannot be null.
    pub(super) null: Option<i64>,
    /// The index of the branch that a value is, in a union.
    pub(super) branch: Option<i64>,
    pub(super) how: How,
}

#[derive(Debug)]
pub(super) enum How {
    Null,
    Boolean,
    /// A whole number, brought to what the type counts.
    Whole {
        int: bool,
        ratio: Ratio,
    },
    Float,
    Double,
    /// Text or bytes, as long as they are.
    Bytes,
    /// Text or bytes, of this length.
    Fixed(usize),
    /// Text that must be a UUID, as it is or as sixteen bytes.
    Uuid {
        text: bool,
    },
    /// Text that must be a symbol: the symbols in order, with their indices.
    Enum(Vec<(Box<str>, i64)>),
    Decimal(Decimal),
    Duration,
    List(Box<Target>),
    Map(Box<Target>),
    Record(Vec<Member>),
    /// An object with a field for each branch, of which one is not null.
    Union(Vec<Target>),
}

/// How digits are written: times `10^exponent`, at most so many, in as many bytes as needed or in so many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal {
    pub(super) exponent: i32,
    pub(super) precision: u8,
    pub(super) size: Option<usize>,
}

/// A field of a record.
#[derive(Debug)]
pub(super) enum Member {
    /// The values of a column of the object.
    Column(usize, Target),
    /// No column: the schema's default.
    Default(Vec<u8>),
}

/// How rows of these columns are written by a schema, or every column that does not fit.
pub(super) fn target_of(types: &Types, columns: &Fields) -> Result<Target, Reasons> {
    let row = Field::new("", DataType::Struct(columns.clone()), false);
    let targets = Targets { types, budget: Budget::new() };
    let target = match (types.is_one_value(), &columns[..]) {
        (false, _) => targets.target(types.root(), &row),
        (true, [only]) => {
            let target = targets.target(types.root(), only).map_err(|why| why.within(only.name()));
            let record = |target| How::Record(vec![Member::Column(0, target)]);
            target.map(|target| Target { null: None, branch: None, how: record(target) })
        }
        (true, several) => {
            let label = types.get(types.root()).label();
            let columns = several.len();
            Err(format!("the schema is one value ({label}), and there are {columns} columns: choose one")
                .into())
        }
    };
    // What was given up for its size is not taken for what does not fit.
    targets.budget.spent()?;
    target
}

struct Targets<'a> {
    types: &'a Types,
    budget: Budget,
}

impl Targets<'_> {
    /// Depth is that of the columns.
    fn target(&self, of: Id, column: &Field) -> Result<Target, Reasons> {
        self.budget.spend(PART)?;
        let Kind::Union(branches) = self.types.kind(of) else {
            return Ok(Target { null: None, branch: None, how: self.how(of, column)? });
        };
        self.budget.spend(PART * branches.len())?;
        let is_null = |branch: &Id| matches!(self.types.kind(*branch), Kind::Null);
        let null = branches.iter().position(is_null).map(|index| index as i64);
        if self.types.optional(of).is_none()
            && let DataType::Struct(fields) = column.data_type()
            && let Some(members) = self.members(branches, fields)
        {
            return Ok(Target { null, branch: None, how: How::Union(members?) });
        }
        let mut refused = Reasons::default();
        let mut found: Option<(Fitness, usize, How)> = None;
        for (index, &branch) in branches.iter().enumerate().filter(|(_, branch)| !is_null(branch)) {
            match self.how(branch, column) {
                Ok(how) => {
                    let fitness = Fitness::of(self.types.get(branch), column.data_type());
                    if found.as_ref().is_none_or(|(best, ..)| fitness > *best) {
                        found = Some((fitness, index, how));
                    }
                }
                Err(why) => refused.add(why),
            }
        }
        match (found, null) {
            (Some((_, index, how)), null) => Ok(Target { null, branch: Some(index as i64), how }),
            (None, Some(null)) if *column.data_type() == DataType::Null => {
                Ok(Target { null: Some(null), branch: Some(null), how: How::Null })
            }
            (None, _) => {
                refused.or(()).and_then(|()| Err("the schema's union has no branch for values".into()))
            }
        }
    }

    /// The targets of an object's fields as the branches of a union, where each is named as one.
    fn members(&self, branches: &[Id], fields: &Fields) -> Option<Result<Vec<Target>, Reasons>> {
        let names = self.types.branch_names(branches).into_iter().enumerate();
        let by_name: HashMap<&str, usize> = names.map(|(index, name)| (name, index)).collect();
        let branch = |field: &Arc<Field>| by_name.get(field.name().as_str()).copied();
        let indices: Vec<usize> = fields.iter().map(branch).collect::<Option<_>>()?;
        if indices.is_empty() {
            return None;
        }
        let targets = fields.iter().zip(indices).map(|(field, index)| {
            let how = self.how(branches[index], field).map_err(|why| why.within(field.name()))?;
            Ok(Target { null: None, branch: Some(index as i64), how })
        });
        Some(targets.collect())
    }

    /// How values are written as a type that is no union.
    fn how(&self, of: Id, column: &Field) -> Result<How, Reasons> {
        self.budget.spend(PART)?;
        match (self.types.kind(of), column.data_type()) {
            (_, DataType::Dictionary(_, values)) => {
                self.how(of, &Field::new(column.name(), values.as_ref().clone(), column.is_nullable()))
            }
            (
                Kind::Array(items),
                DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _),
            ) => {
                let target = self.target(*items, item).map_err(|why| why.within("[]"))?;
                Ok(How::List(Box::new(target)))
            }
            (Kind::Map(values), DataType::Map(entries, _)) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 && is_text(fields[0].data_type()) => {
                    let target = self.target(*values, &fields[1]).map_err(|why| why.within("{}"))?;
                    Ok(How::Map(Box::new(target)))
                }
                _ => Err("the keys of a map in Avro are strings: make the key a string".into()),
            },
            (Kind::Record(record), DataType::Struct(fields)) => self.record(record, fields).map(How::Record),
            (_, data_type) => {
                let of = self.types.get(of);
                if let Kind::Enum(of) = &of.kind {
                    self.budget.spend(of.symbols.iter().map(|symbol| PART + symbol.len()).sum())?;
                }
                if let (Kind::Fixed(name, size), Some(Logical::Decimal { .. })) = (&of.kind, of.logical)
                    && *size > FIXED_BYTES_MAX
                {
                    let name = clip(&name.full);
                    return Err(format!(
                        "fixed {name} of {size} bytes: a decimal is written in up to {FIXED_BYTES_MAX}"
                    )
                    .into());
                }
                leaf(of, data_type).ok_or_else(|| {
                    format!("{} cannot be written as {}", type_name(data_type), of.label()).into()
                })
            }
        }
    }

    fn record(&self, record: &Record, columns: &Fields) -> Result<Vec<Member>, Reasons> {
        self.budget.spend(PART * (record.fields.len() + columns.len()))?;
        let by_name: HashMap<&str, usize> =
            columns.iter().enumerate().map(|(index, column)| (column.name().as_str(), index)).collect();
        let mut taken = vec![false; columns.len()];
        let (mut members, mut refused) = (Vec::with_capacity(record.fields.len()), Reasons::default());
        for field in &record.fields {
            let names = std::iter::once(&field.name).chain(&field.aliases);
            let found = names.filter_map(|name| by_name.get(name.as_str())).find(|index| !taken[**index]);
            let member = match found {
                Some(&index) => {
                    taken[index] = true;
                    self.target(field.of, &columns[index]).map(|target| Member::Column(index, target))
                }
                None => match default_of(self.types, field, &self.budget) {
                    Ok(Some(bytes)) => Ok(Member::Default(bytes)),
                    Ok(None) => Err("no column has this name, and the schema no default".into()),
                    Err(why) => Err(why),
                },
            };
            match member {
                Ok(member) => members.push(member),
                Err(why) => refused.add(why.within(&field.name)),
            }
        }
        for (column, _) in columns.iter().zip(taken).filter(|(_, taken)| !taken) {
            let why = format!("the record {} has no such field", clip(&record.name.full));
            refused.add(Reasons::from(why).within(column.name()));
        }
        refused.or(members)
    }
}

/// How a column is written as a type that is not made of others; `None` where it is not.
fn leaf(of: &Type, column: &DataType) -> Option<How> {
    use DataType::{FixedSizeBinary, Float16, Float32, Float64};
    Some(match (&of.kind, of.logical, column) {
        (Kind::Null, _, DataType::Null) => How::Null,
        (Kind::Boolean, _, DataType::Boolean) => How::Boolean,
        (Kind::Int | Kind::Long, logical, _) => {
            let ratio = Meaning::of_column(column)?.to(Meaning::of_type(logical))?;
            How::Whole { int: matches!(of.kind, Kind::Int), ratio }
        }
        (Kind::Float, _, Float16 | Float32) => How::Float,
        (Kind::Double, _, Float16 | Float32 | Float64) => How::Double,
        (Kind::Bytes, Some(Logical::Decimal { precision, scale }), _) => {
            decimal(None, precision, scale, column)?
        }
        (Kind::Fixed(_, size), Some(Logical::Decimal { precision, scale }), _) => {
            decimal(Some(*size), precision, scale, column)?
        }
        (Kind::String, Some(Logical::Uuid), _) if is_text(column) => How::Uuid { text: true },
        (Kind::Fixed(..), Some(Logical::Uuid), _) if is_text(column) => How::Uuid { text: false },
        (Kind::Enum(of), _, _) if is_text(column) => symbols(of),
        (Kind::String | Kind::Bytes, _, _) if is_text(column) => How::Bytes,
        (Kind::Bytes, _, FixedSizeBinary(_)) => How::Bytes,
        (Kind::Bytes, _, _) if is_bytes(column) => How::Bytes,
        (Kind::Fixed(_, size), _, FixedSizeBinary(width)) if usize::try_from(*width) == Ok(*size) => {
            How::Fixed(*size)
        }
        (Kind::Fixed(_, size), _, _) if is_bytes(column) => How::Fixed(*size),
        (Kind::Fixed(..), Some(Logical::Duration), DataType::Struct(fields)) => {
            let same = |(field, name): (&Arc<Field>, &str)| {
                let whole = field.data_type().is_integer() && *field.data_type() != DataType::UInt64;
                field.name() == name && whole && !field.is_nullable()
            };
            let fits = fields.len() == DURATION.len() && fields.iter().zip(DURATION).all(same);
            fits.then_some(How::Duration)?
        }
        _ => return None,
    })
}

fn decimal(size: Option<usize>, precision: u32, scale: u32, column: &DataType) -> Option<How> {
    let has = match column {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => i32::from(*scale),
        other if other.is_integer() => 0,
        _ => return None,
    };
    let exponent = i32::try_from(scale).ok()?.checked_sub(has)?;
    // More digits than a column has are no bound.
    Some(How::Decimal(Decimal { exponent, precision: u8::try_from(precision).unwrap_or(u8::MAX), size }))
}

fn symbols(of: &Enum) -> How {
    let all = of.symbols.iter().enumerate();
    let mut symbols: Vec<_> = all.map(|(index, symbol)| (symbol.as_str().into(), index as i64)).collect();
    symbols.sort();
    How::Enum(symbols)
}

pub(super) fn is_bytes(column: &DataType) -> bool {
    matches!(column, DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
}
