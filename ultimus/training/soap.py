"""SOAP: Adam in the directions in which a layer's gradients vary.

Adam gives each single weight a rate of its own. Where weights only matter together, that is the
wrong set of directions: the nine taps of conv3 see nearly the same numbers, so their common part
drowns what distinguishes them, the border of the image. SOAP turns each layer's gradient into the
directions that its own history shows to be independent, and runs Adam there (Vyas et al. 2024,
"SOAP: Improving and Stabilizing Shampoo using Adam", arXiv:2409.11321, algorithm 3).

Shape letters: a layer's weights are a matrix (O, I), one row for each output, all that it weighs
side by side.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

REFRESH = 10  # steps between corrections of the directions
EARLY = (1, 2, 4, 8)  # steps after which they are corrected too, as they are still vague
SIDES = ("left", "right")  # of a gradient: what its rows have in common, and what its columns have
Options = dict[str, Any]  # of a group of parameters
State = dict[str, Any]  # of a parameter


class Soap(torch.optim.Optimizer):
    """The optimizer; biases, which are no matrices, get plain Adam.

    Args:
        params: as of every torch optimizer.
        lr: learning rate, the length of a typical update of a weight.
        betas: decay, per step, of the mean gradient, and of its square and of the directions.
        eps: added to the root of the mean square.
        weight_decay: share of lr by which weights shrink each step (decoupled, as in AdamW).
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self) -> None:
        for options in self.param_groups:
            for weight in options["params"]:
                if weight.grad is not None:
                    self._update(weight, options)

    def _update(self, weight: Tensor, options: Options) -> None:
        gradient = weight.grad.flatten(1) if weight.dim() > 1 else weight.grad
        state = self.state[weight]
        if not state:
            state |= _initial(gradient)
            if "left" in state:  # it only shows directions: in its own it is nearly all zeros
                return
        state["step"] += 1
        update = _adam(gradient, state, options)
        weight.mul_(1 - options["lr"] * options["weight_decay"])
        weight.sub_(update.view_as(weight), alpha=options["lr"])
        if "left" in state:
            _learn_directions(gradient, state, options["betas"][1])


def _initial(gradient: Tensor) -> State:
    """The state before the first step; the directions are those of the first gradient."""
    state = {
        "step": 0,
        "mean": torch.zeros_like(gradient),
        "square": torch.zeros_like(gradient),
    }
    if gradient.dim() > 1:
        for side, spread in zip(SIDES, _spreads(gradient), strict=True):
            state[side] = spread
            state[f"{side}_directions"] = torch.linalg.eigh(spread).eigenvectors.flip(1)
    return state


def _spreads(gradient: Tensor) -> tuple[Tensor, Tensor]:
    """How the rows (O, O) and the columns (I, I) of a gradient go together."""
    return gradient @ gradient.T, gradient.T @ gradient


def _adam(gradient: Tensor, state: State, options: Options) -> Tensor:
    """Adam's update (Kingma & Ba 2014, algorithm 1), in the layer's directions where it has any."""
    beta1, beta2 = options["betas"]
    mean, square = state["mean"], state["square"]
    mean.lerp_(gradient, 1 - beta1)
    turned, turned_mean = (_turned(matrix, state) for matrix in (gradient, mean))
    square.mul_(beta2).addcmul_(turned, turned, value=1 - beta2)
    scale = (square / (1 - beta2 ** state["step"])).sqrt_().add_(options["eps"])
    return _turned_back(turned_mean.div(scale).div_(1 - beta1 ** state["step"]), state)


def _turned(matrix: Tensor, state: State) -> Tensor:
    if "left" not in state:
        return matrix
    return state["left_directions"].T @ matrix @ state["right_directions"]


def _turned_back(matrix: Tensor, state: State) -> Tensor:
    if "left" not in state:
        return matrix
    return state["left_directions"] @ matrix @ state["right_directions"].T


def _learn_directions(gradient: Tensor, state: State, decay: float) -> None:
    """Follow how gradients spread; now and then correct the directions by a power iteration."""
    for side, spread in zip(SIDES, _spreads(gradient), strict=True):
        state[side].lerp_(spread, 1 - decay)
    if state["step"] % REFRESH and state["step"] not in EARLY:
        return
    for dim, side in enumerate(SIDES):
        directions = state[f"{side}_directions"]
        moved = state[side] @ directions
        order = (directions * moved).sum(0).argsort(descending=True)  # the widest spread first
        state["square"] = state["square"].index_select(dim, order)
        state[f"{side}_directions"] = torch.linalg.qr(moved[:, order]).Q
