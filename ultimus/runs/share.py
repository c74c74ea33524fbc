"""How many cores a run computes on, and so how many runs this machine trains at once.

Two cores make the steps of one run fastest, but each does more work on a run of its own. So a run
that nobody shares the machine with takes two, and runs of a class take one each.
"""

from distributed.system import MEMORY_LIMIT

MOST = 2  # cores that make a run faster: a third one hardly does
MEMORY = 2**29  # bytes that a worker takes while it trains


def of(cores: int, runs: int) -> int:
    """How many cores a run is given when it begins, and keeps.

    Args:
        cores: of this machine.
        runs: that share it: those that are trained and those that wait, this one too.
    """
    return max(1, min(MOST, cores // runs))


def workers(cores: int, memory: int = MEMORY_LIMIT) -> int:
    """How many runs are trained at once: one on each core, as far as memory goes.

    Args:
        cores: of this machine.
        memory: that there is, in bytes.
    """
    return max(1, min(cores, memory // 2 // MEMORY))
