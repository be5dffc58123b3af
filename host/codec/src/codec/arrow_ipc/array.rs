//! The arrays of a batch, each checked for all that Arrow demands of it before it is made. Recursion is as deep as
//! the schema. Knows nothing of messages and of the columns that are declared.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::*;
use arrow::error::ArrowError;

use super::buffers::Body;
use super::resolve::Values;
use super::schema::{Kind, Source};
use super::syntax;
use crate::codec::problem::{Outcome, Problem};

/// Takes arrays from a body in the order of the columns.
pub(super) struct Reader<'a> {
    pub(super) body: Body<'a>,
    /// What was sent of the stream's dictionaries.
    pub(super) dictionaries: &'a HashMap<i64, Values>,
}

fn wrong(error: ArrowError) -> Box<Problem> {
    match error {
        ArrowError::InvalidArgumentError(text) => syntax(text),
        other => syntax(other.to_string()),
    }
}

impl Reader<'_> {
    /// A column that must have `len` values.
    pub(super) fn column(&mut self, source: &Source, len: usize) -> Outcome<ArrayRef> {
        let array = self.array(source).map_err(|problem| problem.in_field(source.field.name()))?;
        if array.len() != len {
            let what = format!("there are {} values and should be {len}", array.len());
            return Err(syntax(what).in_field(source.field.name()));
        }
        Ok(array)
    }

    /// A column of as many values as it has.
    fn array(&mut self, source: &Source) -> Outcome<ArrayRef> {
        let (len, nulls) = self.body.next_node()?;
        let data_type = source.field.data_type();
        match &source.kind {
            Kind::RunEnds { ends, values } => self.runs(ends, values, len),
            Kind::Plain if *data_type == DataType::Null => Ok(Arc::new(NullArray::new(len))),
            kind => {
                let nulls = self.nulls(len, nulls)?;
                match kind {
                    Kind::View => self.views(data_type, len, nulls),
                    Kind::List(item) => self.list(item, data_type, len, nulls),
                    Kind::ListView(item) => self.list_view(item, data_type, len, nulls),
                    Kind::FixedList(item, size) => self.fixed_list(item, *size, len, nulls),
                    Kind::Struct(fields) => {
                        self.structs(fields, len, nulls).map(|array| Arc::new(array) as _)
                    }
                    Kind::Map(entries) => self.map(entries, data_type, len, nulls),
                    Kind::Dictionary { id, keys, values } => self.dictionary(*id, keys, values, len, nulls),
                    Kind::Plain | Kind::RunEnds { .. } => self.plain(data_type, len, nulls),
                }
            }
        }
    }

    fn nulls(&mut self, len: usize, said: usize) -> Outcome<Option<NullBuffer>> {
        let bits = self.body.next_buffer()?;
        if said == 0 {
            return Ok(None);
        }
        let nulls = NullBuffer::new(boolean(bits, len)?);
        if nulls.null_count() != said {
            return Err(syntax(format!("the validity has {} nulls, not {said}", nulls.null_count())));
        }
        Ok(Some(nulls))
    }

    fn plain(&mut self, data_type: &DataType, len: usize, nulls: Option<NullBuffer>) -> Outcome<ArrayRef> {
        macro_rules! primitive {
            ($t:ty) => {
                self.primitive::<$t>(data_type, len, nulls)
            };
        }
        downcast_primitive! {
            data_type => (primitive),
            DataType::Boolean => {
                let bits = boolean(self.body.next_buffer()?, len)?;
                Ok(Arc::new(BooleanArray::new(bits, nulls)))
            }
            DataType::Utf8 => self.bytes::<Utf8Type>(len, nulls),
            DataType::LargeUtf8 => self.bytes::<LargeUtf8Type>(len, nulls),
            DataType::Binary => self.bytes::<BinaryType>(len, nulls),
            DataType::LargeBinary => self.bytes::<LargeBinaryType>(len, nulls),
            DataType::FixedSizeBinary(width) => {
                let values = exactly(self.body.next_buffer()?, len, *width as usize)?;
                let array = FixedSizeBinaryArray::try_new_with_len(*width, values, nulls, len);
                Ok(Arc::new(array.map_err(wrong)?))
            }
            other => Err(syntax(format!("{other} cannot be read"))),
        }
    }

    fn primitive<T: ArrowPrimitiveType>(
        &mut self,
        data_type: &DataType,
        len: usize,
        nulls: Option<NullBuffer>,
    ) -> Outcome<ArrayRef> {
        let values = scalars::<T::Native>(self.body.next_buffer()?, len)?;
        let array = PrimitiveArray::<T>::try_new(values, nulls).map_err(wrong)?;
        let array = array.with_data_type(data_type.clone());
        check_digits(&array)?;
        Ok(Arc::new(array))
    }

    fn bytes<T: ByteArrayType>(&mut self, len: usize, nulls: Option<NullBuffer>) -> Outcome<ArrayRef> {
        let offsets = self.body.next_buffer()?;
        let values = self.body.next_buffer()?;
        let offsets = offsets_of::<T::Offset>(offsets, len, values.len())?;
        Ok(Arc::new(GenericByteArray::<T>::try_new(offsets, values, nulls).map_err(wrong)?))
    }

    fn views(&mut self, data_type: &DataType, len: usize, nulls: Option<NullBuffer>) -> Outcome<ArrayRef> {
        let count = self.body.next_count()?;
        let views = scalars::<u128>(self.body.next_buffer()?, len)?;
        let data = (0..count).map(|_| self.body.next_buffer()).collect::<Outcome<Vec<Buffer>>>()?;
        // The length of a value is the lowest part of its view.
        let valid = |row: &usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*row));
        let lens = (0..len).filter(valid).map(|row| views[row] as u32 as usize + size_of::<i32>());
        self.body.budget.take(lens.fold(0, usize::saturating_add))?;
        match data_type {
            DataType::Utf8 => {
                let views = StringViewArray::try_new(views, data, nulls).map_err(wrong)?;
                Ok(Arc::new(views.iter().collect::<StringArray>()))
            }
            _ => {
                let views = BinaryViewArray::try_new(views, data, nulls).map_err(wrong)?;
                Ok(Arc::new(views.iter().collect::<BinaryArray>()))
            }
        }
    }

    fn list(
        &mut self,
        item: &Source,
        data_type: &DataType,
        len: usize,
        nulls: Option<NullBuffer>,
    ) -> Outcome<ArrayRef> {
        let offsets = self.body.next_buffer()?;
        let items = self.items(item)?;
        let field = Arc::clone(&item.field);
        match data_type {
            DataType::LargeList(_) => {
                let offsets = offsets_of(offsets, len, items.len())?;
                Ok(Arc::new(LargeListArray::try_new(field, offsets, items, nulls).map_err(wrong)?))
            }
            _ => {
                let offsets = offsets_of(offsets, len, items.len())?;
                Ok(Arc::new(ListArray::try_new(field, offsets, items, nulls).map_err(wrong)?))
            }
        }
    }

    fn items(&mut self, item: &Source) -> Outcome<ArrayRef> {
        self.array(item).map_err(|problem| problem.in_field(item.field.name()))
    }

    /// Lists that may share items and leave some out become lists that follow one another.
    fn list_view(
        &mut self,
        item: &Source,
        data_type: &DataType,
        len: usize,
        nulls: Option<NullBuffer>,
    ) -> Outcome<ArrayRef> {
        let (offsets, sizes) = (self.body.next_buffer()?, self.body.next_buffer()?);
        let large = matches!(data_type, DataType::LargeList(_));
        let (offsets, sizes) = (integers(offsets, len, large)?, integers(sizes, len, large)?);
        let items = Values::new(self.items(item)?, self.body.budget)?;
        let mut picked = Vec::new();
        let mut lens = Vec::with_capacity(len);
        for row in 0..len {
            let size = if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) { 0 } else { sizes[row] };
            let span = usize::try_from(offsets[row]).ok().zip(usize::try_from(size).ok());
            let end = span.and_then(|(offset, size)| offset.checked_add(size));
            let Some(((offset, size), end)) = span.zip(end).filter(|(_, end)| *end <= items.len()) else {
                let (offset, items) = (offsets[row], items.len());
                return Err(syntax(format!("a list is {size} items from {offset} on, of {items}")));
            };
            self.body.budget.take(size * size_of::<u32>())?;
            picked.extend(offset as u32..end as u32);
            lens.push(size);
        }
        let items = items.pick(&UInt32Array::from(picked), self.body.budget)?;
        let field = Arc::clone(&item.field);
        if large {
            let offsets = OffsetBuffer::<i64>::from_lengths(lens);
            return Ok(Arc::new(LargeListArray::try_new(field, offsets, items, nulls).map_err(wrong)?));
        }
        let offsets = OffsetBuffer::<i32>::from_lengths(lens);
        Ok(Arc::new(ListArray::try_new(field, offsets, items, nulls).map_err(wrong)?))
    }

    fn fixed_list(
        &mut self,
        item: &Source,
        size: usize,
        len: usize,
        nulls: Option<NullBuffer>,
    ) -> Outcome<ArrayRef> {
        let items = self.column(item, bytes_of(len, size)?)?;
        let field = Arc::clone(&item.field);
        let array = FixedSizeListArray::try_new_with_length(field, size as i32, items, nulls, len);
        Ok(Arc::new(array.map_err(wrong)?))
    }

    fn structs(&mut self, fields: &[Source], len: usize, nulls: Option<NullBuffer>) -> Outcome<StructArray> {
        let columns = fields.iter().map(|field| self.column(field, len)).collect::<Outcome<Vec<_>>>()?;
        let fields = fields.iter().map(|field| Arc::clone(&field.field)).collect();
        StructArray::try_new_with_length(fields, columns, nulls, len).map_err(wrong)
    }

    fn map(
        &mut self,
        entries: &Source,
        data_type: &DataType,
        len: usize,
        nulls: Option<NullBuffer>,
    ) -> Outcome<ArrayRef> {
        let offsets = self.body.next_buffer()?;
        let structs = self.items(entries)?;
        let offsets = offsets_of(offsets, len, structs.len())?;
        let sorted = matches!(data_type, DataType::Map(_, true));
        let field = Arc::clone(&entries.field);
        let array = MapArray::try_new(field, offsets, structs.as_struct().clone(), nulls, sorted);
        Ok(Arc::new(array.map_err(wrong)?))
    }

    fn dictionary(
        &mut self,
        id: i64,
        keys: &DataType,
        values: &Source,
        len: usize,
        nulls: Option<NullBuffer>,
    ) -> Outcome<ArrayRef> {
        let keys = self.plain(keys, len, nulls)?;
        // A dictionary may be left out when nothing of it is needed.
        let none;
        let values = match self.dictionaries.get(&id) {
            Some(values) => values,
            None => {
                none = Values::new(new_empty_array(values.field.data_type()), self.body.budget)?;
                &none
            }
        };
        let indices = indices_of(keys.as_ref(), values.len())?;
        values.pick(&indices, self.body.budget)
    }

    fn runs(&mut self, ends: &DataType, values: &Source, len: usize) -> Outcome<ArrayRef> {
        let (runs, nulls) = self.body.next_node()?;
        let nulls = self.nulls(runs, nulls)?;
        if nulls.is_some() {
            return Err(syntax("an end of a run is null"));
        }
        let ends = self.plain(ends, runs, None)?;
        let values = Values::new(self.column(values, runs)?, self.body.budget)?;
        self.body.budget.take(len.saturating_mul(size_of::<u32>()))?;
        let mut indices = Vec::with_capacity(len);
        for (run, end) in wide(ends.as_ref()).into_iter().enumerate() {
            let end = usize::try_from(end).ok().filter(|&end| end > indices.len() || indices.len() == len);
            let Some(end) = end else { return Err(syntax(format!("run {run} ends before it begins"))) };
            indices.resize(end.min(len), run as u32);
        }
        if indices.len() < len {
            return Err(syntax(format!("the runs end at {} of {len} rows", indices.len())));
        }
        values.pick(&UInt32Array::from(indices), self.body.budget)
    }
}

/// `len` values of `width` bytes each.
fn bytes_of(len: usize, width: usize) -> Outcome<usize> {
    len.checked_mul(width).ok_or_else(|| syntax(format!("{len} times {width} is more than there can be")))
}

/// The first `len` values of `width` bytes each of a buffer.
fn exactly(buffer: Buffer, len: usize, width: usize) -> Outcome<Buffer> {
    let needed = bytes_of(len, width)?;
    if buffer.len() < needed {
        return Err(syntax(format!("a buffer has {} bytes and needs {needed}", buffer.len())));
    }
    Ok(buffer.slice_with_length(0, needed))
}

fn boolean(bits: Buffer, len: usize) -> Outcome<BooleanBuffer> {
    Ok(BooleanBuffer::new(exactly(bits, len.div_ceil(8), 1)?, 0, len))
}

fn scalars<T: ArrowNativeType>(buffer: Buffer, len: usize) -> Outcome<ScalarBuffer<T>> {
    let mut values = exactly(buffer, len, size_of::<T>())?;
    if !values.as_ptr().cast::<T>().is_aligned() {
        values = Buffer::from(values.as_slice());
    }
    Ok(ScalarBuffer::new(values, 0, len))
}

/// Offsets of `len` values into a child of `items`. Of no values there may be none.
fn offsets_of<O: OffsetSizeTrait>(buffer: Buffer, len: usize, items: usize) -> Outcome<OffsetBuffer<O>> {
    if len == 0 && buffer.is_empty() {
        return Ok(OffsetBuffer::new_empty());
    }
    let offsets = scalars::<O>(buffer, len.saturating_add(1))?;
    if let Some(pair) = offsets.windows(2).find(|pair| pair[1] < pair[0]) {
        return Err(syntax(format!("the offset {:?} follows {:?}", pair[1], pair[0])));
    }
    let (first, last) = (offsets[0], offsets[len]);
    if first < O::zero() || last.to_usize().is_none_or(|last| last > items) {
        return Err(syntax(format!("the offsets go from {first:?} to {last:?}, in {items}")));
    }
    Ok(OffsetBuffer::new(offsets))
}

/// Integers of 32 or 64 bits.
fn integers(buffer: Buffer, len: usize, wide: bool) -> Outcome<Vec<i64>> {
    match wide {
        true => Ok(scalars::<i64>(buffer, len)?.to_vec()),
        false => Ok(scalars::<i32>(buffer, len)?.iter().map(|value| i64::from(*value)).collect()),
    }
}

/// The ends of runs, of any width.
fn wide(ends: &dyn Array) -> Vec<i64> {
    match ends.data_type() {
        DataType::Int16 => {
            ends.as_primitive::<Int16Type>().values().iter().map(|end| (*end).into()).collect()
        }
        DataType::Int32 => {
            ends.as_primitive::<Int32Type>().values().iter().map(|end| (*end).into()).collect()
        }
        _ => ends.as_primitive::<Int64Type>().values().to_vec(),
    }
}

/// The keys of a dictionary of `values`, null where they are.
fn indices_of(keys: &dyn Array, values: usize) -> Outcome<UInt32Array> {
    macro_rules! indices {
        ($t:ty) => {
            keys.as_primitive::<$t>()
                .iter()
                .map(|key| match key {
                    None => Ok(None),
                    Some(key) => match u32::try_from(key).ok().filter(|&key| (key as usize) < values) {
                        Some(key) => Ok(Some(key)),
                        None => Err(syntax(format!("key {key} of a dictionary of {values}"))),
                    },
                })
                .collect()
        };
    }
    downcast_integer! {
        keys.data_type() => (indices),
        other => Err(syntax(format!("keys of type {other}"))),
    }
}

/// Decimals must have no more digits than their type says.
fn check_digits<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> Outcome<()> {
    fn check<D: DecimalType>(array: &dyn Array) -> Outcome<()> {
        let array = array.as_primitive::<D>();
        array.validate_decimal_precision(array.precision()).map_err(wrong)
    }
    match T::DATA_TYPE {
        DataType::Decimal32(..) => check::<Decimal32Type>(array),
        DataType::Decimal64(..) => check::<Decimal64Type>(array),
        DataType::Decimal128(..) => check::<Decimal128Type>(array),
        DataType::Decimal256(..) => check::<Decimal256Type>(array),
        _ => Ok(()),
    }
}
