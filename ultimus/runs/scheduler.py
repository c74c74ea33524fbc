"""Where runs wait their turn and are trained: Dask, on this machine or on a cluster.

Whoever starts a run only writes its folder, which joins the queue; a worker process trains it.
The queue is this app's own, and a worker is given one run at a time, so Dask never decides whose
turn it is. Pages follow the folder, so nothing here is needed to watch a run.
"""

import logging
import math
import os
import secrets
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import torch
from distributed import Future

from .. import __version__
from ..data.dataset import training_images
from ..data.sources import located, path_of
from ..errors import UserError
from ..files import storage_problem
from ..places import is_public
from ..recipe import Recipe
from . import housekeeping, share
from .connection import Connection
from .continuation import Start
from .ledger import Ledger
from .machine import NICENESS, cores, give_way
from .queue import Queue
from .quota import Quota, caps
from .run import LIVE, RESUMABLE, Request, Run, Status
from .worker import PATIENCE, work

TASK = "ultimus-run-"  # prefix of our tasks' keys in the scheduler
TRIES = 3  # workers that a run of a sweep may lose
CLEAN_EVERY = 600.0  # seconds between looks for runs that a public app removes
logger = logging.getLogger(__name__)
LOOK_EVERY = 1.0  # seconds between looks at the workers, while nothing is heard of them
LOOK_SOON = 0.05  # after some news, of which the scheduler may hear a little later


class _Given(NamedTuple):
    """A run that a worker was given, and how many cores it computes on."""

    run: Run
    worker: str
    future: Future
    threads: int


class Lab:
    """A queue of runs and the workers that train them. Used by many threads at once.

    Args:
        runs: the folder that holds all runs; the workers see it under the same path.
        address: of a Dask scheduler, e.g. tcp://host:8786; none starts one on this machine.
        patience: seconds a run stands paused before its worker takes another.
        niceness: how far workers of this machine give way to others, 0...19.
        takes_in: whether it trains what waits in the folder already; else only what it is asked.
    """

    def __init__(
        self,
        runs: Path,
        address: str = "",
        patience: float = PATIENCE,
        niceness: int = NICENESS,
        takes_in: bool = True,
    ):
        self.runs = runs.resolve()
        self._niceness = niceness
        self._patience = patience
        self._lock = threading.RLock()  # a run is given to one worker
        self._cores = None if address else cores()  # another machine's are its workers' own matter
        self._connection = Connection(address, share.workers(cores()))
        self._given: dict[str, _Given] = {}
        self._problems: dict[str, str] = {}  # why a run broke down, if its folder cannot say
        self._lost = Counter[str]()  # how often a run has lost its worker
        self._queue = Queue(self.runs)
        if takes_in:
            self._queue.find()
        self.quota = Quota(self._queue, Ledger(self.runs), caps())
        self._cleaned = -CLEAN_EVERY
        self._news, self._closed = threading.Event(), threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="queue of runs", daemon=True)
        self._keeper.start()

    def close(self) -> None:
        self._closed.set()
        self._news.set()
        self._keeper.join()
        self._connection.close()

    @property
    def problem(self) -> str:
        """Why nothing can be trained at present, in a sentence; empty if it can."""
        return self._connection.problem

    def start(
        self, recipe: Recipe, paused: bool = False, start: Start | None = None, **about: str
    ) -> Run:
        """Put a new run into the queue.

        Args:
            recipe: what to do.
            paused: stand still before the first step.
            start: the weights to begin with; None for new ones.
            about: what else recipe.json should say.

        Raises:
            UserError: the quota is used up, the runs folder cannot be written, or there is no
                scheduler, or the path of the data is too long. No run is left.
        """
        recipe = recipe.with_data(located(recipe.data))
        steps = _steps(recipe)
        self._connection.client()

        def fill(run: Run) -> None:
            if paused:
                run.ask("pause")
            if start:
                start.keep(run)
            self._enqueue(run, about.get("owner", ""))

        with self._lock:  # it cannot begin before it is whole, nor two take the last place
            if refusal := self.quota.refusal(about.get("owner", ""), steps):
                raise UserError(refusal)
            begun = start.about if start else {}
            return Run.create(self.runs, recipe, fill, version=__version__, **begun, **about)

    def refusal(self, owner: str, recipe: Recipe, runs: int = 1) -> str:
        """Why a browser may not start this run, or several like it, in a sentence; empty if it
        may."""
        return self.quota.refusal(owner, _steps(recipe), runs)

    def ask(self, run: Run, request: Request) -> None:
        """Ask something of a run; if no worker has it, see to it that one takes it.

        Raises:
            UserError: the folder cannot be written, or there is no scheduler.
        """
        with self._lock:
            state = self.status(run).state
            if request in ("step", "resume") and state in RESUMABLE:
                self._connection.client()
                if refusal := self.quota.waiting_refusal(owner := _owner(run)):
                    raise UserError(refusal)
                run.take_request()  # what is left of its former life
                if request == "step":
                    run.ask("step")
                self._enqueue(run, owner)
            elif state in LIVE:
                run.ask(request)
                if request == "stop" and not run.is_held():
                    self._withdraw(run)
                self.tend(run)

    def tend(self, run: Run) -> None:
        """Give a paused run that is asked to go on a worker again, if it has lost its own."""
        with self._lock:
            parked = run.status().state == "paused" and not run.is_held()
            if parked and run.has_request():
                self._enqueue(run, _owner(run), again=True)

    def status(self, run: Run) -> Status:
        """How a run stands, as its folder and its place in the queue tell together.

        Of a run that waits, the reason tells why nothing is trained, if that is so.
        """
        status = run.status()
        if status.state not in ("queued", "interrupted") or run.is_held():
            return status
        if problem := self._problems.get(run.id):
            return replace(status, state="interrupted", reason=problem)
        if status.state == "interrupted":
            return status
        if self.place(run) is not None or self._takes_in(run):
            return replace(status, reason=self.problem)
        again = run.status()  # it may have begun between the two looks
        if again.state == "queued" and not run.is_held():
            reason = "The process that should have trained it was closed before it began."
            return replace(again, state="interrupted", reason=reason)
        return again

    def place(self, run: Run) -> int | None:
        """How many runs wait before this one; None where it is not in the queue."""
        with self._lock:
            return 0 if run.id in self._given else self._queue.place(run.id)

    def _takes_in(self, run: Run) -> bool:
        """Whether the run waits from now on, as another app of this folder has left it waiting."""
        with self._lock:
            taken = self._queue.take_in(run)
        if taken:
            self._news.set()
        return taken

    def _enqueue(self, run: Run, owner: str, again: bool = False) -> None:
        with self._lock:
            try:
                before = run.status()
            except UserError:  # it is just being made
                before = Status("queued")
            try:
                self._queue.join(run, owner, again)
                run.set_status(replace(before, state="queued", reason=""))
            except OSError as error:
                self._queue.leave(run.id)
                raise storage_problem(error, run.folder) from error
            self._problems.pop(run.id, None)
        self._news.set()

    def _withdraw(self, run: Run) -> None:
        """Take a run off the queue; should it begin just now, its request stops it."""
        self._queue.leave(run.id)
        if given := self._given.pop(run.id, None):
            given.future.cancel(force=True)
        if run.status().state in LIVE and not run.is_held():
            self._note(run, replace(run.status(), state="stopped"))

    def _note(self, run: Run, status: Status) -> None:
        try:
            run.set_status(status)
        except OSError as error:
            raise storage_problem(error, run.folder) from error

    # What the thread of the queue does ---------------------------------------------------------

    def _keep(self) -> None:
        """Until the lab is closed: let the next runs begin as workers are free."""
        wait = LOOK_SOON
        while not self._closed.is_set():
            self._news.clear()
            try:
                self._clean()
                self._connection.tend()
                self._hear()
                self._serve()
            except UserError:
                pass  # the connection keeps it, and the status of a run tells it
            except Exception:  # the queue has to go on, whatever Dask raises
                logger.exception("The queue of runs could not be served.")
            heard = self._news.wait(wait)
            wait = LOOK_SOON if heard else min(2 * wait, LOOK_EVERY)

    def _room(self) -> float:
        """How many cores are free."""
        if self._cores is None:
            return math.inf
        return self._cores - sum(given.threads for given in self._given.values())

    def _clean(self) -> None:
        """Where strangers use the app, remove what they have left, now and then."""
        if is_public() and time.monotonic() > self._cleaned + CLEAN_EVERY:
            self._cleaned = time.monotonic()
            housekeeping.clean(self.runs, housekeeping.Rules())

    def _hear(self) -> None:
        """Learn what has become of the runs that workers were given."""
        if not self._given:
            return
        workers = self._connection.workers()
        with self._lock:
            for given in list(self._given.values()):
                if given.worker not in workers and not given.future.done():
                    given.future.cancel(force=True)  # it would wait for that one worker
                if given.future.done():
                    del self._given[given.run.id]
                    self._take_back(given)

    def _take_back(self, given: _Given) -> None:
        """A worker has finished with a run, or has lost it."""
        run = given.run
        try:
            status = run.status()
            if self._is_to_go_on(given, status):
                self._enqueue(run, _owner(run), again=True)
            if status.state != "queued" or run.is_held():
                return  # its folder tells the rest
            if given.future.status == "error":
                problem = _sentence(given.future.exception())
                self._problems[run.id] = problem
                run.set_status(replace(status, state="interrupted", reason=problem))
                del self._problems[run.id]
            elif given.future.status != "finished":
                self._queue.take_in(run)
        except (UserError, OSError):
            return  # damaged or gone: nobody trains it

    def _is_to_go_on(self, given: _Given, status: Status) -> bool:
        """Whether a run whose worker died is trained on without being asked: one of a sweep, which
        nobody may be watching. One that has cost several workers is left alone."""
        if status.state != "interrupted" or given.future.status == "finished":
            return False
        self._lost[given.run.id] += 1
        return bool(given.run.info().sweep) and self._lost[given.run.id] < TRIES

    def _serve(self) -> None:
        """Give the free workers the runs whose turn it is."""
        folders = (self.runs / run_id for run_id in self._queue.order())
        folder = next(filter(Path.is_dir, folders), None)
        if folder is None or not self._room():
            return
        for worker in self._connection.free_workers(folder):
            with self._lock:
                if worker in {given.worker for given in self._given.values()}:
                    continue
                run = self._next()
                threads = self._threads(run) if run else 0
                if run is None or threads > self._room():
                    return  # whose turn it is waits for cores, and nobody overtakes
                self._queue.serve(run.id)
                self._give(run, worker, threads)

    def _next(self) -> Run | None:
        """The run whose turn it is."""
        for run_id in self._queue.order():
            run = Run(self.runs / run_id)
            with suppress(UserError):  # damaged or gone
                if run.status().state == "queued" and not run.is_held():
                    return run
            self._queue.leave(run_id)
        return None

    def _threads(self, run: Run) -> int:
        """How many cores a run computes on: as many as before, or its share of the machine."""
        if self._cores is None:
            return 0
        with suppress(UserError):  # its worker tells what is damaged
            if former := run.info().threads:
                return min(former, self._cores)
        fair = share.of(self._cores, len(self._given) + len(self._queue))
        return max(1, min(fair, int(self._room())))

    def _give(self, run: Run, worker: str, threads: int) -> None:
        key = f"{TASK}{run.id}/{secrets.token_hex(4)}"  # Dask would take an equal key as done
        # a lambda travels by its code: else the scheduler would import this package, and torch
        task = lambda *given: import_module(__name__).train(*given)  # noqa: E731
        given = (str(run.folder), threads, self._patience, self._niceness)
        try:
            future = self._connection.submit(task, *given, key=key, worker=worker)
        except Exception:  # of many kinds, when the scheduler goes away meanwhile
            self._queue.take_in(run)
            return
        self._given[run.id] = _Given(run, worker, future, threads)
        future.add_done_callback(lambda future: self._news.set())


def train(folder: str, threads: int, patience: float, niceness: int) -> None:
    """What a worker does with a run.

    Args:
        folder: of the run.
        threads: to compute with, on the app's machine; 0 on another, which is left to itself.
        patience: as for `Lab`.
        niceness: as for `Lab`.

    Raises:
        UserError: this machine cannot train it.
    """
    run = Run(Path(folder))
    if run.status().state != "queued" or run.is_held():
        return  # Dask tries again after a worker's death; whether to go on is the person's choice
    if threads:
        give_way(niceness)  # the app and its browser share this machine
        torch.set_num_threads(threads)
    else:
        _check_data(run.info().recipe.data)
    work(run, patience=patience)


def _check_data(source: str) -> None:
    """On a cluster the app has seen the data, the worker perhaps not."""
    path = path_of(source)
    if path and not os.path.exists(path):
        raise UserError(
            f"The worker on {socket.gethostname()} does not see the data folder {path}: let it "
            "see the folder under the same path."
        )


def _sentence(error: BaseException) -> str:
    if isinstance(error, UserError):
        return str(error)
    return "The process that trained it ended unexpectedly."


def _steps(recipe: Recipe) -> int:
    """The steps that a run would make; 0 where nothing tells before its data is ready."""
    try:
        images = training_images(recipe.data) or 0
        steps = recipe.epochs * recipe.steps_per_epoch(images)
    except UserError:  # which its worker tells
        return 0
    return min(steps, recipe.max_steps or steps)


def _owner(run: Run) -> str:
    return run.info().owner
