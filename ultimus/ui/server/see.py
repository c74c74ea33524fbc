"""The page in a file at an address of its own: for phones and slow laptops, and for any number.

Nothing of Streamlit runs for it. A version is made once and kept compressed.
"""

import gzip
import hashlib
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import Lock, Thread
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ...errors import UserError
from ...explorer.page import page
from ...explorer.scene import pictures
from ...places import SHIPPED, runs_folder
from ...runs.run import Run
from ..state import session
from . import explorer_files

PATH = "see"
COMPRESSION = 6
_making = Lock()  # one at a time: the others then find what it made


class Version(NamedTuple):
    """A page as it is sent: compressed, and a hash of it."""

    content: bytes
    tag: str


def warm() -> Thread:
    """Make what a first visitor asks for, beside what the app does."""
    thread = Thread(target=_warm, name="warm", daemon=True)
    thread.start()
    return thread


def _warm() -> None:
    with suppress(UserError):  # whoever asks for it is told
        explorer_files.prepare()
        _newest(session.shipped_run())


def answer(request: Request) -> Response:
    """The page of the run that the query names, or of the one that comes with Ultimus."""
    try:
        version = _newest(_run(request.query_params.get("run", "")))
    except UserError as error:
        return PlainTextResponse(str(error), 404)
    headers = {"etag": version.tag, "cache-control": "no-cache", "vary": "accept-encoding"}
    if request.headers.get("if-none-match") == version.tag:
        return Response(status_code=304, headers=headers)
    headers["content-encoding"] = "gzip"
    return Response(version.content, media_type="text/html", headers=headers)


def _run(run_id: str) -> Run:
    return Run.find(run_id, runs_folder(), SHIPPED) if run_id else session.shipped_run()


def _newest(run: Run) -> Version:
    with _making:
        return _version(run.folder, run.snapshots, run.status().step, pictures(run)[2])


@lru_cache(maxsize=8)
def _version(folder: Path, snapshots: tuple[int, ...], step: int, pictures: str) -> Version:
    """The page of a run as it stands: what else is told of it makes it another version."""
    content = gzip.compress(page(Run(folder)), COMPRESSION)
    return Version(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
