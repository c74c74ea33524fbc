"""Adam and AdamW in one operation for each group of parameters.

They are torch's own operations, and so the same numbers. `torch.optim` prepares them for parameters
of any number, kind and device; with one buffer for all weights (`flat.py`) that preparation takes
several times as long as the operation.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class Adam(torch.optim.Optimizer):
    """The optimizer (Kingma & Ba 2014, algorithm 1); `torch.optim.Adam` saves the same state.

    Args:
        params: as of every torch optimizer, on a processor, each with a gradient.
        lr: learning rate, the length of a typical update of a weight.
        betas: decay, per step, of the mean gradient and of its square.
        eps: added to the root of the mean square.
        weight_decay: share of the weights that is added to the gradient, or, if decoupled, share of
            lr by which weights shrink each step.
        decoupled: whether this is AdamW (Loshchilov & Hutter 2017, algorithm 2).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ):
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)
        operations = torch.ops.aten
        self._update = (operations._fused_adamw_ if decoupled else operations._fused_adam_).default

    @torch.no_grad()
    def step(self) -> None:
        for options in self.param_groups:
            weights = options["params"]
            states = [self.state[weight] or self._begin(weight) for weight in weights]
            steps = [state["step"] for state in states]
            for count in steps:
                count.add_(1)
            beta1, beta2 = options["betas"]
            self._update(
                weights,
                [weight.grad for weight in weights],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [],
                steps,
                lr=options["lr"],
                beta1=beta1,
                beta2=beta2,
                weight_decay=options["weight_decay"],
                eps=options["eps"],
                amsgrad=False,
                maximize=False,
            )

    step.hooked = True  # else torch wraps it for its profiler, which takes longer than a step

    def _begin(self, weight: Tensor) -> dict[str, Tensor]:
        state = self.state[weight]
        state["step"] = torch.zeros(())
        state["exp_avg"] = torch.zeros_like(weight)
        state["exp_avg_sq"] = torch.zeros_like(weight)
        return state
