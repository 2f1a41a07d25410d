"""Makes the pictures to send; the same ones every time.

    corpus.py FOLDER

Photographs are mosaics of those that scikit-image ships, at their own resolution: enlarged ones would compress better
than real ones do. Screenshots are drawn: windows, text, buttons.
"""

import os
import sys
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 1080, 1920
COUNT = 12
PHOTOGRAPHS = ["astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "motorcycle_left.png", "rocket.jpg"]
WORDS = "image topic record offset broker consumer producer partition commit group batch message stream".split()


def main(folder):
    save_pixels_and_files(folder, "photographs", photographs())
    save_pixels_and_files(folder, "screenshots", (screenshot(Random(index)) for index in range(COUNT)))
    save(folder, "thumbnails", thumbnails(), quality=88)
    large(os.path.join(folder, "large"))


def photographs():
    data = os.path.join(os.path.dirname(os.path.abspath(find_skimage())), "data")
    originals = [Image.open(os.path.join(data, name)).convert("RGB") for name in PHOTOGRAPHS]
    for index in range(COUNT):
        random = Random(index)
        picture = Image.new("RGB", (WIDTH, HEIGHT))
        for top in range(0, HEIGHT, 240):
            for left in range(0, WIDTH, 360):
                picture.paste(tile(random.choice(originals), random, 360, 240), (left, top))
        yield picture


def find_skimage():
    # Imported, it would want packages that the benchmark does not need.
    from importlib.util import find_spec

    return find_spec("skimage").origin


def tile(original, random, width, height):
    left = random.randrange(original.width - width + 1)
    top = random.randrange(original.height - height + 1)
    return original.crop((left, top, left + width, top + height))


def screenshot(random):
    picture = Image.new("RGB", (WIDTH, HEIGHT), (32, 60, 90))
    draw = ImageDraw.Draw(picture)
    for _ in range(6):
        left, top = random.randrange(0, 500), random.randrange(0, 1500)
        right, bottom = left + random.randrange(400, 900), top + random.randrange(300, 900)
        draw.rounded_rectangle((left, top, right, bottom), 12, fill=(248, 248, 248), outline=(120, 120, 120))
        draw.rectangle((left + 1, top + 12, right - 1, top + 36), fill=(70, 110, 180))
        for line, y in enumerate(range(top + 50, min(bottom, HEIGHT) - 50, 22)):
            text = " ".join(random.choice(WORDS) for _ in range((right - left) // 75))
            draw.text((left + 16, y), text, fill=(20, 20, 20) if line % 5 else (0, 90, 200), font=FONT)
        draw.rounded_rectangle((right - 120, bottom - 42, right - 16, bottom - 12), 6, fill=(40, 150, 80))
        draw.text((right - 90, bottom - 36), "Save", fill="white", font=FONT)
    return picture


FONT = ImageFont.load_default(15)


def thumbnails():
    for picture in photographs():
        yield picture.crop((0, 0, 360, 240)).resize((240, 160))


def save_pixels_and_files(folder, name, pictures):
    pictures = list(pictures)
    os.makedirs(os.path.join(folder, f"{name}-npy"))
    for index, picture in enumerate(pictures):
        np.save(os.path.join(folder, f"{name}-npy", f"{name}-{index}.npy"), np.asarray(picture))
    save(folder, f"{name}-jpeg", pictures, quality=88)


def save(folder, name, pictures, quality):
    os.makedirs(os.path.join(folder, name))
    for index, picture in enumerate(pictures):
        picture.save(os.path.join(folder, name, f"{name}-{index}.jpg"), quality=quality)


def large(folder):
    """One image of 200 MB: noise, so that nothing shrinks on the way."""
    os.makedirs(folder)
    pixels = np.random.default_rng(1).integers(0, 256, (8165, 8165, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(os.path.join(folder, "large-0.tif"))


if __name__ == "__main__":
    main(sys.argv[1])
