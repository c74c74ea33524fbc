"""Who looks at whom, and with which vectors: matrices -> figures with pictures at their axes.

Row i is the image that looks (its query), column j the one that is looked at (its key); row 0 is
at the top. Images are numbered from 0, as in the tensors. Figures hold the numbers they are
given; only what is written on the screen is rounded. A figure says in words what it shows: `alt`.

Colour scales run from the page's own colour, so that zero is the page itself. The figure carries
the scale of a light page, and in `layout.meta["dark"]` that of a dark one, which `ui/figure.js`
puts in its place.

B: images in a group, H: numbers of one image (8 or 48), C: classes.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import lru_cache
from io import BytesIO
from typing import Any, Literal, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from PIL import Image

from .style import (
    BLUE,
    GREEN,
    GREY,
    MAKO,
    ORANGE_SCALE,
    VERMILION,
    VIOLET,
    class_colors,
)

Kind = Literal["weights", "scores", "products"]
Role = Literal["query", "key", "value", "mixed", "features", "residual", "state"]
Scale = list[tuple[float, str]]

HEIGHT = 460  # pixels of a figure; pass the same to `ui.figure.show`
THUMBNAIL = 40  # pixels, at most
MANY = 32  # images; of more, cells are so small that frames and gaps would hide them
GAP, BAND = 3, 5  # pixels: between a picture and its neighbours; a stripe of class colours
EDGE = 3 * GAP + BAND  # pixels from the cells to the names, less the picture
TOP, BOTTOM = 34, 44  # pixels for the title, and for the bar of the colour scale
DIGITS = ".6~g"  # a d3 format: hovering shows six significant digits

# The title, the letter and the colour of what a vector is.
ROLES: dict[str, tuple[str, str, str | None]] = {
    "query": ("Queries", "q", BLUE),
    "key": ("Keys", "k", VERMILION),
    "value": ("Values", "v", GREEN),
    "mixed": ("Mixed values", "mixed", GREEN),
    "features": ("Features", "x", None),
    "residual": ("What the pass adds", "added", None),
    "state": ("Features after the pass", "x", None),
}

_KINDS = {
    "weights": ("Attention weights", "%{y} looks at %{x}: "),
    "scores": ("Scores, q · k / √8", "%{y} looks at %{x}, score "),
    "products": ("Products, q · k", "query of %{y} · key of %{x} = "),
}


class Faces(NamedTuple):
    """How the images of a group appear in figures.

    Attributes:
        pictures: (B,) addresses of thumbnails, usually data URIs.
        names: (B,) class names; "image" where none is known.
        colors: (B,) the colour of each image's class.
    """

    pictures: Sequence[str]
    names: Sequence[str]
    colors: Sequence[str]

    @property
    def labels(self) -> list[str]:
        """(B,) names that differ: "cat #3" is image 3, a cat."""
        return [f"{name} #{i}" for i, name in enumerate(self.names)]


# Pictures -----------------------------------------------------------------------------------------


def faces(images: np.ndarray, labels: Sequence[int | None], classes: Sequence[str]) -> Faces:
    """The faces of a group.

    Args:
        images: (B, 3, 32, 32) uint8.
        labels: (B,) class indices; None for a picture of unknown class.
        classes: (C,) class names.
    """
    colors = class_colors(len(classes))
    known = [None if label is None else int(label) for label in labels]
    return Faces(
        [thumbnail(image, 32 if len(images) <= MANY else 16) for image in images],
        ["image" if label is None else classes[label] for label in known],
        [GREY if label is None else colors[label] for label in known],
    )


def data_uri(image: np.ndarray, times: int = 1) -> str:
    """A uint8 image (3, S, S) as a PNG, exact to the last bit, each pixel so many times as wide."""
    return _encoded(image.tobytes(), image.shape[1], image.shape[1] * times, "PNG")


def thumbnail(image: np.ndarray, side: int = 32) -> str:
    """A uint8 image (3, S, S) as a small WebP, a fifth of the PNG, for the axes of figures."""
    return _encoded(image.tobytes(), image.shape[1], side, "WEBP")


@lru_cache(maxsize=4096)
def _encoded(pixels: bytes, size: int, side: int, form: str) -> str:
    rgb = np.frombuffer(pixels, np.uint8).reshape(3, size, size).transpose(1, 2, 0)
    picture = Image.fromarray(np.ascontiguousarray(rgb))
    if side != size:
        picture = picture.resize((side, side), Image.Resampling.BOX)
    file = BytesIO()
    picture.save(file, form, quality=85)
    return f"data:image/{form.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


# Matrices -----------------------------------------------------------------------------------------


def attention_map(
    matrix: ArrayLike,
    who: Faces,
    kind: Kind = "weights",
    *,
    selected: tuple[int, int] | None = None,
    zmax: float | None = None,
    title: str | None = None,
    height: int = HEIGHT,
    uirevision: str = "",
) -> go.Figure:
    """Who looks at whom: a square of cells, the pictures at both axes.

    A click's `point` is the cell (i, j).

    Args:
        matrix: (B, B), row i holds what image i gives to the others.
        who: the group.
        kind: weights (from 0), scores (q kᵀ / √8) or products (q kᵀ).
        selected: the cell (i, j) to outline.
        zmax: where the colour scale ends (and starts, negatively, unless these are weights), so
            that figures can be compared; the largest number of the matrix by default.
        title: above the figure.
        height: in pixels, as it will be shown.
        uirevision: as long as it stays the same, the reader's zoom does too.
    """
    matrix = np.asarray(matrix)
    count = len(matrix)
    name, hover = _KINDS[kind]
    title = title or name
    signed = kind != "weights"
    names = [_short(each) for each in who.names] if count <= 20 else []
    side = _side(height - TOP - 20 - BOTTOM - EDGE, count)
    thumb = min(0.94 * side / count, THUMBNAIL)
    edge = EDGE + thumb
    left = 28 + edge + (6.2 * max(map(len, names)) + 8 if names else 0)
    scale, dark = _scales(signed)
    trace = {
        "type": "heatmap", "z": matrix, "x": who.labels, "y": who.labels, "name": name,
        "coloraxis": "coloraxis", "hovertemplate": f"{hover}<b>%{{z:{DIGITS}}}</b><extra></extra>",
        **_gaps(count),
    }  # fmt: skip
    images, shapes = _at_both_axes(who, thumb, side)
    square = {"constrain": "domain", "minallowed": -0.5, "maxallowed": count - 0.5}
    layout = {
        "margin": {"l": left, "r": 8, "t": TOP + 20 + edge, "b": BOTTOM, "autoexpand": False},
        "coloraxis": _coloraxis(scale, *_range(matrix, zmax, signed)),
        "xaxis": {
            **_axis("is looked at (key)", VERMILION, edge), **square, "side": "top",
            "range": [-0.5, count - 0.5], "constraintoward": "left",
        },
        "yaxis": {
            **_axis("looks (query)", BLUE, 10 if names else edge), **square, "scaleanchor": "x",
            "range": [count - 0.5, -0.5], "constraintoward": "top",
            **(_row_names(names, edge) if names else {}),
        },
        "images": images,
        "shapes": shapes + (_cell_marks(*selected, count, thumb, side) if selected else []),
    }  # fmt: skip
    return figure([trace], layout, title, words_of_map(matrix, who, title), dark, uirevision)


def vectors_map(
    matrix: ArrayLike,
    role: Role,
    who: Faces,
    *,
    selected_rows: Mapping[int, str] | None = None,
    zmax: float | None = None,
    title: str | None = None,
    height: int = 360,
    uirevision: str = "",
) -> go.Figure:
    """One vector per image: a row of cells each, the pictures beside them.

    A click's `point` is (image, place in the vector).

    Args:
        matrix: (B, H).
        role: what the vectors are; it gives the title and the colour of the frame.
        who: the group.
        selected_rows: rows to outline, and in which colour.
        zmax: the colour scale runs from -zmax to zmax, so that figures can be compared; the
            largest absolute number by default.
        title: above the figure.
        height: in pixels, as it will be shown.
        uirevision: changes when the figure shows something else altogether.
    """
    matrix = np.asarray(matrix)
    count, width = matrix.shape
    name, letter, color = ROLES[role]
    side = height - TOP - 18 - BOTTOM
    thumb = min(0.94 * side / count, THUMBNAIL)
    scale, dark = _scales(signed=True)
    trace = {
        "type": "heatmap", "z": matrix, "y": who.labels, "coloraxis": "coloraxis", "name": name,
        "hovertemplate": f"%{{y}}, {letter}[%{{x}}] = <b>%{{z:{DIGITS}}}</b><extra></extra>",
        **_gaps(max(count, width)),
    }  # fmt: skip
    images, shapes = _at_rows(who, thumb, side)
    frame = {"linewidth": 2, "linecolor": color} if color else {}
    axis = _axis("", None, 0) | frame | {"fixedrange": True}
    step = 1 if width <= 12 else 8
    layout = {
        "margin": {"l": EDGE + thumb, "r": 8, "t": TOP + 18, "b": BOTTOM, "autoexpand": False},
        "titlefont": {"color": color} if color else {},
        "coloraxis": _coloraxis(scale, *_range(matrix, zmax, True)),
        "xaxis": {
            **axis, "side": "top", "range": [-0.5, width - 0.5], "showticklabels": True,
            "dtick": step, "tick0": 0, "tickfont": {"size": 11},
        },
        "yaxis": {**axis, "range": [count - 0.5, -0.5]},
        "images": images,
        "shapes": shapes + _row_marks(selected_rows or {}, count, width),
    }  # fmt: skip
    title = title or f"{name} ({letter})" if letter in "qkv" else title or name
    return figure([trace], layout, title, words_of_vectors(matrix, who, title), dark, uirevision)


def _short(name: str) -> str:
    return name if len(name) <= 12 else f"{name[:11]}…"


def _row_names(names: list[str], edge: float) -> dict:
    """Class names left of the rows' pictures."""
    places = {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": names}
    look = {"showticklabels": True, "tickfont": {"size": 11}, "ticklabelstandoff": round(edge)}
    return places | look


def _row_marks(rows: Mapping[int, str], count: int, width: int) -> list[dict]:
    """Rows outlined, each in its colour."""
    wider, line = _wider(count), 3 if count <= MANY else 1.5
    return [
        rectangle(color, line, x0=-0.5, x1=width - 0.5, y0=row - wider, y1=row + wider)
        for row, color in rows.items()
    ]


def _side(room: float, count: int) -> float:
    """The side of a square of cells whose pictures, as large as a cell, share the room with it."""
    return max(room / (1 + 0.94 / count), room - THUMBNAIL)


def _gaps(count: int) -> dict:
    gap = 1 if count <= MANY else 0
    return {"xgap": gap, "ygap": gap}


def _axis(title: str, color: str | None, standoff: float) -> dict:
    """A bare axis: a frame, and a title if it has one."""
    look = {
        "showgrid": False, "zeroline": False, "showline": True, "mirror": True, "linewidth": 1,
        "ticks": "", "showticklabels": False,
    }  # fmt: skip
    if not title:
        return look
    font = {"size": 13, "color": color}
    return look | {"title": {"text": title, "font": font, "standoff": round(standoff)}}


# Colour -------------------------------------------------------------------------------------------


def _range(matrix: np.ndarray, zmax: float | None, signed: bool) -> tuple[float, float]:
    top = zmax if zmax is not None else float(np.abs(matrix).max(initial=0))
    top = top or 1.0
    return (-top if signed else 0.0), top


@lru_cache(maxsize=2)
def _scales(signed: bool) -> tuple[Scale, Scale]:
    """The scale for a light page and that for a dark one."""
    below, above = VIOLET, ORANGE_SCALE
    if not signed:
        return _ramp(MAKO), _ramp(MAKO[::-1])
    dark = _joined(_ramp(below[::-1]), _ramp(above[::-1]))
    return _joined(_ramp(below), _ramp(above)), dark


def _ramp(colors: Sequence[str]) -> Scale:
    """From the page's colour (nothing of the first) to the last."""
    clear = "rgba({},{},{},0)".format(*bytes.fromhex(colors[0][1:]))
    stops = [clear, *("rgba({},{},{},1)".format(*bytes.fromhex(c[1:])) for c in colors)]
    return [(i / len(colors), color) for i, color in enumerate(stops)]


def _joined(below: Scale, above: Scale) -> Scale:
    """Two scales from 0, as one around it."""
    down = [(0.5 - at / 2, color) for at, color in reversed(below)]
    return down + [(0.5 + at / 2, color) for at, color in above]


def _coloraxis(scale: Scale, low: float, high: float) -> dict:
    """With its bar below the cells, at their left edge."""
    bar = {
        "orientation": "h", "x": 0, "xanchor": "left", "xpad": 0, "y": 0, "yanchor": "top",
        "ypad": 10, "lenmode": "pixels", "len": 190, "thickness": 8, "nticks": 5,
        "tickfont": {"size": 11}, "tickformat": "~g", "outlinewidth": 0,
    }  # fmt: skip
    return {"cmin": low, "cmax": high, "colorscale": scale, "colorbar": bar}


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


def _at_rows(who: Faces, thumb: float, side: float) -> tuple[list[dict], list[dict]]:
    """Pictures and class colours left of rows of cells whose width in pixels is not known."""
    size = {"sizex": 0.5, "sizey": thumb * len(who.names) / side}
    place = {"yref": "y", "xref": "x domain", "x": 0, "xanchor": "right", "yanchor": "middle"}
    images = [{"source": source, "y": i, **place, **size} for i, source in enumerate(who.pictures)]
    near = thumb + GAP
    pixels = {"xref": "x domain", "yref": "y", "xsizemode": "pixel", "xanchor": 0}
    return images, band_shapes(who.colors, "y", (-near, -near - BAND), pixels)


def band_shapes(
    colors: Sequence[str], along: str, across: tuple[float, float], place: dict
) -> list[dict]:
    """A stripe of class colours beside cells 0, 1, ... of an axis: one path for each colour.

    Args:
        colors: (B,) one for each cell.
        along: the axis, x or y.
        across: where the stripe begins and ends on the other axis.
        place: the rest of the shapes: references and size modes.
    """
    near, far = across
    shapes = []
    for color in dict.fromkeys(colors):
        path = ""
        for i in (i for i, other in enumerate(colors) if other == color):
            a, b = i - 0.46, i + 0.46
            if along == "y":
                path += f"M{near:.5g},{a}L{far:.5g},{a}L{far:.5g},{b}L{near:.5g},{b}Z"
            else:
                path += f"M{a},{near:.5g}L{a},{far:.5g}L{b},{far:.5g}L{b},{near:.5g}Z"
        shapes.append(
            {"type": "path", "path": path, "fillcolor": color, "line": {"width": 0}, **place}
        )
    return shapes


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


def rectangle(color: str, width: float, **place: Any) -> dict:
    """A frame around a part of the plot."""
    return {"type": "rect", "line": {"color": color, "width": width}, **place}


# Figures and their words --------------------------------------------------------------------------


def figure(
    data: list[dict],
    layout: dict,
    title: str,
    words: str,
    dark: Scale | None = None,
    uirevision: str = "",
) -> go.Figure:
    """A figure of plain dicts, with what all figures share.

    Plotly's own check of each value would take ten times longer than all the rest; the tests have
    it check every kind of figure instead.

    Args:
        data: the traces.
        layout: what this figure adds.
        title: above the figure, at the left.
        words: the text alternative.
        dark: the colour scale on a dark page.
        uirevision: as long as it stays the same, the reader's zoom does too.
    """
    heading = {
        "text": title, "font": {"size": 15, "weight": 600, **layout.pop("titlefont", {})},
        "pad": {"t": 4, "l": 4}, "x": 0, "xref": "container",
        "y": 1, "yref": "container", "yanchor": "top",
    }  # fmt: skip
    meta = {"alt": words, **({"dark": dark} if dark else {})}
    shared = {
        "template": {}, "title": heading, "font": {"size": 13}, "showlegend": False,
        "hovermode": "closest", "uirevision": uirevision, "meta": meta,
    }  # fmt: skip
    return go.Figure({"data": data, "layout": shared | layout}, _validate=False)


def alt(fig: go.Figure) -> str:
    """What a figure of this package shows, in words and numbers, for those who cannot see it."""
    return fig.layout.meta["alt"]


def words_of_map(matrix: ArrayLike, who: Faces, title: str) -> str:
    """Names the largest cell, and what its row's image gives itself."""
    matrix = np.asarray(matrix)
    i, j = np.unravel_index(matrix.argmax(), matrix.shape)
    first, second = image(who, i), image(who, j)
    target = "itself" if i == j else second
    return (
        f"{title} among {count_of(len(matrix), 'image')}: {first} looks most at {target}, "
        f"{number(matrix[i, j])}; the least is {number(matrix.min())}."
    )


def words_of_vectors(matrix: ArrayLike, who: Faces, title: str) -> str:
    """Names the largest and the smallest number."""
    matrix = np.asarray(matrix)
    (i, a), (j, b) = (np.unravel_index(k, matrix.shape) for k in (matrix.argmax(), matrix.argmin()))
    return (
        f"{title}, of {count_of(len(matrix), 'image')}: from {number(matrix[j, b])} "
        f"({image(who, j)}, number {b}) to {number(matrix[i, a])} ({image(who, i)}, number {a})."
    )


def image(who: Faces, i: int) -> str:
    """How a text calls image i: "image 3 (cat)"."""
    name = who.names[i]
    return f"image {i}" if name == "image" else f"image {i} ({name})"


def count_of(count: int, noun: str) -> str:
    """ "1 image", "2 images"."""
    return f"{count} {noun}{'s' * (count != 1)}"


def number(value: float) -> str:
    """Three significant digits, with a minus sign that is read as one."""
    return f"{float(value):.3g}".replace("-", "−")
