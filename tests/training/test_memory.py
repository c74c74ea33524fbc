"""Freed memory stays with the process, where the C library lets one say so."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from ultimus.training import memory

FREED = """
import numpy as np
from ultimus.training import memory

def faults():
    import resource
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def taken(times=13):
    before = faults()
    for _ in range(times):
        np.ones(2**20)  # 8 MB, freed at once
    return faults() - before

taken()
plain = taken()
memory.keep_freed()
taken()
print(plain, taken())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has this option")
def test_a_block_that_was_freed_is_not_fetched_again():
    done = subprocess.run(
        [sys.executable, "-c", FREED],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env={"MALLOC_MMAP_THRESHOLD_": "131072"},  # what glibc begins with, whatever came before
    )
    before, after = map(int, done.stdout.split())
    assert after < before / 10, done.stdout


def test_another_c_library_is_left_alone(monkeypatch):
    def absent(name):
        raise OSError("no such library")

    monkeypatch.setattr(memory.ctypes, "CDLL", absent)
    memory.keep_freed()
