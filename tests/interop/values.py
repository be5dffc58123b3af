"""What the records of all kinds have in common: helpers for values, and when two are the same."""

import base64
import datetime as dt
import math
import pathlib
from decimal import Decimal

HERE = pathlib.Path(__file__).parent
EPOCH = dt.datetime(1970, 1, 1)
UTC = dt.timezone.utc


def b64(data):
    return base64.b64encode(data).decode()


def units(delta, unit):
    """A time difference as a whole number of units."""
    return delta // dt.timedelta(**{unit: 1})


def since_1970(at):
    return at.astimezone(UTC).replace(tzinfo=None) - EPOCH if at.tzinfo else at - EPOCH


def since_midnight(time):
    return dt.datetime.combine(EPOCH.date(), time) - EPOCH


def alike(expected, found):
    """Equal, where a float may have been written as a whole number."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() == found.keys() and all(alike(expected[k], found[k]) for k in expected)
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(alike, expected, found))
    if isinstance(expected, float) and isinstance(found, (Decimal, int)):
        return math.isclose(expected, float(found), rel_tol=0, abs_tol=0)
    if isinstance(expected, Decimal) and isinstance(found, Decimal):
        same_digits = expected == found and expected.as_tuple().exponent == found.as_tuple().exponent
        return str(expected) == str(found) or same_digits
    return type(expected) in (bool, type(None)) and expected is found or (
        type(expected) not in (bool, type(None)) and expected == found)


class Kind:
    """Records of one schema, with keys that are columns of them.

    A subclass has `codec`, `schema` and `key_schema` as the codec's serializer takes them, `key_columns`,
    `records(count)`, and `as_json(record)`: the row that Sabot makes of a record.
    """

    @classmethod
    def as_read(cls, record):
        """What is read of a record that Sabot has written by the schema of the kind."""
        return record

    @classmethod
    def as_own(cls, record):
        """… and by a schema that Sabot has derived from the columns."""
        return record

    @classmethod
    def key(cls, record):
        return {column: record[column] for column in cls.key_columns}

    @classmethod
    def key_as_json(cls, record):
        row = cls.as_json(record)
        return {column: row[column] for column in cls.key_columns}

    @classmethod
    def key_as_own(cls, record):
        row = cls.as_own(record)
        return {column: row[column] for column in cls.key_columns}
