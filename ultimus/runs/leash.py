"""Loaded into Dask's local scheduler and nannies: they end when the app that started them ends.

An app that is killed cannot end them itself. Dask loads this file by its path, so it imports
nothing of the package, whose torch they do not need.
"""

import os
import threading
import time

LOOK_EVERY = 1.0  # seconds


def dask_setup(process: object) -> None:
    """Called by Dask once the process runs."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:  # an orphan is given another parent
        time.sleep(LOOK_EVERY)
    os._exit(0)  # a nanny's worker ends with it
