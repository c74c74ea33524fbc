"""What whoever follows the teacher reads where others choose. Fields take longest of a page, and a
class draws thirty pages at once; the next view would take back what was chosen, too."""

from collections.abc import Iterable
from html import escape
from typing import NamedTuple

import streamlit as st


class Row(NamedTuple):
    """What is chosen.

    Attributes:
        label: of the choice.
        value: what is chosen, as it is written.
        is_changed: whether it is other than it would be without a choice.
    """

    label: str
    value: str
    is_changed: bool = False


def show(rows: Iterable[Row]) -> None:
    """Draw a table of choices."""
    st.html(f'<table class="told">{"".join(map(_html, rows))}</table>')


def _html(row: Row) -> str:
    mark = ' class="changed"' if row.is_changed else ""
    return f"<tr{mark}><th>{escape(row.label)}</th><td>{escape(row.value)}</td></tr>"
