"""Where in a picture the evidence lies: contributions over the picture -> a figure.

S: pixels along a side of the picture.
"""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from PIL import Image

from .axes import BOTTOM, DIGITS, TOP, coloraxis, figure, margin
from .faces import data_uri
from .style import NEGATIVE, POSITIVE

HEIGHT = 360  # pixels, for which the figure is made
ENLARGED = 12  # times; a picture that the browser enlarges would be smoothed
OPAQUE = 0.85  # of the strongest evidence: the picture stays visible below
STRONGEST = 0.02  # share of the places that have the darkest colours: few stand out far


def evidence_map(
    contributions: ArrayLike,
    image: np.ndarray,
    class_name: str,
    title: str,
) -> go.Figure:
    """What each place of a picture contributes to a class, over the picture in grey.

    Args:
        contributions: (S, S), in units of the logit; orange where they speak for the class,
            violet where they speak against it.
        image: (3, S, S) uint8.
        class_name: the class.
        title: above the figure.
    """
    values = np.asarray(contributions)
    side = len(values)
    top = _top(values)
    heat = {
        "type": "heatmap", "z": values, "name": f"evidence for {class_name}",
        "coloraxis": "coloraxis",
        "hovertemplate": f"row %{{y}}, column %{{x}}: <b>%{{z:{DIGITS}}}</b><extra></extra>",
    }  # fmt: skip
    hidden = {"visible": False, "constrain": "domain"}
    layout = {
        "margin": margin(4, 4, TOP, BOTTOM),
        "xaxis": {**hidden, "range": [-0.5, side - 0.5], "constraintoward": "left"},
        "yaxis": {
            **hidden, "range": [side - 0.5, -0.5], "scaleanchor": "x", "constraintoward": "top",
        },
        "images": [{
            "source": data_uri(_grey(image), ENLARGED), "xref": "x", "yref": "y",
            "x": -0.5, "y": -0.5, "sizex": side, "sizey": side,
            "sizing": "stretch", "layer": "below",
        }],
        "coloraxis": coloraxis(_scale(), -top, top),
    }  # fmt: skip
    return figure([heat], layout, title, _words(values, title, class_name))


def _top(values: np.ndarray) -> float:
    strengths = np.abs(values)
    return float(np.quantile(strengths, 1 - STRONGEST)) or float(strengths.max()) or 1.0


def _grey(image: np.ndarray) -> np.ndarray:
    """Without its own colours, which would mix with those of the evidence."""
    grey = np.asarray(Image.fromarray(image.transpose(1, 2, 0)).convert("L"))  # (S, S)
    return np.broadcast_to(grey, image.shape)


def _scale() -> list[tuple[float, str]]:
    """Clear where nothing is contributed, so that the picture shows through."""
    against, speaks_for = (",".join(map(str, bytes.fromhex(c[1:]))) for c in (NEGATIVE, POSITIVE))
    return [
        (0.0, f"rgba({against},{OPAQUE})"),
        (0.5, f"rgba({against},0)"),
        (0.5, f"rgba({speaks_for},0)"),
        (1.0, f"rgba({speaks_for},{OPAQUE})"),
    ]


def _words(values: np.ndarray, title: str, class_name: str) -> str:
    if not values.any():
        return f"{title}: no place speaks for or against it."
    row, column = np.unravel_index(np.abs(values).argmax(), values.shape)
    side = "for" if values[row, column] > 0 else "against"
    return (
        f"{title}: {values[values > 0].sum():.3g} in all speaks for {class_name} and "
        f"{-values[values < 0].sum():.3g} against it; the strongest place, row {row} and column "
        f"{column}, speaks {side} it."
    )
