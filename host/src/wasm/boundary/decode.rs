//! Record batches inwards. A guest's message is copied once, into a buffer that Arrow's types can lie in, and
//! becomes arrays through constructors that check what Arrow demands; what they would panic on is checked before.

use std::sync::Arc;

use arrow::array::{
    ArrayData, ArrayRef, ArrowPrimitiveType, BooleanArray, FixedSizeBinaryArray, FixedSizeListArray,
    ListArray, MapArray, PrimitiveArray, RecordBatch, RecordBatchOptions, StructArray, downcast_primitive,
    make_array,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowNativeType, DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType,
    FieldRef, Fields, SchemaRef,
};
use arrow::error::ArrowError;

use super::layout::Layout;

/// Reads batches of one schema.
#[derive(Debug)]
pub(in crate::wasm) struct Decoder {
    schema: SchemaRef,
    /// Prefix and metadata of the last good message: bytes that are the same mean the same layout.
    header: Vec<u8>,
    layout: Layout,
}

impl Decoder {
    /// For batches of a schema that [`decode_schema`](super::decode_schema) let pass.
    pub(in crate::wasm) fn new(schema: SchemaRef) -> Self {
        Decoder { schema, header: Vec::new(), layout: Layout::default() }
    }

    /// The batch in a message, of at most `max_rows` rows.
    pub(in crate::wasm) fn decode(&mut self, message: &[u8], max_rows: usize) -> Result<RecordBatch, String> {
        let same = !self.header.is_empty()
            && message.len() == self.header.len() + self.layout.body_len
            && message.starts_with(&self.header);
        if !same {
            let layout = Layout::read(message, &self.schema)?;
            self.header.clear();
            self.header.extend_from_slice(&message[..layout.header_len]);
            self.layout = layout;
        }
        let rows = self.layout.rows;
        if rows > max_rows {
            return Err(format!("it has {rows} rows; at most {max_rows} are left of what one call may emit"));
        }
        let body = Buffer::from(&message[self.layout.header_len..]);
        let mut reader = Reader { layout: &self.layout, body, node: 0, buffer: 0 };
        let columns = self.schema.fields().iter().map(|field| {
            reader.column(field, rows).map_err(|wrong| format!("in the column `{}` {wrong}", field.name()))
        });
        let columns = columns.collect::<Result<Vec<ArrayRef>, String>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).map_err(text)
    }
}

fn text(error: ArrowError) -> String {
    match error {
        ArrowError::InvalidArgumentError(text) => text,
        other => other.to_string(),
    }
}

/// Takes columns from a body in the order of the schema.
struct Reader<'a> {
    layout: &'a Layout,
    body: Buffer,
    node: usize,
    buffer: usize,
}

impl Reader<'_> {
    /// A column that must have `len` values.
    fn column(&mut self, field: &FieldRef, len: usize) -> Result<ArrayRef, String> {
        let (found, _) = self.layout.nodes[self.node];
        if found != len {
            return Err(format!("there are {found} values and should be {len}"));
        }
        self.array(field.data_type())
    }

    fn array(&mut self, data_type: &DataType) -> Result<ArrayRef, String> {
        let (len, nulls) = self.next_node();
        let nulls = self.nulls(len, nulls)?;
        macro_rules! primitive {
            ($t:ty) => {
                self.primitive::<$t>(data_type, len, nulls)
            };
        }
        downcast_primitive! {
            data_type => (primitive),
            DataType::Boolean => self.boolean(len, nulls),
            DataType::Utf8 | DataType::Binary => self.strings(data_type, len, nulls, 4),
            DataType::LargeUtf8 | DataType::LargeBinary => self.strings(data_type, len, nulls, 8),
            DataType::FixedSizeBinary(width) => self.fixed_binary(*width, len, nulls),
            DataType::List(item) => self.list(item, len, nulls),
            DataType::FixedSizeList(item, size) => self.fixed_list(item, *size, len, nulls),
            DataType::Struct(fields) => Ok(Arc::new(self.structs(fields, len, nulls)?)),
            DataType::Map(entries, sorted) => self.map(entries, *sorted, len, nulls),
            other => Err(format!("the type {other} cannot be read")),
        }
    }

    fn next_node(&mut self) -> (usize, usize) {
        // The layout has as many nodes and buffers as the schema: it was checked when it was read.
        let node = self.layout.nodes[self.node];
        self.node += 1;
        node
    }

    /// The next buffer, which must have `needed` bytes or more; the bytes after them are left out.
    fn next_buffer(&mut self, needed: usize) -> Result<Buffer, String> {
        let (offset, len) = self.layout.buffers[self.buffer];
        self.buffer += 1;
        if len < needed {
            return Err(format!("buffer {} has {len} bytes and needs {needed}", self.buffer - 1));
        }
        Ok(self.body.slice_with_length(offset, needed))
    }

    /// The whole next buffer.
    fn next_whole(&mut self) -> Buffer {
        let (offset, len) = self.layout.buffers[self.buffer];
        self.buffer += 1;
        self.body.slice_with_length(offset, len)
    }

    fn nulls(&mut self, len: usize, said: usize) -> Result<Option<NullBuffer>, String> {
        let (_, present) = self.layout.buffers[self.buffer];
        if present == 0 && (said == 0 || len == 0) {
            self.buffer += 1;
            return Ok(None);
        }
        let bits = self.next_buffer(len.div_ceil(8))?;
        let nulls = NullBuffer::new(BooleanBuffer::new(bits, 0, len));
        if nulls.null_count() != said {
            return Err(format!("the validity has {} nulls and the message says {said}", nulls.null_count()));
        }
        Ok((said > 0).then_some(nulls))
    }

    fn primitive<T: ArrowPrimitiveType>(
        &mut self,
        data_type: &DataType,
        len: usize,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, String> {
        let needed = bytes_of(len, size_of::<T::Native>())?;
        let mut values = self.next_buffer(needed)?;
        if !values.as_ptr().cast::<T::Native>().is_aligned() {
            // Only for types wider than 8 bytes.
            values = Buffer::from(values.as_slice());
        }
        let array = PrimitiveArray::<T>::try_new(ScalarBuffer::new(values, 0, len), nulls).map_err(text)?;
        let array = array.with_data_type(data_type.clone());
        check_decimals(&array)?;
        Ok(Arc::new(array))
    }

    fn boolean(&mut self, len: usize, nulls: Option<NullBuffer>) -> Result<ArrayRef, String> {
        let bits = self.next_buffer(len.div_ceil(8))?;
        Ok(Arc::new(BooleanArray::new(BooleanBuffer::new(bits, 0, len), nulls)))
    }

    /// Strings and bytes: `ArrayData` checks offsets and UTF-8 in one pass.
    fn strings(
        &mut self,
        data_type: &DataType,
        len: usize,
        nulls: Option<NullBuffer>,
        offset_width: usize,
    ) -> Result<ArrayRef, String> {
        let offsets = self.offset_bytes(len, offset_width)?;
        let values = self.next_whole();
        let data = ArrayData::builder(data_type.clone()).len(len).nulls(nulls).buffers(vec![offsets, values]);
        Ok(make_array(data.build().map_err(text)?))
    }

    /// Bytes of `len + 1` offsets; a column of no values may have none.
    fn offset_bytes(&mut self, len: usize, width: usize) -> Result<Buffer, String> {
        if len == 0 && self.layout.buffers[self.buffer].1 == 0 {
            self.buffer += 1;
            return Ok(Buffer::from(&[0; 8][..width]));
        }
        self.next_buffer(bytes_of(len + 1, width)?)
    }

    fn fixed_binary(
        &mut self,
        width: i32,
        len: usize,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, String> {
        let values = self.next_buffer(bytes_of(len, width as usize)?)?;
        Ok(Arc::new(FixedSizeBinaryArray::try_new(width, values, nulls).map_err(text)?))
    }

    /// Offsets into a child of `items` values.
    fn offsets(&mut self, len: usize, items: usize) -> Result<OffsetBuffer<i32>, String> {
        let bytes = self.offset_bytes(len, size_of::<i32>())?;
        let offsets = ScalarBuffer::<i32>::new(bytes, 0, len + 1);
        if offsets[0] < 0 {
            return Err(format!("the first offset is {}", offsets[0]));
        }
        if let Some(pair) = offsets.windows(2).find(|pair| pair[1] < pair[0]) {
            return Err(format!("the offset {} follows {}", pair[1], pair[0]));
        }
        if offsets[len].as_usize() > items {
            return Err(format!("the last offset is {} and there are {items} items", offsets[len]));
        }
        Ok(OffsetBuffer::new(offsets))
    }

    /// The length of the next column, without taking it.
    fn peek_len(&self) -> usize {
        self.layout.nodes[self.node].0
    }

    fn list(&mut self, item: &FieldRef, len: usize, nulls: Option<NullBuffer>) -> Result<ArrayRef, String> {
        let items = self.peek_len();
        let offsets = self.offsets(len, items)?;
        let values = self.column(item, items)?;
        Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, values, nulls).map_err(text)?))
    }

    fn fixed_list(
        &mut self,
        item: &FieldRef,
        size: i32,
        len: usize,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, String> {
        let values = self.column(item, bytes_of(len, size as usize)?)?;
        Ok(Arc::new(FixedSizeListArray::try_new(Arc::clone(item), size, values, nulls).map_err(text)?))
    }

    fn structs(
        &mut self,
        fields: &Fields,
        len: usize,
        nulls: Option<NullBuffer>,
    ) -> Result<StructArray, String> {
        let columns = fields.iter().map(|field| self.column(field, len)).collect::<Result<Vec<_>, _>>()?;
        StructArray::try_new_with_length(fields.clone(), columns, nulls, len).map_err(text)
    }

    fn map(
        &mut self,
        entries: &FieldRef,
        sorted: bool,
        len: usize,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, String> {
        let items = self.peek_len();
        let offsets = self.offsets(len, items)?;
        let DataType::Struct(fields) = entries.data_type() else {
            return Err("the entries of the map are no structs".into());
        };
        let (_, entry_nulls) = self.next_node();
        let entry_nulls = self.nulls(items, entry_nulls)?;
        let structs = self.structs(fields, items, entry_nulls)?;
        Ok(Arc::new(MapArray::try_new(Arc::clone(entries), offsets, structs, nulls, sorted).map_err(text)?))
    }
}

/// `len` values of `width` bytes each.
fn bytes_of(len: usize, width: usize) -> Result<usize, String> {
    len.checked_mul(width).ok_or_else(|| format!("{len} values of {width} bytes are more than there can be"))
}

/// Decimals must have no more digits than their type says.
fn check_decimals<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> Result<(), String> {
    fn check<D: DecimalType, T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> Result<(), String> {
        match (array as &dyn std::any::Any).downcast_ref::<PrimitiveArray<D>>() {
            Some(array) => array.validate_decimal_precision(array.precision()).map_err(text),
            None => Ok(()),
        }
    }
    match T::DATA_TYPE {
        DataType::Decimal32(..) => check::<Decimal32Type, T>(array),
        DataType::Decimal64(..) => check::<Decimal64Type, T>(array),
        DataType::Decimal128(..) => check::<Decimal128Type, T>(array),
        DataType::Decimal256(..) => check::<Decimal256Type, T>(array),
        _ => Ok(()),
    }
}
