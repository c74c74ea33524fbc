"""Where in a picture the evidence for each class lies.

The features are a linear function (conv3 and the average) of the map that conv2 and its ReLU make
of the picture. Alone, a picture's attention is exactly 1, so the four passes and the classifier are
linear too: every logit is *exactly* a constant plus the sum of one contribution from each place.
That is the class activation map of Zhou et al. 2016 ("Learning Deep Features for Discriminative
Localization"), here through all that follows the average, and without any approximation.

In company the softmax is not linear. There the map is of first order: the logit's gradient with
respect to the features, at the features of the picture, takes the place of the constant weights,
as in Grad-CAM (Selvaraju et al. 2017), but signed. What it leaves unexplained is in the constant.

So it is where the tokens are patches of the picture: they attend to each other, and each of them
sees the places of its own patch.

A contribution stands where the evidence is seen, at the place of conv2's map that it comes from,
times the weight of all taps of conv3 that reach this place: nine, six along a border, four in a
corner. Such a place sees 5 x 5 pixels of the picture.

What belongs to the places and what to the constant is a choice. Measured from nothing (a map of
zeros), most of a logit is the same for all pictures, and a map shows what all have in common.
So a map is measured from a baseline, the mean map of many pictures: it shows what this picture has
that others have not, and alone the constant is exactly the mean logit of those pictures. On the
shipped run and the 10,000 test images of CIFAR-10, the places then speak most for the class that is
named in 82 % of cases; measured from nothing in 60 %, from the map of the mean pixels in 59 %.

Shape letters: S = 32 places along a side, I = 32 channels of conv2's map, B images in a group,
K groups, T patches of the picture, D = 48 features, C classes.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..data.augment import preprocess
from ..model import Transformer, conv_average, reach

MOST = 500  # pictures in a baseline
BATCH = 100  # of them at once


class Evidence(NamedTuple):
    """The logits of one picture, place by place: `maps.sum((1, 2)) + constants == logits`.

    Attributes:
        maps: (C, S, S), what each place contributes to each class, in units of the logit.
        constants: (C,), what the places do not account for. Alone it is the logit of the
            baseline, the same for all pictures; in company it holds the companions' part and what
            is not linear as well.
        logits: (C,), alone or the average over the groups.
        exact: whether every contribution is exact (alone) or of first order (in company).
    """

    maps: Tensor
    constants: Tensor
    logits: Tensor
    exact: bool

    def contrast(self) -> "Evidence":
        """The same for each class less the average over the classes.

        Softmax sees only differences between logits: what speaks for all classes alike speaks
        for none. Positive places speak for the class, negative ones for others.
        """
        parts = (self.maps, self.constants, self.logits)
        return Evidence(*(part - part.mean(dim=0) for part in parts), self.exact)


@torch.no_grad()
def baseline(model: Transformer, images: Tensor) -> Tensor:
    """The mean map (I, S, S) that conv2 and its ReLU make of pictures (N, 3, 32, 32) uint8.

    Of many pictures, MOST are taken, always the same ones.
    """
    chosen = np.random.default_rng(0).permutation(len(images))[:MOST]
    parts = torch.from_numpy(chosen).split(BATCH)
    return sum(_seen(model, images[part]).sum(dim=0) for part in parts) / len(chosen)


def evidence(
    model: Transformer,
    image: Tensor,
    companions: Tensor | None = None,
    baseline: Tensor | None = None,
) -> Evidence:
    """Where in a picture the evidence for each class lies.

    Args:
        model: the trained network.
        image: (3, 32, 32) uint8.
        companions: features (B - 1, D) of a group's others, or (K, B - 1, D) of K groups, whose
            average logit is explained; None for the picture alone. Patches meet no others.
        baseline: (I, S, S), the map that contributions are measured from; None for zeros.
    """
    patches = model.kind == "patches"
    if companions is None or patches:
        companions = model.conv3.bias.new_empty(0, model.conv3.out_channels)
    with torch.no_grad():
        seen = _seen(model, image)  # (I, S, S)
        start = torch.zeros_like(seen) if baseline is None else baseline  # (I, S, S)
        features, from_there = conv_average(  # (D,) or (T, D) each
            torch.stack([seen, start]), model.conv3.weight, model.conv3.bias, model.grid
        )
    logits, gradient = _logits_and_gradient(model, features, companions)  # (C,), (C, T, D)
    weights = _weights(gradient, model.conv3.weight.detach(), seen.shape[-1])  # (C, I, S, S)
    rest = (features - from_there).view_as(gradient[0])  # (T, D)
    constants = logits - (gradient * rest).sum((1, 2))  # (C,)
    exact = not patches and not companions.numel()
    return Evidence((weights * (seen - start)).sum(dim=1), constants, logits, exact)


def _seen(model: Transformer, image: Tensor) -> Tensor:
    """The map (..., I, S, S) that conv2 and its ReLU make of a picture (..., 3, S, S)."""
    x = preprocess(image).to(model.conv1.weight.dtype)
    return F.relu(model.conv2(F.relu(model.conv1(x))))


def _logits_and_gradient(
    model: Transformer, features: Tensor, companions: Tensor
) -> tuple[Tensor, Tensor]:
    """The logits (C,), averaged over the groups, and their derivative (C, T, D) by the features
    (D,) or (T, D)."""
    features = features.clone().requires_grad_()
    others = companions.clone()  # what was computed in inference mode has no part in a derivative
    logits = _logits(model, features, others).view(-1, model.classes).mean(dim=0)  # (C,)
    gradient = [torch.autograd.grad(logit, features, retain_graph=True)[0] for logit in logits]
    gradient = torch.stack(gradient).view(model.classes, model.grid**2, -1)  # (C, T, D)
    return logits.detach(), gradient


def _logits(model: Transformer, features: Tensor, others: Tensor) -> Tensor:
    """The logits (..., C) of features (D,) in the company of others (..., B - 1, D), or of patches
    (T, D)."""
    if model.kind == "patches":
        return model.trace_features(features).logits[-1]
    image = features.expand(*others.shape[:-2], 1, -1)  # (..., 1, D)
    group = torch.cat([image, others], dim=-2)  # (..., B, D)
    return model.trace_features(group).logits[-1][..., 0, :]


def _weights(gradient: Tensor, kernel: Tensor, size: int) -> Tensor:
    """How much each logit rises with each number of conv2's map, (C, I, S, S): from its gradient
    (C, T, D) by the features.

    The taps of conv3 add up at each place, but for those that do not reach it at the border: a
    product with the rows R of `model.reach`, the other way round, of each patch with its own.
    """
    grid = round(gradient.shape[1] ** 0.5)
    rows = reach(size, grid).to(kernel)  # (g * 3, S)
    tokens = gradient.unflatten(1, (grid, grid))  # (C, g, g, D)
    kernels = torch.einsum("cyxd,dikl->ciykxl", tokens, kernel)  # (C, I, g, 3, g, 3)
    return rows.mT @ kernels.flatten(4).flatten(2, 3) @ rows  # (C, I, S, S)
