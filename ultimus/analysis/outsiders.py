"""Pictures of what a network has no class for: blank, noise, patterns, text, drawings, photographs.

They are what the out-of-distribution warning is measured on. All but the photographs are drawn from
a seed, as people would bring them: at some size, and shrunk as every picture is.

Shape: (N, 3, 32, 32) uint8.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ..data import image_files
from ..places import OUTSIDERS

SIDE = 256  # pixels, at which text and drawings are drawn
WORDS = [
    "attention",
    "query",
    "key",
    "value",
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "3.14159",
    "import",
    "return",
]
PAPERS = ((255, 255, 255), (0, 0, 0), (250, 245, 230), (30, 40, 60))


@cache
def outsiders(kind: str, count: int = 20, seed: int = 0) -> Tensor:
    """So many pictures of one of KINDS; the same ones for the same seed.

    Args:
        kind: a name of KINDS.
        count: N; of photographs there are 20.
        seed: 0 or more.
    """
    if kind == PHOTOGRAPHS:
        pictures = map(image_files.read, sorted(OUTSIDERS.glob("cifar100_*.png"))[:count])
    else:
        rng = np.random.default_rng(seed)
        pictures = (_DRAWN[kind][n % len(_DRAWN[kind])](rng) for n in range(count))
    return torch.from_numpy(np.stack([image_files.shrink(picture) for picture in pictures]))


def _flat(rng: Generator) -> Image.Image:
    return _picture(np.zeros((32, 32, 3)) + rng.choice([0, 64, 128, 192, 255]))


def _tinted(rng: Generator) -> Image.Image:
    return _picture(np.zeros((32, 32, 3)) + rng.integers(0, 256, 3))


def _dim(rng: Generator) -> Image.Image:
    """As of a covered lens: flat but for the noise of the camera."""
    return _picture(rng.integers(0, 256, 3) + rng.normal(0, 2, (32, 32, 3)))


def _grey_noise(rng: Generator) -> Image.Image:
    return _picture(rng.normal(128, rng.uniform(15, 80), (32, 32, 1)) + np.zeros(3))


def _fine_noise(rng: Generator) -> Image.Image:
    """Larger than the network's pictures, which shrinking makes faint."""
    return _picture(rng.integers(0, 256, (SIDE, SIDE, 1)) + np.zeros(3))


def _coarse_noise(rng: Generator) -> Image.Image:
    size = int(rng.choice([2, 4, 8]))
    return _picture(
        rng.integers(0, 256, (32 // size, 32 // size, 3)).repeat(size, 0).repeat(size, 1)
    )


def _colour_noise(rng: Generator) -> Image.Image:
    return _picture(rng.integers(0, 256, (32, 32, 3)))


def _ramp(rng: Generator) -> Image.Image:
    share = np.linspace(0, 1, 32)[:, None, None]
    ramp = _colour(rng) * share + _colour(rng) * (1 - share) + np.zeros((1, 32, 1))
    return _picture(ramp if rng.random() < 0.5 else ramp.swapaxes(0, 1))


def _board(rng: Generator) -> Image.Image:
    fields = (np.indices((32, 32)) // rng.integers(1, 9)).sum(axis=0) % 2
    return _picture(np.where(fields[..., None], _colour(rng), _colour(rng)))


def _stripes(rng: Generator) -> Image.Image:
    stripes = np.indices((32, 32))[rng.integers(2)] // rng.integers(1, 9) % 2
    return _picture(np.where(stripes[..., None], _colour(rng), _colour(rng)))


def _page(rng: Generator) -> Image.Image:
    """Lines of text, as on a photographed page or a screen."""
    paper = PAPERS[rng.integers(len(PAPERS))]
    ink = (0, 0, 0) if sum(paper) > 300 else (255, 255, 255)
    picture, size = Image.new("RGB", (SIDE, SIDE), paper), int(rng.integers(12, 60))
    for y in range(4, SIDE, round(1.25 * size)):
        line = " ".join(rng.choice(WORDS, 6))
        ImageDraw.Draw(picture).text((6, y), line, ink, ImageFont.load_default(size))
    return picture


def _letter(rng: Generator) -> Image.Image:
    picture, size = Image.new("RGB", (SIDE, SIDE), PAPERS[0]), int(rng.integers(120, 230))
    sign = str(rng.choice(list("ABCEGKMQRSXZ0123456789")))
    ImageDraw.Draw(picture).text((60, 5), sign, _ink(rng), ImageFont.load_default(size))
    return picture


def _outlines(rng: Generator) -> Image.Image:
    """Strokes and outlines of a pen on white paper."""
    picture = Image.new("RGB", (SIDE, SIDE), PAPERS[0])
    pen, ink = ImageDraw.Draw(picture), _ink(rng)
    for _ in range(rng.integers(2, 9)):
        width = int(rng.integers(3, 12))
        pen.line(_points(rng, 4), ink, width, joint="curve")
        pen.ellipse(_box(rng), outline=ink, width=width)
    return picture


def _cartoon(rng: Generator) -> Image.Image:
    """Filled figures with an outline on one colour."""
    picture = Image.new("RGB", (SIDE, SIDE), _ink(rng) if rng.random() < 0.5 else PAPERS[0])
    pen = ImageDraw.Draw(picture)
    for _ in range(rng.integers(2, 5)):
        pen.ellipse(_box(rng), _ink(rng), outline=0, width=4)
        pen.rectangle(_box(rng), _ink(rng), outline=0, width=4)
        pen.polygon(_points(rng, 3), _ink(rng), outline=0)
    return picture


def _chart(rng: Generator) -> Image.Image:
    picture, ink = Image.new("RGB", (SIDE, SIDE), PAPERS[0]), _ink(rng)
    pen = ImageDraw.Draw(picture)
    for left in range(20, 240, 36):
        pen.rectangle((left, int(rng.integers(20, 230)), left + 24, 240), ink)
    pen.line((14, 0, 14, 241, SIDE, 241), 0, 3)
    return picture


PHOTOGRAPHS = "photographs of other things (CIFAR-100)"
_Draw = Callable[[Generator], Image.Image]
_DRAWN: dict[str, tuple[_Draw, ...]] = {
    "blank pictures": (_flat, _tinted, _dim),
    "pictures of noise": (_grey_noise, _fine_noise, _coarse_noise, _colour_noise),
    "patterns": (_ramp, _board, _stripes),
    "pictures of text": (_page, _letter),
    "drawings": (_outlines, _cartoon, _chart),
}
KINDS = (*_DRAWN, PHOTOGRAPHS)


def _picture(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _colour(rng: Generator) -> np.ndarray:
    return rng.integers(0, 256, 3)


def _ink(rng: Generator) -> tuple[int, ...]:
    return tuple(rng.integers(0, 220, 3).tolist())


def _points(rng: Generator, count: int) -> list[tuple[int, ...]]:
    return [tuple(point) for point in rng.integers(0, SIDE, (count, 2)).tolist()]


def _box(rng: Generator) -> list[int]:
    return np.sort(rng.integers(-30, SIDE + 30, (2, 2)), axis=0).flatten().tolist()
