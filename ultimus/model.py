"""The whole Ultimus network in one file.

Three convolutions and a global average turn each image into 48 features; one attention block,
applied four times with the same weights, lets the images of a group look at each other; a linear
layer names the class. The architecture is that of the seed notebook, so its saved weights load
unchanged.

Shape letters: N images, G groups, B images in a group (N = G * B), D = 48 features,
H = 8 head width, P = 4 passes, C classes (10 for CIFAR-10). Images are (N, 3, 32, 32).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES = 48
HEAD = 8
PASSES = 4


class Attention(NamedTuple):
    """What scaled dot-product attention computes on its way.

    Attributes:
        scores: (..., B, B), q kᵀ / √H; row i holds how well image i's query fits each key.
        weights: (..., B, B), the softmax of each row of the scores.
        mixed: (..., B, H), the values averaged with those weights.
    """

    scores: Tensor
    weights: Tensor
    mixed: Tensor


def attention(q: Tensor, k: Tensor, v: Tensor) -> Attention:
    """Scaled dot-product attention, softmax(q kᵀ / √H) v ("Attention is all you need", eq. 1).

    Args:
        q: queries (..., B, H).
        k: keys (..., B, H).
        v: values (..., B, H).
    """
    scores = q @ k.mT / q.shape[-1] ** 0.5  # (..., B, B)
    weights = scores.softmax(dim=-1)  # (..., B, B)
    return Attention(scores, weights, weights @ v)


Attend = Callable[[Tensor, Tensor, Tensor], Attention]


class Pass(NamedTuple):
    """One application of the block to a group.

    Attributes:
        q: queries (..., B, H).
        k: keys (..., B, H).
        v: values (..., B, H).
        scores: (..., B, B), q kᵀ / √H.
        weights: (..., B, B), the attention; each row sums to one.
        mixed: (..., B, H), weights @ v.
        residual: (..., B, D), what the pass adds to the features.
        state: (..., B, D), the features after the pass.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    scores: Tensor
    weights: Tensor
    mixed: Tensor
    residual: Tensor
    state: Tensor


class Trace(NamedTuple):
    """Everything that the network computes for one group, or for several of one size.

    Attributes:
        features: (..., B, D), the images after the convolutions and the average.
        passes: P passes, in order; the input of each is the state left by the one before.
        logits: (P + 1, ..., B, C), the classifier applied after 0, 1, ... P passes.
    """

    features: Tensor
    passes: tuple[Pass, ...]
    logits: Tensor


class Ultimus(nn.Module):
    """The attention block: 1,608 weights that every pass shares."""

    def __init__(self):
        super().__init__()
        self.k = nn.Linear(FEATURES, HEAD)
        self.q = nn.Linear(FEATURES, HEAD)
        self.v = nn.Linear(FEATURES, HEAD)
        self.out = nn.Linear(HEAD, FEATURES)

    def trace(self, x: Tensor, attend: Attend = attention) -> Pass:
        """Apply the block to features (..., B, D) and keep every number."""
        k, q, v = self.k(x), self.q(x), self.v(x)  # each (..., B, H)
        scores, weights, mixed = attend(q, k, v)
        residual = self.out(mixed)  # (..., B, D)
        return Pass(q, k, v, scores, weights, mixed, residual, x + residual)

    def forward(self, x: Tensor) -> Tensor:
        """Features (..., B, D) to the residual (..., B, D) that the pass adds to them."""
        return self.trace(x).residual


class Transformer(nn.Module):
    """The Ultimus network, 21,058 parameters for ten classes.

    Args:
        classes: how many classes `cap` tells apart.
        folded: compute conv3 and the average in their folded form (`conv_average`), which gives
            the same numbers with a quarter of the arithmetic. The plain form is for comparison.
    """

    def __init__(self, classes: int = 10, folded: bool = True):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.conv3 = nn.Conv2d(32, FEATURES, 3, padding=1)
        self.gap = nn.AdaptiveAvgPool2d((1, 1))
        self.ultimusBlock = Ultimus()
        self.cap = nn.Linear(FEATURES, classes)
        self.folded = folded

    def forward(self, x: Tensor, group: int | None = None) -> Tensor:
        """Images (N, 3, 32, 32) to logits (N, C).

        Args:
            x: preprocessed images.
            group: how many consecutive images attend to each other; None for all N, as the
                seed does.

        Raises:
            ValueError: N is not a multiple of the group.
        """
        state = self.features(x)  # (N, D)
        if group is not None:
            state = split(state, group)  # (G, B, D)
        for _ in range(PASSES):
            state = state + self.ultimusBlock(state)
        return self.cap(state).view(len(x), -1)  # (N, C)

    def features(self, x: Tensor) -> Tensor:
        """Images (N, 3, 32, 32) to features (N, D)."""
        x = F.relu(self.conv1(x))  # (N, 16, 32, 32)
        x = F.relu(self.conv2(x))  # (N, 32, 32, 32)
        if self.folded:
            return conv_average(x, self.conv3.weight, self.conv3.bias)
        return self.gap(self.conv3(x)).flatten(1)  # (N, D)

    def trace(self, x: Tensor) -> Trace:
        """Images of one group (B, 3, 32, 32) to everything computed for them."""
        return self.trace_features(self.features(x))

    def trace_features(
        self,
        features: Tensor,
        passes: int = PASSES,
        step: Callable[[Tensor], Pass] | None = None,
    ) -> Trace:
        """Features of one or more groups (..., B, D) to everything that follows from them.

        Args:
            features: what the convolutions and the average give.
            passes: P, how often the block is applied.
            step: what stands in for a pass of the block, if anything.
        """
        step = step or self.ultimusBlock.trace
        states, history = [features], []
        for _ in range(passes):
            history.append(step(states[-1]))
            states.append(history[-1].state)
        return Trace(features, tuple(history), self.cap(torch.stack(states)))

    @property
    def classes(self) -> int:
        """C, how many classes the network tells apart."""
        return self.cap.out_features


def split(features: Tensor, group: int) -> Tensor:
    """Features (N, D) to consecutive groups (G, B, D).

    Raises:
        ValueError: N is not a multiple of the group.
    """
    images = len(features)
    if group < 1 or images % group:
        raise ValueError(
            f"A batch of {images} images does not divide into groups of {group}: "
            f"use a batch that is a multiple of {group}."
        )
    return features.unflatten(0, (-1, group))  # (G, B, D)


def conv_average(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A 3x3 convolution (padding 1) followed by the global average, without the convolution.

    Both are linear, so their order can change. Tap (i, j) of the kernel slides over the whole
    map except the border row and column that it never reaches; its contribution to the average
    is its weight times the total of what it sees. Those nine totals are one product R x Rᵀ, in
    which row i of R is 1 where tap i reaches and 0 at the border it misses.

    Args:
        x: maps (N, I, S, S).
        weight: kernel (D, I, 3, 3).
        bias: (D,).

    Returns:
        (N, D), equal to `conv2d(x, weight, bias, padding=1).mean((2, 3))`.
    """
    size = x.shape[-1]
    reach = x.new_ones(3, size)
    reach[0, -1] = reach[2, 0] = 0
    totals = reach @ (x @ reach.mT)  # (N, I, 3, 3)
    return F.linear(totals.flatten(1) / size**2, weight.flatten(1), bias)  # (N, D)


def entropy(weights: Tensor) -> Tensor:
    """How evenly each image looks at its group: -Σ w ln w over a row, in nats.

    Args:
        weights: (..., B, B), rows that sum to one.

    Returns:
        (..., B); 0 where one image takes all attention, ln B where all take the same.
    """
    return -torch.xlogy(weights, weights).sum(dim=-1)
