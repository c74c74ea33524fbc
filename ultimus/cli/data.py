"""`ultimus data`: fetch and decode a data set, and say what is in it."""

import argparse

from ..data.dataset import open_dataset
from .common import open_data, shown


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
    train, test = dataset.counts
    width = max(map(len, dataset.classes))
    for name, train_on, test_on in zip(dataset.classes, train, test, strict=True):
        print(f"  {shown(name):{width}}  {train_on:>7,} to train on  {test_on:>7,} to test on")
    for decided in dataset.notes:
        print(decided)
    return 0
