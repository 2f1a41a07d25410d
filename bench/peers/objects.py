"""What a good Python user would write to keep images in an object store: confluent-kafka, boto3, a pool of threads.

    objects.py consume --servers S --topic T --count N --group G --output s3://BUCKET/PREFIX

An object is put only where there is none of its key; offsets are committed after that. The store is that of the environment.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from confluent_kafka import Consumer

from arguments import parse
from confluent import MAX_BYTES, take

THREADS = 32


def consume(args):
    bucket, prefix = args.output.removeprefix("s3://").split("/", 1)
    config = Config(max_pool_connections=THREADS, s3={"addressing_style": "path"})
    client = boto3.client("s3", config=config)
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

    def save(record):
        headers = {name: value.decode() for name, value in record.headers()}
        value = record.value()
        if hashlib.sha256(value).hexdigest() != headers["ce_payloadsha256"]:
            raise ValueError(f"{headers['ce_id']} was damaged")
        client.put_object(
            Bucket=bucket,
            Key=f"{prefix}/customer={headers['ce_customerid']}/date={headers['ce_time'][:10]}/{headers['ce_id']}",
            Body=value,
            ContentType="image/jpeg",
            IfNoneMatch="*",
        )

    count = 0
    with ThreadPoolExecutor(THREADS) as pool:
        while count < args.count:
            records = [take(record) for record in consumer.consume(2 * THREADS, timeout=0.1)]
            if records:
                list(pool.map(save, records))
                consumer.commit(asynchronous=True)
                count += len(records)
    consumer.close()


if __name__ == "__main__":
    consume(parse())
