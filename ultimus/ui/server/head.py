"""What stands at the head of every page: the browser's tab, the logo and the style.

Read once: the script that draws a page runs for each visitor and click.
"""

import base64
from pathlib import Path

import streamlit as st

from ...places import ASSETS


def _address(picture: Path) -> str:
    """An SVG as an address that holds all of it."""
    return f"data:image/svg+xml;base64,{base64.b64encode(picture.read_bytes()).decode()}"


ICON, LOGO = (_address(ASSETS / name) for name in ("icon.svg", "logo.svg"))
STYLE = f"<style>{(ASSETS / 'page.css').read_text(encoding='utf-8')}</style>"


def show() -> None:
    """Draw it. To be called before `st.navigation`, whose icons would otherwise be fetched from
    elsewhere for the browser's tab."""
    st.set_page_config("Ultimus", ICON, layout="wide")
    st.logo(LOGO, icon_image=ICON)
    st.html(STYLE)
