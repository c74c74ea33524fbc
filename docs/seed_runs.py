"""What the preset `seed` did: python docs/seed_runs.py NAME MACHINE RUN ...

It writes assets/measured/NAME.json from finished runs of `ultimus train --preset seed`, one for
each seed, on the same data: test accuracy, and curves that are thinned for a figure.
"""

import argparse
import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from measure import write

from ultimus.plots.curves import smooth, thin
from ultimus.runs.run import Run

POINTS = 150  # of a curve
SPAN = 20  # reports that are averaged, as on the Train page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("machine")
    parser.add_argument("runs", nargs="+", type=Path)
    options = parser.parse_args()
    runs = [Run(path.resolve()) for path in options.runs]
    info = runs[0].info()
    found = [_of_run(run) for run in runs]
    write(
        options.name,
        {
            "about": "The published notebook's recipe (preset seed, 24 epochs), trained by "
            "Ultimus: test accuracy in groups of 16, measured after each epoch",
            "unit": "share",
            "data": info.data_name,
            "machine": options.machine,
            "command": f"ultimus train --preset seed --data {_source(info.data_name)} --seed SEED",
            "seeds": [run.info().recipe.seed for run in runs],
            "values": {name: [values[name] for values, _ in found] for name in found[0][0]},
            "curves": {
                f"seed {run.info().recipe.seed}, {name}": columns
                for run, (_, curves) in zip(runs, found, strict=True)
                for name, columns in curves.items()
            },
        },
    )


def _source(data: str) -> str:
    return "shapes" if data == "Shapes" else "FOLDER"


def _of_run(run: Run) -> tuple[dict, dict]:
    """Its figures and its curves."""
    metrics = run.metrics()
    epoch, tests = metrics.column("epoch"), metrics.column("test_accuracy")
    known = ~np.isnan(tests)
    accuracies = tests[known]
    peaks = np.maximum.accumulate(accuracies)
    trough = (peaks - accuracies).argmax()  # of the deepest fall from what had been reached
    values = {
        "best test accuracy": accuracies.max().item(),
        "last test accuracy": accuracies[-1].item(),
        "test accuracy before the collapse": peaks[trough].item(),
        "lowest later test accuracy": accuracies[trough].item(),
    }
    curves = {"test": {"epoch": _short(epoch[known]), "accuracy": _short(accuracies)}}
    for name in ("loss", "train_accuracy", "grad_norm"):
        x, y = thin(epoch, smooth(metrics.column(name), SPAN), POINTS)
        sound = np.isfinite(y)
        curves[name] = {"epoch": _short(x[sound]), name: _short(y[sound])}
    return values, curves


def _short(values: np.ndarray) -> list[float]:
    """Four significant digits, which is more than a screen shows."""
    return [float(f"{value:.4g}") for value in values.tolist() if math.isfinite(value)]


if __name__ == "__main__":
    main()
