"""What takes the processors of this machine: what a bench has started, and other machines that
share them."""

import time

import psutil

STOLEN = "other machines on the same processors"
KINDS = {"streamlit": "server", "chrom": "browser"}  # by what its command line says


def used(sessions: int) -> dict[str, float]:
    """Seconds of processor time up to now, by who took it: the server, its "run", the "browser",
    the "sessions", and what other machines took (see `of`).

    Args:
        sessions: the number of their process.
    """
    taken = {"server": 0.0, "run": 0.0, "browser": 0.0, "sessions": 0.0}
    for process in psutil.Process().children(recursive=True):
        try:
            kind = "sessions" if process.pid == sessions else _kind(process)
            taken[kind] += _seconds(process)
        except psutil.NoSuchProcess:  # it has ended just now
            continue
    steal = getattr(psutil.cpu_times(), "steal", 0.0)  # which Linux alone tells
    return taken | {STOLEN: steal, "": time.monotonic()}


def of(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """Cores that each took between two looks."""
    span = after[""] - before[""]
    return {kind: (after[kind] - before[kind]) / span for kind in before if kind}


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _kind(process: psutil.Process) -> str:
    line = " ".join(process.cmdline())
    return next((kind for word, kind in KINDS.items() if word in line), "run")
