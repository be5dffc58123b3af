//! Records, arrays, maps and defaults into their columns. Recursion is as deep as the columns, never as the bytes.
//! Knows nothing of single values.

use arrow::array::OffsetSizeTrait;

use super::cursor::Cursor;
use super::plan::{Default, Items, Plan, Step};
use super::value::{misplaced, push_text};
use crate::codec::column::{Column, FixedList, List, Map, Struct, full};
use crate::codec::problem::{Outcome, Problem, code, quote};

impl Cursor<'_, '_> {
    /// Reads the value here into the columns of an object, or of a row.
    #[inline]
    pub(super) fn object(&mut self, plan: &Plan, into: &mut Struct) -> Outcome<()> {
        match plan {
            Plan::Record(steps) => self.record(steps, into),
            _ => self.rare_object(plan, into),
        }
    }

    fn rare_object(&mut self, plan: &Plan, into: &mut Struct) -> Outcome<()> {
        match plan {
            Plan::Union(branches) => {
                let branch = self.index(branches.len(), "branches")?;
                self.object(&branches[branch], into)
            }
            Plan::Branch(field, plan) => self.branch(*field, plan, into),
            Plan::Duration => self.duration(into),
            Plan::Refuse(why) => Err(Problem::new(code::TYPE_MISMATCH, &**why)),
            _ => Err(misplaced()),
        }
    }

    #[inline]
    fn record(&mut self, steps: &[Step], into: &mut Struct) -> Outcome<()> {
        for step in steps {
            match step {
                Step::Read(index, plan) => {
                    if let Err(problem) = self.value(plan, &mut into.fields[*index].column) {
                        return Err(problem.in_field(into.field_name(*index)));
                    }
                }
                Step::Skip(of, name) => self.skip(*of).map_err(|problem| problem.in_field(name))?,
                Step::Pass(bytes, name) => {
                    self.take(*bytes).map_err(|problem| problem.in_field(name))?;
                }
            }
        }
        into.end_value();
        Ok(())
    }

    fn branch(&mut self, field: usize, plan: &Plan, into: &mut Struct) -> Outcome<()> {
        for (index, other) in into.fields.iter_mut().enumerate() {
            if index != field {
                other.column.push_null();
            }
        }
        if let Err(problem) = self.value(plan, &mut into.fields[field].column) {
            return Err(problem.in_field(into.field_name(field)));
        }
        into.end_value();
        Ok(())
    }

    fn duration(&mut self, into: &mut Struct) -> Outcome<()> {
        for field in &mut into.fields {
            match &mut field.column {
                Column::UInt32(c) => c.push(u32::from_le_bytes(self.array()?)),
                _ => return Err(misplaced()),
            }
        }
        into.end_value();
        Ok(())
    }

    pub(super) fn list(&mut self, items: &Items, column: &mut Column) -> Outcome<()> {
        match column {
            Column::List(into) => self.list_into(items, into),
            Column::LargeList(into) => self.list_into(items, into),
            Column::FixedList(into) => self.fixed_list(items, into),
            _ => Err(misplaced()),
        }
    }

    fn list_into<O: OffsetSizeTrait>(&mut self, items: &Items, into: &mut List<O>) -> Outcome<()> {
        let column = &mut into.items;
        self.items(items.least, items.width, |cursor, index| {
            cursor.value(&items.plan, column).map_err(|problem| problem.in_item(index))
        })?;
        into.end_value().map_err(full)
    }

    fn fixed_list(&mut self, items: &Items, into: &mut FixedList) -> Outcome<()> {
        let size = into.size();
        let expected = |found: &str| {
            let what = format!("expected an array of {size} items, found {found}");
            Problem::new(code::TYPE_MISMATCH, what)
        };
        let column = &mut into.items;
        let count = self.items(items.least, items.width, |cursor, index| {
            if index == size {
                return Err(expected("more"));
            }
            cursor.value(&items.plan, column).map_err(|problem| problem.in_item(index))
        })?;
        if count < size {
            return Err(expected(&count.to_string()));
        }
        into.end_value();
        Ok(())
    }

    pub(super) fn map(&mut self, items: &Items, into: &mut Map) -> Outcome<()> {
        let Map { keys, values, .. } = into;
        self.items(items.least, items.width, |cursor, index| {
            let begin = cursor.at;
            let key = cursor.prefixed()?;
            if std::str::from_utf8(key).is_err() {
                cursor.at = begin;
                return Err(cursor.wrong("a key in UTF-8").in_item(index));
            }
            push_text(keys, key)?;
            cursor.value(&items.plan, values).map_err(|problem| problem.in_field(&quote(key)))
        })?;
        into.end_value().map_err(full)
    }

    /// Reads what the reader's schema says where the record has nothing.
    pub(super) fn default(
        &mut self,
        default: &Default,
        read: impl FnOnce(&mut Cursor) -> Outcome<()>,
    ) -> Outcome<()> {
        self.spend(default.bytes.len())?;
        let mut inner = Cursor {
            bytes: &default.bytes,
            at: 0,
            types: &default.types,
            open: self.open,
            allowance: self.allowance,
        };
        let outcome = read(&mut inner);
        self.allowance = inner.allowance;
        outcome
    }
}
