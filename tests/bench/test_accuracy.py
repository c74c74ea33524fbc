"""Measures what an epoch of `demo` reaches on real data."""

import os

import pytest

from ultimus.cli import main
from ultimus.runs import metrics
from ultimus.runs.run import Run


@pytest.mark.skipif("ULTIMUS_BENCH" not in os.environ, reason="measures: set ULTIMUS_BENCH=1")
def test_an_epoch_of_demo_is_right_for_half_of_cifar10(real_data, tmp_path, capsys):
    """52.5 % with two seeds; the notebook's log ends at 41 %."""
    choices = ("--preset", "demo", "--epochs", "1", "--runs", str(tmp_path))
    assert main(["train", "--data", real_data, *choices]) == 0
    (run,) = Run.all(tmp_path)
    accuracy = metrics.last_accuracy(run.folder)
    with capsys.disabled():
        print(f"\nan epoch of demo: {accuracy:.1%} of the test images")
    assert accuracy >= 0.5
