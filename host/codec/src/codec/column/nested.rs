//! Columns made of columns: objects, lists, maps. A value is begun by appending to the inner columns and ended
//! here; what was not ended is taken back by `truncate`. Knows nothing of any format.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, FixedSizeListArray, GenericListArray, MapArray, NullBufferBuilder, OffsetSizeTrait,
    StructArray,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, FieldRef, Fields};

use super::bytes::Full;
use super::room::fitted;
use super::{Allowance, Column, MAX_RUN, Names, Run, size_of_null, type_name};
use crate::codec::problem::{Outcome, Problem, code};

/// One column of an object (or of the record itself).
pub(crate) struct FieldColumn {
    /// Its values.
    pub(crate) column: Column,
    /// What it is.
    pub(crate) data_type: DataType,
    /// Whether it may be null.
    pub(crate) nullable: bool,
    /// What a null takes, in bytes, where the object is within a list or map.
    null_size: u32,
    /// The object in which it was last seen, as counted by [`Struct::begin`]: tells a repeated key, and a
    /// missing one.
    pub(crate) seen: u64,
}

impl FieldColumn {
    /// The key came again: the value that it had, the last one after `row` others, is given up.
    #[cold]
    #[inline(never)]
    pub(crate) fn again(&mut self, row: usize, allowance: &mut Allowance) -> Outcome<()> {
        allowance.take_again(&self.data_type)?;
        self.column.truncate(row);
        Ok(())
    }
}

/// An object column, and the columns of a record.
pub(crate) struct Struct {
    /// How its keys are found.
    pub(crate) names: Names,
    /// Its columns, in the order of the schema.
    pub(crate) fields: Vec<FieldColumn>,
    schema: Fields,
    begun: u64,
    len: usize,
    nulls: NullBufferBuilder,
    /// As [`Column::null_size`].
    null_size: usize,
    /// Of the records, where this is the record itself.
    run: Run,
}

impl Struct {
    pub(crate) fn new(schema: &Fields, depth: usize) -> Result<Struct, String> {
        let mut fields = Vec::with_capacity(schema.len());
        for field in schema {
            let column = Column::new(field, depth).map_err(|why| format!("{}: {why}", field.name()))?;
            let data_type = field.data_type().clone();
            fields.push(FieldColumn {
                column,
                data_type,
                nullable: field.is_nullable(),
                null_size: 0,
                seen: 0,
            });
        }
        let names = Names::new(schema.iter().map(|field| field.name().as_str()))?;
        let nulls = NullBufferBuilder::new(0);
        let schema = schema.clone();
        Ok(Struct { names, fields, schema, begun: 0, len: 0, nulls, null_size: 0, run: Run::new(MAX_RUN) })
    }

    /// What the next record may take.
    #[inline]
    pub(crate) fn allowance(&self) -> Allowance {
        self.run.allowance()
    }

    /// A record took so much.
    #[inline]
    pub(crate) fn took(&mut self, allowance: &Allowance) {
        self.run.took(allowance);
    }

    /// Runs of records end where these took so many bytes.
    #[cfg(test)]
    pub(crate) fn limit_runs(&mut self, bytes: usize) {
        self.run = Run::new(bytes);
    }

    pub(super) fn null_size(&self) -> usize {
        self.null_size
    }

    pub(super) fn count_nulls(&mut self) {
        for field in &mut self.fields {
            // What does not fit is more than any record may take.
            field.null_size = u32::try_from(size_of_null(&field.data_type)).unwrap_or(u32::MAX);
            field.column.count_nulls();
        }
        self.null_size = size_of_null(&DataType::Struct(self.schema.clone()));
    }

    /// Begins a value; gives its number among all that were begun, to be written into [`FieldColumn::seen`].
    #[inline]
    pub(crate) fn begin(&mut self) -> u64 {
        self.begun += 1;
        self.begun
    }

    /// Fields that were not seen since [`begin`](Self::begin) gave `begun` become null, or are missing.
    #[cold]
    #[inline(never)]
    pub(crate) fn fill_missing(&mut self, begun: u64, allowance: &mut Allowance) -> Outcome<()> {
        if self.null_size > 0 {
            let missing = self.fields.iter().filter(|field| field.seen != begun);
            allowance.take_for_null(missing.map(|field| field.null_size as usize).sum())?;
        }
        for (field, schema) in self.fields.iter_mut().zip(&self.schema) {
            if field.seen == begun {
                continue;
            }
            if !field.nullable {
                let what = format!("expected {}, found no such key", type_name(&field.data_type));
                return Err(Problem::new(code::MISSING_COLUMN, what).in_field(schema.name()));
            }
            field.column.push_null();
        }
        Ok(())
    }

    /// Number of the value that was begun last.
    #[inline]
    pub(crate) fn begun(&self) -> u64 {
        self.begun
    }

    /// Every field has its value: the object is one more value.
    #[inline]
    pub(crate) fn end_value(&mut self) {
        self.len += 1;
        self.nulls.append_non_null();
    }

    /// Values so far.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Name of a field.
    pub(crate) fn field_name(&self, field: usize) -> &str {
        self.schema[field].name()
    }

    pub(crate) fn push_null(&mut self) {
        self.fields.iter_mut().for_each(|field| field.column.push_null());
        self.len += 1;
        self.nulls.append_null();
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.fields.iter_mut().for_each(|field| field.column.truncate(len));
        self.len = self.len.min(len);
        self.nulls.truncate(len);
    }

    /// The columns and the number of values, for a record's top level.
    pub(crate) fn finish_columns(&mut self) -> (Vec<ArrayRef>, usize) {
        self.nulls.finish();
        self.run.begin();
        let len = std::mem::take(&mut self.len);
        (self.fields.iter_mut().map(|field| field.column.finish()).collect(), len)
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let nulls = self.nulls.finish();
        let len = std::mem::take(&mut self.len);
        let columns = self.fields.iter_mut().map(|field| field.column.finish()).collect();
        let array = StructArray::try_new_with_length(self.schema.clone(), columns, nulls, len);
        Arc::new(
            array.expect("every field has one value of its type for each object, null only where it may be"),
        )
    }
}

/// A list column.
pub(crate) struct List<O> {
    /// The items of all lists.
    pub(crate) items: Column,
    /// The items' field.
    pub(crate) item: FieldRef,
    offsets: Vec<O>,
    nulls: NullBufferBuilder,
}

impl<O: OffsetSizeTrait> List<O> {
    pub(super) fn new(item: &FieldRef, depth: usize) -> Result<Self, String> {
        let mut items = Column::new(item, depth).map_err(|why| format!("[]: {why}"))?;
        items.count_nulls();
        Ok(List { items, item: Arc::clone(item), offsets: vec![O::zero()], nulls: NullBufferBuilder::new(0) })
    }

    /// Items appended since the last value.
    pub(crate) fn pending(&self) -> usize {
        self.items.len() - self.offsets[self.offsets.len() - 1].as_usize()
    }

    /// The items appended since the last value become a value.
    pub(crate) fn end_value(&mut self) -> Result<(), Full> {
        self.offsets.push(O::from_usize(self.items.len()).ok_or(Full)?);
        self.nulls.append_non_null();
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    pub(super) fn push_null(&mut self) {
        self.offsets.push(self.offsets[self.offsets.len() - 1]);
        self.nulls.append_null();
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len + 1);
        self.items.truncate(self.offsets[self.offsets.len() - 1].as_usize());
        self.nulls.truncate(len);
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let offsets = finish_offsets(&mut self.offsets);
        let items = self.items.finish();
        let array = GenericListArray::try_new(Arc::clone(&self.item), offsets, items, self.nulls.finish());
        Arc::new(array.expect("offsets count the items, which are null only where they may be"))
    }
}

/// A column of lists of one length.
pub(crate) struct FixedList {
    /// The items of all lists.
    pub(crate) items: Column,
    /// The items' field.
    pub(crate) item: FieldRef,
    size: i32,
    len: usize,
    nulls: NullBufferBuilder,
    null_size: usize,
}

impl FixedList {
    pub(super) fn new(item: &FieldRef, size: i32, depth: usize) -> Result<Self, String> {
        if size < 0 {
            return Err(format!("a list cannot have {size} items"));
        }
        let items = Column::new(item, depth).map_err(|why| format!("[]: {why}"))?;
        let nulls = NullBufferBuilder::new(0);
        Ok(FixedList { items, item: Arc::clone(item), size, len: 0, nulls, null_size: 0 })
    }

    pub(super) fn null_size(&self) -> usize {
        self.null_size
    }

    pub(super) fn count_nulls(&mut self) {
        self.items.count_nulls();
        self.null_size = size_of_null(&DataType::FixedSizeList(Arc::clone(&self.item), self.size));
    }

    /// Items of each list.
    pub(crate) fn size(&self) -> usize {
        self.size as usize
    }

    /// Items appended since the last value.
    pub(crate) fn pending(&self) -> usize {
        self.items.len() - self.len * self.size()
    }

    /// [`size`](Self::size) items were appended: they are one more value.
    pub(crate) fn end_value(&mut self) {
        self.len += 1;
        self.nulls.append_non_null();
        debug_assert_eq!(self.items.len(), self.len * self.size());
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push_null(&mut self) {
        (0..self.size).for_each(|_| self.items.push_null());
        self.len += 1;
        self.nulls.append_null();
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.items.truncate(self.len * self.size());
        self.nulls.truncate(self.len);
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let len = std::mem::take(&mut self.len);
        let (items, nulls) = (self.items.finish(), self.nulls.finish());
        let array =
            FixedSizeListArray::try_new_with_length(Arc::clone(&self.item), self.size, items, nulls, len);
        Arc::new(array.expect("every list has its number of items, null only where they may be"))
    }
}

/// A map column.
pub(crate) struct Map {
    /// The keys of all maps.
    pub(crate) keys: Column,
    /// The values of all maps, one for each key.
    pub(crate) values: Column,
    /// The keys' field.
    pub(crate) key: FieldRef,
    /// The values' field.
    pub(crate) value: FieldRef,
    entries: FieldRef,
    fields: Fields,
    sorted: bool,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Map {
    pub(super) fn new(entries: &FieldRef, sorted: bool, depth: usize) -> Result<Self, String> {
        let DataType::Struct(fields) = entries.data_type() else {
            return Err(format!(
                "a map's entries are an object of key and value, not {}",
                entries.data_type()
            ));
        };
        let [key, value] = &fields[..] else {
            return Err(format!("a map's entries have two columns, not {}", fields.len()));
        };
        let mut keys = Column::new(key, depth).map_err(|why| format!("map key: {why}"))?;
        let mut values = Column::new(value, depth).map_err(|why| format!("map value: {why}"))?;
        keys.count_nulls();
        values.count_nulls();
        Ok(Map {
            keys,
            values,
            key: Arc::clone(key),
            value: Arc::clone(value),
            entries: Arc::clone(entries),
            fields: fields.clone(),
            sorted,
            offsets: vec![0],
            nulls: NullBufferBuilder::new(0),
        })
    }

    /// Keys appended since the last value.
    pub(crate) fn pending(&self) -> usize {
        self.keys.len() - self.offsets[self.offsets.len() - 1] as usize
    }

    /// The entries appended since the last value become a value.
    pub(crate) fn end_value(&mut self) -> Result<(), Full> {
        self.offsets.push(i32::try_from(self.keys.len()).map_err(|_| Full)?);
        self.nulls.append_non_null();
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    pub(super) fn push_null(&mut self) {
        self.offsets.push(self.offsets[self.offsets.len() - 1]);
        self.nulls.append_null();
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len + 1);
        let entries = self.offsets[self.offsets.len() - 1] as usize;
        self.keys.truncate(entries);
        self.values.truncate(entries);
        self.nulls.truncate(len);
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let offsets = finish_offsets(&mut self.offsets);
        let columns = vec![self.keys.finish(), self.values.finish()];
        let len = columns[0].len();
        let entries = StructArray::try_new_with_length(self.fields.clone(), columns, None, len)
            .expect("one key and one value is appended for each entry, null only where they may be");
        let nulls = self.nulls.finish();
        let array = MapArray::try_new(Arc::clone(&self.entries), offsets, entries, nulls, self.sorted);
        Arc::new(
            array.expect("the entries are a struct of two columns without nulls, counted by the offsets"),
        )
    }
}

fn finish_offsets<O: OffsetSizeTrait>(offsets: &mut Vec<O>) -> OffsetBuffer<O> {
    let mut fresh = Vec::with_capacity(offsets.len());
    fresh.push(O::zero());
    OffsetBuffer::new(ScalarBuffer::from(fitted(std::mem::replace(offsets, fresh))))
}
