//! `google.protobuf.Timestamp` and `Duration`: seconds and nanoseconds, which must be in the range that protobuf
//! gives them, to and from the unit of a column. Knows nothing of arrays and records.

use arrow::datatypes::TimeUnit;

use super::wire::{Tag, Wire, WireType};
use crate::codec::column::Column;
use crate::codec::problem::{Outcome, Problem, code};
use crate::codec::temporal::Instant;

/// From the year 1 to the end of 9999.
const INSTANTS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// Ten thousand years, either way.
const DURATIONS: std::ops::RangeInclusive<i64> = -315_576_000_000..=315_576_000_000;
const NANOS: i64 = 1_000_000_000;

/// A value being read: the fields of all its occurrences.
pub(super) struct Time {
    instant: bool,
    unit: TimeUnit,
    seconds: i64,
    nanos: i32,
}

impl Time {
    /// Reads timestamps into columns of this unit.
    pub(super) fn instant(unit: TimeUnit) -> Time {
        Time { instant: true, unit, seconds: 0, nanos: 0 }
    }

    /// Reads durations into columns of this unit.
    pub(super) fn duration(unit: TimeUnit) -> Time {
        Time { instant: false, unit, seconds: 0, nanos: 0 }
    }

    /// Begins a value.
    pub(super) fn open(&mut self) {
        (self.seconds, self.nanos) = (0, 0);
    }

    /// Reads the fields of one occurrence.
    pub(super) fn read(&mut self, wire: &mut Wire) -> Outcome<()> {
        while let Some(tag) = wire.tag(0)? {
            match tag {
                Tag { number: 1, wire: WireType::Varint } => self.seconds = wire.varint()? as i64,
                Tag { number: 2, wire: WireType::Varint } => self.nanos = wire.varint()? as i32,
                Tag { number: 1 | 2, wire: other } => {
                    let what = format!("expected a varint, found a {} field", other.name());
                    let name = if tag.number == 1 { "seconds" } else { "nanos" };
                    return Err(Problem::new(code::TYPE_MISMATCH, what).in_field(name));
                }
                other => wire.skip(other)?,
            }
        }
        Ok(())
    }

    /// Ends a value: it goes into the column, if it is one and the column can hold it.
    pub(super) fn close(&self, column: &mut Column) -> Outcome<()> {
        let value = self.value()?;
        match column {
            Column::Timestamp(column, _) | Column::Duration(column) => column.push(value),
            _ => unreachable!("the column's type was looked at when the message was compiled"),
        }
        Ok(())
    }

    fn value(&self) -> Outcome<i64> {
        let nanos = i64::from(self.nanos);
        let valid = match self.instant {
            true => INSTANTS.contains(&self.seconds) && (0..NANOS).contains(&nanos),
            false => {
                let one_sign = self.seconds.signum() * nanos.signum() >= 0;
                DURATIONS.contains(&self.seconds) && nanos.abs() < NANOS && one_sign
            }
        };
        if !valid {
            let limit = match self.instant {
                true => "a timestamp is from 0001-01-01 to 9999-12-31 with 0 to 999999999 nanoseconds",
                false => {
                    "a duration is up to 315576000000 seconds and 999999999 nanoseconds of the same sign"
                }
            };
            return Err(self.out_of_range(&format!("is none: {limit}")));
        }
        let seconds = self.seconds + nanos.div_euclid(NANOS);
        let instant = Instant { seconds, nanos: nanos.rem_euclid(NANOS) as u32 };
        instant.in_unit(self.unit).map_err(|misfit| {
            self.out_of_range(&format!("{} {}", misfit.why(), unit_name(self.instant, self.unit)))
        })
    }

    #[cold]
    fn out_of_range(&self, what: &str) -> Box<Problem> {
        let text = format!("{} seconds and {} nanoseconds {what}", self.seconds, self.nanos);
        Problem::new(code::OUT_OF_RANGE, text)
    }
}

fn unit_name(instant: bool, unit: TimeUnit) -> String {
    use arrow::datatypes::DataType;
    let data_type = if instant { DataType::Timestamp(unit, None) } else { DataType::Duration(unit) };
    crate::codec::column::type_name(&data_type)
}

/// A number of `unit`s as the seconds and nanoseconds of a timestamp, or of a duration, where it is in range.
pub(super) fn parts(value: i64, instant: bool, unit: TimeUnit) -> Outcome<(i64, i32)> {
    let (per_second, nanos_per) = match unit {
        TimeUnit::Second => (1, NANOS),
        TimeUnit::Millisecond => (1_000, 1_000_000),
        TimeUnit::Microsecond => (1_000_000, 1_000),
        TimeUnit::Nanosecond => (NANOS, 1),
    };
    let (seconds, units, range) = match instant {
        true => (value.div_euclid(per_second), value.rem_euclid(per_second), INSTANTS),
        // Both parts have the sign of the whole.
        false => (value / per_second, value % per_second, DURATIONS),
    };
    if !range.contains(&seconds) {
        let what = match instant {
            true => "a timestamp is from 0001-01-01 to 9999-12-31",
            false => "a duration is up to 315576000000 seconds",
        };
        let text = format!("{value} {} is out of range: {what}", unit_name(instant, unit));
        return Err(Problem::new(code::OUT_OF_RANGE, text));
    }
    Ok((seconds, (units * nanos_per) as i32))
}
