"""The lab on a real Dask cluster of its own: queue, stop, deaths, parked runs."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from support.pictures import write_pictures
from support.waiting import until

from ultimus.recipe import Recipe
from ultimus.runs import scheduler as lab_module
from ultimus.runs.quota import PUBLIC
from ultimus.runs.run import Run
from ultimus.runs.scheduler import Lab

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
        # its worker does not give way to other tests, which may take all that there is
        started = Lab(tmp_path_factory.mktemp("runs"), patience=1.5, niceness=0)
        yield started
        started.close()


def _recipe(data: Path, **choices) -> Recipe:
    return Recipe.of(**{"data": str(data), "group": 7, "groups": 2, **choices})


def _endless(data: Path) -> Recipe:
    return _recipe(data, epochs=1000)


def _stop(lab: Lab, run: Run) -> None:
    lab.ask(run, "stop")
    until(lambda: lab.status(run).state == "stopped")


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
    until(lambda: lab.status(run).state == "done")
    assert lab.status(run).step == 18
    until(lambda: lab.place(run) is None)  # the scheduler hears of it a little later
    assert run.info().owner == "somebody" and run.info().version


def test_dask_hardly_watches_itself(lab):
    """Its threads would stop the one that trains."""

    def settings() -> tuple:
        import dask  # in the worker

        names = ("admin.tick.interval", "worker.profile.enabled")
        return tuple(dask.config.get(f"distributed.{name}") for name in names)

    assert [*lab._connection.client().run(settings).values()] == [("1s", False)]


def test_a_relative_folder_is_meant_from_here(lab, data, monkeypatch):
    monkeypatch.chdir(data.parent)
    run = lab.start(_recipe("pictures", epochs=1))
    until(lambda: lab.status(run).state == "done")
    assert run.info().recipe.data == str(data)


def test_data_that_is_away_is_told(lab, tmp_path):
    run = lab.start(_recipe(tmp_path / "nowhere"))
    until(lambda: lab.status(run).state == "interrupted")
    assert "There is no data folder" in lab.status(run).reason


def test_a_path_that_is_too_long_is_refused_and_nothing_is_left(lab, data, monkeypatch, refused):
    monkeypatch.chdir(data.parent)
    before = Run.all(lab.runs)
    with refused("data should have at most 1000 characters"):
        lab.start(_recipe("x" * 999))
    assert [run.id for run in Run.all(lab.runs)] == [run.id for run in before]


def test_more_runs_than_workers_wait_and_show_their_place(lab, data):
    first = lab.start(_endless(data))
    until(lambda: lab.status(first).step > 0)
    second, third = lab.start(_recipe(data, epochs=1)), lab.start(_recipe(data, epochs=1))
    until(lambda: lab.place(third) == 1)
    assert lab.place(second) == 0
    assert lab.status(second).state == lab.status(third).state == "queued"
    lab.ask(second, "stop")  # it never began
    until(lambda: lab.place(third) == 0)
    assert lab.status(second).state == "stopped"
    until(lambda: lab.place(second) is None)
    _stop(lab, first)
    until(lambda: lab.status(third).state == "done")
    assert lab.status(second).state == "stopped" and lab.status(second).step == 0
    lab.ask(second, "resume")
    until(lambda: lab.status(second).state == "done")


def test_a_run_that_was_just_started_is_never_taken_for_lost(lab, data):
    first = lab.start(_endless(data))
    others = []
    for _ in range(7):
        others.append(lab.start(_recipe(data, epochs=1)))
        assert {lab.status(others[-1]).state for _ in range(3)} == {"queued"}
    for each in [*others, first]:
        lab.ask(each, "stop")
    until(lambda: all(lab.status(each).state == "stopped" for each in [*others, first]))


def test_stop_and_resume_again_and_again(lab, data):
    run = lab.start(_endless(data))
    for _ in range(4):
        before = lab.status(run).step
        until(lambda before=before: lab.status(run).step > before)
        _stop(lab, run)
        lab.ask(run, "resume")
    _stop(lab, run)


# Cores ----------------------------------------------------------------------------------------


@pytest.fixture
def lab_of_two_cores(tmp_path, monkeypatch) -> Iterator[Lab]:
    monkeypatch.setattr(lab_module, "cores", lambda: 2)
    started = Lab(tmp_path, niceness=0)
    yield started
    started.close()


def test_a_run_has_both_cores_and_runs_of_a_class_one_each_for_life(lab_of_two_cores, data):
    lab = lab_of_two_cores

    def begun(*runs: Run) -> list[int]:
        """How many cores each run computes on."""
        until(lambda: all(lab.status(run).step > 0 for run in runs))
        return [run.info().threads for run in runs]

    alone = lab.start(_endless(data))
    assert begun(alone) == [2]
    first, second, third = (lab.start(_endless(data)) for _ in range(3))
    _stop(lab, alone)
    assert begun(first, second) == [1, 1]
    assert lab.status(first).state == lab.status(second).state == "running"
    assert lab.status(third).state == "queued"
    lab.ask(alone, "resume")
    last = lab.start(_endless(data))
    _stop(lab, first)
    assert begun(third) == [1]
    _stop(lab, second)
    reached = alone.status().step
    _stop(lab, third)
    until(lambda: alone.status().step > reached)
    assert alone.info().threads == 2 and lab.place(last) == 0  # nobody has overtaken it
    _stop(lab, alone)
    assert begun(last) == [2]
    _stop(lab, last)


# Pausing --------------------------------------------------------------------------------------


def test_a_paused_start_stands_before_the_first_step(lab, data):
    run = lab.start(_endless(data), paused=True)
    until(lambda: lab.status(run).state == "paused")
    assert lab.status(run).step == 0 and run.snapshots == (0,)
    lab.ask(run, "step")
    until(lambda: (lab.status(run).state, lab.status(run).step) == ("paused", 1))
    _stop(lab, run)


def test_a_parked_run_leaves_its_worker_to_others_and_goes_on_when_asked(lab, data):
    run = lab.start(_endless(data), paused=True)
    until(lambda: lab.status(run).state == "paused" and not run.is_held())
    other = lab.start(_recipe(data, epochs=1))
    until(lambda: lab.status(other).state == "done")
    assert lab.status(run).state == "paused"
    for step in (1, 2):
        until(lambda: not run.is_held())
        lab.ask(run, "step")
        until(lambda step=step: (lab.status(run).state, lab.status(run).step) == ("paused", step))
    until(lambda: not run.is_held())
    lab.ask(run, "resume")
    until(lambda: lab.status(run).step > 20)
    _stop(lab, run)


def test_a_request_to_a_worker_that_just_parked_is_not_lost(lab, data):
    run = lab.start(_endless(data), paused=True)
    until(lambda: lab.status(run).state == "paused" and not run.is_held())
    run.ask("step")  # as if it had come too late for the worker
    lab.tend(run)
    lab.tend(run)  # many pages do so
    until(lambda: (lab.status(run).state, lab.status(run).step) == ("paused", 1))
    _stop(lab, run)


# Death ----------------------------------------------------------------------------------------


def test_a_dead_worker_leaves_an_interrupted_run_that_can_go_on(lab, data):
    run = lab.start(_recipe(data, epochs=23))
    until(lambda: lab.status(run).step > 20)
    _worker_of(run).kill()
    until(lambda: lab.status(run).state == "interrupted")
    assert lab.status(run).reason.endswith(".") and lab.status(run).step > 20
    time.sleep(1)  # nothing takes it up unasked
    assert lab.status(run).state == "interrupted"
    lab.ask(run, "resume")
    until(lambda: lab.status(run).state == "done")
    assert lab.status(run).step == 23 * 6


def test_a_run_that_nobody_put_into_the_queue_can_go_on(lab, data):
    run = Run.create(lab.runs, _recipe(data, epochs=1))
    assert lab.status(run).state == "interrupted" and "closed" in lab.status(run).reason
    lab.ask(run, "resume")
    until(lambda: lab.status(run).state == "done")


def test_what_is_asked_of_a_run_that_ended_changes_nothing(lab, data):
    run = lab.start(_recipe(data, epochs=1))
    until(lambda: lab.status(run).state == "done")
    for request in ("pause", "step", "resume", "stop"):
        lab.ask(run, request)
        assert lab.status(run).state == "done" and not run.has_request()


# Shares ---------------------------------------------------------------------------------------


def test_who_has_enough_is_refused_and_nothing_is_left(lab, data, monkeypatch, refused):
    busy = lab.start(_endless(data))
    until(lambda: lab.status(busy).step > 0)
    monkeypatch.setattr(lab.quota, "_caps", replace(PUBLIC, waiting=1, steps=5999))
    waiting = lab.start(_recipe(data, epochs=1), owner="a")
    before = {run.id for run in Run.all(lab.runs)}
    for recipe, words in ((_recipe(data), "1 of your runs"), (_endless(data), "6,000 steps")):
        assert words in lab.refusal("a", recipe)  # before the click
        with refused(words):
            lab.start(recipe, owner="a")
    assert {run.id for run in Run.all(lab.runs)} == before
    assert lab.refusal("b", _recipe(data, epochs=1)) == ""
    for run in (waiting, busy):
        lab.ask(run, "stop")
    until(lambda: lab.status(busy).state == "stopped")


# The app's own processes ----------------------------------------------------------------------


def _own(lab: Lab):
    """The lab's own cluster, once it is up."""
    lab._connection.client()
    return lab._connection._cluster


def test_runs_go_on_after_the_scheduler_was_killed(lab, data):
    first = lab.start(_endless(data))
    until(lambda: lab.status(first).step > 0)
    waiting = lab.start(_recipe(data, epochs=1))
    scheduler = _own(lab)._scheduler  # another one follows at once
    scheduler.kill()
    scheduler.wait()
    assert lab.status(waiting).state == "queued" and lab.place(waiting) == 0
    after = lab.start(_recipe(data, epochs=1))
    until(lambda: lab.status(first).state == "interrupted")
    until(lambda: lab.status(waiting).state == lab.status(after).state == "done")


def test_an_idle_worker_that_was_killed_is_replaced(lab, data):
    (process, _), *_ = _own(lab)._workers
    process.kill()
    process.wait()
    run = lab.start(_recipe(data, epochs=1))
    until(lambda: lab.status(run).state == "done")


def test_the_queue_survives_the_app(tmp_path, data, monkeypatch):
    monkeypatch.setattr(lab_module, "cores", lambda: 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    former = Lab(tmp_path, niceness=0)
    first = former.start(_endless(data), owner="a")
    until(lambda: former.status(first).step > 0)
    others = [former.start(_recipe(data, epochs=1), owner=owner) for owner in "aab"]
    order = [former.place(run) for run in others]
    former.close()
    again = Lab(tmp_path, niceness=0)
    assert order == [1, 2, 0] and [again.place(run) for run in others] == order
    until(lambda: all(again.status(run).state == "done" for run in others))
    assert again.status(first).state == "interrupted"
    again.close()


def test_thirty_that_start_at_once_all_wait_in_a_queue(lab, data):
    with ThreadPoolExecutor(30) as starters:
        begin = threading.Barrier(30)

        def start(number: int) -> Run:
            begin.wait()
            return lab.start(_recipe(data, epochs=1), owner=f"browser {number}")

        runs = list(starters.map(start, range(30)))
    assert len({run.folder for run in runs}) == 30
    assert {lab.status(run).state for run in runs} <= {"queued", "running", "done"}
    waiting = [place for run in runs if (place := lab.place(run)) is not None]
    assert len(waiting) >= 25 and sorted(set(waiting)) == list(range(max(waiting) + 1))
    for run in runs:
        lab.ask(run, "stop")
    until(lambda: {lab.status(run).state for run in runs} <= {"stopped", "done"})


def test_two_who_start_ten_each_take_turns(lab, data):
    busy = lab.start(_endless(data), owner="somebody")
    until(lambda: lab.status(busy).step > 0)
    mine, others = (
        [lab.start(_recipe(data, epochs=1), owner=owner) for _ in range(10)]
        for owner in ("me", "others")
    )
    assert [lab.place(run) for run in mine] == list(range(0, 20, 2))
    assert [lab.place(run) for run in others] == list(range(1, 20, 2))
    for run in (*mine, *others, busy):
        lab.ask(run, "stop")
    until(lambda: lab.status(busy).state == "stopped")


def test_an_app_that_is_killed_leaves_no_process_behind(tmp_path):
    program = "from pathlib import Path; from ultimus.runs.scheduler import Lab; import sys, time; "
    program += "lab = Lab(Path(sys.argv[1])); print('up', flush=True); time.sleep(60)"
    app = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert app.stdout.readline() == "up\n"
    until(lambda: len(psutil.Process(app.pid).children(recursive=True)) >= 2)
    started = psutil.Process(app.pid).children(recursive=True)
    app.kill()
    app.wait()
    _, alive = psutil.wait_procs(started, timeout=30)
    assert not alive
