"""Is a picture unlike all that a network knows? A warning that is measured, not felt.

Two clouds are made of a network's own test images: of plain statistics of their pixels, and of the
features that the network computes. How far a picture lies from the middle of a cloud, in its own
widths, is the Mahalanobis distance (Lee et al. 2018, here with one cloud for all classes). What
lies farther out in either cloud than 95 % of held-out test images is an outsider.

Why both: features see what a photograph shows; but to the network a blank picture or fine noise is
like a smooth sky, and its pixels give it away. What each finds: docs/accuracy.md. Other scores, on
60 drawn pictures and the weights of the shipped run: the largest probability finds none, since a
network is often surest about what it has never seen, and neither does the energy (Liu et al. 2020).

The cloud of pixels does not depend on weights. That of CIFAR-10 comes with Ultimus, for where the
test images are not at hand.

Shape letters: N images, E <= D directions in which a cloud of D numbers an image has any width.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from ..evaluation import features_of
from ..model import Transformer
from ..places import ASSETS
from .outsiders import KINDS, outsiders

FALSE_ALARMS = 0.05  # of held-out images of its own kind
SHARE = 1000  # images for each of: the clouds, the threshold, the count of false alarms
FEWEST = 100  # images in a share; fewer would make the rates a matter of luck
NARROWEST = 1e-6  # of a direction's variance, as a part of the widest one's
SCALES = (1, 2, 4, 8)  # pixels over which neighbours are compared
FAINTEST = 1e-3  # of the range of a pixel: what is fainter counts as flat
OF_CIFAR10 = ASSETS / "reference" / "pixels-cifar10.safetensors"


def statistics(images: Tensor) -> Tensor:
    """What the pixels of images (N, 3, 32, 32) uint8 are like: (N, 14).

    The mean of each colour and the logarithm of its standard deviation; then, for neighbours that
    are 1, 2, 4 and 8 pixels wide, how much they differ (the logarithm of the root mean square) and
    how unevenly (of its ratio to the mean difference: large for a few sharp edges).
    """
    x = images.double() / 255
    numbers = [x.mean(dim=(2, 3)), (x.std(dim=(2, 3)) + FAINTEST).log()]
    for scale in SCALES:
        pooled = F.avg_pool2d(x, scale)
        right, below = pooled.diff(dim=3).flatten(1), pooled.diff(dim=2).flatten(1)
        steps = torch.cat([right, below], dim=1)
        strength = steps.square().mean(dim=1).sqrt() + FAINTEST
        unevenness = strength / (steps.abs().mean(dim=1) + FAINTEST)
        numbers.append(torch.stack([strength, unevenness], dim=1).log())
    return torch.cat(numbers, dim=1)


class Cloud(NamedTuple):
    """What a network's own images look like, in one kind of numbers.

    Attributes:
        middle: (D,), the mean.
        widths: (D, E), its directions, each divided by the cloud's standard deviation in it.
        edge: the distance that half of the false alarms lie beyond, if it were alone.
    """

    middle: Tensor
    widths: Tensor
    edge: Tensor

    @classmethod
    def of(cls, numbers: Tensor, held_out: Tensor) -> "Cloud | None":
        """The cloud of numbers (N, D), and its edge from others; None where these do not differ."""
        variances, directions = torch.linalg.eigh(torch.cov(numbers.T))  # (D,), (D, D)
        if not variances[-1] > 0:
            return None
        wide = variances > variances[-1] * NARROWEST
        widths = directions[:, wide] / variances[wide].sqrt()  # (D, E)
        cloud = cls(numbers.mean(dim=0), widths, torch.ones((), dtype=widths.dtype))
        return cloud._replace(edge=cloud.distance(held_out).quantile(1 - FALSE_ALARMS / 2))

    def distance(self, numbers: Tensor) -> Tensor:
        """The Mahalanobis distance (N,) of numbers (N, D), as a part of that of the edge."""
        return ((numbers.double() - self.middle) @ self.widths).norm(dim=1) / self.edge


@dataclass(frozen=True)
class Detector:
    """Tells pictures apart from a network's test images.

    Attributes:
        clouds: of pixels, and of features where the network has seen test images.
        threshold: the distance beyond which a picture is an outsider.
        false_alarms: share 0...1 of `images` other test images that are called outsiders.
        images: how many these are.
        found: share of the pictures of each kind that are called outsiders.
    """

    clouds: tuple[Cloud, ...]
    threshold: float
    false_alarms: float = 0.0
    images: int = 0
    found: dict[str, float] = field(default_factory=dict)

    def distance(self, model: Transformer, images: Tensor) -> Tensor:
        """How far out (N,) images (N, 3, 32, 32) uint8 lie, in the cloud that says the most."""
        views = [statistics(images)]
        if len(self.clouds) > 1:
            views.append(_features(model, images))
        return _farthest(self.clouds, views)

    def is_outsider(self, model: Transformer, images: Tensor) -> Tensor:
        """Which (N,) of images (N, 3, 32, 32) uint8 are outsiders."""
        return self.distance(model, images) > self.threshold

    def rates(self) -> str:
        """How often it is wrong, in a sentence."""
        found = ", ".join(
            f"{self.found[kind]:.0%} of {len(outsiders(kind))} {kind}" for kind in KINDS
        )
        return (
            f"It is wrongly raised for {self.false_alarms:.0%} of {self.images:,} test images of "
            f"its own kind. Tried on what it should find, it finds {found}."
        )


def calibrate(model: Transformer, images: Tensor) -> Detector | None:
    """Learn what a network's own images look like.

    Args:
        model: the network.
        images: (N, 3, 32, 32) uint8, that it has not been trained on.

    Returns:
        The detector; None where there are too few images for its rates to mean anything, or they do
        not differ.
    """
    share = min(SHARE, len(images) // 3)
    if share < FEWEST:
        return None
    chosen = images[_shuffled(len(images))[: 3 * share]]
    found = _calibrated([statistics(chosen), _features(model, chosen)])
    return _with_rates(found, model) if found else None


def of_cifar10(model: Transformer) -> Detector:
    """The detector that comes with Ultimus: of the pixels of CIFAR-10's test images."""
    return _with_rates(_shipped(), model)


def ship(images: Tensor) -> None:
    """Write what `of_cifar10` reads, from the test images (N, 3, 32, 32) of CIFAR-10."""
    detector = _calibrated([statistics(images[_shuffled(len(images))])])
    (cloud,) = detector.clouds
    numbers = {name: getattr(detector, name) for name in _NUMBERS}
    tensors = {name: torch.tensor(number).double() for name, number in numbers.items()}
    save_file(cloud._asdict() | tensors, OF_CIFAR10)


def _features(model: Transformer, images: Tensor) -> Tensor:
    """Features (N, D) of images; where the network is of patches, the mean of an image's."""
    features = features_of(model, images).double()
    return features if model.kind == "images" else features.mean(dim=1)


_NUMBERS = ("threshold", "false_alarms", "images")


@cache
def _shipped() -> Detector:
    tensors = load_file(OF_CIFAR10)
    threshold, false_alarms, images = (tensors[name].item() for name in _NUMBERS)
    cloud = Cloud(*(tensors[name] for name in Cloud._fields))
    return Detector((cloud,), threshold, false_alarms, int(images))


def _shuffled(count: int) -> Tensor:
    """Places (N,) in no order, always the same one."""
    return torch.from_numpy(np.random.default_rng(0).permutation(count))


def _calibrated(views: Sequence[Tensor]) -> Detector | None:
    """From numbers (N, D) of images, in each kind: the first third makes the clouds, the second the
    threshold, the last counts the false alarms. None where the images do not differ."""
    thirds = [view.tensor_split(3) for view in views]
    clouds = tuple(Cloud.of(*third[:2]) for third in thirds)
    if None in clouds:
        return None
    held_out, others = (_farthest(clouds, [third[n] for third in thirds]) for n in (1, 2))
    threshold = held_out.quantile(1 - FALSE_ALARMS).item()
    return Detector(clouds, threshold, (others > threshold).double().mean().item(), len(others))


def _with_rates(detector: Detector, model: Transformer) -> Detector:
    """The same, with what it finds of each kind of outsiders."""
    return replace(detector, found={
        kind: detector.is_outsider(model, outsiders(kind)).double().mean().item() for kind in KINDS
    })  # fmt: skip


def _farthest(clouds: Sequence[Cloud], views: Sequence[Tensor]) -> Tensor:
    """The largest distance (N,) over the clouds, each with its own numbers (N, D)."""
    distances = [cloud.distance(view) for cloud, view in zip(clouds, views, strict=True)]
    return torch.stack(distances).amax(dim=0)
