"""Measures what long runs take of those who look at them, beside another build of Ultimus."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif("ULTIMUS_BENCH" not in os.environ, reason="measures: set ULTIMUS_BENCH=1")
def test_what_a_run_of_200_000_rows_and_50_followers_take(capsys):
    builds = {"this build": str(ROOT)}
    if other := os.environ.get("ULTIMUS_OTHER"):  # the checkout of another build
        builds["the other"] = other
    figures = {name: _measured(checkout) for name, checkout in builds.items()}
    with capsys.disabled():
        for what in figures["this build"]:
            print(f"\n{what}: ", *(f"{name} {found[what]:.3f}" for name, found in figures.items()))
    ours = figures["this build"]
    assert ours["first viewer, MB"] < 40 and ours["second viewer, MB"] < 1


def _measured(checkout: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("long_runs.py"))],
        env=os.environ | {"PYTHONPATH": checkout}, cwd=checkout,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])
