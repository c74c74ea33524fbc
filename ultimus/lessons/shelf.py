"""Where lessons lie: those that come with Ultimus, and a teacher's own beside them."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ..data.limits import one_line
from ..errors import UserError, reason
from ..places import LESSONS, lessons_folder
from . import reading
from .lesson import Lesson

MOST = 200  # lessons of a folder
FEW = 5  # problems of one that are told
_NAME = re.compile(r"[A-Za-z0-9][\w-]{0,79}", re.A)


class Listed(NamedTuple):
    """A lesson, or why it cannot be used.

    Attributes:
        name: as links call it.
        lesson: None where it cannot be used.
        problem: a sentence then.
    """

    name: str
    lesson: Lesson | None
    problem: str = ""


def lessons() -> list[Listed]:
    """All lessons, a teacher's own first; in each folder in their order. Before them, what keeps
    files of a teacher's folder from being lessons."""
    found = [(path.parent == LESSONS, _listed(path)) for path in _paths().values()]
    unfit = [Listed("", None, problem) for problem in problems()]
    return unfit + [listed for _, listed in sorted(found, key=_place)]


def problems() -> list[str]:
    """Why a teacher's folder, or a file in it, holds no lesson that a link could name."""
    folder = lessons_folder()
    if folder is None:
        return []
    try:
        files = _tables(folder)
    except OSError as error:
        name = one_line(folder.name, 80)  # and no server's path
        return [
            f"No lessons of {name!r}, which ULTIMUS_LESSONS names, can be read ({reason(error)}): "
            "name a folder."
        ]
    unfit = [
        f"The file {one_line(path.name, 80)} cannot be a lesson: its name should be letters a to "
        "z, digits, - and _ before .toml."
        for path in files if not _NAME.fullmatch(path.stem)
    ]  # fmt: skip
    if len(files) > MOST:
        unfit.append(f"ULTIMUS_LESSONS holds {len(files):,} files: the first {MOST} are lessons.")
    return unfit[:FEW]


def _place(found: tuple[bool, Listed]) -> tuple[bool, int, str]:
    is_shipped, (name, lesson, _) = found
    return is_shipped, lesson.order if lesson else 0, name


def names() -> set[str]:
    """What all lessons are called."""
    return set(_paths())


def find(name: str) -> Lesson:
    """The lesson of that name.

    Raises:
        UserError: there is none, or it cannot be used.
    """
    path = _paths().get(name)
    if path is None:
        raise UserError(f"There is no lesson {name[:80]!r} here: choose one from the first page.")
    try:
        changed = path.stat().st_mtime_ns
    except OSError:  # a link that leads nowhere, or it was removed just now
        return reading.read(path)
    return _read(path, changed)


def _listed(path: Path) -> Listed:
    try:
        return Listed(path.stem, find(path.stem))
    except UserError as error:
        return Listed(path.stem, None, str(error))


@lru_cache(maxsize=64)
def _read(path: Path, changed: int) -> Lesson:
    return reading.read(path)


def _paths() -> dict[str, Path]:
    """Files by the names of their lessons; a teacher's own stands for a shipped one of its name."""
    found: dict[str, Path] = {}
    for folder in filter(None, (lessons_folder(), LESSONS)):
        for path in _files(folder):
            found.setdefault(path.stem, path)
    return found


def _files(folder: Path) -> Iterator[Path]:
    with suppress(OSError):  # which `problems` tells
        yield from (path for path in _tables(folder)[:MOST] if _NAME.fullmatch(path.stem))


def _tables(folder: Path) -> list[Path]:
    """All files of TOML, but for what systems hide, such as ._mine.toml on a memory stick.

    Raises:
        OSError: the folder is none, or may not be read.
    """
    names = sorted(name for name in os.listdir(folder) if name.lower().endswith(".toml"))
    return [folder / name for name in names if name[0] != "." and not os.path.isdir(folder / name)]
