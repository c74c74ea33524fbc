"""Arrays of numbers as pictures: how they lie, and which number is white.

Shapes: N pictures, height H, width W, M numbers of a picture in one row.
"""

import math
from typing import NamedTuple

import numpy as np

from ...errors import UserError

LEAST_SIDE, MOST_SIDE = 8, 512  # pixels of a picture that lies in one row
BRIGHT = 128  # what the brightest of wider numbers reaches at least, if they are bytes
ALIKE = 0.9  # how much less the next row of a picture differs than others
WHITE = 1 + 1e-3  # the most that a share is, with what rounding adds


class Pictures(NamedTuple):
    """Pictures (N, H, W) or (N, H, W, 3) uint8, and sentences about how they were read."""

    images: np.ndarray
    notes: tuple[str, ...] = ()


def pictures(array: np.ndarray, where: str) -> Pictures:
    """An array of pictures, in any of the usual orders and ranges.

    Args:
        array: (N, H, W), (N, H, W, 1, 3 or 4), (N, 1 or 3, H, W), or (N, M), see `side_of`.
        where: how an error calls it.

    Raises:
        UserError: nothing says how its numbers lie, or which of them is white.
    """
    notes: tuple[str, ...] = ()
    if array.ndim == 2:
        array, note = _unrolled(array, where)
        notes = (note,)
    images, note = _scaled(shaped(array, where), where)
    return Pictures(images, (*notes, *filter(None, [note])))


def side_of(width: int, several: tuple[int, ...] = (1, 3)) -> int:
    """The side of a square picture of which `width` numbers are all pixels; 0 if there is none.

    They have one of several numbers of bands: none is both a square and three times one.
    """
    for bands in several:
        side = math.isqrt(width // bands)
        if bands * side * side == width and LEAST_SIDE <= side <= MOST_SIDE:
            return side
    return 0


def _unrolled(rows: np.ndarray, where: str) -> tuple[np.ndarray, str]:
    """Rows of pixels (N, M) as pictures: grey ones, planes of a colour, or pixels of three."""
    side = side_of(rows.shape[1])
    if rows.shape[1] == side * side:
        if rows.dtype.kind == "f" and _step(rows, side) > ALIKE * _step(rows, 3 * side // 2):
            raise UserError(
                f"{where} holds rows of {rows.shape[1]} decimals, which may be pixels or anything: "
                f"give pictures the shape (N, {side}, {side})."
            )
        return rows.reshape(-1, side, side), f"Rows of numbers are read as {side} × {side} pixels."
    if _step(rows, side) <= _step(rows, 3 * side):  # the next row of a picture is the most alike
        how = f"three planes of {side} × {side}, as CIFAR's are"
        images = rows.reshape(-1, 3, side, side).transpose(0, 2, 3, 1)
    else:
        how = f"{side} × {side} pixels of three colours"
        images = rows.reshape(-1, side, side, 3)
    return images, f"Rows of numbers are read as {how}."


def _step(rows: np.ndarray, distance: int) -> float:
    """How much numbers differ from those that are so many further."""
    few = rows[:1000].astype(np.float32)
    return float(np.abs(few[:, distance:] - few[:, :-distance]).mean())


def shaped(images: np.ndarray, where: str) -> np.ndarray:
    """Pictures as (N, H, W) or (N, H, W, 3).

    Raises:
        UserError: they are no such array.
    """
    if images.ndim == 4 and images.shape[1] in (1, 3) and images.shape[3] not in (1, 3, 4):
        images = images.transpose(0, 2, 3, 1)
    if images.ndim == 4 and images.shape[3] in (1, 4):
        images = images[..., 0] if images.shape[3] == 1 else images[..., :3]
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != 3):
        raise UserError(
            f"The pictures of {where} have the shape {images.shape}: it should be (N, height, "
            "width) or (N, height, width, 3)."
        )
    return images


def as_bytes(images: np.ndarray, where: str) -> np.ndarray:
    """Whole numbers from 0 to 255 as uint8.

    Raises:
        UserError: they are others.
    """
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind not in "iu" or images.min(initial=0) < 0 or images.max(initial=0) > 255:
        raise _without_white(images, where)
    return images.astype(np.uint8)


def _scaled(images: np.ndarray, where: str) -> tuple[np.ndarray, str]:
    """Pictures in bytes, and what has to be said; of a whole set, whose range tells its scale."""
    kind, size = images.dtype.kind, images.dtype.itemsize
    if kind not in "biuf":
        raise UserError(
            f"The pictures of {where} are {images.dtype}, which are no numbers: {SAVE}."
        )
    if not images.size:
        return images.astype(np.uint8), ""
    least, most = images.min(), images.max()
    if kind == "b" or (kind in "iu" and (least, most) == (0, 1)):
        return (images != 0).view(np.uint8) * np.uint8(
            255
        ), "Pictures are of black and white alone."
    if images.dtype == np.uint8:
        return images, ""
    if kind == "f" and least >= 0 and most <= WHITE:
        return (images * np.float64(255)).round().clip(0, 255).astype(np.uint8), ""
    if least >= 0 and BRIGHT <= most <= 255:
        return images.round().astype(np.uint8), ""
    if kind == "u" and size == 2 and most >= BRIGHT * 256:
        return (images // 257).astype(np.uint8), ""
    raise _without_white(images, where)


SAVE = "save them as bytes from 0 to 255 (uint8)"


def _without_white(images: np.ndarray, where: str) -> UserError:
    """Why nothing says which number is white, and what to do."""
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        return UserError(f"The pictures of {where} have numbers that are not finite: {SAVE}.")
    least, most = images.min(), images.max()
    normal = least < 0 and images.dtype.kind == "f"
    why = (
        "so they were normalised: undo that, and" if normal else "and nothing says which is white:"
    )
    return UserError(
        f"The pictures of {where} are {images.dtype} from {least:.4g} to {most:.4g}, {why} {SAVE}."
    )
