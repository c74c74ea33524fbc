"""What figures share: their frame, axes, bars, marks and colour scales.

Colour scales run from the page's own colour, so that zero is the page itself. A figure carries the
scale of a light page, and in `layout.meta["dark"]` that of a dark one, which `ui/figures/figure.js`
puts in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import plotly.graph_objects as go

from .style import MAKO, NEGATIVE, ORANGE_SCALE, POSITIVE, VIOLET

Scale = list[tuple[float, str]]

GAP, BAND = 3, 5  # pixels: between a picture and its neighbours; a stripe of class colours
TOP, BOTTOM = 34, 44  # pixels for the title, and for the bar of the colour scale
DIGITS = ".6~g"  # a d3 format: hovering shows six significant digits


def figure(
    data: list[dict],
    layout: dict,
    title: str,
    words: str,
    dark: Scale | None = None,
    uirevision: str = "",
) -> go.Figure:
    """A figure of plain dicts, with what all figures share.

    Plotly's own check of each value would take ten times longer than all the rest; the tests have
    it check every kind of figure instead.

    Args:
        data: the traces.
        layout: what this figure adds.
        title: above the figure, at the left.
        words: the text alternative.
        dark: the colour scale on a dark page.
        uirevision: as long as it stays the same, the reader's zoom does too.
    """
    heading = {
        "text": title, "font": {"size": 15, "weight": 600},
        "pad": {"t": 4, "l": 4}, "x": 0, "xref": "container",
        "y": 1, "yref": "container", "yanchor": "top",
    }  # fmt: skip
    meta = {"alt": words, **({"dark": dark} if dark else {})}
    shared = {
        "template": {}, "title": heading, "font": {"size": 13}, "showlegend": False,
        "hovermode": "closest", "uirevision": uirevision, "meta": meta,
    }  # fmt: skip
    return go.Figure({"data": data, "layout": shared | layout}, _validate=False)


def alt(fig: go.Figure) -> str:
    """What a figure of this package shows, in words and numbers, for those who cannot see it."""
    return fig.layout.meta["alt"]


def margin(left: float, right: float, top: float, bottom: float) -> dict:
    """Room around the axes, in pixels."""
    return {"l": left, "r": right, "t": top, "b": bottom, "autoexpand": False}


# Colour -------------------------------------------------------------------------------------------


def reach(values: np.ndarray, zmax: float | None) -> float:
    """Where a scale ends: where it is told to, else at the largest absolute number."""
    top = zmax if zmax is not None else float(np.abs(values).max(initial=0))
    return top or 1.0


def signs(values: np.ndarray) -> list[str]:
    """The colours of numbers below zero and above it."""
    return [NEGATIVE if value < 0 else POSITIVE for value in values]


@lru_cache(maxsize=2)
def scales(signed: bool) -> tuple[Scale, Scale]:
    """The scale for a light page and that for a dark one."""
    below, above = VIOLET, ORANGE_SCALE
    if not signed:
        return _ramp(MAKO), _ramp(MAKO[::-1])
    dark = _joined(_ramp(below[::-1]), _ramp(above[::-1]))
    return _joined(_ramp(below), _ramp(above)), dark


def rooted(scale: Scale) -> Scale:
    """The same for the roots of numbers from 0 to 1, which brings out small ones."""
    return [(at**2, color) for at, color in scale]


def _ramp(colors: Sequence[str]) -> Scale:
    """From the page's colour (nothing of the first) to the last."""
    clear = "rgba({},{},{},0)".format(*bytes.fromhex(colors[0][1:]))
    stops = [clear, *("rgba({},{},{},1)".format(*bytes.fromhex(c[1:])) for c in colors)]
    return [(i / len(colors), color) for i, color in enumerate(stops)]


def _joined(below: Scale, above: Scale) -> Scale:
    """Two scales from 0, as one around it."""
    down = [(0.5 - at / 2, color) for at, color in reversed(below)]
    return down + [(0.5 + at / 2, color) for at, color in above]


def coloraxis(scale: Scale, low: float, high: float) -> dict:
    """With its bar below the cells, at their left edge."""
    bar = {
        "orientation": "h", "x": 0, "xanchor": "left", "xpad": 0, "y": 0, "yanchor": "top",
        "ypad": 10, "lenmode": "pixels", "len": 190, "thickness": 8, "nticks": 5,
        "tickfont": {"size": 11}, "tickformat": "~g", "outlinewidth": 0,
    }  # fmt: skip
    return {"cmin": low, "cmax": high, "colorscale": scale, "colorbar": bar}


# Axes ---------------------------------------------------------------------------------------------


def value_axis(values: np.ndarray, least: float = 0.0) -> dict:
    """An axis of changes in percent, with room beyond the bars for what is written there.

    It reaches at least to `least`, so that what hardly changes anything does not look large.
    """
    top = max(1.3 * reach(values, None), least)
    return {
        "range": [-top, top], "nticks": 5, "tickfont": {"size": 11}, "tickformat": ".2~p",
        "zeroline": True, "zerolinewidth": 1, "fixedrange": True,
    }  # fmt: skip


def percent_axis(top: float) -> dict:
    return {
        "range": [0, top], "tickformat": ".0%", "nticks": 6, "zeroline": False, "fixedrange": True,
        "tickfont": {"size": 11},
    }  # fmt: skip


def name_axis(names: Sequence[str]) -> dict:
    return {
        "range": [len(names) - 0.4, -0.6], "tickmode": "array", "fixedrange": True,
        "tickvals": list(range(len(names))), "ticktext": list(names), "showgrid": False,
        "zeroline": False, "tickfont": {"size": 12}, "ticklabelstandoff": 4,
    }  # fmt: skip


def name_room(names: Sequence[str]) -> float:
    plain = (name.replace("<b>", "").replace("</b>", "") for name in names)
    return 16 + 7 * max(map(len, plain))


def axis_title(text: str, standoff: float, color: str | None = None) -> dict:
    font = {"size": 13} | ({"color": color} if color else {})
    return {"title": {"text": text, "font": font, "standoff": round(standoff)}}


def legend() -> dict:
    return {
        "orientation": "h", "x": 0, "xref": "container", "y": 1.02, "yanchor": "bottom",
        "font": {"size": 12}, "itemwidth": 30, "traceorder": "normal",
    }  # fmt: skip


# Bars and marks -----------------------------------------------------------------------------------


def bars(values: np.ndarray, color: str | list[str], hover: str, name: str) -> dict:
    return {
        "type": "bar", "x": list(range(values.size)), "y": values, "name": name, "width": 0.8,
        "marker": {"color": color, "line": {"width": 0}},
        "hovertemplate": f"{hover}<extra></extra>",
    }  # fmt: skip


def rows_of_bars(
    values: np.ndarray, names: Sequence, name: str, width: float, hover: str, marker: dict
) -> dict:
    """Bars that lie, the first at the top; `names` is what hovering shows of them."""
    return {
        "type": "bar", "orientation": "h", "x": values, "y": list(range(values.size)),
        "customdata": list(names), "marker": marker, "width": width, "cliponaxis": False,
        "hovertemplate": f"{hover}<extra></extra>", "name": name,
    }  # fmt: skip


def upright(x: float, **place: Any) -> dict:
    """A dotted line from the bottom to the top."""
    line = {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "y domain"}
    return line | {"line": {"width": 1.5, "dash": "dot"}} | place


def diamond(color: str, size: int) -> dict:
    """A mark that stands out from any colour, on pages of either theme."""
    line = {"width": 2, "color": "#000000"}
    return {"symbol": "diamond", "size": size, "color": color, "line": line}


def rectangle(color: str, width: float, **place: Any) -> dict:
    """A frame around a part of the plot."""
    return {"type": "rect", "line": {"color": color, "width": width}, **place}


def band_shapes(
    colors: Sequence[str], along: str, across: tuple[float, float], place: dict
) -> list[dict]:
    """A stripe of class colours beside cells 0, 1, ... of an axis: one path for each colour.

    Args:
        colors: (B,) one for each cell.
        along: the axis, x or y.
        across: where the stripe begins and ends on the other axis.
        place: the rest of the shapes: references and size modes.
    """
    near, far = across
    shapes = []
    for color in dict.fromkeys(colors):
        path = ""
        for i in (i for i, other in enumerate(colors) if other == color):
            a, b = i - 0.46, i + 0.46
            if along == "y":
                path += f"M{near:.5g},{a}L{far:.5g},{a}L{far:.5g},{b}L{near:.5g},{b}Z"
            else:
                path += f"M{a},{near:.5g}L{a},{far:.5g}L{b},{far:.5g}L{b},{near:.5g}Z"
        shapes.append(
            {"type": "path", "path": path, "fillcolor": color, "line": {"width": 0}, **place}
        )
    return shapes
