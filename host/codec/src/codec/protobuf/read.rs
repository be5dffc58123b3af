//! Messages into their columns, in one pass over the wire. A message is read as often as it occurs and finished
//! once, when the message around it is: that is how occurrences merge, at no cost for a single one. Recursion is as
//! deep as the columns, never as the record. Few bytes may stand for much, an empty message for all of its columns: what
//! is beyond that in a list of numbers is counted. Knows nothing of framing.

use std::cell::Cell;

use super::plan::{Absent, Kind, Message, Oneof, Shape, Slot};
use super::scalar;
use super::wire::{Tag, Wire, WireType, other_wire_type};
use crate::codec::column::{Allowance, Column, FixedList, Map, Struct, full};
use crate::codec::problem::{Outcome, Problem, code};

/// For how many bytes each byte of a record stands free of charge, as it does in a list of numbers.
pub(super) const FREE: usize = 8;

impl Message {
    /// Reads a record, which is one message.
    #[inline]
    pub(super) fn record(&mut self, into: &mut Struct, mut wire: Wire) -> Outcome<()> {
        wire.spend(self.cost.defaults.saturating_sub(FREE * wire.rest().len()))?;
        into.begin();
        self.read(into, &mut wire, 0)?;
        self.finish(into)
    }

    /// Reads the fields of one occurrence, up to the end of the bytes or of `group` (0: none), into the value of
    /// `into` that was begun last.
    pub(super) fn read(&mut self, into: &mut Struct, wire: &mut Wire, group: u32) -> Outcome<()> {
        let (row, begun) = (into.len(), into.begun());
        while let Some(tag) = wire.tag(group)? {
            let Some(target) = self.target(tag.number) else {
                wire.skip(tag)?;
                continue;
            };
            if let Some(oneof) = target.oneof {
                self.forget_sibling(oneof, target.column, into, wire)?;
            }
            let Some(index) = target.column.map(|column| column as usize) else {
                wire.skip(tag)?;
                continue;
            };
            let field = &mut into.fields[index];
            let again = std::mem::replace(&mut field.seen, begun) == begun;
            let outcome = self.slots[index].read(&mut field.column, tag, wire, row, again);
            if let Err(problem) = outcome {
                return Err(problem.in_field(into.field_name(index)));
            }
        }
        Ok(())
    }

    /// Every occurrence was read: fields that were not there get their defaults, and the value ends.
    pub(super) fn finish(&mut self, into: &mut Struct) -> Outcome<()> {
        let begun = into.begun();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let field = &mut into.fields[index];
            let outcome = slot.finish(&mut field.column, field.seen == begun, field.nullable);
            if let Err(problem) = outcome {
                return Err(problem.in_field(into.field_name(index)));
            }
        }
        into.end_value();
        Ok(())
    }

    /// A member of the oneof is there: what was read of another one counts no more.
    fn forget_sibling(
        &mut self,
        oneof: u32,
        column: Option<u32>,
        into: &mut Struct,
        wire: &Wire,
    ) -> Outcome<()> {
        let begun = into.begun();
        let before = std::mem::replace(&mut self.oneofs[oneof as usize], Oneof { begun, column });
        if before.begun != begun || before.column == column {
            return Ok(());
        }
        if let Some(sibling) = before.column {
            let sibling = sibling as usize;
            let row = into.len();
            let field = &mut into.fields[sibling];
            // Members may take turns by the million, and all that is in one is looked at to forget it.
            wire.spend(self.slots[sibling].arrays - 1)?;
            field.column.truncate(row);
            field.seen = 0;
        }
        Ok(())
    }
}

impl Slot {
    /// Reads an occurrence of the field; `again`: not the first one of value number `row`.
    #[inline]
    fn read(
        &mut self,
        column: &mut Column,
        tag: Tag,
        wire: &mut Wire,
        row: usize,
        again: bool,
    ) -> Outcome<()> {
        match &mut self.shape {
            Shape::One(kind) => kind.read_one(column, tag, wire, row, again),
            Shape::Many(kind) => {
                let (items, index) = items(column);
                kind.read_items(items, tag, wire).map_err(|problem| problem.in_item(items.len() - index))
            }
            Shape::Map(entry) => {
                let Column::Map(map) = column else { unreachable!("maps are read into map columns") };
                read_entry(entry, map, tag, wire).map_err(|problem| problem.in_item(map.pending()))
            }
        }
    }

    /// All occurrences were read, if there were any (`seen`).
    #[inline]
    fn finish(&mut self, column: &mut Column, seen: bool, nullable: bool) -> Outcome<()> {
        match &mut self.shape {
            Shape::One(kind) if seen => kind.close(column),
            Shape::One(kind) => fill(&mut self.absent, kind, column),
            Shape::Many(_) | Shape::Map(_) => end_items(column, nullable),
        }
    }
}

/// The value of a field that is not there.
fn fill(absent: &mut Absent, kind: &mut Kind, column: &mut Column) -> Outcome<()> {
    match absent {
        Absent::Null => column.push_null(),
        Absent::Missing(what) => return Err(Problem::new(code::MISSING_COLUMN, what.as_str())),
        Absent::Empty => {
            kind.open(column)?;
            kind.close(column)?;
        }
        Absent::Default(default) => {
            let (kind, bytes) = &mut **default;
            // It was counted with the message that it is in.
            let allowance = Cell::new(Allowance::unbounded());
            kind.scalar(column, &mut Wire::new(bytes, &allowance))?;
        }
    }
    Ok(())
}

impl Kind {
    /// Reads an occurrence of one value.
    #[inline]
    fn read_one(
        &mut self,
        column: &mut Column,
        tag: Tag,
        wire: &mut Wire,
        row: usize,
        again: bool,
    ) -> Outcome<()> {
        if tag.wire != self.wire() {
            return Err(other_wire_type(self.wire(), tag.wire));
        }
        match self {
            Kind::Number(_) | Kind::Enum(_) | Kind::Text | Kind::Bytes => {
                if again {
                    column.truncate(row);
                }
                self.scalar(column, wire)
            }
            _ => {
                if !again {
                    self.open(column)?;
                }
                self.merge(column, wire, row)
            }
        }
    }

    /// Reads one or, where they are packed, several items of a list.
    fn read_items(&mut self, items: &mut Column, tag: Tag, wire: &mut Wire) -> Outcome<()> {
        if tag.wire == WireType::Length && matches!(self, Kind::Number(_) | Kind::Enum(_)) {
            let mut packed = wire.delimited()?;
            while !packed.is_empty() {
                self.scalar(items, &mut packed)?;
            }
            return Ok(());
        }
        let (row, begin) = (items.len(), wire.at());
        self.read_one(items, tag, wire, row, false)?;
        charge(self.cost().empty, wire, begin)?;
        self.close(items)
    }

    /// Appends a value that is no message.
    #[inline]
    fn scalar(&mut self, column: &mut Column, wire: &mut Wire) -> Outcome<()> {
        match self {
            Kind::Number(number) => scalar::number(*number, column, wire),
            Kind::Text => scalar::text(column, wire),
            Kind::Enum(names) => scalar::name(names, column, wire),
            Kind::Bytes => scalar::bytes(column, wire),
            _ => unreachable!("messages are merged"),
        }
    }

    /// Begins a value that is a message.
    fn open(&mut self, column: &mut Column) -> Outcome<()> {
        match self {
            Kind::Message(_) | Kind::Group(..) => {
                structure(column).begin();
            }
            Kind::Time(time) => time.open(),
            Kind::Wrapper(_, seen) => *seen = false,
            Kind::Json(json) => json.open(json_text(column)),
            Kind::Number(_) | Kind::Enum(_) | Kind::Text | Kind::Bytes => {}
        }
        Ok(())
    }

    /// Reads an occurrence of a value that is a message.
    fn merge(&mut self, column: &mut Column, wire: &mut Wire, row: usize) -> Outcome<()> {
        match self {
            Kind::Message(message) => message.read(structure(column), &mut wire.delimited()?, 0),
            Kind::Group(message, number) => message.read(structure(column), wire, *number),
            Kind::Time(time) => time.read(&mut wire.delimited()?),
            Kind::Json(json) => json.read(&wire.delimited()?, json_text(column)),
            Kind::Wrapper(slot, seen) => {
                let mut wrapper = wire.delimited()?;
                while let Some(tag) = wrapper.tag(0)? {
                    match tag.number {
                        1 => {
                            let again = std::mem::replace(seen, true);
                            slot.read(column, tag, &mut wrapper, row, again)?;
                        }
                        _ => wrapper.skip(tag)?,
                    }
                }
                Ok(())
            }
            Kind::Number(_) | Kind::Enum(_) | Kind::Text | Kind::Bytes => {
                unreachable!("scalars do not merge")
            }
        }
    }

    /// Ends a value that was begun.
    #[inline]
    fn close(&mut self, column: &mut Column) -> Outcome<()> {
        match self {
            Kind::Number(_) | Kind::Enum(_) | Kind::Text | Kind::Bytes => Ok(()),
            Kind::Wrapper(slot, seen) => slot.finish(column, *seen, false),
            Kind::Message(message) | Kind::Group(message, _) => message.finish(structure(column)),
            Kind::Time(time) => time.close(column),
            Kind::Json(json) => {
                json.close(json_text(column));
                match column {
                    Column::Utf8(column) | Column::Json(column) => column.end_value().map_err(full),
                    Column::LargeUtf8(column) => column.end_value().map_err(full),
                    _ => unreachable!("JSON is read into string columns"),
                }
            }
        }
    }
}

fn read_entry([key, value]: &mut [Slot; 2], map: &mut Map, tag: Tag, wire: &mut Wire) -> Outcome<()> {
    if tag.wire != WireType::Length {
        return Err(other_wire_type(WireType::Length, tag.wire));
    }
    let begin = wire.at();
    let mut entry = wire.delimited()?;
    let row = map.keys.len();
    let (mut key_seen, mut value_seen) = (false, false);
    while let Some(tag) = entry.tag(0)? {
        match tag.number {
            1 => {
                let again = std::mem::replace(&mut key_seen, true);
                key.read(&mut map.keys, tag, &mut entry, row, again)?;
            }
            2 => {
                let again = std::mem::replace(&mut value_seen, true);
                value.read(&mut map.values, tag, &mut entry, row, again)?;
            }
            _ => entry.skip(tag)?,
        }
    }
    charge(key.cost.empty.saturating_add(value.cost.empty), wire, begin)?;
    key.finish(&mut map.keys, key_seen, false)?;
    value.finish(&mut map.values, value_seen, false)
}

/// An item that was read since `begin`, its tag before that, takes so much memory even with nothing in it.
#[inline]
fn charge(empty: usize, wire: &Wire, begin: usize) -> Outcome<()> {
    match empty.saturating_sub(FREE * (1 + wire.at() - begin)) {
        0 => Ok(()),
        beyond => wire.spend(beyond),
    }
}

/// The items of a list column, and how many of them are in lists that are ended.
fn items(column: &mut Column) -> (&mut Column, usize) {
    match column {
        Column::List(list) => {
            let done = list.items.len() - list.pending();
            (&mut list.items, done)
        }
        Column::LargeList(list) => {
            let done = list.items.len() - list.pending();
            (&mut list.items, done)
        }
        Column::FixedList(list) => {
            let done = list.items.len() - list.pending();
            (&mut list.items, done)
        }
        _ => unreachable!("repeated fields are read into lists"),
    }
}

/// The items that were read become a list.
fn end_items(column: &mut Column, nullable: bool) -> Outcome<()> {
    match column {
        Column::List(list) => list.end_value().map_err(full),
        Column::LargeList(list) => list.end_value().map_err(full),
        Column::Map(map) => map.end_value().map_err(full),
        Column::FixedList(list) => end_fixed_list(list, nullable),
        _ => unreachable!("repeated fields are read into lists and maps"),
    }
}

fn end_fixed_list(list: &mut FixedList, nullable: bool) -> Outcome<()> {
    match list.pending() {
        count if count == list.size() => list.end_value(),
        0 if nullable => list.push_null(),
        count => {
            let what = format!("expected {} items, found {count}", list.size());
            return Err(Problem::new(code::TYPE_MISMATCH, what));
        }
    }
    Ok(())
}

fn structure(column: &mut Column) -> &mut Struct {
    match column {
        Column::Struct(structure) => structure,
        _ => unreachable!("messages are read into struct columns"),
    }
}

/// Where the text of the next value of a string column goes.
fn json_text(column: &mut Column) -> &mut Vec<u8> {
    match column {
        Column::Utf8(column) | Column::Json(column) => column.data(),
        Column::LargeUtf8(column) => column.data(),
        _ => unreachable!("JSON is read into string columns"),
    }
}
