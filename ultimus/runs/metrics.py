"""What a run has measured, read on from where the last read ended."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np


class Metrics:
    """A run's metrics, read on from where the last read ended.

    Attributes:
        rows: the lines read so far, as dictionaries.
        unreadable: how many lines were no valid JSON object with a step, and were left out.
    """

    def __init__(self, folder: Path):
        self._path = folder / "metrics.jsonl"
        self._start_over()

    def _start_over(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self._columns: dict[str, np.ndarray] = {}  # as far as they were asked for
        self.unreadable = 0
        self._offset = 0
        self._file = None

    def read(self) -> "Metrics":
        """Take in the whole lines that were added since."""
        try:
            with open(self._path, "rb") as file:
                stat = os.fstat(file.fileno())
                if stat.st_ino != self._file or stat.st_size < self._offset:  # it was replaced
                    self._start_over()
                    self._file = stat.st_ino
                file.seek(self._offset)
                added = file.read()
        except FileNotFoundError:
            return self
        whole = added[: added.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            self._take(line)
        return self

    def _take(self, line: bytes) -> None:
        try:
            row = json.loads(line)
            if not is_number(row["step"], int):
                raise TypeError
            self.rows.append(row)
        except (ValueError, TypeError, KeyError, RecursionError):
            self.unreadable += 1

    def column(self, name: str) -> np.ndarray:
        """One number of every row, (rows,) float64; NaN where a row does not have it."""
        known = self._columns.get(name, np.empty(0))
        added = [row.get(name) for row in self.rows[len(known) :]]
        if added:
            numbers = [value if is_number(value, float) else np.nan for value in added]
            known = self._columns[name] = np.concatenate([known, numbers])
            known.setflags(write=False)  # all who ask share it
        return known


def is_number(value: Any, kind: type) -> bool:
    """Whether something read from a file is a number of that kind, and one that fits."""
    kinds = int if kind is int else int | float
    return isinstance(value, kinds) and not isinstance(value, bool) and abs(value) < 2**63
