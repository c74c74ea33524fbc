"""What the system tells of itself."""

import mmap
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest

from ultimus.runs import machine

SIZE = 2**26  # bytes


def test_the_machine_has_a_name_and_cores():
    about = machine.describe()
    assert about["cpu"] and about["os"] and 1 <= about["cores"] <= os.cpu_count()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_memory_is_counted_but_not_what_is_mapped_from_a_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(SIZE))
    before = machine.own_memory()
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pages:
        assert np.frombuffer(pages[:], np.uint8).sum() == 0  # every page was read, a copy freed
        assert machine.own_memory() - before < SIZE / 2
    with mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as taken:
        taken.write(bytes(SIZE))  # not from freed memory that this process may have kept
        assert SIZE / 2 < machine.own_memory() - before < 3 * SIZE


def test_nothing_is_told_of_a_process_that_ended():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert machine.own_memory(process.pid) is None


def test_another_system_has_a_processor_too(monkeypatch):
    def absent(*given, **more):
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", absent)
    monkeypatch.setattr(subprocess, "run", absent)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    about = machine.describe()
    assert about["cpu"] and about["cores"] == os.cpu_count()
    assert machine.own_memory() is None


@pytest.mark.parametrize("niceness", [0, 3, machine.NICENESS])
def test_a_thread_gives_way_and_this_one_does_not(monkeypatch, niceness):
    monkeypatch.setattr(Path, "write_text", lambda *given: None)  # not this terminal's session
    here, there = os.getpriority(os.PRIO_PROCESS, 0), []

    def give_way() -> None:
        machine.give_way(niceness)
        there.append(os.getpriority(os.PRIO_PROCESS, 0))

    thread = threading.Thread(target=give_way)
    thread.start()
    thread.join()
    assert there == [max(niceness, here)] and os.getpriority(os.PRIO_PROCESS, 0) == here


def test_on_windows_the_process_gives_way(monkeypatch):
    given = []
    monkeypatch.delattr(os, "setpriority")
    monkeypatch.setattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", 16384, raising=False)
    monkeypatch.setattr(psutil.Process, "nice", lambda process, value: given.append(value))
    machine.give_way()
    assert given == [16384]
