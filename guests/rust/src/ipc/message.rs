//! RecordBatch messages, read: the few numbers of the metadata, and checked views of the buffers.
//!
//! The columns of a schema always have the same nodes and buffers in the same order, so a column is a place in
//! two lists ([`Part`]) and a child is the next place. It knows no Rust types of cells and copies no buffer.

use super::flat::Table;
use super::{HEADER_RECORD_BATCH, Malformed, split};
use arrow_schema::DataType;

/// Where the buffers of one batch are. Kept and refilled from batch to batch.
#[derive(Default, Debug)]
pub(crate) struct BatchLayout {
    /// Number of rows.
    pub(crate) rows: usize,
    /// Length and number of nulls of each node.
    nodes: Vec<(usize, usize)>,
    /// Start and end of each buffer within the message.
    buffers: Vec<(usize, usize)>,
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let raw: [u8; 8] = bytes.get(at..at + 8)?.try_into().ok()?;
    usize::try_from(i64::from_le_bytes(raw)).ok()
}

/// The pairs of 64-bit numbers in a vector of structs.
fn pairs(bytes: &[u8]) -> impl Iterator<Item = Option<(usize, usize)>> {
    bytes.chunks_exact(16).map(|pair| Some((number(pair, 0)?, number(pair, 8)?)))
}

impl BatchLayout {
    /// Reads the metadata of a RecordBatch message. Every buffer lies within the message afterwards.
    pub(crate) fn read(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let (metadata, body) = split(message)?;
        let root = Table::root(metadata)?;
        if root.u8(1)? != HEADER_RECORD_BATCH {
            return Err(Malformed::new("expected a RecordBatch message"));
        }
        let header = root.table(2)?.ok_or_else(|| Malformed::new("the message has no header"))?;
        if header.table(3)?.is_some() {
            return Err(Malformed::new("the batch is compressed"));
        }
        self.rows =
            usize::try_from(header.i64(0)?).map_err(|_| Malformed::new("the batch has a negative length"))?;
        let (nodes, _) = header.vector(1, 16)?;
        self.nodes.clear();
        for node in pairs(nodes) {
            self.nodes.push(node.ok_or_else(|| Malformed::new("a column has a negative length"))?);
        }
        let (buffers, _) = header.vector(2, 16)?;
        self.buffers.clear();
        for buffer in pairs(buffers) {
            let range = buffer.and_then(|(offset, length)| {
                let start = body.checked_add(offset)?;
                Some((start, start.checked_add(length)?))
            });
            match range {
                Some((start, end)) if end <= message.len() => self.buffers.push((start, end)),
                _ => return Err(Malformed::new("a buffer lies outside of the body")),
            }
        }
        Ok(())
    }
}

/// One column, or a child of one, in a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    message: &'a [u8],
    layout: &'a BatchLayout,
    data_type: &'a DataType,
    node: usize,
    buffer: usize,
}

impl<'a> Part<'a> {
    /// The first column of a batch.
    pub(crate) fn first(message: &'a [u8], layout: &'a BatchLayout, data_type: &'a DataType) -> Self {
        Part { message, layout, data_type, node: 0, buffer: 0 }
    }

    /// The column after this one.
    pub(crate) fn next(self, data_type: &'a DataType) -> Self {
        let (nodes, buffers) = span(self.data_type);
        Part { data_type, node: self.node + nodes, buffer: self.buffer + buffers, ..self }
    }

    /// The child of that index of a nested column.
    pub(crate) fn child(self, index: usize) -> Option<Self> {
        let buffer = self.buffer + own_buffers(self.data_type);
        let types = children(self.data_type);
        let mut part = Part { data_type: types.first()?, node: self.node + 1, buffer, ..self };
        for data_type in types.get(1..=index)? {
            part = part.next(data_type);
        }
        Some(part)
    }

    pub(crate) fn data_type(self) -> &'a DataType {
        self.data_type
    }

    /// Rows and nulls.
    pub(crate) fn node(self) -> Result<(usize, usize), Malformed> {
        self.layout
            .nodes
            .get(self.node)
            .copied()
            .ok_or_else(|| Malformed::new("a column is missing in the batch"))
    }

    /// Start and end of a buffer of this column within the message.
    pub(crate) fn range(self, index: usize) -> Result<(usize, usize), Malformed> {
        let range = self.layout.buffers.get(self.buffer + index);
        range.copied().ok_or_else(|| Malformed::new("a buffer is missing in the batch"))
    }

    /// A buffer of this column, which must have `least` bytes.
    pub(crate) fn buffer(self, index: usize, least: usize) -> Result<&'a [u8], Malformed> {
        let (start, end) = self.range(index)?;
        let bytes = self
            .message
            .get(start..end)
            .ok_or_else(|| Malformed::new("a buffer lies outside of the batch"))?;
        if bytes.len() < least {
            return Err(Malformed::new(format!("a buffer has {} bytes instead of {least}", bytes.len())));
        }
        Ok(bytes)
    }
}

fn children(data_type: &DataType) -> Vec<&DataType> {
    match data_type {
        DataType::List(f) | DataType::LargeList(f) | DataType::FixedSizeList(f, _) | DataType::Map(f, _) => {
            vec![f.data_type()]
        }
        DataType::Struct(fields) => fields.iter().map(|f| f.data_type()).collect(),
        _ => Vec::new(),
    }
}

/// How many buffers a column of that type has, without its children.
fn own_buffers(data_type: &DataType) -> usize {
    use DataType::*;
    match data_type {
        Null => 0,
        Struct(_) | FixedSizeList(..) => 1,
        Utf8 | LargeUtf8 | Binary | LargeBinary => 3,
        _ => 2,
    }
}

/// How many nodes and buffers a column of that type has, with its children.
pub(super) fn span(data_type: &DataType) -> (usize, usize) {
    let mut total = (1, own_buffers(data_type));
    for child in children(data_type) {
        let (nodes, buffers) = span(child);
        total = (total.0 + nodes, total.1 + buffers);
    }
    total
}

/// Bytes of a bitmap over that many rows.
pub(crate) fn bitmap_len(rows: usize) -> usize {
    rows.div_ceil(8)
}
