"""The newest version of a live run's board, for browsers that fetch it themselves.

Streamlit brings a page up to date by running a part of its script, for each who watches: 16 ms of
the app's time and more in the browser. Here one version, made in about 10 ms, answers all.
"""

import gzip
import time
from functools import lru_cache
from pathlib import Path
from threading import Lock
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ..errors import UserError
from ..run import Metrics, Run, State
from . import board, curves, session

REFRESH = 0.5  # seconds between what a browser fetches
FRESH = REFRESH / 2  # seconds for which a version counts as the newest
PATH = "live/{run}/{state}/{seed_run}"
HEADERS = {"content-encoding": "gzip", "cache-control": "no-store"}
SHOWN = {True: "beside-the-seed-run", False: "alone"}


def address(run: Run, state: State, seed_run: bool) -> str:
    """Where a browser finds the newest version, as long as the run stays in this state."""
    return PATH.format(run=quote(run.id), state=state, seed_run=SHOWN[seed_run])


def answer(request: Request) -> Response:
    """The board as a message for board.js, compressed; none once the run is in another state, since
    more than the board changes then, 404 where there is no such run."""
    run_id, state, shown = (request.path_params[name] for name in ("run", "state", "seed_run"))
    try:
        version = _newest(session.runs_folder(), run_id, shown == SHOWN[True]).message(state)
    except UserError as error:
        return PlainTextResponse(str(error), 404)
    if version is None:
        return Response(status_code=204)
    return Response(version, media_type="text/plain", headers=HEADERS)


class _Newest:
    """The newest version of a run's board, made anew as seldom as nobody notices. Used by many
    threads at once."""

    def __init__(self, run: Run, seed_run: bool):
        self._run = run
        self._seed_run = seed_run
        self._metrics = Metrics(run)
        self._lock = Lock()
        self._state: State | None = None
        self._message = b""
        self._until = 0.0  # when somebody might notice

    def message(self, state: State) -> bytes | None:
        """The version; None if the run is in another state.

        Raises:
            UserError: the run is damaged or gone.
        """
        with self._lock:
            if self._state != state or time.monotonic() > self._until:
                self._make()
            return self._message if self._state == state else None

    def _make(self) -> None:
        status = session.status(self._run)
        source = address(self._run, status.state, self._seed_run)
        rows = curves.rows(self._run, status, self._metrics.read(), self._seed_run)
        self._message = gzip.compress(board.message(rows, REFRESH, source), 5)
        self._state = status.state
        self._until = time.monotonic() + FRESH


@lru_cache(maxsize=16)
def _newest(runs: Path, run_id: str, seed_run: bool) -> _Newest:
    return _Newest(Run.find(run_id, runs), seed_run)
