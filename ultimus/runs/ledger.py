"""Whose runs there are, and what they take of the disk."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from threading import RLock
from typing import NamedTuple

from ..errors import UserError
from .run import Run

FRESH = 1.0  # seconds for which a look at the folders counts as the newest


class Entry(NamedTuple):
    """What is known of a run.

    Attributes:
        changed: when its status or recipe did, which stand still when it ends.
        owner: who started it; empty if nobody did in a browser, or if it is damaged.
        is_loaded: whether it is a file of weights that somebody brought.
        bytes: what its folder takes.
    """

    changed: tuple[float, ...]
    owner: str
    is_loaded: bool
    bytes: int


class Ledger:
    """What the runs of a folder take, measured anew only where they changed. Used by many threads
    at once.

    Args:
        runs: the folder that holds all runs.
    """

    def __init__(self, runs: Path):
        self._runs = runs
        self._lock = RLock()
        self._entries: dict[str, Entry] = {}
        self._looked = -FRESH

    def runs(self, owner: str) -> int:
        """How many runs of an owner there are."""
        return sum(entry.owner == owner for entry in self._fresh())

    def checkpoints(self, owner: str) -> int:
        """How many files of weights an owner has brought."""
        return sum(entry.owner == owner and entry.is_loaded for entry in self._fresh())

    def bytes(self, owner: str | None = None) -> int:
        """What the runs of an owner take, or all runs."""
        return sum(entry.bytes for entry in self._fresh() if owner in (None, entry.owner))

    def _fresh(self) -> list[Entry]:
        with self._lock:
            if time.monotonic() > self._looked + FRESH:
                found = {run.id: run for run in Run.all(self._runs)}
                self._entries = {
                    run_id: _entry(run, self._entries.get(run_id)) for run_id, run in found.items()
                }
                self._looked = time.monotonic()
            return list(self._entries.values())


def _entry(run: Run, before: Entry | None) -> Entry:
    changed = tuple(_changed(run.folder / name) for name in ("status.json", "recipe.json"))
    if before and before.changed == changed:
        return before
    try:
        info = run.info()
        return Entry(changed, info.owner, info.loaded is not None, size(run.folder))
    except UserError:
        return Entry(changed, "", False, size(run.folder))


def _changed(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def size(folder: Path) -> int:
    """Bytes of all files in a folder, links not followed."""
    return sum(_sizes(folder))


def _sizes(folder: Path) -> Iterator[int]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from _sizes(Path(entry.path))
                else:
                    yield entry.stat(follow_symlinks=False).st_size
    except OSError:  # it is just being removed
        return
