"""The explorer's modules and the scene of the first page, as browsers fetch them."""

import gzip
import hashlib
import json
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ... import explorer
from ...errors import UserError
from ...explorer.scene import scene
from ..state import session

FOLDER = Path(explorer.__file__).parent
SCENE = "explorer/scene.json"
COMPRESSION = 6
FOR_EVER = {"content-encoding": "gzip", "cache-control": "public, max-age=31536000, immutable"}


@cache
def version() -> str:
    """Changes with the modules, so that a browser may keep each for ever."""
    sources = b"".join(file.read_bytes() for file in sorted(FOLDER.glob("*.js")))
    return hashlib.sha256(sources).hexdigest()[:16]


def modules() -> str:
    """Where the modules are, relative to the app's address."""
    return f"explorer/{version()}/"


MODULE = "explorer/{version}/{module}.js"


def module(request: Request) -> Response:
    """A module by its name, whatever the version that is asked for."""
    content = _compressed().get(request.path_params["module"])
    if content is None:
        return PlainTextResponse("There is no such module.", 404)
    return Response(content, media_type="text/javascript", headers=FOR_EVER)


@cache
def _compressed() -> dict[str, bytes]:
    return {file.stem: gzip.compress(file.read_bytes()) for file in FOLDER.glob("*.js")}


def first_scene(request: Request) -> Response:
    """The run that comes with Ultimus at its last step, a tenth of its page in a file."""
    try:
        content = _first_scene()
    except UserError as error:
        return PlainTextResponse(str(error), 404)
    headers = {"content-encoding": "gzip", "cache-control": "no-cache"}
    return Response(content, media_type="application/json", headers=headers)


def prepare() -> None:
    """Make what the first page asks for.

    Raises:
        UserError: see `scene`.
    """
    _compressed()
    _first_scene()


@cache
def _first_scene() -> bytes:
    run = session.shipped_run()
    text = json.dumps(scene(run, run.snapshots[-1:]), allow_nan=False)
    return gzip.compress(text.encode(), COMPRESSION)
