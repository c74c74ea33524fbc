"""The newest version of a live run's board, for browsers that fetch it themselves.

Streamlit brings a page up to date by running a part of its script, for each who watches: 16 ms of
the app's time and more in the browser. Here one version answers all. It has the curves for those
to whom they would look longer than they do; the others need the summary alone. The page that is
drawn begins with the same version, so that a class that comes to a run costs one.
"""

import gzip
import math
import time
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Lock
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ...errors import UserError
from ...places import runs_folder
from ...runs.run import LIVE, Run, State, Status
from .. import beat
from ..figures import board
from ..server.audience import Audience
from ..state import browser, session
from . import curves

REFRESH = 0.5  # seconds between what a browser fetches, as long as few watch
FRESH = 0.5  # of the time between two looks: for that long a version counts as the newest
PATH = "live/{server}/{run}/{state}/{seed_run}"
COMPRESSION = 1  # more takes longer than it is worth: what is long is sent seldom
HEADERS = {"content-encoding": "gzip", "cache-control": "no-store"}
KEPT = 256  # runs whose newest version is kept, some ten kilobytes each
SHOWN = {True: "beside-the-seed-run", False: "alone"}

_audience = Audience(REFRESH)


def address(run: Run, state: State, seed_run: bool) -> str:
    """Where a browser finds the newest version, as long as the run stays in this state."""
    return PATH.format(
        server=browser.SERVER, run=quote(run.id), state=state, seed_run=SHOWN[seed_run]
    )


def answer(request: Request) -> Response:
    """The board as a message for board.js, compressed; none once the run is in another state, since
    more than the board changes then, 404 where there is no such run, 410 to a page that a former
    server has drawn.

    The query may say beyond which epoch the curves have to go to be of use.
    """
    run_id, state, shown = (request.path_params[name] for name in ("run", "state", "seed_run"))
    if request.path_params["server"] != browser.SERVER:
        return Response(status_code=410)
    beyond = _epoch(request.query_params.get("beyond", ""))
    try:
        shared = _newest(runs_folder(), run_id, shown == SHOWN[True])
        every = _audience.pause(request, shared.run)
        version = shared.version(state, beyond, FRESH * every)
    except UserError as error:
        return PlainTextResponse(str(error), 404)
    if version is None:
        return Response(status_code=204)
    headers = HEADERS | beat.header(every)
    return Response(version.compressed, media_type="text/plain", headers=headers)


def newest(run: Run, state: State, seed_run: bool) -> bytes | None:
    """The board with all its curves, as `board.show` takes it; None if the run is in another state.

    Raises:
        UserError: the run is damaged or gone.
    """
    shared = _newest(run.folder.parent, run.id, seed_run)
    version = shared.version(state, -math.inf, FRESH * REFRESH)
    return version and version.message


def _epoch(text: str) -> float:
    """What a query says; without it, or if it is none, whatever there is goes beyond it."""
    try:
        return float(text)
    except ValueError:
        return -math.inf


@dataclass(frozen=True)
class _Version:
    """A board as `board.message` makes it."""

    message: bytes

    @cached_property
    def compressed(self) -> bytes:
        return gzip.compress(self.message, COMPRESSION)


class _Newest:
    """The newest version of a run's board, made anew as seldom as nobody notices. Used by many
    threads at once."""

    def __init__(self, run: Run, seed_run: bool):
        self.run = run
        self._seed_run = seed_run
        self._lock = Lock()
        self._status: Status | None = None
        self._reach: float | None = None  # of its curves, where they grow
        self._made: dict[bool, _Version] = {}  # with curves and without, as far as asked for
        self._looked = 0.0  # when

    def version(self, state: State, beyond: float, fresh: float) -> _Version | None:
        """What it looks like; None if the run is in another state.

        Args:
            state: the one that the reader knows of.
            beyond: epoch that growing curves have to reach; up to there only the summary is told.
            fresh: seconds for which a version counts as the newest.

        Raises:
            UserError: the run is damaged or gone.
        """
        with self._lock:
            if (
                self._status is None
                or self._status.state != state
                or time.monotonic() > self._looked + fresh
            ):
                self._look()
            if self._status.state != state:
                return None
            draws = self._reach is None or self._reach >= beyond
            if draws not in self._made:
                self._made[draws] = self._make(draws)
            return self._made[draws]

    def _look(self) -> None:
        self._status = session.status(self.run)
        self._reach = curves.reach(self._status, self.run.metrics())
        self._made = {}
        self._looked = time.monotonic()

    def _make(self, draws: bool) -> _Version:
        run, status, metrics = self.run, self._status, self.run.metrics()
        every, source = None, None
        if status.state in LIVE:
            every, source = REFRESH, address(run, status.state, self._seed_run)
        if draws:
            rows = curves.rows(run, status, metrics, self._seed_run)
        else:
            rows = [curves.summary(run, status, metrics)]
        return _Version(board.message(rows, every, source, begins=not draws))


@lru_cache(maxsize=KEPT)
def _newest(runs: Path, run_id: str, seed_run: bool) -> _Newest:
    return _Newest(Run.find(run_id, runs), seed_run)
