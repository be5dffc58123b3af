//! One value's bytes into one column, as the plan says. An error leaves part of it in the column, for the caller
//! to take back. Knows nothing of schemas, records and batches.

use arrow::array::OffsetSizeTrait;
use arrow::datatypes::{ArrowNativeType, DataType, i256};

use super::cursor::Cursor;
use super::decimal::{Digits, scaled_from};
use super::meaning::Ratio;
use super::plan::Plan;
use super::uuid;
use crate::codec::column::{Bytes, Column, Primitive, full, type_name};
use crate::codec::json;
use crate::codec::problem::{Outcome, Problem, code, quote};

impl Cursor<'_, '_> {
    /// Reads the value here into `column`.
    #[inline]
    pub(super) fn value(&mut self, plan: &Plan, column: &mut Column) -> Outcome<()> {
        match (plan, column) {
            (Plan::Long, Column::Int64(c)) => c.push(self.long()?),
            (Plan::Text, Column::Utf8(c)) => return self.text(c),
            (Plan::Double, Column::Float64(c)) => c.push(f64::from_le_bytes(self.array()?)),
            (Plan::Long, Column::Timestamp(c, _)) => c.push(self.long()?),
            (Plan::Int, Column::Int32(c)) => c.push(self.int()?),
            (Plan::Union(branches), column) => {
                let branch = self.index(branches.len(), "branches")?;
                return self.value(&branches[branch], column);
            }
            (Plan::Null, column) => column.push_null(),
            (plan, column) => return self.rare_value(plan, column),
        }
        Ok(())
    }

    #[inline(never)]
    fn rare_value(&mut self, plan: &Plan, column: &mut Column) -> Outcome<()> {
        match (plan, column) {
            (Plan::Boolean, Column::Boolean(c)) => c.push(self.boolean()?),
            (Plan::Enum(symbols), column) => return self.symbol(symbols, column),
            (Plan::Int, Column::Date32(c) | Column::Time32(c, _)) => c.push(self.int()?),
            (Plan::Long, Column::Date64(c) | Column::Time64(c, _) | Column::Duration(c)) => {
                c.push(self.long()?)
            }
            (Plan::Number { int, ratio }, column) => return self.number(*int, *ratio, column),
            (Plan::Decimal { size, exponent }, column) => return self.decimal(*size, *exponent, column),
            (Plan::Rounded { int }, column) => return self.rounded(*int, column),
            (Plan::Float, Column::Float32(c)) => c.push(f32::from_le_bytes(self.array()?)),
            (Plan::Float, Column::Float64(c)) => c.push(f64::from(f32::from_le_bytes(self.array()?))),
            // What is JSON is UTF-8.
            (Plan::Text, column @ Column::Json(_)) => {
                let text = self.prefixed()?;
                return push_text(column, text);
            }
            (Plan::Text, Column::LargeUtf8(c)) => return self.text(c),
            (Plan::Bytes, Column::Binary(c)) => return push(c, self.prefixed()?),
            (Plan::Bytes, Column::LargeBinary(c)) => return push(c, self.prefixed()?),
            (Plan::Fixed(size), Column::FixedBinary(c)) if *size == c.width() => c.push(self.take(*size)?),
            (Plan::Fixed(size), Column::Binary(c)) => return push(c, self.take(*size)?),
            (Plan::Fixed(size), Column::LargeBinary(c)) => return push(c, self.take(*size)?),
            (Plan::Uuid, column) => {
                let text = uuid::format(self.array()?);
                return push_text(column, &text);
            }
            (Plan::Refuse(why), _) => return Err(Problem::new(code::TYPE_MISMATCH, &**why)),
            (Plan::Default(default), column) => {
                return self.default(default, |cursor| cursor.value(&default.plan, column));
            }
            (plan, Column::Struct(c)) => return self.object(plan, c),
            (Plan::List(items), column) => return self.list(items, column),
            (Plan::Map(items), Column::Map(c)) => return self.map(items, c),
            _ => return Err(misplaced()),
        }
        Ok(())
    }

    fn boolean(&mut self) -> Outcome<bool> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => {
                self.at -= 1;
                Err(self.wrong("a boolean (00 or 01)"))
            }
        }
    }

    #[inline(always)]
    pub(super) fn text<O: OffsetSizeTrait>(&mut self, into: &mut Bytes<O>) -> Outcome<()> {
        let begin = self.at;
        let bytes = self.prefixed()?;
        if std::str::from_utf8(bytes).is_err() {
            let what = format!("at byte {begin}: expected text, found what is not UTF-8: `{}`", quote(bytes));
            return Err(Problem::new(code::AVRO_SYNTAX, what));
        }
        push(into, bytes)
    }

    fn symbol(&mut self, symbols: &[Result<Box<str>, Box<str>>], column: &mut Column) -> Outcome<()> {
        let symbol = self.index(symbols.len(), "symbols")?;
        match &symbols[symbol] {
            Ok(text) => {
                // One byte may stand for a long name.
                self.spend(text.len())?;
                push_text(column, text.as_bytes())
            }
            Err(symbol) => {
                let what = format!("the reader's enum has neither the symbol {symbol} nor a default");
                Err(Problem::new(code::TYPE_MISMATCH, what))
            }
        }
    }

    fn whole(&mut self, int: bool) -> Outcome<i64> {
        if int { self.int().map(i64::from) } else { self.long() }
    }

    fn number(&mut self, int: bool, ratio: Ratio, column: &mut Column) -> Outcome<()> {
        let value = self.whole(int)?;
        match ratio.of(value) {
            Some(number) => push_whole(number, column),
            None => {
                let what = format!("{value} has digits below the unit of the column");
                Err(Problem::new(code::OUT_OF_RANGE, what))
            }
        }
    }

    fn rounded(&mut self, int: bool, column: &mut Column) -> Outcome<()> {
        let value = self.whole(int)?;
        match column {
            Column::Float32(c) => c.push(value as f32),
            Column::Float64(c) => c.push(value as f64),
            _ => return Err(misplaced()),
        }
        Ok(())
    }

    fn decimal(&mut self, size: Option<usize>, exponent: i32, column: &mut Column) -> Outcome<()> {
        let bytes = match size {
            Some(size) => self.take(size)?,
            None => self.prefixed()?,
        };
        let fits = match &mut *column {
            Column::Decimal128(c, precision, _) => {
                let value = scaled_from(bytes, exponent);
                value.filter(|value| value.fits(*precision)).map(|value| c.push(value))
            }
            Column::Decimal256(c, precision, _) => {
                let value = i256::from_bytes(bytes).and_then(|value| value.scaled(exponent));
                value.filter(|value| value.fits(*precision)).map(|value| c.push(value))
            }
            _ => match scaled_from(bytes, exponent) {
                Some(value) => return push_whole(value, column),
                None => None,
            },
        };
        fits.ok_or_else(|| unfit_decimal(bytes, exponent, column))
    }
}

/// Appends a value.
#[inline(always)]
fn push<O: OffsetSizeTrait>(into: &mut Bytes<O>, bytes: &[u8]) -> Outcome<()> {
    into.data().extend_from_slice(bytes);
    into.end_value().map_err(full)
}

/// Appends a value, which is UTF-8, to a column of text; to one of JSON any that is JSON.
pub(super) fn push_text(column: &mut Column, text: &[u8]) -> Outcome<()> {
    match column {
        Column::Utf8(c) => push(c, text),
        Column::Json(c) => {
            json::check(text, &mut Vec::new())?;
            push(c, text)
        }
        Column::LargeUtf8(c) => push(c, text),
        _ => Err(misplaced()),
    }
}

/// Appends a whole number, where it fits.
fn push_whole(value: i128, column: &mut Column) -> Outcome<()> {
    fn fit<T: ArrowNativeType + TryFrom<i128>>(value: i128, into: &mut Primitive<T>) -> Outcome<()> {
        match T::try_from(value) {
            Ok(value) => into.push(value),
            Err(_) => return Err(out_of_range(value, into.data_type())),
        }
        Ok(())
    }
    match column {
        Column::Int8(c) => fit(value, c),
        Column::Int16(c) => fit(value, c),
        Column::Int32(c) | Column::Date32(c) | Column::Time32(c, _) => fit(value, c),
        Column::Int64(c) | Column::Date64(c) | Column::Time64(c, _) => fit(value, c),
        Column::Timestamp(c, _) | Column::Duration(c) => fit(value, c),
        Column::UInt8(c) => fit(value, c),
        Column::UInt16(c) => fit(value, c),
        Column::UInt32(c) => fit(value, c),
        Column::UInt64(c) => fit(value, c),
        _ => Err(misplaced()),
    }
}

#[cold]
fn out_of_range(value: i128, data_type: &DataType) -> Box<Problem> {
    let what = format!("expected {}, which cannot hold {value}", type_name(data_type));
    Problem::new(code::OUT_OF_RANGE, what)
}

#[cold]
fn unfit_decimal(bytes: &[u8], exponent: i32, column: &Column) -> Box<Problem> {
    let (expected, wanted) = match column {
        Column::Decimal128(_, precision, scale) | Column::Decimal256(_, precision, scale) => {
            (format!("decimal({precision}, {scale})"), i32::from(*scale))
        }
        _ => ("a whole number".to_owned(), 0),
    };
    let number = match i256::from_bytes(bytes) {
        Some(digits) => format!("{digits}e{}", exponent.saturating_sub(wanted)),
        None => format!("a number of {} bytes", bytes.len()),
    };
    let what = format!("expected {expected}, which cannot hold {number}");
    Problem::new(code::OUT_OF_RANGE, what)
}

/// A plan is followed into the columns that it was made for, or not at all.
#[cold]
pub(super) fn misplaced() -> Box<Problem> {
    Problem::new(code::TYPE_MISMATCH, "these are not the columns that the reader was made for")
}
