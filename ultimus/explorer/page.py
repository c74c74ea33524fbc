"""The page in a file: one HTML file with all that it needs, to be opened from a disk.

A file may not load others beside it, but an import map may name modules by data: addresses. So the
modules keep their own files, and import each other by the names that the map gives them.
"""

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..places import ASSETS
from ..runs.run import Run
from . import patches
from .scene import Pictures, scene

_HERE = Path(__file__).parent
SHEETS = ("page", "lesson", "patches")
_BESIDE = re.compile(r'^(import [^;]+ from) "\./(\w+)\.js";$', re.M)  # a module beside it


def name(run: Run) -> str:
    """What the file of a run is called."""
    return f"ultimus-{run.id}.html"


def page(
    run: Run,
    lesson: dict[str, Any] | None = None,
    shown: Pictures | None = None,
    others: Mapping[Run, Pictures | None] = {},
) -> bytes:
    """The file of a run.

    Args:
        run: any run.
        lesson: that runs beside it, as `lesson.js` draws it.
        shown: its pictures, see `scene`.
        others: runs that the lesson speaks of besides, and their pictures.

    Raises:
        UserError: see `scene`.
    """
    parts = {
        "icon": _base64((ASSETS / "icon.svg").read_bytes()),
        "styles": "".join((_HERE / f"{sheet}.css").read_text() for sheet in SHEETS),
        "modules": json.dumps({"imports": _modules()}),
        "scene": _inside_a_script(_scene(run, shown)),
        "lesson": _inside_a_script(json.dumps(lesson)),
        "others": _inside_a_script(f"[{','.join(_scene(*other) for other in others.items())}]"),
    }
    html = (_HERE / "page.html").read_text()
    return re.sub(r"@(\w+)@", lambda found: parts[found[1]], html).encode()


def _scene(run: Run, shown: Pictures | None) -> str:
    make = patches.scene if patches.is_of_patches(run) else scene
    return json.dumps(make(run, shown=shown), allow_nan=False)


def _modules() -> dict[str, str]:
    """The address of each module by its name."""
    return {
        f"ultimus/{file.stem}": f"data:text/javascript;base64,{_base64(_by_name(file).encode())}"
        for file in sorted(_HERE.glob("*.js"))
    }


def _by_name(file: Path) -> str:
    """A module whose imports are names, since a data: address has nothing beside it."""
    return _BESIDE.sub(r'\1 "ultimus/\2";', file.read_text())


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _inside_a_script(text: str) -> str:
    """JSON that cannot end the element it stands in."""
    return text.replace("<", "\\u003c")
