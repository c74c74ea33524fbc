"""All weights of a network in one buffer and their gradients in another.

A network of few numbers spends most of an operation on asking for it. What does the same to every
weight, as measuring the gradient's length, limiting it and Adam do, is then asked for once and
not for each of the layers.
"""

import torch
from torch import Tensor, nn


class Flat:
    """A model's parameters and their gradients, made parts of two buffers.

    Shape letter: W all weights, in the order of `model.parameters()`.

    Args:
        model: its parameters keep their values; their gradients begin at zero.

    Attributes:
        parameters: the model's.
        weights: (W,), of which the parameters are parts.
        gradient: (W,), of which each parameter's `grad` is a part.
    """

    @torch.no_grad()
    def __init__(self, model: nn.Module):
        self.parameters = list(model.parameters())
        self.weights = torch.cat([parameter.flatten() for parameter in self.parameters])
        self.gradient = torch.zeros_like(self.weights)
        places = (parts(buffer, self.parameters) for buffer in (self.weights, self.gradient))
        for parameter, weight, gradient in zip(self.parameters, *places, strict=True):
            parameter.data, parameter.grad = weight, gradient

    def stretch(self, parameters: list[nn.Parameter]) -> nn.Parameter:
        """Some of the parameters, which follow each other, as a single one."""
        begin = parameters[0].storage_offset()
        end = begin + sum(parameter.numel() for parameter in parameters)
        whole = nn.Parameter(self.weights[begin:end])
        whole.grad = self.gradient[begin:end]
        return whole


def parts(buffer: Tensor, like: list[Tensor]) -> list[Tensor]:
    """A buffer (W,) as views in the shapes of some tensors that have W numbers together."""
    split = buffer.split([parameter.numel() for parameter in like])
    return [part.view_as(parameter) for part, parameter in zip(split, like, strict=True)]
