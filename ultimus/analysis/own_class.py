"""How much of their attention images give to images of their own class, over a whole split.

Shape letters: N images, B images in a group, D = 48 features, P passes.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ..data.groups import chance_mass, same_class_mass
from ..evaluation import CHUNK, fixed_groups
from ..model import Transformer
from .companions import check_they_meet


class OwnClass(NamedTuple):
    """Means over all images of all groups, each 0...1; an image is of its own class.

    Attributes:
        attention: (P,), what goes to the own class in each pass.
        chance: what would go there, did all images look at all alike.
    """

    attention: Tensor
    chance: float


@torch.inference_mode()
def own_class(
    model: Transformer,
    features: Tensor,
    labels: Tensor,
    group: int = 16,
    grouping: str = "random",
) -> OwnClass:
    """Measure it in the groups of `evaluation.evaluate`.

    Args:
        model: the trained network, whose tokens are images.
        features: (N, D), of a split.
        labels: (N,), its classes.
        group: B, images per group; the whole split where it is smaller.
        grouping: how the groups are composed, see `data.groups.ALIKE`.

    Raises:
        UserError: there are no images, the groups cannot be composed so, or images do not meet.
    """
    check_they_meet(model)
    groups = torch.from_numpy(fixed_groups(len(features), group, labels, grouping))  # (G, B)
    attention, chance = [], []
    for chosen in groups.split(max(1, CHUNK // groups.shape[1])):
        passes = model.trace_features(features[chosen]).passes
        weights = torch.stack([one.weights for one in passes])  # (P, g, B, B)
        attention.append(same_class_mass(weights, labels[chosen]))  # (P, g, B)
        chance.append(chance_mass(labels[chosen]))  # (g, B)
    return OwnClass(
        torch.cat(attention, dim=1).double().mean(dim=(1, 2)),
        torch.cat(chance).double().mean().item(),
    )
