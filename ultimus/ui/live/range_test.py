"""A range test on show: its curve, what is read from it, and three runs that show what it means."""

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from ...analysis import range_test
from ...analysis.range_test import NOTHING, RangeTest
from ...errors import counted
from ...links.pages import Lab, Train
from ...plots import range_test as plots
from ...plots.axes import alt
from ...plots.words import number
from ...recipe import written
from ...runs import sweep as sweeps
from ...runs.sweep import Entry, Sweep
from ..controls import starting
from ..controls.sweep import begin
from ..figures import board, figure
from ..state import browser, choices, guard

ABOUT = """
<p class="caption">The rate rises by the same factor at each step (Smith 2017). Where the loss falls
most steeply, the network learns fastest; where it rises again, the steps are too large. The loss is
smoothed as the package torch-lr-finder does it. A rate for a whole run lies between the steepest
point and the lowest: try it out.</p>
"""


def rows(sweep: Sweep, found: Sequence[Entry]) -> list[dict[str, Any]]:
    """The parts of its row."""
    test = sweeps.range_test(found)
    ended = sum(not sweeps.is_open(entry) for entry in found)
    facts = _facts(f"{ended} of {counted(len(found), 'seed')} done.", test)
    says_nothing = test.suggestion is None and not any(map(is_live, found))
    nothing = f'<p class="standing">{NOTHING}</p>' if says_nothing else ""
    return _row(test, facts + nothing + _reasons(found), sweep.id)


def is_live(entry: Entry) -> bool:
    """Whether a run waits or trains."""
    return entry.outcome is not None and entry.outcome.is_live


def example() -> None:
    """A test that comes with Ultimus, to look at where nothing was tried yet."""
    test, of = range_test.shipped()
    words = f"This one comes with Ultimus: {of}."
    board.show(board.message([_row(test, _facts(words, test), range_test.SHIPPED)]), "example")


def _row(test: RangeTest, facts: str, uirevision: str) -> list[dict[str, Any]]:
    fig = plots.range_curve(
        test.rates, test.smoothed, test.mean, suggestion=test.suggestion,
        suggestions=test.suggestions, diverging=test.diverging, uirevision=uirevision,
    )  # fmt: skip
    part = figure.part(fig, "range-test", alt(fig), plots.HEIGHT, share=1.4)
    return [part, board.html(facts + ABOUT)]


def _facts(begin: str, test: RangeTest) -> str:
    """What is read from it, as HTML."""
    parts = [begin]
    if test.suggestion is not None:
        parts.append(f"The mean falls most steeply at <b>{number(test.suggestion, 2)}</b>.")
    alone = test.suggestions[np.isfinite(test.suggestions)]
    if len(alone) > 1:
        parts.append(f"Each seed alone says {number(alone.min(), 2)} to {number(alone.max(), 2)}.")
    if test.diverging:
        parts.append(f"Training diverges from <b>{number(test.diverging, 2)}</b> on.")
    return f'<p class="standing">{" ".join(parts)}</p>'


def _reasons(found: Sequence[Entry]) -> str:
    """Why runs were interrupted, or could not begin."""
    reasons = dict.fromkeys(
        entry.outcome.reason
        for entry in found
        if entry.outcome and entry.outcome.reason
        if entry.outcome.state != "failed" or not entry.outcome.step  # to diverge is no surprise
    )
    return "".join(f'<p class="caption">{html.escape(reason)}</p>' for reason in reasons)


def three(found: Sequence[Entry]) -> None:
    """Offer runs at a low, a good and a high rate, from the same seed."""
    test = sweeps.range_test(found)
    rates = test.three
    if rates is None:
        return
    low, good, high = map(written, rates)
    end = "a diverging rate" if test.diverging else "the highest rate of the test"
    st.button(
        f"Train at {low}, {good} and {high}", icon=":material/play_arrow:", key="three rates",
        on_click=_begin, args=(rates,),
        help=f"A low rate, a good one and {end}: three runs of the recipe on the left, from the "
        "same seed.",
    )  # fmt: skip


@guard.click
def _begin(rates: tuple[float, ...]) -> None:
    choices.take_all(Train)  # what is shown now
    begin(sweeps.plan(starting.chosen(), {"lr": rates}, owner=browser.owner()))
    choices.change(Lab, tool="sweep")
