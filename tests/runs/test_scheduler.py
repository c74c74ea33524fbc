"""The lab on real Dask clusters: queue, stop, death of a worker, parked runs, data preparation."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from support.pictures import write_pictures

from ultimus.errors import UserError
from ultimus.recipe import Recipe
from ultimus.runs import scheduler as lab_module
from ultimus.runs.run import Run
from ultimus.runs.scheduler import Lab, Preparation

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "pictures"
    write_pictures(folder)
    return folder


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[Lab]:
    """One worker with one thread, so that a second run waits; a paused one gives it back soon."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lab_module, "cores", lambda: 1)
        patch.setenv("OMP_NUM_THREADS", "1")
        started = Lab(tmp_path_factory.mktemp("runs"), patience=1.5)
        yield started
        started.close()


def _recipe(data: Path, **choices) -> Recipe:
    return Recipe.of(**{"data": str(data), "group": 7, "groups": 2, **choices})


def _endless(data: Path) -> Recipe:
    return _recipe(data, epochs=1000)


def _until(happened: Callable[[], object], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def _stop(lab: Lab, run: Run) -> None:
    lab.ask(run, "stop")
    _until(lambda: lab.status(run).state == "stopped")


def _worker_of(run: Run) -> psutil.Process:
    """The process that holds the run's lock."""
    lock = str((run.folder / "lock").resolve())
    for process in psutil.process_iter():
        try:
            if any(each.path == lock for each in process.open_files()):
                return process
        except psutil.Error:
            continue
    raise AssertionError("no process holds the run")


# The queue ------------------------------------------------------------------------------------


def test_a_run_is_trained(lab, data):
    run = lab.start(_recipe(data, epochs=3), owner="somebody")
    assert lab.status(run).state in ("queued", "running")
    _until(lambda: lab.status(run).state == "done")
    assert lab.status(run).step == 18
    _until(lambda: lab.place(run) is None)  # the scheduler hears of it a little later
    assert run.info().owner == "somebody" and run.info().version


def test_dask_hardly_watches_itself(lab):
    """Its threads would stop the one that trains."""

    def settings() -> tuple:
        import dask  # in the worker

        names = ("admin.tick.interval", "worker.profile.enabled")
        return tuple(dask.config.get(f"distributed.{name}") for name in names)

    assert [*lab._client.run(settings).values()] == [("1s", False)]


def test_a_relative_folder_is_meant_from_here(lab, data, monkeypatch):
    monkeypatch.chdir(data.parent)
    run = lab.start(_recipe("pictures", epochs=1))
    _until(lambda: lab.status(run).state == "done")
    assert run.info().recipe.data == str(data)


def test_a_failure_is_told(lab, tmp_path):
    run = lab.start(_recipe(tmp_path / "nowhere"))
    _until(lambda: lab.status(run).state == "failed")
    assert "There is no data folder" in lab.status(run).reason


def test_more_runs_than_workers_wait_and_show_their_place(lab, data):
    first = lab.start(_endless(data))
    _until(lambda: lab.status(first).step > 0)
    second, third = lab.start(_recipe(data, epochs=1)), lab.start(_recipe(data, epochs=1))
    _until(lambda: lab.place(third) == 1)
    assert lab.place(second) == 0
    assert lab.status(second).state == lab.status(third).state == "queued"
    lab.ask(second, "stop")  # it never began
    _until(lambda: lab.place(third) == 0)
    assert lab.status(second).state == "stopped"
    _until(lambda: lab.place(second) is None)
    _stop(lab, first)
    _until(lambda: lab.status(third).state == "done")
    assert lab.status(second).state == "stopped" and lab.status(second).step == 0
    lab.ask(second, "resume")
    _until(lambda: lab.status(second).state == "done")


def test_a_run_that_was_just_started_is_never_taken_for_lost(lab, data):
    first = lab.start(_endless(data))
    others = []
    for _ in range(7):
        others.append(lab.start(_recipe(data, epochs=1)))
        assert {lab.status(others[-1]).state for _ in range(3)} == {"queued"}
    for each in [*others, first]:
        lab.ask(each, "stop")
    _until(lambda: all(lab.status(each).state == "stopped" for each in [*others, first]))


def test_stop_and_resume_again_and_again(lab, data):
    run = lab.start(_endless(data))
    for _ in range(4):
        before = lab.status(run).step
        _until(lambda before=before: lab.status(run).step > before)
        _stop(lab, run)
        lab.ask(run, "resume")
    _stop(lab, run)


# Pausing --------------------------------------------------------------------------------------


def test_a_paused_start_stands_before_the_first_step(lab, data):
    run = lab.start(_endless(data), paused=True)
    _until(lambda: lab.status(run).state == "paused")
    assert lab.status(run).step == 0 and run.snapshots == (0,)
    lab.ask(run, "step")
    _until(lambda: (lab.status(run).state, lab.status(run).step) == ("paused", 1))
    _stop(lab, run)


def test_a_parked_run_leaves_its_worker_to_others_and_goes_on_when_asked(lab, data):
    run = lab.start(_endless(data), paused=True)
    _until(lambda: lab.status(run).state == "paused" and not run.is_held())
    other = lab.start(_recipe(data, epochs=1))
    _until(lambda: lab.status(other).state == "done")
    assert lab.status(run).state == "paused"
    for step in (1, 2):
        _until(lambda: not run.is_held())
        lab.ask(run, "step")
        _until(lambda step=step: (lab.status(run).state, lab.status(run).step) == ("paused", step))
    _until(lambda: not run.is_held())
    lab.ask(run, "resume")
    _until(lambda: lab.status(run).step > 20)
    _stop(lab, run)


def test_a_request_to_a_worker_that_just_parked_is_not_lost(lab, data):
    run = lab.start(_endless(data), paused=True)
    _until(lambda: lab.status(run).state == "paused" and not run.is_held())
    run.ask("step")  # as if it had come too late for the worker
    lab.tend(run)
    lab.tend(run)  # many pages do so
    _until(lambda: (lab.status(run).state, lab.status(run).step) == ("paused", 1))
    _stop(lab, run)


# Death ----------------------------------------------------------------------------------------


def test_a_dead_worker_leaves_an_interrupted_run_that_can_go_on(lab, data):
    run = lab.start(_recipe(data, epochs=23))
    _until(lambda: lab.status(run).step > 20)
    _worker_of(run).kill()
    _until(lambda: lab.status(run).state == "interrupted")
    assert lab.status(run).reason.endswith(".") and lab.status(run).step > 20
    time.sleep(1)  # nothing takes it up unasked
    assert lab.status(run).state == "interrupted"
    lab.ask(run, "resume")
    _until(lambda: lab.status(run).state == "done")
    assert lab.status(run).step == 23 * 6


def test_a_run_whose_app_was_closed_before_its_turn_can_go_on(lab, data):
    run = Run.create(lab.runs, _recipe(data, epochs=1))
    assert lab.status(run).state == "interrupted" and "closed" in lab.status(run).reason
    lab.ask(run, "resume")
    _until(lambda: lab.status(run).state == "done")


def test_what_is_asked_of_a_run_that_ended_changes_nothing(lab, data):
    run = lab.start(_recipe(data, epochs=1))
    _until(lambda: lab.status(run).state == "done")
    for request in ("pause", "step", "resume", "stop"):
        lab.ask(run, request)
        assert lab.status(run).state == "done" and not run.has_request()


# A cluster elsewhere --------------------------------------------------------------------------


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    port = _free_port()
    where = f"tcp://127.0.0.1:{port}"
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    settings = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    worker = ["worker", where, "--no-nanny", "--nthreads", "1", "--no-dashboard"]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "dask", *command],
            cwd=tmp_path_factory.mktemp("elsewhere"), env=settings,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for command in (scheduler, worker)
    ]  # fmt: skip
    yield where
    for process in started[::-1]:
        process.terminate()
        process.wait(30)


def test_a_cluster_by_its_address_trains_the_same_runs(address, data, tmp_path):
    deadline = time.monotonic() + 60
    while True:
        try:
            remote = Lab(tmp_path / "runs", address)
            break
        except UserError:
            assert time.monotonic() < deadline
    run = remote.start(_recipe(data, epochs=2))
    _until(lambda: remote.status(run).state == "done")
    long = remote.start(_endless(data))
    _until(lambda: remote.status(long).step > 0)
    remote.close()
    again = Lab(tmp_path / "runs", address)  # the cluster went on, and the run is still there
    assert again.status(long).state == "running"
    again.ask(long, "stop")
    _until(lambda: again.status(long).state == "stopped")
    again.close()


@pytest.mark.parametrize(
    "where", ["tcp://127.0.0.1:{port}", "nonsense://x", "tcp://", "127.0.0.1:x"]
)
def test_a_wrong_address_is_one_sentence_in_reasonable_time(where, tmp_path):
    begin = time.monotonic()
    with pytest.raises(UserError, match="There is no Dask scheduler at") as caught:
        Lab(tmp_path, where.format(port=_free_port()))
    assert str(caught.value).endswith(".") and time.monotonic() - begin < 20


# Preparing data -------------------------------------------------------------------------------


def test_a_source_is_prepared_in_a_process_of_its_own(tmp_path, monkeypatch):
    write_pictures(tmp_path / "new", seed=7)
    monkeypatch.chdir(tmp_path)
    preparation = Preparation("new")
    seen = [preparation.done]
    while preparation.done < 1:
        seen.append(preparation.done)
        time.sleep(0.005)
    assert seen == sorted(seen) and all(0 <= each <= 1 for each in seen)
    assert preparation.done == 1 and preparation.problem == ""


def test_a_source_that_cannot_be_prepared_says_why(tmp_path):
    preparation = Preparation(str(tmp_path / "nowhere"))
    _until(lambda: preparation.done == 1)
    assert preparation.problem.startswith("There is no data folder")
    assert preparation.problem.endswith(".")


def test_a_preparation_can_be_cancelled():
    preparation = Preparation("shapes")
    preparation.cancel()
    assert preparation.done == 1


def test_an_app_that_is_killed_leaves_no_process_behind(tmp_path):
    program = "from pathlib import Path; from ultimus.runs.scheduler import Lab; import sys, time; "
    program += "lab = Lab(Path(sys.argv[1])); print('up', flush=True); time.sleep(60)"
    app = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert app.stdout.readline() == "up\n"
    _until(lambda: len(psutil.Process(app.pid).children(recursive=True)) >= 3)
    time.sleep(2)  # the processes are up when they know their parent
    started = psutil.Process(app.pid).children(recursive=True)
    app.kill()
    app.wait()
    _, alive = psutil.wait_procs(started, timeout=30)
    assert not alive
