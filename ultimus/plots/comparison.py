"""Curves of several runs in one figure, each run in its colour."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .curves import Figure, smooth, thin
from .style import CLASS_COLORS

HEIGHT = 360
SMOOTHING = 30  # span of `curves.smooth`, in points
POINTS = 400  # of a run
READABLE = (6, 4, 9, 5, 0, 2, 8, 3)
"""Of CLASS_COLORS: those of which thin lines are seen on either page, the clearest first."""
WIDE = 5  # longest run / shortest, from which on epochs stand on a logarithmic axis
SHOWN = 20  # of it: the shortest run's length / the first epoch that is shown


class Series(NamedTuple):
    """A run's numbers.

    Attributes:
        name: of the run.
        x: (N,) epochs, increasing.
        y: (N,) values; may hold NaN.
    """

    name: str
    x: ArrayLike
    y: ArrayLike


def colors(count: int) -> list[str]:
    """A colour for each run."""
    return [CLASS_COLORS[place] for place in READABLE[:count]]


def curves(
    title: str, series: list[Series], *, is_share: bool = False, smoothing: float = 1
) -> Figure:
    """One line for each run, on the same axes.

    Args:
        title: what the values are.
        series: of each run, in order.
        is_share: whether values are fractions, shown in percent.
        smoothing: span of `curves.smooth`; 1 changes nothing.
    """
    lines = [
        _line(one, color, ".1%" if is_share else ".3f", smoothing)
        for one, color in zip(series, colors(len(series)), strict=True)
    ]
    layout = {
        "title": {"text": title, "font": {"size": 16, "weight": 600}, "x": 0, "xref": "container",
                  "pad": {"t": 4, "l": 4}, "y": 1, "yref": "container", "yanchor": "top"},
        "font": {"size": 13},
        "margin": {"l": 50, "r": 14, "t": 34, "b": 48, "autoexpand": False},
        "showlegend": False,  # the table has names and colours
        "hovermode": "x unified",
        "uirevision": title,
        "xaxis": {"showgrid": False, "zeroline": False, "showline": True, "ticks": "outside",
                  "unifiedhovertitle": {"text": "epoch %{x:.2f}"}, **_epochs(lines)},
        "yaxis": {"zeroline": False, "nticks": 6, "ticklabelstandoff": 6,
                  **({"tickformat": ".0%", "rangemode": "tozero"} if is_share else _view(lines))},
    }  # fmt: skip
    return {"data": lines, "layout": layout}


def words(title: str, names: list[str]) -> str:
    """What such a figure shows, for those who cannot see it."""
    return f"{title} over the epochs of {len(names)} runs: {'; '.join(names)}"


def _line(series: Series, color: str, form: str, smoothing: float) -> dict:
    x, y = np.asarray(series.x, float), np.asarray(series.y, float)
    known = np.isfinite(y)
    x, y = thin(x[known], smooth(y[known], smoothing), POINTS)
    return {
        "type": "scatter", "name": series.name,
        "x": x.astype(np.float32), "y": y.astype(np.float32),
        "mode": "lines+markers" if len(y) < 60 else "lines", "hovertemplate": f"%{{y:{form}}}",
        "line": {"color": color, "width": 2.5}, "marker": {"size": 5, "color": color},
    }  # fmt: skip


def _epochs(lines: list[dict]) -> dict:
    """An axis on which the shortest run can be seen beside the longest."""
    lengths = [float(line["x"][-1]) for line in lines if len(line["x"]) and line["x"][-1] > 0]
    if not lengths or max(lengths) < WIDE * min(lengths):
        return {
            "title": {"text": "epoch", "standoff": 10, "font": {"size": 13}},
            "rangemode": "tozero",
        }
    ends = np.log10([min(lengths) / SHOWN, 1.05 * max(lengths)])
    title = {"text": "epoch, on a logarithmic axis", "standoff": 10, "font": {"size": 13}}
    return {"title": title, "type": "log", "range": ends.tolist(), "dtick": 1, "tickformat": "~g"}


def _view(lines: list[dict]) -> dict:
    """A range that one exploding run does not take from the others: up to 1.5 times the largest
    beginning; a double click shows all."""
    begins = [float(line["y"][0]) for line in lines if len(line["y"])]
    values = np.concatenate([line["y"] for line in lines]) if begins else np.empty(0)
    if not begins or values.max() <= 1.5 * max(begins):
        return {}
    return {"range": [float(values.min()) * 0.95, 1.5 * max(begins)]}
