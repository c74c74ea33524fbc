"""Where lessons lie: those that come with Ultimus, and a teacher's own beside them."""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ..errors import UserError
from ..places import LESSONS, lessons_folder
from . import lesson as file
from .lesson import Lesson

MOST = 200  # lessons of a folder
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
    """All lessons, a teacher's own first; in each folder in their order."""
    found = [(path.parent == LESSONS, _listed(path)) for path in _paths().values()]
    return [listed for _, listed in sorted(found, key=_place)]


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
    return _read(path, path.stat().st_mtime_ns)


def _listed(path: Path) -> Listed:
    try:
        return Listed(path.stem, find(path.stem))
    except (UserError, OSError) as error:
        return Listed(path.stem, None, str(error))


@lru_cache(maxsize=64)
def _read(path: Path, changed: int) -> Lesson:
    return file.read(path)


def _paths() -> dict[str, Path]:
    """Files by the names of their lessons; a teacher's own stands for a shipped one of its name."""
    found: dict[str, Path] = {}
    for folder in filter(None, (lessons_folder(), LESSONS)):
        for path in _files(folder):
            found.setdefault(path.stem, path)
    return found


def _files(folder: Path) -> Iterator[Path]:
    try:
        files = sorted(folder.glob("*.toml"))[:MOST]
    except OSError:
        return
    yield from (path for path in files if _NAME.fullmatch(path.stem) and path.is_file())
