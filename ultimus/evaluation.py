"""What a trained network answers, without anything that trains it: features, groups, accuracy.

Shape letters: N images, G groups, B images in a group, D = 48 features.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .data.augment import preprocess
from .data.dataset import Split
from .model import Transformer

EVALUATION_BATCH = 512  # images per forward; larger ones fall out of the processor's cache


@dataclass(frozen=True)
class Evaluation:
    """What was measured on a split.

    Attributes:
        accuracy: share of the images whose most probable class is right, 0...1.
        loss: mean cross-entropy, in nats.
        group: images per attention group.
        images: how many were measured; each counts once.
    """

    accuracy: float
    loss: float
    group: int
    images: int


@torch.inference_mode()
def features_of(
    model: Transformer, images: Tensor, progress: Callable[[float], None] = lambda done: None
) -> Tensor:
    """The features of many images: the slow part of every measurement, shared by all of them.

    Args:
        model: the trained network.
        images: (N, 3, 32, 32) uint8.
        progress: told the fraction that is done, 0...1.

    Returns:
        (N, D)
    """
    made = []
    for begin in range(0, len(images), EVALUATION_BATCH):
        made.append(model.features(preprocess(images[begin : begin + EVALUATION_BATCH])))
        progress(min(1.0, (begin + EVALUATION_BATCH) / len(images)))
    return torch.cat(made)


def fixed_groups(images: int, group: int) -> np.ndarray:
    """Which images meet in which group when a split is measured: always the same, shuffled.

    Returns:
        (G, group) indices. Where the last group is not full, images of the first fill it up.
    """
    order = np.random.default_rng(0).permutation(images)
    return np.resize(order, (-(-images // group), group))


@torch.inference_mode()
def evaluate(model: Transformer, split: Split, group: int = 16) -> Evaluation:
    """Measure a model on a split in fixed shuffled groups.

    Args:
        model: what to measure.
        split: what to measure on.
        group: images per attention group; the whole split where it is smaller.
    """
    group = min(group, len(split))
    groups = torch.from_numpy(fixed_groups(len(split), group))
    device = model.cap.weight.device
    with exactly():
        logits = [
            model(preprocess(split.images[chosen.flatten()].to(device)), group)
            for chosen in groups.split(max(1, EVALUATION_BATCH // group))
        ]
    logits = torch.cat(logits)[: len(split)].cpu()  # what filled up the last group counts once
    labels = split.labels[groups.flatten()[: len(split)]]
    return Evaluation(
        accuracy=(logits.argmax(dim=1) == labels).double().mean().item(),
        loss=F.cross_entropy(logits, labels).item(),
        group=group,
        images=len(split),
    )


def exactly() -> AbstractContextManager[None]:
    """On a GPU: convolve in whole float32 and add in the same order every time."""
    return torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
