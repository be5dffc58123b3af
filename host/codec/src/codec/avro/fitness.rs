//! Which branch of a union a column is written as, where several could hold it. Knows nothing of how it is written.

use arrow::datatypes::DataType;

use super::derive::is_text;
use super::meaning::{Meaning, Ratio};
use super::target::is_bytes;
use super::types::{Kind, Logical, Type};

/// How well a type suits a column; the greater one is taken, the first of those that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fitness {
    /// It means the same: a date is a date, and a number is no time.
    meaning: bool,
    /// In the same unit.
    unit: bool,
    /// In UTC, or of a clock on some wall, as the column is.
    zone: bool,
    /// As wide, and of the same kind.
    natural: bool,
}

impl Fitness {
    pub(super) fn of(of: &Type, column: &DataType) -> Fitness {
        if let DataType::Dictionary(_, values) = column {
            return Fitness::of(of, values);
        }
        let whole = matches!(of.kind, Kind::Int | Kind::Long);
        let (meaning, unit) = match Meaning::of_column(column).filter(|_| whole) {
            Some(has) => {
                let wants = Meaning::of_type(of.logical);
                let same = std::mem::discriminant(&has) == std::mem::discriminant(&wants);
                (same, has.to(wants) == Some(Ratio::ONE))
            }
            // Text that has to be a UUID may be none.
            None => (!(is_text(column) && of.logical == Some(Logical::Uuid)), true),
        };
        let zone = match (of.logical, column) {
            (Some(Logical::Timestamp(_, utc)), DataType::Timestamp(_, zone)) => utc == zone.is_some(),
            _ => true,
        };
        Fitness { meaning, unit, zone, natural: natural(of, column) }
    }
}

/// Whether the type is of the column's kind and width.
fn natural(of: &Type, column: &DataType) -> bool {
    match column {
        DataType::Float64 => matches!(of.kind, Kind::Double),
        DataType::Float16 | DataType::Float32 => matches!(of.kind, Kind::Float),
        DataType::FixedSizeBinary(_) => matches!(of.kind, Kind::Fixed(..)),
        column if is_text(column) => matches!(of.kind, Kind::String),
        column if is_bytes(column) => matches!(of.kind, Kind::Bytes),
        DataType::UInt32 | DataType::Int64 | DataType::UInt64 => matches!(of.kind, Kind::Long),
        column if column.is_integer() => matches!(of.kind, Kind::Int),
        // A number without its meaning has room in the wider type.
        DataType::Timestamp(..) | DataType::Time64(_) | DataType::Duration(_) | DataType::Date64 => {
            matches!(of.kind, Kind::Long)
        }
        DataType::Date32 | DataType::Time32(_) => matches!(of.kind, Kind::Int),
        _ => false,
    }
}
