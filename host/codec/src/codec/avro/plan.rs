//! How the bytes of a writer's schema become values of columns, looked up once for each pair of schemas. Knows
//! nothing of how it is found or followed.

use std::sync::Arc;

use super::meaning::Ratio;
use super::types::{Id, Types};

/// How one value is read, and into which column it goes.
#[derive(Debug)]
pub(super) enum Plan {
    /// No bytes; a null.
    Null,
    Boolean,
    /// An int or long, as it is, into a column of 32 or 64 bits.
    Int,
    Long,
    /// An int or long, brought to what the column counts, into any column of whole numbers.
    Number {
        int: bool,
        ratio: Ratio,
    },
    /// An int or long to the nearest floating-point number.
    Rounded {
        int: bool,
    },
    Float,
    Double,
    /// A string, or bytes that have to be UTF-8, into text.
    Text,
    /// A string or bytes, into bytes.
    Bytes,
    /// So many bytes, into bytes.
    Fixed(usize),
    /// The text of a UUID's sixteen bytes.
    Uuid,
    /// Digits in as many bytes as they say, or in so many, times `10^exponent`, into a decimal or whole number.
    Decimal {
        size: Option<usize>,
        exponent: i32,
    },
    /// Months, days and milliseconds.
    Duration,
    /// The texts of the symbols; or those that the reader does not know.
    Enum(Box<[Result<Box<str>, Box<str>>]>),
    List(Box<Items>),
    Map(Box<Items>),
    Record(Box<[Step]>),
    /// The branch whose index comes first.
    Union(Box<[Plan]>),
    /// Into this field of an object, all others null.
    Branch(usize, Box<Plan>),
    /// A branch that the reader cannot take, and why.
    Refuse(Box<str>),
    /// Nothing is there to read: what the reader's schema says instead.
    Default(Box<Default>),
}

/// What comes next in a record.
#[derive(Debug)]
pub(super) enum Step {
    /// Into this column.
    Read(usize, Plan),
    /// No column takes it: its type, and the field's name.
    Skip(Id, Box<str>),
    /// No column takes so many bytes: fields of an exact size, and the name of the first.
    Pass(usize, Box<str>),
}

/// The items of an array, or the values of a map.
#[derive(Debug)]
pub(super) struct Items {
    pub(super) plan: Plan,
    /// Bytes that one item takes, at least.
    pub(super) least: usize,
    /// Bytes that it takes in its columns whatever it is, also where it is null; 0 where what the list is in counts
    /// them.
    pub(super) width: usize,
}

/// A value of the reader's schema.
#[derive(Debug)]
pub(super) struct Default {
    pub(super) bytes: Vec<u8>,
    pub(super) plan: Plan,
    pub(super) types: Arc<Types>,
}

/// A writer's schema, ready to be read.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) plan: Plan,
    pub(super) types: Arc<Types>,
    /// Bytes that it takes, about.
    pub(super) weight: usize,
}
