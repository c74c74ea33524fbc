"""A range test -> a figure: the loss against the rising rate, and what is read from it.

S: seeds, N: steps.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from .axes import axis_title, figure, legend, margin, upright
from .style import BLUE, GREEN, GREY, VERMILION
from .words import number

HEIGHT = 420
ROOM = 0.15  # of the fall, above the first loss: what blows up goes on beyond the figure


def range_curve(
    rates: ArrayLike,
    smoothed: ArrayLike,
    mean: ArrayLike,
    *,
    suggestion: float | None = None,
    suggestions: ArrayLike = (),
    diverging: float | None = None,
    uirevision: str = "",
) -> go.Figure:
    """The smoothed losses of the seeds, faint, their mean, strong, and the rates that are read.

    Args:
        rates: (N,) rising.
        smoothed: (S, N) losses in nats; NaN where there is none.
        mean: (N,) likewise.
        suggestion: where the mean falls most steeply.
        suggestions: (S,) the same for each seed alone.
        diverging: from where on training diverges.
        uirevision: as long as it stays the same, the reader's zoom does too.
    """
    rates, smoothed, mean = (np.asarray(values, float) for values in (rates, smoothed, mean))
    seeds = [
        _line(rates, losses, "one seed", GREY, 1) | {"showlegend": not number, "opacity": 0.7}
        for number, losses in enumerate(smoothed)
    ]
    lines = [*seeds, _line(rates, mean, "mean of the seeds", BLUE, 2.5)]
    lines += _marks(rates, smoothed, np.asarray(suggestions, float))
    layout = {
        "margin": margin(50, 14, 60, 46),
        "xaxis": {
            "type": "log", "showgrid": False, "zeroline": False, "showline": True,
            "ticks": "outside", "ticklen": 4, "dtick": 1, "tickformat": "~g",
            "range": np.log10(rates[[0, -1]]).tolist(),
        } | axis_title("learning rate, rising with each step", 4),
        "yaxis": {"zeroline": False, "nticks": 6, "range": _range(mean)},
        "showlegend": True, "legend": legend(), "hovermode": "x",
        "shapes": _uprights(suggestion, diverging),
        "annotations": _labels(suggestion, diverging),
    }  # fmt: skip
    words = _words(suggestion, diverging)
    return figure(lines, layout, "Loss while the rate rises", words, None, uirevision)


def _line(x: np.ndarray, y: np.ndarray, name: str, color: str, width: float) -> dict:
    return {
        "type": "scatter", "mode": "lines", "x": x, "y": y, "name": name,
        "line": {"color": color, "width": width},
        "hovertemplate": "%{y:.3f} at %{x:.2~r}<extra></extra>",
    }  # fmt: skip


def _marks(rates: np.ndarray, smoothed: np.ndarray, suggestions: np.ndarray) -> list[dict]:
    """Where each seed alone falls most steeply."""
    places = [(seed, rates.searchsorted(rate)) for seed, rate in enumerate(suggestions)
              if np.isfinite(rate)]  # fmt: skip
    if not places:
        return []
    return [
        {
            "type": "scatter", "mode": "markers", "name": "steepest point of one seed",
            "x": [rates[place] for _, place in places],
            "y": [smoothed[seed, place] for seed, place in places],
            "marker": {"size": 8, "color": GREEN, "opacity": 0.8},
            "hovertemplate": "%{x:.2~r}<extra></extra>",
        }
    ]  # fmt: skip


def _range(mean: np.ndarray) -> list[float]:
    """From below the lowest mean to above the first one."""
    known = mean[np.isfinite(mean)]
    if not known.size:
        return [0, 2.5]
    low, high = known.min(), max(known[0], known[: known.argmin() + 1].max())
    room = ROOM * (high - low) or ROOM
    return [float(low - room), float(high + 2 * room)]


def _uprights(suggestion: float | None, diverging: float | None) -> list[dict]:
    return [
        upright(rate) | {"line": {"width": 2, "dash": "dot", "color": color}}
        for rate, color in ((suggestion, GREEN), (diverging, VERMILION))
        if rate
    ]


def _labels(suggestion: float | None, diverging: float | None) -> list[dict]:
    return [
        {
            "x": float(np.log10(rate)), "y": y, "yref": "paper", "yanchor": "top",
            "xanchor": "right", "showarrow": False, "text": f"{text} {number(rate, 2)}",
            "font": {"size": 13},  # in the page's colour: that of the line is too light to read
        }
        for rate, text, y in (
            (suggestion, "steepest at", 0.1), (diverging, "diverging from", 0.99),
        )
        if rate
    ]  # fmt: skip


def _words(suggestion: float | None, diverging: float | None) -> str:
    if suggestion is None:
        return "The loss against the learning rate; nothing is suggested yet."
    end = (
        f"training diverges from {number(diverging, 2)} on" if diverging else "it does not diverge"
    )
    return f"The loss falls most steeply at a learning rate of {number(suggestion, 2)}; {end}."
