"""From stored bytes to the network's input: scaling, mirroring, moving and cutting out.

Shape letters: N images of a batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from .dataset import Split
from .groups import compose

if TYPE_CHECKING:  # whoever only names a picture does not wait for pydantic
    from ..recipe import Recipe

CUTOUT_FILL = 127
AHEAD = 128  # images that training prepares together; more fall out of the cache


def preprocess(images: Tensor) -> Tensor:
    """Images uint8 (..., 3, 32, 32) to the network's input in -1...1.

    The one way in, for training, evaluation and uploads: (x / 255 - mean) / std with mean and
    std 0.5, as the seed scales.
    """
    return images.to(torch.float32, copy=True).div_(127.5).sub_(1)


def augment(images: Tensor, flipped: Tensor, holes: Tensor, moves: Tensor | None = None) -> Tensor:
    """Mirror, move and cut out, all images of a batch at once.

    What applies to some pixels only is written as arithmetic (modulo 256) with 0 or 1, which takes
    a fifth of the time of a choice between bytes.

    Args:
        images: (N, 3, 32, 32) uint8.
        flipped: (N,) bool, which images are mirrored.
        holes: (N, 4) top, bottom, left, right of the grey square; an empty one cuts nothing.
        moves: (N, 2) by how many pixels each goes up and to the left; what comes in is its edge,
            mirrored. None moves none.
    """
    flipped = flipped[:, None, None, None].to(torch.uint8)
    images = images.flip(-1).sub_(images).mul_(flipped).add_(images)
    if moves is not None:
        images = _moved(images, moves)
    top, bottom, left, right = holes.T[..., None]  # each (N, 1)
    place = torch.arange(images.shape[-1], device=images.device)
    rows = ((place >= top) & (place < bottom)).to(torch.uint8)  # (N, 32)
    columns = ((place >= left) & (place < right)).to(torch.uint8)  # (N, 32)
    hole = rows[:, None, :, None] * columns[:, None, None, :]  # (N, 1, 32, 32)
    return images.mul_(1 - hole).add_(hole * CUTOUT_FILL)


def _moved(images: Tensor, moves: Tensor) -> Tensor:
    last = images.shape[-1] - 1
    place = torch.arange(last + 1, device=images.device) + moves.T[..., None]  # (2, N, 32)
    rows, columns = last - (last - place.abs()).abs()  # each (N, 32), mirrored at both ends
    pixels = (rows[:, :, None] * (last + 1) + columns[:, None, :]).flatten(1)  # (N, 32 * 32)
    pixels = pixels[:, None].expand(-1, images.shape[1], -1)  # (N, 3, 32 * 32)
    return images.flatten(2).gather(2, pixels).view_as(images)


class Epoch:
    """One epoch's order and augmentation, drawn at once from the recipe's seed and its number.

    No random state is carried from step to step, so a run resumes at any step by its number.
    """

    def __init__(self, recipe: Recipe, split: Split, number: int):
        draw = np.random.default_rng((recipe.seed, number))
        count = len(split)
        self.split = split
        self.recipe = recipe
        self.order = torch.from_numpy(_order(draw, recipe, split.labels))
        self.flipped = torch.from_numpy(draw.random(count) < recipe.flip)
        self.holes = torch.from_numpy(_holes(draw, recipe, count))
        self.moves = torch.from_numpy(_moves(draw, recipe, count)) if recipe.shift else None
        self._ahead = max(1, AHEAD // recipe.batch) * recipe.batch  # images, in whole batches
        self._prepared: tuple[Tensor, Tensor] | None = None
        self._number = -1  # of those, counted in as many

    @property
    def draws(self) -> tuple[Tensor, ...]:
        """What was drawn, a row for each image in the epoch's order: the arguments of `take`."""
        drawn = (self.order, self.flipped, self.holes)
        return drawn if self.moves is None else (*drawn, self.moves)

    def batch(self, index: int) -> tuple[Tensor, Tensor]:
        """The index-th batch: input (N, 3, 32, 32), labels (N,)."""
        batch = self.recipe.batch
        number, within = divmod(index * batch, self._ahead)
        if number != self._number:
            coming = slice(number * self._ahead, (number + 1) * self._ahead)
            self._prepared = take(self.split, *(draw[coming] for draw in self.draws))
            self._number = number
        images, labels = (part[within : within + batch] for part in self._prepared)
        return preprocess(images), labels


def take(split: Split, chosen: Tensor, *draws: Tensor) -> tuple[Tensor, Tensor]:
    """Some images as training sees them, (N, 3, 32, 32) uint8, and their labels (N,).

    Their channels lie next to each other in memory, as `training/` wants them.

    Args:
        split: all images.
        chosen: (N,) int64, which of them.
        draws: how each is changed, as `augment` takes it.
    """
    images = augment(split.images.index_select(0, chosen), *draws)
    # what contiguous(memory_format=torch.channels_last) gives, in half the time
    return torch.stack(images.unbind(1), dim=-1).permute(0, 3, 1, 2), split.labels[chosen]


def _order(draw: np.random.Generator, recipe: Recipe, labels: Tensor) -> np.ndarray:
    """(N,) all images, in groups composed as the recipe says."""
    order = draw.permutation(len(labels))
    if recipe.grouping == "random":
        return order
    return compose(order, labels, recipe.group, recipe.grouping, draw)


def _holes(draw: np.random.Generator, recipe: Recipe, count: int) -> np.ndarray:
    """(N, 4) squares centred on any pixel, so that some reach over the border, as the seed's do."""
    side = recipe.cutout * (draw.random(count) < recipe.cutout_chance)  # (N,)
    begin = draw.integers(0, 32, (2, count)) - recipe.cutout // 2
    top, left = begin
    return np.stack([top, top + side, left, left + side], axis=1)


def _moves(draw: np.random.Generator, recipe: Recipe, count: int) -> np.ndarray:
    """(N, 2) pixels, every distance up to the recipe's as likely as any other."""
    return draw.integers(-recipe.shift, recipe.shift + 1, (count, 2))
