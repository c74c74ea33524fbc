"""Loaded into the processes that an app starts for itself: they end when the app ends.

An app that is killed cannot end them. Each has a pipe from the app as its standard input, which the
system closes when the app has gone, on every system. Dask loads this file by its path, so it
imports nothing of the package, whose torch a scheduler does not need.
"""

import os
import threading


def dask_setup(process: object) -> None:
    """Called by Dask once the process runs."""
    threading.Thread(target=_end_with_app, daemon=True).start()


def _end_with_app() -> None:
    while os.read(0, 1):  # waits; nothing is sent
        pass
    os._exit(0)
