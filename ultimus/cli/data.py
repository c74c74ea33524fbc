"""`ultimus data`: fetch and decode a data set, and say what is in it."""

import argparse

from ..data.dataset import open_dataset
from .common import open_data


def run(options: argparse.Namespace) -> int:
    """Print what was understood; returns the exit code."""
    if options.progress:
        dataset = open_dataset(options.source, lambda done: print(done, flush=True))
    else:
        dataset = open_data(options.source)
    print(
        f"{dataset.name}: {len(dataset.train):,} images to train on, {len(dataset.test):,} to "
        f"test on, {len(dataset.classes)} classes ({', '.join(dataset.classes)})"
    )
    return 0
