"""Vectors and answers -> bars: the numbers of one walked cell, and what they do to a prediction.

Figures hold the numbers they are given; only what is written on the screen is rounded. Every
figure says in words what it shows: `attention_plots.alt`.

B: images in a group, H: numbers of a vector (8 or 48), C: classes, K: draws of companions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from .attention import (
    BAND,
    DIGITS,
    GAP,
    ROLES,
    TOP,
    Faces,
    Role,
    band_shapes,
    count_of,
    figure,
    image,
    number,
    rectangle,
)
from .style import BLUE, GREY, NEGATIVE, POSITIVE, VERMILION, WEIGHT

BAR_HEIGHT = 260  # pixels; pass the same to `ui.figure.show`
PICTURE = 30  # pixels of a picture under a bar, at most
TINTS = ("#00694C", "#119C76", "#59B795", "#9AD3BB")  # of the green of values, the largest first
FADED = 0.4  # opacity of what a reader should not take for more than it is


# Vectors ------------------------------------------------------------------------------------------


def vector_bars(
    values: ArrayLike,
    role: Role,
    *,
    zmax: float | None = None,
    title: str | None = None,
    height: int = 200,
) -> go.Figure:
    """The numbers of one vector, in the colour of what it is.

    Args:
        values: (H,).
        role: what the vector is.
        zmax: the axis runs from -zmax to zmax, so that figures can be compared.
        title: above the figure.
        height: in pixels, as it will be shown.
    """
    values = np.asarray(values)
    name, letter, color = ROLES[role]
    bars = _bars(
        values, color or _signs(values), f"{letter}[%{{x}}] = <b>%{{y:{DIGITS}}}</b>", name
    )
    bars |= _written(values) if values.size <= 8 else {}
    layout = {
        "margin": {"l": 46, "r": 8, "t": TOP, "b": 24, "autoexpand": False},
        "titlefont": {"color": color} if color else {},
        "xaxis": _places(values.size),
        "yaxis": _value_axis(values, zmax),
    }
    title = title or name
    words = f"{title}, {values.size} numbers: {_listed(values)}."
    return figure([bars], layout, title, words)


def products_bars(
    query: ArrayLike, key: ArrayLike, products: ArrayLike, *, title: str | None = None,
    height: int = 380,
) -> go.Figure:  # fmt: skip
    """A query, a key, their products place by place, and the sum of these.

    Args:
        query: (H,).
        key: (H,).
        products: (H,), query × key.
        title: above the figure.
        height: in pixels, as it will be shown.
    """
    query, key, products = (np.asarray(each) for each in (query, key, products))
    total, size = products.sum(), products.size
    both = np.abs(np.r_[query, key]).max(initial=0)
    rows = [
        (query, "query", BLUE, f"q[%{{x}}] = <b>%{{y:{DIGITS}}}</b>", both),
        (key, "× key", VERMILION, f"k[%{{x}}] = <b>%{{y:{DIGITS}}}</b>", both),
        (
            np.r_[products, total], "= product", [*_signs(products), GREY],
            f"%{{customdata}} = <b>%{{y:{DIGITS}}}</b>", None,
        ),
    ]  # fmt: skip
    ends = [(0.72, 1.0), (0.39, 0.67), (0.0, 0.34)]
    data: list[dict] = []
    layout: dict[str, Any] = {
        "margin": {"l": 74, "r": 8, "t": TOP, "b": 26, "autoexpand": False},
        "xaxis": _places(size) | {"range": [-0.6, size + 0.6], "anchor": "y3"},
        "annotations": [],
    }
    layout["xaxis"]["ticktext"] = [*map(str, range(size)), "sum"]
    layout["xaxis"]["tickvals"] = list(range(size + 1))
    for n, (values, name, color, hover, top) in enumerate(rows, 1):
        axis = "y" if n == 1 else f"y{n}"
        data.append(_bars(values, color, hover, name) | _written(values) | {"yaxis": axis})
        scale = _value_axis(values, top) | {"domain": ends[n - 1], "showticklabels": False}
        layout[axis.replace("y", "yaxis")] = scale | {"showgrid": False}
        layout["annotations"].append(_row_name(name, sum(ends[n - 1]) / 2, color))
    data[-1]["customdata"] = [f"q[{i}] · k[{i}]" for i in range(size)] + ["sum"]
    title = title or "Query times key, place by place"
    words = f"{title}: the products are {_listed(products)}; their sum is {number(total)}."
    return figure(data, layout, title, words)


def sum_bars(
    weights: ArrayLike,
    values: ArrayLike,
    who: Faces,
    *,
    top: int = 4,
    zmax: float | None = None,
    title: str | None = None,
    height: int = BAR_HEIGHT,
) -> go.Figure:
    """The values of all images, each times its weight, adding up to the mixed values.

    Args:
        weights: (B,), a row of attention.
        values: (B, H).
        who: the group.
        top: how many images, those with the largest weights, are shown by themselves.
        zmax: the axis runs from -zmax to zmax, so that figures can be compared.
        title: above the figure.
        height: in pixels, as it will be shown.
    """
    weights, values = np.asarray(weights), np.asarray(values)
    parts = weights[:, None] * values  # (B, H)
    order = np.argsort(-weights, kind="stable")
    first, rest = order[:top], order[top:]
    tints = [TINTS[i * len(TINTS) // max(top, len(TINTS))] for i in range(len(first))]
    labels = who.labels
    data = [
        _stacked(parts[j], f"{labels[j]} × {weights[j]:.3g}", tint)
        for j, tint in zip(first, tints, strict=True)
    ]
    if rest.size:
        # What they add and what they take away, apart: summed, they would hide each other.
        for part, shown in ((parts[rest].clip(min=0), True), (parts[rest].clip(max=0), False)):
            name = count_of(rest.size, "other")
            data.append(_stacked(part.sum(axis=0), name, GREY) | {"showlegend": shown})
    mixed = parts.sum(axis=0)
    data.append(
        {
            "type": "scatter", "mode": "markers", "x": list(range(mixed.size)), "y": mixed,
            "name": "sum: mixed values", "marker": _diamond("#FFFFFF", 9),
            "hovertemplate": f"mixed[%{{x}}] = <b>%{{y:{DIGITS}}}</b><extra></extra>",
        }
    )  # fmt: skip
    reach = np.r_[parts.clip(min=0).sum(axis=0), parts.clip(max=0).sum(axis=0)]
    layout = {
        "margin": {"l": 46, "r": 8, "t": TOP + 26, "b": 24, "autoexpand": False},
        "barmode": "relative", "showlegend": True, "legend": _legend(),
        "xaxis": _places(mixed.size), "yaxis": _value_axis(reach, zmax),
    }  # fmt: skip
    title = title or "Weighted values add up to the mixed values"
    most = ", ".join(f"{image(who, j)} × {number(weights[j])}" for j in first)
    words = f"{title}: most comes from {most}; the sums are {_listed(mixed)}."
    return figure(data, layout, title, words)


# One number for each image ------------------------------------------------------------------------


def row_bars(
    values: ArrayLike,
    who: Faces,
    kind: Literal["scores", "weights"],
    *,
    selected: int | None = None,
    zmax: float | None = None,
    title: str | None = None,
    height: int = BAR_HEIGHT,
) -> go.Figure:
    """A row of scores or weights, the picture of each image under its bar.

    Args:
        values: (B,).
        who: the group.
        kind: scores (signed) or weights (from 0).
        selected: the image whose bar is marked.
        zmax: where the axis ends, so that figures can be compared.
        title: above the figure.
        height: in pixels, as it will be shown.
    """
    values = np.asarray(values)
    color = [WEIGHT] * values.size if kind == "weights" else _signs(values)
    title = title or {"weights": "Weights of the row", "scores": "Scores of the row"}[kind]
    most = values.argmax()
    words = (
        f"{title}: the largest of {values.size} is {number(values[most])}, for {image(who, most)}"
        + (
            f"; {image(who, selected)} gets {number(values[selected])}."
            if selected is not None
            else "."
        )
    )
    axis = _value_axis(values, zmax, signed=kind == "scores")
    return _over_pictures(values, who, color, axis, selected, VERMILION, title, words, height)


def influence_bars(
    change: ArrayLike,
    who: Faces,
    class_name: str,
    *,
    pinned: int | None = None,
    zmax: float | None = None,
    title: str | None = None,
    height: int = BAR_HEIGHT,
) -> go.Figure:
    """What leaving out each companion does to the probability of one class.

    Args:
        change: (B,), the probability without the companion minus the one with it.
        who: the group.
        class_name: the class.
        pinned: the image whose answer it is; its picture is framed.
        zmax: the axis runs from -zmax to zmax, so that figures can be compared.
        title: above the figure.
        height: in pixels, as it will be shown.
    """
    change = np.asarray(change)
    title = title or f"Change of “{class_name}” when a companion leaves"
    most = np.abs(change).argmax()
    words = (
        f"{title}: the largest change is {_points(change[most])}, when {image(who, most)} leaves."
    )
    axis = _value_axis(change, zmax) | {"tickformat": ".2~p"}
    return _over_pictures(change, who, _signs(change), axis, pinned, BLUE, title, words, height)


def _over_pictures(
    values: np.ndarray,
    who: Faces,
    color: list[str],
    axis: dict,
    selected: int | None,
    mark: str,
    title: str,
    words: str,
    height: int,
) -> go.Figure:
    count = len(values)
    under = GAP + BAND + GAP + PICTURE + 4
    room = height - TOP - under
    bars = _bars(values, color, f"%{{x}}: <b>%{{y:{DIGITS}}}</b>", title) | {"x": who.labels}
    at = -(GAP + BAND + GAP) / room
    place = {"xref": "x", "yref": "y domain", "y": at, "xanchor": "center", "yanchor": "top"}
    size = {"sizex": 0.94, "sizey": PICTURE / room}
    stripe = {"xref": "x", "yref": "y domain"}
    shapes = band_shapes(who.colors, "x", (-GAP / room, -(GAP + BAND) / room), stripe)
    if selected is not None:
        ends = {"x0": selected - 0.5, "x1": selected + 0.5, "y0": at - PICTURE / room, "y1": 1}
        shapes.append(rectangle(mark, 1.5, xref="x", yref="y domain", **ends))
    layout = {
        "margin": {"l": 58, "r": 8, "t": TOP, "b": under, "autoexpand": False},
        "xaxis": {
            "range": [-0.5, count - 0.5], "showgrid": False, "zeroline": False,
            "showticklabels": False, "fixedrange": True,
        },
        "yaxis": axis,
        "images": [
            {"source": source, "x": i, **place, **size} for i, source in enumerate(who.pictures)
        ],
        "shapes": shapes,
    }  # fmt: skip
    return figure([bars], layout, title, words)


# Answers ------------------------------------------------------------------------------------------


def class_bars(
    probabilities: ArrayLike,
    classes: Sequence[str],
    colors: Sequence[str],
    *,
    truth: int | None = None,
    top: int = 3,
    title: str | None = None,
    height: int = BAR_HEIGHT,
) -> go.Figure:
    """The probability of each class; the largest with their values.

    Args:
        probabilities: (C,).
        classes: (C,) names.
        colors: (C,) one for each class.
        truth: the right class, which is marked.
        top: how many values are written.
        title: above the figure.
        height: in pixels, as it will be shown.
    """
    values = np.asarray(probabilities)
    order = np.argsort(-values, kind="stable")[:top]
    text = ["%{x:.1%}" if i in order else "" for i in range(values.size)]
    bars = {
        "type": "bar", "orientation": "h", "x": values, "y": list(range(values.size)),
        "customdata": list(classes), "marker": {"color": list(colors)}, "width": 0.72,
        "texttemplate": text, "textposition": "outside", "cliponaxis": False,
        "hovertemplate": f"%{{customdata}}: <b>%{{x:{DIGITS}}}</b><extra></extra>",
        "name": "probability",
    }  # fmt: skip
    names = [f"<b>{n} ✓</b>" if i == truth else n for i, n in enumerate(classes)]
    title = title or "Answer"
    words = f"{title}: " + ", ".join(f"{classes[i]} {_percent(values[i])}" for i in order)
    words += f"; the right answer is {classes[truth]}." if truth is not None else "."
    layout = {
        "margin": {"l": _name_room(names), "r": 8, "t": TOP, "b": 26, "autoexpand": False},
        "xaxis": _percent_axis(1.12), "yaxis": _name_axis(names),
    }  # fmt: skip
    return figure([bars], layout, title, words)


def passes_bars(
    probabilities: ArrayLike,
    classes: Sequence[str],
    colors: Sequence[str],
    *,
    trained: int = 4,
    selected: int | None = None,
    title: str | None = None,
    height: int = 320,
) -> go.Figure:
    """The answer for one image after 0, 1, ... passes; a click's `point` is the number of passes.

    Args:
        probabilities: (passes + 1, C).
        classes: (C,) names.
        colors: (C,) one for each class.
        trained: with how many passes the network was trained; beyond, bars are faded.
        selected: the number of passes whose bar is outlined.
        title: above the figure.
        height: in pixels, as it will be shown.
    """
    values = np.asarray(probabilities)
    steps = np.arange(len(values))
    faded = np.where(steps > trained, FADED, 1.0)
    tops = values.argmax(axis=1)
    hover = f"%{{fullData.name}} after %{{x}}: <b>%{{y:{DIGITS}}}</b>"
    data = [
        {
            "type": "bar", "x": steps.tolist(), "y": values[:, c], "name": name, "width": 0.86,
            "marker": {"color": color, "opacity": faded.tolist(), "line": {"width": 0}},
            "hovertemplate": f"{hover}<extra></extra>",
        }
        for c, (name, color) in enumerate(zip(classes, colors, strict=True))
    ]  # fmt: skip
    written = [
        {
            "x": int(p), "y": 1, "yref": "y domain", "yanchor": "bottom", "showarrow": False,
            "font": {"size": 10},
            "text": f"{_short(classes[c])}<br>{_percent(values[p, c], 0)}",
        }
        for p, c in zip(steps, tops, strict=True)
    ]  # fmt: skip
    shapes = []
    if len(values) > trained + 1:
        line = {"type": "line", "x0": trained + 0.5, "x1": trained + 0.5, "y0": -0.17, "y1": 1}
        shapes.append(line | {"yref": "y domain", "line": {"width": 1.5, "dash": "dot"}})
        written += [
            _aside(f"trained with {trained} passes", trained + 0.42, "right"),
            _aside("never trained", trained + 0.58, "left"),
        ]
    if selected is not None:
        edge = {"x0": selected - 0.46, "x1": selected + 0.46, "y0": 0, "y1": 1}
        shapes.append({"type": "rect", "line": {"width": 2}, **edge})
    layout = {
        "margin": {"l": 46, "r": 8, "t": TOP + 30, "b": 44, "autoexpand": False},
        "barmode": "stack", "annotations": written, "shapes": shapes,
        "xaxis": {
            "showgrid": False, "zeroline": False, "dtick": 1, "fixedrange": True,
            "range": [-0.5, len(values) - 0.5],
        },
        "yaxis": {
            "range": [0, 1], "tickformat": ".0%", "dtick": 0.25, "zeroline": False,
            "fixedrange": True,
        },
    }  # fmt: skip
    title = title or "Answer after each pass"
    story = ", ".join(
        f"after {p} {classes[c]} {_percent(values[p, c])}" for p, c in zip(steps, tops, strict=True)
    )
    words = f"{title}, the most probable class: {story}; it was trained with {trained} passes."
    return figure(data, layout, title, words)


def spread_figure(
    probabilities: ArrayLike,
    alone: ArrayLike,
    classes: Sequence[str],
    colors: Sequence[str],
    *,
    title: str | None = None,
    height: int = 360,
) -> go.Figure:
    """The answers for one image in many companies: a dot for each, the mean, and alone.

    The dots of a class are spread over its row in the order of the draws, so that they show.

    Args:
        probabilities: (K, C).
        alone: (C,), in a group of one.
        classes: (C,) names.
        colors: (C,) one for each class.
        title: above the figure.
        height: in pixels, as it will be shown.
    """
    values, alone = np.asarray(probabilities), np.asarray(alone)
    draws, count = values.shape
    rows = np.arange(count)
    offset = (np.arange(draws) + 0.5) / draws * 0.56 - 0.28
    dots = {
        "type": "scatter", "mode": "markers", "name": count_of(draws, "group"),
        "x": values.ravel(), "y": (rows + offset[:, None]).ravel(), "cliponaxis": False,
        "marker": {"size": 5, "opacity": 0.75, "color": list(colors) * draws},
        "customdata": [f"draw {d}, {name}" for d in range(draws) for name in classes],
        "hovertemplate": f"%{{customdata}}: <b>%{{x:{DIGITS}}}</b><extra></extra>",
    }  # fmt: skip
    mean = values.mean(axis=0)
    bar = {"symbol": "line-ns", "size": 20, "line": {"width": 2.5, "color": GREY}}
    marks = [
        _mark(mean, classes, "mean", bar),
        _mark(alone, classes, "alone", _diamond("#FFFFFF", 8)),
    ]
    layout = {
        "margin": {
            "l": _name_room(classes) + 8, "r": 14, "t": TOP + 26, "b": 26, "autoexpand": False,
        },
        "showlegend": True, "legend": _legend(), "xaxis": _percent_axis(1.0),
        "yaxis": _name_axis(classes) | {"ticklabelstandoff": 12},
    }  # fmt: skip
    top, changed = mean.argmax(), (values.argmax(axis=1) != mean.argmax()).sum()
    title = title or f"Among {count_of(draws, 'group')} of companions"
    words = (
        f"{title}: {classes[top]} gets {_percent(mean[top])} on average, from "
        f"{_percent(values[:, top].min())} to {_percent(values[:, top].max())}, and "
        f"{_percent(alone[top])} alone; another class is first in {changed} of {draws}."
    )
    return figure([dots, *marks], layout, title, words)


def ablation_bars(
    names: Sequence[str],
    values: ArrayLike,
    reference: float | None = None,
    *,
    title: str = "Accuracy",
    height: int | None = None,
) -> go.Figure:
    """Accuracies, in percent.

    Args:
        names: (N,) what was changed.
        values: (N,) fractions.
        reference: drawn as a dotted line.
        title: above the figure.
        height: in pixels, as it will be shown; `ablation_height` by default.
    """
    values = np.asarray(values)
    bars = {
        "type": "bar", "orientation": "h", "x": values, "y": list(range(values.size)),
        "width": 0.62, "customdata": list(names), "marker": {"color": WEIGHT}, "name": title,
        "texttemplate": "%{x:.1%}", "textposition": "auto", "insidetextanchor": "end",
        "constraintext": "none", "textfont": {"size": 12},
        "textangle": 0, "cliponaxis": False,
        "hovertemplate": f"%{{customdata}}: <b>%{{x:{DIGITS}}}</b><extra></extra>",
    }  # fmt: skip
    top = max(values.max(initial=0), reference or 0) or 1
    layout = {
        "margin": {"l": _name_room(names), "r": 8, "t": TOP, "b": 26, "autoexpand": False},
        "xaxis": _percent_axis(top * 1.04), "yaxis": _name_axis(names), "shapes": [],
    }  # fmt: skip
    if reference is not None:
        line = {"type": "line", "x0": reference, "x1": reference, "y0": 0, "y1": 1}
        layout["shapes"] = [line | {"yref": "y domain", "line": {"width": 1.5, "dash": "dot"}}]
    told = ", ".join(f"{n} {_percent(v)}" for n, v in zip(names, values, strict=True))
    return figure([bars], layout, title, f"{title}: {told}.")


def ablation_height(count: int) -> int:
    """Pixels for `ablation_bars` of so many rows."""
    return TOP + 26 + 30 * count


# Parts --------------------------------------------------------------------------------------------


def _bars(values: np.ndarray, color: str | list[str], hover: str, name: str) -> dict:
    return {
        "type": "bar", "x": list(range(values.size)), "y": values, "name": name, "width": 0.8,
        "marker": {"color": color, "line": {"width": 0}},
        "hovertemplate": f"{hover}<extra></extra>",
    }  # fmt: skip


def _written(values: np.ndarray) -> dict:
    """The value at each bar's end, small enough for a narrow window."""
    return {
        "text": [f"{value:.4g}".replace("-", "−") for value in values], "textangle": 0,
        "textposition": "outside",
        "textfont": {"size": 11}, "cliponaxis": False, "constraintext": "none",
    }  # fmt: skip


def _stacked(values: np.ndarray, name: str, color: str) -> dict:
    hover = f"%{{fullData.name}}, place %{{x}}: <b>%{{y:{DIGITS}}}</b>"
    return _bars(values, color, hover, name)


def _signs(values: np.ndarray) -> list[str]:
    return [NEGATIVE if value < 0 else POSITIVE for value in values]


def _diamond(color: str, size: int) -> dict:
    """A mark that stands out from any colour, on pages of either theme."""
    line = {"width": 2, "color": "#000000"}
    return {"symbol": "diamond", "size": size, "color": color, "line": line}


def _mark(values: np.ndarray, classes: Sequence[str], name: str, marker: dict) -> dict:
    return {
        "type": "scatter", "mode": "markers", "name": name, "x": values, "marker": marker,
        "y": list(range(values.size)), "customdata": list(classes), "cliponaxis": False,
        "hovertemplate": f"{name}, %{{customdata}}: <b>%{{x:{DIGITS}}}</b><extra></extra>",
    }  # fmt: skip


def _places(count: int) -> dict:
    """The axis of a vector's places."""
    return {
        "range": [-0.6, count - 0.4], "showgrid": False, "zeroline": False, "fixedrange": True,
        "dtick": 1 if count <= 12 else 8, "tick0": 0, "tickfont": {"size": 11},
    }  # fmt: skip


def _value_axis(values: np.ndarray, zmax: float | None, signed: bool = True) -> dict:
    """An axis with room beyond the bars for what is written there."""
    top = zmax if zmax is not None else float(np.abs(values).max(initial=0))
    top = (top or 1.0) * (1.3 if signed else 1.08)
    return {
        "range": [-top if signed else 0, top], "nticks": 5, "tickfont": {"size": 11},
        "tickformat": "~g", "zeroline": True, "zerolinewidth": 1, "fixedrange": True,
    }  # fmt: skip


def _percent_axis(top: float) -> dict:
    return {
        "range": [0, top], "tickformat": ".0%", "nticks": 6, "zeroline": False, "fixedrange": True,
        "tickfont": {"size": 11},
    }  # fmt: skip


def _name_axis(names: Sequence[str]) -> dict:
    return {
        "range": [len(names) - 0.4, -0.6], "tickmode": "array", "fixedrange": True,
        "tickvals": list(range(len(names))), "ticktext": list(names), "showgrid": False,
        "zeroline": False, "tickfont": {"size": 12}, "ticklabelstandoff": 4,
    }  # fmt: skip


def _name_room(names: Sequence[str]) -> float:
    plain = (name.replace("<b>", "").replace("</b>", "") for name in names)
    return 16 + 7 * max(map(len, plain))


def _legend() -> dict:
    return {
        "orientation": "h", "x": 0, "xref": "container", "y": 1.02, "yanchor": "bottom",
        "font": {"size": 12}, "itemwidth": 30, "traceorder": "normal",
    }  # fmt: skip


def _row_name(text: str, y: float, color: str | list[str]) -> dict:
    font = {"size": 13, **({"color": color} if isinstance(color, str) else {})}
    place = {"x": 0, "xref": "paper", "xanchor": "right", "y": y, "yref": "paper"}
    return {"text": text, "showarrow": False, "font": font, "xshift": -8, **place}


def _aside(text: str, x: float, side: str) -> dict:
    place = {"x": x, "xanchor": side, "y": 0, "yref": "paper", "yanchor": "top", "yshift": -22}
    return {"text": text, "showarrow": False, "font": {"size": 12}, **place}


def _short(name: str) -> str:
    return name if len(name) <= 10 else f"{name[:9]}…"


def _listed(values: np.ndarray) -> str:
    """All numbers of a short vector, the extremes of a long one."""
    if values.size <= 8:
        return ", ".join(map(number, values))
    return f"from {number(values.min())} to {number(values.max())}"


def _percent(value: float, digits: int = 1) -> str:
    return f"{float(value):.{digits}%}"


def _points(value: float) -> str:
    return f"{number(value * 100)} percentage points"
