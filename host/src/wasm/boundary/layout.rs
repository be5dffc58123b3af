//! Where the columns of a message lie: the metadata of a RecordBatch message read once and checked whole, so that
//! every number in a [`Layout`] can be relied on while it is used. Says nothing of what the bytes mean.

use arrow::datatypes::{DataType, Schema};

use super::PREFIX;
use super::schema::{metadata, root};

/// The places of a message's columns.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// Rows of the batch.
    pub(super) rows: usize,
    /// Length and nulls of each column, nested ones after their parents.
    pub(super) nodes: Vec<(usize, usize)>,
    /// Offset in the body and length of each buffer, in bytes; the offset is a multiple of 8.
    pub(super) buffers: Vec<(usize, usize)>,
    /// Bytes before the body.
    pub(super) header_len: usize,
    /// Bytes of the body.
    pub(super) body_len: usize,
}

/// How many nodes and buffers the columns of a schema have.
pub(super) fn counts(schema: &Schema) -> (usize, usize) {
    let add = |sum: (usize, usize), more: (usize, usize)| (sum.0 + more.0, sum.1 + more.1);
    schema.fields().iter().map(|field| count(field.data_type())).fold((0, 0), add)
}

/// The same for one column, with its children.
pub(super) fn count(data_type: &DataType) -> (usize, usize) {
    use DataType::{Binary, FixedSizeList, LargeBinary, LargeUtf8, List, Map, Null, Struct, Utf8};
    match data_type {
        Null => (1, 0),
        Utf8 | LargeUtf8 | Binary | LargeBinary => (1, 3),
        List(item) | Map(item, _) => with(2, count(item.data_type())),
        FixedSizeList(item, _) => with(1, count(item.data_type())),
        Struct(fields) => {
            fields.iter().map(|f| count(f.data_type())).fold((1, 1), |a, b| (a.0 + b.0, a.1 + b.1))
        }
        _ => (1, 2),
    }
}

fn with(own_buffers: usize, child: (usize, usize)) -> (usize, usize) {
    (1 + child.0, own_buffers + child.1)
}

/// A count in the metadata, which is signed there.
fn number(n: i64, what: &str) -> Result<usize, String> {
    usize::try_from(n).map_err(|_| format!("{what} is {n}"))
}

impl Layout {
    /// Reads the metadata of a message whose columns should be those of `schema`.
    pub(super) fn read(message: &[u8], schema: &Schema) -> Result<Self, String> {
        let metadata = metadata(message)?;
        let root = root(metadata)?;
        let header = root.header_as_record_batch().ok_or_else(|| {
            let kind = root.header_type().variant_name().unwrap_or("unknown");
            format!("it is a message of kind {kind}, not a RecordBatch")
        })?;
        if header.compression().is_some() {
            return Err("its body is compressed; send it uncompressed".into());
        }
        let header_len = PREFIX + metadata.len();
        let body_len = number(root.bodyLength(), "the length of its body")?;
        let follows = message.len() - header_len;
        if body_len != follows {
            return Err(format!("its body should have {body_len} bytes and has {follows}"));
        }
        let rows = number(header.length(), "its number of rows")?;
        let mut layout = Layout { rows, header_len, body_len, ..Layout::default() };
        for node in header.nodes().into_iter().flatten() {
            layout.node(node.length(), node.null_count())?;
        }
        for buffer in header.buffers().into_iter().flatten() {
            layout.buffer(buffer.offset(), buffer.length())?;
        }
        layout.check_counts(schema)?;
        layout.check_overlap()?;
        Ok(layout)
    }

    fn node(&mut self, length: i64, nulls: i64) -> Result<(), String> {
        let i = self.nodes.len();
        let length = number(length, &format!("the length of column {i}"))?;
        let nulls = number(nulls, &format!("the number of nulls of column {i}"))?;
        if nulls > length {
            return Err(format!("column {i} has {nulls} nulls among {length} values"));
        }
        self.nodes.push((length, nulls));
        Ok(())
    }

    fn buffer(&mut self, offset: i64, length: i64) -> Result<(), String> {
        let i = self.buffers.len();
        let offset = number(offset, &format!("the offset of buffer {i}"))?;
        let length = number(length, &format!("the length of buffer {i}"))?;
        if offset % 8 != 0 {
            return Err(format!("buffer {i} starts at {offset}, which is no multiple of 8"));
        }
        if offset.checked_add(length).is_none_or(|end| end > self.body_len) {
            let body = self.body_len;
            return Err(format!(
                "buffer {i} of {length} bytes at {offset} reaches beyond its body of {body} bytes"
            ));
        }
        self.buffers.push((offset, length));
        Ok(())
    }

    fn check_counts(&self, schema: &Schema) -> Result<(), String> {
        let (nodes, buffers) = counts(schema);
        if (self.nodes.len(), self.buffers.len()) != (nodes, buffers) {
            let names: Vec<String> = schema
                .fields()
                .iter()
                .map(|field| format!("{} {}", field.name(), field.data_type()))
                .collect();
            return Err(format!(
                "it has {} columns and {} buffers; the schema agreed in bind ({}) has {nodes} and {buffers}, nested \
                 columns counted",
                self.nodes.len(),
                self.buffers.len(),
                names.join(", ")
            ));
        }
        Ok(())
    }

    /// Buffers that share bytes would make a small body stand for much data.
    fn check_overlap(&self) -> Result<(), String> {
        let mut places: Vec<(usize, usize)> =
            self.buffers.iter().copied().filter(|&(_, len)| len > 0).collect();
        places.sort_unstable();
        match places.windows(2).find(|pair| pair[0].0 + pair[0].1 > pair[1].0) {
            Some(pair) => Err(format!("its buffers at {} and {} overlap", pair[0].0, pair[1].0)),
            None => Ok(()),
        }
    }
}
