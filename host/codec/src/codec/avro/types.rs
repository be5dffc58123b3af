//! An Avro schema as a table of types that refer to each other by index, so that a recursive schema is a plain
//! loop of numbers. Knows nothing of JSON, bytes or columns.

use arrow::datatypes::TimeUnit;
use serde_json::Value;

/// Index of a type in its [`Types`].
pub(super) type Id = usize;

/// A schema: all its types, and which of them it is.
#[derive(Debug)]
pub(super) struct Types {
    all: Vec<Type>,
    sizes: Vec<Size>,
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
}

#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) aliases: Vec<String>,
    pub(super) default: Option<Value>,
    pub(super) of: Id,
}

/// Bytes that a value takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// At least so many.
    pub(super) least: usize,
    /// And never more.
    pub(super) exact: bool,
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
    /// The field of this name.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
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
            Kind::Fixed(name, size) => format!("fixed {} of {size} bytes", name.full),
            Kind::Enum(of) => format!("enum {}", of.name.full),
            Kind::Record(of) => format!("record {}", of.name.full),
            _ => self.name().to_owned(),
        }
    }
}

impl Types {
    pub(super) fn new(all: Vec<Type>, root: Id) -> Types {
        let mut sizes = vec![None; all.len()];
        for id in 0..all.len() {
            size(&all, id, &mut sizes);
        }
        let unbounded = Size { least: 0, exact: false };
        let sizes = sizes.into_iter().map(|size| size.unwrap_or(unbounded)).collect();
        Types { all, sizes, root }
    }

    /// The type of a whole value.
    pub(super) fn root(&self) -> Id {
        self.root
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

    /// What a branch of a union is called in columns: its type's name, with the namespace only where two
    /// branches would have the same one.
    pub(super) fn branch_name(&self, branches: &[Id], branch: Id) -> &str {
        let Some(name) = self.get(branch).named() else { return self.get(branch).name() };
        let of = |id: Id| self.get(id).named().map_or(self.get(id).name(), Name::short);
        let alone = branches.iter().all(|&other| other == branch || of(other) != name.short());
        if alone { name.short() } else { &name.full }
    }
}

/// Finds the size of a type and of those in it. Depth is that of the schema: what is begun is not begun again.
fn size(all: &[Type], id: Id, sizes: &mut [Option<Size>]) -> Size {
    if let Some(known) = sizes[id] {
        return known;
    }
    // A record in itself, without a union or an array in between, has no end: any bound is a true one.
    sizes[id] = Some(Size { least: 0, exact: false });
    let exactly = |least| Size { least, exact: true };
    let at_least = |least| Size { least, exact: false };
    let found = match &all[id].kind {
        Kind::Null => exactly(0),
        Kind::Boolean => exactly(1),
        Kind::Float => exactly(4),
        Kind::Double => exactly(8),
        Kind::Fixed(_, bytes) => exactly(*bytes),
        Kind::Int | Kind::Long | Kind::Bytes | Kind::String | Kind::Enum(_) => at_least(1),
        Kind::Array(_) | Kind::Map(_) => at_least(1),
        Kind::Union(branches) => {
            let least = branches.iter().map(|&branch| size(all, branch, sizes).least).min();
            at_least(least.unwrap_or(0).saturating_add(1))
        }
        Kind::Record(record) => record.fields.iter().fold(exactly(0), |sum, field| {
            let one = size(all, field.of, sizes);
            Size { least: sum.least.saturating_add(one.least), exact: sum.exact && one.exact }
        }),
    };
    sizes[id] = Some(found);
    found
}
