"""Does a picture look like none of the classes? A warning that is measured, not felt.

The features of a network's own test images form a cloud. How far a picture lies from its middle,
measured in the cloud's own widths, is the Mahalanobis distance (Lee et al. 2018, here with one
cloud for all classes): a picture farther out than 95 % of held-out test images is an outsider.
Why this score: compared on the weights of the shipped run, with 5,000 images in the cloud and at
5 % false alarms, it finds 15 % of 20 pictures of CIFAR-100 and 97 % of 60 drawn graphics. The
largest probability finds 10 % and 0 %, since a network is often surest about what it has never
seen; the energy (Liu et al. 2020) 15 % and 0 %; the distance to the fifth neighbour (Sun et al.
2022) 30 % and 72 %, but it has to keep all images.

Shape letters: N images, D = 48 features, E <= D directions in which the cloud has any width.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from ..data import image_files
from ..evaluation import features_of
from ..model import Transformer
from ..places import OUTSIDERS

FALSE_ALARMS = 0.05  # of held-out images of its own kind
SHARE = 500  # images for each of: the cloud, the threshold, the count of false alarms
FEWEST = 100  # images in a share; fewer would make the rates a matter of luck
NARROWEST = 1e-6  # of a direction's variance, as a part of the widest one's


@dataclass(frozen=True)
class Detector:
    """Tells pictures apart from what a network's test images look like to it.

    Attributes:
        middle: (D,), the mean of the cloud.
        widths: (D, E), its directions, each divided by the cloud's standard deviation in it.
        threshold: the distance beyond which a picture is an outsider.
        false_alarms: share 0...1 of `images` other test images that are called outsiders.
        images: how many these are.
        photographs: share of the 20 pictures of CIFAR-100 that are called outsiders.
        graphics: share of drawn graphics that are called outsiders.
    """

    middle: Tensor
    widths: Tensor
    threshold: float
    false_alarms: float = 0.0
    images: int = 0
    photographs: float = 0.0
    graphics: float = 0.0

    def distance(self, features: Tensor) -> Tensor:
        """The Mahalanobis distance (N,) of features (N, D)."""
        return ((features.double() - self.middle) @ self.widths).norm(dim=1)

    def is_outsider(self, features: Tensor) -> Tensor:
        """Which (N,) of features (N, D) are outsiders."""
        return self.distance(features) > self.threshold

    def rates(self) -> str:
        """How often it is wrong, in a sentence."""
        return (
            f"It is wrongly raised for {self.false_alarms:.0%} of {self.images} test images of its "
            f"own kind. It finds {self.graphics:.0%} of {len(drawn())} drawn graphics, but only "
            f"{self.photographs:.0%} of {len(photographs())} photographs of other things "
            "(CIFAR-100)."
        )


def calibrate(model: Transformer, images: Tensor) -> Detector | None:
    """Learn what a network's own images look like to it.

    Args:
        model: the network.
        images: (N, 3, 32, 32) uint8, that it has not been trained on.

    Returns:
        The detector; None where there are too few images for its rates to mean anything, or the
        features do not differ.
    """
    share = min(SHARE, len(images) // 3)
    if share < FEWEST:
        return None
    chosen = np.random.default_rng(0).permutation(len(images))[: 3 * share]  # in no order
    features = features_of(model, images[torch.from_numpy(chosen)]).double()  # (3 * share, D)
    cloud, held_out, others = features.split(share)
    variances, directions = torch.linalg.eigh(torch.cov(cloud.T))  # (D,), (D, D)
    wide = variances > variances[-1] * NARROWEST
    if not variances[-1] > 0:
        return None
    widths = directions[:, wide] / variances[wide].sqrt()  # (D, E)
    detector = Detector(cloud.mean(dim=0), widths, 0.0)
    threshold = detector.distance(held_out).quantile(1 - FALSE_ALARMS).item()
    detector = replace(detector, threshold=threshold)
    measured = {
        "false_alarms": others,
        "photographs": features_of(model, photographs()),
        "graphics": features_of(model, drawn()),
    }
    rates = {
        name: detector.is_outsider(scores).double().mean() for name, scores in measured.items()
    }
    return replace(detector, images=share, **{name: float(rate) for name, rate in rates.items()})


@cache
def photographs() -> Tensor:
    """20 test images of CIFAR-100 (20, 3, 32, 32); a few resemble classes of CIFAR-10."""
    files = sorted(OUTSIDERS.glob("cifar100_*.png"))
    return torch.from_numpy(
        np.stack([image_files.shrink(image_files.read(file)) for file in files])
    )


@cache
def drawn(count: int = 60, seed: int = 0) -> Tensor:
    """Graphics (count, 3, 32, 32): flat, noise, ramps, strokes, boards, squares, in turn."""
    rng = np.random.default_rng(seed)
    kinds = (_flat, _noise, _ramp, _strokes, _board, _square)
    images = np.stack([kinds[n % len(kinds)](rng) for n in range(count)])
    return torch.from_numpy(images.astype(np.uint8))


def _color(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (3, 1, 1))


def _flat(rng: np.random.Generator) -> np.ndarray:
    return np.tile(_color(rng), (1, 32, 32))


def _noise(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (3, 32, 32))


def _ramp(rng: np.random.Generator) -> np.ndarray:
    share = np.linspace(0, 1, 32)
    return _color(rng) * share + _color(rng) * (1 - share[:, None])


def _strokes(rng: np.random.Generator) -> np.ndarray:
    image = np.full((3, 32, 32), 255)
    for row in rng.integers(0, 32, 9):
        image[:, row, rng.integers(0, 16) : rng.integers(16, 32)] = 0
    return image


def _board(rng: np.random.Generator) -> np.ndarray:
    fields = np.indices((32, 32)).sum(axis=0) // rng.integers(1, 6) % 2
    return np.where(fields, _color(rng), _color(rng))


def _square(rng: np.random.Generator) -> np.ndarray:
    image = _flat(rng)
    image[:, 8:24, 8:24] = _color(rng)
    return image
