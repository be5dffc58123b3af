//! One record of a sample as a tree: what JSON and MessagePack have in common. Only for inference, where records
//! are few; what is read for good goes straight into columns.

use rmp::Marker;
use rmp::decode::read_marker;

/// Values within each other.
const MAX_DEPTH: usize = 64;
/// MessagePack's extension type of timestamps.
const TIMESTAMP: i8 = -1;

/// A value.
#[derive(Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Boolean,
    Integer {
        large: bool,
        negative: bool,
    },
    Float,
    Text,
    Bytes,
    Time,
    /// Any other extension of MessagePack.
    Extension,
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

/// JSON text as a value.
pub(super) fn from_json(text: &[u8]) -> Option<Value> {
    serde_json::from_slice(text).ok().map(of_json)
}

fn of_json(json: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::Null,
        Json::Bool(_) => Value::Boolean,
        Json::Number(number) if number.is_f64() => Value::Float,
        Json::Number(number) => Value::Integer {
            large: !number.is_i64(),
            negative: number.as_i64().is_some_and(|number| number < 0),
        },
        Json::String(_) => Value::Text,
        Json::Array(items) => Value::List(items.into_iter().map(of_json).collect()),
        Json::Object(object) => Value::Object(object.into_iter().map(|(k, v)| (k, of_json(v))).collect()),
    }
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
    let signed = |number: i64| Value::Integer { large: false, negative: number < 0 };
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
            Value::Integer { large: i64::try_from(number).is_err(), negative: false }
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
