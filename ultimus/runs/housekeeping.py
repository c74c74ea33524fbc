"""Runs are listed, named and removed: by their owners, by the operator, by a public app itself.

A live run is never removed, and a run that comes with the product neither.
"""

import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..data.limits import one_line
from ..errors import UserError
from ..files import read_bounded, storage_problem, write_atomically
from ..places import SHIPPED
from .ledger import size
from .run import LIVE, Run

NAME = "name.txt"
MAX_NAME = 60  # characters
PEOPLE, SWEEPS = "people", "sweeps"  # folders beside the runs, see nicknames.py and sweep.py
DAY = 86_400  # seconds


@dataclass(frozen=True)
class Rules:
    """When a public app removes runs that have ended, by itself.

    Attributes:
        days: after which an ended run is removed.
        bytes: of all browsers' runs, beyond which the oldest ended ones are removed.
    """

    days: float = 14
    bytes: int = 8 * 10**9


@dataclass(frozen=True)
class Kept:
    """A run as the operator sees it.

    Attributes:
        run: the run.
        name: what its owner calls it.
        owner: the hash of its owner's secret; empty for none, or if it is damaged.
        state: how it stands; "damaged" if that cannot be read.
        age: seconds since it last changed.
        bytes: what its folder takes.
    """

    run: Run
    name: str
    owner: str
    state: str
    age: float
    bytes: int

    @property
    def is_live(self) -> bool:
        return self.state in LIVE or self.run.is_held()


def name(run: Run) -> str:
    """What its owner calls a run; empty if it has no name."""
    try:
        text = read_bounded(run.folder / NAME, 1000).decode(errors="replace")
    except OSError:
        return ""
    return one_line(text, MAX_NAME)


def rename(run: Run, text: str) -> None:
    """Give a run a name; an empty one takes it away.

    Raises:
        UserError: the name is too long, or the folder cannot be written.
    """
    text = " ".join(text.split())
    if len(text) > MAX_NAME or one_line(text, MAX_NAME) != text:
        raise UserError(
            f"A run's name has at most {MAX_NAME} characters, all visible: shorten it, or "
            "type it anew."
        )
    try:
        if text:
            write_atomically(run.folder / NAME, text.encode())
        else:
            (run.folder / NAME).unlink(missing_ok=True)
    except OSError as error:
        raise storage_problem(error, run.folder) from error


def delete(run: Run) -> None:
    """Remove a run's folder for good.

    Raises:
        UserError: it is live, comes with the product, is a link, or cannot be removed.
    """
    if run.folder.resolve().parent == SHIPPED.resolve():
        raise UserError(f"The run {run.id} comes with Ultimus: choose one of your own to delete.")
    if run.folder.is_symlink():
        raise UserError(f"The folder of {run.id} is a link: remove the link by hand.")
    _refuse_live(run)
    with run.hold():  # nobody begins to train it
        _refuse_live(run, held=True)
        try:
            (run.folder / "recipe.json").unlink(missing_ok=True)  # it is no run from now on
        except OSError as error:
            raise storage_problem(error, run.folder) from error
    try:
        shutil.rmtree(run.folder)
    except OSError as error:
        raise storage_problem(error, run.folder) from error


def kept(runs: Path) -> list[Kept]:
    """All runs of a folder, the oldest first."""
    found = [_look(run, time.time()) for run in Run.all(runs)]
    return sorted(found, key=lambda stored: -stored.age)


def due(found: Iterable[Kept], rules: Rules) -> list[Kept]:
    """Which runs the rules remove: browsers' own that have ended, the oldest first."""
    browsers = [stored for stored in found if stored.owner]
    ended = sorted(
        (stored for stored in browsers if not stored.is_live), key=lambda stored: -stored.age
    )
    total, removed = sum(stored.bytes for stored in browsers), []
    for stored in ended:
        if stored.age > rules.days * DAY or total > rules.bytes:
            removed.append(stored)
            total -= stored.bytes
    return removed


def clean(runs: Path, rules: Rules) -> list[str]:
    """Remove what the rules say; returns the ids."""
    removed = []
    for stored in due(kept(runs), rules):
        with suppress(UserError):  # it was resumed meanwhile, or cannot be removed: next time
            delete(stored.run)
            removed.append(stored.run.id)
    drop(leftovers(runs, rules.days))
    return removed


def leftovers(runs: Path, days: float) -> list[Path]:
    """Nicknames of people and files of sweeps of which no run is left, unchanged for so long."""
    owners, sweeps = set(), set()
    for run in Run.all(runs):
        with suppress(UserError):  # damaged
            owners.add(run.info().owner)
            sweeps.add(run.info().sweep)
    nicknames = [path for path in _files(runs / PEOPLE) if path.name not in owners]
    plans = [path for path in _files(runs / SWEEPS) if path.stem not in sweeps]
    before = time.time() - days * DAY
    return [path for path in [*nicknames, *plans] if _changed(path) <= before]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.is_file())


def drop(paths: Iterable[Path]) -> int:
    """Remove files; how many could be."""
    dropped = 0
    for path in paths:
        with suppress(OSError):  # gone, or not ours: next time
            path.unlink()
            dropped += 1
    return dropped


def _refuse_live(run: Run, held: bool = False) -> None:
    try:
        state = run.status().state
    except UserError:  # damaged
        state = "stopped"
    if held and state == "running":  # by this process, which trains nothing
        state = "interrupted"
    if state in LIVE or (not held and run.is_held()):
        raise UserError(f"The run {run.id} is {state}: stop it first, then delete it.")


def _look(run: Run, now: float) -> Kept:
    try:
        owner, state = run.info().owner, run.status().state
    except UserError:
        owner, state = "", "damaged"
    files = (run.folder / name for name in ("status.json", "recipe.json", "metrics.jsonl"))
    changed = max((_changed(file) for file in files), default=0.0)
    return Kept(run, name(run), owner, state, max(0.0, now - changed), size(run.folder))


def _changed(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
