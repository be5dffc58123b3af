//! One JSON value into one column. An error leaves part of it in the column, for the caller to take back.
//! Knows nothing of records and batches.

use arrow::array::OffsetSizeTrait;
use arrow::datatypes::{ArrowNativeType, DataType, TimeUnit, i256};
use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::cursor::Cursor;
use super::number::Number;
use crate::codec::column::{
    Bytes, Column, FixedBytes, FixedList, Full, List, Map, Primitive, START, Struct, type_name,
};
use crate::codec::problem::{Outcome, Problem, code, quote};
use crate::codec::temporal::{self, Misfit};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Cursor<'_> {
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
        column.push_null();
        Ok(())
    }

    /// Reads the object here into its columns.
    #[inline]
    pub(super) fn object(&mut self, into: &mut Struct) -> Outcome<()> {
        self.at += 1;
        let (row, begun) = (into.len(), into.begin());
        let (mut previous, mut filled) = (START, 0);
        let mut more = self.next_token() != b'}';
        self.at += usize::from(!more);
        while more {
            let name = self.name(into, previous)?;
            previous = name;
            match into.names.field(name) {
                Some(index) => {
                    let field = &mut into.fields[index];
                    if field.seen == begun {
                        field.column.truncate(row);
                    } else {
                        field.seen = begun;
                        filled += 1;
                    }
                    let outcome = self.value(&mut field.column, field.nullable, &field.data_type);
                    if let Err(problem) = outcome {
                        return Err(problem.in_field(into.field_name(index)));
                    }
                }
                None => self.skip()?,
            }
            more = self.another(b'}')?;
        }
        if filled < into.fields.len() {
            fill_missing(into, begun)?;
        }
        into.end_value();
        Ok(())
    }

    /// Reads a key and its colon; gives the name, as [`Struct::names`] knows it.
    #[inline(always)]
    fn name(&mut self, of: &mut Struct, previous: u32) -> Outcome<u32> {
        if self.next_token() != b'"' {
            return Err(self.syntax("a key"));
        }
        let text = self.text.get(self.at + 1..).unwrap_or_default();
        let name = match of.names.predict(previous, text, b'"') {
            Some((name, len)) => {
                self.at += len + 2;
                name
            }
            None => {
                self.skip_string()?;
                of.names.find(previous, self.scratch)
            }
        };
        if self.peek() == b':' {
            self.at += 1;
            return Ok(name);
        }
        self.expect(b':', "':'").map(|()| name)
    }

    fn list<O: OffsetSizeTrait>(&mut self, into: &mut List<O>) -> Outcome<()> {
        let List { items, item, .. } = into;
        let (nullable, item_type) = (item.is_nullable(), item.data_type());
        self.items(|cursor, _| cursor.value(items, nullable, item_type))?;
        into.end_value().map_err(full)
    }

    fn fixed_list(&mut self, into: &mut FixedList) -> Outcome<()> {
        let size = into.size();
        let FixedList { items, item, .. } = into;
        let (nullable, item_type) = (item.is_nullable(), item.data_type());
        let count =
            self.items(
                |cursor, index| {
                    if index < size { cursor.value(items, nullable, item_type) } else { cursor.skip() }
                },
            )?;
        if count != size {
            let what = format!("expected an array of {size} items, found {count}");
            return Err(Problem::new(code::TYPE_MISMATCH, what));
        }
        into.end_value();
        Ok(())
    }

    /// Reads the array here, item by item; gives their number.
    fn items(&mut self, mut item: impl FnMut(&mut Self, usize) -> Outcome<()>) -> Outcome<usize> {
        self.at += 1;
        let mut count = 0;
        let mut more = self.next_token() != b']';
        self.at += usize::from(!more);
        while more {
            item(self, count).map_err(|problem| problem.in_item(count))?;
            count += 1;
            more = self.another(b']')?;
        }
        Ok(count)
    }

    fn map(&mut self, into: &mut Map) -> Outcome<()> {
        let Map { keys, values, value, .. } = into;
        let (nullable, value_type) = (value.is_nullable(), value.data_type());
        self.at += 1;
        let mut more = self.next_token() != b'}';
        self.at += usize::from(!more);
        while more {
            if self.next_token() != b'"' {
                return Err(self.syntax("a key"));
            }
            let begin = self.at;
            self.map_key(keys)?;
            let end = self.at;
            self.expect(b':', "':'")?;
            if let Err(problem) = self.value(values, nullable, value_type) {
                return Err(problem.in_field(&quote(&self.text[begin + 1..end - 1])));
            }
            more = self.another(b'}')?;
        }
        into.end_value().map_err(full)
    }

    fn map_key(&mut self, keys: &mut Column) -> Outcome<()> {
        match keys {
            Column::Utf8(keys) => self.string_into(keys),
            Column::LargeUtf8(keys) => self.string_into(keys),
            _ => Err(Problem::new(code::TYPE_MISMATCH, "map keys are strings")),
        }
    }

    #[inline(always)]
    fn string_into<O: OffsetSizeTrait>(&mut self, into: &mut Bytes<O>) -> Outcome<()> {
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
    fn integer<T: ArrowNativeType + TryFrom<i128>>(&mut self, into: &mut Primitive<T>) -> Outcome<()> {
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
        let expected = type_name(data_type);
        let found = &self.text[begin..self.at];
        let what = match kind {
            "null" => format!("expected {expected}, found null"),
            _ => format!("expected {expected}, found {kind} {}", quote(found)),
        };
        Ok(Problem::new(code::TYPE_MISMATCH, what))
    }
}

/// The columns that a record did not mention.
#[cold]
#[inline(never)]
fn fill_missing(into: &mut Struct, begun: u64) -> Outcome<()> {
    for index in 0..into.fields.len() {
        let field = &mut into.fields[index];
        if field.seen == begun {
            continue;
        }
        if !field.nullable {
            let expected = type_name(&field.data_type);
            let what = format!("expected {expected}, found no such key");
            return Err(Problem::new(code::MISSING_COLUMN, what).in_field(into.field_name(index)));
        }
        field.column.push_null();
    }
    Ok(())
}

fn time(text: &[u8], unit: TimeUnit) -> Option<Result<i64, Misfit>> {
    temporal::parse_time(text).map(|time| time.in_unit(unit))
}

fn fits(value: i128, precision: u8) -> bool {
    10_i128.checked_pow(u32::from(precision)).is_none_or(|limit| value.unsigned_abs() < limit.unsigned_abs())
}

fn fits256(value: i256, precision: u8) -> bool {
    let digits = value.to_string();
    digits.trim_start_matches('-').len() <= usize::from(precision)
}

#[cold]
fn out_of_range(number: &Number, data_type: &DataType) -> Box<Problem> {
    let what = format!("expected {}, which cannot hold {}", type_name(data_type), quote(number.text));
    Problem::new(code::OUT_OF_RANGE, what)
}

#[cold]
fn full(_: Full) -> Box<Problem> {
    Problem::new(code::TOO_LARGE, "the column of this batch is full (2 GiB): read fewer bytes at once")
}
