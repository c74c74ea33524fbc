"""`ultimus app`: the app, in a browser."""

import argparse
import os
import sys
from typing import NoReturn

from .. import SPIN_COUNT
from ..places import APP


def run(options: argparse.Namespace) -> NoReturn:
    """Become the server."""
    if os.environ["GOMP_SPINCOUNT"] == SPIN_COUNT:
        del os.environ["GOMP_SPINCOUNT"]  # the app has a count of its own
    command = [sys.executable, "-m", "streamlit", "run", str(APP), *options.others]
    os.execv(sys.executable, command)
