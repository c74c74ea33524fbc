"""Where things lie: what comes with Ultimus, and what it keeps on this machine."""

import os
from pathlib import Path

PACKAGE = Path(__file__).parent
CHECKOUT = PACKAGE.parent


def _place(installed: str, cloned: str) -> Path:
    """Where something lies that a wheel has inside the package, and a clone beside it."""
    inside = PACKAGE / installed
    return inside if inside.exists() else CHECKOUT / cloned


APP = _place("ui/server/app.py", "app.py")
ASSETS = _place("assets", "assets")
SHIPPED = ASSETS / "runs"
EXAMPLES = ASSETS / "examples"
OUTSIDERS = ASSETS / "outsiders"
LESSONS = _place("assets/lessons", "lessons")


def home() -> Path:
    """Where downloads and decoded copies live: ULTIMUS_HOME, or ~/.cache/ultimus."""
    return Path(os.path.expanduser(os.environ.get("ULTIMUS_HOME") or "~/.cache/ultimus"))


def runs_folder() -> Path:
    """Where runs are kept: ULTIMUS_RUNS, or `runs` where the program was started."""
    return Path(os.environ.get("ULTIMUS_RUNS") or "runs").resolve()


def lessons_folder() -> Path | None:
    """Where a teacher keeps lessons beside those that come with Ultimus: ULTIMUS_LESSONS."""
    named = os.environ.get("ULTIMUS_LESSONS")
    return Path(os.path.expanduser(named)) if named else None


def is_public() -> bool:
    """Whether strangers use this app, as ULTIMUS_PUBLIC says."""
    return bool(os.environ.get("ULTIMUS_PUBLIC"))
