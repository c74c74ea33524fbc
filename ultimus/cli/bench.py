"""`ultimus bench`: how fast training is on this machine, beside the notebook's way."""

import argparse
import json

from tqdm import tqdm

from ..bench.measure import ROUNDS, SHORT_ROUNDS, bench
from .common import open_data


def run(options: argparse.Namespace) -> int:
    """Print the figures; returns the exit code."""
    rounds = options.rounds
    if rounds is None:
        rounds = SHORT_ROUNDS if options.short else ROUNDS
    dataset = open_data(options.data)
    with tqdm(total=1, desc="measuring", bar_format="{desc} {percentage:3.0f}%|{bar}|") as bar:
        measured = bench(dataset, rounds, lambda done: bar.update(done - bar.n))
    print(json.dumps(measured.as_json()) if options.json else measured.as_text())
    return 0
