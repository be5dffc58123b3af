//! `google.protobuf.Struct`, `Value` and `ListValue` as JSON text. The text written so far is all the state that
//! merging needs: an object or array whose message goes on is opened again. Without recursion. Knows nothing of
//! columns.

use super::kind::JsonRoot;
use super::wire::{Tag, Wire, WireType, other_wire_type};
use crate::codec::column::not_utf8;
use crate::codec::json;
use crate::codec::problem::{Outcome, Problem, code};

/// Deepest nesting of objects and arrays.
const MAX_DEPTH: usize = 64;

/// Reads such messages, one after the other.
pub(super) struct JsonText {
    root: JsonRoot,
    /// Where the text of the value begins.
    begin: usize,
    /// Messages that are not at their end, from the outside in.
    open: Vec<Open>,
}

#[derive(Clone, Copy)]
struct Open {
    message: Message,
    /// Where the message ends in the record.
    end: usize,
    /// Where the text begins of the value that it is, or whose entry it is.
    begin: usize,
    /// Objects and arrays around it, itself included.
    depth: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Message {
    /// `Struct`: field 1 is an entry.
    Object,
    /// `ListValue`: field 1 is a value.
    Array,
    /// Field 2 is a value; field 1, the key, is written already.
    Entry,
    /// `Value`: fields 1 to 6 are a null, number, string, boolean, object, array.
    Value,
}

impl JsonText {
    pub(super) fn new(root: JsonRoot) -> JsonText {
        JsonText { root, begin: 0, open: Vec::new() }
    }

    /// Begins a value, at the end of `out`.
    pub(super) fn open(&mut self, out: &[u8]) {
        self.begin = out.len();
    }

    /// Appends the text of one occurrence, or merges it with that of those before.
    pub(super) fn read(&mut self, all: &Wire, out: &mut Vec<u8>) -> Outcome<()> {
        let record = all.record();
        let begin = self.begin;
        self.open.clear();
        let root = match self.root {
            JsonRoot::Any => Open { message: Message::Value, end: record.len(), begin, depth: 0 },
            JsonRoot::Object => container(Message::Object, record.len(), begin, 1, out),
            JsonRoot::Array => container(Message::Array, record.len(), begin, 1, out),
        };
        self.open.push(root);
        let mut at = all.at();
        while let Some(&open) = self.open.last() {
            let mut wire = all.within(at, open.end);
            match wire.tag(0)? {
                None => {
                    close(open, out);
                    self.open.pop();
                }
                Some(tag) => {
                    if let Some(inner) = field(open, tag, &mut wire, out)? {
                        if inner.0.depth > MAX_DEPTH {
                            let what = format!("JSON is nested deeper than {MAX_DEPTH} levels");
                            return Err(Problem::new(code::TOO_LARGE, what));
                        }
                        self.open.push(inner.0);
                        at = inner.1;
                        continue;
                    }
                }
            }
            at = wire.at();
        }
        Ok(())
    }

    /// Ends a value.
    pub(super) fn close(&self, out: &mut Vec<u8>) {
        if out.len() == self.begin {
            out.extend_from_slice(match self.root {
                JsonRoot::Object => &b"{}"[..],
                JsonRoot::Array => b"[]",
                JsonRoot::Any => b"null",
            });
        }
    }
}

/// Reads one field of a message; gives the message in it, if it is one, and where that begins.
#[inline]
fn field(open: Open, tag: Tag, wire: &mut Wire, out: &mut Vec<u8>) -> Outcome<Option<(Open, usize)>> {
    let Open { message, begin, depth, .. } = open;
    let inner = match (message, tag.number, tag.wire) {
        (Message::Object, 1, WireType::Length) => {
            let entry = wire.delimited()?;
            separate(b'{', out);
            json::string(key(&entry)?, out);
            out.push(b':');
            (Open { message: Message::Entry, end: entry.record().len(), begin: out.len(), depth }, entry)
        }
        (Message::Array, 1, WireType::Length) => {
            separate(b'[', out);
            let value = wire.delimited()?;
            (Open { message: Message::Value, end: value.record().len(), begin: out.len(), depth }, value)
        }
        (Message::Entry, 2, WireType::Length) => {
            let value = wire.delimited()?;
            (Open { message: Message::Value, end: value.record().len(), begin, depth }, value)
        }
        (Message::Value, 5, WireType::Length) => {
            let object = wire.delimited()?;
            (container(Message::Object, object.record().len(), begin, depth + 1, out), object)
        }
        (Message::Value, 6, WireType::Length) => {
            let array = wire.delimited()?;
            (container(Message::Array, array.record().len(), begin, depth + 1, out), array)
        }
        (Message::Object | Message::Array, 1, other)
        | (Message::Entry, 2, other)
        | (Message::Value, 5 | 6, other) => {
            return Err(other_wire_type(WireType::Length, other));
        }
        (Message::Value, ..) => return scalar(tag, wire, begin, out).map(|()| None),
        _ => return wire.skip(tag).map(|()| None),
    };
    Ok(Some((inner.0, inner.1.at())))
}

/// Reads a field of a `Value` that is no object and no array.
fn scalar(tag: Tag, wire: &mut Wire, begin: usize, out: &mut Vec<u8>) -> Outcome<()> {
    match (tag.number, tag.wire) {
        (1, WireType::Varint) => {
            wire.varint()?;
            out.truncate(begin);
            out.extend_from_slice(b"null");
        }
        (2, WireType::Fixed64) => {
            let number = f64::from_bits(wire.fixed64()?);
            out.truncate(begin);
            if !json::float64(number, out) {
                let what = format!("JSON has no number for {number}");
                return Err(Problem::new(code::OUT_OF_RANGE, what));
            }
        }
        (3, WireType::Length) => {
            let string = wire.delimited()?;
            out.truncate(begin);
            json::string(utf8(&string)?, out);
        }
        (4, WireType::Varint) => {
            let value = wire.varint()? != 0;
            out.truncate(begin);
            out.extend_from_slice(if value { b"true" } else { b"false" });
        }
        (1 | 4, other) => return Err(other_wire_type(WireType::Varint, other)),
        (2, other) => return Err(other_wire_type(WireType::Fixed64, other)),
        (3, other) => return Err(other_wire_type(WireType::Length, other)),
        _ => wire.skip(tag)?,
    }
    Ok(())
}

/// An object or array whose text begins at `begin`: begun, or opened again where it is there already.
fn container(message: Message, end: usize, begin: usize, depth: usize, out: &mut Vec<u8>) -> Open {
    let bracket = if message == Message::Object { b'{' } else { b'[' };
    if out.get(begin) == Some(&bracket) {
        out.pop();
    } else {
        out.truncate(begin);
        out.push(bracket);
    }
    Open { message, end, begin, depth }
}

fn close(open: Open, out: &mut Vec<u8>) {
    match open.message {
        Message::Object => out.push(b'}'),
        Message::Array => out.push(b']'),
        // Nothing was said about the value.
        Message::Entry | Message::Value if out.len() == open.begin => out.extend_from_slice(b"null"),
        Message::Entry | Message::Value => {}
    }
}

fn separate(bracket: u8, out: &mut Vec<u8>) {
    if out.last() != Some(&bracket) {
        out.push(b',');
    }
}

/// The key of an entry: its last field 1.
fn key<'a>(entry: &Wire<'a>) -> Outcome<&'a str> {
    let mut wire = entry.within(entry.at(), entry.record().len());
    let mut key = "";
    while let Some(tag) = wire.tag(0)? {
        match tag {
            Tag { number: 1, wire: WireType::Length } => key = utf8(&wire.delimited()?)?,
            Tag { number: 1, wire: other } => return Err(other_wire_type(WireType::Length, other)),
            _ => wire.skip(tag)?,
        }
    }
    Ok(key)
}

fn utf8<'a>(text: &Wire<'a>) -> Outcome<&'a str> {
    std::str::from_utf8(text.rest()).map_err(not_utf8)
}
