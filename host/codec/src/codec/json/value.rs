//! One JSON value into one column. An error leaves part of it in the column, for the caller to take back.
//! Knows nothing of records and batches.

use arrow::array::OffsetSizeTrait;
use arrow::datatypes::{ArrowNativeType, DataType, TimeUnit};
use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::cursor::Cursor;
use super::filler::Filler;
use super::number::Number;
use crate::codec::column::{Bytes, Column, FixedBytes, Primitive, full, type_name};
use crate::codec::decimal::{fits, fits256};
use crate::codec::problem::{Outcome, Problem, code, quote};
use crate::codec::temporal::{self, Misfit};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Filler<'_> {
    /// Reads the value here into `column`, whose type is `data_type`.
    #[inline]
    pub(super) fn value(&mut self, column: &mut Column, nullable: bool, data_type: &DataType) -> Outcome<()> {
        let first = self.next_token();
        if first == b'n' && (nullable || !matches!(column, Column::Json(_))) {
            return self.null(column, nullable, data_type);
        }
        let number = first == b'-' || first.is_ascii_digit();
        match column {
            Column::Int64(c) if number => self.integer(c),
            Column::Float64(c) if number => self.number_into(c, |n| n.float64()),
            Column::Utf8(c) if first == b'"' => self.string_into(c),
            Column::Timestamp(c, _) if number => self.integer(c),
            Column::Timestamp(c, unit) if first == b'"' => {
                let unit = *unit;
                self.text_into(c, data_type, |text| {
                    temporal::parse_timestamp(text).map(|instant| instant.in_unit(unit))
                })
            }
            Column::Boolean(c) if first == b't' => self.literal("true").map(|()| c.push(true)),
            Column::Boolean(c) if first == b'f' => self.literal("false").map(|()| c.push(false)),
            Column::Struct(c) if first == b'{' => self.object(c),
            Column::List(c) if first == b'[' => self.list(c),
            other => self.rare_value(other, first, number, data_type),
        }
    }

    #[inline(never)]
    fn rare_value(
        &mut self,
        column: &mut Column,
        first: u8,
        number: bool,
        data_type: &DataType,
    ) -> Outcome<()> {
        let string = first == b'"';
        match column {
            Column::Int8(c) if number => self.integer(c),
            Column::Int16(c) if number => self.integer(c),
            Column::Int32(c) | Column::Date32(c) | Column::Time32(c, _) if number => self.integer(c),
            Column::UInt8(c) if number => self.integer(c),
            Column::UInt16(c) if number => self.integer(c),
            Column::UInt32(c) if number => self.integer(c),
            Column::UInt64(c) if number => self.integer(c),
            Column::Time64(c, _) | Column::Duration(c) if number => self.integer(c),
            Column::Date64(c) if number => self.number_into(c, |days| {
                days.integer::<i64>().and_then(|days| days.checked_mul(temporal::DAY_MS))
            }),
            Column::Float32(c) if number => self.number_into(c, |n| n.float32()),
            Column::Date32(c) if string => {
                self.text_into(c, data_type, |text| temporal::parse_date(text).map(Ok))
            }
            Column::Date64(c) if string => self.text_into(c, data_type, |text| {
                temporal::parse_date(text).map(|days| Ok(i64::from(days) * temporal::DAY_MS))
            }),
            Column::Time32(c, unit) if string => {
                let unit = *unit;
                self.text_into(c, data_type, |text| time(text, unit).map(|t| t.map(|t| t as i32)))
            }
            Column::Time64(c, unit) if string => {
                let unit = *unit;
                self.text_into(c, data_type, |text| time(text, unit))
            }
            Column::Decimal128(c, precision, scale) if number || string => {
                let (precision, scale) = (*precision, *scale);
                self.decimal(c, string, |n| n.scaled(scale).filter(|v| fits(*v, precision)))
            }
            Column::Decimal256(c, precision, scale) if number || string => {
                let (precision, scale) = (*precision, *scale);
                self.decimal(c, string, |n| n.scaled256(scale).filter(|v| fits256(*v, precision)))
            }
            Column::LargeUtf8(c) if string => self.string_into(c),
            Column::Json(c) => self.json_into(c),
            Column::Binary(c) if string => self.base64_into(c),
            Column::LargeBinary(c) if string => self.base64_into(c),
            Column::FixedBinary(c) if string => self.fixed_base64_into(c),
            Column::LargeList(c) if first == b'[' => self.list(c),
            Column::FixedList(c) if first == b'[' => self.fixed_list(c),
            Column::Map(c) if first == b'{' => self.map(c),
            _ => Err(self.mismatch(data_type)),
        }
    }

    fn null(&mut self, column: &mut Column, nullable: bool, data_type: &DataType) -> Outcome<()> {
        self.literal("null")?;
        if !nullable && !matches!(data_type, DataType::Null) {
            let what = format!("expected {}, found null", type_name(data_type));
            return Err(Problem::new(code::TYPE_MISMATCH, what));
        }
        let size = column.null_size();
        if size > 0 {
            self.allowance.take_for_null(size)?;
        }
        column.push_null();
        Ok(())
    }

    #[inline(always)]
    pub(super) fn string_into<O: OffsetSizeTrait>(&mut self, into: &mut Bytes<O>) -> Outcome<()> {
        self.string(into.data())?;
        into.end_value().map_err(full)
    }

    fn json_into<O: OffsetSizeTrait>(&mut self, into: &mut Bytes<O>) -> Outcome<()> {
        let begin = self.at;
        self.skip()?;
        into.data().extend_from_slice(&self.text[begin..self.at]);
        into.end_value().map_err(full)
    }

    fn base64_into<O: OffsetSizeTrait>(&mut self, into: &mut Bytes<O>) -> Outcome<()> {
        let begin = self.at;
        self.skip_string()?;
        if BASE64.decode_vec(&*self.scratch, into.data()).is_err() {
            return Err(self.unlike("bytes (base64)", begin));
        }
        into.end_value().map_err(full)
    }

    fn fixed_base64_into(&mut self, into: &mut FixedBytes) -> Outcome<()> {
        let begin = self.at;
        self.skip_string()?;
        match BASE64.decode(&*self.scratch) {
            Ok(bytes) if bytes.len() == into.width() => into.push(&bytes),
            _ => return Err(self.unlike(&format!("{} bytes (base64)", into.width()), begin)),
        }
        Ok(())
    }

    #[inline]
    fn integer<T: ArrowNativeType + TryFrom<i128> + TryFrom<u64>>(
        &mut self,
        into: &mut Primitive<T>,
    ) -> Outcome<()> {
        let begin = self.at;
        if let Some(value) = self.short_integer().and_then(|value| T::try_from(value).ok()) {
            into.push(value);
            return Ok(());
        }
        self.at = begin;
        self.number_into(into, |n| n.integer())
    }

    #[inline(always)]
    fn number_into<T: ArrowNativeType>(
        &mut self,
        into: &mut Primitive<T>,
        read: impl FnOnce(&Number) -> Option<T>,
    ) -> Outcome<()> {
        let number = self.number()?;
        match read(&number) {
            Some(value) => into.push(value),
            None => return Err(out_of_range(&number, into.data_type())),
        }
        Ok(())
    }

    fn decimal<T: ArrowNativeType>(
        &mut self,
        into: &mut Primitive<T>,
        string: bool,
        read: impl FnOnce(&Number) -> Option<T>,
    ) -> Outcome<()> {
        if !string {
            return self.number_into(into, read);
        }
        let begin = self.at;
        self.skip_string()?;
        let text = std::mem::take(self.scratch);
        let mut inner = Cursor { text: &text, at: 0, scratch: self.scratch };
        let outcome = inner.number().and_then(|number| inner.end().map(|()| number));
        let outcome = match outcome {
            Ok(number) => read(&number).ok_or_else(|| out_of_range(&number, into.data_type())),
            Err(_) => Err(self.unlike(&type_name(into.data_type()), begin)),
        };
        *self.scratch = text;
        outcome.map(|value| into.push(value))
    }

    /// Reads a string whose text means a value.
    fn text_into<T: ArrowNativeType>(
        &mut self,
        into: &mut Primitive<T>,
        data_type: &DataType,
        read: impl FnOnce(&[u8]) -> Option<Result<T, Misfit>>,
    ) -> Outcome<()> {
        let begin = self.at;
        match read(self.short_string()?) {
            Some(Ok(value)) => into.push(value),
            Some(Err(misfit)) => {
                let what = format!("\"{}\" {} {}", quote(self.scratch), misfit.why(), type_name(data_type));
                return Err(Problem::new(code::OUT_OF_RANGE, what));
            }
            None => return Err(self.unlike(&type_name(data_type), begin)),
        }
        Ok(())
    }

    /// The value that begins at `begin` and was read is no text of this kind.
    #[cold]
    fn unlike(&mut self, expected: &str, begin: usize) -> Box<Problem> {
        let what = format!("expected {expected}, found string {}", quote(&self.text[begin..self.at]));
        Problem::new(code::TYPE_MISMATCH, what)
    }

    #[cold]
    fn mismatch(&mut self, data_type: &DataType) -> Box<Problem> {
        match self.skip_mismatch(data_type) {
            Ok(problem) | Err(problem) => problem,
        }
    }

    /// The value here is not of the type: skips it and says which it is; fails where there is none.
    #[cold]
    pub(super) fn skip_mismatch(&mut self, data_type: &DataType) -> Outcome<Box<Problem>> {
        let begin = self.at;
        let kind = match self.peek() {
            b'"' => "string",
            b'{' => "object",
            b'[' => "array",
            b't' | b'f' => "boolean",
            b'n' => "null",
            _ => "number",
        };
        self.skip()?;
        let expected = match data_type {
            DataType::Binary | DataType::LargeBinary | DataType::FixedSizeBinary(_) => {
                format!("{} (base64)", type_name(data_type))
            }
            _ => type_name(data_type),
        };
        let found = &self.text[begin..self.at];
        let what = match kind {
            "null" => format!("expected {expected}, found null"),
            _ => format!("expected {expected}, found {kind} {}", quote(found)),
        };
        Ok(Problem::new(code::TYPE_MISMATCH, what))
    }
}

fn time(text: &[u8], unit: TimeUnit) -> Option<Result<i64, Misfit>> {
    temporal::parse_time(text).map(|time| time.in_unit(unit))
}

#[cold]
fn out_of_range(number: &Number, data_type: &DataType) -> Box<Problem> {
    let what = format!("expected {}, which cannot hold {}", type_name(data_type), quote(number.text));
    Problem::new(code::OUT_OF_RANGE, what)
}
