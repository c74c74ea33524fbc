"""A run is a folder. Training writes it; every page reads it.

    recipe.json                 what was asked, and what it ran with
    status.json                 how it stands
    metrics.jsonl               a line per report
    weights/<step>.safetensors  snapshots
    live.safetensors            the weights of this moment
    start.safetensors           those it began with, if they are of another run
    resume.pt                   what the next step depends on
    request                     what a page asks of the worker
    lock                        held by the worker while it lives

A reader never blocks the writer and never sees half a file.
"""

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from typing import Any, Literal

from ..errors import UserError
from ..files import (
    move,
    open_regular,
    read_bounded,
    scratch_of,
    storage_problem,
    sweep,
    write_atomically,
)
from ..locks import lock
from ..recipe import Recipe
from .info import RunInfo, State, Status, check_info, read_info, read_status
from .metrics import Metrics, read_metrics

Request = Literal["pause", "step", "resume", "stop"]

Version = tuple[int, int]
_looks = count(1)

LIVE: tuple[State, ...] = ("queued", "running", "paused")
SNAPSHOT = re.compile(r"(0|[1-9][0-9]{0,11})\.safetensors")
TICK = 2 * 10**9  # nanoseconds of the coarsest clock of a file system
MAX_REQUEST = 64  # bytes of the longest word and more
RESUMABLE: tuple[State, ...] = ("stopped", "interrupted")


class Run:
    """A run's folder, to read and to write.

    Args:
        folder: an existing run folder.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.id = folder.name
        self._request = folder / "request"  # looked for at each step

    @classmethod
    def create(
        cls,
        runs: Path,
        recipe: Recipe,
        fill: Callable[["Run"], None] = lambda run: run.set_status(Status("queued")),
        **about: Any,
    ) -> "Run":
        """Make a new run folder, queued unless it is filled otherwise.

        Args:
            runs: the folder that holds all runs.
            recipe: what to do.
            fill: writes into the folder what has to be there before the run is listed.
            about: what else recipe.json should say.

        Raises:
            UserError: the folder cannot be written.
        """
        try:
            run = cls(_new_folder(runs, recipe.preset))
            try:
                (run.folder / "weights").mkdir()
                fill(run)
                run._write_json("recipe.json", {"recipe": recipe.model_dump(), **about})  # listed
            except BaseException:
                shutil.rmtree(run.folder, ignore_errors=True)
                raise
        except OSError as error:
            raise storage_problem(error, runs) from error
        return run

    @classmethod
    def find(cls, run_id: str, *places: Path) -> "Run":
        """The run of that name in one of the places.

        Raises:
            UserError: there is none.
        """
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", run_id):  # a name, never a path
            for place in places:
                if _is_run(place / run_id):
                    return cls(place / run_id)
        raise UserError(
            f"There is no run {run_id[:80]!r} here: check the link, or choose one from the list."
        )

    @classmethod
    def all(cls, runs: Path) -> list["Run"]:
        """Every run in a folder, newest first."""
        try:
            names = sorted(os.listdir(runs), reverse=True)
        except OSError:  # there is no such folder
            return []
        return [cls(runs / name) for name in names if _is_run(runs / name)]

    # What was asked ------------------------------------------------------------------------

    def info(self) -> RunInfo:
        """What was asked, and what it ran with.

        Raises:
            UserError: recipe.json is damaged.
        """
        return read_info(self.folder)

    def ran_with(self, **about: Any) -> None:
        """Add to recipe.json what the run turned out to run with.

        Raises:
            UserError: recipe.json is damaged, or would not be readable with the additions.
        """
        self.info()  # it can be read
        entries = json.loads((self.folder / "recipe.json").read_bytes()) | about
        check_info(entries)
        self._write_json("recipe.json", entries)

    # How it stands -------------------------------------------------------------------------

    def status(self) -> Status:
        """How the run stands; a running one that no worker holds was interrupted.

        Raises:
            UserError: status.json is damaged.
        """
        status = read_status(self.folder)
        if status.state == "running" and not self.is_held():
            status = read_status(self.folder)  # it may have ended between the two looks
            if status.state == "running":
                why = "The process that trained it ended unexpectedly."
                return replace(status, state="interrupted", reason=why)
        return status

    @property
    def version(self) -> Version:
        """Another one once a file of the run was replaced; each time, as long as it is so new that
        the clock of a file system, of up to two seconds, may not tell it from the next."""
        try:
            stat = os.stat(self.folder)
        except OSError:
            return 0, 0
        is_new = time.time_ns() - stat.st_mtime_ns < TICK
        return stat.st_mtime_ns, next(_looks) if is_new else 0

    def metrics(self) -> Metrics:
        """What it has measured up to now.

        Raises:
            UserError: metrics.jsonl cannot be read.
        """
        return read_metrics(self.folder)

    def set_status(self, status: Status) -> None:
        self._write_json("status.json", asdict(status))

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Be the one process that trains this run; the system lets go when the process ends.

        Raises:
            UserError: another process holds it, or the folder cannot be written.
        """
        try:
            held = open_regular(self.folder / "lock", os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise storage_problem(error, self.folder) from error
        with held:
            if not lock(held, patience=2):
                raise UserError(
                    f"The run {self.id} is already being trained: wait for it, or stop it first."
                )
            sweep(self.folder)
            yield

    def is_held(self) -> bool:
        """Whether a living process trains this run."""
        try:
            with open_regular(self.folder / "lock") as held:
                return not lock(held, shared=True, patience=0)
        except OSError:  # none yet, or none that anybody could hold
            return False

    # What it is asked to do ----------------------------------------------------------------

    def ask(self, request: Request | str) -> None:
        """Leave a request for the worker.

        Args:
            request: one of these words, or "rate FACTOR", see `control.ask_for_rate`.

        Raises:
            UserError: the folder cannot be written.
        """
        try:
            write_atomically(self._request, request.encode())
        except OSError as error:
            raise storage_problem(error, self.folder) from error

    def take_request(self) -> str:
        """The request that waits, removed; empty if there is none."""
        if not self.has_request():  # a look takes a fifth of the time that a failed move takes
            return ""
        taken = scratch_of(self._request)
        try:
            move(self._request, taken)  # at once, so that none is lost
            request = read_bounded(taken, MAX_REQUEST).decode(errors="replace")
            taken.unlink()
            return request
        except OSError:  # another process was first, or it is no file
            return ""

    def has_request(self) -> bool:
        return os.path.isfile(self._request)

    # What it has measured and kept ---------------------------------------------------------

    def snapshot(self, step: int) -> Path:
        """Where the weights of a step are kept."""
        return self.folder / "weights" / f"{step}.safetensors"

    @property
    def snapshots(self) -> tuple[int, ...]:
        """The steps whose weights are kept, in order."""
        return tuple(sorted(self._snapshots()))

    @property
    def has_snapshots(self) -> bool:
        """Whether any are kept, which one look at the folder tells."""
        return next(self._snapshots(), None) is not None

    def _snapshots(self) -> Iterator[int]:
        try:
            with os.scandir(self.folder / "weights") as entries:
                for entry in entries:
                    if (name := SNAPSHOT.fullmatch(entry.name)) and _is_file(entry):
                        yield int(name[1])
        except OSError:  # no folder: none are kept
            return

    @property
    def live_weights(self) -> Path:
        return self.folder / "live.safetensors"

    @property
    def start_weights(self) -> Path:
        """What it began with, if that were not new weights."""
        return self.folder / "start.safetensors"

    @property
    def resume_file(self) -> Path:
        return self.folder / "resume.pt"

    # Files ---------------------------------------------------------------------------------

    def _write_json(self, name: str, content: dict[str, Any]) -> None:
        write_atomically(self.folder / name, json.dumps(content, indent=1).encode())


def _new_folder(runs: Path, name: str) -> Path:
    """Make a folder that no other run has, whoever starts one at the same moment."""
    name = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "run"
    runs.mkdir(parents=True, exist_ok=True)
    while True:
        folder = runs / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}-{secrets.token_hex(3)}"
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            continue  # another's


def _is_run(folder: Path) -> bool:
    return os.path.lexists(folder / "recipe.json")


def _is_file(entry: os.DirEntry) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads to itself
        return False
