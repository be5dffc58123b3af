//! What the whole numbers of types and columns count, and how a number of one becomes a number of another. Knows
//! nothing of bytes.

use arrow::datatypes::{DataType, TimeUnit};

use super::types::Logical;
use crate::codec::temporal::DAY_MS;

/// What a whole number counts, and how many of it there are in a second (or a day).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing that is known.
    Plain,
    /// Since 1970, so many a day.
    Date(i64),
    /// Since midnight, so many a second.
    Time(i64),
    /// Since 1970, so many a second.
    Instant(i64),
}

/// How a number becomes another: times `mul`, through `div`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ratio {
    pub(super) mul: i64,
    pub(super) div: i64,
}

impl Ratio {
    /// The same number.
    pub(super) const ONE: Ratio = Ratio { mul: 1, div: 1 };

    /// The other number, where it is whole.
    #[inline]
    pub(super) fn of(self, value: i64) -> Option<i128> {
        let value = i128::from(value) * i128::from(self.mul);
        if self.div == 1 {
            return Some(value);
        }
        (value % i128::from(self.div) == 0).then(|| value / i128::from(self.div))
    }
}

impl Meaning {
    /// Of a type of Avro.
    pub(super) fn of_type(logical: Option<Logical>) -> Meaning {
        match logical {
            Some(Logical::Date) => Meaning::Date(1),
            Some(Logical::Time(unit)) => Meaning::Time(per_second(unit)),
            Some(Logical::Timestamp(unit, _)) => Meaning::Instant(per_second(unit)),
            _ => Meaning::Plain,
        }
    }

    /// Of a column of whole numbers; `None` for other columns.
    pub(super) fn of_column(data_type: &DataType) -> Option<Meaning> {
        Some(match data_type {
            DataType::Date32 => Meaning::Date(1),
            DataType::Date64 => Meaning::Date(DAY_MS),
            DataType::Time32(unit) | DataType::Time64(unit) => Meaning::Time(per_second(*unit)),
            DataType::Timestamp(unit, _) => Meaning::Instant(per_second(*unit)),
            DataType::Duration(_) => Meaning::Plain,
            other if other.is_integer() => Meaning::Plain,
            _ => return None,
        })
    }

    /// How a number of this meaning becomes one of the other. A number that means nothing known is taken for what
    /// the other means, and the other way round; a date is no time.
    pub(super) fn to(self, other: Meaning) -> Option<Ratio> {
        match (self, other) {
            (Meaning::Plain, _) | (_, Meaning::Plain) => Some(Ratio::ONE),
            (Meaning::Date(from), Meaning::Date(to))
            | (Meaning::Time(from), Meaning::Time(to))
            | (Meaning::Instant(from), Meaning::Instant(to)) => Some(match to >= from {
                true => Ratio { mul: to / from, div: 1 },
                false => Ratio { mul: 1, div: from / to },
            }),
            _ => None,
        }
    }
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}
