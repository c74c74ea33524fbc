"""How much harm files do: what reading each takes, in a process that may be killed.

A corpus is a program of its own, which makes its files and calls `measure`. For each file that
prints a line with its name alone, by which one that ends the process can be told, and a line of
JSON with its `Reading`. `harm` runs the program and collects them.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ultimus import UserError

TRUNCATIONS, FLIPS = 11, 11  # of each sound file
PATIENCE = 20  # seconds that a file may take before it counts as a hang
ROOT = Path(__file__).parents[2]
LIBTIFF = "tempfile.tif: "  # says itself what it meets, and cannot be told not to


class File(NamedTuple):
    """A file as it arrives, and whether something comes out (None where either may be)."""

    name: str
    content: bytes
    sound: bool | None = None


class Reading(NamedTuple):
    """What became of a file.

    Attributes:
        name: the file's.
        sound: as the corpus expects.
        made: what came out, in words; empty if it was refused.
        refusal: the sentence, or what was raised if it was no UserError.
        clean: whether it was a UserError, if anything was raised.
        seconds: that it took.
        megabytes: of memory, the most that it took at a moment.
    """

    name: str
    sound: bool | None
    made: list[str]
    refusal: str
    clean: bool
    seconds: float
    megabytes: float


class Harm(NamedTuple):
    """What became of all files of a corpus, and what they left in the folder they were read in."""

    readings: list[Reading]
    left: list[Path]


# Damage that any file can have --------------------------------------------------------------------


def truncated(form: str, content: bytes) -> Iterator[File]:
    for length in np.linspace(1, len(content) - 1, TRUNCATIONS).astype(int):
        yield File(f"first {length} of {form}", content[:length])


def flipped(form: str, content: bytes, draw: np.random.Generator) -> Iterator[File]:
    for index in range(FLIPS):
        broken = np.frombuffer(content, np.uint8).copy()
        reach = min(len(broken), 100 if index % 2 else len(broken))  # every other in the header
        broken[draw.integers(0, reach, 1 + index // 3)] ^= draw.integers(1, 256, dtype=np.uint8)
        yield File(f"flipped {index} {form}", broken.tobytes())


HOSTILE_NAMES = (
    "../../etc/passwd", "/etc/shadow", "C:\\Windows\\system32\\x.png", "nul\0byte.png",
    "two\nlines\r.png", "x" * 5000 + ".png", "photo\u202egpj.exe", "\u2066\u2067isolates\u2069",
    "<script>alert(1)</script>.png", "![x](http://example.org/x.png).png", "`$x^2$`.png",
    "\x1b[2J\x1b[31mred.png", "", "   ", "\ud800lone.png", "a\u0300" * 300, "\u200b\u200b", "..",
    "\u2028line\u2029paragraph.png", "%s%s%n{0}{name}.png", "'; DROP TABLE runs; --.png",
)  # fmt: skip


# Reading them all ---------------------------------------------------------------------------------


def measure(corpus: Iterable[File], read: Callable[[File], list[str]]) -> None:
    """Read all files and print what became of them."""
    for file in corpus:
        print(json.dumps(file.name), flush=True)
        signal.alarm(PATIENCE)  # ends the process, even inside a decoder
        reading = _reading(file, read)
        signal.alarm(0)
        print(json.dumps(reading._asdict()), flush=True)


def _reading(file: File, read: Callable[[File], list[str]]) -> Reading:
    before = _resident(fresh=True)
    begin = time.perf_counter()
    made, refusal, clean = [], "", True
    try:
        made = read(file)
    except UserError as error:
        refusal = str(error)
    except BaseException as error:
        refusal, clean = repr(error), False
    seconds = time.perf_counter() - begin
    megabytes = (_resident() - before) / 1e3
    return Reading(file.name, file.sound, made, refusal, clean, seconds, megabytes)


def _resident(fresh: bool = False) -> float:
    """The most kilobytes of memory held since this was last asked for a fresh start.

    Where the system cannot start afresh, since the process began.
    """
    if fresh:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
    with suppress(OSError):
        return float(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1000 if sys.platform == "darwin" else most


def harm(program: str, folder: Path) -> Harm:
    """Run a corpus, a file below tests/, in an empty folder that is all it may write to."""
    done = subprocess.run(
        [sys.executable, "-m", program],
        cwd=folder,
        env=os.environ
        | {
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
            "TMPDIR": str(folder),
            "HOME": str(folder),
        },
        capture_output=True,
        text=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"ended with {done.returncode} at {lines[-1:]}: {done.stderr}"
    spoken = [line for line in done.stderr.splitlines() if not line.startswith(LIBTIFF)]
    assert spoken == []
    return Harm([Reading(**line) for line in lines[1::2]], list(folder.rglob("*")))
