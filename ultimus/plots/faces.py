"""How the images of a group appear in figures: thumbnails, names, the colours of classes.

B: images in a group, C: classes.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image

from .style import GREY, class_colors

MANY = 32  # images; of more, cells are so small that frames and gaps would hide them


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

    def image(self, i: int) -> str:
        """How a text calls image i: "image 3 (cat)"."""
        name = self.names[i]
        return f"image {i}" if name == "image" else f"image {i} ({name})"


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
