"""What a test set says -> figures: confusions, accuracies with intervals, calibration.

Figures hold the numbers they are given; only what is written on the screen is rounded. Every
figure says in words what it shows: `attention_plots.alt`.

C: classes, M: bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from .attention import BAND, GAP, TOP, _scales, _short, band_shapes, figure, rectangle
from .style import GREY, WEIGHT
from .vectors import _name_axis, _name_room, _percent, _percent_axis

HEIGHT = 500  # pixels of the confusion matrix; pass the same to `ui.figure.show`
CALIBRATION_HEIGHT = 340
RIGHT_COLOR = "rgba(136,136,136,0.22)"  # the diagonal, on pages of either theme
CLEAR = 1 / 7  # of the colour scale: below, cells are nearly the page's colour
BELOW = 10  # pixels under the cells
EDGE = 2 * GAP + BAND  # pixels from the cells to the names of classes
FAINT = 0.75  # opacity of bars, so that lines over them show on pages of either theme
TOLD = 0.19  # how far beyond 100 % the axis of accuracies reaches, for what is written there


def confusion_map(
    counts: ArrayLike,
    classes: Sequence[str],
    colors: Sequence[str],
    *,
    selected: tuple[int | None, int | None] = (None, None),
    title: str = "What each class is taken for, in %",
    height: int = HEIGHT,
) -> go.Figure:
    """How often class i (row) is taken for class j (column), as a share of the row.

    A click's `point` is the cell (i, j). The right ones, on the diagonal, are grey: they are so
    many that on one scale with the mistakes nothing else could be told apart.

    Args:
        counts: (C, C), images of class i that are taken for class j.
        classes: (C,) names.
        colors: (C,) one for each class.
        selected: the cell, row (i, None) or column (None, j) to outline.
        title: above the figure.
        height: in pixels, as it will be shown.
    """
    counts = np.asarray(counts)
    count, names = len(counts), [_short(name) for name in classes]
    cells, top = _cells(counts, classes)
    scale, dark = _scales(False)
    room = 10 + EDGE + 0.71 * 6.6 * max(map(len, names))  # of names at 45 degrees
    above = TOP + 22 + room
    stripe = [1 + pixels / (height - above - BELOW) for pixels in (GAP, GAP + BAND)]
    pixels = {"xref": "x domain", "yref": "y", "xsizemode": "pixel", "xanchor": 0}
    axis = {
        "fixedrange": True, "showgrid": False, "zeroline": False, "ticks": "", "type": "category",
        "tickmode": "array", "tickvals": list(classes), "ticktext": names, "tickfont": {"size": 12},
        "ticklabelstandoff": EDGE,
    }  # fmt: skip
    layout = {
        "margin": {"l": 30 + _name_room(names), "r": 34, "t": above, "b": BELOW,
                   "autoexpand": False},
        "coloraxis": {"cmin": 0.0, "cmax": top, "colorscale": scale, "showscale": False},
        "xaxis": {
            **axis, **_axis_title("is taken for", 6), "range": [-0.5, count - 0.5],
            "side": "top", "tickangle": -45,
        },
        "yaxis": {**axis, **_axis_title("true class", 8), "range": [count - 0.5, -0.5]},
        "shapes": [
            *band_shapes(colors, "y", (-GAP, -GAP - BAND), pixels),
            *band_shapes(colors, "x", tuple(stripe), {"xref": "x", "yref": "y domain"}),
            *_outline(selected, count),
        ],
    }  # fmt: skip
    words = _words_of_confusions(counts, classes, title)
    return figure(cells, layout, title, words, dark, "confusion")


def accuracy_bars(
    names: Sequence[str],
    colors: Sequence[str],
    values: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    overall: float | None = None,
    title: str = "Accuracy of each class",
) -> go.Figure:
    """Accuracies with their intervals, the first at the top.

    Args:
        names: (C,) of the classes.
        colors: (C,) of the classes.
        values: (C,) fractions; NaN where there is nothing to measure.
        low: (C,) where the intervals begin.
        high: (C,) where they end.
        overall: of all classes together, drawn as a dotted line.
        title: above the figure.
    """
    values, low, high = np.asarray(values, float), np.asarray(low), np.asarray(high)
    rows = list(range(values.size))
    known = np.isfinite(values)
    spans = [
        f"{_percent(a)} to {_percent(b)}" if is_known else "no pictures"
        for a, b, is_known in zip(low, high, known, strict=True)
    ]
    bars = {
        "type": "bar", "orientation": "h", "x": values, "y": rows, "width": 0.68, "name": title,
        "marker": {"color": list(colors), "opacity": FAINT}, "cliponaxis": False,
        "customdata": [list(pair) for pair in zip(names, spans, strict=True)],
        "hovertemplate": "%{customdata[0]}: <b>%{x:.1%}</b><br>95 %: %{customdata[1]}"
        "<extra></extra>",
    }  # fmt: skip
    told = [
        {
            "x": 1 + TOLD, "xanchor": "right", "y": row, "showarrow": False, "font": {"size": 12},
            "text": _percent(value) if is_known else "–",
        }
        for row, value, is_known in zip(rows, values, known, strict=True)
    ]  # fmt: skip
    axis = _percent_axis(1 + TOLD) | {"tickvals": [0, 0.25, 0.5, 0.75, 1]}
    layout = {
        "margin": {"l": _name_room(names), "r": 6, "t": TOP, "b": 26, "autoexpand": False},
        "xaxis": axis, "yaxis": _name_axis(names), "annotations": told,
        "shapes": [_interval(row, *ends) for row, ends in enumerate(zip(low, high, strict=True))
                   if known[row]],
    }  # fmt: skip
    words = f"{title}: " + ", ".join(
        f"{name} {_percent(value)} ({span})" if is_known else f"{name} no pictures"
        for name, value, span, is_known in zip(names, values, spans, known, strict=True)
    )
    if overall is not None:
        line = {"type": "line", "x0": overall, "x1": overall, "y0": 0, "y1": 1}
        layout["shapes"] += [line | {"yref": "y domain", "line": {"width": 1.5, "dash": "dot"}}]
        words += f"; all together {_percent(overall)}"
    return figure([bars], layout, title, f"{words}.")


def bars_height(count: int) -> int:
    """Pixels for `accuracy_bars` of so many classes."""
    return TOP + 26 + 31 * count


def calibration_figure(
    count: ArrayLike,
    confidence: ArrayLike,
    right: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    title: str = "Calibration",
) -> go.Figure:
    """A reliability diagram (DeGroot & Fienberg 1983), and below how many answers there are.

    Args:
        count: (M,) answers in each bin of the probability.
        confidence: (M,) their mean probability; NaN in an empty bin.
        right: (M,) how many of them are right.
        low: (M,) where the interval of the accuracy begins.
        high: (M,) where it ends.
        title: above the figure.
    """
    count, sure, low, high = map(np.asarray, (count, confidence, low, high))
    filled = count > 0
    bins = count.size
    shares = np.asarray(right)[filled] / count[filled]
    edges = np.arange(bins + 1) / bins
    names = [f"{a:.0%} to {b:.0%}" for a, b in pairwise(edges)]
    dots = {
        "type": "scatter", "mode": "lines+markers", "name": "answers", "cliponaxis": False,
        "x": sure[filled], "y": shares, "line": {"width": 1, "color": WEIGHT},
        "marker": {"size": 7, "color": WEIGHT},
        "error_y": {
            "type": "data", "symmetric": False, "array": high[filled] - shares,
            "arrayminus": shares - low[filled], "thickness": 1.5, "width": 4, "color": WEIGHT,
        },
        "customdata": [
            [f"{_percent(a)} to {_percent(b)}", f"{int(n):,}"]
            for a, b, n in zip(low[filled], high[filled], count[filled], strict=True)
        ],
        "hovertemplate": "says %{x:.1%}, is right in <b>%{y:.1%}</b><br>95 %: %{customdata[0]}"
        "<br>%{customdata[1]} answers<extra></extra>",
    }  # fmt: skip
    bars = {
        "type": "bar", "x": edges[:-1] + 0.5 / bins, "y": count, "width": 0.92 / bins,
        "yaxis": "y2", "name": "how many", "marker": {"color": GREY, "opacity": 0.6},
        "customdata": names,
        "hovertemplate": "%{customdata}: <b>%{y:,}</b> answers<extra></extra>",
    }  # fmt: skip
    ideal = {"type": "line", "x0": 0, "y0": 0, "x1": 1, "y1": 1, "layer": "below",
             "line": {"width": 1.5, "dash": "dot", "color": GREY}}  # fmt: skip
    percent = {"tickformat": ".0%", "fixedrange": True, "zeroline": False, "tickfont": {"size": 11}}
    layout = {
        "margin": {"l": 62, "r": 16, "t": TOP + 4, "b": 42, "autoexpand": False},
        "xaxis": {
            **percent, "range": [0, 1], "anchor": "y2", "showgrid": False, "dtick": 0.2,
            "ticklabelstandoff": 5, **_axis_title("probability of the answer", 6),
        },
        "yaxis": {
            **percent, "range": [0, 1], "domain": [0.32, 1], "dtick": 0.25,
            **_axis_title("are right", 8),
        },
        "yaxis2": {
            "domain": [0, 0.22], "fixedrange": True, "zeroline": False, "nticks": 3,
            "tickfont": {"size": 11}, "rangemode": "tozero", "tickformat": ",",
            **_axis_title("answers", 8),
        },
        "shapes": [ideal],
        "annotations": [_note("not sure enough", 0.02, 0.98), _note("too sure", 0.98, 0.03)],
    }  # fmt: skip
    story = ", ".join(
        f"at {_percent(s, 0)} it is right in {_percent(r)} of {int(n):,}"
        for s, r, n in zip(sure[filled], shares, count[filled], strict=True)
    )
    return figure([dots, bars], layout, title, f"{title}: {story}.")


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
        return f"no pictures of the class {true}"
    what = f"{true}, named rightly" if true == called else f"{true}, taken for {called}"
    return f"{what}:<br><b>{count:,}</b> of {total:,} ({_percent(count / total)})"


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


def _axis_title(text: str, standoff: float) -> dict:
    return {"title": {"text": text, "standoff": round(standoff), "font": {"size": 13}}}


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
    told = ", ".join(
        f"{classes[i]} taken for {classes[j]} ({wrong[i, j]:,} of {totals[i]:,})" for i, j in cells
    )
    right = f"{title}: {np.trace(counts):,} of {counts.sum():,} rightly named"
    return f"{right}; most often {told}." if told else f"{right}."
