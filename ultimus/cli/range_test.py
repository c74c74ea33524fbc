"""`ultimus range-test`: which learning rates suit, read from some hundred steps of a rising rate.

It is a sweep over seeds, so that the same command again goes on where it stands.
"""

import argparse
import json
import math

import numpy as np

from ..analysis import range_test
from ..analysis.range_test import RangeTest
from ..errors import UserError
from ..recipe import Recipe
from ..runs import sweep as sweeps
from . import sweep as sweep_command
from .common import choice, given, note, open_data

ENDS = ("done", "failed")  # of a run whose rate rises until it diverges


def run(options: argparse.Namespace) -> int:
    """Make the test and say what it tells; returns the exit code."""
    choices = {name: choice(name, text) for name, text in given(options).items()}
    if theirs := [name for name in range_test.CHOSEN if name in choices]:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in theirs)
        raise UserError(f"A range test chooses {flags} itself: leave it out.")
    chosen = Recipe.of(**choices)
    images = len(open_data(chosen.data).train)
    recipe = range_test.recipe_for(chosen, images, options.low, options.high, options.steps)
    sweep = sweeps.plan(recipe, {}, options.seeds)
    sweep_command.train(sweep, options)
    runs = sweeps.entries(sweep, options.runs)
    found = sweeps.range_test(runs)
    if found.suggestion is not None:
        _print(found, options.json)
    sweep_command.check(runs, ENDS)
    if found.suggestion is None:
        raise UserError(range_test.NOTHING)
    return 0


def _print(found: RangeTest, as_json: bool) -> None:
    """The rates, how far single seeds lie apart, and what to do with them."""
    if as_json:
        print(json.dumps(_as_json(found)))
        return
    alone = found.suggestions[np.isfinite(found.suggestions)]
    seeds = f"mean of {len(found.losses)} seeds"
    if len(alone) > 1:
        seeds += f"; alone they suggest {alone.min():.2g} to {alone.max():.2g}"
    print(f"suggested rate {found.suggestion:.2g} ({seeds})")
    end = f"up to {found.rates[-1]:g} it does not diverge"
    print(f"diverging from {found.diverging:.2g}" if found.diverging else end)
    low, good, high = found.three
    note(f"compare a low, a good and a high rate: ultimus sweep --lr {low:g},{good:g},{high:g}")


def _as_json(found: RangeTest) -> dict:
    def known(values: np.ndarray) -> list:
        return [float(value) if math.isfinite(value) else None for value in values]

    return {
        "rates": known(found.rates),
        "losses": [known(seed) for seed in found.losses],
        "mean": known(found.mean),
        "suggestion": found.suggestion,
        "suggestions": known(found.suggestions),
        "diverging": found.diverging,
    }
