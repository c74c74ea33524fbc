"""The live figure: a plotly figure that is updated in place.

`st.plotly_chart` rebuilds its DOM node whenever the data change, which loses the reader's zoom,
and it reports no click on a heatmap. A board keeps one node, calls `Plotly.react` on it and sends
clicks back. Colours of paper, text, grid and hover labels are Streamlit's own, applied
in the browser (figure.js), so figures carry no theme.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ...plots import curves as plots
from . import board


def part(
    fig: go.Figure | plots.Figure,
    name: str,
    alt: str,
    height: int,
    share: float = 1,
    reach: float | None = None,
) -> dict[str, Any]:
    """A figure as a part of a board.

    Args:
        fig: The figure. Its template is ignored: the page's theme takes its place.
        name: What downloaded files are called.
        alt: What the figure shows, in words, for those who cannot see it.
        height: Height in pixels, kept while the figure loads.
        share: Width beside that of the other parts of the row.
        reach: How far on the x axis the curves go which later versions only continue. Such a one
            is drawn once it looks longer.
    """
    spec = fig.to_dict() if isinstance(fig, go.Figure) else fig
    data = [{name: _packed(value) for name, value in trace.items()} for trace in spec["data"]]
    layout = {name: value for name, value in spec["layout"].items() if name != "template"}
    shown = {
        "figure": {"data": data, "layout": layout},
        "alt": alt,
        "name": name,
        "height": height,
        "share": share,
    }
    return shown if reach is None else shown | {"reach": reach}


def _packed(value: Any) -> Any:
    """A series of numbers as plotly.js reads it without parsing each; all else as it is."""
    if not isinstance(value, np.ndarray):
        return value
    packed = base64.b64encode(np.ascontiguousarray(value)).decode()
    return {"dtype": value.dtype.str[1:], "bdata": packed}  # e.g. f4, in this machine's byte order


def show(
    fig: go.Figure | plots.Figure,
    key: str,
    alt: str,
    height: int = 300,
    on_click: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any] | None:
    """Show a figure by itself, or update the one already shown under this key.

    Args:
        fig: The figure. Its template is ignored: the page's theme takes its place.
        key: Unique on the page; also the name of downloaded files.
        alt: What the figure shows, in words, for those who cannot see it.
        height: Height in pixels, kept while the figure loads.
        on_click: As for `board.show`.

    Returns:
        The click that caused this run, as `board.show` does.
    """
    content = board.message([[part(fig, key, alt, height)]])
    return board.show(content, key, height=height, on_click=on_click)
