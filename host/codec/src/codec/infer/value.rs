//! One record of a sample as a tree: what JSON and MessagePack have in common. Only for inference, where records
//! are few; what is read for good goes straight into columns.

use std::collections::HashMap;

use rmp::Marker;
use rmp::decode::read_marker;

use crate::codec::json::{self, Cursor, Number};

/// Values of MessagePack within each other.
const MAX_DEPTH: usize = 64;
/// MessagePack's extension type of timestamps.
const TIMESTAMP: i8 = -1;

/// A value.
#[derive(Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Boolean,
    Integer(Whole),
    Float,
    Text,
    Bytes,
    Time,
    /// Any other extension of MessagePack.
    Extension,
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

/// Which integers there are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Whole {
    /// One is below zero.
    pub(super) negative: bool,
    /// One is beyond int64, but not beyond uint64.
    pub(super) large: bool,
    /// One is beyond both.
    pub(super) huge: bool,
}

/// JSON text as a value, as the codec reads it; nothing may follow it.
pub(super) fn from_json(text: &[u8]) -> Option<Value> {
    let mut cursor = Cursor { text, at: 0, scratch: &mut Vec::new() };
    let value = of_json(&mut cursor, 0)?;
    cursor.end().ok()?;
    Some(value)
}

fn of_json(cursor: &mut Cursor<'_>, depth: u32) -> Option<Value> {
    if depth + 1 >= json::MAX_DEPTH {
        return None;
    }
    Some(match cursor.next_token() {
        b'n' => cursor.literal("null").map(|()| Value::Null).ok()?,
        b't' => cursor.literal("true").map(|()| Value::Boolean).ok()?,
        b'f' => cursor.literal("false").map(|()| Value::Boolean).ok()?,
        b'"' => text(cursor).map(|_| Value::Text)?,
        b'[' => {
            let mut items = Vec::new();
            let mut more = opened(cursor, b']');
            while more {
                items.push(of_json(cursor, depth + 1)?);
                more = cursor.another(b']').ok()?;
            }
            Value::List(items)
        }
        b'{' => {
            let (mut fields, mut by_name) = (Vec::new(), HashMap::new());
            let mut more = opened(cursor, b'}');
            while more {
                let name = (cursor.next_token() == b'"').then(|| text(cursor))??;
                cursor.expect(b':', "':'").ok()?;
                let value = of_json(cursor, depth + 1)?;
                // Of a repeated key the last counts.
                let at = *by_name.entry(name.clone()).or_insert(fields.len());
                match fields.get_mut(at) {
                    Some(field) => *field = (name, value),
                    None => fields.push((name, value)),
                }
                more = cursor.another(b'}').ok()?;
            }
            Value::Object(fields)
        }
        _ => number(cursor.number().ok()?)?,
    })
}

/// Skips an opening bracket; whether something follows, as `end` does not.
fn opened(cursor: &mut Cursor<'_>, end: u8) -> bool {
    cursor.at += 1;
    let empty = cursor.next_token() == end;
    cursor.at += usize::from(empty);
    !empty
}

fn text(cursor: &mut Cursor<'_>) -> Option<String> {
    let mut text = Vec::new();
    cursor.string(&mut text).ok()?;
    String::from_utf8(text).ok()
}

/// A number by how it is written: `1e30` may be rounded, a one with thirty zeros may be an id. None where no float holds
/// it.
fn number(number: Number<'_>) -> Option<Value> {
    number.float64()?;
    if number.text.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        return Some(Value::Float);
    }
    let text = std::str::from_utf8(number.text).ok()?;
    let (signed, unsigned) = (text.parse::<i64>().ok(), text.parse::<u64>().ok());
    Some(Value::Integer(Whole {
        negative: signed.is_some_and(|number| number < 0),
        large: signed.is_none() && unsigned.is_some(),
        huge: signed.is_none() && unsigned.is_none(),
    }))
}

/// A MessagePack value; nothing may follow it.
pub(super) fn from_msgpack(bytes: &[u8]) -> Option<Value> {
    let mut rest = bytes;
    let value = read(&mut rest, 0)?;
    rest.is_empty().then_some(value)
}

fn read(rest: &mut &[u8], depth: usize) -> Option<Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    let signed = |number: i64| Value::Integer(Whole { negative: number < 0, ..Whole::default() });
    Some(match read_marker(rest).ok()? {
        Marker::Null => Value::Null,
        Marker::True | Marker::False => Value::Boolean,
        Marker::FixPos(_) => signed(0),
        Marker::FixNeg(_) => signed(-1),
        Marker::U8 => take(rest, 1).map(|_| signed(0))?,
        Marker::U16 => take(rest, 2).map(|_| signed(0))?,
        Marker::U32 => take(rest, 4).map(|_| signed(0))?,
        Marker::U64 => {
            let number = u64::from_be_bytes(take(rest, 8)?.try_into().ok()?);
            Value::Integer(Whole { large: i64::try_from(number).is_err(), ..Whole::default() })
        }
        Marker::I8 => signed(i64::from(take(rest, 1)?[0] as i8)),
        Marker::I16 => signed(i64::from(i16::from_be_bytes(take(rest, 2)?.try_into().ok()?))),
        Marker::I32 => signed(i64::from(i32::from_be_bytes(take(rest, 4)?.try_into().ok()?))),
        Marker::I64 => signed(i64::from_be_bytes(take(rest, 8)?.try_into().ok()?)),
        Marker::F32 => take(rest, 4).map(|_| Value::Float)?,
        Marker::F64 => take(rest, 8).map(|_| Value::Float)?,
        Marker::FixStr(len) => take(rest, usize::from(len)).map(|_| Value::Text)?,
        Marker::Str8 => counted(rest, 1).map(|_| Value::Text)?,
        Marker::Str16 => counted(rest, 2).map(|_| Value::Text)?,
        Marker::Str32 => counted(rest, 4).map(|_| Value::Text)?,
        Marker::Bin8 => counted(rest, 1).map(|_| Value::Bytes)?,
        Marker::Bin16 => counted(rest, 2).map(|_| Value::Bytes)?,
        Marker::Bin32 => counted(rest, 4).map(|_| Value::Bytes)?,
        Marker::FixArray(len) => list(rest, usize::from(len), depth)?,
        Marker::Array16 => length(rest, 2).and_then(|len| list(rest, len, depth))?,
        Marker::Array32 => length(rest, 4).and_then(|len| list(rest, len, depth))?,
        Marker::FixMap(len) => object(rest, usize::from(len), depth)?,
        Marker::Map16 => length(rest, 2).and_then(|len| object(rest, len, depth))?,
        Marker::Map32 => length(rest, 4).and_then(|len| object(rest, len, depth))?,
        Marker::FixExt1 => extension(rest, 1)?,
        Marker::FixExt2 => extension(rest, 2)?,
        Marker::FixExt4 => extension(rest, 4)?,
        Marker::FixExt8 => extension(rest, 8)?,
        Marker::FixExt16 => extension(rest, 16)?,
        Marker::Ext8 => length(rest, 1).and_then(|len| extension(rest, len))?,
        Marker::Ext16 => length(rest, 2).and_then(|len| extension(rest, len))?,
        Marker::Ext32 => length(rest, 4).and_then(|len| extension(rest, len))?,
        Marker::Reserved => return None,
    })
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(len)?;
    *rest = left;
    Some(taken)
}

fn length(rest: &mut &[u8], width: usize) -> Option<usize> {
    take(rest, width).map(|bytes| bytes.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)))
}

fn counted<'a>(rest: &mut &'a [u8], width: usize) -> Option<&'a [u8]> {
    length(rest, width).and_then(|len| take(rest, len))
}

/// A declared length makes no room: items are added as they are read.
fn list(rest: &mut &[u8], len: usize, depth: usize) -> Option<Value> {
    let mut items = Vec::new();
    for _ in 0..len {
        items.push(read(rest, depth + 1)?);
    }
    Some(Value::List(items))
}

fn object(rest: &mut &[u8], len: usize, depth: usize) -> Option<Value> {
    let mut fields = Vec::new();
    for _ in 0..len {
        let name = match read_marker(rest).ok()? {
            Marker::FixStr(len) => take(rest, usize::from(len)),
            Marker::Str8 => counted(rest, 1),
            Marker::Str16 => counted(rest, 2),
            _ => None,
        };
        let name = std::str::from_utf8(name?).ok()?.to_owned();
        fields.push((name, read(rest, depth + 1)?));
    }
    Some(Value::Object(fields))
}

fn extension(rest: &mut &[u8], len: usize) -> Option<Value> {
    let of = take(rest, 1)?[0] as i8;
    take(rest, len)?;
    Some(if of == TIMESTAMP { Value::Time } else { Value::Extension })
}
