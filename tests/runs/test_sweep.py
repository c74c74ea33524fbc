"""Sweeps: what they want, their file, and what a lab makes of them while a worker dies."""

import json
import os
from pathlib import Path

import psutil
import pytest
from support.waiting import until

from ultimus.recipe import Recipe
from ultimus.runs import metrics
from ultimus.runs import scheduler as lab_module
from ultimus.runs import sweep as sweeps
from ultimus.runs.run import Run, Status
from ultimus.runs.scheduler import Lab
from ultimus.runs.sweep import Sweep

RECIPE = Recipe.of(preset="steady", epochs=2)


def _ended(runs: Path, sweep: Sweep, number: int, state: str, accuracy: float | None = None) -> Run:
    """A run of a point, as a worker leaves it."""
    recipe = sweep.points[number].recipe
    run = Run.create(runs, recipe, lambda run: run.set_status(Status(state)), sweep=sweep.id)
    if accuracy is not None:
        metrics.report(run.folder, {"step": 9, "test_accuracy": accuracy, "test_group": 16})
    return run


def test_a_damaged_file_of_a_sweep_is_written_again_by_whoever_knows_it(tmp_path):
    sweep = sweeps.plan(RECIPE, {"lr": [0.1, 0.2]})
    for content in ("{", ""):
        sweeps.save(sweep, tmp_path)
        (tmp_path / "sweeps" / f"{sweep.id}.json").write_text(content)
    sweeps.save(sweep, tmp_path)
    assert sweeps.find(sweep.id, tmp_path) == sweep


# What is wanted -------------------------------------------------------------------------------


def test_values_times_values_times_seeds():
    sweep = sweeps.plan(RECIPE, {"lr": ["0.1", "0.2"], "clip": ["1", None]}, seeds=3)
    assert len(sweep.points) == 12
    assert [point.values for point in sweep.points[:4]] == [(0.1, 1.0)] * 3 + [(0.1, None)]
    assert [point.recipe.seed for point in sweep.points[:4]] == [0, 1, 2, 0]
    last = sweep.points[-1].recipe
    assert (last.lr, last.clip, last.seed, last.epochs) == (0.2, None, 2, 2)


def test_the_same_sweep_has_the_same_id_and_another_has_another():
    values = {"lr": ["0.1", "0.10", "0.2"]}
    assert sweeps.plan(RECIPE, values).id == sweeps.plan(RECIPE, {"lr": [0.1, 0.2]}).id
    others = [
        sweeps.plan(RECIPE, values, seeds=2),
        sweeps.plan(RECIPE, {"lr": [0.1]}),
        sweeps.plan(RECIPE.model_copy(update={"epochs": 3}), values),
        sweeps.plan(RECIPE, values, owner="somebody"),
    ]
    assert len({sweeps.plan(RECIPE, values).id, *(sweep.id for sweep in others)}) == 5


def test_a_sweep_of_a_former_version_keeps_its_id(tmp_path):
    """Which knew fewer choices of a recipe."""
    sweep = sweeps.plan(RECIPE, {"lr": [0.1]})
    sweeps.save(sweep, tmp_path)
    file = tmp_path / "sweeps" / f"{sweep.id}.json"
    content = json.loads(file.read_bytes())
    del content["recipe"]["target"], content["recipe"]["cutout"]
    file.write_text(json.dumps(content))
    assert sweeps.find(sweep.id, tmp_path).id == sweep.id


@pytest.mark.parametrize(
    ("values", "seeds", "words"),
    [
        ({"lr": ["fast"]}, 1, "lr"),
        ({"lr": ["0.1", "-1"]}, 1, "greater than 0"),
        ({"group": [64], "groups": [65]}, 1, "more than 4096"),
        ({"speed": ["1"]}, 1, "'speed'"),
        ({"seed": ["1"]}, 1, "'seed'"),
        ({"data": ["a", "b"]}, 1, "'data'"),
        ({"lr": [0.1], "clip": [1], "warmup": [0]}, 1, "at most 2"),
        ({"lr": []}, 1, "0 runs"),
        ({"lr": [0.1]}, 0, "1 or more, not 0"),
        ({"lr": [0.1]}, -3, "1 or more, not -3"),
        ({"lr": [0.1, 0.2]}, 10**9, "2,000,000,000 runs"),
        ({"lr": [0.1]}, 2**31, "runs"),
    ],
)
def test_what_makes_no_sweep_is_refused(values, seeds, words, refused):
    with refused(words):
        sweeps.plan(RECIPE, values, seeds)


def test_seeds_beyond_the_last_one_are_refused(refused):
    with refused("seed"):
        sweeps.plan(RECIPE.model_copy(update={"seed": 2**31 - 2}), {}, seeds=3)


# Its file -------------------------------------------------------------------------------------


def test_a_sweep_is_found_again_and_no_run(tmp_path):
    sweep = sweeps.plan(RECIPE, {"lr": [0.1, 0.2]}, seeds=2)
    sweeps.save(sweep, tmp_path)
    assert sweeps.find(sweep.id, tmp_path) == sweep == sweeps.saved(tmp_path)[0]
    assert Run.all(tmp_path) == []


@pytest.mark.parametrize("name", ["", "..", "../x", "nothing", "x" * 5000, "a\0b"])
def test_a_sweep_that_is_not_there_is_told(tmp_path, name, refused):
    with refused("There is no sweep"):
        sweeps.find(name, tmp_path)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"recipe": 1}', '{"recipe": {}, "seeds": 1e99}', "[" * 10**5, "\0"]
)
def test_a_damaged_sweep_is_told_and_left_out(tmp_path, content, refused):
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "broken.json").write_text(content)
    if content == "{}":
        content = json.dumps({"recipe": RECIPE.model_dump(), "values": {"lr": [-1]}})
        (tmp_path / "sweeps" / "broken.json").write_text(content)
    with refused("broken", "damaged"):
        sweeps.find("broken", tmp_path)
    assert sweeps.saved(tmp_path) == []


# What has become of it ------------------------------------------------------------------------


def test_rows_have_the_spread_of_what_is_done(tmp_path):
    sweep = sweeps.plan(RECIPE, {"lr": [0.1, 0.2]}, seeds=3)
    _ended(tmp_path, sweep, 0, "done", 0.5)
    _ended(tmp_path, sweep, 1, "done", 0.6)
    _ended(tmp_path, sweep, 2, "failed", 0.1)
    _ended(tmp_path, sweep, 3, "stopped", 0.3)
    first, second = sweeps.rows(sweeps.entries(sweep, tmp_path))
    assert first.values == (0.1,) and first.accuracies == (0.5, 0.6) and first.failed == 1
    assert first.mean == pytest.approx(0.55)
    assert first.deviation == pytest.approx(0.0707106781)
    assert second.runs == 3 and second.mean is second.deviation is None


def test_runs_of_another_sweep_or_whose_data_moved(tmp_path):
    sweep = sweeps.plan(RECIPE, {"lr": [0.1]})
    Run.create(tmp_path, sweep.points[0].recipe, sweep="another")
    assert sweeps.entries(sweep, tmp_path)[0].run is None
    run = _ended(tmp_path, sweep, 0, "done", 0.5)
    run.ran_with(recipe=sweep.points[0].recipe.with_data("/elsewhere").model_dump())
    assert sweeps.entries(sweep, tmp_path)[0].run.id == run.id


def _kill(lab: Lab, worker: str) -> None:
    (process,) = lab._connection.client().run(os.getpid, workers=[worker]).values()
    psutil.Process(process).kill()


# In a lab -------------------------------------------------------------------------------------


def test_a_sweep_fills_though_a_worker_is_killed_and_is_not_trained_twice(
    tmp_path, data, monkeypatch, refused
):
    monkeypatch.setattr(lab_module, "cores", lambda: 6)  # three workers
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    recipe = Recipe.of(data=str(data), group=7, groups=2, snapshots=2)
    sweep = sweeps.plan(recipe, {"epochs": [1, 2, 1000]}, seeds=2, owner="somebody")
    lab = Lab(tmp_path, niceness=0)

    def now() -> list:
        return sweeps.entries(sweep, tmp_path, lab)

    try:
        sweeps.carry_on(sweep, lab)
        assert all(entry.run.info().owner == "somebody" for entry in now())
        long = now()[-1].run
        until(lambda: lab.status(long).step > 0)
        before = lab.status(long).step
        _kill(lab, lab._given[long.id].worker)
        until(lambda: lab.status(long).step > before and long.id in lab._lost)
        until(lambda: [entry.outcome.state for entry in now()[:4]] == ["done"] * 4)
        sweeps.stop(sweep, lab)
        until(lambda: not any(entry.outcome.is_live for entry in now()))
        done = {entry.run.id: entry.run.folder.stat().st_mtime_ns for entry in now()[:4]}
        sweeps.carry_on(sweep, lab)  # again: the two that were stopped go on, the others rest
        until(lambda: lab.status(long).state == "running")
        assert {run_id: (tmp_path / run_id).stat().st_mtime_ns for run_id in done} == done
        assert len(Run.all(tmp_path)) == 6
        sweeps.stop(sweep, lab)
        until(lambda: not any(entry.outcome.is_live for entry in now()))
        other = now()[-2].run
        (other.folder / "ticket.json").unlink()
        (other.folder / "ticket.json").mkdir()
        with refused(other.id, "cannot be used"):  # and the one after it goes on
            sweeps.carry_on(sweep, lab)
        until(lambda: lab.status(long).state == "running")
        sweeps.stop(sweep, lab)
    finally:
        lab.close()


def test_a_run_that_cannot_be_stopped_lets_the_others_of_its_sweep_be_stopped(tmp_path, refused):
    sweep = sweeps.plan(RECIPE, {"lr": [0.1, 0.2, 0.3]})
    runs = [Run.create(tmp_path, point.recipe, sweep=sweep.id) for point in sweep.points]
    for run in runs:
        run.set_status(Status("paused"))
    (runs[0].folder / "request").mkdir()
    lab = Lab(tmp_path, "tcp://nowhere")
    try:
        with refused(runs[0].id, "cannot be used"):
            sweeps.stop(sweep, lab)
        assert [run.status().state for run in runs] == ["paused", "stopped", "stopped"]
    finally:
        lab.close()
