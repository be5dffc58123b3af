"""Records of Protobuf: what each is in Python, and what Sabot has to make of it as JSON. Knows nothing of topics."""

import importlib
import pathlib
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from grpc_tools import protoc

from values import HERE, Kind, b64


def files(*names, folder=HERE):
    """Descriptors of .proto files and of what they import, each after its own imports."""
    with tempfile.TemporaryDirectory() as made:
        out = pathlib.Path(made) / "set"
        include = pathlib.Path(protoc.__file__).parent / "_proto"
        words = ["protoc", f"-I{folder}", f"-I{include}", f"--descriptor_set_out={out}", "--include_imports"]
        if protoc.main(words + list(names)) != 0:
            raise SystemExit(f"protoc cannot compile {names}")
        return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file


def compiled(*names):
    """The messages of .proto files."""
    pool = descriptor_pool.Default()
    for file in files(*names):
        if file.name.startswith("google/"):
            # The well-known types have classes of their own, and are in the pool once these are loaded.
            importlib.import_module(file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
        else:
            pool.Add(file)
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


message_class = compiled("money.proto", "everything.proto", "keys.proto", "legacy.proto")


def of_text(text):
    """The class of the first message of a file, for a deserializer."""
    # Files that Sabot has derived may declare the same names.
    pool = descriptor_pool.DescriptorPool()
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "own.proto").write_text(text)
        for file in files("own.proto", folder=folder):
            pool.Add(file)
    name = pool.FindFileByName("own.proto").message_types_by_name
    return message_factory.GetMessageClass(next(iter(name.values())))


def name_at(file, indexes):
    """The full name of the message that the indexes lead to in a file as its text has it: without entries of maps."""
    message, *inner = [list(file.message_types_by_name.values())[indexes[0]]] + list(indexes[1:])
    for index in inner:
        message = [nested for nested in message.nested_types if not nested.GetOptions().map_entry][index]
    return message.full_name


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
        return plain(found)
    def member(field):
        found = getattr(message, field.name)
        if field.message_type and field.message_type.GetOptions().map_entry:
            of = field.message_type.fields_by_name["value"]
            return {key: value(of, found[key]) for key in found}
        if field.is_repeated:
            return [value(field, one) for one in found]
        return value(field, found) if not field.has_presence or message.HasField(field.name) else None
    return {field.name: member(field) for field in message.DESCRIPTOR.fields}


def if_there(message, field, of):
    return of(getattr(message, field)) if message.HasField(field) else None


def money(m):
    return {"currency": m.currency, "cents": m.cents}


def wrapped(message):
    return message.value


def nanoseconds(time):
    return time.ToNanoseconds()


class Protobuf(Kind):
    codec = "protobuf"
    schema = message_class("shop.Everything")
    key_schema = message_class("shop.Keys.Order")
    key_columns = ["id", "text", "price"]

    ANYTHING = {"a": [1, None, "x"], "b": {"c": True}}
    NUMBERS = [-(2**31), -1, 0, 2**31 - 1]

    @classmethod
    def records(cls, count):
        for n in range(count):
            message = cls.schema(
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
                amount=n * 0.1 + 1e10,
                text=f"Zürich \U0001f980 {n}\n\"",
                raw=bytes([n % 256, 0, 255]),
                # The last one has no name.
                color=n % 4,
                numbers=range(n % 5),
                tags=[f"t{i}" for i in range(n % 4)],
                counts={f"k{i}": n * i for i in range(n % 3)},
                by_flag=[{}, {True: "yes"}, {False: f"no {n}", True: ""}][n % 3],
                colors=[i % 4 for i in range(n % 6)],
            )
            for number in cls.NUMBERS[: n % 5]:
                message.by_number[number].currency = "EUR"
                message.by_number[number].cents = n * number
            for i in range(n % 3):
                message.times.add().FromNanoseconds(-1 - n * i)
                message.names.add().value = "" if i == 0 else f"n{n}"
                message.json_values.add().string_value = f"v{i}"
                message.waits[f"w{i}"].FromNanoseconds(n * 1_000_000_001 - 5)
                message.lines_by_name[f"l{i}"].sku = f"sku-{n}"
            if n % 2:
                message.maybe = n - 1
                message.at.FromNanoseconds(1_709_164_798_000_000_001 + n * 1_000_000_007)
                message.took.FromNanoseconds(-n * 1_500_000_001)
                message.wrapped.value = n - 1
                message.wrapped_text.value = ""
                message.wrapped_flag.value = n % 4 == 1
                message.wrapped_ratio.value = n / 4 - 3
                message.wrapped_raw.value = bytes([255, n % 256])
                message.wrapped_amount.value = n * 0.1 - 1e10
                message.wrapped_small.value = 1 - n
                message.wrapped_unsigned_small.value = 2**32 - n
                message.wrapped_unsigned_large.value = 2**64 - n
                message.nothing.SetInParent()
                message.mask.paths.extend(["price.cents", f"line_{n}"])
                message.anything.update(cls.ANYTHING)
                message.json_list.extend([n, None, "x", cls.ANYTHING])
                message.price.currency = "CHF"
                message.price.cents = -n
                message.packed.Pack(message.price)
                line = message.lines.add(sku=f"sku-{n}")
                line.price.cents = n
            match n % 6:
                case 1:
                    message.json.null_value = 0
                case 2:
                    message.json.number_value = n / 8
                case 3:
                    message.json.string_value = f"\"{n}\""
                case 4:
                    message.json.bool_value = False
                case 5:
                    message.json.struct_value.update(cls.ANYTHING)
            match n % 4:
                case 1:
                    message.number = 0
                case 2:
                    message.word = f"word {n}"
                case 3:
                    message.line.sku = "only"
            yield message

    @staticmethod
    def color(number):
        return {0: "RED", 1: "GREEN", 2: "BLUE"}.get(number, str(number))

    @staticmethod
    def line(m):
        return {"sku": m.sku, "price": if_there(m, "price", money)}

    @classmethod
    def row(cls, m):
        """A field with presence is null where it is absent."""
        same = ["id", "small", "signed", "unsigned_small", "unsigned_large", "fixed_small", "fixed_large",
                "sfixed_small", "sfixed_large", "flag", "ratio", "amount", "text"]
        wrappers = ["wrapped", "wrapped_text", "wrapped_flag", "wrapped_ratio", "wrapped_amount", "wrapped_small",
                    "wrapped_unsigned_small", "wrapped_unsigned_large"]
        return {name: getattr(m, name) for name in same} | {
            name: if_there(m, name, wrapped) for name in wrappers
        } | {
            "raw": b64(m.raw),
            "color": cls.color(m.color),
            "maybe": if_there(m, "maybe", int),
            "at": if_there(m, "at", nanoseconds),
            "took": if_there(m, "took", nanoseconds),
            "wrapped_raw": if_there(m, "wrapped_raw", lambda raw: b64(raw.value)),
            "nothing": if_there(m, "nothing", lambda _: {}),
            "mask": if_there(m, "mask", lambda mask: {"paths": list(mask.paths)}),
            "anything": if_there(m, "anything", json_format.MessageToDict),
            "json": if_there(m, "json", json_format.MessageToDict),
            "json_list": if_there(m, "json_list", json_format.MessageToDict),
            "json_values": [value.string_value for value in m.json_values],
            "packed": if_there(m, "packed", lambda any: {"type_url": any.type_url, "value": b64(any.value)}),
            "numbers": list(m.numbers),
            "tags": list(m.tags),
            "counts": dict(m.counts),
            "colors": list(map(cls.color, m.colors)),
            "times": list(map(nanoseconds, m.times)),
            "names": list(map(wrapped, m.names)),
            "waits": {name: nanoseconds(wait) for name, wait in m.waits.items()},
            "lines_by_name": {name: cls.line(line) for name, line in m.lines_by_name.items()},
            "price": if_there(m, "price", money),
            "lines": list(map(cls.line, m.lines)),
            "number": if_there(m, "number", int),
            "word": if_there(m, "word", str),
            "line": if_there(m, "line", cls.line),
        }

    @classmethod
    def as_json(cls, m):
        """JSON has no maps by numbers or booleans: what they have under some keys, each a column."""
        at = lambda of, key: of[key] if key in of else None
        by_number = {number: money(price) for number, price in m.by_number.items()}
        names = ["by_least", "by_minus_one", "by_zero", "by_largest"]
        picked = {name: at(by_number, number) for name, number in zip(names, cls.NUMBERS)}
        return cls.row(m) | picked | {"by_true": at(m.by_flag, True), "by_false": at(m.by_flag, False)}

    @classmethod
    def as_own(cls, m):
        prices = {number: money(price) for number, price in m.by_number.items()}
        return cls.row(m) | {"by_number": prices, "by_flag": dict(m.by_flag)}

    @classmethod
    def key(cls, m):
        key = cls.key_schema(id=m.id, text=m.text)
        if m.HasField("price"):
            key.price.CopyFrom(m.price)
        return key


class Proto2(Protobuf):
    """A message of proto2 within another one."""

    schema = message_class("shop.Legacy.Order")

    @classmethod
    def records(cls, count):
        internal = cls.schema.DESCRIPTOR.file.extensions_by_name["internal"]
        for n in range(count):
            message = cls.schema(
                id=n * 3_000_000_000 - 7,
                text=f"Zürich {n}" * (n % 3),
                first_color=[3, 1, -2][n % 3],
                numbers=range(-1, n % 5),
                packed=[n * i * (-1) ** i for i in range(n % 4)],
                colors=[3, -2, 1][: n % 4],
            )
            if n % 2:
                message.count = 0
                message.flag = False
                message.note = ""
                message.raw = bytes([n % 256])
                message.color = 1
                message.price.cents = n
                message.count_or = 0
                message.large_or = 2**64 - 1 - n
                message.ratio_or = n / 8
                message.flag_or = False
                message.note_or = ""
                message.raw_or = b""
                message.color_or = 3
                message.Extensions[internal] = f"not for all {n}"
            if n % 3:
                message.detail.sku = f"sku-{n}"
                line = message.line.add(sku="x")
                line.tax.SetInParent()
                message.line.add(sku="y")
            if n % 5 == 0:
                message.detail.sku = "heavy"
                message.detail.weight = n / 4
            match n % 4:
                case 1:
                    message.number = n
                case 2:
                    message.word = ""
                case 3:
                    message.amount.currency = "CHF"
            yield message

    @staticmethod
    def color(number):
        return {3: "RED", 1: "GREEN", -2: "BLUE"}[number]

    @classmethod
    def row(cls, m):
        """What is absent is null, or the default where one is declared."""
        same = ["id", "text", "count_or", "large_or", "ratio_or", "flag_or", "note_or"]
        optional = {"count": int, "flag": bool, "note": str, "raw": b64, "color": cls.color, "price": money,
                    "number": int, "word": str, "amount": money}
        detail = lambda detail: {"sku": detail.sku, "weight": detail.weight}
        tax = lambda tax: {"percent": tax.percent}
        return {name: getattr(m, name) for name in same} | {
            name: if_there(m, name, of) for name, of in optional.items()
        } | {
            "first_color": cls.color(m.first_color),
            "raw_or": b64(m.raw_or),
            "color_or": cls.color(m.color_or),
            "numbers": list(m.numbers),
            "packed": list(m.packed),
            "colors": list(map(cls.color, m.colors)),
            "detail": if_there(m, "detail", detail),
            "line": [{"sku": line.sku, "tax": if_there(line, "tax", tax)} for line in m.line],
        }

    as_json = as_own = row

    @classmethod
    def as_read(cls, m):
        """A column does not tell a default from one that was sent, and has no extensions."""
        read = cls.schema()
        read.CopyFrom(m)
        read.ClearExtension(cls.schema.DESCRIPTOR.file.extensions_by_name["internal"])
        for name in ["count_or", "large_or", "ratio_or", "flag_or", "note_or", "raw_or", "color_or"]:
            setattr(read, name, getattr(m, name))
        if read.HasField("detail"):
            read.detail.weight = m.detail.weight
        for line in read.line:
            if line.HasField("tax"):
                line.tax.percent = line.tax.percent
        return read
