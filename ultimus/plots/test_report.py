"""What a test set says -> figures: confusions, accuracies with intervals, calibration.

Figures hold the numbers they are given; only what is written on the screen is rounded. Every
figure says in words what it shows: `axes.alt`.

C: classes, M: bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from .axes import (
    BAND,
    GAP,
    TOP,
    axis_title,
    band_shapes,
    figure,
    legend,
    margin,
    name_axis,
    name_room,
    percent_axis,
    rectangle,
    rows_of_bars,
    scales,
    upright,
)
from .style import BLUE, GREY, ORANGE, WEIGHT
from .words import percent, short

HEIGHT = 500  # pixels of the confusion matrix; pass the same to `ui.figures.figure.show`
CALIBRATION_HEIGHT = 340
SIZES_HEIGHT = 320
RIGHT_COLOR = "rgba(136,136,136,0.22)"  # the diagonal, on pages of either theme
CLEAR = 1 / 7  # of the colour scale: below, cells are nearly the page's colour
BELOW = 10  # pixels under the cells
EDGE = 2 * GAP + BAND  # pixels from the cells to the names of classes
IDEAL = {"type": "line", "x0": 0, "y0": 0, "x1": 1, "y1": 1, "layer": "below",
         "line": {"width": 1.5, "dash": "dot", "color": GREY}}  # fmt: skip
FAINT = 0.75  # opacity of bars, so that lines over them show on pages of either theme
SORTED_NAME = "sorted by class"
BEYOND = 0.19  # how far beyond 100 % the axis of accuracies reaches, for what is written there


def confusion_map(
    counts: ArrayLike,
    classes: Sequence[str],
    colors: Sequence[str],
    *,
    selected: tuple[int | None, int | None] = (None, None),
) -> go.Figure:
    """How often class i (row) is predicted as class j (column), as a share of the row.

    A click's `point` is the cell (i, j). The right ones, on the diagonal, are grey: they are so
    many that on one scale with the mistakes nothing else could be told apart.

    Args:
        counts: (C, C), images of class i that are predicted as class j.
        classes: (C,) names.
        colors: (C,) one for each class.
        selected: the cell, row (i, None) or column (None, j) to outline.
    """
    title = "Confusion matrix, in % of each true class"
    counts = np.asarray(counts)
    cells, top = _cells(counts, classes)
    scale, dark = scales(False)
    layout = {
        **_axes_of_classes([short(name, 12) for name in classes], classes, colors),
        "coloraxis": {"cmin": 0.0, "cmax": top, "colorscale": scale, "showscale": False},
    }
    layout["shapes"] += _outline(selected, len(counts))
    words = _words_of_confusions(counts, classes, title)
    return figure(cells, layout, title, words, dark, "confusion")


def _axes_of_classes(names: Sequence[str], classes: Sequence[str], colors: Sequence[str]) -> dict:
    """Classes against classes, with their colours between the cells and the names."""
    count = len(names)
    room = 10 + EDGE + 0.71 * 6.6 * max(map(len, names))  # of names at 45 degrees
    above = TOP + 22 + room
    axis = {
        "fixedrange": True, "showgrid": False, "zeroline": False, "ticks": "", "type": "category",
        "tickmode": "array", "tickvals": list(classes), "ticktext": names, "tickfont": {"size": 12},
        "ticklabelstandoff": EDGE,
    }  # fmt: skip
    columns = {"range": [-0.5, count - 0.5], "side": "top", "tickangle": -45}
    pixels = {"xref": "x domain", "yref": "y", "xsizemode": "pixel", "xanchor": 0}
    near, far = (1 + pixels / (HEIGHT - above - BELOW) for pixels in (GAP, GAP + BAND))
    return {
        "margin": margin(30 + name_room(names), 34, above, BELOW),
        "xaxis": axis | axis_title("predicted class", 6) | columns,
        "yaxis": axis | axis_title("true class", 8) | {"range": [count - 0.5, -0.5]},
        "shapes": [
            *band_shapes(colors, "y", (-GAP, -GAP - BAND), pixels),
            *band_shapes(colors, "x", (near, far), {"xref": "x", "yref": "y domain"}),
        ],
    }


def accuracy_bars(
    names: Sequence[str],
    colors: Sequence[str],
    values: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    overall: float,
) -> go.Figure:
    """Accuracies with their intervals, the first at the top.

    Args:
        names: (C,) of the classes.
        colors: (C,) of the classes.
        values: (C,) fractions; NaN where there is nothing to measure.
        low: (C,) where the intervals begin.
        high: (C,) where they end.
        overall: of all classes together, drawn as a dotted line.
    """
    title = "Accuracy of each class"
    values = np.asarray(values, float)
    intervals = list(zip(np.asarray(low), np.asarray(high), strict=True))
    known = np.isfinite(values).tolist()
    spans = [
        f"{percent(a)} to {percent(b)}" if is_known else "no images"
        for (a, b), is_known in zip(intervals, known, strict=True)
    ]
    hover = "%{customdata[0]}: <b>%{x:.1%}</b><br>95 %: %{customdata[1]}"
    marker = {"color": list(colors), "opacity": FAINT}
    names_and_spans = [list(pair) for pair in zip(names, spans, strict=True)]
    bars = rows_of_bars(values, names_and_spans, title, 0.68, hover, marker)
    layout = {
        "margin": margin(name_room(names), 6, TOP, 26),
        "xaxis": percent_axis(1 + BEYOND) | {"tickvals": [0, 0.25, 0.5, 0.75, 1]},
        "yaxis": name_axis(names),
        "annotations": [_at_the_end(row, value) for row, value in enumerate(values)],
        "shapes": [
            *(_interval(row, *ends) for row, ends in enumerate(intervals) if known[row]),
            upright(overall),
        ],
    }
    words = f"{title}: " + ", ".join(
        f"{name} {percent(value)} ({span})" if is_known else f"{name} no images"
        for name, value, span, is_known in zip(names, values, spans, known, strict=True)
    )
    words += f"; all together {percent(overall)}."
    return figure([bars], layout, title, words)


def _at_the_end(row: int, value: float) -> dict:
    """A value, right of all bars."""
    return {
        "x": 1 + BEYOND, "xanchor": "right", "y": row, "showarrow": False, "font": {"size": 12},
        "text": percent(value) if np.isfinite(value) else "–",
    }  # fmt: skip


def bars_height(count: int) -> int:
    """Pixels for `accuracy_bars` of so many classes."""
    return TOP + 26 + 31 * count


def calibration_figure(
    count: ArrayLike,
    confidence: ArrayLike,
    right: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
) -> go.Figure:
    """A reliability diagram (DeGroot & Fienberg 1983), and below how many answers there are.

    Args:
        count: (M,) answers in each bin of the probability.
        confidence: (M,) their mean probability; NaN in an empty bin.
        right: (M,) how many of them are right.
        low: (M,) where the interval of the accuracy begins.
        high: (M,) where it ends.
    """
    count, sure, low, high = map(np.asarray, (count, confidence, low, high))
    filled = count > 0
    shares = np.asarray(right)[filled] / count[filled]
    answers = _Answers(sure[filled], shares, low[filled], high[filled], count[filled])
    layout = {
        "margin": margin(62, 16, TOP + 4, 42),
        **_axes_of_calibration(),
        "shapes": [IDEAL],
        "annotations": [_note("underconfident", 0.02, 0.98), _note("overconfident", 0.98, 0.03)],
    }
    story = ", ".join(
        f"at {percent(s, 0)} it is right in {percent(r)} of {int(n):,}"
        for s, r, n in zip(answers.sure, shares, answers.count, strict=True)
    )
    return figure(
        [_dots(answers), _how_many(count)], layout, "Calibration", f"Calibration: {story}."
    )


def size_figure(sizes: ArrayLike, shuffled: ArrayLike, by_class: ArrayLike) -> go.Figure:
    """What accuracy depends on besides the weights: how many images sit together, and which.

    Args:
        sizes: (N,) images in a group, increasing.
        shuffled: (N,) accuracies 0...1 in shuffled groups.
        by_class: (N,) accuracies in groups that are sorted by class.
    """
    title = "Accuracy by group size and order"
    sizes = np.asarray(sizes)
    lines = {"shuffled": (np.asarray(shuffled), BLUE), SORTED_NAME: (np.asarray(by_class), ORANGE)}
    traces = [
        {
            "type": "scatter", "mode": "lines+markers", "name": name, "x": sizes, "y": values,
            "line": {"color": color, "width": 2}, "marker": {"size": 7, "color": color},
            "hovertemplate": f"{name}, groups of %{{x:,}}: <b>%{{y:.1%}}</b><extra></extra>",
        }
        for name, (values, color) in lines.items()
    ]  # fmt: skip
    bare = {"fixedrange": True, "zeroline": False, "tickfont": {"size": 12}}
    layout = {
        "margin": margin(44, 16, TOP + 26, 46),
        "xaxis": bare
        | axis_title("images in a group", 6)
        | {"type": "log", "tickvals": [*sizes[:-1:2], sizes[-1]], "tickformat": ","},
        # no title, which plotly moves into the figure to keep clear of the legend
        "yaxis": bare | {"tickformat": ".0%", "nticks": 6},
        "showlegend": True,
        "legend": legend(),
    }
    story = "; ".join(
        f"{name}: " + ", ".join(
            f"{percent(value)} in groups of {int(size):,}"
            for size, value in zip(sizes, values, strict=True)
        )
        for name, (values, _) in lines.items()
    )  # fmt: skip
    return figure(traces, layout, title, f"{title}. {story}.")


class _Answers(NamedTuple):
    """The bins that have answers; all (M,)."""

    sure: np.ndarray
    right: np.ndarray
    low: np.ndarray
    high: np.ndarray
    count: np.ndarray


def _dots(answers: _Answers) -> dict:
    """How often the answers of a bin are right, with the interval."""
    sure, right, low, high, count = answers
    return {
        "type": "scatter", "mode": "lines+markers", "name": "answers", "cliponaxis": False,
        "x": sure, "y": right, "line": {"width": 1, "color": WEIGHT},
        "marker": {"size": 7, "color": WEIGHT},
        "error_y": {
            "type": "data", "symmetric": False, "array": high - right, "arrayminus": right - low,
            "thickness": 1.5, "width": 4, "color": WEIGHT,
        },
        "customdata": [
            [f"{percent(a)} to {percent(b)}", f"{int(n):,}"]
            for a, b, n in zip(low, high, count, strict=True)
        ],
        "hovertemplate": "says %{x:.1%}, is right in <b>%{y:.1%}</b><br>95 %: %{customdata[0]}"
        "<br>%{customdata[1]} answers<extra></extra>",
    }  # fmt: skip


def _how_many(count: np.ndarray) -> dict:
    """The number of answers in each bin."""
    bins = count.size
    edges = np.arange(bins + 1) / bins
    return {
        "type": "bar", "x": edges[:-1] + 0.5 / bins, "y": count, "width": 0.92 / bins,
        "yaxis": "y2", "name": "how many", "marker": {"color": GREY, "opacity": 0.6},
        "customdata": [f"{a:.0%} to {b:.0%}" for a, b in pairwise(edges)],
        "hovertemplate": "%{customdata}: <b>%{y:,}</b> answers<extra></extra>",
    }  # fmt: skip


def _axes_of_calibration() -> dict:
    """Shares against probabilities, and below how many answers there are."""
    bare = {"fixedrange": True, "zeroline": False, "tickfont": {"size": 11}}
    shares = bare | {"tickformat": ".0%", "range": [0, 1]}
    counts = {"domain": [0, 0.22], "nticks": 3, "rangemode": "tozero", "tickformat": ","}
    probability = {"anchor": "y2", "showgrid": False, "dtick": 0.2, "ticklabelstandoff": 5}
    return {
        "xaxis": shares | probability | axis_title("confidence", 6),
        "yaxis": shares | {"domain": [0.32, 1], "dtick": 0.25} | axis_title("accuracy", 8),
        "yaxis2": bare | counts | axis_title("answers", 8),
    }


# Parts --------------------------------------------------------------------------------------------


def _interval(row: int, low: float, high: float) -> dict:
    """A line with ends, in the colour of the page's text, which an error bar cannot take."""
    ends = "".join(f"M{x:.5f},{row - 0.16}V{row + 0.16}" for x in (low, high))
    return {"type": "path", "path": f"M{low:.5f},{row}H{high:.5f}{ends}", "line": {"width": 1.5}}


def _cells(counts: np.ndarray, classes: Sequence[str]) -> tuple[list[dict], float]:
    """The mistakes, the right ones and the numbers in cells; and where the colour scale ends."""
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, where=totals > 0, out=np.zeros(counts.shape))
    right = np.eye(len(counts), dtype=bool)
    top = shares[~right].max(initial=0) or 1.0
    written = np.vectorize(_written, otypes=[object])(counts, shares)
    words, names = np.vectorize(_cell_words, otypes=[object]), np.array(classes, object)
    strong = ~right & (shares >= CLEAR * top)
    both = {
        "type": "heatmap", "x": list(classes), "y": list(classes), "hoverongaps": False,
        "hovertext": words(counts, totals, names[:, None], names).tolist(),
        "hovertemplate": "%{hovertext}<extra></extra>", "xgap": 1, "ygap": 1,
    }  # fmt: skip
    mistakes = {
        **both, "z": np.where(right, np.nan, shares), "coloraxis": "coloraxis", "name": "mistakes",
        "text": np.where(strong, written, "").tolist(), "texttemplate": "%{text}",
        "textfont": {"size": 12},
    }  # fmt: skip
    diagonal = {
        **both, "z": np.where(right, shares, np.nan), "name": "right", "showscale": False,
        "colorscale": [[0, RIGHT_COLOR], [1, RIGHT_COLOR]],
    }  # fmt: skip
    return [mistakes, diagonal, _texts(np.where(strong, "", written), classes)], top


def _cell_words(count: int, total: int, true: str, called: str) -> str:
    if not total:
        return f"no images of the class {true}"
    what = f"{true}, correct" if true == called else f"{true}, predicted as {called}"
    return f"{what}:<br><b>{count:,}</b> of {total:,} ({percent(count / total)})"


def _written(count: int, share: float) -> str:
    """A share in percent, short enough for a cell."""
    if not count:
        return ""
    whole = f"{share * 100:.0f}"
    return "<1" if whole == "0" else whole


def _texts(texts: np.ndarray, classes: Sequence[str]) -> dict:
    """Numbers in cells of the page's own colour, in that of its text.

    The heatmap cannot write these itself: it would choose black or white as for a white page.
    """
    cells = [(i, j) for i, j in np.argwhere(texts != "")]
    return {
        "type": "scatter", "mode": "text",
        "x": [classes[j] for _, j in cells], "y": [classes[i] for i, _ in cells],
        "text": [f"<b>{texts[i, j]}</b>" if i == j else str(texts[i, j]) for i, j in cells],
        "textfont": {"size": 12}, "hoverinfo": "skip", "name": "percent", "cliponaxis": False,
    }  # fmt: skip


def _note(text: str, x: float, y: float) -> dict:
    """A remark in a corner of the plot."""
    place = {"x": x, "xanchor": "left" if x < 0.5 else "right", "y": y,
             "yanchor": "bottom" if y < 0.5 else "top"}  # fmt: skip
    return {"text": text, "showarrow": False, "font": {"size": 12, "color": GREY}, **place}


def _outline(selected: tuple[int | None, int | None], count: int) -> list[dict]:
    """A frame around a cell, a row or a column: white on black stands out from any colour."""
    if selected == (None, None):
        return []
    (y0, y1), (x0, x1) = (
        (-0.5, count - 0.5) if at is None else (at - 0.5, at + 0.5) for at in selected
    )
    place = {"x0": x0, "x1": x1, "y0": y0, "y1": y1}
    return [rectangle("#000000", 4.5, **place), rectangle("#FFFFFF", 2, **place)]


def _words_of_confusions(counts: np.ndarray, classes: Sequence[str], title: str) -> str:
    """Names how many are right, and the three most frequent mistakes."""
    totals = counts.sum(axis=1)
    wrong = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    order = np.argsort(-wrong, axis=None, kind="stable")[:3]
    cells = [(i, j) for i, j in zip(*np.unravel_index(order, wrong.shape), strict=True)
             if wrong[i, j]]  # fmt: skip
    mistakes = ", ".join(
        f"{classes[i]} predicted as {classes[j]} ({wrong[i, j]:,} of {totals[i]:,})"
        for i, j in cells
    )
    right = f"{title}: {np.trace(counts):,} of {counts.sum():,} correct"
    return f"{right}; most often {mistakes}." if mistakes else f"{right}."
