"""The bench on a few steps: which figures it gives and what they mean, never how large they are."""

import json
import math
import sys
import time

import numpy as np
import pytest
import torch
from support.metrics import lines
from support.pictures import write_pictures

from ultimus.bench import measure
from ultimus.bench.report import SPREADS, WAYS
from ultimus.cli import main
from ultimus.data.dataset import open_dataset
from ultimus.recipe import PRESETS
from ultimus.runs import recorder
from ultimus.runs.run import Run
from ultimus.training.training import FIRST_STEPS

pytestmark = pytest.mark.usefixtures("one_thread")

QUICK = {"WARM_UP": 2, "TURN": 0.001, "MEMORY_STEPS": 2}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    for name, value in QUICK.items():
        monkeypatch.setattr(measure, name, value)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # of the worker whose memory is measured


def test_it_prints_its_figures_with_what_they_were_measured_on(capsys):
    assert main(["bench", "--rounds", "3", "--json"]) == 0
    out, shown = capsys.readouterr()
    answer = json.loads(out)
    assert "measuring 100%" in shown
    assert answer["step_ms"].keys() == answer["images_per_second"].keys() == WAYS.keys()
    for name in SPREADS:
        median, quartiles = answer[name], answer["spread"][name]
        if not isinstance(median, dict):
            median, quartiles = {"": median}, {"": quartiles}
        for each, (low, high) in quartiles.items():
            assert low <= median[each] <= high and math.isfinite(median[each])
    assert min(answer["step_ms"].values()) > 0
    assert answer["recorder_share"] > 0
    if sys.platform == "linux":
        assert 50 < answer["worker_mb"] < 5000
    assert (answer["rounds"], answer["threads"], answer["data"]) == (3, 1, "Shapes")
    assert answer["machine"].keys() == {"cpu", "cores", "os"}
    assert answer["versions"].keys() == {"torch", "python", "ultimus"}
    assert answer["versions"]["torch"] == torch.__version__
    assert recorder.time is time  # as it was


def test_a_short_one_of_other_data_is_told_in_words(tmp_path, monkeypatch, capsys):
    write_pictures(tmp_path / "pictures")  # fewer than a grouped step needs
    assert main(["bench", "--data", str(tmp_path / "pictures"), "--short"]) == 2
    assert "128 images" in capsys.readouterr().err
    monkeypatch.setattr("ultimus.cli.bench.SHORT_ROUNDS", 2)
    monkeypatch.setattr(measure, "worker_memory", lambda source, runs: None)
    assert main(["bench", "--short"]) == 0
    out = capsys.readouterr().out
    assert "Medians of 2 alternating rounds" in out and "aside: not told" in out
    assert main(["bench", "--short", "--rounds", "1"]) == 0
    assert "Medians of 1 alternating rounds" in capsys.readouterr().out


@pytest.mark.parametrize("rounds", [0, -1, measure.MAX_ROUNDS + 1])
def test_rounds_are_bounded(rounds, refused):
    with refused(str(rounds), "1 to 10,000"):
        measure.bench(open_dataset("shapes"), rounds)


def test_a_worker_that_fails_is_no_figure(tmp_path, refused):
    with refused("could not be measured", "no data folder"):
        measure.worker_memory(str(tmp_path / "nowhere"), tmp_path)


# The ways -----------------------------------------------------------------------------------------


def test_a_live_run_is_a_run_of_the_notebooks_recipe(tmp_path):
    steps = measure._live(open_dataset("shapes"), tmp_path, measure.Clock())
    for _ in range(4):  # the first is no step
        next(steps)
    (run,) = Run.all(tmp_path)
    assert run.is_held()
    seed = PRESETS["seed"].model_dump(exclude={"epochs"})
    assert run.info().recipe.model_dump(exclude={"epochs"}) == seed
    assert [row["step"] for row in lines(run)] == [1, 2, 3]
    assert run.live_weights.exists() and run.snapshots == (0,)
    steps.close()
    assert not run.is_held()


class _Time:
    """Passes when it is told to."""

    now = 100.0
    perf_counter = staticmethod(time.perf_counter)

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def passing(monkeypatch) -> _Time:
    fake = _Time()
    monkeypatch.setattr(measure, "time", fake)
    return fake


def test_a_live_run_does_not_see_the_others_time_pass(tmp_path, passing):
    clock = measure.Clock()
    steps = measure._live(open_dataset("shapes"), tmp_path, clock)
    for _ in range(FIRST_STEPS + 1):
        next(steps)
    (run,) = Run.all(tmp_path)
    seen = len(lines(run))
    passing.now += 7200  # the others' turns
    next(steps)
    assert len(lines(run)) == seen and not run.resume_file.exists()
    clock.go()
    passing.now += 7200  # its own
    clock.stop()
    next(steps)
    assert len(lines(run)) == seen + 1 and run.resume_file.exists()


def test_the_clock_counts_its_own_time_and_what_of_it_was_recorded(passing):
    clock = measure.Clock()
    for step in (7, 30):
        clock.start_over()
        begin = clock.monotonic()
        passing.now += 500
        clock.go()
        passing.now += step
        clock.recorded += 5
        clock.stop()
        passing.now += 500
        assert clock.monotonic() - begin == step
    assert clock.share == 5 / 25


def test_ways_go_on_after_their_end():
    steps = measure._endless(lambda: iter("ab"))
    assert measure._time(steps, 5) >= 0


def test_the_cost_is_that_of_all_rounds_together():
    draw = np.random.default_rng(5)
    cheap = draw.uniform(0.9, 1.1, 400)
    cost = measure._cost(cheap + 0.02, cheap)
    assert cost.low <= cost.median <= cost.high
    assert cost.median == pytest.approx(0.02, abs=0.002)
    once = np.where(np.arange(400) % 20, 0, 0.4)  # what most rounds do not meet counts too
    assert measure._cost(cheap + once, cheap).median == pytest.approx(0.02, abs=0.005)
