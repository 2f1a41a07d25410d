"""Sends an array of NumPy as an image that the consumer saves.

    pip install -r examples/requirements.txt
    python examples/write.py data-stream
"""
import hashlib, io, os, sys, uuid
from datetime import datetime, timezone
import numpy
from confluent_kafka import Producer

pixels = numpy.zeros((480, 640, 3), "uint8")  # rows, columns, channels; or uint16
pixels[:, :320] = (255, 0, 0)  # the left half is red
file = io.BytesIO()
numpy.save(file, pixels)

image_id = str(uuid.uuid4())
headers = {
    "ce_specversion": "1.0",
    "ce_type": "image-stream.image.v1",
    "ce_source": "/examples/write.py",
    "ce_id": image_id,
    "ce_time": datetime.now(timezone.utc).isoformat(),
    "ce_customerid": "python",
    "ce_payloadsha256": hashlib.sha256(file.getvalue()).hexdigest(),
    "content-type": "application/x-npy",
}


def report(error, message):
    sys.exit(f"not sent: {error}") if error else print("sent", image_id)


servers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "localhost:29092")
producer = Producer({"bootstrap.servers": servers, "message.max.bytes": 13_772_512})
producer.produce(sys.argv[1], key=image_id, value=file.getvalue(), headers=headers, on_delivery=report)
producer.flush()
