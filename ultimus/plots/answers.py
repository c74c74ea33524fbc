"""Answers -> bars: probabilities of classes, after each pass and in each company, accuracies.

Figures hold the numbers they are given; only what is written on the screen is rounded. Every
figure says in words what it shows: `axes.alt`.

C: classes, K: draws of companions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from .axes import (
    DIGITS,
    TOP,
    diamond,
    figure,
    legend,
    margin,
    name_axis,
    name_room,
    percent_axis,
    rows_of_bars,
    upright,
)
from .style import GREY, WEIGHT
from .words import count_of, percent

WRITTEN = 3  # probabilities that stand beside their bars
ROOM = 1.22  # of the axis, where 100.0% still fits beside its bar


def class_bars(
    probabilities: ArrayLike,
    classes: Sequence[str],
    colors: Sequence[str],
    *,
    truth: int | None = None,
    title: str = "Answer",
) -> go.Figure:
    """The probability of each class; the largest with their values.

    Args:
        probabilities: (C,).
        classes: (C,) names.
        colors: (C,) one for each class.
        truth: the right class, which is marked.
        title: above the figure.
    """
    values = np.asarray(probabilities)
    order = np.argsort(-values, kind="stable")[:WRITTEN]
    hover = f"%{{customdata}}: <b>%{{x:{DIGITS}}}</b>"
    marker = {"color": list(colors)}
    bars = rows_of_bars(values, classes, "probability", 0.72, hover, marker) | {
        "texttemplate": ["%{x:.1%}" if i in order else "" for i in range(values.size)],
        "textposition": "outside",
    }
    names = [f"<b>{name} ✓</b>" if i == truth else name for i, name in enumerate(classes)]
    layout = {
        "margin": margin(name_room(names), 8, TOP, 26),
        "xaxis": percent_axis(ROOM) | {"tickvals": [0, 0.2, 0.4, 0.6, 0.8, 1]},
        "yaxis": name_axis(names),
    }
    words = f"{title}: " + ", ".join(f"{classes[i]} {percent(values[i])}" for i in order)
    words += f"; the right answer is {classes[truth]}." if truth is not None else "."
    return figure([bars], layout, title, words)


def spread_figure(
    probabilities: ArrayLike,
    alone: ArrayLike,
    classes: Sequence[str],
    colors: Sequence[str],
) -> go.Figure:
    """The answers for one image in many companies: a dot for each, the mean, and alone.

    The dots of a class are spread over its row in the order of the draws, so that they show.

    Args:
        probabilities: (K, C).
        alone: (C,), in a group of one.
        classes: (C,) names.
        colors: (C,) one for each class.
    """
    values, alone = np.asarray(probabilities), np.asarray(alone)
    mean = values.mean(axis=0)
    bar = {"symbol": "line-ns", "size": 20, "line": {"width": 2.5, "color": GREY}}
    data = [
        _dots(values, classes, colors),
        _mark(mean, classes, "mean", bar),
        _mark(alone, classes, "alone", diamond("#FFFFFF", 8)),
    ]
    layout = {
        "margin": margin(name_room(classes) + 8, 14, TOP + 26, 26),
        "showlegend": True,
        "legend": legend(),
        "xaxis": percent_axis(1.0),
        "yaxis": name_axis(classes) | {"ticklabelstandoff": 12},
    }
    title = f"Among {count_of(len(values), 'group')} of companions"
    return figure(data, layout, title, _words_of_spread(values, mean, alone, classes, title))


def _dots(values: np.ndarray, classes: Sequence[str], colors: Sequence[str]) -> dict:
    draws, count = values.shape
    offset = (np.arange(draws) + 0.5) / draws * 0.56 - 0.28
    return {
        "type": "scatter", "mode": "markers", "name": count_of(draws, "group"),
        "x": values.ravel(), "y": (np.arange(count) + offset[:, None]).ravel(),
        "marker": {"size": 5, "opacity": 0.75, "color": list(colors) * draws},
        "customdata": [f"draw {d}, {name}" for d in range(draws) for name in classes],
        "hovertemplate": f"%{{customdata}}: <b>%{{x:{DIGITS}}}</b><extra></extra>",
        "cliponaxis": False,
    }  # fmt: skip


def _mark(values: np.ndarray, classes: Sequence[str], name: str, marker: dict) -> dict:
    return {
        "type": "scatter", "mode": "markers", "name": name, "x": values, "marker": marker,
        "y": list(range(values.size)), "customdata": list(classes), "cliponaxis": False,
        "hovertemplate": f"{name}, %{{customdata}}: <b>%{{x:{DIGITS}}}</b><extra></extra>",
    }  # fmt: skip


def _words_of_spread(
    values: np.ndarray, mean: np.ndarray, alone: np.ndarray, classes: Sequence[str], title: str
) -> str:
    top = mean.argmax()
    changed = (values.argmax(axis=1) != top).sum()
    return (
        f"{title}: {classes[top]} gets {percent(mean[top])} on average, from "
        f"{percent(values[:, top].min())} to {percent(values[:, top].max())}, and "
        f"{percent(alone[top])} alone; another class is first in {changed} of {len(values)}."
    )


def ablation_bars(
    names: Sequence[str],
    values: ArrayLike,
    reference: float | None = None,
    *,
    title: str = "Accuracy",
) -> go.Figure:
    """Accuracies, in percent.

    Args:
        names: (N,) what was changed.
        values: (N,) fractions.
        reference: drawn as a dotted line.
        title: above the figure.
    """
    values = np.asarray(values)
    hover = f"%{{customdata}}: <b>%{{x:{DIGITS}}}</b>"
    bars = rows_of_bars(values, names, title, 0.62, hover, {"color": WEIGHT}) | {
        "texttemplate": "%{x:.1%}", "textposition": "auto", "insidetextanchor": "end",
        "constraintext": "none", "textfont": {"size": 12}, "textangle": 0,
    }  # fmt: skip
    top = max(values.max(initial=0), reference or 0) or 1
    layout = {
        "margin": margin(name_room(names), 8, TOP, 26),
        "xaxis": percent_axis(top * 1.04),
        "yaxis": name_axis(names),
        "shapes": [] if reference is None else [upright(reference)],
    }
    listed = ", ".join(
        f"{name} {percent(value)}" for name, value in zip(names, values, strict=True)
    )
    return figure([bars], layout, title, f"{title}: {listed}.")


def ablation_height(count: int) -> int:
    """Pixels for `ablation_bars` of so many rows."""
    return TOP + 26 + 30 * count
