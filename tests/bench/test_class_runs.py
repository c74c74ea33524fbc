"""Measures how long ten runs of a class take, beside another build of Ultimus."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TURNS = int(os.environ.get("ULTIMUS_TURNS", "3"))


@pytest.mark.skipif("ULTIMUS_BENCH" not in os.environ, reason="measures: set ULTIMUS_BENCH=1")
@pytest.mark.timeout(0)
def test_ten_runs_of_a_class(tmp_path: Path, capsys):
    builds = {"this build": str(ROOT)}
    if other := os.environ.get("ULTIMUS_OTHER"):  # the checkout of another build
        builds["the other"] = other
    steps = os.environ.get("ULTIMUS_STEPS", "1560")  # of each run
    taken = {name: [] for name in builds}
    for turn in range(TURNS):
        for name, checkout in builds.items():
            taken[name].append(_seconds(checkout, tmp_path / f"{turn} {name}", steps))
    with capsys.disabled():
        for name, seconds in taken.items():
            print(f"\n{name}: {steps} steps each, seconds", *(f"{value:.1f}" for value in seconds))
        if other:
            ratios = [ours / theirs for ours, theirs in zip(*taken.values(), strict=True)]
            print("this build's time over the other's:", *(f"{ratio:.3f}" for ratio in ratios))


def _seconds(checkout: str, runs: Path, steps: str) -> float:
    data = os.environ.get("ULTIMUS_CLASS_DATA", "shapes")
    environment = os.environ | {"PYTHONPATH": checkout, "ULTIMUS_HOME": str(runs.parent / "home")}
    ended = subprocess.run(
        [sys.executable, "-P", Path(__file__).with_name("class_runs.py"), runs, data, steps],
        env=environment, cwd=checkout, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(ended.stdout.split()[-1])
