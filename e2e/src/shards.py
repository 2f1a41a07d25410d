"""What loaders see of shards, as JSON lines: which loader, and the SHA-256 of each image beside what is said of it.

    shards.py FOLDER
"""

import glob
import hashlib
import json
import sys
import tempfile

import datasets
import webdataset

shards = sorted(glob.glob(f"{sys.argv[1]}/*/*/*.tar"))


def show(loader, image, about):
    print(json.dumps({"loader": loader, "sha256": hashlib.sha256(image).hexdigest(), "about": about}))


for sample in webdataset.WebDataset(shards, shardshuffle=False):
    [extension] = [name for name in sample if not name.startswith("__") and name != "json"]
    show("webdataset", sample[extension], json.loads(sample["json"]))

datasets.disable_progress_bars()
for extension in sorted({shard.rsplit(".", 2)[1] for shard in shards}):
    of_type = [shard for shard in shards if shard.endswith(f".{extension}.tar")]
    with tempfile.TemporaryDirectory() as cache:
        loaded = datasets.load_dataset("webdataset", data_files=of_type, split="train", cache_dir=cache)
        for row in loaded.cast_column(extension, datasets.Image(decode=False)):
            show("datasets", row[extension]["bytes"], row["json"])
