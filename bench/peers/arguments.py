"""What the peers' command lines have in common."""

import argparse
import os
import time


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["produce", "consume"])
    parser.add_argument("--servers", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--count", type=int, required=True, help="images to send, or to save before it ends")
    parser.add_argument("--input", help="folder of files to send; noise is generated without it")
    parser.add_argument("--rate", type=float, help="images a second; as fast as they go without it")
    parser.add_argument("--group")
    parser.add_argument("--output")
    return parser.parse_args()


def sources(args):
    """Paths of the first files of the input, or None for each image of noise."""
    if args.input is None:
        return [None] * args.count
    return [os.path.join(args.input, name) for name in sorted(os.listdir(args.input))[: args.count]]


def paced(items, rate):
    """The items, so many a second."""
    started = time.monotonic()
    for index, item in enumerate(items):
        if rate is not None:
            time.sleep(max(0, started + index / rate - time.monotonic()))
        yield item
