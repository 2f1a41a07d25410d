"""What a good Python user would write: confluent-kafka (librdkafka), OpenCV, a pool of threads, files that are durable.

    confluent.py produce|consume --servers S --topic T --count N [--input FOLDER] [--rate R] [--group G --output FOLDER]

Noise and .npy files travel as PNG, other files as they are. A file is written beside its name, synced and renamed;
offsets are committed after that.
"""

import hashlib
import os
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import cv2
import numpy as np
from confluent_kafka import Consumer, Producer

from arguments import parse, paced, sources

SHAPE = (1920, 1080, 3)
THREADS = os.cpu_count()
BATCH = 4 * THREADS
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

    def delivered(error, _):
        if error is not None:
            failures.append(error)

    def send(source):
        try:
            image_id, time, value = load(source)
            headers = {
                "ce_id": image_id,
                "ce_time": time,
                "ce_customerid": "bench",
                "ce_payloadsha256": hashlib.sha256(value).hexdigest(),
            }
            while True:
                try:
                    producer.produce(args.topic, value, image_id, headers=headers, on_delivery=delivered)
                    break
                except BufferError:
                    producer.poll(0.01)
            producer.poll(0)
        except Exception as error:
            failures.append(error)
        finally:
            in_work.release()

    # So many images are in memory at most.
    in_work = threading.Semaphore(BATCH)
    with ThreadPoolExecutor(THREADS) as pool:
        for source in paced(sources(args), args.rate):
            in_work.acquire()
            pool.submit(send, source)
    producer.flush()
    if failures:
        sys.exit(str(failures[0]))


def load(source):
    """An image's id, when it was created, and the bytes that travel."""
    time = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    if source is None:
        pixels = np.random.default_rng().integers(0, 256, SHAPE, dtype=np.uint8)
        return f"{uuid.uuid4()}.png", time, cv2.imencode(".png", pixels)[1].tobytes()
    name = os.path.basename(source)
    if name.endswith(".npy"):
        pixels = cv2.cvtColor(np.load(source), cv2.COLOR_RGB2BGR)
        return f"{name.removesuffix('.npy')}.png", time, cv2.imencode(".png", pixels)[1].tobytes()
    with open(source, "rb") as file:
        return name, time, file.read()


def consume(args):
    consumer = Consumer(
        {
            "bootstrap.servers": args.servers,
            "group.id": args.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.message.max.bytes": MAX_BYTES,
            "queued.max.messages.kbytes": 131072,
        }
    )
    consumer.subscribe([args.topic])
    count = 0
    with ThreadPoolExecutor(BATCH) as pool:
        while count < args.count:
            records = [take(record) for record in consumer.consume(BATCH, timeout=0.1)]
            if records:
                list(pool.map(lambda record: save(record, args.output), records))
                consumer.commit(asynchronous=True)
                count += len(records)
    consumer.close()


def take(record):
    if record.error() is not None:
        sys.exit(str(record.error()))
    return record


def save(record, output):
    headers = {name: value.decode() for name, value in record.headers()}
    value = record.value()
    if hashlib.sha256(value).hexdigest() != headers["ce_payloadsha256"]:
        raise ValueError(f"{headers['ce_id']} was damaged")
    folder = os.path.join(output, f"customer={headers['ce_customerid']}", f"date={headers['ce_time'][:10]}")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, headers["ce_id"])
    with open(f"{path}.part", "wb") as file:
        file.write(value)
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{path}.part", path)


if __name__ == "__main__":
    args = parse()
    produce(args) if args.command == "produce" else consume(args)
