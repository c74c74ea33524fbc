"""The live figure: a plotly figure that is updated in place.

`st.plotly_chart` rebuilds its DOM node whenever the data change, which loses the reader's zoom,
and it reports no click on a heatmap. This component keeps one node, calls `Plotly.react` on it
and sends clicks back. Colours of paper, text, grid and hover labels are Streamlit's own, applied
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
import streamlit as st
from plotly.io.json import to_json_plotly

_HERE = Path(__file__).parent
_PLOTLY_JS = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"

_mount = st.components.v2.component(
    "ultimus_figure",
    html=(
        '<div class="ultimus-figure" role="img">'
        '<div class="ultimus-note">Loading the figure …</div><div class="ultimus-plot"></div></div>'
    ),
    css=(_HERE / "figure.css").read_text(encoding="utf-8"),
    js=(_HERE / "figure.js").read_text(encoding="utf-8"),
    isolate_styles=False,  # plotly puts its style sheet in the page, out of a shadow root's reach
)


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


def show(
    fig: go.Figure,
    key: str,
    alt: str,
    height: int = 300,
    on_click: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any] | None:
    """Show a figure, or update the one already shown under this key.

    Args:
        fig: The figure. Its template is ignored: the page's theme takes its place.
        key: Unique on the page; also the name of downloaded files.
        alt: What the figure shows, in words, for those who cannot see it.
        height: Height in pixels, kept while the figure loads.
        on_click: Told of a click before the page is drawn anew, so that all of it can answer.

    Returns:
        The click that caused this run, once: `x`, `y`, `curve` (the trace's index), `point` (the
        point's index; row and column in a heatmap), and `z` and `customdata` where there are any.
        None in every other run.
    """
    spec = fig.to_dict()
    spec["layout"].pop("template", None)
    message = to_json_plotly({"figure": spec, "alt": alt, "name": key, "height": height})
    # As bytes: Streamlit then neither parses nor escapes it, and the browser can compare it whole.

    place = f"figure-{key}"  # apart from the keys of widgets

    def answer() -> None:
        click = st.session_state[place].get("click")
        if on_click and click:
            on_click(click)

    return _mount(key=place, data=message.encode(), height=height, on_click_change=answer).click
