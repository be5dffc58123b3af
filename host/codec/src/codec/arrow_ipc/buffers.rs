//! The buffers of a message's body: where they are said to be, within its bounds, unpacked within a limit. Knows
//! nothing of what they hold.

use std::ops::Range;

use arrow::buffer::Buffer;
use arrow_ipc::{BodyCompressionMethod, CompressionType};

use super::{lz4, syntax, unsupported};
use crate::codec::column::{Allowance, MAX_RECORD, Spent};
use crate::codec::problem::{Outcome, Problem};

/// The uncompressed length before a compressed buffer, and what it is for one that was left as it was.
const LENGTH: usize = 8;
const AS_IT_IS: i64 = -1;

/// How much a record may still unpack to: its buffers as they are sent and without compression, a byte for each value,
/// and what dictionaries, runs and views become.
pub(super) struct Budget(pub(super) Allowance);

impl Budget {
    /// Takes so many bytes off it, before memory is taken for them.
    pub(super) fn take(&mut self, bytes: usize) -> Outcome<()> {
        self.0.take(bytes).map_err(too_large)
    }
}

#[cold]
fn too_large(spent: Spent) -> Box<Problem> {
    spent.problem(|| format!("it unpacks to more than {MAX_RECORD} bytes: put fewer rows into a record"))
}

/// What unpacks buffers; made when the first one needs it.
#[derive(Default)]
pub(super) struct Unpacker {
    zstd: Option<zstd::bulk::Decompressor<'static>>,
}

/// The nodes and buffers of a batch, to be taken in the order of its columns.
pub(super) struct Body<'a> {
    batch: arrow_ipc::RecordBatch<'a>,
    /// All of the value, and which part of it the body is.
    value: &'a Buffer,
    range: Range<usize>,
    compression: Option<CompressionType>,
    unpacker: &'a mut Unpacker,
    pub(super) budget: &'a mut Budget,
    nodes: usize,
    buffers: usize,
    counts: usize,
}

impl<'a> Body<'a> {
    pub(super) fn new(
        batch: arrow_ipc::RecordBatch<'a>,
        value: &'a Buffer,
        range: Range<usize>,
        unpacker: &'a mut Unpacker,
        budget: &'a mut Budget,
    ) -> Outcome<Body<'a>> {
        let compression = match batch.compression() {
            None => None,
            Some(how) if how.method() != BodyCompressionMethod::BUFFER => {
                return Err(unsupported("expected each buffer to be compressed by itself"));
            }
            Some(how) => match how.codec() {
                codec @ (CompressionType::LZ4_FRAME | CompressionType::ZSTD) => Some(codec),
                _ => return Err(unsupported("expected lz4_frame or zstd, found another compression")),
            },
        };
        Ok(Body { batch, value, range, compression, unpacker, budget, nodes: 0, buffers: 0, counts: 0 })
    }

    /// Length and number of nulls of the next column. Each value is taken off the budget.
    pub(super) fn next_node(&mut self) -> Outcome<(usize, usize)> {
        let node = self.batch.nodes().filter(|nodes| self.nodes < nodes.len());
        let Some(node) = node.map(|nodes| nodes.get(self.nodes)) else {
            return Err(syntax(format!("the batch has {} columns and needs more", self.nodes)));
        };
        self.nodes += 1;
        let (len, nulls) = (usize::try_from(node.length()), usize::try_from(node.null_count()));
        match (len, nulls) {
            (Ok(len), Ok(nulls)) if nulls <= len => {
                self.budget.take(len)?;
                Ok((len, nulls))
            }
            _ => {
                let (len, nulls) = (node.length(), node.null_count());
                Err(syntax(format!("there are {nulls} nulls among {len} values")))
            }
        }
    }

    /// How many buffers the next column of views has for its data.
    pub(super) fn next_count(&mut self) -> Outcome<usize> {
        let counts = self.batch.variadicBufferCounts().filter(|counts| self.counts < counts.len());
        let Some(count) = counts.map(|counts| counts.get(self.counts)) else {
            return Err(syntax("the number of buffers of a column of views is missing"));
        };
        self.counts += 1;
        let there = self.batch.buffers().map_or(0, |buffers| buffers.len());
        match usize::try_from(count) {
            Ok(count) if count <= there => Ok(count),
            _ => Err(syntax(format!("a column of views has {count} buffers, the batch {there}"))),
        }
    }

    /// The next buffer, unpacked.
    pub(super) fn next_buffer(&mut self) -> Outcome<Buffer> {
        let buffer = self.batch.buffers().filter(|buffers| self.buffers < buffers.len());
        let Some(buffer) = buffer.map(|buffers| buffers.get(self.buffers)) else {
            return Err(syntax(format!("the batch has {} buffers and needs more", self.buffers)));
        };
        let number = self.buffers;
        self.buffers += 1;
        let place = usize::try_from(buffer.offset()).ok().zip(usize::try_from(buffer.length()).ok());
        let place = place.and_then(|(offset, len)| Some((offset, len, offset.checked_add(len)?)));
        let Some((offset, len, _)) = place.filter(|&(.., end)| end <= self.range.len()) else {
            let (offset, len) = (buffer.offset(), buffer.length());
            let body = self.range.len();
            return Err(syntax(format!("buffer {number} is {len} bytes at {offset} in a body of {body}")));
        };
        // Also of what is compressed: buffers may lie on one another, and each is gone through.
        self.budget.take(len)?;
        let packed = self.value.slice_with_length(self.range.start + offset, len);
        match self.compression {
            Some(how) if len > 0 => self.unpack(&packed, how),
            _ => Ok(packed),
        }
    }

    fn unpack(&mut self, packed: &Buffer, how: CompressionType) -> Outcome<Buffer> {
        let Some(len) = packed.first_chunk::<LENGTH>().map(|len| i64::from_le_bytes(*len)) else {
            return Err(syntax(format!(
                "a compressed buffer has {} bytes, fewer than its length",
                packed.len()
            )));
        };
        let rest = packed.slice(LENGTH);
        if len == AS_IT_IS {
            return Ok(rest);
        }
        let Ok(len) = usize::try_from(len) else {
            return Err(syntax(format!("a buffer has {len} bytes when unpacked")));
        };
        // Before anything is unpacked: the number is only what the record says.
        self.budget.take(len)?;
        let unpacked = match how {
            CompressionType::ZSTD => self.unpacker.zstd(&rest, len).map_err(|wrong| wrong.to_string()),
            _ => lz4::unpack(&rest, len),
        };
        match unpacked {
            Ok(unpacked) if unpacked.len() == len => Ok(Buffer::from_vec(unpacked)),
            Ok(_) => Err(syntax(format!("a buffer has not {len} bytes when unpacked"))),
            Err(wrong) => Err(syntax(format!("a buffer cannot be unpacked: {wrong}"))),
        }
    }

    /// Nothing was left over.
    pub(super) fn end(&self) -> Outcome<()> {
        let nodes = self.batch.nodes().map_or(0, |nodes| nodes.len());
        let buffers = self.batch.buffers().map_or(0, |buffers| buffers.len());
        if (nodes, buffers) == (self.nodes, self.buffers) {
            return Ok(());
        }
        let (need, need_buffers) = (self.nodes, self.buffers);
        Err(syntax(format!(
            "the batch has {nodes} columns and {buffers} buffers, the schema {need} and {need_buffers}"
        )))
    }
}

impl Unpacker {
    /// At most `len` bytes.
    fn zstd(&mut self, packed: &[u8], len: usize) -> std::io::Result<Vec<u8>> {
        let zstd = match &mut self.zstd {
            Some(zstd) => zstd,
            none => none.insert(zstd::bulk::Decompressor::new()?),
        };
        zstd.decompress(packed, len)
    }
}
