"""For each path on standard input, a line of JSON: what Pillow makes of the file, with all of its frames."""

import hashlib
import json
import sys
import warnings

from PIL import Image, ImageSequence

warnings.simplefilter("ignore")
formats = {"PNG": "png", "JPEG": "jpeg", "MPO": "jpeg", "WEBP": "webp", "AVIF": "avif", "TIFF": "tiff", "GIF": "gif"}


def verdict(path):
    try:
        with Image.open(path) as image:
            if image.format not in formats:
                return {"other": image.format}
            (width, height), pixels, frames = image.size, hashlib.sha256(), 0
            for frame in ImageSequence.Iterator(image):
                pixels.update(frame.tobytes())
                frames += 1
            return {
                "type": formats[image.format],
                "width": width,
                "height": height,
                "frames": frames,
                "pixels": pixels.hexdigest(),
            }
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


for line in sys.stdin:
    print(json.dumps(verdict(line.rstrip("\n"))), flush=True)
