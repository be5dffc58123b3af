"""Records of Avro: what each is in Python, and what Sabot has to make of it as JSON. Knows nothing of topics."""

import datetime as dt
import json
import struct
import uuid
from decimal import Decimal

from values import HERE, UTC, Kind, b64, since_1970, since_midnight, units


class Avro(Kind):
    codec = "avro"
    schema = (HERE / "everything.avsc").read_text()
    key_schema = (HERE / "keys.avsc").read_text()
    key_columns = ["id", "key", "day", "color", "address"]

    @staticmethod
    def records(count):
        for n in range(count):
            line = {"sku": f"sku-{n}", "price": Decimal(n * 7 - 100).scaleb(-2)}
            at = dt.datetime(2024, 2, 28, 23, 59, 58, tzinfo=UTC) + dt.timedelta(seconds=n * 3601)
            micros = dt.timedelta(microseconds=n * 1_001)
            yield {
                "id": n * 3_000_000_000 - 7,
                "flag": n % 2 == 0,
                "small": n - 50,
                "ratio": n / 4 - 3,
                "amount": n * 0.1 + 1e10,
                "text": f"Zürich \U0001f980 {n}\n\"",
                "raw": bytes([n % 256, 0, 255]),
                "code": n.to_bytes(4, "big"),
                "color": ["RED", "GREEN", "BLUE"][n % 3],
                "price": Decimal(n * 1_000_001 - 5_000).scaleb(-3),
                "fee": Decimal(-n * 99).scaleb(-2),
                "key": uuid.UUID(int=n * 2**96 + 4711),
                # What the client has no type for it takes as numbers and bytes.
                "key_fixed": uuid.UUID(int=n * 2**64 + 1).bytes,
                "day": dt.date(1969, 12, 25) + dt.timedelta(days=n),
                "time_ms": (dt.datetime(2024, 1, 1, 1, 2, 3) + dt.timedelta(milliseconds=n * 997)).time(),
                "time_us": (dt.datetime(2024, 1, 1, 23, 0, 0) + micros).time(),
                "at_ms": at,
                "at_us": at + micros,
                "local_ms": at.replace(tzinfo=None),
                "local_us": at.replace(tzinfo=None) + micros,
                "at_ns": 1_709_164_798_000_000_001 + n * 1_000_000_007,
                "local_ns": 999_999_999 - n * 10**15,
                "took": struct.pack("<III", n, 2**32 - 1 - n, n * 1_001),
                "maybe": None if n % 3 == 0 else f"maybe {n}",
                "last": None if n % 4 == 0 else n,
                "tags": [f"t{i}" for i in range(n % 4)],
                "counts": {f"k{i}": n * i for i in range(n % 3)},
                "address": {"street": f"Weg {n}", "zip": None if n % 2 else n},
                "lines": [line] * (n % 3),
                "by_name": {"home": {"street": "x", "zip": n}} if n % 2 else {},
                "choice": [None, n * 2**33, f"text {n}", line][n % 4],
            }

    @staticmethod
    def choice(value):
        """A union of several is an object with a field for each branch."""
        if value is None:
            return None
        return {
            "long": value if isinstance(value, int) else None,
            "string": value if isinstance(value, str) else None,
            "Line": value if isinstance(value, dict) else None,
        }

    @staticmethod
    def raw(record):
        """What the client takes as numbers and bytes and Sabot as what it is."""
        months, days, millis = struct.unpack("<III", record["took"])
        return {
            "key_fixed": str(uuid.UUID(bytes=record["key_fixed"])),
            "took": {"months": months, "days": days, "millis": millis},
        }

    @classmethod
    def as_json(cls, record):
        return record | cls.raw(record) | {
            "raw": b64(record["raw"]),
            "code": b64(record["code"]),
            "key": str(record["key"]),
            "day": record["day"].isoformat(),
            "time_ms": units(since_midnight(record["time_ms"]), "milliseconds"),
            "time_us": units(since_midnight(record["time_us"]), "microseconds"),
            "at_ms": units(since_1970(record["at_ms"]), "milliseconds"),
            "at_us": units(since_1970(record["at_us"]), "microseconds"),
            "local_ms": units(since_1970(record["local_ms"]), "milliseconds"),
            "local_us": units(since_1970(record["local_us"]), "microseconds"),
            "choice": cls.choice(record["choice"]),
        }

    @classmethod
    def as_own(cls, record):
        return record | cls.raw(record) | {"key": str(record["key"]), "choice": cls.choice(record["choice"])}


class PlainKey(Kind):
    """Records whose key is one value, as most producers have it."""

    codec = "avro"
    schema = json.dumps({"type": "record", "name": "Plain", "fields": [
        {"name": "id", "type": "long"},
        {"name": "text", "type": "string"},
    ]})

    @staticmethod
    def records(count):
        """The keys have six bytes at least: the deserializer takes no less, where a header names the schema too."""
        return ({"id": 2**40 * (n + 1) - n, "text": f"Zürich \U0001f980 {n}"} for n in range(count))

    @staticmethod
    def as_json(record):
        return record

    @classmethod
    def key(cls, record):
        return record[cls.key_columns[0]]

    key_as_json = key


class LongKey(PlainKey):
    key_schema = json.dumps("long")
    key_columns = ["id"]


class StringKey(PlainKey):
    key_schema = json.dumps("string")
    key_columns = ["text"]
