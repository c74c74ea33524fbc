"""A lock is open to one at a time, or to many who only look, and ends with its process."""

import subprocess
import sys
from pathlib import Path

from ultimus.locks import lock

HOLD = """
import sys, time
from ultimus.locks import lock
with open(sys.argv[1], "a") as file:
    assert lock(file)
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_excludes_others_and_those_who_look_do_not_exclude_each_other(tmp_path):
    with open(tmp_path / "lock", "a") as first, open(tmp_path / "lock", "a") as second:
        assert lock(first) and not lock(second, patience=0.03)
        with open(tmp_path / "lock") as look:
            assert not lock(look, shared=True, patience=0)
    with open(tmp_path / "lock") as look, open(tmp_path / "lock") as another:
        assert lock(look, shared=True, patience=0) and lock(another, shared=True, patience=0)


def test_a_process_that_is_killed_lets_go(tmp_path):
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as holder:
        assert holder.stdout.readline() == "held\n"
        with open(path, "a") as file:
            assert not lock(file, patience=0)
            holder.kill()
            assert lock(file, patience=60)
