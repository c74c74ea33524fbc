"""The shipped runs, and one with a few of its snapshots: what reads all of them is slow."""

import shutil
from pathlib import Path

from ultimus.places import SHIPPED
from ultimus.runs.run import Run

BEST, STEADY = SHIPPED / "best-cifar10", SHIPPED / "steady-cifar10"
STEPS = (0, 6089, 39000)  # of BEST


def part_of_it(folder: Path, steps: tuple[int, ...] = STEPS) -> Run:
    """A copy of it below a folder of runs."""
    source, run = BEST, folder / "best-in-part"
    (run / "weights").mkdir(parents=True)
    for name in ("recipe.json", "status.json", "metrics.jsonl"):
        shutil.copy(source / name, run)
    for step in steps:
        shutil.copy(source / "weights" / f"{step}.safetensors", run / "weights")
    return Run(run)
