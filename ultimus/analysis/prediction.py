"""What the network says about pictures: alone, together, and among random companions.

A picture's answer depends on who else is in its group, so no single number is its prediction. Here
the answer is the average over many random companies, drawn once and the same for every picture, but
that no picture meets itself or its copy: another stands in for it. Beside it stand the answer alone
and the answer in one group with the other pictures asked about. Where the tokens are patches of the
picture there are no companions: all of these are one answer.

Shape letters: N pictures, M images in the pool, K draws, B images in a group, D = 48 features,
C classes.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..data import image_files
from ..data.dataset import Dataset, Split, is_ready, open_dataset
from ..data.groups import generator
from ..errors import UserError
from ..evaluation import features_of, logits_after, repeatable_features
from ..model import Transformer
from ..places import EXAMPLES
from .companions import Company, among, draw, influence

DRAWS, SIZE = 32, 16
BATCH = 8  # pictures that go through the convolutions at once
NO_COMPANIONS = (
    "The answer does not depend on other pictures: in this network the patches of one picture look "
    "at each other, and at nothing else."
)
POOL_BATCH = 64  # companions at once: larger ones fall out of the processor's cache
SPARE = 2  # companions more in each draw, who stand in for copies of the picture asked about
COPY = 10  # of 255, the mean difference up to which two pictures are copies of each other
"""The same picture as PNG and as JPEG differs by 4.5 to 8.1 (20 of CIFAR-10), two others by 12 or
more (300 beside all 10,000 test images)."""


class Companions(NamedTuple):
    """Who sits beside every picture that is asked about, as one model sees them.

    Attributes:
        indices: (K, W), who was drawn, the spare ones last: indices into the pool.
        features: (K, W, D), what the model's convolutions make of them.
        images: (K, W, 3, 32, 32) uint8, what they look like.
        size: B, pictures in a group, the one that is asked about included.
        pool: M, from how many they were drawn.
        note: a sentence for people where the pool was too small, or there are none; else empty.
    """

    indices: Tensor
    features: Tensor
    images: Tensor
    size: int
    pool: int
    note: str = ""

    def beside(self, image: Tensor) -> "Companions":
        """Those of a picture (3, 32, 32): the first ones in each draw that are no copy of it."""
        if not self.any:
            return self
        differences = (self.images.short() - image.short()).abs().float().mean(dim=(2, 3, 4))
        is_copy = differences < COPY  # (K, W)
        count = min(self.size - 1, int((~is_copy).sum(dim=1).min()))
        order = is_copy.to(torch.uint8).argsort(dim=1, stable=True)[:, :count]  # (K, B - 1)
        rows = torch.arange(len(order))[:, None]
        others = self.pool - self.indices[is_copy].unique().numel()
        chosen = (part[rows, order] for part in self[:3])
        return Companions(*chosen, count + 1, others, _note(count, others))

    @property
    def any(self) -> bool:
        """Whether there are companions at all."""
        return self.size > 1


@dataclass(frozen=True)
class Prediction:
    """What the network says about one picture.

    Attributes:
        company: its answers among the companions; see `company.Company`.
        together: (C,), its answer in one group with all pictures asked about; None for a lone one.
    """

    company: Company
    together: Tensor | None

    @cached_property
    def probabilities(self) -> Tensor:
        """(C,), the answer: the average over all companies."""
        return self.company.mean

    @property
    def top(self) -> int:
        """The most probable class."""
        return int(self.probabilities.argmax())

    @property
    def alone(self) -> Tensor:
        """(C,), the answer in a group of one."""
        return self.company.alone

    @property
    def has_companions(self) -> bool:
        """Whether others had a part in it."""
        return self.company.companions.shape[1] > 0

    @property
    def change_rate(self) -> float:
        """The share of companies in which another class comes first, 0...1."""
        return self.company.change_rate


class Influence(NamedTuple):
    """What one companion does to the answer.

    Attributes:
        companion: its index in the pool.
        change: by how much the probability of the picture's class changes when this companion
            leaves, averaged over the groups it sits in: negative where it spoke for the class.
        groups: how many of the groups it sits in.
    """

    companion: int
    change: float
    groups: int


def draw_companions(
    model: Transformer, pool: Tensor, draws: int = DRAWS, size: int = SIZE, seed: int = 0
) -> Companions:
    """Draw companions; the same ones for the same pool, numbers and seed.

    Args:
        model: the trained network.
        pool: (M, 3, 32, 32) uint8, the images to draw from. Where they are too few for the group
            the group is as large as they allow, so that all draws are the same.
        draws: K, how many groups.
        size: B, images in a group, the picture included.
        seed: 0 or more.

    Raises:
        UserError: the pool is empty, or no groups are asked for.

    Returns:
        Companions; where the tokens are patches one group of nobody, and a note about it.
    """
    _check(pool)
    if model.kind == "patches":
        nobody = torch.empty(1, 0, dtype=torch.int64)
        nothing = pool[:0][None]
        return Companions(nobody, features_of(model, pool[:0])[None], nothing, 1, 0, NO_COMPANIONS)
    if not len(pool):
        raise UserError("There are no companions to draw from: give a pool of one image or more.")
    count = min(size - 1, len(pool))
    if draws < 1:
        raise UserError(f"{draws} groups of {count + 1} cannot be drawn: ask for one or more.")
    drawn = min(count + SPARE, len(pool)) if count else 0
    indices = draw(np.arange(len(pool)), draws, drawn, generator(seed))  # (K, W)
    distinct, places = indices.unique(return_inverse=True)
    features = repeatable_features(model, pool[distinct], POOL_BATCH)[places]  # (K, W, D)
    note = _note(count, len(pool))
    return Companions(indices, features, pool[indices], count + 1, len(pool), note)


def _note(count: int, pool: int) -> str:
    """What has to be said where all companions there are make a group."""
    if count < pool or not pool:
        return "" if pool else "There are no others to draw companions from: it is always alone."
    found = "is only 1 picture" if count == 1 else f"are only {count} pictures"
    return (
        f"There {found} to draw companions from, so every group has {count + 1} and all draws are "
        "alike."
    )


def predict(
    model: Transformer, images: Tensor | np.ndarray, companions: Companions
) -> list[Prediction]:
    """What the network says about pictures, one `Prediction` for each.

    A picture's answers do not depend on which others are asked about, except `together`.

    Args:
        model: the trained network.
        images: (N, 3, 32, 32) uint8, e.g. made by `pictures.shrink`.
        companions: drawn by `draw_companions` with the same model.

    Raises:
        UserError: the pictures are of another shape or type.
    """
    images = torch.as_tensor(images)
    _check(images)
    features = repeatable_features(model, images, BATCH)  # (N, D)
    together = _together(model, features) if len(images) > 1 else [None] * len(images)
    return [
        Prediction(_in_company(model, row, companions.beside(image)), answer)
        for image, row, answer in zip(images, features, together, strict=True)
    ]


def influences(
    model: Transformer, image: Tensor | np.ndarray, companions: Companions
) -> list[Influence]:
    """How much each companion matters to the answer about a picture, the most influential first.

    Each companion is left out of each group it sits in, once, while all others stay.

    Args:
        model: the trained network.
        image: (3, 32, 32) uint8.
        companions: drawn by `draw_companions` with the same model.

    Raises:
        UserError: the picture is of another shape or type.
    """
    images = torch.as_tensor(image)[None]
    _check(images)
    if not companions.any:
        return []
    features = repeatable_features(model, images, BATCH)  # (1, D)
    companions = companions.beside(images[0])
    answer = _in_company(model, features[0], companions).mean.argmax()
    changes = [influence(model, torch.cat([features, others]), 0)[1:, answer]
               for others in companions.features]  # K times (B - 1,)  # fmt: skip
    distinct, places, groups = companions.indices.unique(return_inverse=True, return_counts=True)
    totals = torch.zeros(len(distinct)).index_add_(0, places.flatten(), torch.cat(changes))
    influences = map(Influence, distinct.tolist(), (totals / groups).tolist(), groups.tolist())
    return sorted(influences, key=lambda influence: -abs(influence.change))


def _check(images: Tensor) -> None:
    if images.dtype != torch.uint8 or images.shape[1:] != (3, image_files.SIDE, image_files.SIDE):
        raise UserError(
            f"Pictures are uint8 of the shape (N, 3, 32, 32), and these are {images.dtype} of "
            f"{tuple(images.shape)}: make them with pictures.shrink, or take those of a data set."
        )


def _together(model: Transformer, features: Tensor) -> Tensor:
    """The answers (N, C) where all pictures (N, D) are one group."""
    return logits_after(model, features)[-1].softmax(dim=-1)


def _in_company(model: Transformer, features: Tensor, companions: Companions) -> Company:
    """The answers to one picture, whose features are (D,).

    Each picture by itself, as its groups are small enough to be computed without waiting for
    other threads, which on a busy machine takes longer than the arithmetic.
    """
    pool = torch.cat([features[None], companions.features.flatten(0, 1)])  # (1 + K(B - 1), D)
    places = torch.arange(1, len(pool)).view(companions.indices.shape)  # (K, B - 1)
    return among(model, 0, pool, places)._replace(companions=companions.indices)


# Where companions come from -----------------------------------------------------------------------


def ready_data(fingerprint: str, sources: Iterable[str] = ()) -> Dataset | None:
    """The data set with that fingerprint, if it is ready on this machine.

    Args:
        fingerprint: of the data that a network was trained on.
        sources: where to look first; then ULTIMUS_DATA, CIFAR-10 and the shapes are looked at.
    """
    known = (*sources, os.environ.get("ULTIMUS_DATA", ""), "cifar10", "shapes")
    for source in dict.fromkeys(filter(None, known)):
        try:
            dataset = open_dataset(source) if is_ready(source) else None
        except UserError:  # a folder that is on another machine, or damaged
            continue
        if dataset and dataset.fingerprint == fingerprint:
            return dataset
    return None


def examples() -> Split:
    """The first 20 test images of CIFAR-10, which come with Ultimus.

    Raises:
        UserError: they are missing.
    """
    files = sorted(EXAMPLES.glob("cifar10_*.png"))
    if not files:
        raise UserError(f"The example pictures are missing from {EXAMPLES}: install Ultimus again.")
    images = np.stack([image_files.shrink(image_files.read(file)) for file in files])
    labels = [int(file.stem.split("_")[2]) for file in files]
    return Split(torch.from_numpy(images), torch.tensor(labels))
