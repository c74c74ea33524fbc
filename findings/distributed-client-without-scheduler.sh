#!/usr/bin/env bash
# distributed 2026.8.0: a synchronous Client whose constructor raises, since no scheduler answers, leaves
# the thread of its event loop behind, for good: its close() and its finalizer return at once, as it is
# marked as closed, and the loop is stopped after that mark only. Who tries again until a scheduler is
# there has a thread more for each attempt. A running loop that is given to it (`loop=`) is shared.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet distributed==2026.8.0
"$place/venv/bin/python" - <<'PYTHON'
import gc
import threading
from importlib.metadata import version

from distributed import Client

def tried():
    try:
        Client("tcp://127.0.0.1:1", timeout=0.2, set_as_default=False)
    except OSError as error:
        return type(error).__name__

def loops():
    return sum(thread.name == "IO loop" for thread in threading.enumerate())

print(f"distributed {version('distributed')}: the constructor raised {tried()}")
for _ in range(4):
    tried()
gc.collect()
print("threads of event loops after five attempts and a collection:", loops())
assert loops() == 5, "they end now"
PYTHON
