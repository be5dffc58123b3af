"""Write Sabot operators in Python.

An operator is a function over one row, in `app.py`:

    import sabot_sdk as sabot

    @sabot.filter(name="large-orders", version="1.0.0", columns={"user": "string", "amount": "float64"})
    def large_orders(row, config):
        return row.amount >= config["min"]

`sabot build` makes a component of it with componentize-py. A row is a named tuple of the columns that the operator
asks for; a null is None. Raise `RowError` to refuse a row: the others go on. `print` goes to the log.

Column types: int64, int32, float64, bool, string, binary, timestamp_ms. A type with `?` may be null; a null in any
other column is a row error before the function sees the row.
"""

import json
import sys
import traceback
from collections import namedtuple

from . import ipc

try:
    import componentize_py_types
    from wit_world import exports as _exports  # noqa: F401, so that it is there at run time
    from wit_world.imports import telemetry, types
except ImportError:  # Outside of a component: the operator's function can be imported and tested.
    componentize_py_types = telemetry = types = None

__all__ = ["RowError", "ConfigError", "filter", "map", "log", "count"]


class RowError(Exception):
    """Refuses a row. The code is short and stable, for counting; a retryable row may succeed later."""

    def __init__(self, code, message="", retryable=False):
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable


class ConfigError(Exception):
    """Refuses the configuration; for the function given as `check`."""


def log(message, level="info"):
    """Writes a line to the log of the pipeline. Levels: debug, info, warn, error."""
    if telemetry is not None:
        telemetry.log(telemetry.Level[level.upper()], str(message))


def count(name, add=1):
    """Adds to a counter of the pipeline's step."""
    if telemetry is not None:
        telemetry.counter(name, add)


class _Lines:
    """What is printed, line by line, to the log."""

    def __init__(self, level):
        self.level = level
        self.rest = ""

    def write(self, text):
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            log(line, self.level)

    def flush(self):
        pass


class _Operator:
    """What all worlds share: the manifest, the configuration, and rows out of batches."""

    def __init__(self, function, name, version, columns, check, config_schema, deterministic):
        self.function = function
        self.name = name or function.__name__.replace("_", "-")
        self.version = version
        self.columns = ipc.columns(columns)
        self.row = namedtuple("Row", [c.name for c in self.columns], rename=True)
        self.check = check
        self.config_schema = config_schema
        self.deterministic = deterministic
        self.extends = False
        self.outputs = None
        self.config = {}

    def describe(self):
        return types.Manifest(
            name=self.name,
            version=self.version,
            columns=types.Columns_Typed(ipc.encode_schema(self.columns)),
            extends=self.extends,
            deterministic=self.deterministic,
            states=[],
            upgrades_from=[],
            config_schema=self.config_schema or "",
            capabilities=[],
        )

    def bind(self, inputs, config):
        sys.stdout, sys.stderr = _Lines("info"), _Lines("warn")
        self.config = json.loads(config)
        if self.check is not None:
            try:
                self.check(self.config)
            except ConfigError as error:
                raise componentize_py_types.Err(types.OpError_Config(str(error)))
        if self.outputs is None:
            return []
        return [types.Port("output", ipc.encode_schema(self.outputs))]

    def each(self, batch, answer):
        """Calls the function for every row, `answer(row number, what it returned)`; the refused rows."""
        rows, columns = ipc.decode_batch(self.columns, batch)
        required = [(i, c.name) for i, c in enumerate(self.columns) if not c.nullable and None in columns[i]]
        refused = []
        for number, cells in enumerate(zip(*columns) if columns else [()] * rows):
            try:
                for i, name in required:
                    if cells[i] is None:
                        raise RowError("null", f"column {name} is null")
                answer(number, self.function(self.row._make(cells), self.config))
            except RowError as error:
                refused.append(types.RowError(number, error.code, error.message, error.retryable))
            except Exception:
                # The batch fails; the host finds the row and attaches what is logged.
                log(traceback.format_exc(), "error")
                raise
        return rows, refused


def _control(operator):
    class Control:
        def describe(self):
            return operator.describe()

        def bind(self, inputs, config):
            return operator.bind(inputs, config)

        def open(self):
            pass

        def close(self):
            pass

    return Control


def filter(*, columns, name=None, version="0.1.0", check=None, config_schema=None, deterministic=True):
    """A component of the world `filter` from a function of (row, config) that answers whether the row is kept."""

    def decorate(function):
        operator = _Operator(function, name, version, columns, check, config_schema, deterministic)

        class Selector:
            def select(self, batch):
                from wit_world.exports import selector

                kept = []
                rows, refused = operator.each(batch, lambda row, keep: kept.append(row) if keep else None)
                bits = bytearray((rows + 7) // 8)
                for row in kept:
                    bits[row >> 3] |= 1 << (row & 7)
                return selector.Selection(bytes(bits), refused)

        if types is not None:
            import wit_world.exports.selector  # noqa: F401, so that it is there at run time
        _export(function, Control=_control(operator), Selector=Selector)
        return function

    return decorate


def map(*, columns, output, extends=False, name=None, version="0.1.0", check=None, config_schema=None,
        deterministic=True):
    """A component of the world `map` from a function of (row, config) that answers the output row, as a dict or as
    a sequence in the order of `output`. With `extends` the columns are added to the input row."""

    def decorate(function):
        operator = _Operator(function, name, version, columns, check, config_schema, deterministic)
        operator.extends = extends
        operator.outputs = ipc.columns(output)
        names = [c.name for c in operator.outputs]

        class Mapper:
            def process(self, batch):
                from wit_world.imports import output as port

                out = [[] for _ in names]

                def add(_row, cells):
                    cells = [cells[n] for n in names] if isinstance(cells, dict) else cells
                    for column, cell in zip(out, cells, strict=True):
                        column.append(cell)

                rows, refused = operator.each(batch, add)
                port.emit(0, ipc.encode_batch(operator.outputs, rows - len(refused), out))
                return refused

        if types is not None:
            import wit_world.imports.output  # noqa: F401, so that it is there at run time
        _export(function, Control=_control(operator), Mapper=Mapper)
        return function

    return decorate


def _export(function, **classes):
    """Puts the classes that componentize-py looks for into the module of the operator."""
    if "Control" in function.__globals__:
        raise TypeError("a component has one operator")
    function.__globals__.update(classes)
