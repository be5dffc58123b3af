"""Clients of Kafka and of schema registries that nobody here wrote, as the other side of Sabot.

  clients.py BOOTSTRAP REGISTRY write CODEC TOPIC COUNT [header]   records by the codec's serializer
  clients.py BOOTSTRAP REGISTRY read CODEC TOPIC COUNT [own]       … by its deserializer: are they the same?
  clients.py BOOTSTRAP REGISTRY rows CODEC TOPIC COUNT             JSON that Sabot wrote: is it what they are?
  clients.py BOOTSTRAP REGISTRY keys TOPIC COUNT PARTITIONER       records with keys, placed by this client

Ends with 1 and the first difference where something is not as it should be.
"""

import json
import sys
from decimal import Decimal

from confluent_kafka import Consumer, Producer, TopicPartition, OFFSET_BEGINNING
from confluent_kafka.schema_registry import SchemaRegistryClient, header_schema_id_serializer
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from records import CODECS, Protobuf, alike

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


def serializer(codec, registry, settings):
    match codec:
        case "avro":
            return AvroSerializer(registry, CODECS[codec].schema, conf=settings)
        case "json_schema":
            return JSONSerializer(CODECS[codec].schema, registry, conf=settings)
        case "protobuf":
            return ProtobufSerializer(Protobuf.message_class, registry, conf=settings)


def deserializer(codec, registry, own):
    """`own`: for values by a schema that Sabot derived, the subject that it registered it under."""
    match codec:
        case "avro":
            return AvroDeserializer(registry)
        case "json_schema":
            return JSONDeserializer(None, schema_registry_client=registry)
        case "protobuf":
            text = own and registry.get_latest_version(own).schema.schema_str
            kind = Protobuf.of_text(text) if own else Protobuf.message_class
            return ProtobufDeserializer(kind, schema_registry_client=registry)


def write(bootstrap, registry, codec, topic, count, header=None):
    settings = {"schema.id.serializer": header_schema_id_serializer} if header else {}
    serialize = serializer(codec, registry, settings)
    def messages():
        for record in CODECS[codec].records(int(count)):
            headers = []
            context = SerializationContext(topic, MessageField.VALUE, headers)
            value = serialize(record, context)
            yield {"topic": topic, "partition": 0, "value": value, "headers": context.headers or headers}
    produce(bootstrap, messages())


def read(bootstrap, registry, codec, topic, count, own=None):
    deserialize = deserializer(codec, registry, own and f"{topic}-value")
    expected = CODECS[codec].records(int(count))
    for message, record in zip(consume(bootstrap, topic, int(count)), expected):
        context = SerializationContext(topic, MessageField.VALUE, message.headers())
        found = deserialize(message.value(), context)
        if own:
            record = CODECS[codec].as_own(record)
            found = Protobuf.plain(found) if codec == "protobuf" else found
        if codec == "json_schema":
            record, found = without_nulls(record), without_nulls(found)
        compare(message, record, found, record == found)


def without_nulls(value):
    """To JSON Schema an absent member and, where it may be null, a null one are the same row."""
    match value:
        case dict():
            return {key: without_nulls(of) for key, of in value.items() if of is not None}
        case list():
            return [without_nulls(one) for one in value]
    return value


def rows(bootstrap, registry, codec, topic, count):
    expected = CODECS[codec].records(int(count))
    for message, record in zip(consume(bootstrap, topic, int(count)), expected):
        found = json.loads(message.value(), parse_float=Decimal)
        record = CODECS[codec].as_json(record)
        compare(message, record, found, alike(record, found))


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
