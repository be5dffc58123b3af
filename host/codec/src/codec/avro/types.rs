//! An Avro schema as a table of types that refer to each other by index, so that a recursive schema is a plain
//! loop of numbers. Knows nothing of JSON, bytes or columns.

use std::collections::HashMap;

use arrow::datatypes::TimeUnit;
use serde_json::Value;

use super::reasons::clip;
use super::sizes::{Size, Stretch, sizes, stretches};

/// The column of a schema that is no record.
pub(super) const ONLY: &str = "value";

/// Index of a type in its [`Types`].
pub(super) type Id = usize;

/// A schema: all its types, and which of them it is.
#[derive(Debug)]
pub(super) struct Types {
    all: Vec<Type>,
    sizes: Vec<Size>,
    /// How records are skipped.
    stretches: Vec<Box<[Stretch]>>,
    root: Id,
}

/// One type.
#[derive(Clone, Debug)]
pub(super) struct Type {
    pub(super) kind: Kind,
    /// What its values mean beyond their kind.
    pub(super) logical: Option<Logical>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    /// Of so many bytes.
    Fixed(Name, usize),
    Enum(Enum),
    Array(Id),
    Map(Id),
    Union(Vec<Id>),
    Record(Record),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Logical {
    Decimal {
        precision: u32,
        scale: u32,
    },
    Uuid,
    Date,
    Time(TimeUnit),
    /// In UTC, or of a clock on some wall.
    Timestamp(TimeUnit, bool),
    Duration,
}

/// The name of a record, enum or fixed.
#[derive(Clone, Debug)]
pub(super) struct Name {
    /// With its namespace.
    pub(super) full: String,
    /// Other names that a writer may have given it, with their namespaces.
    pub(super) aliases: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Enum {
    pub(super) name: Name,
    pub(super) symbols: Vec<String>,
    /// The symbol that a reader takes for one it does not know.
    pub(super) default: Option<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) name: Name,
    pub(super) fields: Vec<Field>,
    /// The fields in the order of their names.
    by_name: Vec<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) aliases: Vec<String>,
    pub(super) default: Option<Value>,
    pub(super) of: Id,
}

impl Name {
    /// Without its namespace.
    pub(super) fn short(&self) -> &str {
        short(&self.full)
    }

    /// Whether a writer's type of that name is this one. Namespaces are not compared: they change when a schema
    /// moves, and no reader minds.
    pub(super) fn takes(&self, writer: &Name) -> bool {
        let known = |name: &String| *name == writer.full || short(name) == writer.short();
        known(&self.full) || self.aliases.iter().any(known)
    }
}

fn short(full: &str) -> &str {
    full.rsplit('.').next().unwrap_or(full)
}

impl Field {
    /// The writer's field that this one reads: the one of its name, or else of the first alias that there is.
    pub(super) fn source(&self, writer: &Record) -> Option<usize> {
        std::iter::once(&self.name).chain(&self.aliases).find_map(|name| writer.position(name))
    }
}

impl Record {
    pub(super) fn new(name: Name, fields: Vec<Field>) -> Record {
        let mut by_name: Vec<usize> = (0..fields.len()).collect();
        by_name.sort_by(|one, other| fields[*one].name.cmp(&fields[*other].name));
        Record { name, fields, by_name }
    }

    /// The field of this name.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        let found = self.by_name.binary_search_by(|field| self.fields[*field].name.as_str().cmp(name));
        found.ok().map(|found| self.by_name[found])
    }
}

impl Type {
    /// As a schema names it: a kind without a name of its own, or the full name.
    pub(super) fn name(&self) -> &str {
        match &self.kind {
            Kind::Null => "null",
            Kind::Boolean => "boolean",
            Kind::Int => "int",
            Kind::Long => "long",
            Kind::Float => "float",
            Kind::Double => "double",
            Kind::Bytes => "bytes",
            Kind::String => "string",
            Kind::Array(_) => "array",
            Kind::Map(_) => "map",
            Kind::Union(_) => "union",
            Kind::Fixed(name, _) | Kind::Enum(Enum { name, .. }) | Kind::Record(Record { name, .. }) => {
                &name.full
            }
        }
    }

    /// The name of a record, enum or fixed.
    pub(super) fn named(&self) -> Option<&Name> {
        match &self.kind {
            Kind::Fixed(name, _) | Kind::Enum(Enum { name, .. }) | Kind::Record(Record { name, .. }) => {
                Some(name)
            }
            _ => None,
        }
    }

    /// For error texts.
    pub(super) fn label(&self) -> String {
        let logical = match self.logical {
            None => "",
            Some(Logical::Decimal { precision, scale }) => {
                return format!("decimal({precision}, {scale}) in {}", self.plain_label());
            }
            Some(Logical::Uuid) => "uuid",
            Some(Logical::Date) => "date",
            Some(Logical::Time(TimeUnit::Millisecond)) => "time-millis",
            Some(Logical::Time(_)) => "time-micros",
            Some(Logical::Timestamp(TimeUnit::Millisecond, true)) => "timestamp-millis",
            Some(Logical::Timestamp(TimeUnit::Microsecond, true)) => "timestamp-micros",
            Some(Logical::Timestamp(_, true)) => "timestamp-nanos",
            Some(Logical::Timestamp(TimeUnit::Millisecond, false)) => "local-timestamp-millis",
            Some(Logical::Timestamp(TimeUnit::Microsecond, false)) => "local-timestamp-micros",
            Some(Logical::Timestamp(_, false)) => "local-timestamp-nanos",
            Some(Logical::Duration) => "duration",
        };
        if logical.is_empty() { self.plain_label() } else { logical.to_owned() }
    }

    fn plain_label(&self) -> String {
        match &self.kind {
            Kind::Fixed(name, size) => format!("fixed {} of {size} bytes", clip(&name.full)),
            Kind::Enum(of) => format!("enum {}", clip(&of.name.full)),
            Kind::Record(of) => format!("record {}", clip(&of.name.full)),
            _ => self.name().to_owned(),
        }
    }
}

impl Types {
    pub(super) fn new(all: Vec<Type>, root: Id) -> Types {
        let sizes = sizes(&all);
        let each = all.iter().zip(&sizes);
        let stretches = each.map(|(of, size)| stretches(of, *size, &sizes)).collect();
        Types { all, sizes, stretches, root }
    }

    /// Without what only a reader's schema is asked for: aliases, and defaults, which may be large.
    pub(super) fn of_writer(mut self) -> Types {
        for of in &mut self.all {
            match &mut of.kind {
                Kind::Fixed(name, _) | Kind::Enum(Enum { name, .. }) => name.aliases = Vec::new(),
                Kind::Record(record) => {
                    record.name.aliases = Vec::new();
                    for field in &mut record.fields {
                        (field.aliases, field.default) = (Vec::new(), None);
                    }
                }
                _ => {}
            }
        }
        self
    }

    /// Bytes of memory that a writer's types take, about.
    pub(super) fn weight(&self) -> usize {
        let per_type = size_of::<Type>() + size_of::<Size>() + size_of::<Box<[Stretch]>>();
        let inside = |of: &Type| match &of.kind {
            Kind::Enum(of) => of.symbols.iter().map(|symbol| size_of::<String>() + symbol.len()).sum(),
            Kind::Union(branches) => branches.len() * size_of::<Id>(),
            Kind::Record(of) => {
                let per_field = size_of::<Field>() + size_of::<usize>() + size_of::<Stretch>();
                of.fields.iter().map(|field| per_field + field.name.len()).sum()
            }
            _ => 0,
        };
        let name = |of: &Type| of.named().map_or(0, |name| name.full.len());
        self.all.iter().map(|of| per_type + name(of) + inside(of)).sum()
    }

    /// The type of a whole value.
    pub(super) fn root(&self) -> Id {
        self.root
    }

    /// Whether a value is no row but the one column of a row, called [`ONLY`]: a schema that is neither a record nor
    /// a union of several types (a row has a column for each of these) nor a duration. Its bytes are those of a record
    /// with that field.
    pub(super) fn is_one_value(&self) -> bool {
        let only = self.optional(self.root).map(|(_, of)| self.get(of));
        only.is_some_and(|of| !matches!(of.kind, Kind::Record(_)) && of.logical != Some(Logical::Duration))
    }

    /// Whether a value is bytes: where a registry names its schema it stands there without their length, as Confluent's
    /// serializers write it and their deserializers read it.
    pub(super) fn is_bytes(&self) -> bool {
        matches!(self.kind(self.root), Kind::Bytes)
    }

    pub(super) fn get(&self, id: Id) -> &Type {
        &self.all[id]
    }

    pub(super) fn kind(&self, id: Id) -> &Kind {
        &self.all[id].kind
    }

    /// Bytes that a value of this type takes.
    pub(super) fn size(&self, id: Id) -> Size {
        self.sizes[id]
    }

    /// How a record is skipped that is of no exact size.
    pub(super) fn stretches(&self, id: Id) -> &[Stretch] {
        &self.stretches[id]
    }

    /// Whether it may be null, and its type when it is not; `None` for a union with several other branches.
    pub(super) fn optional(&self, id: Id) -> Option<(bool, Id)> {
        let Kind::Union(branches) = self.kind(id) else {
            return Some((matches!(self.kind(id), Kind::Null), id));
        };
        let null = branches.iter().find(|&&branch| matches!(self.kind(branch), Kind::Null));
        let mut others = branches.iter().filter(|&&branch| !matches!(self.kind(branch), Kind::Null));
        match (others.next(), others.next(), null) {
            (Some(&only), None, null) => Some((null.is_some(), only)),
            (None, _, Some(&null)) => Some((true, null)),
            _ => None,
        }
    }

    /// What the branches of a union are called in columns: by their types' names, with the namespace only where two
    /// branches would have the same one.
    pub(super) fn branch_names(&self, branches: &[Id]) -> Vec<&str> {
        let short = |id: Id| self.get(id).named().map_or(self.get(id).name(), Name::short);
        let mut called: HashMap<&str, usize> = HashMap::new();
        for &branch in branches {
            *called.entry(short(branch)).or_default() += 1;
        }
        let name = |&branch: &Id| match called[short(branch)] {
            1 => short(branch),
            _ => self.get(branch).name(),
        };
        branches.iter().map(name).collect()
    }
}
