"""Arrow IPC messages, read and written: as much of the format as crosses Sabot's boundary (wit/types.wit).

A schema is a list of `Column`s, a batch a list of Python lists, with None for null. Nothing here knows operators.
"""

import struct
from array import array
from collections import namedtuple

Column = namedtuple("Column", "name type nullable")

# Type: (number in Arrow's union of types, format of the type's table, its values, format of a cell).
_TYPES = {
    "int64": (2, "iB", (64, 1), "q"),
    "int32": (2, "iB", (32, 1), "i"),
    "float64": (3, "h", (2,), "d"),
    "timestamp_ms": (10, "h", (1,), "q"),
    "bool": (6, "", (), None),
    "string": (5, "", (), None),
    "binary": (4, "", (), None),
}


def columns(declared):
    """`{"user": "string", "amount": "float64?"}` as columns."""
    found = []
    for name, text in declared.items():
        kind = text.removesuffix("?")
        if kind not in _TYPES:
            raise ValueError(f"column {name}: there is no type {text!r}; there are: {', '.join(_TYPES)}")
        found.append(Column(name, kind, text.endswith("?")))
    return found


# ---- The flatbuffer format -----------------------------------------------------------------------------------


class _Writer:
    """Front to back: a table before what it refers to; each reference is filled in when its target is placed."""

    def __init__(self):
        self.bytes = bytearray(4)

    def align(self, to, ahead):
        self.bytes += bytes(-(len(self.bytes) + ahead) % to)

    def table(self, source, form, values):
        """Writes a table with fields of these formats (`r` is a reference, `x` is absent), lets `source` point to
        it, and answers where each field is."""
        vtable_length = 4 + 2 * len(form)
        self.align(8, vtable_length)
        vtable = len(self.bytes)
        table = vtable + vtable_length
        offsets, size = [0] * len(form), 4
        widths = [{"r": 4, "x": 0}.get(f) or struct.calcsize("<" + f) if f != "x" else 0 for f in form]
        for width in (8, 4, 2, 1):
            for i, own in enumerate(widths):
                if own == width:
                    size += -size % width
                    offsets[i] = size
                    size += width
        self.bytes += struct.pack(f"<HH{len(form)}Hi", vtable_length, size, *offsets, vtable_length)
        self.bytes += bytes(table + size - len(self.bytes))
        for f, offset, value in zip(form, offsets, values):
            if f not in "rx":
                struct.pack_into("<" + f, self.bytes, table + offset, value)
        self.point(source, table)
        return [table + offset for offset in offsets]

    def vector(self, source, count, body, width=4):
        """Writes a vector of `count` elements; answers where the first one is."""
        self.align(8 if width == 16 else 4, 4)
        self.point(source, len(self.bytes))
        self.bytes += struct.pack("<I", count)
        at = len(self.bytes)
        self.bytes += body
        return at

    def point(self, source, target):
        struct.pack_into("<I", self.bytes, source, target - source)

    def message(self, body=b""):
        self.align(8, 0)
        return b"".join((b"\xff\xff\xff\xff", struct.pack("<I", len(self.bytes)), self.bytes, body))


class _Table:
    """A table being read."""

    def __init__(self, metadata, at):
        self.metadata = metadata
        self.at = at
        self.vtable = at - struct.unpack_from("<i", metadata, at)[0]
        self.length = struct.unpack_from("<H", metadata, self.vtable)[0]

    def field(self, slot):
        entry = 4 + 2 * slot
        offset = struct.unpack_from("<H", self.metadata, self.vtable + entry)[0] if entry < self.length else 0
        return self.at + offset if offset else None

    def number(self, slot, form):
        at = self.field(slot)
        return 0 if at is None else struct.unpack_from("<" + form, self.metadata, at)[0]

    def follow(self, slot):
        at = self.field(slot)
        return at + struct.unpack_from("<I", self.metadata, at)[0]

    def pairs(self, slot):
        """The elements of a vector of two 64-bit numbers each."""
        at = self.follow(slot)
        count = struct.unpack_from("<I", self.metadata, at)[0]
        return list(struct.iter_unpack("<qq", self.metadata[at + 4 : at + 4 + 16 * count]))


# ---- Schemas and batches -------------------------------------------------------------------------------------


def encode_schema(declared):
    """A Schema message."""
    w = _Writer()
    _, _, header, _ = w.table(0, "hBrq", (4, 1, None, 0))
    _, fields = w.table(header, "hr", (0, None))
    first = w.vector(fields, len(declared), bytes(4 * len(declared)))
    for i, column in enumerate(declared):
        kind, form, values, _ = _TYPES[column.type]
        name, _, _, detail, _, children = w.table(
            first + 4 * i, "rBBrxr", (None, column.nullable, kind, None, None, None)
        )
        text = column.name.encode()
        w.vector(name, len(text), text + b"\0")
        w.table(detail, form, values)
        w.vector(children, 0, b"")
    return w.message()


def decode_batch(declared, message):
    """The number of rows and the columns of a RecordBatch message."""
    length = struct.unpack_from("<I", message, 4)[0]
    metadata, body = memoryview(message)[8 : 8 + length], memoryview(message)[8 + length :]
    root = _Table(metadata, struct.unpack_from("<I", metadata, 0)[0])
    if root.number(1, "B") != 3:
        raise ValueError("expected a RecordBatch message")
    header = _Table(metadata, root.follow(2))
    rows = header.number(0, "q")
    nodes = iter(header.pairs(1))
    buffers = iter([body[offset : offset + size] for offset, size in header.pairs(2)])
    return rows, [_decode_column(column.type, next(nodes), buffers) for column in declared]


def _bits(buffer, rows):
    return [buffer[i >> 3] >> (i & 7) & 1 == 1 for i in range(rows)]


def _decode_column(kind, node, buffers):
    rows, nulls = node
    valid, values = next(buffers), next(buffers)
    if kind == "bool":
        cells = _bits(values, rows)
    elif kind in ("string", "binary"):
        ends, data = values[: 4 * (rows + 1)].cast("i").tolist() or [0], bytes(next(buffers))
        cells = [data[start:end] for start, end in zip(ends, ends[1:])]
        if nulls:
            cells = [cell if there else None for cell, there in zip(cells, _bits(valid, rows))]
        if kind == "string":
            cells = [cell if cell is None else cell.decode() for cell in cells]
        return cells
    else:
        form = _TYPES[kind][3]
        cells = values[: rows * struct.calcsize(form)].cast(form).tolist()
    if nulls:
        cells = [cell if there else None for cell, there in zip(cells, _bits(valid, rows))]
    return cells


def _pack_bits(flags):
    bits = bytearray((len(flags) + 7) // 8)
    for i, flag in enumerate(flags):
        if flag:
            bits[i >> 3] |= 1 << (i & 7)
    return bytes(bits)


def _encode_column(column, cells):
    """The number of nulls and the buffers of a column."""
    nulls = cells.count(None)
    if nulls and not column.nullable:
        raise ValueError(f"output column {column.name} is null; declare it as {column.type}? to allow that")
    buffers = [_pack_bits([cell is not None for cell in cells]) if nulls else b""]
    if column.type == "bool":
        buffers.append(_pack_bits(cells))
    elif column.type in ("string", "binary"):
        encoded = [b"" if cell is None else cell.encode() if column.type == "string" else cell for cell in cells]
        ends = array("i", [0])
        for cell in encoded:
            ends.append(ends[-1] + len(cell))
        buffers += [ends.tobytes(), b"".join(encoded)]
    else:
        form = _TYPES[column.type][3]
        buffers.append(array(form, [0 if cell is None else cell for cell in cells]).tobytes())
    return nulls, buffers


def encode_batch(declared, rows, cells):
    """A RecordBatch message of these columns."""
    nodes, places, body, length = [], [], [], 0
    for column, values in zip(declared, cells):
        nulls, buffers = _encode_column(column, values)
        nodes.append(struct.pack("<qq", rows, nulls))
        for buffer in buffers:
            places.append(struct.pack("<qq", length, len(buffer)))
            body += [buffer, bytes(-len(buffer) % 8)]
            length += len(buffer) + (-len(buffer) % 8)
    w = _Writer()
    _, _, header, _ = w.table(0, "hBrq", (4, 3, None, length))
    _, node, place = w.table(header, "qrr", (rows, None, None))
    w.vector(node, len(nodes), b"".join(nodes), 16)
    w.vector(place, len(places), b"".join(places), 16)
    return w.message(b"".join(body))
