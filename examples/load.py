"""Reads what the consumer saved as batches to train with: the folders' names select, and only selected files are read.

    pip install -r examples/requirements.txt
    python examples/load.py output lab-7 2026-01-31
"""
import datetime, sys
import numpy, pyarrow
from PIL import Image
from pyarrow import dataset

partitions = pyarrow.schema([("customer", pyarrow.string()), ("date", pyarrow.date32())])


def batches(output, customer, since, size):
    """Arrays of up to `size` images: (images, rows, columns, channels). All must have the same size."""
    hive = dataset.partitioning(partitions, flavor="hive")  # decodes the names: customer=gate%201 is "gate 1"
    # Only names are read, so that the format, which must be one of Arrow's, does not matter.
    folders = dataset.dataset(output, schema=partitions, format="csv", partitioning=hive)
    wanted = (dataset.field("customer") == customer) & (dataset.field("date") >= since)
    files = sorted(file.path for file in folders.get_fragments(filter=wanted))
    for start in range(0, len(files), size):
        yield numpy.stack([numpy.asarray(Image.open(file)) for file in files[start : start + size]])


if __name__ == "__main__":
    output, customer, since = sys.argv[1:]
    for batch in batches(output, customer, datetime.date.fromisoformat(since), 32):
        print(batch.shape, batch.dtype, f"mean {batch.mean():.3f}")
