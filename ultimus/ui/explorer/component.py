"""The explorer's modules as parts of the app's pages."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from ..server import explorer_files

_HERE = Path(__file__).parent


def component(name: str, *sheets: str) -> Callable:
    """A component of the explorer: NAME.js and NAME.css beside this file.

    Args:
        name: of the two.
        sheets: style sheets of the explorer that it needs besides page.css.
    """
    addresses = f'const MODULES = "{explorer_files.modules()}", SCENE = "{explorer_files.SCENE}";\n'
    return st.components.v2.component(
        f"ultimus_{name}",
        html='<div class="frame"><div class="explorer" aria-busy="true"></div></div>',
        css=styles(name, *sheets),
        js=addresses + (_HERE / f"{name}.js").read_text(),
    )


def styles(name: str, *sheets: str) -> str:
    """How a part of the explorer looks on a page of the app; see `component`."""
    page = (explorer_files.FOLDER / "page.css").read_text().replace(":root", ".explorer")
    more = [explorer_files.FOLDER / sheet for sheet in sheets]
    return page + "".join(sheet.read_text() for sheet in [*more, _HERE / f"{name}.css"])
