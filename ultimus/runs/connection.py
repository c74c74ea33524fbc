"""The way to a Dask scheduler that may go away and come back, and to the workers it has.

Dask's client is closed for good once its scheduler was away for a few seconds, and workers never
come back to a scheduler that was started again. So a client is made anew whenever one is needed,
and the app's own processes are started anew.
"""

import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import RLock
from typing import Any

from distributed import Client, Future, fire_and_forget
from distributed.utils import LoopRunner
from tornado.ioloop import IOLoop

from .. import __version__
from ..errors import UserError, reason
from .cluster import Cluster

REACH = 5  # seconds to wait for a scheduler
SILENT = (
    "The Dask scheduler does not answer: wait a moment, or look after its process; the runs that "
    "wait go on once it answers."
)
AGAIN = 2.0  # seconds for which a failed attempt stands, so that thirty clicks do not wait in turn
ANSWER = 1.0  # seconds to wait for what workers answer
LOOK_AGAIN = 10.0  # seconds until a worker that cannot train is asked again


@cache
def _loop() -> IOLoop:
    """The event loop of all clients: a client that reaches nobody would leave one of its own."""
    runner = LoopRunner()
    runner.start()
    return runner.loop


class _Client(Client):
    """One that is closed at once where it reaches nobody.

    Dask's own may be left open then, for the collector to close: in whatever thread that comes by,
    be it one that holds the very lock which closing takes.
    """

    def start(self, **options: Any) -> None:
        try:
            super().start(**options)
        except BaseException:
            _close(self)
            raise


class Connection:
    """The scheduler and the workers that can train. Used by many threads at once.

    Args:
        address: of the scheduler; empty for one of this app's own.
        workers: how many to start of one's own.

    Attributes:
        problem: why nothing can be trained at present, in a sentence; empty if it can.
    """

    def __init__(self, address: str, workers: int):
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # `problem` tells it
        self.problem = ""
        self._address = address
        self._workers = workers
        self._lock = RLock()
        self._cluster: Cluster | None = None
        self._client: Client | None = None
        self._failed = -AGAIN  # when the last attempt did
        self._asked: dict[str, tuple[float, Future | str]] = {}  # workers: when, and their answers

    def client(self) -> Client:
        """A client whose scheduler is there.

        Raises:
            UserError: there is none.
        """
        if not self._is_good():
            with self._lock:
                if not self._is_good():
                    self._connect()
        return self._client

    def free_workers(self, run_folder: Path) -> list[str]:
        """Addresses of the workers that do nothing and can train.

        Args:
            run_folder: one that they have to see.

        Raises:
            UserError: there is no scheduler.
        """
        client = self.client()
        idle = self._workers_by_idleness(client)
        self._asked = {worker: asked for worker, asked in self._asked.items() if worker in idle}
        self.problem = "" if idle or self._cluster else self._no_worker()
        if self._cluster:  # this app's own, with its own version on the same machine
            return [worker for worker, is_idle in idle.items() if is_idle]
        self._ask(client, [worker for worker, is_idle in idle.items() if is_idle], run_folder)
        answers = {worker: self._answer(worker) for worker in idle}
        if answers and all(answers.values()):
            self.problem = next(iter(answers.values()))
        return [worker for worker in idle if idle[worker] and answers[worker] == ""]

    def workers(self) -> set[str]:
        """Addresses of all workers.

        Raises:
            UserError: there is no scheduler.
        """
        return set(self._workers_by_idleness(self.client()))

    def submit(self, task: Callable, *given: Any, key: str, worker: str) -> Future:
        """Give a worker a task."""
        future = self.client().submit(task, *given, key=key, workers=[worker], pure=False)
        fire_and_forget(future)  # a cluster goes on when this app is closed
        return future

    def tend(self) -> None:
        """See to it that this app's own processes are there."""
        if not self._address:
            self.client()
            self._cluster.tend()

    def close(self) -> None:
        with self._lock:
            self._drop_client()
            if self._cluster:
                self._cluster.close()

    def _is_good(self) -> bool:
        if self._client is None or self._client.status != "running":
            return False
        return self._cluster is None or self._cluster.is_alive()

    def _connect(self) -> None:
        if time.monotonic() < self._failed + AGAIN:
            raise UserError(self.problem)
        self._drop_client()
        try:
            address = self._address or self._own_address()
            self._client = _Client(address, loop=_loop(), set_as_default=False, timeout=REACH)
            self.problem = ""
        except UserError as error:
            self._fail(str(error))
            raise
        except (OSError, ValueError) as error:
            self._fail(
                f"There is no Dask scheduler at {self._address}: start it, or unset "
                "ULTIMUS_SCHEDULER and start the app again to train on this machine."
            )
            raise UserError(self.problem) from error

    def _fail(self, problem: str) -> None:
        self.problem, self._failed = problem, time.monotonic()

    def _own_address(self) -> str:
        if self._cluster and not self._cluster.is_alive():
            self._cluster.close()
            self._cluster = None
        self._cluster = self._cluster or Cluster(self._workers)
        return self._cluster.address()

    def _drop_client(self) -> None:
        self._asked.clear()
        if self._client:
            _close(self._client)
        self._client = None

    def _workers_by_idleness(self, client: Client) -> dict[str, bool]:
        # a function of a function travels by its code: else the scheduler would import this
        # package, and torch
        def look(dask_scheduler) -> dict[str, bool]:
            return {
                address: not worker.processing
                for address, worker in dask_scheduler.workers.items()
                if worker.status.name == "running"
            }

        try:
            idle = client.run_on_scheduler(look, callback_timeout=REACH)  # it may stand still
        except Exception as error:  # of many kinds, when the scheduler goes away meanwhile
            self.problem = SILENT
            raise UserError(SILENT) from error
        if self.problem == SILENT:
            self.problem = ""
        return idle

    def _ask(self, client: Client, workers: list[str], run_folder: Path) -> None:
        """Ask workers whether they can train: new ones, and again those that could not."""
        now, asked = time.monotonic(), []
        for worker in workers:
            when, _ = self._asked.get(worker, (-math.inf, None))
            if worker not in self._asked or (self._answer(worker) and now > when + LOOK_AGAIN):
                key = f"ultimus-look-{worker}-{now}"
                given = __version__, str(run_folder)
                future = client.submit(_fitness(), *given, key=key, workers=[worker], pure=False)
                self._asked[worker] = now, future
                asked.append(future)
        for future in asked:
            with suppress(Exception):  # whatever it is, the answer tells it
                future.result(timeout=ANSWER)

    def _answer(self, worker: str) -> str | None:
        """Why a worker cannot train, empty if it can; None while it has not answered."""
        when, answer = self._asked.get(worker, (0.0, None))
        if isinstance(answer, Future) and answer.done():
            answer = _told(answer, worker)
            self._asked[worker] = when, answer  # the result lies on the worker, and dies with it
        return answer if isinstance(answer, str) else None

    def _no_worker(self) -> str:
        return (
            f"The Dask scheduler at {self._address} has no workers: start one with `dask worker "
            f"{self._address} --nthreads 1`, then the runs that wait begin."
        )


def _close(client: Client) -> None:
    """For good: its finalizer finds nothing to do."""
    with suppress(Exception):  # whatever is wrong with it, it is not used any more
        client.close(timeout=1)
    client.status = "closed"


def _told(future: Future, worker: str) -> Future | str:
    """What a worker has answered; the future itself where the answer is lost, with its worker."""
    if future.status == "finished":
        try:
            return future.result(timeout=ANSWER)
        except Exception:  # of many kinds; without a limit it would wait for that worker for ever
            return future
    return (
        f"The worker at {worker} cannot run this app's code ({reason(future.exception())}): "
        "install the same versions of Python and its packages there."
    )


def _fitness() -> Callable[[str, str], str]:
    """What a worker is asked before it is given a run; it may not have this package."""

    def why_unfit(version: str, folder: str) -> str:
        import os
        import socket

        where = f"The worker on {socket.gethostname()}"
        try:
            from ultimus import __version__ as found
        except ImportError:
            return f"{where} has no Ultimus: install version {version} there, as on this machine."
        if found != version:
            return f"{where} has Ultimus {found}, this app {version}: install the same one there."
        if not os.access(folder, os.W_OK):
            return (
                f"{where} cannot write to {os.path.dirname(folder)}: let it see this app's folder "
                "of runs under the same path."
            )
        return ""

    return why_unfit
