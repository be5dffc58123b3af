"""Clients of Kafka and of schema registries that nobody here wrote, as the other side of Sabot.

  clients.py BOOTSTRAP REGISTRY write KIND TOPIC COUNT         records by the codec's serializer
  clients.py BOOTSTRAP REGISTRY read KIND TOPIC COUNT [own]    … by its deserializer: are they the same?
  clients.py BOOTSTRAP REGISTRY rows KIND TOPIC COUNT          JSON that Sabot wrote: is it what they are?
  clients.py BOOTSTRAP REGISTRY keys TOPIC COUNT PARTITIONER   records with keys, placed by this client

Keys go through serializers and deserializers too. A few of the records that are written here have no key; keys and
values have the id of their schema before them or its GUID in a header, in all four combinations. Ends with 1 and the
first difference where something is not as it should be.
"""

import json
import sys
from decimal import Decimal

from confluent_kafka import Consumer, Producer, TopicPartition, OFFSET_BEGINNING
from confluent_kafka.schema_registry import (
    SchemaRegistryClient, dual_schema_id_deserializer, header_schema_id_serializer)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

import protobuf_records
from records import KINDS
from values import alike

# Seconds without a record after which no more are waited for.
PATIENCE = 60


def produce(bootstrap, messages, partitioner="murmur2_random"):
    failed = []
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": partitioner})
    for message in messages:
        producer.produce(**message, on_delivery=lambda error, _: error and failed.append(error))
        producer.poll(0)
    producer.flush(PATIENCE)
    if failed:
        raise SystemExit(f"not delivered: {failed[0]}")


def consume(bootstrap, topic, count):
    """The first `count` records of partition 0, in order."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "interop", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    for n in range(count):
        message = consumer.poll(PATIENCE)
        if message is None or message.error():
            raise SystemExit(f"{topic}: record {n} of {count}: {message and message.error()}")
        yield message
    consumer.close()


def serializer(codec, schema, registry, settings):
    match codec:
        case "avro":
            return AvroSerializer(registry, schema, conf=settings)
        case "json_schema":
            return JSONSerializer(schema, registry, conf=settings)
        case "protobuf":
            return ProtobufSerializer(schema, registry, conf=settings)


def deserializer(codec, schema, registry, own):
    """`own`: for what has a schema that Sabot derived, the subject that it registered it under."""
    match codec:
        case "avro":
            return AvroDeserializer(registry)
        case "json_schema":
            return JSONDeserializer(None, schema_registry_client=registry)
        case "protobuf" if own:
            derived = protobuf_records.of_text(registry.get_latest_version(own).schema.schema_str)
            deserialize = ProtobufDeserializer(derived, schema_registry_client=registry)
            return lambda data, context: protobuf_records.plain(deserialize(data, context))
        case "protobuf":
            settings = {"schema.id.deserializer": of_message(schema.DESCRIPTOR)}
            return ProtobufDeserializer(schema, settings, registry)


def of_message(expected):
    """What takes the name of its schema from a value, which has to be of this message of the schema's file."""
    def deserialize(data, context, schema_id):
        payload = dual_schema_id_deserializer(data, context, schema_id)
        found = protobuf_records.name_at(expected.file, schema_id.message_indexes)
        if found != expected.full_name:
            raise SystemExit(f"expected indexes of {expected.full_name}, found {schema_id.message_indexes}: {found}")
        return payload
    return deserialize


def has_key(n):
    return n % 7 != 6


def named_in_header(n):
    """Whether the schemas of a record's key and value are named in headers: for some records in a row each way."""
    return n // 12 % 4 in (1, 2), n // 12 % 4 in (2, 3)


def write(bootstrap, registry, kind, topic, count):
    kind = KINDS[kind]
    ways = [{}, {"schema.id.serializer": header_schema_id_serializer}]
    serialize_key = [serializer(kind.codec, kind.key_schema, registry, way) for way in ways]
    serialize = [serializer(kind.codec, kind.schema, registry, way) for way in ways]
    def messages():
        for n, record in enumerate(kind.records(int(count))):
            headers, (of_key, of_value) = [], named_in_header(n)
            context = lambda field: SerializationContext(topic, field, headers)
            key = serialize_key[of_key](kind.key(record), context(MessageField.KEY)) if has_key(n) else None
            value = serialize[of_value](record, context(MessageField.VALUE))
            yield {"topic": topic, "partition": 0, "key": key, "value": value, "headers": headers}
    produce(bootstrap, messages())


def read(bootstrap, registry, kind, topic, count, own=None):
    kind = KINDS[kind]
    serialize_key = serializer(kind.codec, kind.key_schema, registry, {})
    deserialize_key = deserializer(kind.codec, kind.key_schema, registry, own and f"{topic}-key")
    deserialize = deserializer(kind.codec, kind.schema, registry, own and f"{topic}-value")
    for message, record in zip(consume(bootstrap, topic, int(count)), kind.records(int(count))):
        context = lambda field: SerializationContext(topic, field, message.headers())
        key = deserialize_key(message.key(), context(MessageField.KEY))
        value = deserialize(message.value(), context(MessageField.VALUE))
        if own:
            same(message, kind, kind.key_as_own(record), key)
            same(message, kind, kind.as_own(record), value)
        else:
            same(message, kind, kind.key(record), key)
            same(message, kind, kind.as_read(record), value)
            # By the same schema, so that it goes where theirs go, and replaces theirs.
            theirs = serialize_key(kind.key(record), context(MessageField.KEY))
            compare(message, theirs, message.key(), theirs == message.key())


def same(message, kind, expected, found):
    if kind.codec == "json_schema":
        expected, found = without_nulls(expected), without_nulls(found)
    compare(message, expected, found, expected == found)


def without_nulls(value):
    """To JSON Schema an absent member and, where it may be null, a null one are the same row."""
    match value:
        case dict():
            return {key: without_nulls(of) for key, of in value.items() if of is not None}
        case list():
            return [without_nulls(one) for one in value]
    return value


def rows(bootstrap, registry, kind, topic, count):
    kind = KINDS[kind]
    expected = kind.records(int(count))
    for n, (message, record) in enumerate(zip(consume(bootstrap, topic, int(count)), expected)):
        found = json.loads(message.value(), parse_float=Decimal)
        row = kind.as_json(record) | {"$key": kind.key_as_json(record) if has_key(n) else None}
        compare(message, row, found, alike(row, found))


def compare(message, expected, found, same):
    if same:
        return
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = [key for key in expected | found if not alike(expected.get(key), found.get(key))]
        expected, found = [{key: of.get(key) for key in keys} for of in (expected, found)]
    raise SystemExit(f"{message.topic()} offset {message.offset()}:\nexpected {expected}\nfound    {found}")


def keys(bootstrap, registry, topic, count, partitioner):
    """Keys of every length and kind, among them empty ones and such as are no text."""
    def key(n):
        return bytes((n * 31 + i * 7) % 256 for i in range(n % 40)) if n % 2 else f"user-{n}".encode()
    messages = ({"topic": topic, "key": key(n), "value": str(n)} for n in range(int(count)))
    produce(bootstrap, messages, partitioner)


if __name__ == "__main__":
    bootstrap, url, command, *words = sys.argv[1:]
    commands = {"write": write, "read": read, "rows": rows, "keys": keys}
    commands[command](bootstrap, SchemaRegistryClient({"url": url}), *words)
