//! The columns of a stream as its schema message has them, with every type checked, and what plain columns they
//! become. Knows nothing of batches.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, TimeUnit};
use arrow_ipc::{Endianness, Type};

use super::{MAX_FIELDS, MAX_NAMES, syntax, unsupported};
use crate::codec::column::MAX_SCHEMA_DEPTH;
use crate::codec::problem::{Outcome, Problem, code};

/// A column as it is sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    /// What it becomes: without dictionaries, runs and views.
    pub(super) field: FieldRef,
    pub(super) kind: Kind,
}

/// How the values of a column are sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// As they are: numbers, times, booleans, nulls, strings and bytes.
    Plain,
    /// Strings or bytes as views.
    View,
    List(Box<Source>),
    /// Lists as offsets and sizes, of 32 or 64 bits.
    ListView(Box<Source>),
    FixedList(Box<Source>, usize),
    Struct(Vec<Source>),
    /// The entries.
    Map(Box<Source>),
    /// Keys into a dictionary of these values, sent in messages of its own.
    Dictionary {
        id: i64,
        keys: DataType,
        values: Box<Source>,
    },
    /// The last row of each run of the same value, and the values.
    RunEnds {
        ends: DataType,
        values: Box<Source>,
    },
}

impl Source {
    fn new(name: &str, nullable: bool, data_type: DataType, kind: Kind) -> Source {
        Source { field: Arc::new(Field::new(name, data_type, nullable)), kind }
    }

    /// A declared column, sent as it is.
    pub(super) fn declared(field: &FieldRef) -> Source {
        let boxed = |field: &FieldRef| Box::new(Source::declared(field));
        let kind = match field.data_type() {
            DataType::List(item) | DataType::LargeList(item) => Kind::List(boxed(item)),
            DataType::FixedSizeList(item, size) => Kind::FixedList(boxed(item), *size as usize),
            DataType::Struct(fields) => Kind::Struct(fields.iter().map(Source::declared).collect()),
            DataType::Map(entries, _) => Kind::Map(boxed(entries)),
            _ => Kind::Plain,
        };
        Source { field: Arc::clone(field), kind }
    }

    /// The values of each dictionary below here.
    fn dictionaries(&self, into: &mut HashMap<i64, Source>) -> Outcome<()> {
        match &self.kind {
            Kind::Plain | Kind::View => Ok(()),
            Kind::List(inner) | Kind::ListView(inner) | Kind::FixedList(inner, _) | Kind::Map(inner) => {
                inner.dictionaries(into)
            }
            Kind::RunEnds { values, .. } => values.dictionaries(into),
            Kind::Struct(inner) => inner.iter().try_for_each(|inner| inner.dictionaries(into)),
            Kind::Dictionary { id, values, .. } => {
                let same = into.entry(*id).or_insert_with(|| (**values).clone());
                if same.field.data_type() != values.field.data_type() || same.kind != values.kind {
                    return Err(syntax(format!("dictionary {id} is one of different types")));
                }
                values.dictionaries(into)
            }
        }
    }
}

/// The columns of a stream.
pub(super) struct Stream {
    pub(super) columns: Vec<Source>,
    /// The values of its dictionaries, by id.
    pub(super) dictionaries: HashMap<i64, Source>,
}

impl Stream {
    pub(super) fn read(schema: arrow_ipc::Schema<'_>) -> Outcome<Stream> {
        if schema.endianness() != Endianness::Little {
            return Err(unsupported("expected a little-endian stream, found a big-endian one"));
        }
        let mut reader = Reader { fields: 0, text: 0 };
        let columns = schema.fields().into_iter().flatten().map(|field| reader.field(field, 0));
        let columns = columns.collect::<Outcome<Vec<Source>>>()?;
        let mut dictionaries = HashMap::new();
        columns.iter().try_for_each(|column| column.dictionaries(&mut dictionaries))?;
        Ok(Stream { columns, dictionaries })
    }
}

struct Reader {
    /// Fields so far.
    fields: usize,
    /// Bytes of their names and zones so far.
    text: usize,
}

impl Reader {
    fn field(&mut self, field: arrow_ipc::Field<'_>, depth: usize) -> Outcome<Source> {
        self.fields += 1;
        if self.fields > MAX_FIELDS || depth > MAX_SCHEMA_DEPTH {
            let what = format!(
                "the stream has more than {MAX_FIELDS} columns, nested ones counted, or nests them deeper than \
                 {MAX_SCHEMA_DEPTH} levels"
            );
            return Err(Problem::new(code::TOO_LARGE, what));
        }
        let name = field.name().unwrap_or_default();
        self.text(name)?;
        self.text(field.type_as_timestamp().and_then(|at| at.timezone()).unwrap_or_default())?;
        self.source(field, name, depth).map_err(|problem| problem.in_field(name))
    }

    /// Counts a text before it is copied: of one in the record many columns may make their own.
    fn text(&mut self, text: &str) -> Outcome<()> {
        self.text = self.text.saturating_add(text.len());
        if self.text > MAX_NAMES {
            let what = format!(
                "the names and time zones of the stream's columns have more than {MAX_NAMES} bytes: shorten them"
            );
            return Err(Problem::new(code::TOO_LARGE, what));
        }
        Ok(())
    }

    fn source(&mut self, field: arrow_ipc::Field<'_>, name: &str, depth: usize) -> Outcome<Source> {
        let nullable = field.nullable();
        let values = self.values(field, name, depth)?;
        let Some(dictionary) = field.dictionary() else { return Ok(values) };
        // Without a type its keys are of 32 bits.
        let keys = match dictionary.indexType() {
            None => DataType::Int32,
            Some(keys) => int(keys).ok_or_else(|| syntax("the keys of a dictionary are no integers"))?,
        };
        let data_type = values.field.data_type().clone();
        let kind = Kind::Dictionary { id: dictionary.id(), keys, values: Box::new(values) };
        Ok(Source::new(name, nullable, data_type, kind))
    }

    /// A column without regard to whether it is a dictionary.
    fn values(&mut self, field: arrow_ipc::Field<'_>, name: &str, depth: usize) -> Outcome<Source> {
        let (data_type, kind) = match field.type_type() {
            Type::Utf8View => (DataType::Utf8, Kind::View),
            Type::BinaryView => (DataType::Binary, Kind::View),
            Type::List => {
                let item = self.only_child(field, depth)?;
                (DataType::List(Arc::clone(&item.field)), Kind::List(item))
            }
            Type::LargeList => {
                let item = self.only_child(field, depth)?;
                (DataType::LargeList(Arc::clone(&item.field)), Kind::List(item))
            }
            Type::ListView => {
                let item = self.only_child(field, depth)?;
                (DataType::List(Arc::clone(&item.field)), Kind::ListView(item))
            }
            Type::LargeListView => {
                let item = self.only_child(field, depth)?;
                (DataType::LargeList(Arc::clone(&item.field)), Kind::ListView(item))
            }
            Type::FixedSizeList => {
                let size = field.type_as_fixed_size_list().map_or(-1, |list| list.listSize());
                let items = usize::try_from(size).map_err(|_| syntax(format!("a list of {size} items")))?;
                let item = self.only_child(field, depth)?;
                (DataType::FixedSizeList(Arc::clone(&item.field), size), Kind::FixedList(item, items))
            }
            Type::Struct_ => {
                let fields = self.children(field, depth)?;
                let plain = fields.iter().map(|field| Arc::clone(&field.field)).collect();
                (DataType::Struct(plain), Kind::Struct(fields))
            }
            Type::Map => self.map(field, depth)?,
            Type::RunEndEncoded => self.run_ends(field, depth)?,
            _ => (flat_type(field)?, Kind::Plain),
        };
        Ok(Source::new(name, field.nullable(), data_type, kind))
    }

    fn children(&mut self, field: arrow_ipc::Field<'_>, depth: usize) -> Outcome<Vec<Source>> {
        field.children().into_iter().flatten().map(|child| self.field(child, depth + 1)).collect()
    }

    fn only_child(&mut self, field: arrow_ipc::Field<'_>, depth: usize) -> Outcome<Box<Source>> {
        let mut children = self.children(field, depth)?;
        match (children.pop(), children.len()) {
            (Some(child), 0) => Ok(Box::new(child)),
            (None, _) => Err(syntax("a list has no type for its items")),
            (_, more) => Err(syntax(format!("a list has {} types for its items", more + 1))),
        }
    }

    /// Writers do not agree on whether entries and keys are said to be nullable; they never are.
    fn map(&mut self, field: arrow_ipc::Field<'_>, depth: usize) -> Outcome<(DataType, Kind)> {
        let entries = *self.only_child(field, depth)?;
        let sorted = field.type_as_map().is_some_and(|map| map.keysSorted());
        let Kind::Struct(mut parts) = entries.kind else {
            return Err(syntax("the entries of a map are no structs"));
        };
        let [key, value] = &mut parts[..] else {
            return Err(syntax(format!("the entries of a map have {} columns, not 2", parts.len())));
        };
        key.field = Arc::new(key.field.as_ref().clone().with_nullable(false));
        let plain = [Arc::clone(&key.field), Arc::clone(&value.field)].into_iter().collect();
        let entries = Source::new(entries.field.name(), false, DataType::Struct(plain), Kind::Struct(parts));
        Ok((DataType::Map(Arc::clone(&entries.field), sorted), Kind::Map(Box::new(entries))))
    }

    fn run_ends(&mut self, field: arrow_ipc::Field<'_>, depth: usize) -> Outcome<(DataType, Kind)> {
        let mut children = self.children(field, depth)?;
        let (Some(values), Some(ends), 0) = (children.pop(), children.pop(), children.len()) else {
            return Err(syntax("a column of runs has not two columns: ends and values"));
        };
        let ends = match (ends.field.data_type(), &ends.kind) {
            (DataType::Int16 | DataType::Int32 | DataType::Int64, Kind::Plain) => {
                ends.field.data_type().clone()
            }
            (other, _) => return Err(syntax(format!("the ends of runs are {other}: no signed integers"))),
        };
        Ok((values.field.data_type().clone(), Kind::RunEnds { ends, values: Box::new(values) }))
    }
}

/// The type of a column without children.
fn flat_type(field: arrow_ipc::Field<'_>) -> Outcome<DataType> {
    let read = match field.type_type() {
        Type::Null => Some(DataType::Null),
        Type::Bool => Some(DataType::Boolean),
        Type::Int => field.type_as_int().and_then(int),
        Type::FloatingPoint => field.type_as_floating_point().and_then(|float| match float.precision() {
            arrow_ipc::Precision::HALF => Some(DataType::Float16),
            arrow_ipc::Precision::SINGLE => Some(DataType::Float32),
            arrow_ipc::Precision::DOUBLE => Some(DataType::Float64),
            _ => None,
        }),
        Type::Decimal => field.type_as_decimal().and_then(decimal),
        Type::Utf8 => Some(DataType::Utf8),
        Type::LargeUtf8 => Some(DataType::LargeUtf8),
        Type::Binary => Some(DataType::Binary),
        Type::LargeBinary => Some(DataType::LargeBinary),
        Type::FixedSizeBinary => {
            let width = field.type_as_fixed_size_binary().map_or(-1, |binary| binary.byteWidth());
            (width >= 0).then_some(DataType::FixedSizeBinary(width))
        }
        _ => of_time(field),
    };
    read.ok_or_else(|| {
        let name = field.type_type().variant_name().unwrap_or("of a kind unknown here");
        unsupported(format!("its type ({name}) is none that is read here: send plain columns"))
    })
}

fn of_time(field: arrow_ipc::Field<'_>) -> Option<DataType> {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    match field.type_type() {
        Type::Date => match field.type_as_date()?.unit() {
            arrow_ipc::DateUnit::DAY => Some(DataType::Date32),
            arrow_ipc::DateUnit::MILLISECOND => Some(DataType::Date64),
            _ => None,
        },
        Type::Time => {
            let time = field.type_as_time()?;
            match (time.bitWidth(), unit(time.unit())?) {
                (32, unit @ (Second | Millisecond)) => Some(DataType::Time32(unit)),
                (64, unit @ (Microsecond | Nanosecond)) => Some(DataType::Time64(unit)),
                _ => None,
            }
        }
        Type::Timestamp => {
            let at = field.type_as_timestamp()?;
            let zone = at.timezone().filter(|zone| !zone.is_empty()).map(Arc::from);
            Some(DataType::Timestamp(unit(at.unit())?, zone))
        }
        Type::Duration => Some(DataType::Duration(unit(field.type_as_duration()?.unit())?)),
        Type::Interval => match field.type_as_interval()?.unit() {
            arrow_ipc::IntervalUnit::YEAR_MONTH => Some(DataType::Interval(IntervalUnit::YearMonth)),
            arrow_ipc::IntervalUnit::DAY_TIME => Some(DataType::Interval(IntervalUnit::DayTime)),
            arrow_ipc::IntervalUnit::MONTH_DAY_NANO => Some(DataType::Interval(IntervalUnit::MonthDayNano)),
            _ => None,
        },
        _ => None,
    }
}

fn unit(unit: arrow_ipc::TimeUnit) -> Option<TimeUnit> {
    match unit {
        arrow_ipc::TimeUnit::SECOND => Some(TimeUnit::Second),
        arrow_ipc::TimeUnit::MILLISECOND => Some(TimeUnit::Millisecond),
        arrow_ipc::TimeUnit::MICROSECOND => Some(TimeUnit::Microsecond),
        arrow_ipc::TimeUnit::NANOSECOND => Some(TimeUnit::Nanosecond),
        _ => None,
    }
}

fn int(int: arrow_ipc::Int<'_>) -> Option<DataType> {
    match (int.bitWidth(), int.is_signed()) {
        (8, true) => Some(DataType::Int8),
        (16, true) => Some(DataType::Int16),
        (32, true) => Some(DataType::Int32),
        (64, true) => Some(DataType::Int64),
        (8, false) => Some(DataType::UInt8),
        (16, false) => Some(DataType::UInt16),
        (32, false) => Some(DataType::UInt32),
        (64, false) => Some(DataType::UInt64),
        _ => None,
    }
}

/// Arrow's own limits: 1 to so many digits, and a scale of at most as many.
fn decimal(decimal: arrow_ipc::Decimal<'_>) -> Option<DataType> {
    let precision = u8::try_from(decimal.precision()).ok()?;
    let scale = i8::try_from(decimal.scale()).ok()?;
    let (most, data_type) = match decimal.bitWidth() {
        32 => (9, DataType::Decimal32(precision, scale)),
        64 => (18, DataType::Decimal64(precision, scale)),
        128 => (38, DataType::Decimal128(precision, scale)),
        256 => (76, DataType::Decimal256(precision, scale)),
        _ => return None,
    };
    ((1..=most).contains(&precision) && scale.unsigned_abs() <= precision).then_some(data_type)
}
