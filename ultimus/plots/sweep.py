"""A sweep -> a figure: accuracy against a value, a point a run, mean and spread of the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from statistics import mean, stdev
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from .axes import axis_title, figure, legend, margin
from .style import BLUE, GREEN, GREY, ORANGE, VERMILION
from .words import number

HEIGHT = 400
WIDE = 5  # largest value / smallest, from which on values stand on a logarithmic axis
EDGE = 0.08  # of the axis, beyond the first value and the last
MARKS = {"done": "circle", "failed": "x"}  # of runs that have ended; others are open circles
COLORS = (BLUE, VERMILION, GREEN, ORANGE, GREY)

Value = float | str | None


class Dot(NamedTuple):
    """A run.

    Attributes:
        value: of the choice along the axis.
        line: which line it belongs to: what the other choice has.
        accuracy: on the test images, a fraction; the last one that was measured.
        state: how the run stands.
        run: its id, which a click reports as `customdata`.
        seed: of the run.
    """

    value: Value
    line: str
    accuracy: float
    state: str
    run: str
    seed: int


def accuracy_by_value(
    values: Sequence[Value], name: str, dots: Sequence[Dot], *, uirevision: str = ""
) -> go.Figure:
    """Accuracy against the values of a choice; a line through the means of runs that are done.

    Args:
        values: (V,) along the axis, in their order.
        name: of the choice.
        dots: the runs that have been tested.
        uirevision: as long as it stays the same, the reader's zoom does too.
    """
    places = _places(values)
    lines = dict.fromkeys(dot.line for dot in dots)
    data = []
    for line, color in zip(lines, cycle(COLORS), strict=False):
        found = [dot for dot in dots if dot.line == line]
        data += [_means(values, places, found, line, color), _runs(places, values, found, color)]
    layout = {
        "margin": margin(56, 14, 60, 52),
        "xaxis": _axis(values, places) | axis_title(name, 6),
        "yaxis": {
            "tickformat": ".0%",
            "zeroline": False,
            "nticks": 6,
            "ticklabelstandoff": 6,
            **({} if dots else {"range": [0, 1]}),
        },
        "showlegend": len(lines) > 1,
        "legend": legend(),
    }
    words = f"Test accuracy against {name}. {_words(values, dots)}"
    return figure(data, layout, "Test accuracy, mean and spread of seeds", words, None, uirevision)


def _places(values: Sequence[Value]) -> list[float]:
    """Where values stand: at themselves if they are numbers, else in a row."""
    if all(isinstance(value, int | float) for value in values):
        return [float(value) for value in values]
    return [float(place) for place in range(len(values))]


def _axis(values: Sequence[Value], places: Sequence[float]) -> dict:
    wide = min(places) > 0 and max(places) >= WIDE * min(places)
    low, high = np.log10([min(places), max(places)]) if wide else (min(places), max(places))
    room = EDGE * (high - low) or 0.5
    return {
        "range": [float(low - room), float(high + room)],
        "type": "log" if wide else "linear", "tickmode": "array", "tickvals": list(places),
        "ticktext": [_text(value) for value in values], "showgrid": False, "zeroline": False,
        "showline": True, "ticks": "outside", "ticklen": 4,
    }  # fmt: skip


def _text(value: Value) -> str:
    if isinstance(value, float):
        return number(value, 6)
    return "none" if value is None else str(value)


def _means(
    values: Sequence[Value], places: Sequence[float], dots: Sequence[Dot], line: str, color: str
) -> dict:
    """The means over the seeds, with their standard deviations."""
    found = [
        (place, accuracies)
        for value, place in zip(values, places, strict=True)
        if (accuracies := _done(value, dots))
    ]
    deviations = [stdev(some) if len(some) > 1 else 0 for _, some in found]
    return {
        "type": "scatter", "mode": "lines+markers", "name": line,
        "x": [place for place, _ in found], "y": [mean(some) for _, some in found],
        "line": {"color": color, "width": 2.5}, "marker": {"size": 3, "color": color},
        "error_y": {"type": "data", "array": deviations, "thickness": 1.5, "width": 6},
        "hoverinfo": "skip",
    }  # fmt: skip


def _done(value: Value, dots: Sequence[Dot]) -> list[float]:
    return [dot.accuracy for dot in dots if dot.value == value and dot.state == "done"]


def _runs(
    places: Sequence[float], values: Sequence[Value], dots: Sequence[Dot], color: str
) -> dict:
    where = dict(zip(values, places, strict=True))
    return {
        "type": "scatter", "mode": "markers", "name": "runs", "showlegend": False,
        "x": [where[dot.value] for dot in dots], "y": [dot.accuracy for dot in dots],
        "customdata": [dot.run for dot in dots],
        "text": [f"seed {dot.seed}, {dot.state}" for dot in dots],
        "marker": {
            "size": 10, "color": color, "opacity": 0.75,
            "symbol": [MARKS.get(dot.state, "circle-open") for dot in dots],
        },
        "hovertemplate": "%{y:.2%}, %{text}<br>click to open<extra></extra>",
    }  # fmt: skip


def _words(values: Sequence[Value], dots: Sequence[Dot]) -> str:
    parts = [
        f"{_text(value)}: {mean(accuracies):.1%} ({len(accuracies)} runs)"
        for value in values
        if (accuracies := _done(value, dots))
    ]
    return "; ".join(parts) + "." if parts else "No run is done yet."
