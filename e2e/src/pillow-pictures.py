"""Makes small pictures of many kinds in a folder, then says how pictures compare.

First argument `make`: writes the pictures into the folder that is the second one. First argument `compare`: for each line of
standard input, an array of two paths as JSON, a line of JSON: how far the second is from the first as Pillow shows them, upright.
"""

import json
import struct
import sys
from pathlib import Path

import numpy
from PIL import Image, ImageOps

WIDTH, HEIGHT = 48, 32
across, down = numpy.meshgrid(numpy.linspace(0, 1, WIDTH), numpy.linspace(0, 1, HEIGHT))
# Smooth, so that lossy encodings stay close, and different in each direction and channel.
planes = [across, down, 1 - across, (across + down) / 2, 1 - down]


def samples(channels, dtype=numpy.uint8):
    return (numpy.dstack(planes[:channels]) * numpy.iinfo(dtype).max).round().astype(dtype)


def tiff(path, pixels, photometric, extra=None, tags=None, planar=False):
    """A TIFF of one strip, or one for each plane."""
    height, width, channels = pixels.shape
    bits = pixels.dtype.itemsize * 8
    strips = [numpy.ascontiguousarray(plane).tobytes() for plane in pixels.transpose(2, 0, 1)] if planar else [pixels.tobytes()]
    entries = {
        256: (3, [width]),
        257: (3, [height]),
        258: (3, [bits] * channels),
        259: (3, [1]),
        262: (3, [photometric]),
        277: (3, [channels]),
        278: (3, [height]),
        279: (4, [len(strip) for strip in strips]),
        284: (3, [2 if planar else 1]),
        **({} if extra is None else {338: (3, extra)}),
        **(tags or {}),
    }
    body, offsets = b"", []
    for strip in strips:
        offsets.append(8 + len(body))
        body += strip + b"\0" * (len(strip) % 2)
    entries[273] = (4, offsets)
    directory, rest = b"", b""
    after = 8 + len(body) + 2 + 12 * len(entries) + 4
    for tag, (kind, values) in sorted(entries.items()):
        data = struct.pack("<" + {3: "H", 4: "I"}[kind] * len(values), *values)
        if len(data) > 4:
            directory += struct.pack("<HHII", tag, kind, len(values), after + len(rest))
            rest += data + b"\0" * (len(data) % 2)
        else:
            directory += struct.pack("<HHI", tag, kind, len(values)) + data.ljust(4, b"\0")
    path.write_bytes(
        struct.pack("<2sHI", b"II", 42, 8 + len(body)) + body + struct.pack("<H", len(entries)) + directory + bytes(4) + rest
    )


def make(folder):
    grey, rgb = Image.fromarray(samples(1)[..., 0]), Image.fromarray(samples(3))
    rgba = Image.fromarray(numpy.dstack([samples(3), samples(4)[..., 3]]))
    grey_alpha = rgba.convert("LA")
    palette = rgb.quantize(64)

    grey.save(folder / "grey.png")
    Image.fromarray(samples(1, numpy.uint16)[..., 0]).save(folder / "grey-16.png")
    grey_alpha.save(folder / "grey-alpha.png")
    rgb.save(folder / "rgb.png")
    rgba.save(folder / "rgba.png")
    palette.save(folder / "palette.png")
    palette.save(folder / "palette-transparent.png", transparency=3)
    rgb.save(folder / "rgb-key.png", transparency=tuple(samples(3)[0, 0].tolist()))
    grey.convert("1").save(folder / "one-bit.png")

    grey.save(folder / "grey.jpg", quality=95)
    rgb.save(folder / "rgb.jpg", quality=95)
    rgb.save(folder / "progressive.jpg", quality=95, progressive=True)
    rgb.save(folder / "kept-rgb.jpg", quality=95, keep_rgb=True)
    rgb.convert("CMYK").save(folder / "cmyk.jpg", quality=95)

    rgb.save(folder / "rgb.webp", quality=95)
    rgba.save(folder / "rgba.webp", lossless=True)
    rgb.save(folder / "palette.gif")
    palette.save(folder / "transparent.gif", transparency=3)

    for span in ("full", "limited"):
        rgb.save(folder / f"rgb-{span}.avif", quality=95, range=span)
        rgba.save(folder / f"rgba-{span}.avif", quality=95, range=span)
        grey.save(folder / f"grey-{span}.avif", quality=95, range=span, subsampling="4:0:0")

    for compression in ("raw", "tiff_lzw", "tiff_deflate", "packbits", "jpeg"):
        rgb.save(folder / f"rgb-{compression}.tif", compression=compression)
    grey.convert("1").save(folder / "fax.tif", compression="group4")
    palette.save(folder / "palette.tif")
    rgb.convert("CMYK").save(folder / "cmyk.tif")
    tiff(folder / "white-is-zero.tif", 255 - samples(1), 0)
    tiff(folder / "grey-16.tif", samples(1, numpy.uint16), 1)
    tiff(folder / "planar.tif", samples(3), 2, planar=True)
    tiff(folder / "alpha.tif", numpy.asarray(rgba), 2, extra=[2])
    tiff(folder / "alpha-unsaid.tif", numpy.asarray(rgba), 2)
    opacity = numpy.asarray(rgba)[..., 3:].astype(numpy.uint16)
    premultiplied = (samples(3) * opacity + 127) // 255
    tiff(folder / "alpha-premultiplied.tif", numpy.dstack([premultiplied, opacity]).astype(numpy.uint8), 2, extra=[1])
    tiff(folder / "grey-alpha.tif", numpy.asarray(grey_alpha), 1, extra=[2])
    tiff(folder / "private-tags.tif", samples(3), 2, tags={33550: (4, [1, 2, 3]), 42113: (3, [7]), 297: (3, [0])})

    # What none of the other encodings can take over as it is.
    for channels in (2, 3, 4, 5):
        tiff(folder / f"grey-and-{channels - 1}.tif", samples(channels), 1, extra=[0] * (channels - 1))
        tiff(folder / f"grey-and-{channels - 1}-16.tif", samples(channels, numpy.uint16), 1, extra=[0] * (channels - 1))
    tiff(folder / "rgb-and-1.tif", samples(4), 2, extra=[0])
    tiff(folder / "rgb-and-2.tif", samples(5), 2, extra=[2, 0])
    tiff(folder / "rgb-and-5.tif", numpy.dstack([samples(5), samples(3)]), 2, extra=[0] * 5)
    tiff(folder / "ycbcr.tif", samples(3), 6, tags={530: (3, [1, 1])})
    tiff(folder / "lab.tif", samples(3), 8)
    tiff(folder / "sensor.tif", samples(1, numpy.uint16), 32803)
    tiff(folder / "inks.tif", samples(4), 5, tags={332: (3, [2])})

    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x112] = orientation
        rgb.save(folder / f"turned-{orientation}.jpg", quality=95, exif=exif)
        rgb.save(folder / f"turned-{orientation}.png", exif=exif)
        rgb.save(folder / f"turned-{orientation}.webp", lossless=True, exif=exif)
        rgb.save(folder / f"turned-{orientation}.avif", quality=95, exif=exif)
        rgb.save(folder / f"turned-{orientation}.tif", exif=exif)


def shown(path):
    if path.endswith(".npy"):
        pixels = numpy.load(path)
        pixels = (pixels // 257).astype(numpy.uint8) if pixels.dtype == numpy.uint16 else pixels
        image = Image.fromarray(pixels)
    else:
        image = ImageOps.exif_transpose(Image.open(path))
    deep = image.mode.startswith("I")
    if deep:
        image = Image.fromarray((numpy.asarray(image) // 257).astype(numpy.uint8))
    return image.mode, deep, numpy.asarray(image.convert("RGBA")).astype(int)


def compare(one, other):
    (mode, deep, before), (other_mode, other_deep, after) = shown(one), shown(other)
    if before.shape != after.shape:
        return {"size": [*reversed(after.shape[:2])], "wanted": [*reversed(before.shape[:2])]}
    visible = before[..., 3:] > 0
    difference = numpy.abs(before - after) * numpy.dstack([visible] * 3 + [numpy.ones_like(visible)])
    return {"largest": int(difference.max()), "mean": float(difference.mean()), "mode": other_mode}


if sys.argv[1] == "make":
    make(Path(sys.argv[2]))
else:
    for line in sys.stdin:
        print(json.dumps(compare(*json.loads(line))), flush=True)
