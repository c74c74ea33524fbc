"""What a trained network answers, without anything that trains it: features, groups, accuracy.

Shape letters: N images, G groups, B images in a group, T patches of an image, D = 48 features.
Where a network is of patches, an image has T rows of features, (N, T, D); its answer does not
depend on the group.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .data.augment import preprocess
from .data.dataset import Split
from .data.groups import SORTED, compose, conditions
from .errors import UserError
from .model import FEATURES, PASSES, Transformer

CPU_BATCH = 64  # images convolved at once; more fall out of the processor's cache
GPU_BATCH = 512
TTA = ("none", "mirror")  # test-time augmentation: what else of an image is answered for
CHUNK = 2048  # images that go through the block at once: their numbers stay near the cache


@dataclass(frozen=True)
class Evaluation:
    """What was measured on a split.

    Attributes:
        accuracy: share of the images whose most probable class is right, 0...1.
        loss: mean cross-entropy, in nats.
        group: images that attend to each other; 1 in a network of patches.
        images: how many were measured; each counts once.
        grouping: how the groups were composed, see `data.groups.ALIKE`.
        tta: which of TTA.
    """

    accuracy: float
    loss: float
    group: int
    images: int
    grouping: str = "random"
    tta: str = "none"

    @property
    def conditions(self) -> str:
        """Who met whom, and what was averaged, to follow an accuracy."""
        averaged = ", averaged over each image and its mirror image (test-time augmentation)"
        return conditions(self.group, self.grouping) + (averaged if self.tta == "mirror" else "")


@torch.inference_mode()
def features_of(
    model: Transformer,
    images: Tensor,
    progress: Callable[[float], None] = lambda done: None,
    batch: int | None = None,
) -> Tensor:
    """The features of many images: the slow part of every measurement, shared by all of them.

    Args:
        model: the trained network.
        images: (N, 3, 32, 32) uint8.
        progress: called with the fraction that is done, 0...1.
        batch: images that go through the convolutions at once; None for what suits the device.

    Returns:
        (N, D), of patches (N, T, D), on the model's device.
    """
    device = model.cap.weight.device
    batch = batch or (CPU_BATCH if device.type == "cpu" else GPU_BATCH)
    tokens = (model.grid**2,) if model.kind == "patches" else ()
    features = [model.cap.weight.new_empty(0, *tokens, FEATURES)]
    with exactly():
        for begin in range(0, len(images), batch):
            chosen = images[begin : begin + batch].to(device)
            features.append(model.features(preprocess(chosen)))
            progress(min(1.0, (begin + batch) / len(images)))
    return torch.cat(features)


def repeatable_features(model: Transformer, images: Tensor, batch: int) -> Tensor:
    """The features (N, D) of images, each the same to the bit whatever others stand beside it.

    The last bits of a convolution depend on how many images it is given, so the last batch is
    filled up with copies. An image uploaded alone thus gets the numbers that it gets among fifty.
    """
    filled = torch.arange(len(images) + -len(images) % batch).clamp(max=len(images) - 1)
    return features_of(model, images[filled], batch=batch)[: len(images)]


@torch.inference_mode()
def logits_after(model: Transformer, features: Tensor, passes: int = PASSES) -> Tensor:
    """The logits (P + 1, ..., B, C) of groups' features (..., B, D) after 0, 1, ... P passes.

    Features of patches are (..., B, T, D), their logits the same.
    """
    return model.trace_features(features, passes).logits


def fixed_groups(
    images: int,
    group: int,
    labels: Tensor | None = None,
    grouping: str = "random",
    seed: int = 0,
) -> np.ndarray:
    """Which images meet in which group when a split is measured: always the same, shuffled.

    Args:
        images: N, how many there are.
        group: B; all of them where they are fewer.
        labels: (N,), the classes, which groups that are not random depend on.
        grouping: see `data.groups.ALIKE`, or SORTED; a single group of all is not composed.
        seed: of the shuffle; what is sorted is not shuffled.

    Returns:
        (G, B) indices. Where the last group is not full, images of the first fill it up.

    Raises:
        UserError: there are no images, or the group has none or cannot be composed so.
    """
    if images < 1 or group < 1:
        raise UserError(
            f"{images} images in groups of {group} cannot be measured: give one image or more, in "
            "groups of one or more."
        )
    group = min(group, images)
    draw = np.random.default_rng(seed)
    order = draw.permutation(images)
    if grouping == SORTED:
        order = labels.numpy(force=True).argsort(kind="stable")
    elif grouping != "random" and group < images:
        order = compose(order, labels, group, grouping, draw)
    return np.resize(order, (-(-images // group), group))


@torch.inference_mode()
def in_groups(
    answer: Callable[[Tensor], Tensor],
    features: Tensor,
    group: int,
    labels: Tensor | None = None,
    grouping: str = "random",
    seed: int = 0,
) -> Tensor:
    """The answers to all images of a split, each in its fixed group.

    Args:
        answer: features of some groups (g, B, D) to answers (..., g, B, C).
        features: (N, D).
        group: B, images per group; all of them where they are fewer.
        labels: (N,), see `fixed_groups`.
        grouping: likewise.
        seed: likewise.

    Returns:
        (..., N, C), in the order of the images; each counts once.

    Raises:
        UserError: there are no images, or the group has none.
    """
    count = len(features)
    groups = torch.from_numpy(fixed_groups(count, group, labels, grouping, seed))  # (G, B)
    tokens = features[0, ..., 0].numel()
    answers = [
        answer(features[chosen]).flatten(-3, -2)
        for chosen in groups.split(max(1, CHUNK // (groups.shape[1] * tokens)))
    ]
    answers = torch.cat(answers, dim=-2)[..., :count, :]  # without what filled up the last group
    places = groups.flatten()[:count].argsort().to(answers.device)  # of the images among them
    return answers.index_select(-2, places)


@torch.inference_mode()
def evaluate(
    model: Transformer,
    split: Split,
    group: int = 16,
    grouping: str = "random",
    tta: str = "none",
) -> Evaluation:
    """Measure a model on a split in its fixed groups.

    Args:
        model: what to measure.
        split: what to measure on.
        group: images per attention group; the whole split where it is smaller. In a network of
            patches an image is a group by itself, whatever is asked for.
        grouping: how the groups are composed, see `data.groups.ALIKE` and SORTED.
        tta: "mirror" averages the probabilities of each image and of its mirror image, which meets
            the mirror images of the same group.

    Raises:
        UserError: there are no images, or the group has none or cannot be composed so.
    """
    group = attending(model, group)
    grouping = "random" if group == 1 else grouping
    sides = (split.images, split.images.flip(-1)) if tta == "mirror" else (split.images,)
    answers = [
        in_groups(
            lambda x: logits_after(model, x)[-1],
            features_of(model, images), group, split.labels, grouping,
        ).cpu().log_softmax(dim=1)
        for images in sides
    ]  # each (N, C)  # fmt: skip
    mean = torch.stack(answers).logsumexp(dim=0) - math.log(len(sides))  # (N, C), of probabilities
    return Evaluation(
        accuracy=(mean.argmax(dim=1) == split.labels).double().mean().item(),
        loss=F.nll_loss(mean, split.labels).item(),
        group=min(group, len(split)),
        images=len(split),
        grouping=grouping,
        tta=tta,
    )


def attending(model: Transformer, group: int) -> int:
    """How many images attend to each other in a group of so many: of patches none but itself."""
    return group if model.kind == "images" else 1


def exactly() -> AbstractContextManager[None]:
    """On a GPU: convolve in whole float32 and add in the same order every time."""
    return torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
