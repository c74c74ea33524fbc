"""Real runs in real processes: paused, stepped, stopped, killed, resumed, out of disk."""

import json
import math
import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support.metrics import lines
from support.pictures import TRAIN, write_pictures

from ultimus.analysis import range_test
from ultimus.checkpoints import checkpoint
from ultimus.data import dataset
from ultimus.errors import UserError
from ultimus.recipe import Recipe
from ultimus.runs import sweep as sweeps
from ultimus.runs.run import Run, Status
from ultimus.runs.worker import PATIENCE, work

# a server that has imported torch once, from which each worker is forked
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["ultimus.runs.worker"])

COLUMNS = {
    "loss", "lr", "train_accuracy", "grad_norm", "epoch", "images_per_second", "seconds",
}  # fmt: skip


pytestmark = pytest.mark.usefixtures("one_thread")


def _recipe(data: Path, **choices) -> Recipe:
    return Recipe.of(**{"data": str(data), "group": 7, "groups": 2, "snapshots": 5, **choices})


def _train(folder: Path, patience: float) -> None:
    torch.set_num_threads(1)
    work(Run(folder), patience=patience)


def _begin(run: Run, patience: float = PATIENCE) -> multiprocessing.Process:
    process = processes.Process(target=_train, args=(run.folder, patience), daemon=True)
    process.start()
    return process


def _until(happened: Callable[[], object], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.005)


def _rows(run: Run) -> list[dict]:
    return lines(run)


def _final_weights(run: Run) -> torch.Tensor:
    weights = checkpoint.load(run.snapshot(run.snapshots[-1])).state_dict()
    return torch.cat([weights[name].flatten() for name in sorted(weights)])


def _is_sentence(text: str) -> bool:
    return text.endswith(".") and "\n" not in text and len(text) > 20


# A whole run ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory) -> Run:
    """A run of 25 epochs, 150 steps, that nothing interrupts."""
    run = Run.create(tmp_path_factory.mktemp("runs"), _recipe(data, epochs=25, seed=3))
    assert work(run).state == "done"
    return run


def test_a_run_on_shapes_leaves_the_whole_folder(tmp_path):
    recipe = Recipe.of(data="shapes", group=7, groups=2, max_steps=29, snapshots=7)
    run = Run.create(tmp_path, recipe)
    status = work(run)
    assert (status.state, status.step, status.total) == ("done", 29, 29)
    assert run.status() == status
    names = {path.name for path in run.folder.iterdir()} - {"lock"}
    assert names == {
        "recipe.json", "status.json", "metrics.jsonl", "weights", "live.safetensors", "resume.pt",
    }  # fmt: skip
    known = run.info().dataset
    assert len(known.fingerprint) > 10 and len(known.classes) == 10
    assert _rows(run)[-1]["test_group"] == 7


def test_snapshots_are_at_the_planned_steps(finished):
    total = 25 * (TRAIN // 14)
    assert finished.snapshots == _recipe(Path("x")).snapshot_steps(total)
    assert finished.snapshots[0] == 0 and finished.snapshots[-1] == total
    first, last = (checkpoint.load(finished.snapshot(step)) for step in (0, total))
    assert not torch.equal(first.cap.weight, last.cap.weight)
    live = checkpoint.load(finished.live_weights)
    assert torch.equal(live.cap.weight, last.cap.weight)


def test_metrics_are_finite_numbers_and_cover_every_step(finished):
    rows = [json.loads(line) for line in (finished.folder / "metrics.jsonl").open()]
    steps = [row["step"] for row in rows]
    assert steps == sorted(set(steps)) and steps[0] == 1 and steps[-1] == 150
    for row in rows:
        assert row.keys() >= COLUMNS and len(row["attention_entropy"]) == 4
        assert all(math.isfinite(row[name]) for name in COLUMNS)
        assert all(0 <= each <= math.log(7) + 1e-6 for each in row["attention_entropy"])
    tested = [row for row in rows if "test_accuracy" in row]
    assert [row["step"] for row in tested] == list(range(6, 151, 6))
    assert tested[-1]["test_accuracy"] > 0.8


def test_the_threads_of_the_next_run_are_its_own(data, tmp_path):
    run = Run.create(tmp_path, _recipe(data, max_steps=1))
    run.ran_with(threads=2)
    work(run)
    assert torch.get_num_threads() == 1 and run.info().threads == 2


# Requests -------------------------------------------------------------------------------------


def test_paused_stepped_resumed_and_stopped_while_it_works(data, tmp_path):
    run = Run.create(tmp_path, _recipe(data, epochs=1000))
    run.ask("pause")
    process = _begin(run)
    _until(lambda: run.status().state == "paused")
    assert run.status().step == 0 and run.snapshots == (0,) and _rows(run) == []
    for step in (1, 2, 3):
        run.ask("step")
        _until(lambda step=step: run.status().step == step and run.status().state == "paused")
        assert [row["step"] for row in _rows(run)] == list(range(1, step + 1))
    run.ask("resume")
    _until(lambda: run.status().step > 40)
    run.ask("pause")
    _until(lambda: run.status().state == "paused")
    stood = run.status().step
    time.sleep(0.1)
    assert run.status().step == stood == _rows(run)[-1]["step"]  # all of it is reported
    run.ask("stop")
    process.join(300)
    status = run.status()
    assert (status.state, status.step) == ("stopped", stood)
    assert run.snapshots[-1] == stood and not run.is_held()


def test_stopped_and_resumed_ends_as_if_nothing_had_been(finished, data, tmp_path):
    run = Run.create(tmp_path, finished.info().recipe)

    def stop(progress) -> None:
        if progress.step == 59:
            run.ask("stop")

    assert work(run, stop) == run.status()
    assert (run.status().state, run.status().step) == ("stopped", 59)
    assert _rows(run)[-1]["step"] == 59
    assert work(run).state == "done"
    assert torch.equal(_final_weights(run), _final_weights(finished))
    steps = [row["step"] for row in _rows(run)]
    assert steps == sorted(set(steps)) and steps[-1] == 150


def test_a_pause_that_lasts_gives_the_worker_back(data, tmp_path):
    run = Run.create(tmp_path, _recipe(data, epochs=2))
    run.ask("pause")
    assert work(run, patience=0.05).state == "paused"
    assert not run.is_held() and run.status().state == "paused"
    run.ask("step")
    assert work(run, patience=0.05).step == 1
    assert work(run).state == "done"


def test_a_run_is_trained_by_one_process(data, tmp_path):
    run = Run.create(tmp_path, _recipe(data))
    with run.hold(), pytest.raises(UserError, match="already being trained"):
        work(Run(run.folder))
    assert run.status() == Status("queued")


# Killed ---------------------------------------------------------------------------------------

MOMENTS = {
    "as it starts": lambda run: run.is_held(),
    "opening the data": lambda run: run.status().state == "running",
    "before the first epoch ends": lambda run: len(_rows(run)) >= 2,
    "in the middle": lambda run: run.status().step >= 59,
    "about to end": lambda run: run.status().step >= 147,
    "at any time": lambda run: random.random() < 0.03,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_and_resumed_ends_as_if_nothing_had_been(finished, moment, tmp_path):
    run = Run.create(tmp_path, finished.info().recipe)
    process = _begin(run)
    _until(lambda: MOMENTS[moment](run) or not process.is_alive())
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert run.status().state in ("queued", "interrupted", "done")
    if run.status().state != "done":
        _begin(run).join(300)
    assert run.status().state == "done"
    assert torch.equal(_final_weights(run), _final_weights(finished))
    assert set(run.snapshots) == set(finished.snapshots)
    steps = [row["step"] for row in _rows(run)]
    assert steps == sorted(set(steps)) and steps[-1] == 150
    tests = [[row["test_accuracy"] for row in _rows(each) if "test_accuracy" in row]
             for each in (run, finished)]  # fmt: skip
    assert tests[0] == tests[1]
    assert not list(run.folder.rglob(".*"))  # nothing half written is left


# What goes wrong ------------------------------------------------------------------------------


def test_a_divergent_recipe_fails_and_keeps_what_was(data, tmp_path):
    recipe = _recipe(
        data, optimizer="sgd", lr=10, clip=None, schedule="constant", epochs=50, snapshots=300
    )
    run = Run.create(tmp_path, recipe)
    status = work(run)
    assert status.state == "failed" and status == run.status()
    assert f"step {status.step + 1} " in status.reason and "learning rate" in status.reason
    assert run.snapshots[0] == 0 and run.snapshots[-1] == status.step
    for step in run.snapshots:
        checkpoint.load(run.snapshot(step))  # which refuses what is not finite
    assert [row["step"] for row in _rows(run)][-1] == status.step or status.step == 0
    assert "NaN" not in (run.folder / "metrics.jsonl").read_text()


def test_data_that_changed_is_told_and_can_be_put_back(tmp_path):
    data, former = tmp_path / "data", tmp_path / "former"
    write_pictures(data)
    shutil.copytree(data, former)
    run = Run.create(tmp_path / "runs", _recipe(data, epochs=3))
    run.ask("stop")
    assert work(run).state == "stopped"
    write_pictures(data, seed=5)
    status = work(run)
    assert status.state == "interrupted" and "has changed" in status.reason
    assert _is_sentence(status.reason) and run.status() == status
    shutil.rmtree(data)
    status = work(run)
    assert status.state == "interrupted" and "There is no data folder" in status.reason
    assert run.status() == status
    shutil.copytree(former, data)
    assert work(run).state == "done"


def test_too_little_data_fails_with_both_numbers(data, tmp_path):
    run = Run.create(tmp_path, _recipe(data, groups=17))
    status = work(run)
    assert status.state == "failed" and "119" in status.reason and "97" in status.reason


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_interrupts_and_can_be_repaired(finished, tmp_path):
    run = Run.create(tmp_path, finished.info().recipe)
    metrics = run.folder / "metrics.jsonl"

    def fill(progress) -> None:
        if progress.step == 50:
            metrics.rename(tmp_path / "so far")
            metrics.symlink_to("/dev/full")

    status = work(run, fill)
    assert status.state == "interrupted" and status == run.status()
    assert "is full" in status.reason and _is_sentence(status.reason)
    metrics.unlink()
    shutil.copy(tmp_path / "so far", metrics)
    assert work(run).state == "done"
    assert torch.equal(_final_weights(run), _final_weights(finished))
    steps = [row["step"] for row in _rows(run)]
    assert steps == sorted(set(steps)) and steps[0] == 1 and steps[-1] == 150


@pytest.mark.parametrize("damage", ["garbage", "cut", "empty", "list", "no step", "other model"])
def test_a_damaged_resume_file_is_one_sentence(data, tmp_path, damage):
    run = Run.create(tmp_path, _recipe(data, epochs=2))
    run.ask("stop")
    work(run)
    whole = run.resume_file.read_bytes()
    state = torch.load(run.resume_file, weights_only=True)
    if damage in ("garbage", "cut", "empty"):
        contents = {"garbage": b"nonsense" * 99, "cut": whole[: len(whole) // 2], "empty": b""}
        run.resume_file.write_bytes(contents[damage])
    elif damage == "list":
        torch.save([1, 2], run.resume_file)
    elif damage == "no step":
        torch.save({**state, "step": "seven"}, run.resume_file)
    else:
        torch.save({**state, "model": {"x": torch.zeros(3)}}, run.resume_file)
    status = work(run)
    assert status.state == "failed" and _is_sentence(status.reason)
    assert "estart the run" in status.reason
    run.resume_file.write_bytes(whole)
    assert work(run).state == "done"


@pytest.mark.parametrize(
    "about",
    [{"dataset": 3}, {"dataset": []}, {"threads": "many"}, {"threads": -1}, {"threads": 10**9}],
)  # fmt: skip
def test_damaged_notes_in_recipe_json_are_one_sentence(data, tmp_path, about):
    run = Run.create(tmp_path, _recipe(data, epochs=2), **about)
    status = work(run)
    assert status.state == "failed" and _is_sentence(status.reason)
    assert "recipe.json" in status.reason


def test_a_damaged_status_is_one_sentence(data, tmp_path):
    run = Run.create(tmp_path, _recipe(data))
    (run.folder / "status.json").write_text("{")
    with pytest.raises(UserError, match=r"status\.json"):
        work(run)


# A rate that rises at each step ---------------------------------------------------------------


def test_a_range_test_reports_each_step_also_where_it_was_interrupted(data, tmp_path):
    recipe = range_test.recipe_for(_recipe(data, lr=0.01), TRAIN, 1e-4, 1.0, 40)
    sweep = sweeps.plan(recipe, {}, seeds=2)
    run = Run.create(tmp_path, sweep.points[0].recipe, sweep=sweep.id)

    def stop(progress) -> None:
        if progress.step == 23:
            run.ask("stop")

    assert work(run, stop).step == 23
    run.set_status(Status("queued"))
    assert work(run).state == "done"
    rows = _rows(run)
    assert [row["step"] for row in rows] == list(range(1, 41))
    assert rows[0]["lr"] == pytest.approx(1e-4) and rows[-1]["lr"] == pytest.approx(1)
    found = sweeps.range_test(sweeps.entries(sweep, tmp_path))
    assert found.losses[0].tolist() == pytest.approx([row["loss"] for row in rows])
    assert math.isnan(found.losses[1, 0])  # the other seed has not begun


def test_a_run_waits_for_pictures_that_are_still_prepared(tmp_path: Path):
    write_pictures(tmp_path / "pictures")
    run = Run.create(tmp_path / "runs", _recipe(tmp_path / "pictures", max_steps=1))
    with dataset._alone(dataset._copy_of(run.info().recipe.data)):
        process = _begin(run)
        _until(lambda: run.status().doing == "waiting for its pictures, which are prepared once")
    process.join(300)
    assert run.status().state == "done"
