"""The records of the interop tests: what each is in Python, and what Sabot has to make of it as JSON.

Knows nothing of topics and registries. Decimals are compared with all their digits.
"""

import base64
import datetime as dt
import json
import math
import pathlib
import struct
import tempfile
import uuid
from decimal import Decimal

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from grpc_tools import protoc

HERE = pathlib.Path(__file__).parent
EPOCH = dt.datetime(1970, 1, 1)
UTC = dt.timezone.utc


def b64(data):
    return base64.b64encode(data).decode()


def units(delta, unit):
    """A time difference as a whole number of units."""
    return delta // dt.timedelta(**{unit: 1})


class Avro:
    schema = (HERE / "everything.avsc").read_text()

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
                "amount": n / 8 + 1e10,
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

    @staticmethod
    def as_json(record):
        since_midnight = lambda time: dt.datetime.combine(EPOCH.date(), time) - EPOCH
        since_1970 = lambda at: at.replace(tzinfo=None) - EPOCH
        return record | Avro.raw(record) | {
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
            "choice": Avro.choice(record["choice"]),
        }

    @staticmethod
    def as_own(record):
        """What a schema that Sabot derives from the columns makes of a record."""
        return record | Avro.raw(record) | {"key": str(record["key"]), "choice": Avro.choice(record["choice"])}


def compiled(*names, folder=HERE):
    """The messages of .proto files."""
    with tempfile.TemporaryDirectory() as made:
        out = pathlib.Path(made) / "set"
        include = pathlib.Path(protoc.__file__).parent / "_proto"
        words = ["protoc", f"-I{folder}", f"-I{include}", f"--descriptor_set_out={out}", "--include_imports"]
        if protoc.main(words + list(names)) != 0:
            raise SystemExit(f"protoc cannot compile {names}")
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    # The well-known types have classes of their own in the default pool.
    pool = descriptor_pool.Default()
    for file in files.file:
        if not file.name.startswith("google/"):
            pool.Add(file)
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


class Protobuf:
    message_class = compiled("money.proto", "everything.proto")("shop.Everything")

    @staticmethod
    def records(count):
        for n in range(count):
            message = Protobuf.message_class(
                id=n * 3_000_000_000 - 7,
                small=n - 50,
                signed=-n * 2**40,
                unsigned_small=2**32 - 1 - n,
                unsigned_large=2**64 - 1 - n,
                fixed_small=n,
                fixed_large=2**63 + n,
                sfixed_small=-n,
                sfixed_large=-(2**62) - n,
                flag=n % 2 == 0,
                ratio=n / 4 - 3,
                amount=n / 8 + 1e10,
                text=f"Zürich \U0001f980 {n}\n\"",
                raw=bytes([n % 256, 0, 255]),
                color=n % 3,
                numbers=range(n % 5),
                tags=[f"t{i}" for i in range(n % 4)],
                counts={f"k{i}": n * i for i in range(n % 3)},
            )
            if n % 2:
                message.maybe = n - 1
                message.at.FromNanoseconds(1_709_164_798_000_000_001 + n * 1_000_000_007)
                message.took.FromNanoseconds(-n * 1_500_000_001)
                message.wrapped.value = n - 1
                message.wrapped_text.value = ""
                message.wrapped_flag.value = n % 4 == 1
                message.wrapped_ratio.value = n / 4 - 3
                message.wrapped_raw.value = bytes([255, n % 256])
                message.nothing.SetInParent()
                message.mask.paths.extend(["price.cents", f"line_{n}"])
                message.anything.update({"a": [1, None, "x"], "b": {"c": True}})
                message.price.currency = "CHF"
                message.price.cents = -n
                message.by_number[-n].currency = "EUR"
                line = message.lines.add(sku=f"sku-{n}")
                line.price.cents = n
            match n % 4:
                case 1:
                    message.number = 0
                case 2:
                    message.word = f"word {n}"
                case 3:
                    message.line.sku = "only"
            yield message

    @staticmethod
    def as_json(m):
        """The row: a field with presence is null where it is absent. JSON has no map by numbers."""
        money = lambda m: {"currency": m.currency, "cents": m.cents}
        line = lambda m: {"sku": m.sku, "price": money(m.price) if m.HasField("price") else None}
        if_there = lambda field, of: of(getattr(m, field)) if m.HasField(field) else None
        plain = ["id", "small", "signed", "unsigned_small", "unsigned_large", "fixed_small", "fixed_large",
                 "sfixed_small", "sfixed_large", "flag", "ratio", "amount", "text"]
        return {name: getattr(m, name) for name in plain} | {
            "raw": b64(m.raw),
            "color": ["RED", "GREEN", "BLUE"][m.color],
            "maybe": if_there("maybe", int),
            "at": if_there("at", lambda at: at.ToNanoseconds()),
            "took": if_there("took", lambda took: took.ToNanoseconds()),
            "wrapped": if_there("wrapped", lambda w: w.value),
            "wrapped_text": if_there("wrapped_text", lambda w: w.value),
            "wrapped_flag": if_there("wrapped_flag", lambda w: w.value),
            "wrapped_ratio": if_there("wrapped_ratio", lambda w: w.value),
            "wrapped_raw": if_there("wrapped_raw", lambda w: b64(w.value)),
            "nothing": if_there("nothing", lambda _: {}),
            "mask": if_there("mask", lambda mask: {"paths": list(mask.paths)}),
            "anything": if_there("anything", lambda _: {"a": [1, None, "x"], "b": {"c": True}}),
            "numbers": list(m.numbers),
            "tags": list(m.tags),
            "counts": dict(m.counts),
            "price": if_there("price", money),
            "lines": [line(one) for one in m.lines],
            "number": if_there("number", int),
            "word": if_there("word", str),
            "line": if_there("line", line),
        }

    @staticmethod
    def as_own(message):
        prices = {n: {"currency": price.currency, "cents": price.cents} for n, price in message.by_number.items()}
        return Protobuf.as_json(message) | {"by_number": prices}

    @staticmethod
    def of_text(text):
        """The class of the first message of a file, for a deserializer."""
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "own.proto").write_text(text)
            compiled("own.proto", folder=folder)
        name = descriptor_pool.Default().FindFileByName("own.proto").message_types_by_name
        return message_factory.GetMessageClass(next(iter(name.values())))

    @staticmethod
    def plain(message):
        """What is in a message: null for what is absent, nanoseconds for times."""
        def value(field, found):
            match field.message_type and field.message_type.full_name:
                case None:
                    return b64(found) if isinstance(found, bytes) else found
                case "google.protobuf.Timestamp" | "google.protobuf.Duration":
                    return found.ToNanoseconds()
                case "google.protobuf.Value":
                    return json_format.MessageToDict(found)
            return Protobuf.plain(found)
        def member(field):
            found = getattr(message, field.name)
            if field.message_type and field.message_type.GetOptions().map_entry:
                of = field.message_type.fields_by_name["value"]
                return {key: value(of, found[key]) for key in found}
            if field.is_repeated:
                return [value(field, one) for one in found]
            return value(field, found) if not field.has_presence or message.HasField(field.name) else None
        return {field.name: member(field) for field in message.DESCRIPTOR.fields}


class JsonSchema:
    schema = json.dumps({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Everything",
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "flag": {"type": "boolean"},
            "amount": {"type": "number"},
            "text": {"type": "string"},
            "color": {"enum": ["RED", "GREEN", "BLUE"]},
            "day": {"type": "string", "format": "date"},
            "at": {"type": "string", "format": "date-time"},
            "maybe": {"oneOf": [{"type": "null"}, {"type": "string"}]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
            "address": {"$ref": "#/definitions/address"},
            "any": {},
        },
        "required": ["id", "flag", "amount", "text", "color", "day", "at", "tags", "counts", "address"],
        "additionalProperties": False,
        "definitions": {"address": {
            "type": "object",
            "properties": {"street": {"type": "string"}, "zip": {"type": "integer"}},
            "required": ["street"],
            "additionalProperties": False,
        }},
    })

    @staticmethod
    def records(count):
        for n in range(count):
            record = {
                "id": n * 3_000_000_000 - 7,
                "flag": n % 2 == 0,
                "amount": n / 8 + 0.125,
                "text": f"Zürich \U0001f980 {n}\n\"",
                "color": ["RED", "GREEN", "BLUE"][n % 3],
                "day": (dt.date(1969, 12, 25) + dt.timedelta(days=n)).isoformat(),
                "at": f"2024-02-29T12:{n % 60:02}:00.250000Z",
                "tags": [f"t{i}" for i in range(n % 4)],
                "counts": {f"k{i}": n * i for i in range(n % 3)},
                "address": {"street": f"Weg {n}"} | ({"zip": n} if n % 2 else {}),
            }
            if n % 2:
                record |= {"maybe": f"maybe {n}", "any": [1, {"a": n}]}
            yield record

    @staticmethod
    def as_json(record):
        at = dt.datetime.fromisoformat(record["at"].replace("Z", "+00:00")).replace(tzinfo=None)
        return record | {
            "at": units(at - EPOCH, "microseconds"),
            "maybe": record.get("maybe"),
            "any": record.get("any"),
            "address": {"zip": None} | record["address"],
        }

    @staticmethod
    def as_own(record):
        return record


def alike(expected, found):
    """Equal, where a float may have been written as a whole number."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() == found.keys() and all(alike(expected[k], found[k]) for k in expected)
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(alike, expected, found))
    if isinstance(expected, float) and isinstance(found, (Decimal, int)):
        return math.isclose(expected, float(found), rel_tol=0, abs_tol=0)
    if isinstance(expected, Decimal) and isinstance(found, Decimal):
        return str(expected) == str(found) or expected == found and expected.as_tuple().exponent == found.as_tuple().exponent
    return type(expected) in (bool, type(None)) and expected is found or (
        type(expected) not in (bool, type(None)) and expected == found)


CODECS = {"avro": Avro, "protobuf": Protobuf, "json_schema": JsonSchema}
