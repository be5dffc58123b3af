//! Objects, arrays and maps into their columns. Recursion is as deep as the schema, never as the text. Knows
//! nothing of single values.

use arrow::array::OffsetSizeTrait;

use super::filler::Filler;
use crate::codec::column::{Column, FixedList, List, Map, START, Struct, full};
use crate::codec::problem::{Outcome, Problem, code, quote};

impl Filler<'_> {
    /// Reads the object here into its columns.
    #[inline]
    pub(super) fn object(&mut self, into: &mut Struct) -> Outcome<()> {
        self.at += 1;
        let (row, begun) = (into.len(), into.begin());
        let mut filled = 0;
        let mut key = match self.next_token() {
            b'}' => {
                self.at += 1;
                None
            }
            _ => Some(self.name(into, START)?),
        };
        while let Some(name) = key {
            match into.names.field(name) {
                Some(index) => {
                    let field = &mut into.fields[index];
                    if field.seen == begun {
                        if let Err(problem) = field.again(row, &mut self.allowance) {
                            return Err(problem.in_field(into.field_name(index)));
                        }
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
            key = self.next_name(into, name)?;
        }
        if filled < into.fields.len() {
            into.fill_missing(begun, &mut self.allowance)?;
        }
        into.end_value();
        Ok(())
    }

    /// After an entry: reads the comma, the key and the colon of the next one, or the end of the object.
    #[inline(always)]
    fn next_name(&mut self, of: &mut Struct, previous: u32) -> Outcome<Option<u32>> {
        let text = self.text.get(self.at..).unwrap_or_default();
        if let Some((name, len)) = of.names.predict_key(previous, text) {
            self.at += len;
            return Ok(Some(name));
        }
        match self.another(b'}')? {
            true => self.name(of, previous).map(Some),
            false => Ok(None),
        }
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

    pub(super) fn list<O: OffsetSizeTrait>(&mut self, into: &mut List<O>) -> Outcome<()> {
        let List { items, item, .. } = into;
        let (nullable, item_type) = (item.is_nullable(), item.data_type());
        self.items(|filler, _| filler.value(items, nullable, item_type))?;
        into.end_value().map_err(full)
    }

    pub(super) fn fixed_list(&mut self, into: &mut FixedList) -> Outcome<()> {
        let size = into.size();
        let FixedList { items, item, .. } = into;
        let (nullable, item_type) = (item.is_nullable(), item.data_type());
        let count =
            self.items(
                |filler, index| {
                    if index < size { filler.value(items, nullable, item_type) } else { filler.skip() }
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

    pub(super) fn map(&mut self, into: &mut Map) -> Outcome<()> {
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
}
