"""Queries, keys and values of a group, side by side on one scale."""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from .. import attention_plots as ap
from . import figure
from .view import View

HEIGHT = 360  # pixels, for which the figures are made


def show(
    view: View,
    prefix: str = "",
    marks: Mapping[int, str] | None = None,
    on_click: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Draw them.

    Args:
        view: what is looked at.
        prefix: of the figures' keys, where a page shows them elsewhere too.
        marks: rows to outline, and in which colour.
        on_click: told of a click on a row.
    """
    parts = {"query": view.now.q, "key": view.now.k, "value": view.now.v}
    top = max(float(each.abs().max()) for each in parts.values())
    for column, (role, matrix) in zip(st.columns(3, gap="medium"), parts.items(), strict=True):
        with column:
            fig = ap.vectors_map(
                matrix.numpy(), role, view.faces, selected_rows=marks, zmax=top, uirevision=role
            )
            figure.show(fig, f"{prefix}{role}", ap.alt(fig), height=HEIGHT, on_click=on_click)
