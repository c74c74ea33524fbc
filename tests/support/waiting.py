"""Waiting for a state, never for a time."""

import time
from collections.abc import Callable


def until(happened: Callable[[], object], seconds: float = 300) -> None:
    """Wait until something has happened; a test that waits for longer fails."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)
