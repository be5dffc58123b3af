//! JSON text as `google.protobuf.Struct`, `Value` or `ListValue`, in one pass and without recursion. Knows nothing
//! of arrays.

use super::kind::JsonRoot;
use super::put;
use crate::codec::json::Cursor;
use crate::codec::problem::{Outcome, Problem, code, quote};

/// Deepest nesting of objects and arrays: a level is up to three messages, and readers take a hundred.
const MAX_DEPTH: usize = 32;

// Tags of the fields of `Struct` and `ListValue` (both 1), of an entry, and of `Value`.
const ITEM: u8 = 0x0a;
const KEY: u8 = 0x0a;
const VALUE: u8 = 0x12;
const NULL: [u8; 2] = [0x08, 0];
const NUMBER: u8 = 0x11;
const STRING: u8 = 0x1a;
const BOOLEAN: u8 = 0x20;
const OBJECT: u8 = 0x2a;
const ARRAY: u8 = 0x32;

/// Writes such messages, one after the other.
#[derive(Default)]
pub(super) struct JsonWriter {
    scratch: Vec<u8>,
    /// Objects and arrays that are not at their end, from the outside in.
    open: Vec<Open>,
}

/// Places of lengths that are not known yet.
struct Open {
    object: bool,
    /// Of the object or array; none where it is the message itself.
    container: Option<usize>,
    /// Of the entry or item being written, and of the entry's value.
    item: usize,
    value: Option<usize>,
}

impl JsonWriter {
    /// Appends the message that is `text`.
    pub(super) fn put(&mut self, root: JsonRoot, text: &str, out: &mut Vec<u8>) -> Outcome<()> {
        self.open.clear();
        let mut cursor = Cursor { text: text.as_bytes(), at: 0, scratch: &mut self.scratch };
        let first = cursor.next_token();
        match (root, first) {
            (JsonRoot::Object, b'{') | (JsonRoot::Array, b'[') | (JsonRoot::Any, _) => {}
            _ => {
                let expected = if root == JsonRoot::Object { "a JSON object" } else { "a JSON array" };
                let what = format!("expected {expected}, found {}", quote(text.as_bytes()));
                return Err(Problem::new(code::TYPE_MISMATCH, what));
            }
        }
        let whole = root != JsonRoot::Any;
        value(&mut cursor, whole, &mut self.open, out)?;
        while let Some(open) = self.open.last_mut() {
            match next(&mut cursor, open, out)? {
                true => value(&mut cursor, false, &mut self.open, out)?,
                false => drop(self.open.pop()),
            }
        }
        cursor.end()
    }
}

/// Writes the value here; an object or array is begun only. `whole`: it is the message itself.
fn value(cursor: &mut Cursor, whole: bool, open: &mut Vec<Open>, out: &mut Vec<u8>) -> Outcome<()> {
    match cursor.next_token() {
        bracket @ (b'{' | b'[') => {
            if open.len() == MAX_DEPTH {
                let what = format!("JSON is nested deeper than {MAX_DEPTH} levels");
                return Err(Problem::new(code::TOO_LARGE, what));
            }
            cursor.at += 1;
            let object = bracket == b'{';
            let container = (!whole).then(|| {
                out.push(if object { OBJECT } else { ARRAY });
                put::begin(out)
            });
            open.push(Open { object, container, item: 0, value: None });
        }
        b'"' => {
            out.push(STRING);
            string(cursor, out)?;
        }
        b't' => {
            cursor.literal("true")?;
            out.extend_from_slice(&[BOOLEAN, 1]);
        }
        b'f' => {
            cursor.literal("false")?;
            out.extend_from_slice(&[BOOLEAN, 0]);
        }
        b'n' => {
            cursor.literal("null")?;
            out.extend_from_slice(&NULL);
        }
        b'-' | b'0'..=b'9' => {
            let number = cursor.number()?;
            let Some(value) = number.float64() else {
                let what = format!("expected a float64, which cannot hold {}", quote(number.text));
                return Err(Problem::new(code::OUT_OF_RANGE, what));
            };
            out.push(NUMBER);
            out.extend_from_slice(&value.to_le_bytes());
        }
        _ => return Err(cursor.syntax("a value")),
    }
    Ok(())
}

/// Ends the item before, if there is one; begins the next one up to its value, or ends the object or array (false).
fn next(cursor: &mut Cursor, open: &mut Open, out: &mut Vec<u8>) -> Outcome<bool> {
    let end = if open.object { b'}' } else { b']' };
    let first = open.item == 0;
    if !first {
        open.value.iter().for_each(|value| put::end(*value, out));
        put::end(open.item, out);
    }
    let more = match first {
        true if cursor.next_token() == end => {
            cursor.at += 1;
            false
        }
        true => true,
        false => cursor.another(end)?,
    };
    if !more {
        open.container.iter().for_each(|container| put::end(*container, out));
        return Ok(false);
    }
    out.push(ITEM);
    open.item = put::begin(out);
    if open.object {
        if cursor.next_token() != b'"' {
            return Err(cursor.syntax("a key"));
        }
        out.push(KEY);
        string(cursor, out)?;
        cursor.expect(b':', "':'")?;
        out.push(VALUE);
        open.value = Some(put::begin(out));
    }
    Ok(true)
}

fn string(cursor: &mut Cursor, out: &mut Vec<u8>) -> Outcome<()> {
    let length = put::begin(out);
    cursor.string(out)?;
    put::end(length, out);
    Ok(())
}
