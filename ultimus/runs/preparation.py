"""Fetching and decoding a data source, in a process of its own."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from ..data.dataset import download_folder
from ..data.sources import CIFAR10_BYTES, located
from ..places import PACKAGE


class Preparation:
    """A data source being fetched and decoded, in a process of its own.

    Args:
        source: what `data.open_dataset` takes.
    """

    def __init__(self, source: str):
        self.source = source
        # lives as long as this object; Windows keeps files that the process still has open
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._output, self._errors = (Path(self._folder.name, name) for name in ("out", "err"))
        with open(self._output, "wb") as output, open(self._errors, "wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ultimus", "data", located(source), "--progress"],
                stdout=output,
                stderr=errors,
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


def _text(file: Path) -> str:
    """All that the process has written so far."""
    return file.read_text(errors="replace")
