"""The whole Ultimus network in one file.

Three convolutions and an average turn an image into tokens of 48 features; one attention block,
applied four times with the same weights, lets the tokens of a group look at each other; a linear
layer names the class. There are two kinds, with weights of the same shapes:

- images: the average is over the whole map, so that an image is one token, and the images of a
  group look at each other. This is the seed notebook's network; its saved weights load unchanged.
- patches: the average is over each patch of a grid, so that an image is a group by itself, whose
  patches look at each other, as a vision transformer uses attention. Their mean is classified.

Shape letters: N images, G groups, B images in a group (N = G * B), T tokens of an image (1, or
grid * grid patches), D = 48 features, H = 8 head width, P = 4 passes, C classes (10 for CIFAR-10).
Images are (N, 3, 32, 32). Where the network is of patches, read T for B in what attention computes.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES = 48
HEAD = 8
PASSES = 4
SMALLEST_GRID, LARGEST_GRID = 2, 8

Kind = Literal["images", "patches"]


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
        features: (..., B, D), the tokens after the convolutions and the average.
        passes: P passes, in order; the input of each is the state left by the one before.
        logits: the classifier applied after 0, 1, ... P passes: (P + 1, ..., B, C) for a group of
            images, (P + 1, ..., C) for the patches of an image.
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
        grid: patches along a side of an image, 2 to 8; 1 where images are the tokens.

    Attributes:
        grid: as given.

    Raises:
        ValueError: there is no such grid.
    """

    def __init__(self, classes: int = 10, folded: bool = True, grid: int = 1):
        super().__init__()
        if grid != 1 and not SMALLEST_GRID <= grid <= LARGEST_GRID:
            raise ValueError(
                f"A grid of {grid} patches a side is not possible: choose {SMALLEST_GRID} to "
                f"{LARGEST_GRID}, or 1 for images as tokens."
            )
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.conv3 = nn.Conv2d(32, FEATURES, 3, padding=1)
        self.gap = nn.AdaptiveAvgPool2d((grid, grid))
        self.ultimusBlock = Ultimus()
        self.cap = nn.Linear(FEATURES, classes)
        self.folded = folded
        self.grid = grid

    def forward(self, x: Tensor, group: int | None = None) -> Tensor:
        """Images (N, 3, 32, 32) to logits (N, C).

        Args:
            x: preprocessed images.
            group: how many consecutive images attend to each other; None for all N, as the
                seed does. Patches attend within their image, whatever it is.

        Raises:
            ValueError: N is not a multiple of the group.
        """
        state = self.features(x)  # (N, D) or (N, T, D)
        if group is not None:
            state = split(state, group)  # (G, B, D) or (G, B, T, D)
        for _ in range(PASSES):
            state = state + self.ultimusBlock(state)
        return self.classify(state).view(len(x), -1)  # (N, C)

    def features(self, x: Tensor) -> Tensor:
        """Images (N, 3, 32, 32) to features (N, D), of patches (N, T, D), row by row."""
        x = F.relu(self.conv1(x))  # (N, 16, 32, 32)
        x = F.relu(self.conv2(x))  # (N, 32, 32, 32)
        if self.folded:
            return conv_average(x, self.conv3.weight, self.conv3.bias, self.grid)
        tokens = self.gap(self.conv3(x)).flatten(2).mT  # (N, T, D)
        return tokens if self.kind == "patches" else tokens[:, 0]

    def classify(self, state: Tensor) -> Tensor:
        """States to logits: (..., B, D) to (..., B, C), or of patches (..., T, D) to (..., C)."""
        return self.cap(state.mean(dim=-2) if self.kind == "patches" else state)

    def trace(self, x: Tensor) -> Trace:
        """Images of one group (B, 3, 32, 32) to everything computed for them.

        Of patches all but the logits has a leading dimension of B, since each is a group by itself.
        """
        return self.trace_features(self.features(x))

    def trace_features(
        self,
        features: Tensor,
        passes: int = PASSES,
        step: Callable[[Tensor], Pass] | None = None,
    ) -> Trace:
        """Features of one or more groups (..., B, D) to everything that follows from them.

        Features of patches are (..., T, D), each image a group.

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
        return Trace(features, tuple(history), self.classify(torch.stack(states)))

    @property
    def kind(self) -> Kind:
        """What attends to what."""
        return "images" if self.grid == 1 else "patches"

    @property
    def signature(self) -> dict[str, str]:
        """What has to stand beside the weights in a file, since both kinds have the same ones."""
        return {"network": self.kind, "grid": str(self.grid)}

    @property
    def classes(self) -> int:
        """C, how many classes the network tells apart."""
        return self.cap.out_features


def count_parameters(model: Transformer) -> int:
    """How many numbers training adjusts: 21,058 for ten classes, the shared block once."""
    return sum(parameter.numel() for parameter in model.parameters())


def split(features: Tensor, group: int) -> Tensor:
    """Features (N, ...) of images to consecutive groups (G, B, ...).

    Raises:
        ValueError: N is not a multiple of the group.
    """
    images = len(features)
    if group < 1 or images % group:
        raise ValueError(
            f"A batch of {images} images does not divide into groups of {group}: "
            f"use a batch that is a multiple of {group}."
        )
    return features.unflatten(0, (-1, group))  # (G, B, ...)


def conv_average(x: Tensor, weight: Tensor, bias: Tensor, grid: int = 1) -> Tensor:
    """A 3x3 convolution (padding 1) followed by the average over patches, without the convolution.

    Both are linear, so their order can change. For the average over a patch, tap (i, j) of the
    kernel sees the patch moved by a pixel or none up or down, left or right; its contribution is
    its weight times the average of what it sees. All of these are one product R x Rᵀ (see `reach`).

    Args:
        x: maps (N, I, S, S).
        weight: kernel (D, I, 3, 3).
        bias: (D,).
        grid: patches along a side; one is the whole map.

    Returns:
        (N, D), equal to `conv2d(x, weight, bias, padding=1).mean((2, 3))`; with a grid (N, T, D),
        row by row, equal to `adaptive_avg_pool2d` of the same.
    """
    rows = reach(x.shape[-1], grid).to(x)
    seen = (rows @ (x @ rows.mT)).unflatten(-1, (grid, 3)).unflatten(-3, (grid, 3))
    seen = seen.permute(0, 2, 4, 1, 3, 5)  # (N, grid, grid, I, 3, 3)
    tokens = F.linear(seen.flatten(3).flatten(1, 2), weight.flatten(1), bias)  # (N, T, D)
    return tokens if grid > 1 else tokens[:, 0]


def reach(size: int, grid: int) -> Tensor:
    """R (grid * 3, S): what the taps of a kernel's side see of a line of S pixels, by patch.

    A patch's row for tap t averages the patch moved by t - 1 pixels; beyond the border are zeros.
    Patches are those of `adaptive_avg_pool2d`: where the grid does not divide S they overlap by a
    pixel.
    """
    patches, pixels = torch.arange(grid), torch.arange(size)
    begin, end = patches * size // grid, -(-(patches + 1) * size // grid)  # each (grid,)
    moves = torch.arange(-1, 2)
    first, beyond = (border[:, None, None] + moves[:, None] for border in (begin, end))
    seen = (pixels >= first) & (pixels < beyond)  # (grid, 3, S)
    return (seen.double() / (end - begin)[:, None, None]).flatten(0, 1)


def entropy(weights: Tensor) -> Tensor:
    """How evenly each token looks at its group: -Σ w ln w over a row, in nats.

    Args:
        weights: (..., B, B), rows that sum to one.

    Returns:
        (..., B); 0 where one token takes all attention, ln B where all take the same.
    """
    return -torch.xlogy(weights, weights).sum(dim=-1)
