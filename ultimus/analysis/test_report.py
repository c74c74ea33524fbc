"""What a test set says about a model: how often it is right, where it errs, and how sure it is.

Everything here is pure: `measure` turns the features of a split into a `Verdict`, and all else is
read from that, so that no question is answered by computing twice.

Shape letters: N images, G groups, B images in a group, D = 48 features, C classes, M bins.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional as F

from ..data.groups import SORTED, Group
from ..evaluation import attending, fixed_groups, in_groups, logits_after
from ..model import Transformer

BINS = 10
LARGEST = 1024  # images in a group; its attention takes 4 MB a pass
Z95 = 1.959963984540054  # a normal variable stays within ± this 95 times in a hundred


@dataclass(frozen=True)
class Verdict:
    """A model's answers to a whole split.

    Attributes:
        logits: (N, C), in the order of the images.
        labels: (N,), the true classes.
        group: B, how many images sat together; 1 in a network of patches.
        grouping: how the groups were composed, see `data.groups.ALIKE`.
    """

    logits: Tensor
    labels: Tensor
    group: int
    grouping: str = "random"

    @cached_property
    def probabilities(self) -> Tensor:
        """(N, C), each row adds up to one."""
        return self.logits.softmax(dim=1)

    @cached_property
    def guesses(self) -> Tensor:
        """(N,), the most probable class."""
        return self.logits.argmax(dim=1)

    @cached_property
    def confidence(self) -> Tensor:
        """(N,), the probability of the most probable class, 1/C...1."""
        return self.probabilities.amax(dim=1)

    @cached_property
    def correct(self) -> Tensor:
        """(N,) bool, whether the most probable class is the true one."""
        return self.guesses == self.labels

    @property
    def accuracy(self) -> float:
        """The share of the images that are named rightly, 0...1."""
        return self.correct.double().mean().item()

    @property
    def loss(self) -> float:
        """Mean cross-entropy, in nats."""
        return F.cross_entropy(self.logits, self.labels).item()

    @cached_property
    def confusion(self) -> Tensor:
        """(C, C) int64: how many images of class i (row) are taken for class j (column)."""
        classes = self.logits.shape[1]
        pairs = self.labels * classes + self.guesses  # (N,)
        return pairs.bincount(minlength=classes**2).view(classes, classes)


class Calibration(NamedTuple):
    """How sure the answers are, and how often they are right; see `calibration`.

    Attributes:
        count: (M,), how many answers fall into each bin.
        confidence: (M,), their mean probability; NaN in an empty bin.
        right: (M,), how many of them are right.
        error: the expected calibration error, 0...1.
    """

    count: np.ndarray
    confidence: np.ndarray
    right: np.ndarray
    error: float


def measure(
    model: Transformer,
    features: Tensor,
    labels: Tensor,
    group: int = 16,
    grouping: str = "random",
    seed: int = 0,
) -> Verdict:
    """Let a model answer all images of a split, in the groups of `evaluation.evaluate`.

    Args:
        model: the trained network.
        features: (N, D), what its convolutions make of the images (`evaluation.features_of`).
        labels: (N,), their classes.
        group: B, images per group; the whole split where it is smaller; 1 leaves each alone.
        grouping: how the groups are composed, see `data.groups.ALIKE` and SORTED.
        seed: of the shuffle.

    Raises:
        UserError: there are no images, or the group has none or cannot be composed so.
    """
    group = attending(model, group)
    grouping = "random" if group == 1 else grouping
    logits = in_groups(
        lambda x: logits_after(model, x)[-1], features, group, labels, grouping, seed
    )  # (N, C)
    return Verdict(logits, labels, min(group, len(labels)), grouping)


def by_size(
    model: Transformer, features: Tensor, labels: Tensor, most: int = LARGEST
) -> Iterator["InCompany"]:
    """Measure again in groups of other sizes, shuffled and sorted by class.

    Args:
        model: the trained network.
        features: (N, D), as for `measure`.
        labels: (N,), as for `measure`.
        most: images in the largest group, whose attention is as large as its square.

    Yields:
        A size and its two accuracies, from each alone to `most`, in powers of two.
    """
    for size in (2**power for power in range(min(most, len(labels)).bit_length())):
        shuffled, by_class = (
            measure(model, features, labels, size, grouping).accuracy
            for grouping in ("random", SORTED)
        )
        yield InCompany(size, shuffled, by_class)


class InCompany(NamedTuple):
    """What a model reaches in groups of one size.

    Attributes:
        size: images in a group.
        shuffled: the accuracy where they are shuffled, 0...1.
        sorted_by_class: the accuracy where they are sorted by class.
    """

    size: int
    shuffled: float
    sorted_by_class: float


def dependence(verdict: Verdict, seed: int = 0) -> float:
    """How much more the number of right answers in a group varies than that of independent ones.

    The variance over the groups of their number of right answers, as a part of what it would be if
    an answer told nothing about the others: B p (1 - p) with the accuracy p (the design effect of
    Kish 1965). An interval for independent answers is too narrow by its root.

    Args:
        verdict: what was measured in groups.
        seed: of the shuffle, as given to `measure`.
    """
    groups = torch.from_numpy(
        fixed_groups(len(verdict.labels), verdict.group, verdict.labels, verdict.grouping, seed)
    )
    share = verdict.accuracy
    right = verdict.correct[groups].sum(dim=1).double()  # (G,)
    return (right.var(correction=0) / (verdict.group * share * (1 - share))).item()


def companions(
    count: int, group: int, image: int, labels: Tensor | None = None, grouping: str = "random"
) -> Group:
    """The group in which `measure` counts an image, that image first.

    Args:
        count: N, images in the split.
        group: B, as given to `measure`.
        image: 0...N-1.
        labels: (N,), as given to `measure`.
        grouping: likewise.
    """
    groups = fixed_groups(count, group, labels, grouping)  # (G, B)
    place = np.flatnonzero(groups.flatten()[:count] == image).item()
    members = groups[place // groups.shape[1]].tolist()
    return (image, *(member for member in members if member != image))


def select(verdict: Verdict, true: int | None = None, called: int | None = None) -> Tensor:
    """The images of a cell of the confusion matrix; with a class left open, only mistakes.

    Args:
        verdict: what was measured.
        true: only images of this class.
        called: only images that are taken for this class.

    Returns:
        Indices of the images, the surest answers first.
    """
    chosen = torch.ones_like(verdict.correct)  # (N,)
    if true is None or called is None:
        chosen = ~verdict.correct
    if true is not None:
        chosen = chosen & (verdict.labels == true)
    if called is not None:
        chosen = chosen & (verdict.guesses == called)
    images = chosen.nonzero().flatten()
    return images[verdict.confidence[images].argsort(descending=True, stable=True)]


def wilson(right: ArrayLike, count: ArrayLike, z: float = Z95) -> tuple[np.ndarray, np.ndarray]:
    """The score interval for a share (Wilson 1927), which stays sound near 0 and 1.

    Args:
        right: successes, of any shape.
        count: trials, of the same shape.
        z: how wide, in standard deviations; 95 % by default.

    Returns:
        The lower and the upper ends, 0...1; 0 and 1 where there are no trials.
    """
    right, count = np.asarray(right, float), np.asarray(count, float)
    trials = np.maximum(count, 1)
    share, spread = right / trials, z**2 / trials
    middle = (share + spread / 2) / (1 + spread)
    half = np.sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread)
    low, high = np.maximum(middle - half, 0), np.minimum(middle + half, 1)
    return np.where(count > 0, low, 0.0), np.where(count > 0, high, 1.0)


def calibration(verdict: Verdict, bins: int = BINS) -> Calibration:
    """Compare how sure the answers are with how often they are right.

    Answers are sorted into M equal bins ((m - 1)/M, m/M] by the probability of the most probable
    class. The expected calibration error is the mean over the answers of the distance between the
    accuracy and the mean probability of their bin: Σ n_m/N · |accuracy_m - confidence_m| (Guo et
    al. 2017, eq. 3).

    Args:
        verdict: what was measured.
        bins: M.
    """
    sure = verdict.confidence.double().numpy(force=True)  # (N,)
    right = verdict.correct.numpy(force=True)
    place = np.clip(np.ceil(sure * bins).astype(int) - 1, 0, bins - 1)
    count, total, hits = (
        np.bincount(place, weight, bins) for weight in (None, sure, right.astype(float))
    )
    error = np.abs(hits - total).sum() / len(sure)
    with np.errstate(invalid="ignore"):
        return Calibration(count, total / count, hits.astype(int), float(error))
