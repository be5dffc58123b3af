//! Objects, arrays and maps into their columns. Recursion is as deep as the schema, never as the bytes. Knows
//! nothing of single values.

use arrow::array::OffsetSizeTrait;

use super::cursor::{Cursor, Head};
use crate::codec::column::{FixedList, List, Map, START, Struct, full};
use crate::codec::problem::{Outcome, Problem, code, quote};

impl Cursor<'_, '_> {
    /// Reads the entries of a map that stand for columns.
    pub(super) fn object_of_map(&mut self, into: &mut Struct, entries: usize) -> Outcome<()> {
        let (row, begun) = (into.len(), into.begin());
        let (mut previous, mut filled) = (START, 0);
        for _ in 0..entries {
            previous = self.name(into, previous)?;
            match into.names.field(previous) {
                Some(index) => {
                    let field = &mut into.fields[index];
                    if field.seen == begun {
                        field
                            .again(row, &mut self.allowance)
                            .map_err(|problem| problem.in_field(into.field_name(index)))?;
                    } else {
                        field.seen = begun;
                        filled += 1;
                    }
                    self.field(into, index)?;
                }
                None => self.skip()?,
            }
        }
        if filled < into.fields.len() {
            into.fill_missing(begun, &mut self.allowance)?;
        }
        into.end_value();
        Ok(())
    }

    /// Reads a key; gives the name, as [`Struct::names`] knows it. What is no string is the name of no column.
    #[inline]
    fn name(&mut self, of: &mut Struct, previous: u32) -> Outcome<u32> {
        let head = self.head()?;
        let Head::Text(name) = head else {
            self.skip_rest(head)?;
            return Ok(START);
        };
        // The bytes after the name make comparing its first ones faster.
        let text = &self.bytes[self.at - name.len()..];
        let predicted = of.names.predict_of(previous, text, name.len());
        Ok(predicted.unwrap_or_else(|| of.names.find(previous, name)))
    }

    #[inline]
    fn field(&mut self, of: &mut Struct, index: usize) -> Outcome<()> {
        let field = &mut of.fields[index];
        self.value(&mut field.column, field.nullable, &field.data_type)
            .map_err(|problem| problem.in_field(of.field_name(index)))
    }

    /// Reads items that are the columns, in their order.
    pub(super) fn object_of_array(&mut self, into: &mut Struct, items: usize) -> Outcome<()> {
        let begun = into.begin();
        let there = items.min(into.fields.len());
        for index in 0..there {
            into.fields[index].seen = begun;
            self.field(into, index)?;
        }
        for _ in there..items {
            self.skip()?;
        }
        if there < into.fields.len() {
            into.fill_missing(begun, &mut self.allowance)?;
        }
        into.end_value();
        Ok(())
    }

    pub(super) fn list<O: OffsetSizeTrait>(&mut self, into: &mut List<O>, items: usize) -> Outcome<()> {
        let List { items: column, item, .. } = into;
        for index in 0..items {
            self.value(column, item.is_nullable(), item.data_type())
                .map_err(|problem| problem.in_item(index))?;
        }
        into.end_value().map_err(full)
    }

    pub(super) fn fixed_list(&mut self, into: &mut FixedList, items: usize) -> Outcome<()> {
        if items != into.size() {
            let what = format!("expected an array of {} items, found {items}", into.size());
            return Err(Problem::new(code::TYPE_MISMATCH, what));
        }
        let FixedList { items: column, item, .. } = into;
        for index in 0..items {
            self.value(column, item.is_nullable(), item.data_type())
                .map_err(|problem| problem.in_item(index))?;
        }
        into.end_value();
        Ok(())
    }

    pub(super) fn map(&mut self, into: &mut Map, entries: usize) -> Outcome<()> {
        let Map { keys, values, key, value, .. } = into;
        for index in 0..entries {
            let begin = self.at;
            self.value(keys, false, key.data_type())
                .map_err(|problem| problem.in_field("key").in_item(index))?;
            if let Err(problem) = self.value(values, value.is_nullable(), value.data_type()) {
                return Err(problem.in_field(&self.key_at(begin, index)));
            }
        }
        into.end_value().map_err(full)
    }

    /// What the key at `begin` is called in a path.
    #[cold]
    fn key_at(&mut self, begin: usize, index: usize) -> String {
        self.at = begin;
        match self.head() {
            Ok(Head::Text(key)) => quote(key),
            Ok(Head::Unsigned(key)) => key.to_string(),
            Ok(Head::Signed(key)) => key.to_string(),
            _ => index.to_string(),
        }
    }
}
