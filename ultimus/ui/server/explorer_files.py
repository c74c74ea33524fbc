"""The explorer's modules and the scene of the first page, as browsers fetch them."""

import gzip
import hashlib
import json
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ... import explorer
from ...errors import UserError
from ...explorer import patches
from ...explorer.scene import scene
from ...places import SHIPPED, runs_folder
from ...runs.run import Run
from ..state import session

FOLDER = Path(explorer.__file__).parent
SCENE = "explorer/scene.json"
PATCHES = "explorer/patches.json"
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


def patches_scene(request: Request) -> Response:
    """The run of patches that the query names, at its last step."""
    try:
        run = Run.find(request.query_params.get("run", ""), runs_folder(), SHIPPED)
        content = _patches_scene(run.folder, run.snapshots[-1:])
    except UserError as error:
        return PlainTextResponse(str(error), 404)
    headers = {"content-encoding": "gzip", "cache-control": "no-cache"}
    return Response(content, media_type="application/json", headers=headers)


@lru_cache(maxsize=8)
def _patches_scene(folder: Path, steps: tuple[int, ...]) -> bytes:
    text = json.dumps(patches.scene(Run(folder), steps))
    return gzip.compress(text.encode(), COMPRESSION)


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
    told = scene(run, run.snapshots[-1:]) | {"patches": _of_patches()}
    text = json.dumps(told, allow_nan=False)
    return gzip.compress(text.encode(), COMPRESSION)


def _of_patches() -> str:
    """Where the shipped run of patches is fetched from; empty if there is none."""
    runs = [run.id for run in session.shipped_runs() if patches.is_of_patches(run)]
    return f"{PATCHES}?{urlencode({'run': runs[0]})}" if runs else ""
