"""librdkafka alone: records of 6.2 MB that are sent, and received and dropped. No image is made or saved."""

import os
import sys

from confluent_kafka import Consumer, Producer

from arguments import parse

MAX_BYTES = 13772512


def produce(args):
    producer = Producer(
        {
            "bootstrap.servers": args.servers,
            "acks": 1,
            "message.max.bytes": MAX_BYTES,
            "queue.buffering.max.kbytes": 131072,
            "linger.ms": 0,
        }
    )
    failures = []
    value = os.urandom(1920 * 1080 * 3)
    for _ in range(args.count):
        while True:
            try:
                producer.produce(args.topic, value, on_delivery=lambda error, _: error and failures.append(error))
                break
            except BufferError:
                producer.poll(0.01)
    producer.flush()
    if failures:
        sys.exit(str(failures[0]))


def consume(args):
    consumer = Consumer(
        {
            "bootstrap.servers": args.servers,
            "group.id": args.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.message.max.bytes": MAX_BYTES,
        }
    )
    consumer.subscribe([args.topic])
    count = 0
    while count < args.count:
        record = consumer.poll(0.1)
        if record is not None:
            if record.error() is not None:
                sys.exit(str(record.error()))
            count += 1
    consumer.close()


if __name__ == "__main__":
    args = parse()
    produce(args) if args.command == "produce" else consume(args)
