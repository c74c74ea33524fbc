"""How long ten runs of a class take, by the package that PYTHONPATH names: seconds, on a line.

python class_runs.py FOLDER DATA STEPS
"""

import sys
import time
from pathlib import Path

from ultimus.recipe import Recipe

RUNS = 10
LOOK_EVERY = 0.05
SETTLED = 10.0  # seconds, until all workers are there


def lab(runs: Path):
    try:
        from ultimus.runs.scheduler import Lab
    except ImportError:  # an earlier build
        from ultimus.lab import Lab
    return Lab(runs)


def seconds(folder: Path, data: str, steps: int) -> float:
    """From the first start until all are done."""
    trains = lab(folder)
    first = trains.start(Recipe.of(preset="demo", data=data, max_steps=1))  # decodes the data
    wait(trains, [first])
    time.sleep(SETTLED)
    begin = time.monotonic()
    recipe = Recipe.of(preset="demo", data=data, max_steps=steps)
    wait(trains, [trains.start(recipe, owner=f"browser {number}") for number in range(RUNS)])
    taken = time.monotonic() - begin
    trains.close()
    return taken


def wait(trains, runs: list) -> None:
    while (states := {trains.status(run).state for run in runs}) != {"done"}:
        assert states <= {"queued", "running", "done"}, states
        time.sleep(LOOK_EVERY)


if __name__ == "__main__":
    print(seconds(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
