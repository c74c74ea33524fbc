"""Where things lie: what comes with Ultimus, and what it keeps on this machine."""

import os
from pathlib import Path

PACKAGE = Path(__file__).parent
_installed, _checkout = PACKAGE / "assets", PACKAGE.parent / "assets"
ASSETS = _installed if _installed.is_dir() else _checkout  # a wheel has them inside the package
SHIPPED = ASSETS / "runs"
EXAMPLES = ASSETS / "examples"
OUTSIDERS = ASSETS / "outsiders"


def home() -> Path:
    """Where downloads and decoded copies live: ULTIMUS_HOME, or ~/.cache/ultimus."""
    return Path(os.path.expanduser(os.environ.get("ULTIMUS_HOME") or "~/.cache/ultimus"))


def runs_folder() -> Path:
    """Where runs are kept: ULTIMUS_RUNS, or `runs` where the program was started."""
    return Path(os.environ.get("ULTIMUS_RUNS") or "runs").resolve()
