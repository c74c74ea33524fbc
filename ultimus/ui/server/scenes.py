"""What the explorer fetches of a run: pictures once, and each step when it is looked at.

Nothing of a page's script runs for it, and who looks at the same gets the same: a step of a group
is computed once, however many look. An address says all that is needed, so it outlives the server.
"""

import gzip
import json
import math
import time
from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ...data.groups import LARGEST, Group
from ...errors import UserError
from ...evaluation import fixed_groups
from ...explorer import patches, scene
from ...places import SHIPPED, runs_folder
from ...runs import comparison
from ...runs.run import LIVE, Run
from .. import beat
from ..controls import snapshot
from ..controls.snapshot import Snapshot
from ..state import pool
from ..state.pool import Pool
from .audience import Audience

LIVE_STEP = "live"
OPENING, NEWEST, STEP, NETWORK, COMPANIONS = (
    f"explorer/{what}" for what in (
        "scene/{run}", "step/{run}/" + LIVE_STEP, "step/{run}/{step}", "network/{run}/{step}",
        "companions/{run}/{step}",
    )
)  # fmt: skip
PROBE = "probe"  # as a group: the pictures that are watched while a run trains
COMPRESSION = 1  # most of it is numbers, of which more makes little less
DRAWN_FROM = 240  # pictures that companions are drawn from; more would only take longer
HEADERS = {"content-encoding": "gzip", "cache-control": "no-cache"}
FOLLOWED = 0.6  # seconds between looks at a run that trains, as long as few watch (served.js)

_audience = Audience(FOLLOWED)


def address(
    run: Run, members: Sequence[int], pictures: str = "test", owner: Run | None = None
) -> str:
    """Where a browser finds pictures of a run; its steps are beside it, under the same query.

    Args:
        run: whose pictures.
        members: of the group.
        pictures: which of `links.pages.POOLS` they are of.
        owner: whose pictures they are, if not those of the run itself.
    """
    query = {"pictures": pictures, "images": ",".join(map(str, members))}
    query |= {"of": owner.id} if owner else {}
    return f"{OPENING.format(run=quote(run.id))}?{urlencode(query)}"


def probe_address(run: Run) -> str:
    """The same for the probe group, which the server knows."""
    return f"{OPENING.format(run=quote(run.id))}?{urlencode({'images': PROBE})}"


def _told(answer: Callable[[Request], dict[str, Any] | bytes | Response]) -> Callable:
    """An answer as compressed JSON; 404 with a sentence if refused."""

    @wraps(answer)
    def answered(request: Request) -> Response:
        try:
            content = answer(request)
        except UserError as error:
            return PlainTextResponse(str(error), 404)
        if isinstance(content, Response):
            return content
        return _response(content if isinstance(content, bytes) else _compressed(content))

    return answered


def _response(content: bytes, **headers: str) -> Response:
    return Response(content, media_type="application/json", headers=HEADERS | headers)


@_told
def opening(request: Request) -> dict[str, Any]:
    """The pictures of a group, the steps that a run has kept, and its loss; and how many patches a
    side a picture is, if the group is those of one."""
    run = _run(request)
    if request.query_params.get("images") == PROBE:
        snapshot.newest(run)  # until there is one, nothing tells which pictures the run has
    pictures, note = _pictures(request, run)
    members = list(_members(request, run, pictures))
    frame = scene.frame(run, pictures.classes, pictures.images[members], pictures.labels[members])
    grid = {"grid": run.info().recipe.grid} if patches.is_of_patches(run) else {}
    about = {"run": {"id": run.id}, "note": note, "numbers": members, "snapshots": _kept(run)}
    return frame | grid | about


@_told
def step(request: Request) -> bytes:
    """A snapshot: small weights, and the features of the group."""
    run = _run(request)
    pictures, _ = _pictures(request, run)
    members = _members(request, run, pictures)
    return _computed(_Look(run, snapshot.at(run, _step(request, run)), pictures, members))


@_told
def newest(request: Request) -> Response:
    """The same of the newest weights of a run that trains; 204 while they are those of the time
    that the query names. Where many watch it tells how long to wait until the next look."""
    run = _run(request)
    every = _audience.pause(request, run)
    stamp, content = _followed(run.folder, _asked(request)).news(request, every - FOLLOWED)
    headers = beat.header(every)
    if stamp and stamp == request.query_params.get("after"):
        return Response(status_code=204, headers=headers)
    return _response(content, **headers)


@_told
def network(request: Request) -> dict[str, Any]:
    """All weights of a step, with which a browser sees its reader's own pictures."""
    run = _run(request)
    if request.path_params["step"] == LIVE_STEP and (newest := _newest(run)):
        return scene.whole(newest.model)
    return scene.whole(snapshot.at(run, _step(request, run)).model)


@_told
def companions(request: Request) -> bytes:
    """Features at a step of the pictures that companions are drawn from."""
    run = _run(request)
    pictures, _ = _pictures(request, run)
    chosen = _newest(run) if request.path_params["step"] == LIVE_STEP else None
    chosen = chosen or snapshot.at(run, _step(request, run))
    return _computed(_Look(run, chosen, pictures, tuple(range(min(DRAWN_FROM, len(pictures))))))


# Parts --------------------------------------------------------------------------------------------


class _Look:
    """A network that sees a group; equal to another one that gives the same numbers."""

    def __init__(self, run: Run, chosen: Snapshot, pictures: Pool, members: Group):
        self.run, self.chosen, self.pictures, self.members = run, chosen, pictures, members
        self.key = (chosen.model, pictures.fingerprint, members)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Look) and self.key == other.key

    def made(self) -> dict[str, Any]:
        """What a browser is told of it.

        Raises:
            UserError: see `snapshot.check_network`.
        """
        snapshot.check_network(self.run, self.chosen, self.pictures)
        if self.chosen.model.kind == "patches":
            told = patches.snapshot(self.chosen.model)
        else:
            told = scene.snapshot(self.chosen.model, self.pictures.images[list(self.members)])
        return told | {"numbers": list(self.members), "step": self.chosen.step}


@lru_cache(maxsize=1024)  # 13 kB each of a group of 16
def _computed(look: _Look) -> bytes:
    return _compressed(look.made())


class _Followed:
    """A run's newest weights for all who follow it with the same group, looked at as seldom as
    nobody notices. Used by many threads at once."""

    def __init__(self, run: Run):
        self._run = run
        self._lock = Lock()
        self._looked = -math.inf  # when
        self._stamp, self._content = "", b""

    def news(self, request: Request, fresh: float) -> tuple[str, bytes]:
        """The time of the newest weights, none once the run has ended, and what is told of them.

        Args:
            request: of one who follows.
            fresh: seconds for which they count as the newest.

        Raises:
            UserError: they cannot be used.
        """
        with self._lock:
            if time.monotonic() > self._looked + fresh:
                self._look(request)
                self._looked = time.monotonic()
            return self._stamp, self._content

    def _look(self, request: Request) -> None:
        run, newest = self._run, _newest(self._run)
        if newest is None:
            ended = {"ended": True, "curves": scene.curves(run)}
            self._stamp, self._content = "", _compressed(ended | _kept(run))
        elif self._stamp != (stamp := str(newest.key[1])):
            pictures, _ = _pictures(request, run)
            look = _Look(run, newest, pictures, _members(request, run, pictures))
            about = {"epoch": newest.epoch, "stamp": stamp, "curves": scene.curves(run)}
            self._stamp, self._content = stamp, _compressed(look.made() | about | _kept(run))


@lru_cache(maxsize=64)
def _followed(folder: Path, asked: frozenset[tuple[str, str]]) -> _Followed:
    return _Followed(Run(folder))


def _asked(request: Request) -> frozenset[tuple[str, str]]:
    """Which group of which pictures a query is about."""
    return frozenset(
        (name, value) for name, value in request.query_params.items() if name != "after"
    )


def _kept(run: Run) -> dict[str, Any]:
    steps = run.snapshots
    return {"steps": list(steps), "epochs": scene.epochs(run, steps)}


def _newest(run: Run) -> Snapshot | None:
    return snapshot.live(run) if run.status().state in LIVE else None


def _run(request: Request) -> Run:
    return Run.find(request.path_params["run"], runs_folder(), SHIPPED)


def _step(request: Request, run: Run) -> int:
    """A step that the run has kept."""
    named = request.path_params["step"]
    step = int(named) if named.isascii() and named.isdigit() and len(named) < 16 else -1
    if step not in run.snapshots:
        raise UserError(f"The run {run.id} has kept no weights of step {named[:20]}: take another.")
    return step


def _pictures(request: Request, run: Run) -> tuple[Pool, str]:
    """The pictures that the query names, of the run itself or of one that it stands beside, and a
    note where they are others than asked for."""
    owner = run
    if named := request.query_params.get("of"):
        owner = Run.find(named, runs_folder(), SHIPPED)
        comparison.check_fit(owner, run)
    return pool.of(owner, request.query_params.get("pictures", "test"))


def _members(request: Request, run: Run, pictures: Pool) -> Group:
    """The group that the query names."""
    if request.query_params.get("images") == PROBE:
        return _probe(run, pictures)
    named = request.query_params.get("images", "").split(",")
    numbers = [int(part) for part in named if part.isascii() and part.isdigit() and len(part) < 12]
    if len(numbers) != len(named) or not 0 < len(numbers) <= LARGEST:
        raise UserError(f"A group is 1 to {LARGEST} numbers of pictures: choose it on the page.")
    if max(numbers) >= len(pictures):
        raise UserError(f"There is no picture {max(numbers)}: choose 0 to {len(pictures) - 1}.")
    return tuple(numbers)


def _probe(run: Run, pictures: Pool) -> Group:
    """The group that training watches: the first one of every measurement."""
    recipe = run.info().recipe
    size = min(recipe.group, LARGEST, len(pictures))
    return tuple(fixed_groups(len(pictures), size, pictures.labels, recipe.grouping)[0].tolist())


def _compressed(content: dict[str, Any]) -> bytes:
    return gzip.compress(json.dumps(content, allow_nan=False).encode(), COMPRESSION)
