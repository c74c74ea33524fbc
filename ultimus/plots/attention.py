"""Who looks at whom: a matrix -> a figure with pictures at its axes.

Row i is the image that looks (its query), column j the one that is looked at (its key); row 0 is
at the top. Images are numbered from 0, as in the tensors. Figures hold the numbers they are
given; only what is written on the screen is rounded. A figure says in words what it shows:
`axes.alt`.

B: images in a group.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from .axes import (
    BAND,
    BOTTOM,
    DIGITS,
    GAP,
    TOP,
    axis_title,
    band_shapes,
    coloraxis,
    figure,
    margin,
    reach,
    rectangle,
    rooted,
    scales,
)
from .faces import MANY, Faces
from .style import BLUE, VERMILION
from .words import count_of, number, short

Kind = Literal["weights", "scores", "products"]

HEIGHT = 460  # pixels of a figure; pass the same to `ui.figure.show`
THUMBNAIL = 40  # pixels, at most
NAMED = 20  # images; of more, rows are too low for names
EDGE = 3 * GAP + BAND  # pixels from the cells to the names, less the picture

_KINDS = {
    "weights": ("Attention weights", "%{y} looks at %{x}: "),
    "scores": ("Scores, q · k / √8", "%{y} looks at %{x}, score "),
    "products": ("Products, q · k", "query of %{y} · key of %{x} = "),
}


# Matrices -----------------------------------------------------------------------------------------


def attention_map(
    matrix: ArrayLike,
    who: Faces,
    kind: Kind = "weights",
    *,
    selected: tuple[int, int] | None = None,
    zmax: float | None = None,
    title: str | None = None,
) -> go.Figure:
    """Who looks at whom: a square of cells, the pictures at both axes.

    A click's `point` is the cell (i, j).

    Args:
        matrix: (B, B), row i holds what image i gives to the others.
        who: the group.
        kind: weights (from 0), scores (q kᵀ / √8) or products (q kᵀ).
        selected: the cell (i, j) to outline.
        zmax: where the colour scale ends (and starts, negatively, unless these are weights), so
            that figures can be compared; by default 1 for weights, whose scale is one of roots, the
            same for all steps, passes and runs, else the largest number of the matrix.
        title: above the figure.
    """
    matrix = np.asarray(matrix)
    count = len(matrix)
    name, hover = _KINDS[kind]
    title = title or name
    signed = kind != "weights"
    side = _side(HEIGHT - TOP - 20 - BOTTOM - EDGE, count)
    thumb = min(0.94 * side / count, THUMBNAIL)
    names = [short(name, 12) for name in who.names] if count <= NAMED else []
    scale, dark = scales(signed)
    if not signed:
        scale, dark, zmax = rooted(scale), rooted(dark), zmax or 1.0
    cells = _cells(matrix, who, name, f"{hover}<b>%{{z:{DIGITS}}}</b>", count) | {"x": who.labels}
    images, shapes = _at_both_axes(who, thumb, side)
    layout = {
        **_square(count, EDGE + thumb, names),
        "coloraxis": coloraxis(scale, *_range(matrix, zmax, signed)),
        "images": images,
        "shapes": shapes + (_cell_marks(*selected, count, thumb, side) if selected else []),
    }
    return figure([cells], layout, title, words_of_map(matrix, who, title), dark)


def _cells(matrix: np.ndarray, who: Faces, name: str, hover: str, most: int) -> dict:
    """A row of cells for each image; `most` is how many there are along the longer side."""
    gap = 1 if most <= MANY else 0
    return {
        "type": "heatmap", "z": matrix, "y": who.labels, "name": name, "coloraxis": "coloraxis",
        "hovertemplate": f"{hover}<extra></extra>", "xgap": gap, "ygap": gap,
    }  # fmt: skip


def _square(count: int, edge: float, names: list[str]) -> dict:
    """The axes and the margin of images against images; names, if any, stand at the rows."""
    square = {"constrain": "domain", "minallowed": -0.5, "maxallowed": count - 0.5}
    left = 28 + edge + (6.2 * max(map(len, names)) + 8 if names else 0)
    columns = _axis("is looked at (key)", VERMILION, edge) | {
        "side": "top", "range": [-0.5, count - 0.5], "constraintoward": "left",
    }  # fmt: skip
    rows = _axis("looks (query)", BLUE, 10 if names else edge) | {
        "scaleanchor": "x", "range": [count - 0.5, -0.5], "constraintoward": "top",
    }  # fmt: skip
    return {
        "margin": margin(left, 8, TOP + 20 + edge, BOTTOM),
        "xaxis": columns | square,
        "yaxis": rows | square | (_row_names(names, edge) if names else {}),
    }


def _row_names(names: list[str], edge: float) -> dict:
    """Class names left of the rows' pictures."""
    places = {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": names}
    look = {"showticklabels": True, "tickfont": {"size": 11}, "ticklabelstandoff": round(edge)}
    return places | look


def _side(room: float, count: int) -> float:
    """The side of a square of cells whose pictures, as large as a cell, share the room with it."""
    return max(room / (1 + 0.94 / count), room - THUMBNAIL)


def _axis(title: str, color: str | None, standoff: float) -> dict:
    """A bare axis: a frame, and a title if it has one."""
    look = {
        "showgrid": False, "zeroline": False, "showline": True, "mirror": True, "linewidth": 1,
        "ticks": "", "showticklabels": False,
    }  # fmt: skip
    return look | (axis_title(title, standoff, color) if title else {})


# Colour -------------------------------------------------------------------------------------------


def _range(matrix: np.ndarray, zmax: float | None, signed: bool) -> tuple[float, float]:
    top = reach(matrix, zmax)
    return (-top if signed else 0.0), top


# Pictures and marks at the axes -------------------------------------------------------------------
# Along an axis they are placed in cells, which zoom; across it in parts of the plot or in pixels,
# which do not. From the cells outwards: the pictures, then the colours of their classes.


def _at_both_axes(who: Faces, thumb: float, side: float) -> tuple[list[dict], list[dict]]:
    """Pictures and class colours left of the rows and above the columns, as images and shapes."""
    cells, far = thumb * len(who.names) / side, GAP / side
    to_rows, to_columns = {"xref": "x domain", "yref": "y"}, {"xref": "x", "yref": "y domain"}
    rows = {**to_rows, "x": -far, "xanchor": "right", "yanchor": "middle"}
    columns = {**to_columns, "y": 1 + far, "xanchor": "center", "yanchor": "bottom"}
    rows |= {"sizex": thumb / side, "sizey": cells}
    columns |= {"sizex": cells, "sizey": thumb / side}
    images = [{"source": source, "y": i, **rows} for i, source in enumerate(who.pictures)]
    images += [{"source": source, "x": j, **columns} for j, source in enumerate(who.pictures)]
    near = (GAP * 2 + thumb) / side
    far = near + BAND / side
    return images, [
        *band_shapes(who.colors, "y", (-near, -far), to_rows),
        *band_shapes(who.colors, "x", (1 + near, 1 + far), to_columns),
    ]


def _cell_marks(row: int, column: int, count: int, thumb: float, side: float) -> list[dict]:
    """The cell outlined, its row and column marked in the colours of queries and keys."""
    half, near, far = thumb * count / side / 2, GAP / side, (GAP + thumb) / side
    end, wider = count - 0.5, _wider(count)
    cell = {"x0": column - wider, "x1": column + wider, "y0": row - wider, "y1": row + wider}
    looks = {"yref": "y", "xref": "x domain", "x0": -far, "x1": -near, "y0": row - half}
    seen = {"xref": "x", "yref": "y domain", "y0": 1 + near, "y1": 1 + far, "x0": column - half}
    return [
        rectangle(BLUE, 1.5, x0=-0.5, x1=end, y0=row - wider, y1=row + wider),
        rectangle(VERMILION, 1.5, x0=column - wider, x1=column + wider, y0=-0.5, y1=end),
        rectangle(BLUE, 2.5, **looks, y1=row + half),
        rectangle(VERMILION, 2.5, **seen, x1=column + half),
        # White on black stands out from any colour.
        rectangle("#000000", 4.5 if count <= MANY else 3.5, **cell),
        rectangle("#FFFFFF", 2 if count <= MANY else 1.5, **cell),
    ]


def _wider(count: int) -> float:
    """Half the side of a frame around a cell: a little more where the frame would cover it."""
    return 0.5 if count <= MANY else 0.8


# Figures and their words --------------------------------------------------------------------------


def words_of_map(matrix: ArrayLike, who: Faces, title: str) -> str:
    """Names the largest cell, and what its row's image gives itself."""
    matrix = np.asarray(matrix)
    i, j = np.unravel_index(matrix.argmax(), matrix.shape)
    first, second = who.image(i), who.image(j)
    target = "itself" if i == j else second
    return (
        f"{title} among {count_of(len(matrix), 'image')}: {first} looks most at {target}, "
        f"{number(matrix[i, j])}; the least is {number(matrix.min())}."
    )
