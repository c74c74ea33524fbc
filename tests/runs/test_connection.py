"""A Dask cluster elsewhere: it goes away and comes back, has no workers, or unfit ones."""

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client
from support.waiting import until

from ultimus.errors import UserError
from ultimus.recipe import Recipe
from ultimus.runs import connection
from ultimus.runs.connection import Connection
from ultimus.runs.run import Run
from ultimus.runs.scheduler import Lab

ROOT = Path(__file__).parents[2]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Elsewhere:
    """A scheduler and workers at an address, as somebody starts them by hand."""

    def __init__(self, folder: Path):
        self.port = _free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.folder = folder
        self.scheduler: subprocess.Popen | None = None
        self.workers: list[subprocess.Popen] = []

    def start(self) -> None:
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"]
        self.scheduler = self._run(["scheduler", *options], ROOT)

    def add_worker(self, package: Path = ROOT) -> None:
        options = ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--death-timeout", "60"]
        self.workers.append(self._run(["worker", self.address, *options], package))

    def kill_workers(self) -> None:
        for process in self.workers:
            process.kill()
            process.wait()
        self.workers = []

    def kill(self) -> None:
        """As a machine that fails: nobody is told."""
        self.kill_workers()
        self.scheduler.kill()
        self.scheduler.wait()

    def _run(self, command: list[str], package: Path) -> subprocess.Popen:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        settings = {**os.environ, "PYTHONPATH": str(package), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "dask", *command]
        return subprocess.Popen(command, cwd=self.folder, env=settings, **quiet)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Iterator[Elsewhere]:
    cluster = Elsewhere(tmp_path_factory.mktemp("elsewhere"))
    cluster.start()
    yield cluster
    cluster.kill()


@pytest.fixture
def lab(elsewhere, tmp_path) -> Iterator[Lab]:
    """One whose cluster has no workers yet."""
    lab = Lab(tmp_path / "runs", elsewhere.address)
    until(lambda: _is_there(lab))
    yield lab
    lab.close()
    elsewhere.kill_workers()


def _is_there(lab: Lab) -> bool:
    try:
        return bool(lab._connection.client())
    except UserError:
        return False


def _recipe(data: Path, **choices) -> Recipe:
    return Recipe.of(**{"data": str(data), "group": 7, "groups": 2, "epochs": 1, **choices})


def test_it_trains_the_same_runs_and_goes_on_without_the_app(elsewhere, lab, data, tmp_path):
    elsewhere.add_worker()
    run = lab.start(_recipe(data, epochs=2))
    until(lambda: lab.status(run).state == "done")
    long = lab.start(_recipe(data, epochs=1000))
    until(lambda: lab.status(long).step > 0)
    lab.close()
    again = Lab(tmp_path / "runs", elsewhere.address)
    assert again.status(long).state == "running"
    again.ask(long, "stop")
    until(lambda: again.status(long).state == "stopped")
    again.close()


def test_one_that_went_away_is_found_again(elsewhere, lab, data, refused):
    elsewhere.add_worker()
    long = lab.start(_recipe(data, epochs=1000))
    until(lambda: lab.status(long).step > 0)
    waiting = lab.start(_recipe(data))
    elsewhere.kill()
    until(lambda: "There is no Dask scheduler" in lab.status(waiting).reason)
    assert lab.status(waiting).state == "queued" and lab.place(waiting) == 0
    assert lab.status(long).state == "interrupted"
    with refused("There is no Dask scheduler at", elsewhere.address):
        lab.start(_recipe(data))
    with refused("There is no Dask scheduler at"):
        lab.ask(long, "resume")
    assert {run.id for run in Run.all(lab.runs)} == {long.id, waiting.id}
    elsewhere.start()
    elsewhere.add_worker()
    until(lambda: lab.status(waiting).state == "done")
    after = lab.start(_recipe(data))
    until(lambda: lab.status(after).state == "done")


def test_one_that_stands_still_is_told_and_goes_on(elsewhere, lab, data):
    elsewhere.add_worker()
    first = lab.start(_recipe(data))
    until(lambda: lab.status(first).state == "done")
    elsewhere.scheduler.send_signal(signal.SIGSTOP)  # it is there, and silent
    try:
        waiting = lab.start(_recipe(data))
        until(lambda: "does not answer" in lab.status(waiting).reason)
        assert lab.status(waiting).state == "queued" and lab.problem.endswith(".")
    finally:
        elsewhere.scheduler.send_signal(signal.SIGCONT)
    until(lambda: lab.status(waiting).state == "done")
    assert lab.problem == ""


def test_one_without_workers_is_told_until_it_has_one(elsewhere, lab, data):
    run = lab.start(_recipe(data))
    until(lambda: "has no workers" in lab.status(run).reason)
    assert lab.status(run).state == "queued" and lab.problem.endswith(".")
    elsewhere.add_worker()
    until(lambda: lab.status(run).state == "done")
    assert lab.problem == ""


def test_a_worker_that_dies_once_it_has_answered_holds_nobody_up(elsewhere, lab, monkeypatch):
    """As long as the scheduler has not heard of it, it is taken for one that can train."""
    elsewhere.add_worker()
    lab.runs.mkdir()
    connection = lab._connection
    until(lambda: connection.free_workers(lab.runs))
    (dead,) = connection.workers()
    connection._asked.clear()
    asks = Connection._ask

    def ask_and_die(*given) -> None:
        asks(*given)
        elsewhere.kill_workers()

    monkeypatch.setattr(Connection, "_ask", ask_and_die)
    monkeypatch.setattr(connection, "_workers_by_idleness", lambda client: {dead: True})
    assert connection.free_workers(lab.runs) in ([], [dead])


def _package(folder: Path, text: str) -> Path:
    (folder / "ultimus").mkdir(parents=True)
    (folder / "ultimus" / "__init__.py").write_text(text)
    return folder


def test_workers_that_have_another_package_get_no_run(elsewhere, lab, data, tmp_path):
    elsewhere.add_worker(_package(tmp_path / "other", "__version__ = '0.0.7'"))
    run = lab.start(_recipe(data))
    until(lambda: "has Ultimus 0.0.7" in lab.status(run).reason)
    assert lab.status(run).state == "queued" and "install" in lab.status(run).reason
    elsewhere.kill_workers()
    elsewhere.add_worker(_package(tmp_path / "none", "raise ImportError"))
    until(lambda: "has no Ultimus" in lab.status(run).reason)
    elsewhere.add_worker()  # the other one gets none, still
    until(lambda: lab.status(run).state == "done")


def test_a_worker_that_does_not_see_the_runs_gets_none(elsewhere, lab, data, tmp_path):
    # as on another machine: what the worker sees is this package's answer
    text = (ROOT / "ultimus" / "__init__.py").read_text()
    text += "\nos.access = lambda *given: False\n"
    elsewhere.add_worker(_package(tmp_path / "package", text))
    run = lab.start(_recipe(data))
    until(lambda: "cannot write to" in lab.status(run).reason)
    assert lab.status(run).state == "queued" and str(lab.runs) in lab.status(run).reason


def test_data_that_the_worker_does_not_see_interrupts_the_run(elsewhere, lab, data, tmp_path):
    elsewhere.add_worker()
    run = lab.start(_recipe(tmp_path / "elsewhere only"))
    until(lambda: lab.status(run).state == "interrupted")
    assert "does not see the data folder" in lab.status(run).reason
    assert Run(run.folder).status() == lab.status(run)  # the folder tells it, too
    (tmp_path / "elsewhere only").symlink_to(data)
    lab.ask(run, "resume")
    until(lambda: lab.status(run).state == "done")


@pytest.mark.parametrize(
    "where", ["tcp://127.0.0.1:{port}", "nonsense://x", "tcp://", "127.0.0.1:x"]
)
def test_a_wrong_address_is_one_sentence_in_reasonable_time(where, tmp_path, data, refused):
    begin = time.monotonic()
    lab = Lab(tmp_path, where.format(port=_free_port()))
    for _ in range(2):
        with refused("There is no Dask scheduler at"):
            lab.start(_recipe(data))
    assert time.monotonic() - begin < 40 and not Run.all(tmp_path)
    lab.close()


@pytest.mark.parametrize("where", ["127.0.0.1:x", "tcp://127.0.0.1:{port}"])
def test_a_client_that_reaches_nobody_leaves_nothing(where, refused, monkeypatch):
    """Left to the collector it closed itself in any thread, and that could stand still for ever."""
    monkeypatch.setattr(connection, "REACH", 0.3)
    monkeypatch.setattr(connection, "AGAIN", 0.0)
    tried = Connection(where.format(port=_free_port()), 1)
    with refused("There is no Dask scheduler at"):
        tried.client()
    clients, threads = set(map(id, _clients())), threading.active_count()
    with refused("There is no Dask scheduler at"):
        tried.client()
    assert [client.status for client in _clients() if id(client) not in clients] in ([], ["closed"])
    assert threading.active_count() == threads
    tried.close()


def _clients() -> list[Client]:
    return [thing for thing in gc.get_objects() if issubclass(type(thing), Client)]
