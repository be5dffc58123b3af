"""Records of JSON Schema: what each is in Python, and what Sabot has to make of it as JSON. Knows nothing of topics."""

import datetime as dt
import json

from values import UTC, Kind, b64, since_1970, since_midnight, units

DRAFT = "http://json-schema.org/draft-07/schema#"

ADDRESS = {
    "type": "object",
    "properties": {"street": {"type": "string"}, "zip": {"type": "integer"}},
    "required": ["street"],
    "additionalProperties": False,
}


def zoned(time, zone):
    """A time of day with its offset, as a schema's `time` has it."""
    return time.isoformat() + ("Z" if zone == 0 else f"{zone:+03}:00")


class JsonSchema(Kind):
    codec = "json_schema"
    schema = json.dumps({
        "$schema": DRAFT,
        "title": "Everything",
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "flag": {"type": "boolean"},
            "amount": {"type": "number"},
            "text": {"type": "string"},
            "color": {"enum": ["RED", "GREEN", "BLUE"]},
            "day": {"type": "string", "format": "date"},
            "time": {"type": "string", "format": "time"},
            "at": {"type": "string", "format": "date-time"},
            "raw": {"type": "string", "contentEncoding": "base64"},
            "small": {"type": "integer", "format": "int32"},
            "ratio": {"type": "number", "format": "float"},
            "unsigned": {"type": "integer", "minimum": 0, "maximum": 2**64 - 1},
            # As Java's generator of schemas writes what may be null.
            "maybe": {"oneOf": [{"type": "null", "title": "Not included"}, {"type": "string"}]},
            "maybe_at": {"type": ["string", "null"], "format": "date-time"},
            "maybe_raw": {"anyOf": [{"type": "string", "contentEncoding": "base64"}, {"type": "null"}]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "days": {"type": "array", "items": {"type": "string", "format": "date"}},
            "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
            "address": {"$ref": "#/definitions/address"},
            "any": {},
        },
        "required": ["id", "flag", "amount", "text", "color", "day", "time", "at", "raw", "small", "ratio", "unsigned",
                     "tags", "days", "counts", "address"],
        "additionalProperties": False,
        "definitions": {"address": ADDRESS},
    })
    key_schema = json.dumps({
        "$schema": DRAFT,
        "title": "Key",
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "day": {"type": "string", "format": "date"},
            "raw": {"type": "string", "contentEncoding": "base64"},
            "address": ADDRESS,
        },
        "required": ["id", "day", "raw", "address"],
        "additionalProperties": False,
    })
    key_columns = ["id", "day", "raw", "address"]

    @staticmethod
    def records(count):
        for n in range(count):
            day = (dt.date(1969, 12, 25) + dt.timedelta(days=n)).isoformat()
            at = dt.datetime(2024, 2, 29, 0, n % 60, 0, 250_000, UTC) + dt.timedelta(hours=5 * n)
            # East and west of Greenwich, where it may be another day.
            zone = [0, 2, -11][n % 3]
            local = at.astimezone(dt.timezone(dt.timedelta(hours=zone)))
            record = {
                "id": n * 3_000_000_000 - 7,
                "flag": n % 2 == 0,
                "amount": n * 0.1 + 1e-9,
                "text": f"Zürich \U0001f980 {n}\n\"",
                "color": ["RED", "GREEN", "BLUE"][n % 3],
                "day": day,
                "time": zoned(local.time(), zone),
                "at": zoned(local.replace(tzinfo=None), zone),
                "raw": b64(bytes([n % 256, 0, 255])[: n % 4]),
                # A whole number may be written as a float.
                "small": 2**31 - 1 - n if n % 5 else -float(n),
                "ratio": n / 4 - 3,
                "unsigned": 2**64 - 1 - n,
                "tags": [f"t{i}" for i in range(n % 4)],
                "days": [day] * (n % 3),
                "counts": {f"k{i}": n * i for i in range(n % 3)},
                "address": {"street": f"Weg {n}"} | ({"zip": n} if n % 2 else {}),
            }
            if n % 2:
                record |= {"maybe": f"maybe {n}", "maybe_at": record["at"], "maybe_raw": "AA==", "any": [1, {"a": n}]}
            elif n % 4:
                record |= {"maybe": None, "maybe_at": None, "maybe_raw": None}
            yield record

    @staticmethod
    def instant(text):
        return dt.datetime.fromisoformat(text).astimezone(UTC)

    @staticmethod
    def time(text):
        """A time of day in UTC."""
        return JsonSchema.instant(f"2000-01-02T{text}").time()

    @classmethod
    def as_json(cls, record):
        micros = lambda text: units(since_1970(cls.instant(text)), "microseconds")
        return {name: record.get(name) for name in ["maybe", "maybe_raw", "any"]} | record | {
            "at": micros(record["at"]),
            "time": units(since_midnight(cls.time(record["time"])), "microseconds"),
            "maybe_at": micros(record["maybe_at"]) if record.get("maybe_at") else None,
            "address": {"zip": None} | record["address"],
        }

    @classmethod
    def as_read(cls, record):
        """Times and instants are in UTC."""
        in_utc = lambda text: zoned(cls.instant(text).replace(tzinfo=None), 0)
        maybe_at = {"maybe_at": in_utc(record["maybe_at"])} if record.get("maybe_at") else {}
        return record | {"time": zoned(cls.time(record["time"]), 0), "at": in_utc(record["at"])} | maybe_at

    as_own = as_read


class Connect(Kind):
    """What Kafka Connect's converter makes of rows: it says with words of its own what a column was."""

    codec = "json_schema"
    DECIMAL = {"type": "number", "title": "org.apache.kafka.connect.data.Decimal", "connect.version": 1,
               "connect.parameters": {"scale": "2", "connect.decimal.precision": "9"}, "connect.type": "bytes"}
    KINDS = {
        "id": {"type": "integer", "connect.type": "int64"},
        "tiny": {"type": "integer", "connect.type": "int8"},
        "small": {"type": "integer", "connect.type": "int16"},
        "normal": {"type": "integer", "connect.type": "int32"},
        "flag": {"type": "boolean"},
        "ratio": {"type": "number", "connect.type": "float32"},
        "amount": {"type": "number", "connect.type": "float64"},
        "text": {"type": "string"},
        "raw": {"type": "string", "connect.type": "bytes"},
        "price": DECIMAL,
        "day": {"type": "integer", "title": "org.apache.kafka.connect.data.Date", "connect.version": 1,
                "connect.type": "int32"},
        "at": {"type": "integer", "title": "org.apache.kafka.connect.data.Timestamp", "connect.version": 1,
               "connect.type": "int64"},
        "maybe": {"oneOf": [{"type": "null"}, {"type": "integer", "connect.type": "int16"}]},
        "maybe_raw": {"oneOf": [{"type": "null"}, {"type": "string", "connect.type": "bytes"}]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "counts": {"type": "object", "connect.type": "map",
                   "additionalProperties": {"type": "integer", "connect.type": "int64"}},
        "by_number": {"type": "array", "connect.type": "map", "items": {"type": "object", "properties": {
            "key": {"type": "integer", "connect.index": 0, "connect.type": "int32"},
            "value": {"type": "string", "connect.index": 1},
        }}},
        "address": {"oneOf": [{"type": "null"}, {"type": "object", "title": "Address", "properties": {
            "street": {"type": "string", "connect.index": 0},
            "zip": {"type": "integer", "connect.index": 1, "connect.type": "int32"},
        }}]},
    }
    schema = json.dumps({"type": "object", "title": "Row", "connect.version": 3, "properties": {
        name: {"connect.index": index} | kind for index, (name, kind) in enumerate(KINDS.items())
    }})
    key_schema = json.dumps({"type": "object", "title": "Key", "properties": {
        "id": {"type": "integer", "connect.index": 0, "connect.type": "int64"},
        "raw": {"type": "string", "connect.index": 1, "connect.type": "bytes"},
    }})
    key_columns = ["id", "raw"]

    @staticmethod
    def records(count):
        for n in range(count):
            yield {
                "id": n * 3_000_000_000 - 7,
                "tiny": n % 256 - 128,
                "small": 2**15 - 1 - n,
                "normal": n - 2**31,
                "flag": n % 2 == 0,
                "ratio": n / 4 - 3,
                "amount": n / 8 + 0.125,
                "text": f"Zürich \U0001f980 {n}\n\"",
                "raw": b64(bytes([n % 256, 0, 255])[: n % 4]),
                "price": n * 0.25 - 10,
                "day": n - 7,
                "at": 1_709_164_798_000 - n,
                "maybe": None if n % 2 else n,
                "maybe_raw": None if n % 3 else "AP8=",
                "tags": [f"t{i}" for i in range(n % 4)],
                "counts": {f"k{i}": n * i for i in range(n % 3)},
                "by_number": [{"key": i - 1, "value": f"v{n}"} for i in range(n % 3)],
                "address": None if n % 4 == 0 else {"street": f"Weg {n}", "zip": n},
            }

    @staticmethod
    def as_json(record):
        return record
