"""When browsers ask for news: all at the same moment.

Each question interrupts a run that trains on the same processor, whose threads wait for each other
and then take a while to get going: thirty questions at once cost it a third of what they cost one
after the other (docs/performance.md). So every answer says when to ask again, which is the server's
next beat.
"""

import time

HEADER = "x-ultimus-wait"  # of an answer: seconds until its reader asks again


def header(every: float) -> dict[str, str]:
    """What an answer says to one who asks at each beat; see `wait`."""
    return {HEADER: f"{wait(every):.3f}"}


def wait(every: float, now: float | None = None) -> float:
    """Seconds until the next beat: a multiple of a time, at least half of it away.

    Args:
        every: seconds from beat to beat.
        now: the server's time in seconds, as `time.monotonic` tells it.
    """
    left = every - (time.monotonic() if now is None else now) % every
    return left if left >= every / 2 else left + every
