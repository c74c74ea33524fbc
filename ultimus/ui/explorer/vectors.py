"""Queries, keys and values of a group, side by side on one scale."""

from collections.abc import Callable, Mapping
from typing import Any

from ...plots import attention as ap
from ...plots.axes import alt
from ..figures import board, figure
from .view import View

HEIGHT = 360  # pixels, for which the figures are made


def show(view: View, marks: Mapping[int, str], on_click: Callable[[dict[str, Any]], None]) -> None:
    """Draw them as a board.

    Args:
        view: what is looked at.
        marks: rows to outline, and in which colour.
        on_click: told of a click on a row.
    """
    board.show([parts(view, marks=marks)], "vectors", on_click=on_click)


def parts(
    view: View, prefix: str = "", marks: Mapping[int, str] | None = None
) -> list[dict[str, Any]]:
    """A board's row of them.

    Args:
        view: what is looked at.
        prefix: of the figures' names, where a page shows them elsewhere too.
        marks: rows to outline, and in which colour.
    """
    matrices = {"query": view.now.q, "key": view.now.k, "value": view.now.v}
    top = max(float(matrix.abs().max()) for matrix in matrices.values())
    figures = {
        role: ap.vectors_map(
            matrix.numpy(), role, view.faces, selected_rows=marks, zmax=top, uirevision=role
        )
        for role, matrix in matrices.items()
    }
    return [
        figure.part(fig, f"{prefix}{role}", alt(fig), height=HEIGHT)
        for role, fig in figures.items()
    ]
