"""What a run has measured: metrics.jsonl, a line per report, and its numbers in columns.

All who look at a run share one reader of its file, which goes on where it ended. Of a line it keeps
the numbers below, 8 bytes each; a run of 22 hours has 200,000 lines.
"""

import json
import math
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from pydantic_core import from_json

from ..files import open_regular, replacing
from .info import damaged

DENSE = (
    "step", "epoch", "loss", "lr", "train_accuracy", "grad_norm", "images_per_second", "seconds",
)  # fmt: skip
SPARSE = ("epoch_loss", "epoch_train_accuracy", "test_accuracy", "test_loss", "test_group")
"""Numbers that each line has, and those that the line of an epoch's end has besides."""

RARE = frozenset(SPARSE)
FITS = 2.0**63  # no number of a run is as large
MAX_LINE = 2**16  # bytes; a line has about 400
TAIL = 2**17  # bytes at the end of a file, some 300 lines
BATCH = 1024  # lines that are dictionaries at a time
GROWTH = 1.125  # of a buffer that is full
MAX_KEPT = 2**28  # bytes of readers that nobody follows
FOLLOWED = 60  # seconds after a look during which a run counts as followed


class Metrics(NamedTuple):
    """A run's metrics as they were at a moment.

    Attributes:
        rows: number of lines that could be read.
        unreadable: number of lines that were no JSON object with a step, and were left out.
        columns: of each number, the rows that have it (None for all), and its values.
    """

    rows: int
    unreadable: int
    columns: dict[str, tuple[np.ndarray | None, np.ndarray]]

    def column(self, name: str) -> np.ndarray:
        """One number of every row, (rows,) float64; NaN where a row does not have it."""
        places, values = self.columns[name]
        if places is None:
            return values
        whole = np.full(self.rows, np.nan)
        whole[places] = values
        return whole


class Reader:
    """Reads a run's metrics on from where the last read ended. Used by many threads at once.

    Attributes:
        nbytes: memory that its numbers take.
    """

    def __init__(self, folder: Path):
        self._path = folder / "metrics.jsonl"
        self._lock = threading.Lock()
        self._start_over(None)

    def _start_over(self, file: int | None) -> None:
        self._file, self._offset, self._last = file, 0, b""
        self._rows = self._unreadable = self.nbytes = 0
        self._dense = {name: _Column() for name in DENSE}
        self._sparse = {name: (_Column(np.uint32), _Column()) for name in SPARSE}

    def read(self) -> Metrics:
        """Take in the whole lines that were added since.

        Raises:
            UserError: metrics.jsonl is there, but no file that can be read.
        """
        with self._lock:
            try:
                with open_regular(self._path) as file:
                    self._go_on(file)
            except FileNotFoundError:
                self._start_over(None)
            except OSError as error:
                raise damaged(self._path, error) from error
            return self._view()

    def _go_on(self, file: BinaryIO) -> None:
        inode = os.fstat(file.fileno()).st_ino
        file.seek(self._offset - len(self._last))
        if inode != self._file or file.read(len(self._last)) != self._last:  # it was replaced
            self._start_over(inode)
            file.seek(0)
        lines = _whole_lines(file)
        while batch := list(islice(lines, BATCH)):
            rows = [row for line, _ in batch if (row := _row(line))]
            self._unreadable += len(batch) - len(rows)
            self._take(rows)
            self._last, self._offset = batch[-1]

    def _take(self, rows: list[dict[str, Any]]) -> None:
        for name, column in self._dense.items():
            column.extend(_numbers([row.get(name) for row in rows]))
        ends = [place for place, row in enumerate(rows) if not RARE.isdisjoint(row)]
        for name, (places, values) in self._sparse.items():
            found = [place for place in ends if name in rows[place]]
            places.extend(np.array(found, np.uint32) + self._rows)
            values.extend(_numbers([rows[place][name] for place in found]))
        self._rows += len(rows)
        pairs = (column for pair in self._sparse.values() for column in pair)
        self.nbytes = sum(column.nbytes for column in (*self._dense.values(), *pairs))

    def _view(self) -> Metrics:
        dense = {name: (None, column.values) for name, column in self._dense.items()}
        sparse = {
            name: (places.values, values.values) for name, (places, values) in self._sparse.items()
        }
        return Metrics(self._rows, self._unreadable, dense | sparse)


class _Column:
    """Numbers, to which others are added. Whoever has the former ones keeps them as they were."""

    def __init__(self, kind: type = np.float64):
        self._buffer = np.empty(0, kind)
        self._length = 0

    @property
    def nbytes(self) -> int:
        return self._buffer.nbytes

    @property
    def values(self) -> np.ndarray:
        view = self._buffer[: self._length]
        view.setflags(write=False)  # all who ask share it
        return view

    def extend(self, numbers: np.ndarray) -> None:
        begin, self._length = self._length, self._length + len(numbers)
        if self._length > len(self._buffer):
            grown = np.empty(max(self._length, int(begin * GROWTH)), self._buffer.dtype)
            grown[:begin] = self._buffer[:begin]
            self._buffer = grown
        self._buffer[begin : self._length] = numbers


class _Readers:
    """The readers that are kept: all of runs that are followed, of others as many as fit."""

    def __init__(self):
        self._lock = threading.Lock()
        self._readers: OrderedDict[Path, tuple[Reader, float]] = OrderedDict()  # latest look last

    def of(self, folder: Path) -> Reader:
        with self._lock:
            now = time.monotonic()
            reader, _ = self._readers.pop(folder, None) or (Reader(folder), now)
            self._drop_unfollowed(now)
            self._readers[folder] = reader, now
            return reader

    def _drop_unfollowed(self, now: float) -> None:
        held = sum(reader.nbytes for reader, _ in self._readers.values())
        for folder, (reader, looked) in list(self._readers.items()):
            if held <= MAX_KEPT or now - looked < FOLLOWED:
                return
            held -= reader.nbytes
            del self._readers[folder]


_readers = _Readers()


def read_metrics(folder: Path) -> Metrics:
    """A run's metrics up to now, by the one reader that all share.

    Raises:
        UserError: metrics.jsonl is there, but no file that can be read.
    """
    return _readers.of(folder).read()


def last_accuracy(folder: Path) -> float | None:
    """The last test accuracy that a run reported, from the end of its file alone, for long lists;
    None where there is none, or where much came after it."""
    path = folder / "metrics.jsonl"
    try:
        stat = os.stat(path)
        return _last_accuracy(path, (stat.st_ino, stat.st_mtime_ns, stat.st_size))
    except OSError:  # nothing was reported
        return None


@lru_cache(maxsize=1024)
def _last_accuracy(path: Path, version: tuple[int, int, int]) -> float | None:
    with open_regular(path) as file:
        file.seek(max(0, version[2] - TAIL))
        lines = file.read(TAIL).split(b"\n")[:-1]  # whole ones
    rows = (_row(line) for line in reversed(lines) if b'"test_accuracy"' in line)
    found = next((row.get("test_accuracy") for row in rows if row), None)
    return float(found) if type(found) in (int, float) and 0 <= found <= 1 else None


def report(folder: Path, row: dict[str, Any]) -> None:
    """Append a line to a run's metrics; a number that is not finite becomes null."""
    line = json.dumps(_finite(row), allow_nan=False) + "\n"
    with open(folder / "metrics.jsonl", "a") as file:
        file.write(line)


def forget_after(folder: Path, step: int) -> None:
    """Drop what was reported after a step, which a resumed run reports again.

    Raises:
        OSError: metrics.jsonl is no file that can be read or written.
    """
    path = folder / "metrics.jsonl"
    with replacing(path) as remaining:
        try:
            with open_regular(path) as file:
                for line, _ in _whole_lines(file):
                    if (row := _row(line)) and row["step"] <= step:
                        remaining.write(line)
        except FileNotFoundError:
            pass  # nothing was reported


def _whole_lines(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """The lines that are written whole, empty where one is too long, and where each ends."""
    is_long, end = False, file.tell()
    while part := file.readline(MAX_LINE):
        end += len(part)
        if part.endswith(b"\n"):
            yield b"" if is_long else part, end
            is_long = False
        elif len(part) < MAX_LINE:
            return  # half written
        else:
            is_long = True


def _row(line: bytes) -> dict[str, Any] | None:
    """A line's numbers by their names; None if it is none."""
    try:
        row = from_json(line)
    except ValueError:
        return None
    step = row.get("step") if isinstance(row, dict) else None
    return row if type(step) is int and abs(step) < 2**53 else None


def _numbers(values: list[Any]) -> np.ndarray:
    """Numbers as a file may have them, float64; NaN for what is none, or none that fits."""
    if not {*map(type, values)} <= {float}:  # seldom
        values = [value if type(value) in (int, float) else math.nan for value in values]
        values = [value if abs(value) < FITS else math.nan for value in values]
    numbers = np.array(values, np.float64)
    numbers[np.abs(numbers) >= FITS] = np.nan
    return numbers


def _finite(value: Any) -> Any:
    """The same with null, which JSON has, for the numbers that it has not."""
    if isinstance(value, dict):
        return {name: _finite(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
