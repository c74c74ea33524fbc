"""How often each of many who watch looks for news, so that a class costs a run little more than a
few do.

The processor that trains a run also answers those who watch it. An answer takes it about a
millisecond, whatever it says.
"""

import math
import time
from collections.abc import Callable
from threading import Lock

from starlette.requests import Request

from ...runs.run import Run
from ..state import browser

LOOKS = 20  # a second, of all watchers together: a fiftieth of a core


class Audience:
    """Who watches at present. Used by many threads at once.

    Args:
        every: seconds between looks of one who watches, as long as few do.
        clock: tells the time in seconds.
    """

    def __init__(self, every: float, clock: Callable[[], float] = time.monotonic):
        self.every = every
        self._clock = clock
        self._lock = Lock()
        self._until: dict[str, float] = {}  # who counts as watching until when

    def share(self, who: str) -> float:
        """Seconds between looks of somebody who looks just now: whole ones for each of many, so
        that they look together with those who ask for something else."""
        now = self._clock()
        with self._lock:
            self._until = {one: until for one, until in self._until.items() if until >= now}
            watchers = len(self._until.keys() | {who})
            every = self.every if watchers <= LOOKS * self.every else math.ceil(watchers / LOOKS)
            self._until[who] = now + 3 * every  # who is silent for so long has gone
        return every

    def pause(self, request: Request, run: Run) -> float:
        """The same for a browser: whoever trains the run looks as often as if few did."""
        share = self.share(_name(request))
        return self.every if share > self.every and browser.has_started(request, run) else share


def _name(request: Request) -> str:
    """Tells those apart who ask: by what their browser keeps, or else by where they are."""
    return request.cookies.get(browser.NAME) or str(request.client)
