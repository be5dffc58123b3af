"""The kinds of records of the interop tests, by name."""

from avro_records import Avro, LongKey, StringKey
from json_schema_records import Connect, JsonSchema
from protobuf_records import Proto2, Protobuf

KINDS = {
    "avro": Avro,
    "avro_long_key": LongKey,
    "avro_string_key": StringKey,
    "protobuf": Protobuf,
    "proto2": Proto2,
    "json_schema": JsonSchema,
    "connect": Connect,
}
