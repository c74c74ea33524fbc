"""`ultimus rate`: another learning rate for a run that is trained just now."""

import argparse

from ..runs.control import ask_for_rate
from .common import find_run


def run(options: argparse.Namespace) -> int:
    """Ask for it; returns the exit code."""
    found = find_run(options.name, options.runs)
    ask_for_rate(found, options.factor)
    print(f"{found.id}: planned rate × {options.factor:g} from the next step on")
    return 0
