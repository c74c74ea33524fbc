"""Networks of random weights in which attention does something."""

import torch
from torch import Tensor

from ultimus.data.augment import preprocess
from ultimus.model import Transformer


def network(
    classes: int, seed: int = 7, conv3: float = 1.0, among: Tensor | None = None, **block: float
) -> Transformer:
    """A network whose attention is far from uniform, and in which companions matter.

    Args:
        classes: that it knows.
        seed: of its weights.
        conv3: times as large its weights are.
        among: images (N, 3, 32, 32) that get different answers, as their mean is taken away.
        block: times as large layers of its block are, such as q=2.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Transformer(classes)
    with torch.no_grad():
        for layer, times in block.items():
            getattr(model.ultimusBlock, layer).weight.mul_(times)
        model.conv3.weight.mul_(conv3)
        if among is not None:
            model.cap.bias.sub_(model(preprocess(among)).mean(dim=0))
    return model
