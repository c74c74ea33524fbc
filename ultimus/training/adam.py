"""Adam and AdamW in one operation for each group of parameters.

It is torch's own operation, and so the same numbers. `torch.optim` prepares it anew at each step,
whatever number, kind and device the parameters are. With one buffer for all weights (`flat.py`)
that takes several times as long as the operation.
"""

import torch


class Adam(torch.optim.Adam):
    """`torch.optim.Adam`, fused (Kingma & Ba 2014, algorithm 1; with `decoupled_weight_decay`
    AdamW, Loshchilov & Hutter 2017, algorithm 2). Each parameter has a gradient at every step."""

    @torch.no_grad()
    def step(self) -> None:
        if not self.state:
            super().step()  # with all preparations, the state among them
            return
        for options in self.param_groups:
            weights = options["params"]
            states = [self.state[weight] for weight in weights]
            steps = [state["step"] for state in states]
            for count in steps:
                count.add_(1)
            decoupled, (beta1, beta2) = options["decoupled_weight_decay"], options["betas"]
            update = torch.ops.aten._fused_adamw_ if decoupled else torch.ops.aten._fused_adam_
            update.default(
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
