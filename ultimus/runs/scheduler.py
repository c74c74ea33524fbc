"""Where runs wait their turn and are trained: Dask, on this machine or on a cluster.

Whoever starts a run only writes its folder and submits it; a worker process trains it. Pages
follow the folder, so nothing here is needed to watch a run.
"""

import os
import re
import secrets
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

import torch
from distributed import Client, Future, SubprocessCluster, fire_and_forget

from .. import __version__
from ..data.dataset import download_folder
from ..data.sources import CIFAR10_BYTES
from ..errors import UserError
from ..files import storage_problem
from ..places import PACKAGE
from ..recipe import Recipe
from .machine import cores
from .run import LIVE, RESUMABLE, Request, Run, Status
from .worker import PATIENCE, located, work

TASK = "ultimus-run-"  # prefix of our tasks' keys in the scheduler
DASK = {
    # the scheduler logs into a pipe that nobody reads, and would stand still once it is full
    "DASK_LOGGING__DISTRIBUTED": "error",
    # Dask watches itself: its threads wake up fifty to a hundred times a second and stop the one
    # that trains, which takes 7 % of its speed
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
}  # settings of a local cluster's processes, unless whoever starts the app has set them
NICENESS = 10  # of a local worker: about a tenth of a core that a page wants too


class Lab:
    """A queue of runs and the workers that train them.

    Args:
        runs: the folder that holds all runs; the workers see it under the same path.
        address: of a Dask scheduler, e.g. tcp://host:8786; none starts one on this machine.
        patience: seconds a run stands paused before its worker takes another.

    Raises:
        UserError: there is no scheduler at the address.
    """

    def __init__(self, runs: Path, address: str = "", patience: float = PATIENCE):
        self.runs = runs.resolve()
        self._patience = patience
        self._lock = threading.RLock()  # many pages share a lab; a run is submitted once
        self._futures: dict[str, Future] = {}
        self._threads = None if address else cores() // _workers()
        self._cluster = None if address else _local_cluster()
        try:
            self._client = Client(address or self._cluster, set_as_default=False, timeout="5s")
        except (OSError, ValueError) as error:
            raise UserError(
                f"There is no Dask scheduler at {address}: start it, or unset ULTIMUS_SCHEDULER to "
                "train on this machine."
            ) from error

    def close(self) -> None:
        self._client.close()
        if self._cluster:
            self._cluster.close()

    def start(self, recipe: Recipe, paused: bool = False, **about: str) -> Run:
        """Put a new run into the queue.

        Args:
            recipe: what to do.
            paused: stand still before the first step.
            about: what else recipe.json should say.

        Raises:
            UserError: the runs folder cannot be written.
        """
        recipe = recipe.model_copy(update={"data": located(recipe.data)})
        run = Run.create(self.runs, recipe, version=__version__, **about)
        if paused:
            run.ask("pause")
        self._submit(run)
        return run

    def ask(self, run: Run, request: Request) -> None:
        """Ask something of a run; if no worker has it, see to it that one takes it."""
        with self._lock:
            state = self.status(run).state
            if request in ("step", "resume") and state in RESUMABLE:
                run.take_request()  # what is left of its former life
                if request == "step":
                    run.ask("step")
                self._submit(run)
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
                self._submit(run)

    def status(self, run: Run) -> Status:
        """How a run stands, as its folder and its place in the queue tell together."""
        status = run.status()
        if status.state not in ("queued", "interrupted") or run.is_held():
            return status
        if problem := self._problem(run):
            return replace(status, state="interrupted", reason=problem)
        if status.state == "queued" and not self._is_pending(run) and self.place(run) is None:
            again = run.status()  # it may have begun between the two looks
            if again.state == "queued":
                reason = "The app was closed before this run's turn came."
                return replace(again, state="interrupted", reason=reason)
            return again
        return status

    def place(self, run: Run) -> int | None:
        """How many runs wait before this one; None where it is not in the queue."""
        tasks = self._client.run_on_scheduler(
            lambda dask_scheduler: [
                str(key)
                for key, task in sorted(
                    dask_scheduler.tasks.items(), key=lambda item: item[1].priority or ()
                )
                if task.state not in ("memory", "erred", "released", "forgotten")
            ]
        )
        unfinished = [key.removeprefix(TASK) for key in tasks if key.startswith(TASK)]
        unfinished = [key.rsplit("/", 1)[0] for key in unfinished]
        if run.id not in unfinished:
            return None
        return sum(self._waits(other) for other in unfinished[: unfinished.index(run.id)])

    def _waits(self, run_id: str) -> bool:
        try:
            return Run(self.runs / run_id).status().state == "queued"
        except UserError:
            return False

    def _is_pending(self, run: Run) -> bool:
        """Whether this app has submitted the run, although the scheduler may not know it yet."""
        future = self._futures.get(run.id)
        return future is not None and future.status == "pending"

    def _submit(self, run: Run) -> None:
        self._note(run, replace(run.status(), state="queued", reason=""))
        key = f"{TASK}{run.id}/{secrets.token_hex(4)}"  # Dask would take an equal key as done
        # a lambda travels by its code: else the scheduler would import this package, and torch
        task = lambda *given: import_module(__name__).train(*given)  # noqa: E731
        given = (str(run.folder), self._threads, self._patience)
        future = self._client.submit(task, *given, key=key, pure=False)
        fire_and_forget(future)  # a cluster goes on when this app is closed
        self._futures[run.id] = future

    def _withdraw(self, run: Run) -> None:
        """Take a run off the queue; should it begin just now, its request stops it."""
        if future := self._futures.get(run.id):
            future.cancel(force=True)
        if run.status().state in LIVE and not run.is_held():
            self._note(run, replace(run.status(), state="stopped"))

    def _note(self, run: Run, status: Status) -> None:
        try:
            run.set_status(status)
        except OSError as error:
            raise storage_problem(error, run.folder) from error

    def _problem(self, run: Run) -> str:
        """Why the last attempt to train this run broke down, where its folder could not say."""
        future = self._futures.get(run.id)
        if future is None or future.status != "error":
            return ""
        error = future.exception()
        if isinstance(error, UserError):
            return str(error)
        return "The process that trained it ended unexpectedly."


def train(folder: str, threads: int | None, patience: float) -> None:
    """What a worker does with a run."""
    run = Run(Path(folder))
    if run.status().state != "queued":
        return  # Dask tries again after a worker's death; whether to go on is the person's choice
    if threads:
        _let_pages_go_first()
        torch.set_num_threads(threads)
    work(run, patience=patience)


def _let_pages_go_first() -> None:
    """Take the processor time that the app and its browser leave, where they share a machine.

    Linux shares the time among sessions first (its "autogroups"), so the worker gets one of its
    own; elsewhere its own niceness is what counts.
    """
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)  # new threads inherit it
    with suppress(OSError):  # no Linux, no autogroups, or the session is its own already
        os.setsid()
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS))


def _workers() -> int:
    """Two cores a run: measured as the best for one run, and two runs then share nothing."""
    return max(1, cores() // 2)


def _local_cluster() -> SubprocessCluster:
    # the workers start elsewhere than in this folder, and find the package all the same
    paths = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    for name, value in DASK.items():
        os.environ.setdefault(name, value)
    return SubprocessCluster(
        n_workers=_workers(),
        threads_per_worker=1,  # one run at a time in each
        dashboard_address=None,
        scheduler_kwargs={"preload": [str(PACKAGE / "runs" / "leash.py")]},
        worker_kwargs={
            "preload": ["ultimus.runs.worker"],  # imports torch before the first click on Start
            "preload_nanny": [str(PACKAGE / "runs" / "leash.py")],
            "memory_limit": 0,  # memory-mapped data counts as used; do not kill workers for it
            "local_directory": tempfile.gettempdir(),
        },
    )


class Preparation:
    """A data source being fetched and decoded, in a process of its own.

    Args:
        source: what `data.open_dataset` takes.
    """

    def __init__(self, source: str):
        self.source = source
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 (both live as long as the object)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ultimus", "data", located(source), "--progress"],
            stdout=self._output,
            stderr=self._errors,
            cwd=PACKAGE.parent,
        )

    @property
    def done(self) -> float:
        """The fraction that is done; 1 when the process has ended."""
        if self._process.poll() is not None:
            return 1.0
        if self.source == "cifar10":
            return self._downloaded()
        fractions = re.findall(r"^\d\.\d+$", _text(self._output), re.MULTILINE)
        return min(float(fractions[-1]), 0.99) if fractions else 0.0

    @property
    def problem(self) -> str:
        """Why it failed, in a sentence; empty if it did not."""
        if not self._process.poll():
            return ""
        lines = _text(self._errors).strip().splitlines() or ["it ended unexpectedly"]
        return lines[-1].removeprefix("ultimus: ")

    def cancel(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _downloaded(self) -> float:
        archive = download_folder() / "cifar-10-python.tar.gz"
        return min(archive.stat().st_size / CIFAR10_BYTES, 0.99) if archive.exists() else 0.0


def _text(file: BinaryIO) -> str:
    """All that the process has written so far, without moving to where it writes next."""
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode(errors="replace")
