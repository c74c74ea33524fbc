"""The maths of one cell of the attention matrix, number by number, as it is told on paper.

Image i asks, image j is asked; where the tokens are patches, patch i of a picture and patch j.
Whatever the network itself computed is shown as it is; each step then computes it once more from
the numbers of the step before it, and notes how far off that is.

The arithmetic is in float64. There a product of two of the network's float32 numbers is exact, as
on a pocket calculator, so what a check shows is the rounding of the network's own float32, of that
one step alone: it does not pile up from step to step.

Shape letters: B images in a group, D = 48 features, H = 8 head width, P passes.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import UserError
from ..model import Kind, Pass, Trace, Transformer


class Walk(NamedTuple):
    """One cell (i, j) of one pass; all tensors are float64.

    "Own" marks what the network computed; the rest lies between, and is computed here.

    Attributes:
        before: (B, D), own: the features that enter the pass.
        query: (H,), own: q of image i, made from its row of the features.
        keys: (B, H), own: k of every image.
        key: (H,), own: k of image j.
        values: (B, H), own: v of every image.
        products: (H,), query × key, place by place.
        total: (), their sum.
        score: (), own: total / √H.
        scores: (B,), own: the whole row i; entry j is the score.
        exponentials: (B,), e^(score - largest score of the row), which cannot overflow.
        normalizer: (), their sum.
        weights: (B,), own: exponentials / normalizer, the row of attention.
        contributions: (B, H), each image's values times the weight that it gets.
        mixed: (H,), own: the sum of the contributions.
        out_weight: (D, H), own: the weights of the projection back to the features.
        projected: (D,), out_weight @ mixed.
        bias: (D,), own: the bias of the projection.
        residual: (D,), own: projected + bias, what the pass adds to image i.
        after: (D,), own: row i of before + residual.
        check: for each own number that follows from others (query, keys, values, score, scores,
            weights, mixed, residual, after), the largest absolute difference between the network's
            and the one computed step by step.
    """

    before: Tensor
    query: Tensor
    keys: Tensor
    key: Tensor
    values: Tensor
    products: Tensor
    total: Tensor
    score: Tensor
    scores: Tensor
    exponentials: Tensor
    normalizer: Tensor
    weights: Tensor
    contributions: Tensor
    mixed: Tensor
    out_weight: Tensor
    projected: Tensor
    bias: Tensor
    residual: Tensor
    after: Tensor
    check: dict[str, float]


@torch.inference_mode()
def walk(model: Transformer, trace: Trace, number: int, i: int, j: int) -> Walk:
    """Follow what image i takes from image j in one pass.

    The steps are softmax(q kᵀ / √H) v ("Attention is all you need", eq. 1), the projection back
    to D features, and the sum with what entered.

    Args:
        model: the network that made the trace.
        trace: what it computed for one group, with attention as learned.
        number: which pass, counted from 1 to P.
        i: whose query, 0...B-1.
        j: whose key, 0...B-1.

    Raises:
        UserError: there is no such pass or image.
    """
    before, traced = _pass_of(trace, number, i, j, model.kind)
    query, key, scores, weights = traced.q[i], traced.k[j], traced.scores[i], traced.weights[i]
    products = query * key  # (H,)
    exponentials = (scores - scores.max()).exp()  # (B,)
    contributions = weights[:, None] * traced.v  # (B, H)
    out_weight, bias = (
        parameter.detach().double() for parameter in model.ultimusBlock.out.parameters()
    )
    result = Walk(
        before=before,
        query=query,
        keys=traced.k,
        key=key,
        values=traced.v,
        products=products,
        total=products.sum(),
        score=scores[j],
        scores=scores,
        exponentials=exponentials,
        normalizer=exponentials.sum(),
        weights=weights,
        contributions=contributions,
        mixed=traced.mixed[i],
        out_weight=out_weight,
        projected=out_weight @ traced.mixed[i],  # (D,)
        bias=bias,
        residual=traced.residual[i],
        after=traced.state[i],
        check={},
    )
    return result._replace(check=_check(model, result, i))


def _pass_of(trace: Trace, number: int, i: int, j: int, kind: Kind) -> tuple[Tensor, Pass]:
    """What enters a pass, (B, D), and the pass, in float64."""
    if not 1 <= number <= len(trace.passes):
        raise UserError(f"There is no pass {number}: choose from 1 to {len(trace.passes)}.")
    images, token = len(trace.features), "image" if kind == "images" else "patch"
    for index in (i, j):
        if not 0 <= index < images:
            raise UserError(f"There is no {token} {index} in this group: choose 0 to {images - 1}.")
    before = trace.features if number == 1 else trace.passes[number - 2].state
    traced = trace.passes[number - 1]
    return before.detach().double(), Pass(*(tensor.detach().double() for tensor in traced))


def _check(model: Transformer, steps: Walk, i: int) -> dict[str, float]:
    """How far each of the network's numbers is from the one that the steps lead to."""
    block, root = model.ultimusBlock, len(steps.query) ** 0.5
    steps = {
        "query": (steps.query, _linear(block.q, steps.before[i])),
        "keys": (steps.keys, _linear(block.k, steps.before)),
        "values": (steps.values, _linear(block.v, steps.before)),
        "score": (steps.score, steps.total / root),
        "scores": (steps.scores, steps.keys @ steps.query / root),
        "weights": (steps.weights, steps.exponentials / steps.normalizer),
        "mixed": (steps.mixed, steps.contributions.sum(dim=0)),
        "residual": (steps.residual, steps.projected + steps.bias),
        "after": (steps.after, steps.before[i] + steps.residual),
    }
    return {name: (live - ours).abs().max().item() for name, (live, ours) in steps.items()}


def _linear(layer: torch.nn.Linear, x: Tensor) -> Tensor:
    """Features (..., D) through a layer, (..., H), in float64."""
    return x @ layer.weight.detach().double().T + layer.bias.detach().double()
