//! A JSON text as a row of slots, to be checked and forgotten: all that a validator asks of a value, without a tree of
//! it. The room is kept from value to value. Knows nothing of schemas.
//!
//! ```text
//! {"a": [1, "x"]}  ─▶  Object(1 member, end 5)  Text(a)  Array(2 items, end 5)  Number(1)  Text(x)
//! ```
//!
//! Every look at a value is counted: a schema can make a validator look at a small value for hours, and there is no
//! other way to stop it than from in here.

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use jsonschema::JsonType;
use jsonschema::json::{self, Json, NodeIdentity, cmp};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::unique;
use crate::codec::problem::quote;

/// In objects of more members than this a key is looked up in a list that is in order.
const SCANNED_MAX: u32 = 24;
/// Slots and bytes of text whose room is kept.
const KEPT: usize = 1 << 16;
/// How often a key that is checked as a value may be looked at.
const NAME_LOOKS: u64 = 10_000;

/// A value, read from its text.
#[derive(Default)]
pub(super) struct Tape {
    slots: Vec<Slot>,
    /// Strings and keys, back to back.
    text: String,
    /// The keys of each large object, in order.
    keys: Vec<u32>,
    /// How deep the value is nested, and the one that is being read.
    depth: u32,
    reading: u32,
    looks: Looks,
}

/// How often a validator may still look at a value.
struct Looks(AtomicU64);

impl Default for Looks {
    fn default() -> Self {
        Looks(AtomicU64::new(u64::MAX))
    }
}

/// With what a validator is ended that has looked too often.
struct Exhausted;

impl Looks {
    /// A tape is looked at by one thread at a time: there is nothing to lose between reading and writing.
    #[inline]
    fn take(&self) {
        match self.0.load(Relaxed) {
            0 => exhausted(),
            left => self.0.store(left - 1, Relaxed),
        }
    }
}

#[cold]
fn exhausted() -> ! {
    // No hook is called: it is no bug, and `within` waits for it.
    resume_unwind(Box::new(Exhausted));
}

/// A value without what is in it, or a key; the values of an array and the members of an object follow it.
enum Slot {
    Null,
    Boolean(bool),
    Number(Number),
    /// A string or key, from a place in the text to another.
    Text(u32, u32),
    /// So many items; the slot after the last one.
    Array(u32, u32),
    /// So many members; the slot after the last one; where the list of its keys begins, if there is one.
    Object(u32, u32, u32),
}

/// No list of keys.
const NONE: u32 = u32::MAX;

impl Tape {
    /// Reads a text in place of what was read before, or says why it is nothing that can be checked.
    pub(super) fn read(&mut self, text: &[u8]) -> Result<Entry<'_>, serde_json::Error> {
        if self.slots.capacity() > KEPT || self.text.capacity() > KEPT {
            *self = Tape::default();
        }
        self.clear();
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        Writer(self).deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(Entry { tape: self, at: 0 })
    }

    fn clear(&mut self) {
        self.slots.clear();
        self.text.clear();
        self.keys.clear();
        (self.depth, self.reading) = (0, 0);
        self.looks = Looks::default();
    }

    fn enter(&mut self) {
        self.reading += 1;
        self.depth = self.depth.max(self.reading);
    }

    fn push_text(&mut self, text: &str) {
        let begin = self.text.len() as u32;
        self.text.push_str(text);
        self.slots.push(Slot::Text(begin, self.text.len() as u32));
    }

    fn text_at(&self, at: u32) -> Option<&str> {
        match self.slots[at as usize] {
            Slot::Text(begin, end) => Some(&self.text[begin as usize..end as usize]),
            _ => None,
        }
    }

    /// The slot after a value.
    fn after(&self, at: u32) -> u32 {
        match self.slots[at as usize] {
            Slot::Array(_, end) | Slot::Object(_, end, _) => end,
            _ => at + 1,
        }
    }

    /// The keys between two slots, where one member follows the other.
    fn keys_between(&self, begin: u32, end: u32) -> Keys<'_> {
        Keys { tape: self, at: begin, end }
    }

    /// Whether the key in the last slot is among those from `begin` on.
    fn repeats(&self, begin: u32) -> bool {
        let last = self.slots.len() as u32 - 1;
        self.keys_between(begin, last).any(|key| self.text_at(key) == self.text_at(last))
    }

    /// Lists the keys from `begin` on in order; gives where the list begins, or a key that is there twice.
    fn list_keys(&mut self, begin: u32) -> Result<usize, &str> {
        let list = self.keys.len();
        let mut keys = std::mem::take(&mut self.keys);
        keys.extend(self.keys_between(begin, self.slots.len() as u32));
        keys[list..].sort_unstable_by(|a, b| self.text_at(*a).cmp(&self.text_at(*b)));
        let same = |pair: &&[u32]| self.text_at(pair[0]) == self.text_at(pair[1]);
        let twice = keys[list..].windows(2).find(same).map(|pair| pair[0]);
        self.keys = keys;
        match twice.and_then(|key| self.text_at(key)) {
            Some(key) => Err(key),
            None => Ok(list),
        }
    }
}

/// Where the keys of an object are.
struct Keys<'a> {
    tape: &'a Tape,
    at: u32,
    end: u32,
}

impl Iterator for Keys<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        (self.at < self.end).then(|| {
            let key = self.at;
            self.at = self.tape.after(key + 1);
            key
        })
    }
}

/// Appends a value to a tape.
struct Writer<'t>(&'t mut Tape);

impl<'de> DeserializeSeed<'de> for Writer<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Writer<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.slots.push(Slot::Null);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.0.slots.push(Slot::Boolean(value));
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.0.slots.push(Slot::Number(value.into()));
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.0.slots.push(Slot::Number(value.into()));
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        if value == 0.0 {
            // Also -0, which is the integer 0.
            return self.visit_u64(0);
        }
        let number = Number::from_f64(value).ok_or_else(|| E::custom("the number is not finite"))?;
        self.0.slots.push(Slot::Number(number));
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.push_text(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        let tape = self.0;
        let (at, mut items) = (tape.slots.len(), 0);
        tape.enter();
        tape.slots.push(Slot::Array(0, 0));
        while from.next_element_seed(Writer(tape))?.is_some() {
            items += 1;
        }
        tape.reading -= 1;
        tape.slots[at] = Slot::Array(items, tape.slots.len() as u32);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        let tape = self.0;
        let (at, mut members) = (tape.slots.len(), 0);
        tape.enter();
        tape.slots.push(Slot::Object(0, 0, NONE));
        let begin = at as u32 + 1;
        // A bit for each key, by what is quickly seen of it: where none is set twice, all keys differ.
        let mut seen = 0_u64;
        while from.next_key_seed(Writer(tape))?.is_some() {
            let bit = 1 << tape.text_at(tape.slots.len() as u32 - 1).map_or(0, trait_of);
            if seen & bit != 0 && members <= SCANNED_MAX && tape.repeats(begin) {
                let key = tape.text_at(tape.slots.len() as u32 - 1).unwrap_or_default();
                return Err(twice(key));
            }
            members += 1;
            seen |= bit;
            from.next_value_seed(Writer(tape))?;
        }
        let mut list = NONE;
        if members > SCANNED_MAX {
            list = tape.list_keys(begin).map_err(twice)? as u32;
        }
        tape.reading -= 1;
        tape.slots[at] = Slot::Object(members, tape.slots.len() as u32, list);
        Ok(())
    }
}

/// What the columns would make of the second is not what was checked.
#[cold]
fn twice<E: Error>(key: &str) -> E {
    E::custom(format_args!("the key {} is there twice", quote(key.as_bytes())))
}

/// Something below 64 that equal keys have in common.
fn trait_of(key: &str) -> u32 {
    let byte = |byte: Option<&u8>| byte.map_or(0, |byte| u32::from(*byte));
    let (first, last) = (byte(key.as_bytes().first()), byte(key.as_bytes().last()));
    (first ^ (last << 1) ^ (key.len() as u32).wrapping_mul(11)) % 64
}

/// Tapes as the validator takes them.
impl Json for Tape {
    type Node<'a> = Entry<'a>;
    type PreparedKey = String;
    /// A key is looked for among the keys that come before it.
    const KEYS_PER_LOOKUP: usize = 2;
    const ACYCLIC: bool = true;
    type StringBuffer = Tape;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>(buffer: &mut Tape, text: &str, with: impl FnOnce(Entry<'_>) -> T) -> T {
        buffer.clear();
        buffer.push_text(text);
        buffer.looks.0.store(NAME_LOOKS, Relaxed);
        with(Entry { tape: buffer, at: 0 })
    }
}

/// A value on a tape.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    tape: &'a Tape,
    at: u32,
}

impl<'a> Entry<'a> {
    fn slot(self) -> &'a Slot {
        self.tape.looks.take();
        &self.tape.slots[self.at as usize]
    }

    /// How deep the whole value is nested.
    pub(super) fn depth(self) -> usize {
        self.tape.depth as usize
    }

    /// Values and keys of the whole value.
    pub(super) fn parts(self) -> usize {
        self.tape.slots.len()
    }

    /// What `validate` answers; `None` where it has to look at a value more than `looks` times.
    pub(super) fn within<T>(self, looks: u64, validate: impl FnOnce(Self) -> T) -> Option<T> {
        self.tape.looks.0.store(looks, Relaxed);
        let answer = catch_unwind(AssertUnwindSafe(|| validate(self)));
        self.tape.looks.0.store(u64::MAX, Relaxed);
        match answer {
            Ok(answer) => Some(answer),
            Err(panic) if panic.is::<Exhausted>() => None,
            Err(panic) => resume_unwind(panic),
        }
    }
}

impl<'a> json::Node<'a, Tape> for Entry<'a> {
    type Object = Entry<'a>;
    type Array = Entry<'a>;
    type Number = &'a Number;

    fn as_object(&self) -> Option<Entry<'a>> {
        matches!(self.slot(), Slot::Object(..)).then_some(*self)
    }

    fn as_array(&self) -> Option<Entry<'a>> {
        matches!(self.slot(), Slot::Array(..)).then_some(*self)
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        self.tape.looks.take();
        self.tape.text_at(self.at).map(Cow::Borrowed)
    }

    fn as_number(&self) -> Option<&'a Number> {
        match self.slot() {
            Slot::Number(number) => Some(number),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match self.slot() {
            Slot::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self.slot(), Slot::Null)
    }

    fn json_type(&self) -> JsonType {
        match self.slot() {
            Slot::Null => JsonType::Null,
            Slot::Boolean(_) => JsonType::Boolean,
            Slot::Number(_) => JsonType::Number,
            Slot::Text(..) => JsonType::String,
            Slot::Array(..) => JsonType::Array,
            Slot::Object(..) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match (self.slot(), expected) {
            (Slot::Text(..), Value::String(expected)) => self.tape.text_at(self.at) == Some(expected),
            (Slot::Text(..), _) | (_, Value::String(_)) => false,
            _ => cmp::equal(&self.to_value(), expected),
        }
    }

    fn to_value(&self) -> Cow<'a, Value> {
        let value = |at| Entry { tape: self.tape, at }.to_value().into_owned();
        Cow::Owned(match self.slot() {
            Slot::Null => Value::Null,
            Slot::Boolean(boolean) => Value::Bool(*boolean),
            Slot::Number(number) => Value::Number(number.clone()),
            Slot::Text(..) => Value::String(self.tape.text_at(self.at).unwrap_or_default().to_owned()),
            Slot::Array(..) => Value::Array(json::Array::elements(self).map(|item| value(item.at)).collect()),
            Slot::Object(..) => Value::Object(
                json::Object::members(self)
                    .map(|(key, item)| (key.to_owned(), value(item.at)))
                    .collect::<Map<_, _>>(),
            ),
        })
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::tagged(std::ptr::from_ref(self.tape) as usize, self.at))
    }
}

impl<'a> json::Object<'a, Tape> for Entry<'a> {
    type Node = Entry<'a>;
    type MemberName = &'a str;
    type MembersIter = Members<'a>;

    fn len(&self) -> usize {
        match self.slot() {
            Slot::Object(members, ..) => *members as usize,
            _ => 0,
        }
    }

    fn get(&self, key: &String) -> Option<Entry<'a>> {
        let Slot::Object(members, end, list) = *self.slot() else { return None };
        let found = match list {
            NONE => self.tape.keys_between(self.at + 1, end).find(|at| self.tape.text_at(*at) == Some(key)),
            list => {
                let keys = &self.tape.keys[list as usize..][..members as usize];
                keys.binary_search_by(|at| self.tape.text_at(*at).cmp(&Some(key)))
                    .ok()
                    .map(|place| keys[place])
            }
        };
        found.map(|key| Entry { tape: self.tape, at: key + 1 })
    }

    fn members(&self) -> Members<'a> {
        let end = self.tape.after(self.at);
        Members(self.tape.keys_between(self.at + 1, end))
    }
}

/// Keys and values of an object.
pub(super) struct Members<'a>(Keys<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, Entry<'a>);

    fn next(&mut self) -> Option<(&'a str, Entry<'a>)> {
        self.0.tape.looks.take();
        let key = self.0.next()?;
        Some((self.0.tape.text_at(key)?, Entry { tape: self.0.tape, at: key + 1 }))
    }
}

impl<'a> json::Array<'a, Tape> for Entry<'a> {
    type Node = Entry<'a>;
    type ElementsIter = Items<'a>;

    fn len(&self) -> usize {
        match self.slot() {
            Slot::Array(items, _) => *items as usize,
            _ => 0,
        }
    }

    fn is_unique(&self) -> bool {
        unique::all_differ(self)
    }

    fn elements(&self) -> Items<'a> {
        Items { tape: self.tape, at: self.at + 1, end: self.tape.after(self.at) }
    }
}

/// Items of an array.
pub(super) struct Items<'a> {
    tape: &'a Tape,
    at: u32,
    end: u32,
}

impl<'a> Iterator for Items<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        self.tape.looks.take();
        (self.at < self.end).then(|| {
            let item = Entry { tape: self.tape, at: self.at };
            self.at = self.tape.after(self.at);
            item
        })
    }
}
