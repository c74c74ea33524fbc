"""All files below a folder or in an archive, without what systems and editors put there.

Nothing is ever unpacked to a name from an archive.
"""

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from ...errors import UserError, reason
from .. import limits
from ..limits import MAX_FILE_BYTES, one_line
from . import archives

SYSTEM_FILES = frozenset(["thumbs.db", "desktop.ini", "icon\r"])
SYSTEM_FOLDERS = frozenset(["@eadir", "$recycle.bin", "lost+found", "system volume information"])


@dataclass(frozen=True, slots=True)
class File:
    """A file of a source.

    Attributes:
        parts: its path below the source.
        size: in bytes, as the folder or the archive says.
        changed: when, in nanoseconds; 0 in an archive.
        open: opens it.
    """

    parts: tuple[str, ...]
    size: int
    changed: int
    open: Callable[[], BinaryIO]

    @property
    def name(self) -> str:
        return self.parts[-1]

    @property
    def suffix(self) -> str:
        return os.path.splitext(self.name)[1].lower()

    @property
    def shown(self) -> str:
        """Its path for people."""
        return one_line("/".join(self.parts), 120)

    def read(self, most: int = MAX_FILE_BYTES) -> bytes:
        """Its bytes, at most one more than `most`.

        Raises:
            UserError: it cannot be read.
        """
        try:
            with self.open() as file:
                return file.read(most + 1)
        except archives.FAULTS as error:
            raise UserError(
                f"{self.shown} cannot be read ({reason(error)}): check it, or remove it."
            ) from error


@dataclass(frozen=True)
class Tree:
    """Files and folders of a source.

    Attributes:
        place: the folder or the archive.
        name: how a person calls it.
        files: in the order of their paths.
        folders: also the empty ones.
        notes: what was passed over.
        is_archive: whether its names came from elsewhere.
    """

    place: str
    name: str
    files: tuple[File, ...]
    folders: frozenset[tuple[str, ...]]
    notes: tuple[str, ...] = ()
    is_archive: bool = False
    _by_path: dict[tuple[str, ...], File] = field(default_factory=dict, compare=False)
    _by_name: dict[str, list[File]] = field(default_factory=dict, compare=False)
    _by_suffix: dict[str, list[File]] = field(default_factory=dict, compare=False)

    def find(self, path: str, base: tuple[str, ...] = ()) -> File | None:
        """The file that a path names, if it lies in this source.

        Args:
            path: absolute, or relative to a folder of the source or to the source itself.
            base: that folder.
        """
        if not self._by_path:
            self._by_path.update((file.parts, file) for file in self.files)
        path = path.replace("\\", "/")
        if os.path.isabs(path):
            roots = () if self.is_archive else {os.path.abspath(self.place),
                                                os.path.realpath(self.place)}  # fmt: skip
            tries = [os.path.relpath(path, root) for root in roots]
        else:
            tries = [os.path.join(*base, path), path]
        found = (self._by_path.get(tuple(os.path.normpath(path).split("/"))) for path in tries)
        return next(filter(None, found), None)

    def named(self, name: str) -> list[File]:
        """The files of a name, with its ending or without, wherever they lie."""
        if not self._by_name:
            for file in self.files:
                for known in {file.name, os.path.splitext(file.name)[0]}:
                    self._by_name.setdefault(known, []).append(file)
        return self._by_name.get(name, [])

    def having(self, *suffixes: str) -> list[File]:
        """The files with one of these endings, in the order of their paths."""
        if not self._by_suffix:
            for file in self.files:
                self._by_suffix.setdefault(file.suffix, []).append(file)
        found = [file for suffix in suffixes for file in self._by_suffix.get(suffix, [])]
        return sorted(found, key=lambda file: file.parts) if len(suffixes) > 1 else found


def grown(place: str) -> Tree:
    """The files of a folder or of an archive.

    Raises:
        UserError: it cannot be read, or holds too many files.
    """
    if os.path.isdir(place):
        return _folder(place)
    passed: Counter[str] = Counter()
    files = [
        File(parts, size, 0, opened)
        for parts, size, opened in archives.members(place, passed)
        if not _is_hidden(parts, passed)
    ]
    _check_count(len(files), place)
    folders = {file.parts[:depth] for file in files for depth in range(1, len(file.parts))}
    name = os.path.basename(place).partition(".")[0]
    return Tree(place, name, _sorted(files), frozenset(folders), _notes(passed), is_archive=True)


def alone(place: str, beside: Callable[[str], bool]) -> Tree:
    """One file, and those beside it that belong to it."""
    folder, name = os.path.split(os.path.abspath(place))
    with os.scandir(folder) as entries:
        files = [
            File((entry.name,), state.st_size, state.st_mtime_ns, partial(open, entry.path, "rb"))
            for entry in entries
            if (entry.name == name or beside(entry.name)) and entry.is_file()
            for state in [entry.stat()]
        ]
    return Tree(folder, name.partition(".")[0], _sorted(files), frozenset())


def _sorted(files: list[File]) -> tuple[File, ...]:
    return tuple(sorted(files, key=lambda file: file.parts))


def _folder(place: str) -> Tree:
    passed: Counter[str] = Counter()
    files, folders = [], set()
    for parts, path, state in _walk(place, passed):
        _check_count(len(files) + len(folders) + 1, place)
        if stat.S_ISDIR(state.st_mode):
            folders.add(parts)
        else:
            files.append(File(parts, state.st_size, state.st_mtime_ns, partial(open, path, "rb")))
    name = Path(place).resolve().name
    return Tree(place, name, _sorted(files), frozenset(folders), _notes(passed))


Found = tuple[tuple[str, ...], str, os.stat_result]


def _walk(root: str, passed: Counter[str]) -> Iterator[Found]:
    """Files and folders below; links are followed, but neither in circles nor to what is here."""
    real_root, first = os.path.realpath(root), os.stat(root)
    stack = [(root, (), frozenset([(first.st_dev, first.st_ino)]))]
    while stack:
        folder, above, chain = stack.pop()
        for entry in _entries(folder):
            parts = (*above, entry.name)
            if _is_hidden(parts[-1:], passed, entry.path):
                continue
            try:
                state = entry.stat()
            except OSError:
                passed["links that lead nowhere"] += 1
                continue
            if stat.S_ISREG(state.st_mode):
                yield parts, entry.path, state
            elif not stat.S_ISDIR(state.st_mode):
                passed["devices and pipes"] += 1
            elif entry.is_symlink() and _leads_back(entry.path, real_root):
                passed["links to folders that are here already"] += 1
            elif (state.st_dev, state.st_ino) in chain:
                passed["links that lead in a circle"] += 1
            else:
                yield parts, entry.path, state
                stack.append((entry.path, parts, chain | {(state.st_dev, state.st_ino)}))


def _entries(folder: str) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise UserError(
            f"{one_line(folder, 200)} cannot be read ({reason(error)}): check it, or move it away."
        ) from error


def _leads_back(path: str, root: str) -> bool:
    """Whether a link leads to a folder of the source, which would be read twice, or above it."""
    target = os.path.realpath(path)
    return os.path.commonpath([target, root]) in (target, root) and not _hidden_below(target, root)


def _hidden_below(target: str, root: str) -> bool:
    below = os.path.relpath(target, root).split(os.sep)
    return any(part.startswith((".", "__")) for part in below if part not in (".", ".."))


def _is_hidden(parts: tuple[str, ...], passed: Counter[str], path: str = "") -> bool:
    """Whether systems and editors put it there; counts what may be a copy of data."""
    hidden = [part for part in parts if part.startswith((".", "__"))
              or part.lower() in SYSTEM_FILES | SYSTEM_FOLDERS]  # fmt: skip
    if hidden and (parts[-1] not in hidden or os.path.isdir(path)):
        passed[f"hidden folders ({one_line(hidden[0], 40)})"] += 1
    return bool(hidden)


def _check_count(count: int, place: str) -> None:
    if count > limits.MAX_IMAGES:
        raise UserError(
            f"{place} holds more than {limits.MAX_IMAGES:,} files: give the folder of one data set."
        )


def _notes(passed: Counter[str]) -> tuple[str, ...]:
    named = (f"{count} {what}" for what, count in sorted(passed.items()))
    return (f"Passed over: {', '.join(named)}.",) if passed else ()
