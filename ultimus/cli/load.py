"""`ultimus load`: a checkpoint becomes a run, which all pages show."""

import argparse

from ..runs.exchange import adopt_file, provenance
from .common import note


def run(options: argparse.Namespace) -> int:
    """Print the run's name; returns the exit code."""
    run = adopt_file(options.file, options.runs, options.weights)
    print(run.id)
    note(provenance(run))
    return 0
