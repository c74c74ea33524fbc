"""Vectors -> bars: the numbers of one cell that is followed step by step, and of its companions.

Figures hold the numbers they are given; only what is written on the screen is rounded. Every
figure says in words what it shows: `axes.alt`.

B: images in a group, H: numbers of a vector (8 or 48).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from .attention import ROLES, Role
from .axes import (
    BAND,
    DIGITS,
    GAP,
    TOP,
    band_shapes,
    bars,
    diamond,
    figure,
    legend,
    margin,
    places,
    rectangle,
    signs,
    value_axis,
)
from .faces import Faces
from .style import BLUE, GREY, VERMILION, WEIGHT
from .words import count_of, listed, number, points

BAR_HEIGHT = 260  # pixels; pass the same to `ui.figures.figure.show`
THUMBNAIL = 30  # pixels of a picture under a bar, at most
TINTS = ("#00694C", "#119C76", "#59B795", "#9AD3BB")  # of the green of values, the largest first


# Vectors ------------------------------------------------------------------------------------------


def vector_bars(
    values: ArrayLike, role: Role, *, zmax: float | None = None, title: str | None = None
) -> go.Figure:
    """The numbers of one vector, in the colour of what it is.

    Args:
        values: (H,).
        role: what the vector is.
        zmax: the axis runs from -zmax to zmax, so that figures can be compared.
        title: above the figure.
    """
    values = np.asarray(values)
    name, letter, color = ROLES[role]
    trace = bars(values, color or signs(values), f"{letter}[%{{x}}] = <b>%{{y:{DIGITS}}}</b>", name)
    trace |= _written(values) if values.size <= 8 else {}
    layout = {
        "margin": margin(46, 8, TOP, 24),
        "titlefont": {"color": color} if color else {},
        "xaxis": places(values.size),
        "yaxis": value_axis(values, zmax),
    }
    title = title or name
    words = f"{title}, {values.size} numbers: {listed(values)}."
    return figure([trace], layout, title, words)


class _Row(NamedTuple):
    """One of several rows of bars: what it is called, where it ends, and its part of the height."""

    values: np.ndarray
    name: str
    color: str | list[str]
    hover: str
    top: float | None
    part: tuple[float, float]


def products_bars(
    query: ArrayLike,
    key: ArrayLike,
    products: ArrayLike,
    *,
    title: str = "Query times key, place by place",
) -> go.Figure:
    """A query, a key, their products place by place, and the sum of these.

    Args:
        query: (H,).
        key: (H,).
        products: (H,), query × key.
        title: above the figure.
    """
    query, key, products = map(np.asarray, (query, key, products))
    size, total = products.size, products.sum()
    top = np.abs(np.r_[query, key]).max(initial=0)
    is_, colors = f" = <b>%{{y:{DIGITS}}}</b>", [*signs(products), GREY]
    rows = [
        _Row(query, "query", BLUE, f"q[%{{x}}]{is_}", top, (0.72, 1.0)),
        _Row(key, "× key", VERMILION, f"k[%{{x}}]{is_}", top, (0.39, 0.67)),
        _Row(
            np.r_[products, total], "= product", colors, f"%{{customdata}}{is_}", None, (0.0, 0.34)
        ),
    ]
    data, layout = _one_above_another(rows)
    data[-1]["customdata"] = [f"q[{i}] · k[{i}]" for i in range(size)] + ["sum"]
    layout["xaxis"] = places(size) | {
        "range": [-0.6, size + 0.6], "anchor": "y3",
        "ticktext": [*map(str, range(size)), "sum"], "tickvals": list(range(size + 1)),
    }  # fmt: skip
    words = f"{title}: the products are {listed(products)}; their sum is {number(total)}."
    return figure(data, layout, title, words)


def _one_above_another(rows: Sequence[_Row]) -> tuple[list[dict], dict]:
    """Rows of bars over the same places: the traces, and the layout but for the places."""
    data, layout = [], {"margin": margin(74, 8, TOP, 26), "annotations": []}
    for n, row in enumerate(rows, 1):
        suffix = "" if n == 1 else str(n)
        trace = bars(row.values, row.color, row.hover, row.name) | _written(row.values)
        data.append(trace | {"yaxis": f"y{suffix}"})
        layout[f"yaxis{suffix}"] = value_axis(row.values, row.top) | {
            "domain": row.part, "showticklabels": False, "showgrid": False,
        }  # fmt: skip
        layout["annotations"].append(_row_name(row.name, sum(row.part) / 2, row.color))
    return data, layout


def sum_bars(
    weights: ArrayLike,
    values: ArrayLike,
    who: Faces,
    *,
    top: int = 4,
    zmax: float | None = None,
    title: str = "Weighted values add up to the mixed values",
) -> go.Figure:
    """The values of all images, each times its weight, adding up to the mixed values.

    Args:
        weights: (B,), a row of attention.
        values: (B, H).
        who: the group.
        top: how many images, those with the largest weights, are shown by themselves.
        zmax: the axis runs from -zmax to zmax, so that figures can be compared.
        title: above the figure.
    """
    weights, values = np.asarray(weights), np.asarray(values)
    parts = weights[:, None] * values  # (B, H)
    order = np.argsort(-weights, kind="stable")
    first, rest = order[:top], order[top:]
    mixed = parts.sum(axis=0)
    tints = [TINTS[i * len(TINTS) // max(top, len(TINTS))] for i in range(len(first))]
    data = [
        _stacked(parts[j], f"{who.labels[j]} × {weights[j]:.3g}", tint)
        for j, tint in zip(first, tints, strict=True)
    ]
    data += [*_others(parts[rest]), _sums(mixed)]
    ends = np.r_[parts.clip(min=0).sum(axis=0), parts.clip(max=0).sum(axis=0)]
    layout = {
        "margin": margin(46, 8, TOP + 26, 24),
        "barmode": "relative", "showlegend": True, "legend": legend(),
        "xaxis": places(mixed.size), "yaxis": value_axis(ends, zmax),
    }  # fmt: skip
    most = ", ".join(f"{who.image(j)} × {number(weights[j])}" for j in first)
    words = f"{title}: most comes from {most}; the sums are {listed(mixed)}."
    return figure(data, layout, title, words)


def _others(parts: np.ndarray) -> list[dict]:
    """What the other images add and what they take away, apart: summed, they would hide each
    other."""
    if not len(parts):
        return []
    name = count_of(len(parts), "other")
    adds, takes = (part.sum(axis=0) for part in (parts.clip(min=0), parts.clip(max=0)))
    return [
        _stacked(adds, name, GREY) | {"showlegend": True},
        _stacked(takes, name, GREY) | {"showlegend": False},
    ]


def _sums(mixed: np.ndarray) -> dict:
    return {
        "type": "scatter", "mode": "markers", "x": list(range(mixed.size)), "y": mixed,
        "name": "sum: mixed values", "marker": diamond("#FFFFFF", 9),
        "hovertemplate": f"mixed[%{{x}}] = <b>%{{y:{DIGITS}}}</b><extra></extra>",
    }  # fmt: skip


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
    color = [WEIGHT] * values.size if kind == "weights" else signs(values)
    title = title or {"weights": "Weights of the row", "scores": "Scores of the row"}[kind]
    trace = bars(values, color, f"%{{x}}: <b>%{{y:{DIGITS}}}</b>", title)
    layout = _over_thumbnails(who, selected, VERMILION, height)
    layout["yaxis"] = value_axis(values, zmax, signed=kind == "scores")
    most = values.argmax()
    words = f"{title}: the largest of {values.size} is {number(values[most])}, for "
    words += who.image(most)
    if selected is not None:
        words += f"; {who.image(selected)} gets {number(values[selected])}"
    return figure([trace | {"x": who.labels}], layout, title, f"{words}.")


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
    trace = bars(change, signs(change), f"%{{x}}: <b>%{{y:{DIGITS}}}</b>", title)
    layout = _over_thumbnails(who, pinned, BLUE, height)
    layout["yaxis"] = value_axis(change, zmax) | {"tickformat": ".2~p"}
    most = np.abs(change).argmax()
    words = f"{title}: the largest change is {points(change[most])}, when {who.image(most)} leaves."
    return figure([trace | {"x": who.labels}], layout, title, words)


def _over_thumbnails(who: Faces, selected: int | None, color: str, height: int) -> dict:
    """The layout of bars with the images' thumbnails below them, but for the values' axis."""
    count = len(who.names)
    under = GAP + BAND + GAP + THUMBNAIL + 4
    room = height - TOP - under
    at, stripe = -(GAP + BAND + GAP) / room, (-GAP / room, -(GAP + BAND) / room)
    across = {"xref": "x", "yref": "y domain"}
    place = across | {"y": at, "xanchor": "center", "yanchor": "top"}
    place |= {"sizex": 0.94, "sizey": THUMBNAIL / room}
    shapes = band_shapes(who.colors, "x", stripe, across)
    if selected is not None:
        ends = {"x0": selected - 0.5, "x1": selected + 0.5, "y0": at - THUMBNAIL / room, "y1": 1}
        shapes.append(rectangle(color, 1.5, **across, **ends))
    bare = {"showgrid": False, "zeroline": False, "showticklabels": False, "fixedrange": True}
    return {
        "margin": margin(58, 8, TOP, under),
        "xaxis": {"range": [-0.5, count - 0.5], **bare},
        "images": [{"source": source, "x": i, **place} for i, source in enumerate(who.pictures)],
        "shapes": shapes,
    }


# Parts --------------------------------------------------------------------------------------------


def _written(values: np.ndarray) -> dict:
    """The value at each bar's end, small enough for a narrow window."""
    return {
        "text": [f"{value:.4g}".replace("-", "−") for value in values], "textangle": 0,
        "textposition": "outside",
        "textfont": {"size": 11}, "cliponaxis": False, "constraintext": "none",
    }  # fmt: skip


def _stacked(values: np.ndarray, name: str, color: str) -> dict:
    hover = f"%{{fullData.name}}, place %{{x}}: <b>%{{y:{DIGITS}}}</b>"
    return bars(values, color, hover, name)


def _row_name(text: str, y: float, color: str | list[str]) -> dict:
    font = {"size": 13, **({"color": color} if isinstance(color, str) else {})}
    place = {"x": 0, "xref": "paper", "xanchor": "right", "y": y, "yref": "paper"}
    return {"text": text, "showarrow": False, "font": font, "xshift": -8, **place}
