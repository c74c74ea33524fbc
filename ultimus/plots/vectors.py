"""What companions matter -> bars over the pictures of a group.

Figures hold the numbers they are given; only what is written on the screen is rounded. Every
figure says in words what it shows: `axes.alt`.

B: images in a group.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from .axes import (
    BAND,
    DIGITS,
    GAP,
    TOP,
    band_shapes,
    bars,
    figure,
    margin,
    signs,
    value_axis,
)
from .faces import Faces
from .words import points

WORTH_A_LOOK = 0.01  # of a probability: bars that are smaller are drawn as small as they are
THUMBNAIL = 30  # pixels of a picture under a bar, at most


def influence_bars(
    change: ArrayLike,
    who: Faces,
    title: str,
    height: int,
) -> go.Figure:
    """What leaving out each companion does to the probability of one class.

    Args:
        change: (B,), the probability without the companion minus the one with it.
        who: the group.
        title: above the figure.
        height: in pixels, as it will be shown.
    """
    change = np.asarray(change)
    trace = bars(change, signs(change), f"%{{x}}: <b>%{{y:{DIGITS}}}</b>", title)
    layout = _over_thumbnails(who, height) | {"yaxis": value_axis(change, WORTH_A_LOOK)}
    most = np.abs(change).argmax()
    words = f"{title}: the largest change is {points(change[most])}, when {who.image(most)} leaves."
    return figure([trace | {"x": who.labels}], layout, title, words)


def _over_thumbnails(who: Faces, height: int) -> dict:
    """The layout of bars with the images' thumbnails below them, but for the values' axis."""
    count = len(who.names)
    under = GAP + BAND + GAP + THUMBNAIL + 4
    room = height - TOP - under
    at, stripe = -(GAP + BAND + GAP) / room, (-GAP / room, -(GAP + BAND) / room)
    across = {"xref": "x", "yref": "y domain"}
    place = across | {"y": at, "xanchor": "center", "yanchor": "top"}
    place |= {"sizex": 0.94, "sizey": THUMBNAIL / room}
    bare = {"showgrid": False, "zeroline": False, "showticklabels": False, "fixedrange": True}
    return {
        "margin": margin(58, 8, TOP, under),
        "xaxis": {"range": [-0.5, count - 0.5], **bare},
        "images": [{"source": source, "x": i, **place} for i, source in enumerate(who.pictures)],
        "shapes": band_shapes(who.colors, "x", stripe, across),
    }
