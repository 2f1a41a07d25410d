"""The steps of the Python application: kafka-python, one image after the other, pixels as zlib and base64 in JSON.

    application.py produce|consume --servers S --topic T --count N [--input FOLDER] [--rate R] [--group G --output FOLDER]
"""

import base64
import json
import os
import time
import uuid
import zlib
from datetime import datetime, timezone

import numpy as np
from kafka import KafkaConsumer, KafkaProducer
from PIL import Image

from arguments import parse, paced, sources

SHAPE = (1920, 1080, 3)


def produce(args):
    producer = KafkaProducer(
        bootstrap_servers=args.servers, acks=1, max_request_size=13772512, request_timeout_ms=300000
    )
    for source in paced(sources(args), args.rate):
        creation_time = time.time()
        if source is None:
            pixels = np.random.randint(0, 256, size=SHAPE, dtype=np.uint8)
        else:
            pixels = np.load(source)
        message = {
            "customer_id": "bench",
            "data": base64.b64encode(zlib.compress(pixels.tobytes())).decode(),
            "array_id": str(uuid.uuid4()),
            "creation_time": creation_time,
        }
        value = json.dumps(message).encode()
        # One at once: with two large requests on their way, this release can wait for ever.
        producer.send(args.topic, key=str(uuid.uuid4()).encode(), value=value).get()
    producer.close()


def consume(args):
    consumer = KafkaConsumer(
        args.topic,
        bootstrap_servers=args.servers,
        group_id=args.group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    for count, record in enumerate(consumer, 1):
        message = json.loads(record.value)
        pixels = np.frombuffer(zlib.decompress(base64.b64decode(message["data"])), dtype=np.uint8).reshape(SHAPE)
        date = datetime.fromtimestamp(message["creation_time"], timezone.utc).date()
        folder = os.path.join(args.output, f"customer={message['customer_id']}", f"date={date}")
        os.makedirs(folder, exist_ok=True)
        Image.fromarray(pixels).save(os.path.join(folder, f"{message['array_id']}.png"))
        if count == args.count:
            break
    consumer.close()


if __name__ == "__main__":
    args = parse()
    produce(args) if args.command == "produce" else consume(args)
