//! Rows onto the wire, as their outline says: fields in the order of their numbers, nulls and what implicit presence
//! makes a default left out. Recursion is as deep as the schema. Knows nothing of batches and framing.

use std::collections::HashMap;
use std::ops::Range;

use super::json_wire::JsonWriter;
use super::kind::Number;
use super::outline::{Kind, Member, Message, Presence, Shape, Single};
use super::put;
use super::time;
use super::values::{self, Values};
use crate::codec::problem::{Outcome, Problem, code, quote};

/// What the outline of a message rules out.
const COMPILED: &str = "the column's type was looked at when the message was compiled";

/// Where rows are written.
pub(super) struct Writer<'o> {
    pub(super) out: &'o mut Vec<u8>,
    pub(super) json: &'o mut JsonWriter,
}

impl Writer<'_> {
    /// Appends the message that the columns hold in `row`. On an error part of it may be there.
    pub(super) fn message(&mut self, message: &Message, columns: &[Values], row: usize) -> Outcome<()> {
        for (name, members) in &message.oneofs {
            one_of(name, message, members, columns, row)?;
        }
        for member in &message.members {
            let values = &columns[member.column];
            let outcome = match values.is_null(row) {
                false => self.member(member, values, row),
                true if member.presence == Presence::Required => Err(missing()),
                true => Ok(()),
            };
            if let Err(problem) = outcome {
                return Err(problem.in_field(&member.name));
            }
        }
        Ok(())
    }

    fn member(&mut self, member: &Member, values: &Values, row: usize) -> Outcome<()> {
        match &member.shape {
            Shape::One(single) => self.single(single, values, row, member.presence == Presence::Implicit),
            Shape::Many(single) => {
                let (items, range) = items(values, row);
                let begin = range.start;
                for item in range {
                    let outcome = self.item(single, items, item);
                    outcome.map_err(|problem| problem.in_item(item - begin))?;
                }
                Ok(())
            }
            Shape::Packed(tag, kind) => {
                let (items, range) = items(values, row);
                if range.is_empty() {
                    return Ok(());
                }
                tag.put(self.out);
                let (length, begin) = (put::begin(self.out), range.start);
                for item in range {
                    let scalar = not_null(items, item).and_then(|()| scalar(kind, items, item));
                    scalar.map_err(|problem| problem.in_item(item - begin))?.put(self.out);
                }
                put::end(length, self.out);
                Ok(())
            }
            Shape::Map(tag, entry) => {
                let values::Kind::Map(offsets, columns) = &values.kind else { unreachable!("{COMPILED}") };
                for item in offsets[row] as usize..offsets[row + 1] as usize {
                    tag.put(self.out);
                    let length = put::begin(self.out);
                    for (single, values) in entry.iter().zip(columns.iter()) {
                        let outcome = self.item(single, values, item);
                        outcome.map_err(|problem| problem.in_item(item - offsets[row] as usize))?;
                    }
                    put::end(length, self.out);
                }
                Ok(())
            }
        }
    }

    fn item(&mut self, single: &Single, values: &Values, row: usize) -> Outcome<()> {
        not_null(values, row)?;
        self.single(single, values, row, false)
    }

    /// Appends the tag and the value in `row`, unless it is the default and `implicit`.
    #[inline]
    fn single(&mut self, single: &Single, values: &Values, row: usize, implicit: bool) -> Outcome<()> {
        match &single.kind {
            kind @ (Kind::Number(_) | Kind::Enum(_)) => {
                let scalar = scalar(kind, values, row)?;
                if !(implicit && scalar.is_zero()) {
                    single.tag.put(self.out);
                    scalar.put(self.out);
                }
                Ok(())
            }
            Kind::Text => match values.text(row) {
                Some(text) => Ok(self.bytes(single, text.as_bytes(), implicit)),
                None => self.delimited(single, |writer| Ok(values.decimal(row, writer.out))),
            },
            Kind::Bytes => {
                let bytes = values.bytes(row).unwrap_or_else(|| unreachable!("{COMPILED}"));
                Ok(self.bytes(single, bytes, implicit))
            }
            _ => self.structured(single, values, row),
        }
    }

    #[inline]
    fn bytes(&mut self, single: &Single, bytes: &[u8], implicit: bool) {
        if !(implicit && bytes.is_empty()) {
            single.tag.put(self.out);
            put::bytes(bytes, self.out);
        }
    }

    fn structured(&mut self, single: &Single, values: &Values, row: usize) -> Outcome<()> {
        match (&single.kind, &values.kind) {
            (Kind::Message(message), values::Kind::Struct(columns)) => {
                self.delimited(single, |writer| writer.message(message, columns, row))
            }
            (Kind::Group(message, end), values::Kind::Struct(columns)) => {
                single.tag.put(self.out);
                self.message(message, columns, row)?;
                end.put(self.out);
                Ok(())
            }
            (Kind::Time(instant, unit), values::Kind::Int64(units)) => {
                let (seconds, nanos) = time::parts(units[row], *instant, *unit)?;
                self.delimited(single, |writer| {
                    for (tag, value) in [(0x08, seconds), (0x10, i64::from(nanos))] {
                        if value != 0 {
                            writer.out.push(tag);
                            put::varint(value as u64, writer.out);
                        }
                    }
                    Ok(())
                })
            }
            (Kind::Wrapper(value), _) => {
                self.delimited(single, |writer| writer.single(value, values, row, true))
            }
            (Kind::Json(root), _) => {
                let text = values.text(row).unwrap_or_else(|| unreachable!("{COMPILED}"));
                self.delimited(single, |writer| writer.json.put(*root, text, writer.out))
            }
            _ => unreachable!("{COMPILED}"),
        }
    }

    #[inline]
    fn delimited(&mut self, single: &Single, write: impl FnOnce(&mut Writer) -> Outcome<()>) -> Outcome<()> {
        single.tag.put(self.out);
        let length = put::begin(self.out);
        write(self)?;
        put::end(length, self.out);
        Ok(())
    }
}

/// A number as the wire has it.
#[derive(Clone, Copy)]
enum Scalar {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
}

impl Scalar {
    #[inline]
    fn is_zero(self) -> bool {
        matches!(self, Scalar::Varint(0) | Scalar::Fixed32(0) | Scalar::Fixed64(0))
    }

    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        match self {
            Scalar::Varint(value) => put::varint(value, out),
            Scalar::Fixed32(value) => out.extend_from_slice(&value.to_le_bytes()),
            Scalar::Fixed64(value) => out.extend_from_slice(&value.to_le_bytes()),
        }
    }
}

#[inline]
fn scalar(kind: &Kind, values: &Values, row: usize) -> Outcome<Scalar> {
    match kind {
        Kind::Number(number) => self::number(*number, values, row),
        Kind::Enum(numbers) => {
            let name = values.text(row).unwrap_or_else(|| unreachable!("{COMPILED}"));
            enum_number(numbers, name).map(|number| Scalar::Varint(number as i64 as u64))
        }
        _ => unreachable!("{COMPILED}"),
    }
}

#[inline]
fn number(number: Number, values: &Values, row: usize) -> Outcome<Scalar> {
    match (number, &values.kind) {
        (Number::Bool, values::Kind::Boolean(values)) => return Ok(Scalar::Varint(values.value(row).into())),
        (Number::Float, values::Kind::Float32(values)) => return Ok(Scalar::Fixed32(values[row].to_bits())),
        (Number::Float | Number::Double, _) => {
            let value = values.float(row).unwrap_or_else(|| unreachable!("{COMPILED}"));
            return Ok(match number {
                Number::Float => Scalar::Fixed32((value as f32).to_bits()),
                _ => Scalar::Fixed64(value.to_bits()),
            });
        }
        _ => {}
    }
    let value = values.integer(row).unwrap_or_else(|| unreachable!("{COMPILED}"));
    let scalar = match number {
        Number::Int64 => i64::try_from(value).map(|value| Scalar::Varint(value as u64)),
        Number::Int32 => i32::try_from(value).map(|value| Scalar::Varint(value as i64 as u64)),
        Number::UInt64 => u64::try_from(value).map(Scalar::Varint),
        Number::UInt32 => u32::try_from(value).map(|value| Scalar::Varint(value.into())),
        Number::SInt64 => i64::try_from(value).map(|value| Scalar::Varint(zigzag(value))),
        Number::SInt32 => i32::try_from(value).map(|value| Scalar::Varint(zigzag(value.into()))),
        Number::SFixed64 => i64::try_from(value).map(|value| Scalar::Fixed64(value as u64)),
        Number::SFixed32 => i32::try_from(value).map(|value| Scalar::Fixed32(value as u32)),
        Number::Fixed64 => u64::try_from(value).map(Scalar::Fixed64),
        Number::Fixed32 => u32::try_from(value).map(Scalar::Fixed32),
        Number::Bool | Number::Float | Number::Double => unreachable!("{COMPILED}"),
    };
    scalar.map_err(|_| {
        let what = format!("expected {}, which cannot hold {value}", format!("{number:?}").to_lowercase());
        Problem::new(code::OUT_OF_RANGE, what)
    })
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The number that a name of an enum stands for; one without a name is its number.
#[inline]
fn enum_number(numbers: &HashMap<Box<str>, i32>, name: &str) -> Outcome<i32> {
    let number = numbers.get(name).copied().or_else(|| name.parse().ok());
    number.ok_or_else(|| {
        let what = format!("expected a name of the enum or a number, found \"{}\"", quote(name.as_bytes()));
        Problem::new(code::TYPE_MISMATCH, what)
    })
}

/// The items of a list column, and which of them are in the list of `row`.
#[inline]
fn items<'v, 'a>(values: &'v Values<'a>, row: usize) -> (&'v Values<'a>, Range<usize>) {
    match &values.kind {
        values::Kind::List(offsets, items) => (items, offsets[row] as usize..offsets[row + 1] as usize),
        values::Kind::LargeList(offsets, items) => (items, offsets[row] as usize..offsets[row + 1] as usize),
        values::Kind::FixedList(size, items) => (items, row * size..(row + 1) * size),
        _ => unreachable!("{COMPILED}"),
    }
}

#[inline]
fn not_null(values: &Values, row: usize) -> Outcome<()> {
    if values.is_null(row) {
        let what = "null, which protobuf has not within lists and maps";
        return Err(Problem::new(code::TYPE_MISMATCH, what));
    }
    Ok(())
}

/// No more than one member of a oneof has a value.
fn one_of(name: &str, message: &Message, members: &[usize], columns: &[Values], row: usize) -> Outcome<()> {
    let member = |place: usize| &message.members[place];
    let mut there = members.iter().filter(|&&place| !columns[member(place).column].is_null(row));
    if let (Some(&first), Some(&second)) = (there.next(), there.next()) {
        let (first, second) = (&member(first).name, &member(second).name);
        let what = format!("expected one of oneof {name}, found {first} and {second}");
        return Err(Problem::new(code::TYPE_MISMATCH, what));
    }
    Ok(())
}

#[cold]
fn missing() -> Box<Problem> {
    Problem::new(code::MISSING_COLUMN, "required, and null")
}
