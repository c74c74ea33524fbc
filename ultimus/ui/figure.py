"""The live figure: a plotly figure that is updated in place.

`st.plotly_chart` rebuilds its DOM node whenever the data change, which loses the reader's zoom,
and it reports no click on a heatmap. A board keeps one node, calls `Plotly.react` on it and sends
clicks back. Colours of paper, text, grid and hover labels are Streamlit's own, applied
in the browser (figure.js), so figures carry no theme.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import plotly
import plotly.graph_objects as go

from . import board

_PLOTLY_JS = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def install_plotly(static: Path) -> None:
    """Put plotly's JavaScript where Streamlit serves it, unless it is there already.

    Args:
        static: The folder `static` beside the app's script (`server.enableStaticServing`).

    Raises:
        OSError: The file is missing and the folder cannot be written.
    """
    target = static / _PLOTLY_JS.name
    if target.is_file() and target.stat().st_size == _PLOTLY_JS.stat().st_size:
        return
    static.mkdir(parents=True, exist_ok=True)
    part = static / f".{target.name}.{uuid.uuid4().hex}"
    try:
        shutil.copyfile(_PLOTLY_JS, part)
        os.replace(part, target)  # a browser never gets half a file
    finally:
        part.unlink(missing_ok=True)


def part(fig: go.Figure, name: str, alt: str, height: int, share: float = 1) -> dict[str, Any]:
    """A figure as a part of a board.

    Args:
        fig: The figure. Its template is ignored: the page's theme takes its place.
        name: What downloaded files are called.
        alt: What the figure shows, in words, for those who cannot see it.
        height: Height in pixels, kept while the figure loads.
        share: Width beside that of the other parts of the row.
    """
    spec = fig.to_dict()
    spec["layout"].pop("template", None)
    return {"figure": spec, "alt": alt, "name": name, "height": height, "share": share}


def show(
    fig: go.Figure,
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
    rows = [[part(fig, key, alt, height)]]
    return board.show(rows, key, height=height, on_click=on_click)
