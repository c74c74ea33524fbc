"""`ultimus bench`: how fast training is on this machine, beside the notebook's way."""

import argparse
import json

from tqdm import tqdm

from ..bench import gpu
from ..bench.measure import ROUNDS, SHORT_ROUNDS, bench
from ..errors import UserError
from ..files import storage_problem, write_atomically
from .common import open_data


def run(options: argparse.Namespace) -> int:
    """Print the figures; returns the exit code."""
    if options.gpu:
        return _of_card(options)
    if options.out:
        raise UserError("--out belongs to --gpu: add that, or print JSON with --json.")
    rounds = options.rounds
    if rounds is None:
        rounds = SHORT_ROUNDS if options.short else ROUNDS
    dataset = open_data(options.data)
    with tqdm(total=1, desc="measuring", bar_format="{desc} {percentage:3.0f}%|{bar}|") as bar:
        measured = bench(dataset, rounds, lambda done: bar.update(done - bar.n))
    print(json.dumps(measured.as_json()) if options.json else measured.as_text())
    return 0


def _of_card(options: argparse.Namespace) -> int:
    gpu.require_card()
    if options.out and not options.out.absolute().parent.is_dir():  # not only after six minutes
        raise UserError(f"There is no folder {options.out.parent}: make it, or give another FILE.")
    dataset = open_data(options.data)
    with tqdm(bar_format="{desc} {elapsed}") as bar:
        measured, runs = gpu.bench(dataset, bar.set_description)
    content = measured.model_dump_json(indent=1)
    print(content if options.json else gpu.as_text(measured, runs))
    if options.out:
        try:
            write_atomically(options.out, content.encode())
        except OSError as error:
            raise storage_problem(error, options.out) from error
    return 0
