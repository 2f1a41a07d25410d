"""Trains for one epoch from shards of `consumer --layout webdataset`: a linear model that tells customers apart.

    pip install -r examples/requirements.txt
    python examples/train.py output/*/*/*.tar

Batches are arrays of NumPy; with PyTorch, the same pipeline goes into webdataset.WebLoader.
"""
import io, json, sys
import numpy
import webdataset
from PIL import Image

SIDE = 16
shards = sorted(sys.argv[1:])
customers = sorted({shard.split("customer=")[1].split("/")[0] for shard in shards})


def to_example(sample):
    about = json.loads(sample["json"])
    extension = next(name for name in sample if name not in ("json", "__key__", "__url__", "__local_path__"))
    image = Image.open(io.BytesIO(sample[extension])).convert("RGB").resize((SIDE, SIDE))
    return numpy.asarray(image, numpy.float32).ravel() / 255, customers.index(about["customer"])


dataset = (
    # Shards come in any order, and images in any order within a thousand.
    webdataset.WebDataset(shards, shardshuffle=len(shards))
    .shuffle(1000)
    .map(to_example)
    .batched(32)
)
weights = numpy.zeros((3 * SIDE * SIDE, len(customers)), numpy.float32)
losses, images = [], 0
for pixels, labels in dataset:
    scores = pixels @ weights
    odds = numpy.exp(scores - scores.max(axis=1, keepdims=True))
    odds /= odds.sum(axis=1, keepdims=True)
    losses.append(-numpy.log(odds[numpy.arange(len(labels)), labels] + 1e-9).mean())
    odds[numpy.arange(len(labels)), labels] -= 1
    weights -= 0.01 * pixels.T @ odds / len(labels)
    images += len(labels)
print(f"{images} images of {len(customers)} customers, loss {losses[0]:.3f} at first, {losses[-1]:.3f} at last")
