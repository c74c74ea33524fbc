"""The optimizer that a recipe names, with the rates of a network's parts."""

from itertools import groupby

import torch
from torch import Tensor

from ..model import Transformer
from ..recipe import Recipe
from .adam import Adam
from .parameters import Flat
from .soap import Soap


def optimizer_of(recipe: Recipe, model: Transformer, flat: Flat) -> torch.optim.Optimizer:
    """The recipe's optimizer; its parameters, in order, are those of the model.

    Those that follow each other at the same rate are one to it, where it looks at none as a matrix.
    """
    block = {*model.ultimusBlock.parameters()}

    def relative_rate(weight: Tensor) -> float:
        return recipe.block_rate if weight in block else 1.0

    groups = []
    for rate, same in groupby(flat.parameters, relative_rate):
        alike = [*same]
        if recipe.optimizer != "soap":
            alike = [flat.stretch(alike)]
        groups.append({"params": alike, "relative_rate": rate})
    shared = {"lr": recipe.lr, "weight_decay": recipe.weight_decay}
    betas = (recipe.beta1, recipe.beta2)
    match recipe.optimizer:
        case "soap":
            return Soap(groups, betas=betas, **shared)
        case "sgd":
            return torch.optim.SGD(groups, momentum=recipe.beta1, fused=True, **shared)
        case "adam" | "adamw":
            decoupled = recipe.optimizer == "adamw"
            return Adam(groups, betas=betas, decoupled_weight_decay=decoupled, fused=True, **shared)
