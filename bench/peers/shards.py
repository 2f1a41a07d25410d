"""What a good Python user would write to keep images in shards: confluent-kafka and the writer of webdataset.

    shards.py consume --servers S --topic T --count N --group G --output FOLDER

Offsets are committed when the shard that holds the images is closed and synced.
"""

import glob
import hashlib
import os

import webdataset
from confluent_kafka import Consumer

from arguments import parse
from confluent import MAX_BYTES, take


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
    pattern = os.path.join(args.output, "shard-%06d.tar")
    with webdataset.ShardWriter(pattern, maxcount=100000, maxsize=2**30, verbose=0) as writer:
        while count < args.count:
            for record in consumer.consume(1000, timeout=0.1):
                take(record)
                headers = {name: value.decode() for name, value in record.headers()}
                value = record.value()
                if hashlib.sha256(value).hexdigest() != headers["ce_payloadsha256"]:
                    raise ValueError(f"{headers['ce_id']} was damaged")
                about = {
                    "id": headers["ce_id"],
                    "customer": headers["ce_customerid"],
                    "createdAt": headers["ce_time"],
                    "offset": record.offset(),
                }
                key = f"{record.partition()}-{record.offset():020}"
                writer.write({"__key__": key, "jpg": value, "json": about})
                count += 1
    for path in glob.glob(os.path.join(args.output, "*.tar")):
        file = os.open(path, os.O_RDONLY)
        os.fsync(file)
        os.close(file)
    consumer.commit(asynchronous=False)
    consumer.close()


if __name__ == "__main__":
    consume(parse())
