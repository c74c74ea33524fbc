"""Locks on files, which the system opens when the process that holds them ends, however it ends."""

import math
import time
from typing import IO

import portalocker
from portalocker import LockFlags

LOOK_EVERY = 0.01  # seconds between attempts


def lock(file: IO, shared: bool = False, patience: float = math.inf) -> bool:
    """Lock an open file until it is closed.

    Args:
        file: open for writing, or for reading if the lock is shared.
        shared: with all who lock it so, too.
        patience: seconds to wait for others at most.

    Returns:
        Whether it succeeded.
    """
    kind = LockFlags.SHARED if shared else LockFlags.EXCLUSIVE
    end = time.monotonic() + patience
    while True:
        try:
            portalocker.lock(file, kind | LockFlags.NON_BLOCKING)
            return True
        except portalocker.AlreadyLocked:
            if time.monotonic() >= end:
                return False
            time.sleep(LOOK_EVERY)
