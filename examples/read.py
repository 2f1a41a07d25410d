"""Reads images as the producer sends them, as arrays of NumPy, until Ctrl-C.

    pip install -r examples/requirements.txt
    python examples/read.py data-stream
"""
import io, os, sys, zlib
import numpy
from confluent_kafka import Consumer
from PIL import Image

topic = sys.argv[1]
servers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "localhost:29092")
consumer = Consumer({"bootstrap.servers": servers, "group.id": f"{topic}-python", "auto.offset.reset": "earliest"})
consumer.subscribe([topic])
while True:
    message = consumer.poll(1)
    if message is None:
        continue
    if message.error():
        sys.exit(str(message.error()))
    headers = {name: value.decode() for name, value in message.headers() or []}
    if headers.get("ce_type") != "image-stream.image.v1":
        continue  # Another format, or a chunk of an image that is larger than a record: see docs/wire-format.md.
    value = message.value()
    if headers.get("content-encoding") in ("deflate", "gzip"):
        value = zlib.decompress(value, zlib.MAX_WBITS | 32)
    is_npy = headers["content-type"] == "application/x-npy"
    pixels = numpy.load(io.BytesIO(value)) if is_npy else numpy.asarray(Image.open(io.BytesIO(value)))
    print(headers["ce_customerid"], headers["ce_id"], pixels.shape, pixels.dtype, f"mean {pixels.mean():.3f}", flush=True)
