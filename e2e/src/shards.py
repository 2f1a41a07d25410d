"""What loaders see of shards, as JSON lines: which loader, and the SHA-256 of each image beside what is said of it.

    shards.py FOLDER
"""

import glob
import hashlib
import json
import sys
import tempfile

import datasets
import pyarrow.parquet
import webdataset

shards = sorted(glob.glob(f"{sys.argv[1]}/*/*/*.tar"))
tables = sorted(glob.glob(f"{sys.argv[1]}/*/*/*.parquet"))


def show(loader, image, about):
    print(json.dumps({"loader": loader, "sha256": hashlib.sha256(image).hexdigest(), "about": about}))


for sample in webdataset.WebDataset(shards, shardshuffle=False) if shards else []:
    [extension] = [name for name in sample if not name.startswith("__") and name != "json"]
    show("webdataset", sample[extension], json.loads(sample["json"]))

datasets.disable_progress_bars()


def load(kind, files):
    with tempfile.TemporaryDirectory() as cache:
        yield datasets.load_dataset(kind, data_files=files, split="train", cache_dir=cache)


for extension in sorted({shard.rsplit(".", 2)[1] for shard in shards}):
    for loaded in load("webdataset", [shard for shard in shards if shard.endswith(f".{extension}.tar")]):
        for row in loaded.cast_column(extension, datasets.Image(decode=False)):
            show("datasets", row[extension]["bytes"], row["json"])

if tables:
    for loaded in load("parquet", tables):
        assert isinstance(loaded.features["image"], datasets.Image), loaded.features
        loaded[0]["image"].load()
        for row in loaded.cast_column("image", datasets.Image(decode=False)):
            image = row.pop("image")
            show("datasets", image["bytes"], {**row, "createdAt": row["createdAt"].isoformat()})

for table in tables:
    file = pyarrow.parquet.ParquetFile(table)
    for group in range(file.num_row_groups):
        column = file.metadata.row_group(group).column(0)
        assert (column.path_in_schema, column.compression, column.is_stats_set) == ("image.bytes", "UNCOMPRESSED", False)
    for row in file.read().to_pylist():
        image = row.pop("image")
        assert image["path"].endswith(table.rsplit(".", 2)[1]), image["path"]
        headers = row["headers"] if isinstance(row["headers"], dict) else json.loads(row["headers"])
        about = {**row, "createdAt": row["createdAt"].isoformat(), "headers": headers}
        show("pyarrow", image["bytes"], about)
