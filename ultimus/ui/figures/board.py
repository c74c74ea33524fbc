"""A board: rows of figures and other parts that are sent together and updated in place.

What follows a run is sent anew twice a second. Sent as one element it takes the app and the browser
a third of the time that a dozen of Streamlit's own take, and it is asked for only while it is seen.
A board may fetch its newer versions itself (feed.py), which takes less again.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st
from plotly.io.json import to_json_plotly

from .. import beat
from ..explorer.component import styles
from ..server import explorer_files
from .plotly_js import ADDRESS as PLOTLY_ADDRESS

_HERE = Path(__file__).parent


def _read(*names: str) -> str:
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)


_ADDRESSES = f"""
const PLOTLY = "{PLOTLY_ADDRESS}", MODULES = "{explorer_files.modules()}";
const WAIT = "{beat.HEADER}";
const GROUP_STYLES = {json.dumps(styles("probe", "patches.css"))};
"""
_mount = st.components.v2.component(
    "ultimus_board",
    html='<div class="ultimus-board"></div>',
    css=_read("board.css", "figure.css"),
    js=_ADDRESSES + _read("figure.js", "group.js", "board.js"),
    isolate_styles=False,  # plotly puts its style sheet in the page, out of a shadow root's reach
)


def html(text: str) -> dict[str, Any]:
    """HTML as a part of a board, shown as it is: what comes from elsewhere has to be escaped."""
    return {"html": text, "share": 1}


def group(scene: str, live: bool) -> dict[str, Any]:
    """The probe group of a run as a part of a board, which the explorer draws and keeps up to date.

    Args:
        scene: the address of its pictures, see server/scenes.py.
        live: whether the run trains.
    """
    return {"group": {"scene": scene, "live": live}, "share": 1}


def message(
    rows: Sequence[Sequence[dict[str, Any]]],
    every: float | None = None,
    source: str | None = None,
    begins: bool = False,
) -> bytes:
    """A version of a board as board.js takes it.

    Bytes, since Streamlit then neither parses nor escapes it, and the browser can compare it whole.

    Args:
        rows: Parts beside each other, made by `html`, `group` or `figure.part`; in a narrow window
            they stand below each other.
        every: Seconds until the next version, as long as somebody sees the board; None if it does
            not change by itself.
        source: Address of the newest version, relative to the app's; where it has none, or none is
            named, the fragment that shows the board is run again.
        begins: Whether the rows only begin the board, and those that follow stay as they are.
    """
    blocks = [[{"every": every, "source": source, "begins": begins}], *rows]
    return "\n\n".join("\n".join(map(to_json_plotly, block)) for block in blocks).encode()


def show(
    content: bytes,
    key: str,
    height: int | None = None,
    on_click: Callable[[dict[str, Any]], None] | None = None,
    on_open: Callable[[dict[str, str]], None] | None = None,
) -> dict[str, Any] | None:
    """Show a board, or update the one already shown under this key.

    Args:
        content: What is on it, made by `message`.
        key: Unique on the page.
        height: Height in pixels, where it is known before the board is drawn.
        on_click: Told of a click in a figure before the page is drawn anew, so that all of it can
            answer.
        on_open: Told, after the page is drawn, of the link of a group that is to be looked at more
            closely.

    Returns:
        The click that caused this run, once: `x`, `y`, `curve` (the trace's index), `point` (the
        point's index; row and column in a heatmap), and `z` and `customdata` where there are any.
        None in every other run.
    """
    place = f"board-{key}"  # apart from the keys of widgets

    def answer() -> None:
        click = st.session_state[place].get("click")
        if on_click and click:
            on_click(click)

    mounted = _mount(
        key=place,
        data=content,
        height=height or "content",
        on_click_change=answer,
        on_open_change=lambda: None,
        on_tick_change=lambda: None,  # that it runs again is all there is to a tick
    )
    if on_open and mounted.open:
        on_open(mounted.open)
    return mounted.click
